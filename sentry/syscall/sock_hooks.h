/* SPDX-License-Identifier: Apache-2.0 */
/* What sockets, which lie below tasks, are told of them. */
#pragma once

#include "sentry/sock/socket.h"

extern const struct sock_hooks syscall_sock_hooks;

/*
 * The process that a guest names in its credentials, by the number in the root namespace.
 *
 *   errors    ESRCH
 */
must_use int sock_pid_in(struct task *t, int pid, uint32_t *out);
