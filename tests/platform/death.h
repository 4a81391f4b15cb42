/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing survives the sentry. */
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/platform/children.h"
#include "tests/platform/rig.h"

/* A sentry with stubs of every kind: agents, threads that stand, one that computes. */
static void be_a_sentry(int ready)
{
    struct aspace *child;
    struct guest_thread *t;
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
    CODE(&r, CODE_AT + 16, "\xeb\xfe");
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(OPS->aspace_fork(r.as, &child), 0);
    cr_assert_eq(OPS->thread_create(r.p, &t), 0);
    cr_assert_eq(OPS->run(t, child, &regs, &r.stop), 0);
    cr_assert_eq(host_write(ready, "r", 1), 1);
    regs = rig_regs(CODE_AT + 16);
    (void)!OPS->run(t, child, &regs, &r.stop);
}

Test(death, a_killed_sentry_leaves_no_process)
{
    static pid_t pids[CHILDREN_MAX];
    int fds[2], status;
    char byte;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    cr_assert_eq(pipe(fds), 0);
    for (int i = 0; i < 20; i++) {
        pid_t sentry = fork();
        if (sentry == 0) {
            be_a_sentry(fds[1]);
            _exit(0);
        }
        cr_assert_eq(host_read(fds[0], &byte, 1), 1);
        size_t n = children_of(sentry, pids);
        cr_assert_eq(n, 5); /* the zygote, two agents, two threads */
        cr_assert_eq(kill(sentry, SIGKILL), 0);
        cr_assert_eq(waitpid(sentry, &status, 0), sentry);
        for (size_t j = 0; j < n; j++)
            cr_assert_eq(waitpid(pids[j], &status, __WALL),
                         pids[j]); /* it became ours, and ended */
    }
}

/* At any moment: while stubs are being made, too. */
Test(death, a_sentry_killed_at_work_leaves_no_process)
{
    int status;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (int i = 0; i < 40; i++) {
        int fds[2];
        char byte;
        cr_assert_eq(pipe(fds), 0);
        pid_t sentry = fork();
        if (sentry == 0) {
            struct rig r;
            rig_start(&r);
            CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
            cr_assert_eq(host_write(fds[1], "r", 1), 1);
            for (;;) {
                struct aspace *as;
                struct guest_regs regs = rig_regs(CODE_AT);
                cr_assert_eq(OPS->aspace_fork(r.as, &as), 0);
                cr_assert_eq(OPS->run(r.t, as, &regs, &r.stop), 0);
                OPS->aspace_destroy(as);
            }
        }
        cr_assert_eq(host_read(fds[0], &byte, 1), 1);
        usleep((useconds_t)(i * 137 % 3000));
        cr_assert_eq(kill(sentry, SIGKILL), 0);
        while (wait4(-1, &status, __WALL, NULL) > 0)
            ; /* until there is no child: none may be left that does not end */
        close(fds[0]);
        close(fds[1]);
    }
}
