/* SPDX-License-Identifier: Apache-2.0 */
/* What a platform may answer by itself is what the calls give, and news of it are told. */
#include "sentry/syscall/answers.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>

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
