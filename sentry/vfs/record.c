/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record locks.
 *
 * Those of one owner never overlap, and neighbours of one kind are one lock. A
 * change first cuts the owner's locks out of the range, then puts the new one in;
 * the memory for both is there before anything is touched.
 *
 *   source    fcntl(2), "Advisory record locking"
 */
#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/filelock_priv.h"
#include "sentry/vfs/vfs_priv.h"

#define CIRCLE_MAX 10 /* as in Linux: longer circles are not looked for */

/* Who waits for whom. [W] vfs.waits_lock */
struct record_wait {
    struct list node;    /* [W] in vfs.waits */
    const void *owner;   /* [I] */
    const void *blocker; /* [W] whose lock is in the way */
};

static const struct slab_type record_wait_slab = SLAB_TYPE(record_wait, struct record_wait);

static bool overlaps(const struct file_lock *k, const struct record *r)
{
    return k->start <= r->end && r->start <= k->end;
}

static struct file_lock *conflict_locked(struct file_locks *l, const struct record *r)
    HOLDS(l->lock);
static struct file_lock *conflict_locked(struct file_locks *l, const struct record *r)
{
    struct file_lock *k;

    list_for_each (k, &l->records, node)
        if (k->owner != r->owner && overlaps(k, r) && (k->exclusive || r->exclusive))
            return k;
    return NULL;
}

static void insert_locked(struct file_locks *l, struct file_lock *fresh) HOLDS(l->lock);
static void insert_locked(struct file_locks *l, struct file_lock *fresh)
{
    struct file_lock *k;

    list_for_each (k, &l->records, node)
        if (k->start > fresh->start) {
            list_insert_before(&k->node, &fresh->node);
            return;
        }
    list_push_back(&l->records, &fresh->node);
}

/*
 * Takes [r->start, r->end] out of what the owner has. `*rest` becomes the end of a
 * lock that is cut in two; set to NULL where it was used.
 */
static bool cut_locked(struct file_locks *l, const struct record *r, struct file_lock **rest)
    HOLDS(l->lock);
static bool cut_locked(struct file_locks *l, const struct record *r, struct file_lock **rest)
{
    struct list *tmp;
    struct file_lock *k;
    bool any = false;

    list_for_each_safe (k, tmp, &l->records, node) {
        if (k->owner != r->owner || !overlaps(k, r))
            continue;
        any = true;
        bool before = k->start<r->start, after = k->end> r->end;
        if (before && after) {
            struct file_lock *end = keep(*rest);
            end->owner = k->owner;
            end->pid = k->pid;
            end->exclusive = k->exclusive;
            end->start = r->end + 1;
            end->end = k->end;
            k->end = r->start - 1;
            insert_locked(l, end);
            return true;
        }
        if (before) {
            k->end = r->start - 1;
            continue;
        }
        list_del(&k->node);
        if (after) {
            k->start = r->end + 1;
            insert_locked(l, k);
        } else {
            slab_free(k);
        }
    }
    return any;
}

/* Joins `fresh` with neighbours of the same owner and kind. */
static void merge_locked(struct file_locks *l, struct file_lock *fresh) HOLDS(l->lock);
static void merge_locked(struct file_locks *l, struct file_lock *fresh)
{
    struct list *tmp;
    struct file_lock *k;

    list_for_each_safe (k, tmp, &l->records, node) {
        if (k == fresh || k->owner != fresh->owner || k->exclusive != fresh->exclusive)
            continue;
        if (k->end + 1 == fresh->start)
            fresh->start = k->start;
        else if (fresh->end + 1 == k->start)
            fresh->end = k->end;
        else
            continue;
        list_del(&k->node);
        slab_free(k);
    }
    list_del(&fresh->node);
    insert_locked(l, fresh);
}

/* Memory for one change: a new lock and the rest of one cut in two. */
struct spare {
    struct file_lock *fresh, *rest;
};

static int spare_get(struct arena *a, struct spare *s)
{
    s->fresh = slab_alloc(a, &file_lock_slab);
    s->rest = slab_alloc(a, &file_lock_slab);
    if (!s->fresh || !s->rest) {
        slab_free(s->fresh);
        slab_free(s->rest);
        return -ENOMEM;
    }
    list_init(&s->fresh->node);
    list_init(&s->rest->node);
    return 0;
}

static void spare_put(struct spare *s)
{
    slab_free(s->fresh);
    slab_free(s->rest);
}

