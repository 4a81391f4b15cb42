/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a guest thread: guest code until a stop, then our answer.
 *
 *     for each turn   work due?   → die, stop, take signals, restart a call
 *                     run()       → a call, a fault, an exception, or just an interrupt
 *
 * The order at the turn matters: in_guest is set before `work` is looked at for the
 * last time, so that whoever sets a bit later knows that it must interrupt.
 */
#include <signal.h>
#include <sys/syscall.h>

#include "base/host.h"
#include "base/log.h"
#include "sentry/core/platform_ref.h"
#include "sentry/task/container.h"
#include "sentry/task/group.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/usage.h"

#define TRAP_PAGE_FAULT 14
#define TRAP_GP         13
#define VSYSCALL_PAGE   UINT64_C(0xffffffffff600000)
#define VSYSCALL_SIZE   0x400
#define INT80_ERROR     (0x80u << 3 | 2) /* SDM vol. 3, 6.13: an entry of the IDT */

/* ---- answers ---- */

/* Out of line of the calls, of which few come by here. */
static void fetch_regs(struct task *t)
{
    struct guest_thread *guest = atomic_load_explicit(&t->guest, memory_order_relaxed);

    t->brief = false;
    if (!guest)
        return;
    platform_of(t->arena)->ops->regs_get(guest, &t->regs);
    patch_shows(t->mm, &t->regs, &t->detour);
}

struct guest_regs *task_regs(struct task *t)
{
    if (unlikely(t->brief))
        fetch_regs(t);
    return &t->regs;
}

static void do_syscall(struct task *t)
{
    struct guest_regs *r = &t->regs; /* brief as they may be */
    const uint64_t args[6] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };

    t->no_result = false;
    atomic_store_explicit(&t->syscall_nr, (int)r->orig_rax, memory_order_relaxed);
    long result = tasks_of(t->arena)->ops->dispatch(t, r->orig_rax, args);
    atomic_store_explicit(&t->syscall_nr, -1, memory_order_relaxed);
    if (!t->no_result)
        r->rax = (uint64_t)result;
    /* a wait that was not cut short ends with its mask: what came meanwhile stays pending */
    if (t->restore_blocked && !restart_is_due(result) && result != -EINTR)
        signal_restore_blocked(t);
}

static void fault_signal(struct task *t, int sig, int code, uptr_t addr)
{
    struct abi_siginfo si;

    siginfo_fault(&si, sig, code, addr);
    signal_force(t, sig, &si);
}

/* A call by `int $0x80`, or from 32-bit code: as on Linux without CONFIG_IA32_EMULATION. */
static void refuse_int80(struct task *t)
{
    struct abi_siginfo si;

    struct guest_regs *r = task_regs(t);

    r->rip -= 2;
    r->orig_rax = UINT64_MAX;
    t->trap.no = TRAP_GP;
    t->trap.error = INT80_ERROR;
    siginfo_kernel(&si, SIGSEGV, SI_KERNEL);
    signal_force(t, SIGSEGV, &si);
}

static void note_trap(struct task *t, const struct guest_stop *stop)
{
    t->trap.no = stop->why == STOP_FAULT && !stop->trapno ? TRAP_PAGE_FAULT : stop->trapno;
    t->trap.error = stop->error_code;
    if (t->trap.no == TRAP_PAGE_FAULT)
        t->trap.cr2 = stop->addr.va;
}

/*
 * True where this was a call through the vsyscall page. Most hosts trap those; one that was
 * started with vsyscall=none has nothing there, and we do what it would have done.
 *
 *   source    arch/x86/entry/vsyscall/vsyscall_64.c, emulate_vsyscall()
 */
static bool enter_vsyscall(struct task *t, uptr_t addr)
{
    static const long calls[] = { SYS_gettimeofday, SYS_time, SYS_getcpu };
    uint64_t caller, entry = addr.va - VSYSCALL_PAGE;
    struct guest_regs *r = task_regs(t);

    if (addr.va != r->rip || entry % VSYSCALL_SIZE || entry / VSYSCALL_SIZE >= ARRAY_LEN(calls))
        return false;
    if (copy_in(t->mm, &caller, uptr(r->rsp), sizeof caller))
        return false;
    r->rip = caller;
    r->rsp += sizeof caller;
    r->orig_rax = (uint64_t)calls[entry / VSYSCALL_SIZE];
    r->rax = (uint64_t)-ENOSYS;
    return true;
}

static void do_fault(struct task *t, const struct guest_stop *stop)
{
    if (unlikely(stop->code == SEGV_PKUERR)) { /* of key 0, which all memory has */
        note_trap(t, stop);
        fault_signal(t, SIGSEGV, SEGV_PKUERR, stop->addr);
        return;
    }
    atomic_fetch_add_explicit(&t->minflt, 1, memory_order_relaxed);
    switch (mm_fault(t->mm, stop->addr, stop->access, uptr(task_regs(t)->rsp))) {
    case FAULT_DONE:
        return;
    case FAULT_OOM:
        oom_kill(t);
        return;
    case FAULT_MAPERR:
        if (enter_vsyscall(t, stop->addr)) {
            do_syscall(t);
            return;
        }
        note_trap(t, stop);
        /* a non-canonical address is a general protection fault: it has no si_addr */
        fault_signal(t, SIGSEGV, stop->code == SI_KERNEL ? SI_KERNEL : SEGV_MAPERR, stop->addr);
        return;
    case FAULT_ACCERR:
        note_trap(t, stop);
        fault_signal(t, SIGSEGV, SEGV_ACCERR, stop->addr);
        return;
    case FAULT_BUS:
        note_trap(t, stop);
        fault_signal(t, SIGBUS, BUS_ADRERR, stop->addr);
        return;
    }
}

