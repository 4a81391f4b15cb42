/* SPDX-License-Identifier: Apache-2.0 */
/* Children of a test: each does one thing and says by its exit status whether it went well. */
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/guest/lib.h"

/* Runs `body` in a child and waits. Returns its wait status, or -1. */
static inline int in_child(int (*body)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(body());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return status;
}

/* The child's body succeeded: it gave 0. */
static inline int child_ok(int (*body)(void))
{
    int status = in_child(body);

    return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* In a child: leaves with the line's number where something is not as it should be. */
#define REQUIRE(condition)             \
    do {                               \
        if (!(condition))              \
            return __LINE__ % 250 + 1; \
    } while (0)

#define REQUIRE_ERRNO(call, expected)                  \
    do {                                               \
        errno = 0;                                     \
        if ((long)(call) != -1 || errno != (expected)) \
            return __LINE__ % 250 + 1;                 \
    } while (0)

/* As CHECK(child_ok(body)), and says at which line of the child it went wrong. */
#define CHECK_CHILD(body)                                                                     \
    do {                                                                                      \
        int status_ = in_child(body);                                                         \
        if (status_ != 0) {                                                                   \
            char what_[128];                                                                  \
            snprintf(what_, sizeof what_, "%s left with status %#x (line %d mod 250)", #body, \
                     status_, WIFEXITED(status_) ? WEXITSTATUS(status_) - 1 : -1);            \
            guest_fail(__FILE__, __LINE__, what_);                                            \
            return;                                                                           \
        }                                                                                     \
    } while (0)

/* In a child of root: becomes that user, with no other groups. 0, or -1. */
static inline int become_user(uid_t id)
{
    if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id))
        return -1;
    return prctl(PR_SET_DUMPABLE, 1); /* it still owns its own files in /proc */
}

/* 0, or -1 and what open(2) or write(2) says. */
static inline int write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    int err = errno;

    if (fd >= 0)
        close(fd);
    errno = err;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* In a user namespace of its own, just made: `id` is the one user and group there is. 0, or -1. */
static inline int map_itself(uid_t id)
{
    char line[32];

    snprintf(line, sizeof line, "%u %u 1", id, id);
    if (write_to("/proc/self/setgroups", "deny") || write_to("/proc/self/uid_map", line))
        return -1;
    return write_to("/proc/self/gid_map", line);
}

/* Two ends of a pipe by which one process lets another go on. */
struct gate {
    int fds[2];
};

static inline int gate_open(struct gate *g)
{
    return pipe(g->fds);
}

static inline void gate_pass(struct gate *g)
{
    char c;

    close(g->fds[1]);
    while (read(g->fds[0], &c, 1) < 0 && errno == EINTR)
        ;
    close(g->fds[0]);
}

static inline void gate_let(struct gate *g)
{
    close(g->fds[0]);
    close(g->fds[1]);
}

static inline pid_t gettid_raw(void)
{
    return (pid_t)syscall(SYS_gettid);
}
