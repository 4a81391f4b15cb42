/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing survives the sentry. */
#pragma once

#include <errno.h>
#include <pthread.h>
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

/* ---- a killed agent ---- */

struct computer {
    struct rig *r;
    pthread_t thread;
    int err;
};

static void *compute(void *arg)
{
    struct computer *c = arg;
    struct guest_regs regs = rig_regs(CODE_AT + 16);
    struct guest_stop stop;
    struct guest_thread *t;

    cr_assert_eq(OPS->thread_create(c->r->p, &t), 0);
    do
        c->err = OPS->run(t, c->r->as, &regs, &stop);
    while (!c->err);
    OPS->thread_destroy(t);
    return NULL;
}

/* The children that we have now, and had not before. */
static size_t new_children(const pid_t *before, size_t n, pid_t out[CHILDREN_MAX])
{
    static pid_t all[CHILDREN_MAX];
    size_t count = 0, total = children_of(getpid(), all);

    for (size_t i = 0; i < total; i++) {
        bool is_old = false;
        for (size_t j = 0; j < n && !is_old; j++)
            is_old = before[j] == all[i];
        if (!is_old)
            out[count++] = all[i];
    }
    return count;
}

/* An address space of the rig's, with one thread that computes, and one that stands. Gives its
 * agent; the others are in `stubs`. */
static pid_t start_computing(struct rig *r, struct computer *c, pid_t stubs[CHILDREN_MAX])
{
    static pid_t before[CHILDREN_MAX], agent[CHILDREN_MAX];
    struct guest_regs regs = rig_regs(CODE_AT);

    size_t n = children_of(getpid(), before);
    cr_assert_eq(OPS->aspace_create(r->p, NULL, &r->as), 0);
    cr_assert_eq(new_children(before, n, agent), 1);
    rig_apply(r->as, op_map(CODE_AT, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    n = children_of(getpid(), before);
    cr_assert_eq(rig_run(r, &regs), STOP_SYSCALL);
    *c = (struct computer){ .r = r };
    cr_assert_eq(pthread_create(&c->thread, NULL, compute, c), 0);
    while (new_children(before, n, stubs) < 2)
        usleep(1000);
    usleep(50000);
    return agent[0];
}

Test(death, a_killed_agent_takes_its_address_space_along, .timeout = 60)
{
    static pid_t stubs[CHILDREN_MAX];
    struct mem_op op = op_map(DATA_AT, PAGE_SIZE, PROT_READ | PROT_WRITE, DATA_OFF);
    struct guest_regs regs = rig_regs(CODE_AT);
    struct aspace *other, *child;
    struct computer c;
    struct rig r;

    rig_start(&r);
    other = r.as;
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
    CODE(&r, CODE_AT + 16, "\xeb\xfe");
    pid_t agent = start_computing(&r, &c, stubs);
    cr_assert_eq(kill(agent, SIGKILL), 0);
    cr_assert_eq(OPS->aspace_apply(r.as, &op, 1), -EIO);
    for (size_t i = 0; i < 2; i++)
        cr_assert(process_is_dead(stubs[i]));
    cr_assert_eq(pthread_join(c.thread, NULL), 0);
    cr_assert_eq(c.err, -EIO);
    cr_assert_eq(OPS->run(r.t, r.as, &regs, &r.stop), -EIO);
    cr_assert_eq(OPS->run(r.t, r.as, &regs, &r.stop), -EIO);
    cr_assert_eq(OPS->aspace_apply(r.as, &op, 1), -EIO);
    cr_assert_eq(OPS->aspace_barrier(r.as), -EIO);
    cr_assert_eq(OPS->aspace_fork(r.as, &child), -EIO);
    OPS->aspace_destroy(r.as);
    r.as = other;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    rig_stop(&r);
    cr_assert_eq(children_of(getpid(), stubs), 0);
}

/* As the OOM killer does it, which ends all that share a memory. */
Test(death, a_whole_address_space_may_be_killed, .timeout = 60)
{
    static pid_t stubs[CHILDREN_MAX];
    struct mem_op op = op_map(DATA_AT, PAGE_SIZE, PROT_READ | PROT_WRITE, DATA_OFF);
    struct aspace *other;
    struct computer c;
    struct rig r;

    rig_start(&r);
    other = r.as;
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
    CODE(&r, CODE_AT + 16, "\xeb\xfe");
    pid_t agent = start_computing(&r, &c, stubs);
    cr_assert_eq(kill(stubs[0], SIGKILL), 0);
    cr_assert_eq(kill(stubs[1], SIGKILL), 0);
    cr_assert_eq(kill(agent, SIGKILL), 0);
    cr_assert_eq(OPS->aspace_apply(r.as, &op, 1), -EIO);
    cr_assert_eq(pthread_join(c.thread, NULL), 0);
    cr_assert_eq(c.err, -EIO);
    OPS->thread_leave(r.t);
    OPS->aspace_destroy(r.as);
    r.as = other;
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    rig_stop(&r);
    cr_assert_eq(children_of(getpid(), stubs), 0);
}
