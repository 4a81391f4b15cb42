/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/task/sigqueue.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "sentry/core/user.h"
#include "tests/lib/task_world.h"

#define RT 40

static struct task_world w;
static struct sigpending p;

static void start(void)
{
    task_world_start(&w, NULL, NULL);
    p = (struct sigpending){ 0 };
    list_init(&p.queue);
}

static void stop(void)
{
    sigpending_flush(w.vfs.mm.arena, &p, ~(sigset64)0);
    cr_assert_eq(user_in_use(w.vfs.mm.arena, 7, USER_SIGNALS), 0);
    task_world_stop(&w);
}

static int add(int sig, int code, int value, uint64_t limit)
{
    struct abi_siginfo si;

    siginfo_kernel(&si, sig, code);
    si.rt.value = (uint64_t)value;
    return sigpending_add(w.vfs.mm.arena, &p, sig, &si, 7, limit);
}

static int take(sigset64 set, struct abi_siginfo *si)
{
    return sigpending_take(w.vfs.mm.arena, &p, set, si);
}

Test(sigqueue, old_signals_are_kept_once)
{
    struct abi_siginfo si;

    start();
    cr_assert_eq(add(SIGUSR1, SI_QUEUE, 1, 10), 0);
    cr_assert_eq(add(SIGUSR1, SI_QUEUE, 2, 10), 0);
    cr_assert_eq(take(~(sigset64)0, &si), SIGUSR1);
    cr_assert_eq(si.rt.value, 1);
    cr_assert_eq(take(~(sigset64)0, &si), 0);
    stop();
}

Test(sigqueue, real_time_signals_are_kept_all)
{
    struct abi_siginfo si;

    start();
    for (int i = 0; i < 3; i++)
        cr_assert_eq(add(RT, SI_QUEUE, i, 10), 0);
    for (int i = 0; i < 3; i++) {
        cr_assert(p.set & SIG_BIT(RT));
        cr_assert_eq(take(SIG_BIT(RT), &si), RT);
        cr_assert_eq(si.rt.value, (uint64_t)i);
    }
    cr_assert_eq(p.set, 0);
    stop();
}

Test(sigqueue, faults_come_first_then_the_lowest)
{
    struct abi_siginfo si;

    start();
    cr_assert_eq(add(SIGHUP, SI_USER, 0, 10), 0);
    cr_assert_eq(add(SIGUSR1, SI_USER, 0, 10), 0);
    cr_assert_eq(add(SIGSEGV, SEGV_MAPERR, 0, 10), 0);
    cr_assert_eq(take(~(sigset64)0, &si), SIGSEGV);
    cr_assert_eq(take(~SIG_BIT(SIGHUP), &si), SIGUSR1);
    cr_assert_eq(take(~(sigset64)0, &si), SIGHUP);
    stop();
}

Test(sigqueue, a_full_queue_loses_the_words_not_the_signal)
{
    struct abi_siginfo si;

    start();
    cr_assert_eq(add(RT, SI_QUEUE, 1, 1), 0);
    cr_assert_eq(add(RT + 1, SI_QUEUE, 2, 1), -EAGAIN);
    cr_assert_eq(add(RT + 1, SI_USER, 2, 1), 0);  /* kill(2) goes through, bare */
    cr_assert_eq(add(SIGTERM, SI_USER, 3, 1), 0); /* and past the limit */
    cr_assert_eq(take(SIG_BIT(RT + 1), &si), RT + 1);
    cr_assert_eq(si.si_code, SI_USER);
    cr_assert_eq(si.rt.value, 0);
    cr_assert_eq(take(SIG_BIT(SIGTERM), &si), SIGTERM);
    cr_assert_eq(si.rt.value, 3);
    stop();
}

Test(sigqueue, a_flush_takes_only_what_it_is_told)
{
    struct abi_siginfo si;

    start();
    cr_assert_eq(add(SIGTSTP, SI_USER, 0, 10), 0);
    cr_assert_eq(add(SIGUSR1, SI_USER, 0, 10), 0);
    sigpending_flush(w.vfs.mm.arena, &p, SIG_STOPS);
    cr_assert_eq(user_in_use(w.vfs.mm.arena, 7, USER_SIGNALS), 1);
    cr_assert_eq(take(~(sigset64)0, &si), SIGUSR1);
    stop();
}
