/* SPDX-License-Identifier: Apache-2.0 */
/* capget(2), capset(2). */
#include <linux/capability.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"

/* How many 32-bit words a set has in that version; an unknown one gets ours written back. */
static int words_of(struct task *t, uptr_t header, struct __user_cap_header_struct *h, int *words)
{
    uint32_t known = _LINUX_CAPABILITY_VERSION_3;

    if (copy_in_struct(t->mm, h, header) != 0)
        return -EFAULT;
    switch (h->version) {
    case _LINUX_CAPABILITY_VERSION_1:
        *words = _LINUX_CAPABILITY_U32S_1;
        return 0;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        *words = _LINUX_CAPABILITY_U32S_3;
        return 0;
    default:
        return copy_out_struct(t->mm, header, &known) != 0 ? -EFAULT : -EINVAL;
    }
}

long sys_capget(struct task *t, uptr_t header, uptr_t data)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct out[2];
    int words;

    int err = words_of(t, header, &h, &words);
    if (uptr_is_null(data) && (err == 0 || err == -EINVAL))
        return 0; /* it only asked for the version */
    if (err)
        return err;
    if (h.pid < 0)
        return -EINVAL;
    scoped(task) struct task *other = h.pid ? task_find(t, h.pid) : task_get(t);
    if (!other)
        return -ESRCH;
    scoped(cred) struct cred *c = (struct cred *)task_cred_get(other);
    for (int i = 0; i < 2; i++) {
        out[i].effective = (uint32_t)(c->cap_effective >> 32 * i);
        out[i].permitted = (uint32_t)(c->cap_permitted >> 32 * i);
        out[i].inheritable = (uint32_t)(c->cap_inheritable >> 32 * i);
    }
    return copy_out(t->mm, data, out, (size_t)words * sizeof *out);
}

/* capabilities(7), "Programmatically adjusting capability sets". */
static int check_sets(const struct task *t, uint64_t effective, uint64_t permitted,
                      uint64_t inheritable)
{
    const struct cred *c = t->cred;

    if (!task_capable(t, CAP_SETPCAP) && inheritable & ~(c->cap_inheritable | c->cap_permitted))
        return -EPERM;
    if (inheritable & ~(c->cap_inheritable | c->cap_bounding))
        return -EPERM;
    if (permitted & ~c->cap_permitted || effective & ~permitted)
        return -EPERM;
    return 0;
}

long sys_capset(struct task *t, uptr_t header, uptr_t data)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct in[2] = { { 0 } };
    struct cred *c;
    int words;

    int err = words_of(t, header, &h, &words);
    if (err)
        return err;
    if (h.pid != 0 && h.pid != task_tid(t, t))
        return -EPERM;
    if (copy_in(t->mm, in, data, (size_t)words * sizeof *in) != 0)
        return -EFAULT;
    uint64_t effective = (in[0].effective | (uint64_t)in[1].effective << 32) & CAPS_ALL;
    uint64_t permitted = (in[0].permitted | (uint64_t)in[1].permitted << 32) & CAPS_ALL;
    uint64_t inheritable = (in[0].inheritable | (uint64_t)in[1].inheritable << 32) & CAPS_ALL;
    err = check_sets(t, effective, permitted, inheritable);
    if (!err)
        err = cred_copy(t->cred, &c);
    if (err)
        return err;
    c->cap_effective = effective;
    c->cap_permitted = permitted;
    c->cap_inheritable = inheritable;
    c->cap_ambient &= permitted & inheritable;
    task_set_cred(t, c);
    return 0;
}
