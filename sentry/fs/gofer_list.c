/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was last read of a directory: one batch, with attributes.
 *
 * Whoever lists a directory next looks at each of its entries (find, ls -l, git
 * status, every build tool); in an exclusive tree those looks are answered from
 * here. A batch that is the whole directory also answers for names that are not in
 * it, and for the next listing.
 */
#include <errno.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/gofer_priv.h"

#define MISSES_MANY 6u                   /* names of a directory that were asked for singly */
#define GUESS_SIZE  (UINT32_C(32) << 10) /* some 250 entries: as dear as ten such questions */

static const struct slab_type gofer_list_slab = SLAB_TYPE(gofer_list, struct gofer_list);

/*
 * Attributes are most of what a batch costs. While they are used, they are asked for; a
 * guest that only lists names (find) soon gets those of directories alone, until it
 * turns out to want others: each one told costs 1, each one used earns WORTH_USED.
 */
#define WORTH_USED   8
#define WORTH_LACKED 64
#define CREDIT_MOST  8192
#define CREDIT_LEAST (-1024)
#define CREDIT_NONE  (-512)

static void credit(struct gofer_inode *dir, int32_t change)
{
    struct gofer_sb *sb = gofer_sb_of(dir);
    int32_t now = atomic_load_explicit(&sb->credit, memory_order_relaxed) + change;

    /* A change that another thread makes meanwhile may be lost: it is advice. */
    atomic_store_explicit(&sb->credit, max(min(now, CREDIT_MOST), CREDIT_LEAST),
                          memory_order_relaxed);
}

void gofer_list_told(struct gofer_inode *dir, const struct gofer_list *l)
{
    if (l->attrs == GOFER_ATTRS_ALL)
        credit(dir, -(int32_t)l->count);
}

static enum gofer_attrs which_attrs(struct gofer_inode *dir)
{
    struct gofer_sb *sb = gofer_sb_of(dir);

    if (sb->shared)
        return GOFER_ATTRS_NONE;
    return atomic_load_explicit(&sb->credit, memory_order_relaxed) > CREDIT_NONE ? GOFER_ATTRS_ALL
                                                                                 : GOFER_ATTRS_DIRS;
}

static uint64_t hash_of(const char *name, size_t len)
{
    return hash_bytes(0, name, len);
}

struct gofer_list *gofer_list_new(struct arena *a, struct gofer_batch batch)
{
    struct gofer_list *l = slab_alloc(a, &gofer_list_slab);

    if (l) {
        ref_init(&l->ref);
        l->from = batch.cookie;
        l->attrs = batch.attrs;
    }
    return l;
}

/* Open addressing, at most half full. */
bool gofer_list_index(struct gofer_list *l)
{
    uint32_t size = 4;

    while (size < 2 * l->count)
        size *= 2;
    l->index = arena_alloc(arena_of(l), size * sizeof *l->index);
    if (!l->index)
        return false;
    l->size += size * sizeof *l->index;
    l->mask = size - 1;
    for (uint32_t i = 0; i < l->count; i++) {
        const struct gofer_list_entry *e = &l->entries[i];
        uint64_t at = hash_of(l->names + e->name_off, e->name_len);
        while (l->index[at & l->mask])
            at++;
        l->index[at & l->mask] = (uint16_t)(i + 1);
    }
    return true;
}

const struct gofer_list_entry *gofer_list_find(const struct gofer_list *l, const char *name)
{
    size_t len = strlen(name);

    for (uint64_t at = hash_of(name, len); l->index[at & l->mask]; at++) {
        const struct gofer_list_entry *e = &l->entries[l->index[at & l->mask] - 1];
        if (e->name_len == len && memcmp(l->names + e->name_off, name, len) == 0)
            return e;
    }
    return NULL;
}

struct gofer_list *gofer_list_get(struct gofer_list *l)
{
    ref_get(&l->ref);
    return l;
}

void gofer_list_put(struct gofer_list *l)
{
    if (!l || !ref_put(&l->ref))
        return;
    arena_free(l->entries);
    arena_free(l->told);
    arena_free(l->names);
    arena_free(l->index);
    slab_free(l);
}

/* ---- what is kept ---- */

/* Takes the list of a directory out, or puts another in its place (a reference that is taken). */
static void change_locked(struct gofer_inode *dir, struct gofer_list *fresh,
                          struct gofer_list **old) HOLDS(dir->inode.lock);
static void change_locked(struct gofer_inode *dir, struct gofer_list *fresh,
                          struct gofer_list **old)
{
    struct gofer_sb *sb = gofer_sb_of(dir);

    *old = dir->list;
    dir->list = fresh;
    if (fresh)
        atomic_fetch_add_explicit(&sb->lists_size, fresh->size, memory_order_relaxed);
    if (*old)
        atomic_fetch_sub_explicit(&sb->lists_size, (*old)->size, memory_order_relaxed);
}

/* The oldest directory with a list where all take more than `most` bytes: its reference is given.
 */
static struct gofer_inode *take_oldest(struct gofer_sb *sb, uint64_t most)
{
    struct gofer_inode *gi = NULL;

