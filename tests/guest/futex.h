/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of futexes share: raw calls, and threads that wait. */
#pragma once

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/guest/asleep.h"

static inline long futex(void *word, int op, uint32_t val, const void *timeout, void *word2,
                         uint32_t val3)
{
    return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static inline struct timespec ms(long n)
{
    return (struct timespec){ .tv_sec = n / 1000, .tv_nsec = n % 1000 * 1000000 };
}

static inline long now_ms(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One thread that makes one call, and what it gave. */
struct waiter {
    pthread_t thread;
    void *word, *word2;
    int op;
    uint32_t val, val3;
    const struct timespec *timeout;
    _Atomic int tid;
    _Atomic int done;
    long result;
    int error;
};

static inline void *waiter_main(void *arg)
{
    struct waiter *w = arg;

    w->tid = (int)syscall(SYS_gettid);
    errno = 0;
    w->result = futex(w->word, w->op, w->val, w->timeout, w->word2, w->val3);
    w->error = errno;
    w->done = 1;
    return NULL;
}

/* Starts it, and waits until it sleeps. */
static inline void wait_in_thread(struct waiter *w)
{
    w->done = w->tid = 0;
    pthread_create(&w->thread, NULL, waiter_main, w);
    while (!w->tid || (!w->done && state_of(getpid(), w->tid) != 'S'))
        sched_yield();
}
