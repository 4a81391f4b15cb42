/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2): FUTEX_LOCK_PI and its kin */
#include "futex.h"

#include <sys/mman.h>
#include <sys/wait.h>

static _Atomic uint32_t lock, cond;

static uint32_t self(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

TEST(a_free_lock_is_taken_and_given_back)
{
    lock = 0;
    CHECK_EQ(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
    CHECK_EQ(lock, self());
    CHECK_ERRNO(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
    CHECK_ERRNO(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
    CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
    CHECK_EQ(lock, 0);
    CHECK_EQ(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
}

TEST(one_that_is_not_ours)
{
    lock = 0;
    CHECK_ERRNO(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
    lock = 0x3ffffffe; /* nobody has this number */
    CHECK_ERRNO(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
    CHECK_ERRNO(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);
    CHECK_ERRNO(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), ESRCH);
    CHECK_ERRNO(futex((char *)&lock + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex((void *)8, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT);
}

TEST(a_dead_owner_without_a_number_leaves_its_mark)
{
    lock = FUTEX_OWNER_DIED;
    CHECK_EQ(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
    CHECK_EQ(lock, self() | FUTEX_OWNER_DIED);
    CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
}

static _Atomic int taken;

static void *take_and_release(void *arg)
{
    (void)arg;
    long r = futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
    bool mine = (lock & FUTEX_TID_MASK) == self();
    taken++;
    if (futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0))
        r = -1;
    return r == 0 && mine ? NULL : (void *)1;
}

TEST(the_lock_goes_to_those_who_wait)
{
    pthread_t threads[3];
    void *bad;
    int n = 0;

    lock = self();
    taken = 0;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, take_and_release, NULL);
    while (!(lock & FUTEX_WAITERS))
        sched_yield();
    CHECK_EQ(taken, 0);
    CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], &bad);
        n += bad != NULL;
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(taken, 3);
    CHECK_EQ(lock & FUTEX_TID_MASK, 0);
}

TEST(a_timeout_is_absolute_on_realtime)
{
    struct waiter w = { .word = &lock, .op = FUTEX_LOCK_PI_PRIVATE };
    struct timespec t = ms(now_ms(CLOCK_REALTIME) + 30);

    lock = self();
    w.timeout = &t;
    wait_in_thread(&w);
    pthread_join(w.thread, NULL);
    CHECK_EQ(w.error, ETIMEDOUT);
    w.op = FUTEX_TRYLOCK_PI_PRIVATE;
    wait_in_thread(&w);
    pthread_join(w.thread, NULL);
    CHECK_EQ(w.error, EAGAIN);
    CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
}

TEST(a_wake_is_not_for_those_who_wait_for_a_lock)
{
    struct waiter w = { .word = &lock, .op = FUTEX_LOCK_PI_PRIVATE };

    lock = self();
    wait_in_thread(&w);
    CHECK_ERRNO(futex(&lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
    pthread_join(w.thread, NULL);
    CHECK_EQ(w.result, 0);
}

static void *die_with_lock(void *arg)
{
    _Atomic int *step = arg;

    futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
    *step = 1;
    while (!(lock & FUTEX_WAITERS))
        sched_yield();
    return NULL;
}

TEST(the_death_of_the_owner_makes_an_heir)
{
    static _Atomic int step;
    pthread_t thread;

    lock = 0;
    step = 0;
    pthread_create(&thread, NULL, die_with_lock, &step);
    while (!step)
        sched_yield();
    CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
    CHECK_EQ(lock & FUTEX_TID_MASK, self());
    CHECK(lock & FUTEX_OWNER_DIED);
    pthread_join(thread, NULL);
    CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
}

static _Atomic int owned;

static void *end_as_owner(void *arg)
{
    lock = self();
    owned = 1;
    return arg;
}

/* Whoever comes while the owner ends finds nobody, or becomes the heir: he does not wait for ever.
 */
TEST(nobody_waits_for_an_owner_that_has_gone)
{
    for (int i = 0; i < 2000; i++) {
        struct timespec until;
        pthread_t thread;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 5;
        owned = 0;
        CHECK_EQ(pthread_create(&thread, NULL, end_as_owner, NULL), 0);
        while (!owned)
            sched_yield();
        for (volatile int spin = i % 100 * 20; spin > 0; spin--)
            ;
        errno = 0;
        long r = futex(&lock, FUTEX_LOCK_PI, 0, &until, NULL, 0);
        CHECK(r == 0 || errno == ESRCH);
        pthread_join(thread, NULL);
    }
}

TEST(a_condition_hands_over_to_its_lock)
{
    struct waiter w[3];

    lock = 0;
    cond = 0;
    CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
    for (int i = 0; i < 3; i++) {
        w[i] =
            (struct waiter){ .word = &cond, .op = FUTEX_WAIT_REQUEUE_PI_PRIVATE, .word2 = &lock };
        wait_in_thread(&w[i]);
    }
    CHECK_ERRNO(futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 2, (void *)9, &lock, 0), EINVAL);
    CHECK_ERRNO(futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &lock, 1), EAGAIN);
    CHECK_ERRNO(futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &cond, 0), EINVAL);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &lock, 0), 3);
    CHECK(!w[0].done);
    CHECK(lock & FUTEX_WAITERS);
    CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
    pthread_join(w[0].thread, NULL);
    CHECK_EQ(w[0].result, 0);
    /* Its owner is dead without a word: the others inherit, one after the other. */
    pthread_join(w[1].thread, NULL);
    pthread_join(w[2].thread, NULL);
    CHECK_EQ(w[1].result | w[2].result, 0);
}

TEST(a_free_lock_goes_to_the_first_of_the_condition)
{
    struct waiter w = { .word = &cond, .op = FUTEX_WAIT_REQUEUE_PI_PRIVATE, .word2 = &lock };

    lock = 0;
    cond = 0;
    wait_in_thread(&w);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &lock, 0), 1);
    pthread_join(w.thread, NULL);
    CHECK_EQ(w.result, 0);
    CHECK_EQ(lock & FUTEX_TID_MASK, (uint32_t)w.tid);
}

TEST(a_condition_alone)
{
    struct timespec t = ms(now_ms(CLOCK_MONOTONIC) + 20);
    struct waiter w = { .word = &cond, .op = FUTEX_WAIT_REQUEUE_PI_PRIVATE, .word2 = &lock };

    cond = 0;
    lock = 0;
    CHECK_ERRNO(futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, &t, &cond, 0), EINVAL);
    CHECK_ERRNO(futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 1, &t, &lock, 0), EAGAIN);
    CHECK_ERRNO(futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, &t, &lock, 0), ETIMEDOUT);
    wait_in_thread(&w);
    CHECK_ERRNO(futex(&cond, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&cond, FUTEX_REQUEUE_PRIVATE, 1, (void *)1, &lock, 0), EINVAL);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)0, &lock, 0), 1);
    pthread_join(w.thread, NULL);
}

TEST(the_library_uses_it)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t m;

    CHECK_EQ(pthread_mutexattr_init(&attr), 0);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
    CHECK_EQ(pthread_mutex_init(&m, &attr), 0);
    CHECK_EQ(pthread_mutex_lock(&m), 0);
    CHECK_EQ(pthread_mutex_trylock(&m), EBUSY);
    CHECK_EQ(pthread_mutex_unlock(&m), 0);
    pthread_mutex_destroy(&m);
}

MAIN
