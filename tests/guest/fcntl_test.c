/* SPDX-License-Identifier: Apache-2.0 */
/* fcntl(2): flags, owners, record locks. */
#include <pthread.h>

#include "files.h"
#include "tests/guest/asleep.h"

TEST(flags)
{
    int fd = open("f", O_CREAT | O_RDWR | O_APPEND, 0600);
    CHECK_EQ(fcntl(fd, F_GETFL) & ~0100000, O_RDWR | O_APPEND);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK | O_RDONLY | O_TRUNC) == 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & ~0100000, O_RDWR | O_NONBLOCK);
    CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(fd, F_SETFD, 0) == 0);
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK_ERRNO(fcntl(-1, F_GETFD), EBADF);
    CHECK_ERRNO(fcntl(fd, 12345), EINVAL);
    close(fd);
}

TEST(owners_are_kept)
{
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
    CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0);
    CHECK_EQ(fcntl(p[0], F_GETOWN), getpid());
    CHECK(fcntl(p[0], F_SETSIG, SIGUSR1) == 0);
    CHECK_EQ(fcntl(p[0], F_GETSIG), SIGUSR1);
    CHECK_ERRNO(fcntl(p[0], F_SETSIG, 65), EINVAL);
    close(p[0]), close(p[1]);
}

static int lock(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

    return fcntl(fd, cmd, &fl);
}

static int child_finds(void)
{
    int fd = open("f", O_RDWR);
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };

    REQUIRE(fcntl(fd, F_GETLK, &fl) == 0);
    REQUIRE(fl.l_type == F_WRLCK && fl.l_start == 10 && fl.l_len == 20 && fl.l_whence == SEEK_SET);
    REQUIRE(fl.l_pid == getppid());
    REQUIRE_ERRNO(lock(fd, F_SETLK, F_RDLCK, 29, 1), EAGAIN);
    REQUIRE(lock(fd, F_SETLK, F_WRLCK, 30, 1) == 0);
    REQUIRE(lock(fd, F_SETLK, F_WRLCK, 9, 1) == 0);
    REQUIRE_ERRNO(lock(fd, F_SETLK, F_WRLCK, 40, 1), EAGAIN);
    REQUIRE(lock(fd, F_SETLK, F_RDLCK, 40, 1) == 0);
    return 0;
}

TEST(records_exclude_other_processes)
{
    int fd = open("f", O_RDWR), other;
    CHECK(lock(fd, F_SETLK, F_WRLCK, 10, 20) == 0);
    CHECK(lock(fd, F_SETLK, F_RDLCK, 40, 5) == 0);
    CHECK_CHILD(child_finds);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 10, 20) == 0);
    CHECK(lock(fd, F_SETLK, F_RDLCK, 40, 5) == 0);
    CHECK_CHILD(child_finds);
    other = open("f", O_RDWR);
    close(other); /* and all our locks are gone */
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    CHECK(fcntl(fd, F_OFD_GETLK, &fl) == 0);
    CHECK_EQ(fl.l_type, F_UNLCK);
    close(fd);
}

TEST(descriptions_have_locks_of_their_own)
{
    int a = open("f", O_RDWR), b = open("f", O_RDWR), copy = dup(a);
    CHECK(lock(a, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
    CHECK_ERRNO(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
    CHECK(lock(copy, F_OFD_SETLK, F_WRLCK, 5, 1) == 0);
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    CHECK(fcntl(b, F_OFD_GETLK, &fl) == 0);
    CHECK_EQ(fl.l_pid, -1);
    fl.l_pid = 1;
    CHECK_ERRNO(fcntl(b, F_OFD_SETLK, &fl), EINVAL);
    close(a);
    CHECK_ERRNO(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
    close(copy);
    CHECK(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1) == 0);
    close(b);
}

static int waits(void)
{
    int fd = open("f", O_RDWR);

    return lock(fd, F_SETLKW, F_WRLCK, 0, 1);
}

TEST(a_waiter_gets_the_lock_in_the_end)
{
    int fd = open("f", O_RDWR), status;
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(waits());
    until_asleep(pid, pid);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 1) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    close(fd);
}

static int closed, closed_result, closed_errno;

static void *lock_closed(void *arg)
{
    closed_result = lock(closed, F_SETLKW, F_WRLCK, 0, 1);
    closed_errno = errno;
    return arg;
}

static int locks_at_once(void)
{
    return lock(open("f", O_RDWR), F_SETLK, F_WRLCK, 0, 1);
}

TEST(a_lock_for_a_descriptor_that_was_closed_meanwhile_is_nobodys)
{
    int holder = open("f", O_RDWR), status;
    struct gate held, go;
    pthread_t thread;
    CHECK(gate_open(&held) == 0 && gate_open(&go) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (lock(holder, F_SETLK, F_WRLCK, 0, 1) < 0)
            _exit(1);
        gate_let(&held);
        gate_pass(&go);
        _exit(0);
    }
    gate_pass(&held);
    closed = open("f", O_RDWR);
    CHECK(pthread_create(&thread, NULL, lock_closed, NULL) == 0);
    usleep(50000); /* it waits now */
    close(closed);
    gate_let(&go);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    pthread_join(thread, NULL);
    CHECK_EQ(closed_result, -1);
    CHECK_EQ(closed_errno, EBADF);
    CHECK_CHILD(locks_at_once);
    close(holder);
}

static int crossing(void)
{
    int fd = open("f", O_RDWR);

    REQUIRE(lock(fd, F_SETLK, F_WRLCK, 1, 1) == 0);
    REQUIRE(write(3, "x", 1) == 1);
    return lock(fd, F_SETLKW, F_WRLCK, 0, 1); /* waits for the parent */
}

TEST(circles_are_refused)
{
    int fd = open("f", O_RDWR), p[2], status;
    char c;
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0);
    CHECK(pipe(p) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], 3);
        _exit(crossing());
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    /* Whoever comes second makes the circle: that is us, once the child waits. */
    while (lock(fd, F_SETLK, F_WRLCK, 1, 1) == 0) {
    }
    until_asleep(pid, pid);
    CHECK_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    close(fd), close(p[0]), close(p[1]);
}

TEST(errors_of_locks)
{
    int r = open("f", O_RDONLY), w = open("f", O_WRONLY);
    struct flock fl = { .l_type = 9, .l_whence = SEEK_SET };
    CHECK_ERRNO(lock(r, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK_ERRNO(lock(w, F_SETLK, F_RDLCK, 0, 1), EBADF);
    CHECK_ERRNO(lock(r, F_SETLK, F_RDLCK, -1, 1), EINVAL);
    CHECK_ERRNO(lock(r, F_SETLK, F_RDLCK, 1, -2), EINVAL);
    CHECK_ERRNO(lock(r, F_SETLK, F_RDLCK, INT64_MAX, 2), EOVERFLOW);
    CHECK_ERRNO(fcntl(r, F_SETLK, &fl), EINVAL);
    fl.l_type = F_RDLCK, fl.l_whence = 7;
    CHECK_ERRNO(fcntl(r, F_SETLK, &fl), EINVAL);
    CHECK_ERRNO(fcntl(r, F_SETLK, NOWHERE), EFAULT);
    fl.l_type = F_UNLCK, fl.l_whence = 0;
    CHECK_ERRNO(fcntl(r, F_GETLK, &fl), EINVAL);
    close(r), close(w);
}

FILES_MAIN
