/* SPDX-License-Identifier: Apache-2.0 */
/* What sockets, which lie below tasks, are told of them. */
#pragma once

#include "sentry/sock/socket.h"

extern const struct sock_hooks syscall_sock_hooks;

/*
 * What a guest gives for its own credentials: its own ids, or any where it has the capability
 * over whoever has given them out.
 *
 *   c         ids in its own namespaces; afterwards c->pid is the number in the root namespace
 *   errors    EINVAL for ids that its user namespace has not, EPERM, ESRCH: in this order
 *   source    scm_check_creds() of Linux 6.6
 */
must_use int sock_claim(struct task *t, struct ucred *c);
