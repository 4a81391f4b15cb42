/* SPDX-License-Identifier: Apache-2.0 */
/* What the sentry knows of its vDSO: shared by vdso.c and vdso_clock.c. */
#pragma once

#include "base/lock.h"
#include "sentry/load/vdso.h"
#include "sentry/load/vdso/vvar.h"

/* One look at the clock. */
struct vdso_sample {
    uint64_t tick;
    nsec_t monotonic;
};

/* [I] never changes   [l] under lock */
struct vdso {
    struct mutex lock;         /* RANK_VDSO */
    bool tsc;                  /* [I] */
    pfn_t data, image;         /* [I] a reference each */
    bool measuring;            /* [l] `from` is a sample */
    bool settled;              /* [l] the pace was measured over a long enough time */
    struct vdso_sample from;   /* [l] where the measurement of the pace began */
    vvar_frac pace;            /* [l] as in struct vvar, before any slowing down; 0: not known */
    nsec_t horizon;            /* [l] for how long the numbers may be used */
    nsec_t real_off, boot_off; /* [l] from monotonic to those clocks */
};

static inline struct vdso *vdso_of(const struct arena *a)
{
    return (struct vdso *)arena_root(a, ROOT_VDSO);
}

static inline struct vvar *vdso_vvar(struct arena *a, const struct vdso *v)
{
    return (struct vvar *)frame_ptr(a, v->data);
}
