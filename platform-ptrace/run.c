/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn in the guest: registers in, PTRACE_SYSEMU, a stop, registers out.
 *
 * With SYSEMU the host stops the stub at the entry of each call and then skips it. We
 * set orig_rax to -1 with all registers that we set, so that the host's own restart
 * of interrupted calls (which looks at orig_rax and rax) never happens either.
 *
 *   source    ptrace(2); arch/x86/kernel/signal.c, arch_do_signal_or_restart()
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/panic.h"
#include "platform-ptrace/ptrace_priv.h"
#include "platform-ptrace/regs_amd64.h"

/*
 * After some quick turns in a row the next is made on one CPU (cpus.c). One that is not
 * quick was a guest that computes, or a CPU that others want too: both are for the
 * host to place.
 */
#define QUICK       (150 * NSEC_PER_USEC)
#define QUICK_TURNS 4

/* Whether the stub has stopped for us; if not, it goes on. */
enum verdict { RESUME, STOPPED };

static enum verdict syscall_stop(struct guest_thread *t, struct guest_regs *regs,
                                 struct guest_stop *stop)
{
    if (regs_get(t, regs))
        return RESUME;
    stop->why = STOP_SYSCALL;
    stop->trapped = true;
    stop->int80 = !regs_after_syscall(regs) && regs_call_is_32bit(t);
    return STOPPED;
}

/* A signal that came from the processor: everything else is noise from outside. */
static enum verdict signal_stop(struct guest_thread *t, int sig, struct guest_regs *regs,
                                struct guest_stop *stop)
{
    siginfo_t info;

    if (sig == KICK_SIGNAL) {
        if (!kick_take(&t->state) || regs_get(t, regs))
            return RESUME;
        stop->why = STOP_INTERRUPT;
        return STOPPED;
    }
    if (host_ptrace(PTRACE_GETSIGINFO, t->pid, NULL, &info) || info.si_code <= 0)
        return RESUME;
    if (regs_get(t, regs))
        return RESUME;
    return stop_from_signal(sig, &info, regs, stop) ? STOPPED : RESUME;
}

static enum verdict look(struct guest_thread *t, int status, struct guest_regs *regs,
                         struct guest_stop *stop)
{
    if (status >> 16)
        return RESUME; /* PTRACE_EVENT_STOP: a stop of job control, which is not ours */
    int sig = WSTOPSIG(status);
    if (sig == (SIGTRAP | 0x80))
        return syscall_stop(t, regs, stop);
    return signal_stop(t, sig, regs, stop);
}

static void resume(pid_t pid)
{
    long err = host_ptrace(PTRACE_SYSEMU, pid, NULL, NULL);

    /* ESRCH: it is being killed, and we hear of that when we wait for it. */
    if (err && err != -ESRCH)
        panic("PTRACE_SYSEMU: %ld", err);
}

static int turn_on_one_cpu(struct guest_thread *t, pid_t pid, int *status)
{
    const struct cpus *cpus = &t->p->stubs.cpus;

    cpus_bring(cpus, pid, cpus_stay(cpus));
    resume(pid);
    cpus_free(cpus, pid);
    int err = stub_wait(pid, status);
    cpus_roam(cpus);
    t->held = false;
    return err;
}

static int turn_freely(struct guest_thread *t, pid_t pid, int *status)
{
    if (t->held)
        cpus_free(&t->p->stubs.cpus, pid);
    t->held = false;
    resume(pid);
    return stub_wait(pid, status);
}

/* Runs the stub to its next stop. Errors: EIO where it is gone. */
static int turn(struct guest_thread *t, int *status)
{
    pid_t pid = atomic_load_explicit(&t->pid, memory_order_relaxed);
    bool one_cpu = t->p->stubs.cpus.many && t->quick_turns >= QUICK_TURNS;
    nsec_t since = host_clock_gettime(CLOCK_MONOTONIC);

    t->regs_known = false;
    int err = one_cpu ? turn_on_one_cpu(t, pid, status) : turn_freely(t, pid, status);
    if (host_clock_gettime(CLOCK_MONOTONIC) - since < QUICK)
        t->quick_turns++;
    else
        t->quick_turns = 0;
    if (err)
        thread_lost(t);
    return err;
}

int ptrace_run(struct guest_thread *t, struct aspace *as, struct guest_regs *regs,
               struct guest_stop *stop)
{
    int status;

    corpse_reap_some(&t->p->stubs);
    int err = thread_enter(t, as);
    if (err)
        return err;
    *stop = (struct guest_stop){ .why = STOP_INTERRUPT };
    if (!kick_go_in(&t->state))
        return 0;
    regs_set(t, regs);
    do
        err = turn(t, &status);
    while (!err && look(t, status, regs, stop) == RESUME);
    kick_go_out(&t->state);
    return err;
}
