/* SPDX-License-Identifier: Apache-2.0 */
/* futex_waitv(2) */
#include "futex.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

struct wanted {
    uint64_t val, uaddr;
    uint32_t flags, reserved;
};

#define F32 (2 | FUTEX_PRIVATE_FLAG)

static _Atomic uint32_t words[128];

static void fill(struct wanted *w, int n)
{
    for (int i = 0; i < n; i++) {
        words[i] = 0;
        w[i] = (struct wanted){ .uaddr = (uintptr_t)&words[i], .flags = F32 };
    }
}

static long waitv(struct wanted *w, unsigned n, unsigned flags, const void *timeout, int clock)
{
    return syscall(SYS_futex_waitv, w, n, flags, timeout, clock);
}

TEST(bad_arguments)
{
    struct wanted w[2];
    struct timespec t = ms(1);

    fill(w, 2);
    CHECK_ERRNO(waitv(w, 0, 0, NULL, 0), EINVAL);
    CHECK_ERRNO(waitv(w, 129, 0, NULL, 0), EINVAL);
    CHECK_ERRNO(waitv(w, 2, 1, NULL, 0), EINVAL);
    CHECK_ERRNO(waitv(NULL, 2, 0, NULL, 0), EINVAL);
    CHECK_ERRNO(waitv(w, 2, 0, &t, CLOCK_BOOTTIME), EINVAL);
    CHECK_ERRNO(waitv((void *)8, 2, 0, NULL, 0), EFAULT);
    w[1].reserved = 1;
    CHECK_ERRNO(waitv(w, 2, 0, NULL, 0), EINVAL);
    fill(w, 2);
    w[1].flags = FUTEX_PRIVATE_FLAG;
    CHECK_ERRNO(waitv(w, 2, 0, NULL, 0), EINVAL);
    fill(w, 2);
    w[1].uaddr++;
    CHECK_ERRNO(waitv(w, 2, 0, NULL, 0), EINVAL);
    fill(w, 2);
    w[1].val = 1;
    CHECK_ERRNO(waitv(w, 2, 0, NULL, 0), EAGAIN);
}

TEST(a_timeout_on_either_clock)
{
    struct wanted w[3];
    struct timespec t;

    fill(w, 3);
    t = ms(now_ms(CLOCK_MONOTONIC) + 20);
    CHECK_ERRNO(waitv(w, 3, 0, &t, CLOCK_MONOTONIC), ETIMEDOUT);
    t = ms(now_ms(CLOCK_REALTIME) + 20);
    CHECK_ERRNO(waitv(w, 3, 0, &t, CLOCK_REALTIME), ETIMEDOUT);
}

static void *wake_third(void *arg)
{
    (void)arg;
    while (futex(&words[2], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0)
        sched_yield();
    return NULL;
}

TEST(it_says_which_was_woken)
{
    struct wanted w[128];
    pthread_t thread;

    fill(w, 128);
    pthread_create(&thread, NULL, wake_third, NULL);
    CHECK_EQ(waitv(w, 128, 0, NULL, 0), 2);
    pthread_join(thread, NULL);
    CHECK_EQ(futex(&words[3], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
}

MAIN
