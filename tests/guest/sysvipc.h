/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of System V have in common: keys of their own, and namespaces of their own. */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>

#include "tests/guest/asleep.h"
#include "tests/guest/child.h"

/* A key that nobody else on the host is likely to have. */
static inline key_t own_key(int n)
{
    return (key_t)(0x52000000 | (getpid() & 0xffff) << 8 | n);
}

/* Whether an ipc namespace of our own can be had. */
static inline bool may_have_namespace(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(CLONE_NEWIPC) != 0);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

/* Reads a file of /proc whole, with a NUL behind it. */
static inline ssize_t slurp(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY);
    size_t n = 0;
    ssize_t got = 0;

    while (fd >= 0 && n + 1 < size && (got = read(fd, buf + n, size - 1 - n)) > 0)
        n += (size_t)got;
    close(fd);
    buf[n] = '\0';
    return fd < 0 ? -1 : (ssize_t)n;
}

/* Writes a file of /proc/sys/kernel: 0 or -1. */
static inline int set_sysctl(const char *name, const char *value)
{
    char path[128];

    snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
    int fd = open(path, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));
    int err = errno;
    close(fd);
    errno = err;
    return n == (ssize_t)strlen(value) ? 0 : -1;
}

static inline int end_of(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}
