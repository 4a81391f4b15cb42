/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2): wait, wake, requeue */
#include "futex.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static _Atomic uint32_t word, other;

TEST(a_wait_for_another_value_returns_at_once)
{
    word = 1;
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 2, NULL, NULL, 4), EAGAIN);
}

TEST(bad_arguments)
{
    struct timespec t = { .tv_sec = -1 };

    word = 1;
    CHECK_ERRNO(futex((char *)&word + 1, FUTEX_WAIT, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex((char *)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex((void *)8, FUTEX_WAIT, 1, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 1, &t, NULL, 0), EINVAL);
    t = (struct timespec){ .tv_nsec = 1000000000 };
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 1, &t, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 1, (void *)8, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(&word, 127, 1, NULL, NULL, 0), ENOSYS);
    CHECK_ERRNO(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0), ENOSYS);
    CHECK_ERRNO(futex(&word, FUTEX_FD, 1, NULL, NULL, 0), ENOSYS);
    CHECK_ERRNO(futex(&word, FUTEX_REQUEUE, -1u, NULL, &other, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_REQUEUE, 1, (void *)-1L, &other, 0), EINVAL);
}

TEST(nobody_to_wake)
{
    CHECK_EQ(futex(&word, FUTEX_WAKE, 100, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&word, FUTEX_REQUEUE, 1, (void *)1, &other, 0), 0);
}

TEST(a_relative_timeout)
{
    struct timespec t = ms(30);
    long before = now_ms(CLOCK_MONOTONIC);

    word = 0;
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0), ETIMEDOUT);
    CHECK(now_ms(CLOCK_MONOTONIC) - before >= 29);
    t = ms(0);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0), ETIMEDOUT);
}

TEST(absolute_timeouts_on_both_clocks)
{
    struct timespec t;

    for (int i = 0; i < 2; i++) {
        clockid_t clock = i ? CLOCK_REALTIME : CLOCK_MONOTONIC;
        long before = now_ms(clock);
        t = ms(before + 30);
        CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET | (i ? FUTEX_CLOCK_REALTIME : 0), 0, &t, NULL,
                          FUTEX_BITSET_MATCH_ANY),
                    ETIMEDOUT);
        CHECK(now_ms(clock) >= before + 29);
        t = ms(before);
        CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET | (i ? FUTEX_CLOCK_REALTIME : 0), 0, &t, NULL,
                          FUTEX_BITSET_MATCH_ANY),
                    ETIMEDOUT);
    }
}

#define WAITERS 4

static void start(struct waiter *w, int n, void *at, int op, uint32_t bits)
{
    for (int i = 0; i < n; i++) {
        w[i] = (struct waiter){ .word = at, .op = op, .val = 0, .val3 = bits };
        wait_in_thread(&w[i]);
    }
}

static int join(struct waiter *w, int n)
{
    int bad = 0;

    for (int i = 0; i < n; i++) {
        pthread_join(w[i].thread, NULL);
        bad += w[i].result != 0;
    }
    return bad;
}

TEST(wakes_are_counted_and_in_order)
{
    struct waiter w[WAITERS];

    word = 0;
    start(w, WAITERS, &word, FUTEX_WAIT_PRIVATE, 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    pthread_join(w[0].thread, NULL);
    CHECK(!w[1].done && !w[2].done && !w[3].done);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 0, NULL, NULL, 0), 1);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0), 2);
    CHECK_EQ(join(w + 1, WAITERS - 1), 0);
    CHECK_EQ(w[0].result, 0);
}

TEST(a_private_wake_does_not_reach_a_shared_wait)
{
    struct waiter w[1];

    word = 0;
    start(w, 1, &word, FUTEX_WAIT, 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    CHECK_EQ(join(w, 1), 0);
}

TEST(bits_choose)
{
    struct waiter a[1], b[1];

    word = 0;
    start(a, 1, &word, FUTEX_WAIT_BITSET_PRIVATE, 1);
    start(b, 1, &word, FUTEX_WAIT_BITSET_PRIVATE, 2);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 4), 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2), 1);
    CHECK_EQ(join(b, 1), 0);
    CHECK(!a[0].done);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
    CHECK_EQ(join(a, 1), 0);
}

TEST(requeue_wakes_some_and_moves_some)
{
    struct waiter w[WAITERS];

    word = other = 0;
    start(w, WAITERS, &word, FUTEX_WAIT_PRIVATE, 0);
    CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)9, &other, 1), EAGAIN);
    CHECK_EQ(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &other, 0), 3);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
    CHECK_EQ(futex(&other, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 2);
    CHECK_EQ(join(w, WAITERS), 0);
}