    mutex_lock(&sb->lock);
    if (atomic_load_explicit(&sb->lists_size, memory_order_relaxed) > most || most == 0)
        gi = list_pop_front(&sb->lists, struct gofer_inode, listed);
    mutex_unlock(&sb->lock);
    return gi;
}

static void trim_lists(struct gofer_sb *sb, uint64_t most)
{
    struct gofer_inode *old;

    while ((old = take_oldest(sb, most)) != NULL) {
        /* Whoever asks there again may have it read again. */
        atomic_store_explicit(&old->misses, 0, memory_order_relaxed);
        gofer_list_drop(old);
        inode_put(&old->inode);
    }
}

void gofer_lists_drop(struct gofer_sb *sb)
{
    trim_lists(sb, 0);
}

static void note_kept(struct gofer_inode *dir)
{
    struct gofer_sb *sb = gofer_sb_of(dir);

    mutex_lock(&sb->lock);
    if (!list_is_linked(&dir->listed)) {
        inode_get(&dir->inode);
        list_push_back(&sb->lists, &dir->listed);
    }
    mutex_unlock(&sb->lock);
    mutex_lock(&dir->inode.lock);
    bool gone = !dir->list; /* before it was noted */
    mutex_unlock(&dir->inode.lock);
    if (gone)
        gofer_list_drop(dir);
    trim_lists(sb, GOFER_LISTS_SIZE);
}

/* Keeps it where the directory has not changed since it was asked for. */
void gofer_list_keep(struct gofer_inode *dir, struct gofer_list *l, uint64_t changes)
{
    struct gofer_list *old = NULL;

    mutex_lock(&dir->inode.lock);
    bool still = dir->seq.changes == changes;
    if (still)
        change_locked(dir, gofer_list_get(l), &old);
    mutex_unlock(&dir->inode.lock);
    gofer_list_put(old);
    if (still)
        note_kept(dir);
}

/* The list that is kept, where it is as good. Given. */
static struct gofer_list *kept_locked(const struct gofer_inode *dir, struct gofer_batch batch)
{
    struct gofer_list *l = dir->list;

    if (!l || l->from != batch.cookie || l->attrs < batch.attrs)
        return NULL;
    if (atomic_load_explicit(&l->ahead, memory_order_relaxed)) {
        atomic_store_explicit(&l->ahead, false, memory_order_relaxed);
        gofer_list_ahead_used(gofer_sb_of(dir));
    }
    return gofer_list_get(l);
}

static int read_list(struct gofer_inode *dir, struct gofer_batch batch, struct gofer_list **out)
{
    mutex_lock(&dir->inode.lock);
    struct gofer_list *l = kept_locked(dir, batch);
    uint64_t changes = dir->seq.changes;
    mutex_unlock(&dir->inode.lock);
    if (l) {
        *out = l;
        return 0;
    }
    int err = gofer_list_ask(dir, batch, out);
    if (!err && !gofer_sb_of(dir)->shared) {
        gofer_list_keep(dir, *out, changes);
        gofer_list_told(dir, *out);
    }
    return err;
}

int gofer_list_read(struct gofer_inode *dir, uint64_t from, struct gofer_list **out)
{
    struct gofer_batch batch = { .cookie = from, .attrs = which_attrs(dir) };

    return read_list(dir, batch, out);
}

bool gofer_list_guess(struct gofer_inode *dir)
{
    const struct gofer_batch batch = { .size = GUESS_SIZE, .attrs = GOFER_ATTRS_ALL };
    struct gofer_list *l;

    if (gofer_sb_of(dir)->shared ||
        atomic_load_explicit(&dir->misses, memory_order_relaxed) >= MISSES_MANY ||
        atomic_fetch_add_explicit(&dir->misses, 1, memory_order_relaxed) != MISSES_MANY - 1)
        return false;
    int err = read_list(dir, batch, &l);
    if (!err)
        gofer_list_put(l);
    return !err;
}

int gofer_list_lookup(struct gofer_inode *dir, const char *name, struct gofer_found *out)
{
    bool lacks = false;
    int found = 0;

    mutex_lock(&dir->inode.lock);
    const struct gofer_list *l = dir->list;
    if (l) {
        const struct gofer_list_entry *e = gofer_list_find(l, name);
        const struct gofer_attr *attr = e ? gofer_list_attr(l, e) : NULL;
        lacks = e && !attr;
        if (attr) {
            *out = (struct gofer_found){ .attr = *attr };
            found = 1;
        } else if (!e && l->from == 0 && l->at_end) {
            found = -ENOENT;
        }
    }
    mutex_unlock(&dir->inode.lock);
    if (found > 0)
        credit(dir, WORTH_USED);
    else if (lacks)
        credit(dir, WORTH_LACKED);
    return found;
}

void gofer_list_drop(struct gofer_inode *dir)
{
    struct gofer_sb *sb = gofer_sb_of(dir);
    struct gofer_list *l;

    mutex_lock(&dir->inode.lock);
    change_locked(dir, NULL, &l);
    mutex_unlock(&dir->inode.lock);
    gofer_list_put(l);
    mutex_lock(&sb->lock);
    bool noted = list_is_linked(&dir->listed);
    list_del(&dir->listed);
    mutex_unlock(&sb->lock);
    if (noted)
        inode_put(&dir->inode); /* the caller has another */
}
