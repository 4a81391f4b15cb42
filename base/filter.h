/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filters of our processes.
 *
 * They are built from hostcalls.def and filter_rules.def when we are compiled, so
 * at run time one host call installs one, and no filter compiler is in the jail.
 */
#pragma once

#include "base/cc.h"

/*
 * Which process a call of the host comes from; bits, for hostcalls.def. Stubs, which
 * are between us and the guest, have filters of their platform's own.
 */
enum process {
    SENTRY_PTRACE = 1 << 0,
    SENTRY_SYSTRAP = 1 << 1,
    SENTRY_KVM = 1 << 2,
    SENTRY = SENTRY_PTRACE | SENTRY_SYSTRAP | SENTRY_KVM, /* whichever platform */
    GOFER = 1 << 3,
    NETGOFER = 1 << 4,
    SANITIZER = 1 << 5, /* no process: rows for builds with sanitizers */
};

/*
 * Confines the process for good: from now on what its column does not have kills
 * it, all threads included. Sets no_new_privs.
 *
 *   process   one bit, not a mask
 *   errors    those of seccomp(2); EBUSY where a thread has a filter of its own
 */
must_use int filter_install(enum process process);

/*
 * The BPF program of a process, for those who install it elsewhere (a stub).
 *
 *   len       in instructions
 *   returns   instructions, as struct sock_filter
 */
struct sock_filter;
const struct sock_filter *filter_program(enum process process, unsigned short *len);