TEST(requeue_without_a_look)
{
    struct waiter w[2];

    word = 0;
    start(w, 2, &word, FUTEX_WAIT, 0);
    word = 7;
    CHECK_EQ(futex(&word, FUTEX_REQUEUE, 0, (void *)9, &other, 0), 2);
    CHECK_EQ(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&other, FUTEX_WAKE, 9, NULL, NULL, 0), 2);
    CHECK_EQ(join(w, 2), 0);
}

TEST(wake_op_changes_compares_and_wakes_both)
{
    struct waiter a[1], b[1];

    word = other = 0;
    start(a, 1, &word, FUTEX_WAIT_PRIVATE, 0);
    start(b, 1, &other, FUTEX_WAIT_PRIVATE, 0);
    other = 5;
    CHECK_EQ(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other,
                   FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)),
             2);
    CHECK_EQ(other, 8);
    CHECK_EQ(join(a, 1) + join(b, 1), 0);
}

TEST(wake_op_in_all_its_ways)
{
    static const struct {
        uint32_t op, before, after;
    } rows[] = {
        {FUTEX_OP(FUTEX_OP_SET,                          7,     FUTEX_OP_CMP_NE, 0), 5, 7 },
        { FUTEX_OP(FUTEX_OP_ADD,                         0xfff, FUTEX_OP_CMP_LT, 0), 5, 4 },
        { FUTEX_OP(FUTEX_OP_OR,                          6,     FUTEX_OP_CMP_LE, 0), 1, 7 },
        { FUTEX_OP(FUTEX_OP_ANDN,                        6,     FUTEX_OP_CMP_GT, 0), 7, 1 },
        { FUTEX_OP(FUTEX_OP_XOR,                         3,     FUTEX_OP_CMP_GE, 0), 5, 6 },
        { FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 4,     FUTEX_OP_CMP_GE, 0), 1, 17},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        other = rows[i].before;
        CHECK_EQ(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, rows[i].op), 0);
        CHECK_EQ(other, rows[i].after);
    }
    CHECK_ERRNO(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP(5, 0, 0, 0)), ENOSYS);
    CHECK_ERRNO(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP(0, 0, 6, 0)), ENOSYS);
    CHECK_ERRNO(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, (void *)8, 0), EFAULT);
}

TEST(shared_between_processes)
{
    _Atomic uint32_t *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    CHECK(p != MAP_FAILED);
    pid_t pid = fork();
    if (pid == 0) {
        while (futex(p, FUTEX_WAIT, 0, NULL, NULL, 0) == -1 && errno == EINTR)
            ;
        p[1] = 1;
        _exit(p[0] == 1 ? 0 : 1);
    }
    while (!p[1]) {
        p[0] = 1;
        futex(p, FUTEX_WAKE, 1, NULL, NULL, 0);
        sched_yield();
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    munmap(p, 4096);
}

static void on_signal(int sig)
{
    (void)sig;
}

static void catch (int flags)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

    sigaction(SIGUSR1, &sa, NULL);
}

TEST(a_handler_ends_a_wait_that_does_not_restart)
{
    struct waiter w[1];

    word = 0;
    catch (0);
    start(w, 1, &word, FUTEX_WAIT_PRIVATE, 0);
    pthread_kill(w[0].thread, SIGUSR1);
    pthread_join(w[0].thread, NULL);
    CHECK_EQ(w[0].result, -1);
    CHECK_EQ(w[0].error, EINTR);
}

TEST(a_restarting_handler_lets_it_go_on)
{
    struct waiter w[1];

    word = 0;
    catch (SA_RESTART);
    start(w, 1, &word, FUTEX_WAIT_PRIVATE, 0);
    pthread_kill(w[0].thread, SIGUSR1);
    while (futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0)
        sched_yield();
    CHECK_EQ(join(w, 1), 0);
}

TEST(a_wait_with_a_timeout_never_restarts_after_a_handler)
{
    struct timespec t = ms(10000);
    struct waiter w = { .word = &word, .op = FUTEX_WAIT_PRIVATE, .timeout = &t };

    word = 0;
    catch (SA_RESTART);
    wait_in_thread(&w);
    pthread_kill(w.thread, SIGUSR1);
    pthread_join(w.thread, NULL);
    CHECK_EQ(w.error, EINTR);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *take_turns(void *who)
{
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 4 != (long)who)
            pthread_cond_wait(&cond, &mutex);
        turn++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

TEST(four_threads_take_turns)
{
    pthread_t threads[4];

    for (long i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_turns, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(turn, 400);
}

MAIN
