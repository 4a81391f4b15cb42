/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
 * covers: pidfd_send_signal, pidfd_getfd
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "tests/guest/child.h"

static int pidfd(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static long send_signal(int fd, int sig, siginfo_t *si, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, sig, si, flags);
}

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            pause();
    }
    return pid;
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

TEST(arguments_are_checked)
{
    CHECK_ERRNO(pidfd(0, 0), EINVAL);
    CHECK_ERRNO(pidfd(-1, 0), EINVAL);
    CHECK_ERRNO(pidfd(getpid(), 1), EINVAL);
    CHECK_ERRNO(pidfd(999999, 0), ESRCH);
}

TEST(a_thread_is_no_process)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, spins, NULL), 0);
    while (!tid)
        sched_yield();
    errno = 0;
    CHECK_EQ(pidfd(tid, 0), -1);
    CHECK(errno == EINVAL || errno == ENOENT); /* before and since Linux 6.9 */
    stop = 1;
    pthread_join(thread, NULL);
}

TEST(a_directory_of_proc_takes_signals)
{
    pid_t pid = sleeper();
    int status, proc = open("/proc", O_RDONLY | O_DIRECTORY);
    char path[64];

    snprintf(path, sizeof path, "/proc/%d", pid);
    int fd = open(path, O_RDONLY | O_DIRECTORY), bare = open(path, O_PATH);
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    int below = open(path, O_RDONLY | O_DIRECTORY);
    CHECK_ERRNO(send_signal(proc, 0, NULL, 0), EBADF);
    CHECK_ERRNO(send_signal(below, 0, NULL, 0), EBADF);
    CHECK_ERRNO(send_signal(bare, 0, NULL, 0), EBADF);
    CHECK_EQ(send_signal(fd, 0, NULL, 0), 0);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 0, 0), EBADF);
    CHECK_EQ(send_signal(fd, SIGTERM, NULL, 0), 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WTERMSIG(status), SIGTERM);
    CHECK_ERRNO(send_signal(fd, 0, NULL, 0), ESRCH);
    close(fd), close(bare), close(below), close(proc);
}

TEST(flags_of_the_descriptor)
{
    int fd = pidfd(getpid(), O_NONBLOCK);

    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
}

TEST(it_is_readable_when_the_process_has_ended)
{
    pid_t pid = sleeper();
    int fd = pidfd(pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char c;

    CHECK(fd >= 0);
    CHECK_EQ(poll(&p, 1, 0), 0);
    kill(pid, SIGKILL);
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK(p.revents & POLLIN);
    CHECK_ERRNO(read(fd, &c, 1), EINVAL);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK_EQ(poll(&p, 1, 0), 1);
    close(fd);
}

TEST(signals_go_that_way)
{
    pid_t pid = sleeper();
    int fd = pidfd(pid, 0), status;
    siginfo_t si = { .si_signo = SIGTERM, .si_code = SI_QUEUE };

    CHECK_ERRNO(send_signal(fd, SIGTERM, NULL, 0x100), EINVAL);
    CHECK_ERRNO(send_signal(fd, 65, NULL, 0), EINVAL);
    CHECK_ERRNO(send_signal(1, SIGTERM, NULL, 0), EBADF);
    CHECK_ERRNO(send_signal(-1, SIGTERM, NULL, 0), EBADF);
    CHECK_ERRNO(send_signal(fd, SIGUSR1, &si, 0), EINVAL);
    si.si_code = SI_USER;
    CHECK_ERRNO(send_signal(fd, SIGTERM, &si, 0), EPERM);
    CHECK_EQ(send_signal(fd, 0, NULL, 0), 0);
    CHECK_EQ(send_signal(fd, SIGTERM, NULL, 0), 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WTERMSIG(status), SIGTERM);
    CHECK_ERRNO(send_signal(fd, SIGTERM, NULL, 0), ESRCH);
    close(fd);
}

TEST(descriptors_can_be_taken)
{
    int p[2], got;
    char c = 0;

    CHECK_EQ(pipe(p), 0);
    pid_t pid = sleeper();
    int fd = pidfd(pid, 0);
    CHECK(fd >= 0);
    got = (int)syscall(SYS_pidfd_getfd, fd, p[1], 0);
    if (got < 0 && errno == EPERM)
        return; /* Yama */
    CHECK(got >= 0);
    CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(got, "y", 1), 1);
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 999, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 0, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, 1, 0, 0), EBADF);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 0, 0), ESRCH);
    close(fd);
    close(got);
    close(p[0]);
    close(p[1]);
}

MAIN
