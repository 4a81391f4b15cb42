/* SPDX-License-Identifier: Apache-2.0 */
/* Locks on files: what both kinds share, and flock(2), which is the simple one. */
#include "sentry/vfs/filelock.h"

#include <errno.h>
#include <sys/file.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/filelock_priv.h"

static const struct slab_type file_locks_slab = SLAB_TYPE(file_locks, struct file_locks);
const struct slab_type file_lock_slab = SLAB_TYPE(file_lock, struct file_lock);

struct file_locks *file_locks_peek(struct inode *i)
{
    return atomic_load_explicit(&i->locks, memory_order_acquire);
}

struct file_locks *file_locks_of(struct inode *i)
{
    struct file_locks *l = file_locks_peek(i), *none = NULL;

    if (l)
        return l;
    l = slab_alloc(i->sb->arena, &file_locks_slab);
    if (!l)
        return NULL;
    mutex_init(&l->lock, RANK_FILELOCK);
    list_init(&l->flocks);
    list_init(&l->records);
    waitq_init(&l->waitq);
    if (atomic_compare_exchange_strong_explicit(&i->locks, &none, l, memory_order_acq_rel,
                                                memory_order_acquire))
        return l;
    waitq_destroy(&l->waitq);
    slab_free(l);
    return none; /* somebody was faster: it holds theirs now */
}

int file_locks_queue(struct inode *i, struct waitq **out)
{
    struct file_locks *l = file_locks_of(i);

    if (!l)
        return -ENOMEM;
    *out = &l->waitq;
    return 0;
}

bool file_locks_free_locked(struct list *all, const void *owner)
{
    struct list *tmp;
    struct file_lock *k;
    bool any = false;

    list_for_each_safe (k, tmp, all, node) {
        if (owner && k->owner != owner)
            continue;
        list_del(&k->node);
        slab_free(k);
        any = true;
    }
    return any;
}

void file_locks_destroy(struct file_locks *l)
{
    if (!l)
        return;
    file_locks_free_locked(&l->flocks, NULL);
    file_locks_free_locked(&l->records, NULL);
    waitq_destroy(&l->waitq);
    slab_free(l);
}

static void drop(struct inode *i, const void *owner)
{
    struct file_locks *l = file_locks_peek(i);

    if (likely(!l))
        return;
    mutex_lock(&l->lock);
    bool any = file_locks_free_locked(&l->flocks, owner);
    any |= file_locks_free_locked(&l->records, owner);
    mutex_unlock(&l->lock);
    if (any)
        waitq_wake(&l->waitq, 0);
}

void file_locks_drop_file(struct file *f)
{
    drop(f->inode, f);
}

void file_locks_drop_owner(struct inode *i, const struct fdtable *owner)
{
    drop(i, owner);
}

/* ---- flock(2) ---- */

static bool flock_conflicts_locked(struct file_locks *l, bool exclusive) HOLDS(l->lock);
static bool flock_conflicts_locked(struct file_locks *l, bool exclusive)
{
    struct file_lock *k;

    list_for_each (k, &l->flocks, node)
        if (exclusive || k->exclusive)
            return true;
    return false;
}

static struct file_lock *flock_of_locked(struct file_locks *l, const struct file *f) HOLDS(l->lock);
static struct file_lock *flock_of_locked(struct file_locks *l, const struct file *f)
{
    struct file_lock *k;

    list_for_each (k, &l->flocks, node)
        if (k->owner == f)
            return k;
    return NULL;
}

/* `fresh`, taken, is the memory of the new lock. `changed`: somebody may go on. */
static int flock_set_locked(struct file_locks *l, struct file *f, bool exclusive,
                            struct file_lock *fresh, bool *changed) HOLDS(l->lock);
static int flock_set_locked(struct file_locks *l, struct file *f, bool exclusive,
                            struct file_lock *fresh, bool *changed)
{
    struct file_lock *mine = flock_of_locked(l, f);

    if (mine && mine->exclusive == exclusive) {
        slab_free(fresh);
        return 0;
    }
    if (mine) {
        list_del(&mine->node);
        slab_free(mine);
        *changed = true;
    }
    if (flock_conflicts_locked(l, exclusive)) {
        slab_free(fresh);
        return -EAGAIN;
    }
    list_init(&fresh->node);
    fresh->owner = f;
    fresh->exclusive = exclusive;
    list_push_back(&l->flocks, &fresh->node);
    return 0;
}

int flock_try(struct file *f, int op)
{
    struct file_locks *l = op == LOCK_UN ? file_locks_peek(f->inode) : file_locks_of(f->inode);
    struct file_lock *fresh = NULL;
    bool changed = false;
    int err = 0;

    if (!l)
        return op == LOCK_UN ? 0 : -ENOMEM;
    if (op != LOCK_UN) {
        fresh = slab_alloc(f->arena, &file_lock_slab);
        if (!fresh)
            return -ENOMEM;
    }
    mutex_lock(&l->lock);
    if (op == LOCK_UN)
        changed = file_locks_free_locked(&l->flocks, f);
    else
        err = flock_set_locked(l, f, op == LOCK_EX, fresh, &changed);
    mutex_unlock(&l->lock);
    if (changed)
        waitq_wake(&l->waitq, 0);
    return err;
}
