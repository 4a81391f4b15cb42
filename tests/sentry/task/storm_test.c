/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storm: many tasks fork, exec, exit, signal, stop and wait for each other at random,
 * until all are killed. What it looks for are races and leaks: it is meant for
 * ThreadSanitizer, and for the lock checks of debug builds.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "base/host.h"
#include "tests/lib/task_world.h"

#define SCRATCH    WORLD_STACK /* its first page: arguments in memory */
#define STORM_TIME (2 * NSEC_PER_SEC)

struct call {
    long nr;
    uint64_t a[4];
};

static uint64_t random_of(struct guest_thread *t)
{
    static _Thread_local uint64_t state;

    state = hash_pair(state + 1, (uintptr_t)t);
    return state;
}

/* Not the first process: it keeps the storm alive. */
static uint64_t some_pid(uint64_t r)
{
    return 2 + r % 60;
}

static uint64_t some_signal(uint64_t r)
{
    static const int sigs[] = { 0,       SIGUSR1, SIGUSR1, SIGUSR2, SIGSTOP, SIGCONT,
                                SIGCONT, SIGTSTP, SIGCHLD, SIGTERM, SIGKILL, 40 };

    return (uint64_t)sigs[r % ARRAY_LEN(sigs)];
}

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

static struct call harmless(uint64_t r)
{
    switch (r % 14) {
    case 0:
        return (struct call){ SYS_getppid, { 0 } };
    case 1:
        return (struct call){
            SYS_setpgid, {0, 0}
        };
    case 2:
        return (struct call){ SYS_getpgid, { some_pid(r >> 8) } };
    case 3:
        return (struct call){
            SYS_wait4, {(uint64_t)-1, 0, WNOHANG | WUNTRACED | WCONTINUED}
        };
    case 4:
        return (struct call){
            SYS_wait4, {(uint64_t)-1, 0, WNOHANG | __WALL}
        };
    case 5:
        return (struct call){
            SYS_getpriority, {r >> 8 & 1, 0}
        };
    case 6:
        return (struct call){ SYS_times, { SCRATCH } };
    case 7:
        return (struct call){
            SYS_pidfd_open, {some_pid(r >> 8), 0}
        };
    case 8:
        return (struct call){ SYS_close, { r >> 8 & 15 } };
    case 9:
        return (struct call){
            SYS_rt_sigpending, {SCRATCH, 8}
        };
    case 10:
        return (struct call){
            SYS_getrusage, {(uint64_t)(r >> 8 & 1 ? -1 : 0), SCRATCH}
        };
    case 11:
        return (struct call){
            SYS_prctl, {36 /* PR_SET_CHILD_SUBREAPER */, r >> 8 & 1}
        };
    case 12:
        return (struct call){
            SYS_kcmp, {some_pid(r >> 8), some_pid(r >> 16), 1}
        };
    default:
        return (struct call){ SYS_setsid, { 0 } };
    }
}

static struct call lively(uint64_t r, bool first)
{
    switch (r % 16) {
    case 0:
    case 1:
    case 2:
        return (struct call){ SYS_fork, { 0 } };
    case 3:
    case 4:
        return (struct call){ SYS_clone, { THREAD_FLAGS } };
    case 5:
        return (struct call){ SYS_clone, { CLONE_VFORK | CLONE_VM | SIGCHLD } };
    case 6:
    case 7:
    case 8:
        return (struct call){
            SYS_kill, {some_pid(r >> 8), some_signal(r >> 16)}
        };
    case 9:
        return (struct call){
            SYS_tkill, {some_pid(r >> 8), some_signal(r >> 16)}
        };
    case 10:
        return (struct call){
            SYS_rt_sigprocmask, {r >> 8 & 1, SCRATCH + 64, 0, 8}
        };
    case 11:
        return (struct call){
            SYS_rt_sigaction, {SIGUSR1, SCRATCH + 128, 0, 8}
        };
    case 12:
        return (struct call){
            first ? SYS_getppid : SYS_execve, {SCRATCH + 256, 0, 0}
        };
    case 13:
        return (struct call){ first ? SYS_getppid : SYS_exit, { 1 } };
    case 14:
        return (struct call){ first ? SYS_getppid : SYS_exit_group, { 2 } };
    default:
        return (struct call){ SYS_rt_sigreturn, { 0 } };
    }
}

