/* SPDX-License-Identifier: Apache-2.0 */
/* Lock and unlock of PI futexes, and what becomes of those whose owner dies. */
#include "sentry/task/futex_pi_priv.h"

#include "base/hash.h"
#include "base/host.h"
#include "sentry/core/slab.h"

static const struct slab_type pi_state_slab = SLAB_TYPE(pi_state, struct pi_state);

struct pi_shard *pi_shard_of(const struct task *t, const struct word_key *key)
{
    struct futexes *f = futexes_of(t);

    return &f->shards[hash_pair(key->object ^ f->seed, key->off) % PI_SHARDS];
}

static struct pi_state *find_locked(struct pi_shard *s, const struct word_key *key)
{
    struct pi_state *st;

    list_for_each (st, &s->states, node)
        if (word_key_equal(&st->key, key))
            return st;
    return NULL;
}

bool futex_has_pi(struct task *t, const struct word_key *key)
{
    if (!atomic_load_explicit(&futexes_of(t)->pi_states, memory_order_relaxed))
        return false;
    struct pi_shard *s = pi_shard_of(t, key);
    mutex_lock(&s->lock);
    bool found = find_locked(s, key) != NULL;
    mutex_unlock(&s->lock);
    return found;
}

struct pi_state *pi_state_make_locked(struct pi_shard *s, struct task *owner,
                                      const struct word_key *key)
{
    struct pi_state *st = slab_alloc(owner->arena, &pi_state_slab);

    if (!st)
        return NULL;
    *st = (struct pi_state){ .key = *key, .owner = owner };
    list_init(&st->node);
    list_init(&st->waiters);
    list_push_back(&s->states, &st->node);
    atomic_fetch_add(&futexes_of(owner)->pi_states, 1);
    return st;
}

void pi_state_drop_locked(struct pi_shard *s, struct pi_state *st)
{
    (void)s;
    if (!list_empty(&st->waiters) || st->orphan)
        return;
    struct futexes *f = arena_root(arena_of(st), ROOT_FUTEXES);
    atomic_fetch_sub(&f->pi_states, 1);
    list_del(&st->node);
    slab_free(st);
}

void pi_queue_locked(struct pi_state *st, struct futex_waiter *w)
{
    w->pi = st;
    list_push_back(&st->waiters, &w->node);
}

/* Changes the word from `from`. Errors: EAGAIN where it is another by now, EFAULT. */
static int change_word(struct task *t, uptr_t at, uint32_t from, uint32_t to)
{
    uint32_t seen = from;
    int err = word_cmpxchg(t->mm, at, &seen, to);

    return err ? err : seen == from ? 0 : -EAGAIN;
}

/* May `who` wait in a state that is there, given what the word says? */
static int check_state(const struct pi_state *st, const struct task *who, uint32_t word)
{
    uint32_t owner = word & FUTEX_TID_MASK;

    if (st->orphan || (word & FUTEX_OWNER_DIED && owner == 0))
        return 0;
    return owner == (uint32_t)task_tid(st->owner, who) ? 0 : -EINVAL;
}

/* Makes the state of a word that names an owner, if that one still lives. */
static int make_state_locked(struct pi_shard *s, const struct pi_attempt *a, uint32_t word,
                             struct pi_state **out) HOLDS(s->lock);
static int make_state_locked(struct pi_shard *s, const struct pi_attempt *a, uint32_t word,
                             struct pi_state **out)
{
    scoped(task) struct task *owner = task_find(a->t, (int)(word & FUTEX_TID_MASK));
    uint32_t now;

    if (owner && atomic_load(&owner->futex_exit) == FUTEX_EXITING)
        return -EBUSY;
    if (!owner || atomic_load(&owner->futex_exit) == FUTEX_GONE) {
        /* It may have marked the word on its way out. */
        int err = word_load(a->t->mm, a->at, &now);
        return err ? err : now == word ? -ESRCH : -EAGAIN;
    }
    *out = pi_state_make_locked(s, owner, &a->key);
    return *out ? 0 : -ENOMEM;
}

/*
 * The first to wait. An owner that ends says so, and then looks whether there are any states; so
 * we count as one before we look at what it says. One of the two sees the other: see pi_exit().
 */
static int attach_locked(struct pi_shard *s, const struct pi_attempt *a, uint32_t word,
                         struct pi_state **out) HOLDS(s->lock);
static int attach_locked(struct pi_shard *s, const struct pi_attempt *a, uint32_t word,
                         struct pi_state **out)
{
    struct futexes *f = futexes_of(a->t);

    atomic_fetch_add(&f->pi_states, 1);
    int err = make_state_locked(s, a, word, out);
    atomic_fetch_sub(&f->pi_states, 1);
    return err;
}

int pi_attempt_locked(struct pi_shard *s, const struct pi_attempt *a, struct pi_state **out)
{
    uint32_t word, tid = (uint32_t)task_tid(a->who, a->who);
    int err = word_load(a->t->mm, a->at, &word);

    if (err)
        return err;
    if ((word & FUTEX_TID_MASK) == tid)
        return -EDEADLK;
    *out = find_locked(s, &a->key);
    if (*out)
        return check_state(*out, a->who, word);
    if ((word & FUTEX_TID_MASK) == 0) {
        uint32_t mine = (word & FUTEX_OWNER_DIED) | tid | (a->mark_waiters ? FUTEX_WAITERS : 0);
        err = change_word(a->t, a->at, word, mine);
        return err ? err : 1;
    }
    /* From now on its owner cannot unlock without us, that is, without this shard's lock. */
    err = change_word(a->t, a->at, word, word | FUTEX_WAITERS);
    return err ? err : attach_locked(s, a, word | FUTEX_WAITERS, out);
}