static int set_locked(struct file_locks *l, const struct record *r, struct spare *s, bool *changed,
                      const void **blocker) HOLDS(l->lock);
static int set_locked(struct file_locks *l, const struct record *r, struct spare *s, bool *changed,
                      const void **blocker)
{
    struct file_lock *k = conflict_locked(l, r);

    if (k) {
        *blocker = k->owner;
        return -EAGAIN;
    }
    *changed = cut_locked(l, r, &s->rest);
    struct file_lock *fresh = keep(s->fresh);
    fresh->owner = r->owner;
    fresh->pid = r->pid;
    fresh->exclusive = r->exclusive;
    fresh->start = r->start;
    fresh->end = r->end;
    insert_locked(l, fresh);
    merge_locked(l, fresh);
    return 0;
}

/* ---- circles ---- */

static struct record_wait *wait_of_locked(struct vfs *v, const void *owner)
{
    struct record_wait *w;

    list_for_each (w, &v->waits, node)
        if (w->owner == owner)
            return w;
    return NULL;
}

/* Does `blocker`, by whatever way, wait for `owner`? */
static bool is_circle_locked(struct vfs *v, const void *owner, const void *blocker)
{
    for (int i = 0; i < CIRCLE_MAX; i++) {
        const struct record_wait *w = wait_of_locked(v, blocker);
        if (!w)
            return false;
        blocker = w->blocker;
        if (blocker == owner)
            return true;
    }
    return false;
}

/* Notes that `r` is about to wait for `blocker`. Errors: EDEADLK, ENOMEM; else EAGAIN. */
static int wait_begin(struct inode *i, const struct record *r, const void *blocker,
                      struct record_wait **wait)
{
    struct vfs *v = vfs_of(i->sb->arena);
    int err = -EAGAIN;

    if (r->pid < 0)
        return err; /* as Linux: descriptions are shared, and no circle is looked for */
    if (!*wait) {
        *wait = slab_alloc(i->sb->arena, &record_wait_slab);
        if (!*wait)
            return -ENOMEM;
        list_init(&(*wait)->node);
        (*wait)->owner = r->owner;
    }
    mutex_lock(&v->waits_lock);
    if (is_circle_locked(v, r->owner, blocker)) {
        err = -EDEADLK;
    } else {
        (*wait)->blocker = blocker;
        if (!list_is_linked(&(*wait)->node))
            list_push_back(&v->waits, &(*wait)->node);
    }
    mutex_unlock(&v->waits_lock);
    return err;
}

void record_wait_end(struct inode *i, struct record_wait *wait)
{
    struct vfs *v = vfs_of(i->sb->arena);

    if (!wait)
        return;
    mutex_lock(&v->waits_lock);
    list_del(&wait->node);
    mutex_unlock(&v->waits_lock);
    slab_free(wait);
}

/* ---- the calls ---- */

int record_try(struct inode *i, const struct record *r, struct record_wait **wait)
{
    struct file_locks *l = file_locks_of(i);
    const void *blocker = NULL;
    struct spare s;
    bool changed = false;

    if (!l)
        return -ENOMEM;
    int err = spare_get(i->sb->arena, &s);
    if (err)
        return err;
    mutex_lock(&l->lock);
    err = set_locked(l, r, &s, &changed, &blocker);
    mutex_unlock(&l->lock);
    spare_put(&s);
    if (changed)
        waitq_wake(&l->waitq, 0);
    return err == -EAGAIN && wait ? wait_begin(i, r, blocker, wait) : err;
}

int record_unlock(struct inode *i, const struct record *r)
{
    struct file_locks *l = file_locks_peek(i);
    struct spare s;

    if (!l)
        return 0;
    int err = spare_get(i->sb->arena, &s);
    if (err)
        return err;
    mutex_lock(&l->lock);
    bool changed = cut_locked(l, r, &s.rest);
    mutex_unlock(&l->lock);
    spare_put(&s);
    if (changed)
        waitq_wake(&l->waitq, 0);
    return 0;
}

bool record_test(struct inode *i, const struct record *r, struct record *out)
{
    struct file_locks *l = file_locks_peek(i);
    bool found = false;

    if (!l)
        return false;
    mutex_lock(&l->lock);
    const struct file_lock *k = conflict_locked(l, r);
    if (k) {
        *out = (struct record){ k->owner, k->pid, k->exclusive, k->start, k->end };
        found = true;
    }
    mutex_unlock(&l->lock);
    return found;
}
