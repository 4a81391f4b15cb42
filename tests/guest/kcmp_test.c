/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>

#include "tests/guest/child.h"

static long kcmp(pid_t a, pid_t b, int type, unsigned long x, unsigned long y)
{
    return syscall(SYS_kcmp, a, b, type, x, y);
}

TEST(files)
{
    int me = getpid(), fd = dup(1), other = open("/", O_RDONLY);

    if (kcmp(me, me, KCMP_FILE, 1, 1) == -1 && errno == ENOSYS)
        SKIP_ALL("no kcmp");
    CHECK_EQ(kcmp(me, me, KCMP_FILE, 1, (unsigned long)fd), 0);
    CHECK(kcmp(me, me, KCMP_FILE, 1, (unsigned long)other) > 0);
    CHECK_EQ(kcmp(me, me, KCMP_FILE, 1, (unsigned long)other) +
                 kcmp(me, me, KCMP_FILE, (unsigned long)other, 1),
             3);
    CHECK_ERRNO(kcmp(me, me, KCMP_FILE, 1, 999), EBADF);
    CHECK_ERRNO(kcmp(me, me, 99, 0, 0), EINVAL);
    CHECK_ERRNO(kcmp(me, 999999, KCMP_VM, 0, 0), ESRCH);
}

TEST(a_fork_shares_nothing)
{
    int me = getpid();
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            pause();
    }
    CHECK(kcmp(me, pid, KCMP_VM, 0, 0) > 0);
    CHECK(kcmp(me, pid, KCMP_FILES, 0, 0) > 0);
    CHECK(kcmp(me, pid, KCMP_FS, 0, 0) > 0);
    CHECK(kcmp(me, pid, KCMP_SIGHAND, 0, 0) > 0);
    CHECK_EQ(kcmp(me, pid, KCMP_FILE, 1, 1), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static volatile pid_t tid;
static volatile int stop;

static void *spins(void *arg)
{
    tid = gettid_raw();
    while (!stop)
        sched_yield();
    return arg;
}

TEST(a_thread_shares_all)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, spins, NULL), 0);
    while (!tid)
        sched_yield();
    CHECK_EQ(kcmp(getpid(), tid, KCMP_VM, 0, 0), 0);
    CHECK_EQ(kcmp(getpid(), tid, KCMP_FILES, 0, 0), 0);
    CHECK_EQ(kcmp(getpid(), tid, KCMP_SIGHAND, 0, 0), 0);
    stop = 1;
    pthread_join(thread, NULL);
}

MAIN
