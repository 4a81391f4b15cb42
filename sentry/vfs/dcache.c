/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names to keep.
 *
 * Every cached name is on one list. The hand of a clock goes over it: a name that
 * was looked at since the last round is spared once more, one that nobody uses is
 * forgotten. So a hit costs no more than a bit, and the list's lock is taken only
 * where names come and go.
 *
 * A name that is in use stays, and a guest can use as many as it has memory for. So
 * whoever adds one above the limit moves the hand on by a STRIDE and no more, and the
 * next goes on from there. Names are gone over twice before they go; so where two in a
 * STRIDE are unused, as many go as come. Only who is out of memory goes all the way.
 */
#include "sentry/mm/frame.h"
#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/vfs_priv.h"

#define BATCH  32 /* names that are picked before they are forgotten */
#define STRIDE 64 /* names that the hand goes over while the lock is held */

void dcache_add(struct dentry *d)
{
    struct vfs *v = vfs_of(d->sb->arena);

    mutex_lock(&v->dcache_lock);
    list_push_back(&v->lru, &d->lru);
    __atomic_store_n(&v->ncached, v->ncached + 1, __ATOMIC_RELAXED);
    mutex_unlock(&v->dcache_lock);
}

void dcache_del(struct dentry *d)
{
    struct vfs *v = vfs_of(d->sb->arena);

    mutex_lock(&v->dcache_lock);
    list_del(&d->lru);
    __atomic_store_n(&v->ncached, v->ncached - 1, __ATOMIC_RELAXED);
    mutex_unlock(&v->dcache_lock);
}

/* Is `d` one that could go? Its use since the last round is forgotten. */
static bool pick(struct dentry *d)
{
    uint32_t was =
        atomic_fetch_and_explicit(&d->state, ~(uint32_t)DENTRY_USED, memory_order_relaxed);

    return !(was & DENTRY_USED) && ref_count(&d->ref) == 1;
}

/* Moves the hand on by a STRIDE, or by *steps if that is less. What it picks is given. */
static size_t sweep(struct vfs *v, struct dentry *out[BATCH], uint32_t *steps)
{
    uint32_t left = min(*steps, (uint32_t)STRIDE);
    size_t n = 0;

    *steps -= left;
    mutex_lock(&v->dcache_lock);
    for (; left > 0 && n < BATCH && !list_empty(&v->lru); left--) {
        struct dentry *d = list_first(&v->lru, struct dentry, lru);
        list_del(&d->lru);
        list_push_back(&v->lru, &d->lru);
        if (pick(d))
            out[n++] = dentry_get(d);
    }
    mutex_unlock(&v->dcache_lock);
    return n;
}

static uint32_t forget_all(struct dentry **some, size_t n)
{
    uint32_t gone = 0;

    for (size_t i = 0; i < n; i++) {
        gone += dentry_forget_unused(some[i]);
        dentry_put(some[i]);
    }
    return gone;
}

static uint32_t most_kept(struct arena *a)
{
    return (uint32_t)min(ram_total(a) / DCACHE_SHARE, (uint64_t)DCACHE_MAX);
}

uint32_t dcache_shrink(struct arena *a, uint32_t want)
{
    struct vfs *v = vfs_of(a);
    uint32_t have = __atomic_load_n(&v->ncached, __ATOMIC_RELAXED), gone = 0;
    /* Two rounds: the first may do no more than forget that names were used. */
    uint32_t steps = 2 * have;

    if (want == 0) {
        uint32_t most = most_kept(a);
        if (likely(have <= most))
            return 0;
        want = have - most + BATCH;
        steps = STRIDE;
    }
    while (steps > 0 && gone < want) {
        struct dentry *some[BATCH];
        gone += forget_all(some, sweep(v, some, &steps));
    }
    return gone;
}

void dcache_drop_sb(struct superblock *sb)
{
    struct vfs *v = vfs_of(sb->arena);
    bool any = true;

    /* From the youngest on: children come before their parents, so few rounds are needed. */
    while (any) {
        struct dentry *some[BATCH];
        size_t n = 0;

        any = false;
        mutex_lock(&v->dcache_lock);
        for (struct list *l = v->lru.prev; l != &v->lru && n < BATCH; l = l->prev) {
            struct dentry *d = list_entry(l, struct dentry, lru);
            if (d->sb == sb && ref_count(&d->ref) == 1)
                some[n++] = dentry_get(d);
        }
        mutex_unlock(&v->dcache_lock);
        any = forget_all(some, n) > 0;
    }
    if (sb->ops->drop_caches)
        sb->ops->drop_caches(sb);
}
