/* SPDX-License-Identifier: Apache-2.0 */
/* Message queues of a test, with names that nobody else has. */
#pragma once

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/guest/asleep.h"
#include "tests/guest/lib.h"

#define MQ_SIZE 16 /* bytes of a message, in the tests' queues */

/* The name of queue `n` of this process, as the kernel has it: without the slash. */
static inline const char *mq_bare(int n)
{
    static char names[4][64];
    char *name = names[n % 4];

    snprintf(name, sizeof names[0], "runsc-test-%d-%d", (int)getpid(), n);
    return name;
}

/* The calls themselves: the libc takes a slash off, and changes errors. */
static inline int mq_open_raw(const char *name, int flags, mode_t mode, struct mq_attr *attr)
{
    return (int)syscall(SYS_mq_open, name, flags, mode, attr);
}

static inline int mq_unlink_raw(const char *name)
{
    return (int)syscall(SYS_mq_unlink, name);
}

/* A queue without a name, for `count` messages of MQ_SIZE. */
static inline int mq_fresh(long count, int flags)
{
    struct mq_attr attr = { .mq_maxmsg = count, .mq_msgsize = MQ_SIZE };
    const char *name = mq_bare(99);
    int fd = mq_open_raw(name, O_RDWR | O_CREAT | O_EXCL | flags, 0600, &attr);

    if (fd >= 0)
        mq_unlink_raw(name);
    return fd;
}

/* Another open file of the same queue. */
static inline int mq_again(int fd, int flags)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags);
}

static inline int mq_put(int fd, const char *text, unsigned prio)
{
    return mq_send(fd, text, strlen(text) + 1, prio);
}

/* The text of the next message, or "-". */
static inline const char *mq_got(int fd)
{
    static char text[MQ_SIZE];

    return mq_receive(fd, text, sizeof text, NULL) < 0 ? "-" : text;
}

static inline long mq_count(int fd)
{
    struct mq_attr a;

    return mq_getattr(fd, &a) ? -1 : a.mq_curmsgs;
}

/* So many milliseconds from now. */
static inline struct timespec mq_after(long ms)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}
