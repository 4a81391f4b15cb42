/* SPDX-License-Identifier: Apache-2.0 */
/* What the socket calls share: the socket behind a descriptor, and addresses in guest memory. */
#pragma once

#include "sentry/sock/socket.h"
#include "sentry/syscall/block.h"

/*
 * The socket behind `fd`.
 *
 *   hold      its file: given
 *   errors    EBADF, ENOTSOCK
 */
must_use int sock_at(struct task *t, int fd, struct file **hold, struct socket **out);

/* An address of `size` bytes. Errors: EINVAL past 128 bytes or below 0; EFAULT. */
must_use int sock_addr_in(struct task *t, uptr_t from, int size, struct sock_addr *out);

/*
 * An address to where there is room for *size bytes (at `size`), which becomes its whole length.
 *
 *   errors    EFAULT, EINVAL
 */
must_use int sock_addr_out(struct task *t, const struct sock_addr *addr, uptr_t to, uptr_t size);

/* When a wait with that SO_RCVTIMEO or SO_SNDTIMEO ends. */
nsec_t sock_deadline(struct task *t, const _Atomic int64_t *timeo);
/* How a signal ends a wait: again, unless it had an end of its own. */
static inline long sock_interrupted(long r, nsec_t deadline)
{
    return r == -ERESTARTSYS && deadline != NSEC_NEVER ? -EINTR : r;
}
