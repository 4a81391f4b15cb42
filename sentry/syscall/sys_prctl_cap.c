/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prctl(2) for capabilities: the bounding and ambient sets, securebits, PR_SET_KEEPCAPS.
 *
 *   source    capabilities(7); security/commoncap.c, cap_task_prctl(), Linux 6.6
 */
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include "sentry/syscall/prctl.h"

#define BIT(cap)          ((uint64_t)1 << (cap))
#define SECURE_ALL_BITS_  0x55u
#define SECURE_ALL_LOCKS_ (SECURE_ALL_BITS_ << 1)

static bool is_cap(uint64_t cap)
{
    return cap < CAP_COUNT;
}

static long drop_bounding(struct task *t, uint64_t cap)
{
    struct cred *c;

    if (!task_capable(t, CAP_SETPCAP))
        return -EPERM;
    if (!is_cap(cap))
        return -EINVAL;
    int err = cred_copy(t->cred, &c);
    if (err)
        return err;
    c->cap_bounding &= ~BIT(cap);
    task_set_cred(t, c);
    return 0;
}

static long set_securebits(struct task *t, uint32_t bits)
{
    uint32_t old = t->cred->securebits, locked = (old & SECURE_ALL_LOCKS_) >> 1;
    struct cred *c;

    if (locked & (old ^ bits) || old & SECURE_ALL_LOCKS_ & ~bits ||
        bits & ~(SECURE_ALL_LOCKS_ | SECURE_ALL_BITS_) || !task_capable(t, CAP_SETPCAP))
        return -EPERM;
    int err = cred_copy(t->cred, &c);
    if (err)
        return err;
    c->securebits = bits;
    task_set_cred(t, c);
    return 0;
}

static long set_keep_caps(struct task *t, uint64_t on)
{
    struct cred *c;

    if (on > 1)
        return -EINVAL;
    if (t->cred->securebits & SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    int err = cred_copy(t->cred, &c);
    if (err)
        return err;
    c->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
    c->securebits |= on ? SECBIT_KEEP_CAPS : 0;
    task_set_cred(t, c);
    return 0;
}

static long ambient(struct task *t, uint64_t what, uint64_t cap)
{
    const struct cred *old = t->cred;
    struct cred *c;

    if (what == PR_CAP_AMBIENT_CLEAR_ALL ? cap != 0 : !is_cap(cap))
        return -EINVAL;
    if (what == PR_CAP_AMBIENT_IS_SET)
        return !!(old->cap_ambient & BIT(cap));
    if (what == PR_CAP_AMBIENT_RAISE && (!(old->cap_permitted & old->cap_inheritable & BIT(cap)) ||
                                         old->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
        return -EPERM;
    if (what != PR_CAP_AMBIENT_RAISE && what != PR_CAP_AMBIENT_LOWER &&
        what != PR_CAP_AMBIENT_CLEAR_ALL)
        return -EINVAL;
    int err = cred_copy(old, &c);
    if (err)
        return err;
    if (what == PR_CAP_AMBIENT_CLEAR_ALL)
        c->cap_ambient = 0;
    else if (what == PR_CAP_AMBIENT_RAISE)
        c->cap_ambient |= BIT(cap);
    else
        c->cap_ambient &= ~BIT(cap);
    task_set_cred(t, c);
    return 0;
}

long prctl_cap(struct task *t, int option, uint64_t arg2, uint64_t arg3, uint64_t arg4,
               uint64_t arg5)
{
    switch (option) {
    case PR_CAPBSET_READ:
        return is_cap(arg2) ? !!(t->cred->cap_bounding & BIT(arg2)) : -EINVAL;
    case PR_CAPBSET_DROP:
        return drop_bounding(t, arg2);
    case PR_GET_SECUREBITS:
        return t->cred->securebits;
    case PR_SET_SECUREBITS:
        return set_securebits(t, (uint32_t)arg2);
    case PR_GET_KEEPCAPS:
        return !!(t->cred->securebits & SECBIT_KEEP_CAPS);
    case PR_SET_KEEPCAPS:
        return set_keep_caps(t, arg2);
    case PR_CAP_AMBIENT:
        return arg4 || arg5 ? -EINVAL : ambient(t, arg2, arg3);
    default:
        return -ENOSYS;
    }
}
