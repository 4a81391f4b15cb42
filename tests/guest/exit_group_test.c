/* SPDX-License-Identifier: Apache-2.0 */
/* covers: exit */
#include <pthread.h>
#include <sched.h>

#include "tests/guest/child.h"

static void *sleeps(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void *spins(void *arg)
{
    for (volatile int i = 0;; i++)
        ;
    return arg;
}

static void *leaves(void *arg)
{
    syscall(SYS_exit_group, 7);
    return arg;
}

static _Noreturn void many_threads(void *(*last)(void *))
{
    pthread_t thread;

    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, i % 2 ? sleeps : spins, NULL);
    pthread_create(&thread, NULL, last, NULL);
    for (;;)
        pause();
}

static _Noreturn int a_thread_leaves(void)
{
    many_threads(leaves);
}

TEST(all_threads_end)
{
    int status = in_child(a_thread_leaves);

    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void *outlives(void *arg)
{
    struct timespec ts = { 0, 30000000 };

    nanosleep(&ts, NULL);
    syscall(SYS_exit, 3);
    return arg;
}

static int the_leader_goes_first(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, outlives, NULL);
    syscall(SYS_exit, 5);
    return 0;
}

TEST(a_process_lives_as_long_as_its_last_thread)
{
    struct timespec before, after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    int status = in_child(the_leader_goes_first);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000l + after.tv_nsec - before.tv_nsec >=
          30000000);
    CHECK(WIFEXITED(status));
    /* the leader's code before Linux 5.19, the last thread's since */
    CHECK(WEXITSTATUS(status) == 5 || WEXITSTATUS(status) == 3);
}

static void *kills(void *arg)
{
    kill(getpid(), SIGKILL);
    return arg;
}

static _Noreturn int killed(void)
{
    many_threads(kills);
}

TEST(a_killed_process_takes_all_threads_along)
{
    int status = in_child(killed);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static _Noreturn int many_at_once(void)
{
    pthread_t thread;

    for (int i = 0; i < 8; i++)
        pthread_create(&thread, NULL, leaves, NULL);
    for (;;)
        pause();
}

TEST(several_threads_leave_at_once)
{
    for (int i = 0; i < 10; i++) {
        int status = in_child(many_at_once);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
}

MAIN
