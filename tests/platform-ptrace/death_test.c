/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing survives the sentry. */
#include <pthread.h>

#define PLATFORM platform_ptrace
#include "platform-ptrace/ptrace_priv.h"
#include "tests/platform/death.h"

static void *run_and_leave(void *arg)
{
    struct rig *r = arg;
    struct guest_regs regs = rig_regs(CODE_AT);
    struct guest_stop stop;
    struct guest_thread *t;

    cr_assert_eq(OPS->thread_create(r->p, &t), 0);
    cr_assert_eq(OPS->run(t, r->as, &regs, &stop), 0);
    return t; /* the host thread ends, and its guest thread was not destroyed */
}

Test(death, a_host_thread_takes_its_stub_along)
{
    static pid_t pids[CHILDREN_MAX];
    pthread_t thread;
    void *t;
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
    size_t before = children_of(getpid(), pids);
    cr_assert_eq(pthread_create(&thread, NULL, run_and_leave, &r), 0);
    cr_assert_eq(pthread_join(thread, &t), 0);
    size_t after = children_of(getpid(), pids);
    cr_assert_eq(after, before + 1);
    pid_t youngest = 0;
    for (size_t i = 0; i < after; i++)
        youngest = pids[i] > youngest ? pids[i] : youngest;
    while (!process_is_dead(youngest))
        host_sched_yield();
    OPS->thread_destroy(t); /* and whoever comes later can still put it away */
    rig_stop(&r);
    cr_assert_eq(children_of(getpid(), pids), 0);
}

/* As host memory runs out, say: between its birth and our first look at it. */
Test(death, a_stub_that_ended_before_it_is_traced_is_one_that_ended)
{
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cr_expect_eq(stub_seize(pid), -EIO);
    cr_expect(waitpid(pid, NULL, 0) == -1 && errno == ECHILD);
    cr_expect_eq(stub_seize(pid), -EIO);
}
