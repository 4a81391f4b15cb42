/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/host.h"

#define THREADS 4
#define TURNS   20000

static struct mutex outer = MUTEX_INIT(RANK_TASKS), inner = MUTEX_INIT(RANK_WAITQ);
static struct mutex twin = MUTEX_INIT(RANK_WAITQ);
static unsigned counter;

Test(mutex, is_held_between_lock_and_unlock)
{
    cr_assert_not(mutex_held(&outer));
    mutex_lock(&outer);
    cr_assert(mutex_held(&outer));
    mutex_unlock(&outer);
    cr_assert_not(mutex_held(&outer));
}

static void *try_from_another_thread(void *m)
{
    return mutex_trylock(m) ? m : NULL;
}

Test(mutex, another_thread_cannot_try_it)
{
    pthread_t thread;
    void *got;

    mutex_lock(&outer);
    cr_assert_eq(pthread_create(&thread, NULL, try_from_another_thread, &outer), 0);
    pthread_join(thread, &got);
    cr_assert_null(got);
    mutex_unlock(&outer);
    cr_assert(mutex_trylock(&outer));
    mutex_unlock(&outer);
}

static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < TURNS; i++) {
        mutex_lock(&outer);
        mutex_lock_two(&inner, &twin);
        counter++;
        mutex_unlock(&outer); /* not in the reverse order, which is fine */
        mutex_unlock_two(&inner, &twin);
    }
    return NULL;
}

Test(mutex, lets_one_in_at_a_time)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(counter, THREADS * TURNS);
}

Test(mutex, two_may_be_the_same)
{
    mutex_lock_two(&inner, &inner);
    mutex_unlock_two(&inner, &inner);
    mutex_lock(&inner);
    mutex_unlock(&inner);
}

Test(mutex, unlocking_a_free_one_aborts, .signal = SIGABRT)
{
    mutex_unlock(&inner);
}

#if DEBUG
Test(mutex, out_of_order_aborts, .signal = SIGABRT)
{
    mutex_lock(&inner);
    mutex_lock(&outer);
}

Test(mutex, a_second_of_one_rank_aborts, .signal = SIGABRT)
{
    mutex_lock(&inner);
    mutex_lock(&twin);
}

Test(mutex, taking_it_twice_aborts, .signal = SIGABRT)
{
    mutex_lock(&inner);
    mutex_lock(&inner);
}

Test(mutex, trying_may_go_against_the_order)
{
    mutex_lock(&inner);
    cr_assert(mutex_trylock(&outer));
    mutex_unlock(&outer);
    mutex_unlock(&inner);
}
#endif

static nsec_t soon(void)
{
    return nsec_add(host_clock_gettime(CLOCK_MONOTONIC), 20 * NSEC_PER_MSEC);
}

Test(park, a_deadline_ends_it)
{
    struct park p = PARK_INIT;
    nsec_t deadline = soon();

    park_prepare(&p);
    cr_assert_eq(park_wait(&p, deadline), -ETIMEDOUT);
    cr_assert_geq(host_clock_gettime(CLOCK_MONOTONIC), deadline);
    cr_assert_eq(park_wait(&p, 0), -ETIMEDOUT);
}

Test(park, a_wake_before_the_wait_is_kept)
{
    struct park p = PARK_INIT;

    park_prepare(&p);
    park_wake(&p);
    park_wake(&p);
    cr_assert_eq(park_wait(&p, NSEC_NEVER), 0);
    cr_assert_eq(park_wait(&p, soon()), -ETIMEDOUT);
}

Test(park, prepare_forgets_wakes)
{
    struct park p = PARK_INIT;

    park_wake(&p);
    park_prepare(&p);
    cr_assert_eq(park_wait(&p, soon()), -ETIMEDOUT);
}

struct pair {
    struct park parks[2];
    _Atomic unsigned turn;
};

static void play(struct pair *pair, unsigned me)
{
    for (unsigned i = 0; i < 2000; i++) {
        for (;;) {
            park_prepare(&pair->parks[me]);
            if (atomic_load(&pair->turn) % 2 == me)
                break;
            cr_assert_eq(park_wait(&pair->parks[me], NSEC_NEVER), 0);
        }
        atomic_fetch_add(&pair->turn, 1);
        park_wake(&pair->parks[!me]);
    }
}

static void *play_second(void *pair)
{
    play(pair, 1);
    return NULL;
}

Test(park, no_wake_is_lost_between_two_threads)
{
    struct pair pair = { 0 };
    pthread_t second;

    cr_assert_eq(pthread_create(&second, NULL, play_second, &pair), 0);
    play(&pair, 0);
    pthread_join(second, NULL);
    cr_assert_eq(pair.turn, 4000);
}

static void on_signal(int sig)
{
    (void)sig;
}

struct sleeper {
    struct park park;
    _Atomic pid_t tid;
    _Atomic int result;
};

static void *sleep_until_signal(void *arg)
{
    struct sleeper *s = arg;

    park_prepare(&s->park);
    atomic_store(&s->tid, host_gettid());
    atomic_store(&s->result, park_wait(&s->park, NSEC_NEVER));
    return NULL;
}

Test(park, a_signal_ends_it)
{
    struct sigaction act = { .sa_handler = on_signal };
    struct sleeper s = { .result = 1 };
    pthread_t thread;

    cr_assert_eq(host_sigaction(SIGUSR1, &act, NULL), 0);
    cr_assert_eq(pthread_create(&thread, NULL, sleep_until_signal, &s), 0);
    while (!atomic_load(&s.tid))
        host_sched_yield();
    /* Again and again: the first may come before it sleeps. */
    while (atomic_load(&s.result) == 1) {
        cr_assert_eq(host_tgkill(host_getpid(), s.tid, SIGUSR1), 0);
        host_sched_yield();
    }
    pthread_join(thread, NULL);
    cr_assert_eq(s.result, -EINTR);
}