/* What the calls point at; a program that was just executed has no such memory: EFAULT is fine. */
static void fill_scratch(struct aspace *as, struct guest_thread *t)
{
    uint64_t mask = random_of(t) & (1ull << (SIGUSR1 - 1) | 1ull << (SIGCHLD - 1));
    uint64_t act[4] = { random_of(t) & 1 ? 0x400000 : 1, 0x04000000 /* SA_RESTORER */, 0x400100,
                        0 };

    fake_write(as, SCRATCH + 64, &mask, sizeof mask, NULL);
    fake_write(as, SCRATCH + 128, act, sizeof act, NULL);
    uint64_t soon[4] = { 0, 200000, 0, 200000 };

    fake_write(as, SCRATCH + 256, "/prog", 6, NULL);
    fake_write(as, SCRATCH + 304, soon, sizeof soon, NULL);
}

/* Calls that wait: not for the first process. */
static struct call sleepy(uint64_t r)
{
    switch (r % 8) {
    case 0:
        return (struct call){ SYS_pause, { 0 } };
    case 1:
    case 2:
        return (struct call){
            SYS_wait4, {(uint64_t)-1, 0, 0}
        };
    case 3:
        return (struct call){
            SYS_rt_sigtimedwait, {SCRATCH + 64, 0, SCRATCH + 304, 8}
        };
    case 4:
        return (struct call){ SYS_unshare, { CLONE_NEWPID } };
    case 5:
        return (struct call){ SYS_unshare, { CLONE_FILES | CLONE_FS | CLONE_NEWUTS } };
    case 6:
        return (struct call){ SYS_clone, { CLONE_PARENT | SIGCHLD } };
    default:
        return (struct call){
            SYS_nanosleep, {SCRATCH + 320, 0}
        };
    }
}

static int storm(void *arg, struct guest_thread *t, struct aspace *as, struct guest_regs *regs,
                 struct guest_stop *stop)
{
    uint64_t r = random_of(t);
    bool first = regs->r14 == 1;

    (void)arg;
    if (first && regs->rax == 0 && regs->r13 == 1) {
        first = false; /* came out of a fork on the other side */
        regs->r14 = 0;
    }
    if (r % 8 == 0)
        fill_scratch(as, t);
    struct call c = r >> 40 & 1 ? lively(r >> 4, first) : harmless(r >> 4);
    if (!first && (r >> 41) % 8 == 0)
        c = sleepy(r >> 4);
    if (first && c.nr == SYS_rt_sigreturn)
        c.nr = SYS_getpid;
    if (first && c.nr == SYS_clone)
        c.nr = SYS_fork; /* a thread of its own could end it */
    regs->r13 = c.nr == SYS_fork || c.nr == SYS_clone;
    regs->rsp = WORLD_STACK + WORLD_STACK_SIZE / 2;
    regs->orig_rax = (uint64_t)c.nr;
    regs->rdi = c.a[0];
    regs->rsi = c.a[1];
    regs->rdx = c.a[2];
    regs->r10 = c.a[3];
    regs->r8 = regs->r9 = 0;
    regs->rip += 2;
    *stop = (struct guest_stop){ .why = STOP_SYSCALL };
    return 0;
}

static void wait_for(nsec_t span)
{
    struct park park = PARK_INIT;
    nsec_t end = host_clock_gettime(CLOCK_MONOTONIC) + span;

    park_prepare(&park);
    while (park_wait(&park, end) != -ETIMEDOUT)
        ;
}

Test(tasks, survive_a_storm, .timeout = 120)
{
    struct task_world w;

    task_world_start(&w, storm, NULL);
    task_world_put_program(&w);
    task_world_run(&w);
    wait_for(STORM_TIME);
    struct tasks *ts = tasks_of(w.vfs.mm.arena);
    cr_assert_gt(atomic_load(&ts->forks), 20);
    task_world_stop(&w);
}
