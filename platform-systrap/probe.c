/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this host has what our stub code needs. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/auxv.h>

#include "platform-systrap/systrap_priv.h"

#define HWCAP2_FSGSBASE 2

int systrap_probe(const char **why)
{
    struct xsave x;

    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)) {
        *why =
            "the processor or the host's kernel lets programs not set %gs (FSGSBASE); Linux 5.9 "
            "and an Intel Ivy Bridge or AMD Excavator have it";
        return -EOPNOTSUPP;
    }
    int err = xsave_create(&x);
    if (err) {
        *why = "out of memory";
        return err;
    }
    bool fits = x.has_xsave && x.size <= SLOT_FPU_SIZE;
    xsave_destroy(&x);
    if (!fits) {
        *why = "the processor's floating point state has a size that we do not know";
        return -EOPNOTSUPP;
    }
    return 0;
}
