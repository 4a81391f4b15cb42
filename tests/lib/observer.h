/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches from outside what the stubs of a test ask of the host.
 *
 *     struct observer o;
 *     observer_start(&o);                     // before the platform is made
 *     …                                       // whatever guests do
 *     observer_stop(&o, &seen);
 *     cr_assert_eq(seen.breaches, 0, "%s", seen.first);
 *
 * A process of its own judges each host call that is about to take effect by the list in
 * docs/security.md, which it knows by itself (observer.c): none of the code that it
 * watches over is asked. It hears of them by a seccomp filter that the test puts under all
 * others, and that answers SECCOMP_RET_USER_NOTIF to whatever comes from where stubs have code
 * and guests may. Of several filters' answers Linux takes the strictest, and trapping and
 * killing are stricter: so what it hears of is what all filters of a stub have let pass, no
 * more and no less. It needs no right, no tracefs, and no ptrace(2), which platform-ptrace
 * needs for itself. A call that is off the list is refused, counted, and the first is described.
 *
 *   source    seccomp(2), seccomp_unotify(2); kernel/seccomp.c, seccomp_run_filters()
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"

struct observer_report {
    uint64_t agents;   /* calls of agents, and of threads that have run no guest code yet */
    uint64_t guests;   /* of threads that may run guest code */
    unsigned breaches; /* of either that are not on the list */
    char first[160];   /* the first of those */
};

struct observer {
    pid_t pid;
    int sock; /* its end is the observer's end */
};

/* Below: what guests of a test may have mapped. From the other on: slots and stub code. */
#define OBSERVED_BELOW UINT64_C(0x100000000)
#define OBSERVED_FROM  UINT64_C(0x7fffb0000000)

/* For the rest of this process's life. Ends the test where it cannot. */
void observer_start(struct observer *o);

/* What has been seen up to now. Stubs that live on may make no call any more. */
void observer_stop(struct observer *o, struct observer_report *out);
