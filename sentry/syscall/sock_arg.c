/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/syscall/sock_arg.h"

int sock_at(struct task *t, int fd, struct file **hold, struct socket **out)
{
    *hold = task_file(t, fd);
    if (!*hold)
        return -EBADF;
    *out = socket_of(*hold);
    return *out ? 0 : -ENOTSOCK;
}

int sock_addr_in(struct task *t, uptr_t from, int size, struct sock_addr *out)
{
    if (size < 0 || size > SOCK_ADDR_MAX)
        return -EINVAL;
    out->size = (uint32_t)size;
    out->family = AF_UNSPEC;
    return size ? copy_in(t->mm, out->bytes, from, (size_t)size) : 0;
}

int sock_addr_out(struct task *t, const struct sock_addr *addr, uptr_t to, uptr_t size)
{
    int room, whole = (int)addr->size;
    int err = copy_in_struct(t->mm, &room, size);

    if (err)
        return err;
    if (room < 0)
        return -EINVAL;
    err = copy_out(t->mm, to, addr->bytes, (size_t)min(room, whole));
    return err ? err : copy_out_struct(t->mm, size, &whole);
}

nsec_t sock_deadline(struct task *t, const _Atomic int64_t *timeo)
{
    nsec_t span = atomic_load_explicit((_Atomic int64_t *)timeo, memory_order_relaxed);

    return span ? nsec_add(task_now(t, CLOCK_ID_MONOTONIC), span) : NSEC_NEVER;
}
