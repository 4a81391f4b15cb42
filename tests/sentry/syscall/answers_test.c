/* SPDX-License-Identifier: Apache-2.0 */
/* What a platform may answer by itself is what the calls give, and news of it are told. */
#include "sentry/syscall/answers.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/seccomp.h"
#include "tests/lib/task_world.h"

static struct task_world w;
static struct guest_answer answers[GUEST_ANSWERS_MAX];
static size_t count;

static void ask(void)
{
    count = syscall_answers(w.init, answers);
}

static void check_all(void)
{
    ask();
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(task_world_call(w.init, answers[i].nr, 0, 0, 0), answers[i].value, "call %u",
                     answers[i].nr);
}

static bool is_answered(uint32_t nr)
{
    ask();
    for (size_t i = 0; i < count; i++) {
        if (answers[i].nr == nr)
            return true;
    }
    return false;
}

static void start(void)
{
    task_world_start(&w, NULL, NULL);
    atomic_store(&w.init->work, 0);
}

static void stop(void)
{
    task_world_stop(&w);
}

Test(answers, are_what_the_calls_give, .init = start, .fini = stop)
{
    check_all();
    cr_assert(is_answered(SYS_getpid) && is_answered(SYS_gettid) && is_answered(SYS_getppid));
    cr_assert(is_answered(SYS_getuid) && is_answered(SYS_getegid));
}

Test(answers, change_with_the_ids, .init = start, .fini = stop)
{
    cr_assert_eq(task_world_call(w.init, SYS_setresgid, 7, 8, 9), 0);
    cr_assert_eq(task_world_call(w.init, SYS_setresuid, 10, 11, 12), 0);
    cr_assert(atomic_load(&w.init->work) & TASK_ANSWERS);
    cr_assert_eq(task_world_call(w.init, SYS_geteuid, 0, 0, 0), 11);
    check_all();
}

Test(answers, ids_of_another_user_namespace_may_get_names, .init = start, .fini = stop)
{
    cr_assert_eq(task_world_call(w.init, SYS_unshare, 0x10000000 /* CLONE_NEWUSER */, 0, 0), 0);
    cr_assert(is_answered(SYS_getpid));
    cr_assert_not(is_answered(SYS_getuid));
    cr_assert_not(is_answered(SYS_getegid));
    check_all();
}

/* ---- with a profile ---- */

static const struct seccomp_verdict allow = { .action = SECCOMP_ALLOW };
static const struct seccomp_verdict refuse = { .action = SECCOMP_ERRNO, .error = 1 };

/* It has room for three rules, which look at one argument each. */
static struct seccomp_profile *start_profile(struct seccomp_verdict otherwise)
{
    struct seccomp_profile **p = &w.init->group->container->profile;

    cr_assert_eq(seccomp_create(w.init->arena, otherwise, SYSCALL_COUNT, 3, 3, p), 0);
    return *p;
}

Test(answers, are_none_where_the_profile_refuses, .init = start, .fini = stop)
{
    struct seccomp_profile *p = start_profile(allow);

    seccomp_add(p, SYS_getppid, refuse, NULL, 0);
    seccomp_add(p, SYS_gettid, (struct seccomp_verdict){ .action = SECCOMP_KILL_PROCESS }, NULL, 0);
    cr_assert_not(is_answered(SYS_getppid));
    cr_assert_not(is_answered(SYS_gettid));
    cr_assert(is_answered(SYS_getpid) && is_answered(SYS_getuid));
    cr_assert_eq(task_world_call(w.init, SYS_getppid, 0, 0, 0), -1);
    check_all();
}

Test(answers, are_those_that_a_profile_allows_by_name, .init = start, .fini = stop)
{
    struct seccomp_profile *p = start_profile(refuse);

    seccomp_add(p, SYS_getpid, allow, NULL, 0);
    cr_assert(is_answered(SYS_getpid));
    cr_assert_not(is_answered(SYS_getuid));
    check_all();
}

/* Such a call has no arguments, but its registers have something in them. */
Test(answers, are_none_where_a_rule_looks_at_registers, .init = start, .fini = stop)
{
    const struct seccomp_arg zero = { .op = SECCOMP_EQ };
    struct seccomp_profile *p = start_profile(allow);

    seccomp_add(p, SYS_getpid, refuse, &zero, 1);
    seccomp_add(p, SYS_getuid, allow, &zero, 1);
    seccomp_add(p, SYS_getgid, allow, &zero, 1);
    cr_assert_not(is_answered(SYS_getpid));
    cr_assert(is_answered(SYS_getuid), "with zero or without");
    check_all();
}
