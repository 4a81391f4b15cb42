/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the two pages of the vDSO and puts them into address spaces. */
#include "sentry/load/vdso.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>

#include "base/host.h"
#include "sentry/load/elf_map.h"
#include "sentry/load/vdso_priv.h"

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

extern const char vdso_image[], vdso_image_end[]; /* vdso_image.S */

bool vdso_host_has_tsc(void)
{
    struct open_how how = { .flags = O_RDONLY };
    char name[16] = "";
    scoped_fd int fd = host_openat2(AT_FDCWD, CLOCKSOURCE, &how);

    return fd >= 0 && host_read(fd, name, sizeof name - 1) > 0 && strcmp(name, "tsc\n") == 0;
}

int vdso_create(struct arena *a, const struct vdso_options *opts)
{
    size_t size = (size_t)(vdso_image_end - vdso_image);
    struct vdso *v = arena_alloc(a, sizeof *v);

    assert(size <= PAGE_SIZE);
    if (!v)
        return -ENOMEM;
    mutex_init(&v->lock, RANK_VDSO);
    /* A clock that is not the host's cannot be told from the processor's counter. */
    v->tsc = opts->tsc && arena_host(a, HOST_CLOCK) == &clock_real;
    int err = frame_alloc(a, &v->data);
    if (err)
        goto fail;
    err = frame_alloc(a, &v->image);
    if (err) {
        frame_put(a, v->data, 1);
        goto fail;
    }
    memcpy(frame_ptr(a, v->image), vdso_image, size);
    vdso_vvar(a, v)->cpus = opts->cpus;
    vdso_vvar(a, v)->resolution = 1;
    vdso_vvar(a, v)->coarse = 4 * NSEC_PER_MSEC;
    arena_set_root(a, ROOT_VDSO, v);
    return 0;
fail:
    arena_free(v);
    return err;
}

uint64_t vdso_size(void)
{
    return 2 * PAGE_SIZE;
}

int vdso_map(struct arena *a, struct mm *mm, uint64_t at, uint64_t *out)
{
    const struct elf_span span = { 0, vdso_size(), PAGE_SIZE };
    const struct vdso *v = vdso_of(a);

    *out = 0;
    if (!v)
        return 0;
    int err = elf_place(mm, &span, at + span.end, &at);
    if (!err)
        err = mm_map_frame(mm, uptr(at), PROT_READ, "[vvar]", v->data);
    if (!err)
        err = mm_map_frame(mm, uptr(at + PAGE_SIZE), PROT_READ | PROT_EXEC, "[vdso]", v->image);
    if (!err)
        *out = at + PAGE_SIZE;
    return err;
}