/* Gives the lock to the first that waits. */
static void grant_locked(struct pi_shard *s, struct pi_state *st, enum pi_grant how) HOLDS(s->lock);
static void grant_locked(struct pi_shard *s, struct pi_state *st, enum pi_grant how)
{
    struct futex_waiter *w = list_pop_front(&st->waiters, struct futex_waiter, node);
    scoped(task) struct task *t = task_get(w->task);

    st->owner = t;
    st->orphan = how == PI_INHERITS;
    atomic_store(&w->pi_grant, how);
    task_wake(t);
    pi_state_drop_locked(s, st);
}

/* The heir writes its name into the word. */
static int inherit(struct futex_waiter *w, struct pi_shard *s, uptr_t at)
{
    uint32_t old, seen, mine = (uint32_t)task_tid(w->task, w->task);
    struct pi_state *st = w->pi;

    mutex_lock(&s->lock);
    int err = word_load(w->task->mm, at, &seen);
    do {
        old = seen;
        if (!err)
            err = word_cmpxchg(w->task->mm, at, &seen, mine | FUTEX_WAITERS | FUTEX_OWNER_DIED);
    } while (!err && seen != old);
    st->orphan = false;
    pi_state_drop_locked(s, st);
    mutex_unlock(&s->lock);
    return err;
}

/* Stops waiting. Returns false where the lock came first. */
static bool give_up(struct futex_waiter *w, struct pi_shard *s)
{
    mutex_lock(&s->lock);
    bool waiting = atomic_load(&w->pi_grant) == PI_WAITING;
    if (waiting) {
        list_del(&w->node);
        pi_state_drop_locked(s, w->pi);
    }
    mutex_unlock(&s->lock);
    return waiting;
}

int pi_sleep(struct futex_waiter *w, struct pi_shard *s, uptr_t at, const struct moment *until)
{
    for (;;) {
        park_prepare(&w->task->park);
        if (atomic_load(&w->pi_grant) != PI_WAITING)
            break;
        int err = clock_sleep(w->task, until);
        if (err && give_up(w, s))
            return err;
    }
    return atomic_load(&w->pi_grant) == PI_INHERITS ? inherit(w, s, at) : 0;
}

int futex_lock_pi(struct task *t, const struct futex *f, const struct moment *until, bool try_only)
{
    struct pi_attempt a = { .t = t, .who = t, .at = f->at };
    struct futex_waiter w;
    struct pi_state *st;
    uint32_t ignored;

    int err = futex_waiter_init(&w, t, f, FUTEX_BITSET_MATCH_ANY);
    if (!err)
        err = word_load(t->mm, f->at, &ignored); /* what has to be fetched is fetched now */
    if (err)
        return err;
    a.key = w.key;
    struct pi_shard *s = pi_shard_of(t, &w.key);
    for (;;) {
        mutex_lock(&s->lock);
        err = pi_attempt_locked(s, &a, &st);
        if (err == 0 && !try_only)
            pi_queue_locked(st, &w);
        else if (err == 0)
            pi_state_drop_locked(s, st);
        mutex_unlock(&s->lock);
        if (err == -EBUSY)
            host_sched_yield();
        else if (err != -EAGAIN)
            break;
        if (task_killed(t))
            return -ERESTARTSYS;
    }
    if (err)
        return err == 1 ? 0 : err;
    return try_only ? -EAGAIN : pi_sleep(&w, s, f->at, until);
}

/* One try: EAGAIN where the word changed under us. */
static int unlock_locked(struct pi_shard *s, struct task *t, const struct word_key *key, uptr_t at)
    HOLDS(s->lock);
static int unlock_locked(struct pi_shard *s, struct task *t, const struct word_key *key, uptr_t at)
{
    uint32_t word;
    int err = word_load(t->mm, at, &word);

    if (err)
        return err;
    if ((word & FUTEX_TID_MASK) != (uint32_t)task_tid(t, t))
        return -EPERM;
    struct pi_state *st = find_locked(s, key);
    if (!st)
        return change_word(t, at, word, 0);
    if (st->owner != t || st->orphan)
        return -EINVAL;
    struct task *next = list_first(&st->waiters, struct futex_waiter, node)->task;
    err = change_word(t, at, word, (uint32_t)task_tid(next, next) | FUTEX_WAITERS);
    if (!err)
        grant_locked(s, st, PI_OWNS);
    return err;
}

int futex_unlock_pi(struct task *t, const struct futex *f)
{
    struct word_key key;
    uint32_t word;

    int err = futex_check(f);
    if (!err)
        err = word_load(t->mm, f->at, &word);
    if (!err && (word & FUTEX_TID_MASK) != (uint32_t)task_tid(t, t))
        err = -EPERM;
    if (!err)
        err = futex_key(t, f, &key);
    if (err)
        return err;
    struct pi_shard *s = pi_shard_of(t, &key);
    do {
        mutex_lock(&s->lock);
        err = unlock_locked(s, t, &key, f->at);
        mutex_unlock(&s->lock);
    } while (err == -EAGAIN);
    return err;
}

void pi_exit(struct task *t)
{
    struct futexes *f = futexes_of(t);

    /* Whoever attaches to us is counted already, or sees futex_exit: see attach_locked(). */
    if (!atomic_load(&f->pi_states))
        return;
    for (size_t i = 0; i < PI_SHARDS; i++) {
        struct pi_shard *s = &f->shards[i];
        struct pi_state *st;
        struct list *tmp;
        mutex_lock(&s->lock);
        list_for_each_safe (st, tmp, &s->states, node)
            if (st->owner == t && !st->orphan)
                grant_locked(s, st, PI_INHERITS);
        mutex_unlock(&s->lock);
    }
}
