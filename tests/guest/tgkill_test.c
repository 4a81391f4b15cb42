/* SPDX-License-Identifier: Apache-2.0 */
/* covers: tkill, gettid */
#include <pthread.h>
#include <sched.h>

#include "tests/guest/child.h"

static volatile pid_t tid, hit;
static volatile int stop;

static void notes(int sig)
{
    (void)sig;
    hit = gettid_raw();
}

static void *spins(void *arg)
{
    tid = gettid_raw();
    while (!stop)
        sched_yield();
    return arg;
}

TEST(the_very_thread_is_hit)
{
    pthread_t thread;

    signal(SIGUSR1, notes);
    tid = hit = stop = 0;
    CHECK_EQ(pthread_create(&thread, NULL, spins, NULL), 0);
    while (!tid)
        sched_yield();
    CHECK_EQ(syscall(SYS_tgkill, getpid(), tid, SIGUSR1), 0);
    while (!hit)
        sched_yield();
    CHECK_EQ(hit, tid);
    CHECK_EQ(syscall(SYS_tkill, gettid_raw(), SIGUSR1), 0);
    CHECK_EQ(hit, gettid_raw());
    stop = 1;
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(arguments_are_checked)
{
    CHECK_ERRNO(syscall(SYS_tgkill, 0, gettid_raw(), 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), -1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), gettid_raw(), 65), EINVAL);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 999999, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid() + 1, gettid_raw(), 0), ESRCH);
    CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid_raw(), 0), 0);
    CHECK_ERRNO(syscall(SYS_tkill, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tkill, 999999, 0), ESRCH);
}

static int kills_by_thread(void)
{
    pthread_t thread;

    tid = stop = 0;
    pthread_create(&thread, NULL, spins, NULL);
    while (!tid)
        sched_yield();
    syscall(SYS_tgkill, getpid(), tid, SIGTERM); /* takes the whole process */
    pthread_join(thread, NULL);
    return 0;
}

TEST(a_fatal_one_ends_the_process)
{
    int status = in_child(kills_by_thread);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

MAIN
