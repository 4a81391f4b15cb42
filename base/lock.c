/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutex is the three-state one of Drepper, "Futexes are tricky" (mutex3),
 * which makes no host call where nobody waits, with a short spin before the
 * first sleep: waking another virtual CPU costs far more than our short locks.
 */
#include "base/lock.h"

#include <errno.h>

#include "base/host.h"
#include "base/panic.h"

enum {
    FREE,
    HELD,
    WANTED, /* held, and someone may sleep */
};

#define SPINS 100

#if DEBUG
/* Which locks this thread holds, in the order in which it took them. */
#define HELD_MAX 16
static _Thread_local struct {
    unsigned len;
    const struct mutex *at[HELD_MAX];
} held;

/* A number that no other living thread has, and that a fork does not change. */
static uintptr_t self(void)
{
    return (uintptr_t)&held;
}

/* Locks of the rank of `m` may be held only where `equals` are allowed, and never `m` itself. */
static void check_order(const struct mutex *m, bool equals)
{
    for (unsigned i = 0; i < held.len; i++) {
        const struct mutex *h = held.at[i];
        if (h->rank > m->rank || (h->rank == m->rank && (!equals || h == m)))
            panic("lock order: rank %u is wanted while %u is held", m->rank, h->rank);
    }
}

static void note_taken(struct mutex *m)
{
    assert(held.len < HELD_MAX);
    held.at[held.len++] = m;
    atomic_store_explicit(&m->owner, self(), memory_order_relaxed);
}

static void note_given_up(struct mutex *m)
{
    unsigned i = held.len;

    assert(mutex_held(m));
    while (held.at[--i] != m)
        assert(i > 0);
    for (held.len--; i < held.len; i++)
        held.at[i] = held.at[i + 1];
    atomic_store_explicit(&m->owner, 0, memory_order_relaxed);
}
#else
static inline void check_order(const struct mutex *m, bool equals)
{
    (void)m, (void)equals;
}
static inline void note_taken(struct mutex *m)
{
    (void)m;
}
static inline void note_given_up(struct mutex *m)
{
    (void)m;
}
#endif

void mutex_init(struct mutex *m, enum lock_rank rank)
{
    *m = (struct mutex)MUTEX_INIT(rank);
}

static bool try_take(struct mutex *m)
{
    uint32_t was = FREE;

    return atomic_compare_exchange_strong_explicit(&m->word, &was, HELD, memory_order_acquire,
                                                   memory_order_relaxed);
}

static void take_slowly(struct mutex *m)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t word = atomic_load_explicit(&m->word, memory_order_relaxed);
        if (word == FREE && try_take(m))
            return;
        if (word == WANTED)
            break;
        __builtin_ia32_pause();
    }
    /* From here on it is taken as WANTED: we cannot know that no other sleeps. */
    while (atomic_exchange_explicit(&m->word, WANTED, memory_order_acquire) != FREE) {
        int err = host_futex_wait(&m->word, WANTED, NSEC_NEVER);
        if (err && err != -EAGAIN && err != -EINTR)
            panic("futex wait: %d", err);
    }
}

/* The analysis does not look into the word: here, and in the functions below. */
static void lock_checked(struct mutex *m, bool equals) UNCHECKED_LOCKS
{
    check_order(m, equals);
    if (unlikely(!try_take(m)))
        take_slowly(m);
    note_taken(m);
}

void mutex_lock(struct mutex *m) UNCHECKED_LOCKS
{
    lock_checked(m, false);
}

void mutex_lock_nested(struct mutex *m) UNCHECKED_LOCKS
{
    lock_checked(m, true);
}

bool mutex_trylock(struct mutex *m) UNCHECKED_LOCKS
{
    if (!try_take(m))
        return false;
    note_taken(m);
    return true;
}

void mutex_unlock(struct mutex *m) UNCHECKED_LOCKS
{
    note_given_up(m);
    uint32_t was = atomic_exchange_explicit(&m->word, FREE, memory_order_release);
    assert(was != FREE);
    if (unlikely(was == WANTED))
        host_futex_wake(&m->word, 1);
}

void mutex_lock_two(struct mutex *a, struct mutex *b) UNCHECKED_LOCKS
{
    assert_slow(a->rank == b->rank);
    if ((uintptr_t)a > (uintptr_t)b) {
        struct mutex *c = a;
        a = b;
        b = c;
    }
    lock_checked(a, false);
    if (a != b)
        lock_checked(b, true);
}

void mutex_unlock_two(struct mutex *a, struct mutex *b) UNCHECKED_LOCKS
{
    mutex_unlock(a);
    if (a != b)
        mutex_unlock(b);
}

bool mutex_held(const struct mutex *m)
{
#if DEBUG
    return atomic_load_explicit(&m->owner, memory_order_relaxed) == self();
#else
    return atomic_load_explicit(&m->word, memory_order_relaxed) != FREE;
#endif
}

/*
 * Only the owner moves the word to EMPTY and ASLEEP; wakers move it to WOKEN.
 * A waker that finds ASLEEP pays for a host call, and so only one does.
 */
enum {
    EMPTY = PARK_EMPTY,
    WOKEN,
    ASLEEP,
};

void park_prepare(struct park *p)
{
    /* acquire: what an earlier waker changed is seen by the check that follows. */
    atomic_exchange_explicit(&p->word, EMPTY, memory_order_acq_rel);
}

int park_wait(struct park *p, nsec_t deadline)
{
    uint32_t was = EMPTY;
    int err = 0;

    if (!atomic_compare_exchange_strong_explicit(&p->word, &was, ASLEEP, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        assert(was == WOKEN);
        atomic_store_explicit(&p->word, EMPTY, memory_order_relaxed);
        return 0;
    }
    do {
        err = host_futex_wait(&p->word, ASLEEP, deadline);
    } while (err == 0 && atomic_load_explicit(&p->word, memory_order_relaxed) == ASLEEP);
    was = atomic_exchange_explicit(&p->word, EMPTY, memory_order_acq_rel);
    if (was == WOKEN)
        return 0; /* woken, if late: the deadline or signal will be met again */
    assert(err == -ETIMEDOUT || err == -EINTR);
    return err;
}

void park_wake(struct park *p)
{
    if (atomic_exchange_explicit(&p->word, WOKEN, memory_order_acq_rel) == ASLEEP)
        host_futex_wake(&p->word, 1);
}
