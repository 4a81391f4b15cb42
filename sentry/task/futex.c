/* SPDX-License-Identifier: Apache-2.0 */
/* The table of waiters; wait and wake. How they exclude each other is told in futex_priv.h. */
#include "base/hash.h"
#include "base/host.h"
#include "sentry/core/rng.h"
#include "sentry/task/futex_priv.h"

int futexes_create(struct arena *a)
{
    void *memory = arena_alloc(a, sizeof(struct futexes) + 64);

    if (!memory)
        return -ENOMEM;
    struct futexes *f = (struct futexes *)(((uintptr_t)memory + 63) & ~(uintptr_t)63);
    f->memory = memory;
    f->seed = rng_u64(a);
    for (size_t i = 0; i < FUTEX_BUCKETS; i++) {
        mutex_init(&f->buckets[i].lock, RANK_FUTEX);
        list_init(&f->buckets[i].waiters);
    }
    for (size_t i = 0; i < PI_SHARDS; i++) {
        mutex_init(&f->shards[i].lock, RANK_FUTEX_PI);
        list_init(&f->shards[i].states);
    }
    arena_set_root(a, ROOT_FUTEXES, f);
    return 0;
}

void futexes_destroy(struct arena *a)
{
    struct futexes *f = arena_root(a, ROOT_FUTEXES);

    if (f)
        arena_free(f->memory);
    arena_set_root(a, ROOT_FUTEXES, NULL);
}

struct futex_bucket *futex_bucket_of(const struct task *t, const struct word_key *key)
{
    struct futexes *f = futexes_of(t);

    return &f->buckets[hash_pair(key->object ^ f->seed, key->off) % FUTEX_BUCKETS];
}

int futex_check(const struct futex *f)
{
    return f->at.va % sizeof(uint32_t) ? -EINVAL : 0;
}

int futex_key(struct task *t, const struct futex *f, struct word_key *out)
{
    int err = futex_check(f);

    if (!err)
        err = mm_word_key(t->mm, f->at, f->shared, out);
    /* As in Linux, the two kinds never meet, even where both mean the same memory. */
    if (!err && f->shared)
        out->off |= 1;
    return err;
}

int futex_waiter_init(struct futex_waiter *w, struct task *t, const struct futex *f,
                      uint32_t bitset)
{
    *w = (struct futex_waiter){ .task = t, .bitset = bitset };
    list_init(&w->node);
    return bitset ? futex_key(t, f, &w->key) : -EINVAL;
}

int futex_enqueue(struct futex_waiter *w, uptr_t at, uint32_t expected)
{
    struct futex_bucket *b = futex_bucket_of(w->task, &w->key);

    for (;;) {
        uint32_t wakes = atomic_load(&b->wakes), seen;
        int err = word_load(w->task->mm, at, &seen);
        if (err)
            return err;
        if (seen != expected)
            return -EAGAIN;
        mutex_lock(&b->lock);
        /* In this order: a waker counts first and then looks for us. */
        atomic_fetch_add(&b->waiting, 1);
        bool unchanged = atomic_load(&b->wakes) == wakes;
        if (unchanged) {
            atomic_fetch_add(&b->waits, 1);
            atomic_store(&w->bucket, b);
            list_push_back(&b->waiters, &w->node);
        } else {
            atomic_fetch_sub(&b->waiting, 1);
        }
        mutex_unlock(&b->lock);
        if (unchanged)
            return 0;
    }
}

bool futex_dequeue(struct futex_waiter *w)
{
    struct futex_bucket *b;

    while ((b = atomic_load(&w->bucket))) {
        if (b == BUCKET_MOVING) {
            host_sched_yield(); /* whoever took it off holds no lock that we do */
            continue;
        }
        mutex_lock(&b->lock);
        bool ours = atomic_load(&w->bucket) == b;
        if (ours) {
            list_del(&w->node);
            atomic_fetch_sub(&b->waiting, 1);
            atomic_store(&w->bucket, NULL);
        }
        mutex_unlock(&b->lock);
        if (ours)
            return true;
    }
    return false;
}

int futex_sleep(struct futex_waiter *w, const struct moment *until)
{
    for (;;) {
        park_prepare(&w->task->park);
        if (!atomic_load(&w->bucket))
            return 0;
        int err = clock_sleep(w->task, until);
        if (err)
            return futex_dequeue(w) ? err : 0;
    }
}

void futex_take_locked(struct futex_bucket *b, struct futex_waiter *w, struct list *out)
{
    list_del(&w->node);
    list_push_back(out, &w->node);
    atomic_fetch_sub(&b->waiting, 1);
    atomic_store(&w->bucket, BUCKET_MOVING);
}

void futex_wake_taken(struct list *taken)
{
    struct futex_waiter *w;

    while ((w = list_pop_front(taken, struct futex_waiter, node))) {
        scoped(task) struct task *t = task_get(w->task);
        atomic_store(&w->bucket, NULL); /* its stack is its own again */
        task_wake(t);
    }
}

int futex_wait(struct task *t, const struct futex *f, uint32_t expected, uint32_t bitset,
               const struct moment *until)
{
    struct futex_waiter w;
    int err = futex_waiter_init(&w, t, f, bitset);

    if (!err)
        err = futex_enqueue(&w, f->at, expected);
    return err ? err : futex_sleep(&w, until);
}

int futex_wake(struct task *t, const struct futex *f, int count, uint32_t bitset)
{
    struct list taken = LIST_INIT(taken), *tmp;
    struct futex_waiter *w;
    struct word_key key;
    int err = bitset ? futex_key(t, f, &key) : -EINVAL, woken = 0;

    if (err)
        return err;
    if (futex_has_pi(t, &key))
        return -EINVAL;
    struct futex_bucket *b = futex_bucket_of(t, &key);
    atomic_fetch_add(&b->wakes, 1);
    if (!atomic_load(&b->waiting))
        return 0;
    mutex_lock(&b->lock);
    list_for_each_safe (w, tmp, &b->waiters, node) {
        if (!word_key_equal(&w->key, &key))
            continue;
        if (w->to_pi) {
            err = -EINVAL;
            break;
        }
        if (!(w->bitset & bitset))
            continue;
        futex_take_locked(b, w, &taken);
        if (++woken >= count)
            break;
    }
    mutex_unlock(&b->lock);
    futex_wake_taken(&taken);
    return err ? err : woken;
}

/* A thread that is alone in its memory leaves nobody to tell: Linux does not write then. */
static void clear_tid(struct task *t)
{
    uptr_t at = t->clear_tid;
    uint32_t zero = 0;

    t->clear_tid = uptr(0);
    if (uptr_is_null(at) || !mm_is_shared(t->mm) || copy_out_struct(t->mm, at, &zero))
        return;
    int ignored = futex_wake(t, &(struct futex){ at, true }, 1, UINT32_MAX);
    (void)ignored;
}

void futex_exit(struct task *t)
{
    if (!t->mm)
        return;
    atomic_store(&t->futex_exit, FUTEX_EXITING);
    robust_exit(t);
    pi_exit(t);
    atomic_store(&t->futex_exit, FUTEX_GONE);
    clear_tid(t);
}

void futex_exec(struct task *t)
{
    futex_exit(t);
    atomic_store(&t->futex_exit, FUTEX_ALIVE);
}