static void do_stop(struct task *t, const struct guest_stop *stop)
{
    switch (stop->why) {
    case STOP_SYSCALL:
        if (unlikely(stop->int80))
            refuse_int80(t);
        else
            do_syscall(t);
        return;
    case STOP_FAULT:
        t->regs.orig_rax = UINT64_MAX;
        do_fault(t, stop);
        return;
    case STOP_EXCEPTION:
        t->regs.orig_rax = UINT64_MAX;
        note_trap(t, stop);
        fault_signal(t, stop->signo, stop->code, stop->addr);
        return;
    case STOP_INTERRUPT:
        t->regs.orig_rax = UINT64_MAX;
        atomic_fetch_add_explicit(&t->nivcsw, 1, memory_order_relaxed);
        return;
    }
}

/* ---- the turn ---- */

/* Cleared before we look: what changes later sets it again. */
static void tell_answers(struct task *t)
{
    const struct tasks_ops *ops = tasks_of(t->arena)->ops;
    const struct platform_ops *platform = platform_of(t->arena)->ops;
    struct guest_answer answers[GUEST_ANSWERS_MAX];

    task_clear_work(t, TASK_ANSWERS);
    if (ops->answers && platform->answer)
        platform->answer(atomic_load_explicit(&t->guest, memory_order_relaxed), answers,
                         ops->answers(t, answers));
}

static void do_work(struct task *t, uint32_t work)
{
    const struct tasks_ops *ops = tasks_of(t->arena)->ops;

    task_regs(t);
    if (work & TASK_ANSWERS)
        tell_answers(t);
    if (work & TASK_FROZEN)
        task_container_wait_thaw(t);
    if (work & TASK_CALL) {
        task_clear_work(t, TASK_CALL);
        if (ops->call)
            ops->call(t);
    }
    if (work & TASK_STOP)
        task_stop(t);
    else if (work & TASK_SIGNAL)
        signal_deliver(t);
}

/* Everything that is due before guest code. False: it is to die. */
static bool settle(struct task *t)
{
    uint32_t work;

    for (;;) {
        while ((work = atomic_load(&t->work))) {
            if (work & TASK_KILLED)
                return false;
            do_work(t, work);
        }
        restart_without_handler(t);
        if (!t->restore_blocked)
            return true;
        signal_restore_blocked(t); /* may let signals through */
    }
}

/* The host has no process, no VM, or it has died: nothing that a guest could be told. */
static void lost(struct task *t, int err)
{
    log_debug("a guest thread cannot run: %d", err);
    group_kill(t->group, SIGKILL);
}

static void run_once(struct task *t)
{
    const struct platform_ops *ops = platform_of(t->arena)->ops;
    struct guest_stop stop = { .why = STOP_INTERRUPT };
    int err = t->aspace ? 0 : mm_aspace(t->mm, &t->aspace);

    if (err) {
        lost(t, err);
        return;
    }
    if (t->brief && !patch_may_return(t->mm, &t->detour))
        task_regs(t);
    patch_resumes(t->mm, &t->regs, &t->detour);
    atomic_store(&t->in_guest, 1);
    if (atomic_load(&t->work) == 0)
        err = ops->run(atomic_load_explicit(&t->guest, memory_order_relaxed), t->aspace, &t->regs,
                       &stop);
    else
        stop.brief = t->brief;
    atomic_store_explicit(&t->in_guest, 0, memory_order_relaxed);
    t->brief = stop.brief;
    if (unlikely(t->former))
        task_end_former(t);
    if (err)
        lost(t, err);
    else if (!patch_stopped(t->mm, &t->regs, &stop, &t->detour))
        do_stop(t, &stop);
}

/* Makes the platform's half. */
static int enter(struct task *t)
{
    const struct platform_ref *p = platform_of(t->arena);
    struct guest_thread *g;

    int err = p->ops->thread_create(p->platform, &g);
    if (err)
        return err;
    usage_begin(t);
    atomic_store(&t->guest, g);
    if (t->fpu_load)
        err = p->ops->fpu_set(g, t->fpu, p->ops->fpu_size(p->platform));
    t->fpu_load = false;
    task_set_work(t, TASK_ANSWERS);
    return err;
}

void task_main(void *task)
{
    struct task *t = task;
    struct tasks *ts = tasks_of(t->arena);

    int err = enter(t);
    if (err)
        lost(t, err);
    while (settle(t))
        run_once(t);
    t->brief = false; /* nobody asks any more, and soon there is none who could be asked */
    task_exit(t);
    struct container *c = task_container_get(t->group->container);
    task_put(t);
    if (atomic_fetch_sub(&c->threads, 1) == 1)
        waitq_wake(&ts->idle, 0);
    task_container_put(c);
    tasks_leave(ts);
}
