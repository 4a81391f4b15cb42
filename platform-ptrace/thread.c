/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest threads: their stubs come and go with the address space they run in.
 *
 * A stub is traced by the host thread that runs it, from its first guest
 * instruction to its end, and is stopped whenever that thread is not in run().
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/panic.h"
#include "platform-ptrace/ptrace_priv.h"

int ptrace_thread_create(struct platform *p, struct guest_thread **out)
{
    struct guest_thread *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    t->p = p;
    list_init(&t->node);
    mutex_init(&t->lock, RANK_STUB);
    mutex_lock(&p->lock);
    list_push_back(&p->threads, &t->node);
    mutex_unlock(&p->lock);
    *out = t;
    return 0;
}

/* The stub goes: its time is kept, its pid is nobody's any more. Its corpse is given. */
static struct corpse *stub_part(struct guest_thread *t)
{
    struct corpse *c = t->corpse;
    pid_t pid = atomic_load(&t->pid);

    mutex_lock(&t->lock);
    t->past_cpu = nsec_add(t->past_cpu, stub_time(pid));
    atomic_store(&t->pid, 0);
    mutex_unlock(&t->lock);
    t->corpse = NULL;
    t->regs_known = false;
    if (t->fpu_at == FPU_IN_STUB)
        t->fpu_at = FPU_INITIAL; /* gone with it, where nobody has kept it */
    return c;
}

static void stub_leave(struct guest_thread *t)
{
    pid_t pid = atomic_load(&t->pid);

    if (pid)
        corpse_add(stub_part(t), pid);
}

void ptrace_thread_leave(struct guest_thread *t)
{
    stub_leave(t);
}

void thread_lost(struct guest_thread *t)
{
    corpse_free(stub_part(t));
}

void ptrace_thread_destroy(struct guest_thread *t)
{
    if (!t)
        return;
    stub_leave(t);
    mutex_lock(&t->p->lock);
    list_del(&t->node);
    mutex_unlock(&t->p->lock);
    free(t->fpu);
    free(t);
}

int stub_wait(pid_t pid, int *status)
{
    pid_t got;

    do
        got = host_wait4(pid, status, __WALL);
    while (got == -EINTR);
    return got == pid && WIFSTOPPED(*status) ? 0 : -EIO;
}

/* Waits until a stub that was interrupted stands. */
static int await_stand(pid_t pid)
{
    int status;

    for (;;) {
        int err = stub_wait(pid, &status);
        if (err || status >> 16 == PTRACE_EVENT_STOP)
            return err;
        /* A signal from outside came first. Where this fails it was SIGKILL. */
        long failed = host_ptrace(PTRACE_CONT, pid, NULL, NULL);
        if (failed && failed != -ESRCH)
            panic("PTRACE_CONT: %ld", failed);
    }
}

/* Reaps a stub that has ended. */
static bool reap_ended(pid_t pid)
{
    int status;
    pid_t got = host_wait4(pid, &status, __WALL | WNOHANG);

    return got == -ECHILD || (got == pid && !WIFSTOPPED(status));
}

int stub_seize(pid_t pid)
{
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;

    long err = host_ptrace(PTRACE_SEIZE, pid, NULL, (void *)options);
    if (err == -EPERM && reap_ended(pid))
        return -EIO; /* killed already: Linux may not trace the dead, who are there until reaped */
    if (!err)
        err = host_ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    if (err && err != -ESRCH)
        return (int)err;
    return await_stand(pid);
}

static int stub_enter(struct guest_thread *t, struct aspace *as)
{
    struct corpse *c = corpse_create(as);

    int err = c ? aspace_spawn(as, (uint64_t)CHILD_IS_THREAD, c) : -ENOMEM;
    if (err) {
        corpse_free(c);
        return err;
    }
    err = stub_seize(c->pid);
    if (err) {
        corpse_free(c);
        if (err != -EIO)
            panic("a stub cannot be traced, unlike the first: %d", err);
        return err;
    }
    t->corpse = c;
    t->aspace_id = as->id;
    t->regs_known = false;
    t->held = true; /* inherited from the agent */
    t->quick_turns = 0;
    atomic_store(&t->pid, c->pid);
    return 0;
}

int thread_enter(struct guest_thread *t, struct aspace *as)
{
    bool has_stub = atomic_load_explicit(&t->pid, memory_order_relaxed) != 0;

    if (has_stub && t->aspace_id != as->id) {
        int err = fpu_keep(t);
        if (err)
            return err;
        stub_leave(t);
        has_stub = false;
    }
    if (!has_stub) {
        int err = stub_enter(t, as);
        if (err)
            return err;
        if (t->fpu_at == FPU_INITIAL)
            t->fpu_at = FPU_IN_STUB; /* as the zygote's is, and nobody has touched it since */
    }
    return fpu_restore(t);
}

void ptrace_interrupt(struct guest_thread *t)
{
    kick(&t->state, &t->pid);
}

nsec_t ptrace_cpu_time(const struct guest_thread *t)
{
    struct mutex *lock = (struct mutex *)&t->lock;

    mutex_lock(lock);
    pid_t pid = atomic_load(&t->pid);
    nsec_t now = nsec_add(t->past_cpu, pid ? stub_time(pid) : 0);
    mutex_unlock(lock);
    return now;
}
