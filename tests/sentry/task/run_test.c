/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a guest thread, over a platform that does what is written down. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "include/abi/signal.h"
#include "sentry/task/signal.h"
#include "tests/lib/task_world.h"

#define STACK_TOP (WORLD_STACK + WORLD_STACK_SIZE / 2)

static struct task_world w;
static struct platform *p;

static void start(void)
{
    task_world_start(&w, NULL, NULL);
    p = w.vfs.mm.platform.platform;
}

static void leave(int status)
{
    fake_push_call(p, SYS_exit_group, (uint64_t)status, 0, 0, 0, 0, 0);
}

/* Runs what was written down; how the process ended. */
static int run(void)
{
    struct thread_group *g = group_get(w.init->group);

    task_world_run(&w);
    int status = tasks_wait_init(g);
    group_put(g);
    return status;
}

static struct abi_sigaction handler(uint64_t flags)
{
    return (struct abi_sigaction){ .handler = 0x5000,
                                   .flags = flags | 0x04000000 /* SA_RESTORER */,
                                   .restorer = 0x6000 };
}

Test(run, a_call_gets_its_result)
{
    start();
    fake_push_call(p, SYS_getpid, 0, 0, 0, 0, 0, 0);
    fake_push_call(p, 9999, 0, 0, 0, 0, 0, 0);
    leave(3);
    cr_assert_eq(run(), 3 << 8);
    cr_assert_eq(fake_run_regs(p, 1)->rax, 1);
    cr_assert_eq((int64_t)fake_run_regs(p, 2)->rax, -ENOSYS);
    task_world_stop(&w);
}

Test(run, a_fault_without_a_page_is_death)
{
    start();
    fake_push_fault(p, 0x1000, PROT_READ);
    cr_assert_eq(run(), SIGSEGV);
    task_world_stop(&w);
}

Test(run, a_fault_on_memory_is_mended)
{
    start();
    fake_push_fault(p, WORLD_STACK, PROT_WRITE);
    leave(0);
    cr_assert_eq(run(), 0);
    task_world_stop(&w);
}

Test(run, calls_from_32_bit_gates_are_death)
{
    start();
    fake_push(p, &(struct fake_step){
                     .stop = {.why = STOP_SYSCALL, .int80 = true},
                       .which = FAKE_KEEP
    });
    cr_assert_eq(run(), SIGSEGV);
    task_world_stop(&w);
}

/* A fetch from an address in the vsyscall page, where the host has none. */
static void push_vsyscall(uint64_t at, uint64_t rip)
{
    fake_push(p, &(struct fake_step){
                     .stop = {.why = STOP_FAULT,
                              .addr = uptr(at),
                              .access = PROT_EXEC,
                              .code = SEGV_MAPERR },
                     .which = FAKE_ALL,
                     .regs = { .rip = rip,                .rsp = WORLD_STACK,   .cs = GUEST_CS}
    });
}

Test(run, a_vsyscall_works_without_the_hosts_page)
{
    const uint64_t caller = 0x4242;

    start();
    cr_assert_eq(copy_out(w.init->mm, uptr(WORLD_STACK), &caller, sizeof caller), 0);
    push_vsyscall(0xffffffffff600400, 0xffffffffff600400);
    leave(0);
    cr_assert_eq(run(), 0);
    const struct guest_regs *after = fake_run_regs(p, 1);
    cr_assert_eq(after->rip, caller);
    cr_assert_eq(after->rsp, WORLD_STACK + 8);
    cr_assert_gt((int64_t)after->rax, 1000000000); /* time(2) */
    task_world_stop(&w);
}

Test(run, what_is_no_entry_of_the_vsyscall_page_is_death)
{
    start();
    push_vsyscall(0xffffffffff600401, 0xffffffffff600401);
    cr_assert_eq(run(), SIGSEGV);
    task_world_stop(&w);
    start();
    push_vsyscall(0xffffffffff600400, 0x400000); /* a read */
    cr_assert_eq(run(), SIGSEGV);
    task_world_stop(&w);
}

Test(run, a_dead_host_process_is_a_kill)
{
    start();
    fake_push(p, &(struct fake_step){ .err = -EIO });
    cr_assert_eq(run(), SIGKILL);
    task_world_stop(&w);
}

Test(run, a_handler_is_entered_and_left)
{
    struct abi_sigaction act = handler(0);

    start();
    cr_assert_eq(signal_set_action(w.init, SIGUSR1, &act, NULL), 0);
    fake_push_call(p, SYS_kill, 1, SIGUSR1, 0, 0, 0, 0);
    fake_push_call(p, SYS_getppid, 0, 0, 0, 0, 0, 0); /* in the handler */
    leave(0);
    cr_assert_eq(run(), 0);
    const struct guest_regs *in = fake_run_regs(p, 1);
    cr_assert_eq(in->rip, 0x5000);
    cr_assert_eq(in->rdi, SIGUSR1);
    cr_assert_eq(in->rsp % 16, 8);
    cr_assert_lt(in->rsp, STACK_TOP - 128);
    cr_assert_eq(in->rsi, in->rsp + offsetof(struct abi_sigframe, info));
    cr_assert_eq(in->rdx, in->rsp + offsetof(struct abi_sigframe, uc));
    task_world_stop(&w);
}

static int sleeps_until_killed(void *arg, struct guest_thread *t, struct aspace *as,
                               struct guest_regs *regs, struct guest_stop *stop)
{
    (void)arg, (void)t, (void)as;
    regs->orig_rax = SYS_pause;
    *stop = (struct guest_stop){ .why = STOP_SYSCALL };
    return 0;
}

Test(run, a_sleeper_can_be_killed_from_outside)
{
    struct abi_siginfo si;

    task_world_start(&w, sleeps_until_killed, NULL);
    struct thread_group *g = group_get(w.init->group);
    task_world_run(&w);
    while (task_state(w.init) != 'S')
        ;
    siginfo_kernel(&si, SIGTERM, SI_USER);
    cr_assert_eq(signal_send_group(g, SIGTERM, &si), 0);
    cr_assert_eq(tasks_wait_init(g), SIGTERM);
    group_put(g);
    task_world_stop(&w);
}

Test(run, a_guest_that_computes_can_be_killed)
{
    start(); /* nothing is written down: run() does not come back by itself */
    struct thread_group *g = group_get(w.init->group);
    task_world_run(&w);
    fake_await_runs(p, 1);
    group_kill(g, SIGKILL);
    cr_assert_eq(tasks_wait_init(g), SIGKILL);
    group_put(g);
    task_world_stop(&w);
}
