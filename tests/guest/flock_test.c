/* SPDX-License-Identifier: Apache-2.0 */
/* flock(2) */
#include <sys/file.h>

#include "files.h"
#include "tests/guest/asleep.h"

TEST(descriptions_exclude_each_other)
{
    put("f", "");
    int a = open("f", O_RDONLY), b = open("f", O_RDWR), copy = dup(a);
    CHECK(flock(a, LOCK_SH) == 0);
    CHECK(flock(b, LOCK_SH | LOCK_NB) == 0);
    CHECK_ERRNO(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK(flock(b, LOCK_UN) == 0);
    CHECK(flock(copy, LOCK_EX | LOCK_NB) == 0);
    CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    close(a);
    CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    close(copy);
    CHECK(flock(b, LOCK_EX | LOCK_NB) == 0);
    close(b);
}

static int waits(void)
{
    int fd = open("f", O_RDONLY);

    return flock(fd, LOCK_EX);
}

TEST(a_waiter_goes_on_when_the_lock_is_free)
{
    int fd = open("f", O_RDONLY), status;
    CHECK(flock(fd, LOCK_EX) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd);
        _exit(waits());
    }
    until_asleep(pid, pid);
    CHECK(flock(fd, LOCK_UN) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    close(fd);
}

static void nothing(int sig)
{
    (void)sig;
}

static int interrupted(void)
{
    struct sigaction sa = { .sa_handler = nothing };
    int fd = open("f", O_RDONLY);

    sigaction(SIGALRM, &sa, NULL);
    pid_t pid = signal_when_asleep(SIGALRM);
    REQUIRE_ERRNO(flock(fd, LOCK_EX), EINTR);
    return !has_signalled(pid);
}

TEST(a_signal_ends_the_wait)
{
    int fd = open("f", O_RDONLY);
    CHECK(flock(fd, LOCK_EX) == 0);
    CHECK_CHILD(interrupted);
    close(fd);
}

TEST(errors)
{
    int fd = open("f", O_RDONLY);
    CHECK_ERRNO(flock(-1, LOCK_SH), EBADF);
    CHECK_ERRNO(flock(fd, 0), EINVAL);
    CHECK_ERRNO(flock(fd, LOCK_SH | LOCK_EX), EINVAL);
    CHECK_ERRNO(flock(fd, LOCK_NB), EINVAL);
    close(fd);
}

FILES_MAIN
