/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes of an overlay, and the tables that make sure there is one for each file. */
#include <errno.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/overlay_priv.h"

static const struct slab_type overlay_inode_slab =
    SLAB_TYPE(overlay_inode, struct overlay_inode,
              .const_ptrs = { PTR_AT(struct overlay_inode, inode.ops),
                              PTR_AT(struct overlay_inode, map.ops) });

void overlay_parts_put(struct overlay_parts *p)
{
    dentry_put(p->upper);
    for (unsigned i = 0; i < p->nlower; i++)
        dentry_put(p->lower[i]);
    *p = (struct overlay_parts){ 0 };
}

/* ---- the tables ---- */

static uint64_t ino_of(const struct dentry *d)
{
    return dentry_inode(d)->attr.ino;
}

static uint64_t lower_hash(const struct dentry *d)
{
    return hash_pair(dentry_inode(d)->sb->dev, ino_of(d));
}

static bool is_same_lower(const struct dentry *a, const struct dentry *b)
{
    return dentry_inode(a)->sb == dentry_inode(b)->sb && ino_of(a) == ino_of(b);
}

static struct overlay_inode *find_locked(struct overlay *o, const struct overlay_parts *p)
    HOLDS(o->table_lock);
static struct overlay_inode *find_locked(struct overlay *o, const struct overlay_parts *p)
{
    struct overlay_inode *oi;

    if (p->upper) {
        htab_for_each (oi, &o->by_upper, hash_u64(ino_of(p->upper)), upper_node)
            if (ino_of(overlay_upper(oi)) == ino_of(p->upper))
                return oi;
    }
    if (p->nlower > 0) {
        htab_for_each (oi, &o->by_lower, lower_hash(p->lower[0]), lower_node)
            if (is_same_lower(oi->lower[0], p->lower[0]))
                return oi;
    }
    return NULL;
}

/* More buckets; a table that cannot grow gets slower, no more. */
static void grow_locked(struct overlay *o, struct htab *t, struct hnode **first)
    HOLDS(o->table_lock);
static void grow_locked(struct overlay *o, struct htab *t, struct hnode **first)
{
    size_t len = (t->mask + 1) * 4;

    if (!htab_is_full(t))
        return;
    struct hnode **fresh = arena_alloc(o->sb.arena, len * sizeof(struct hnode *));
    if (!fresh)
        return;
    struct hnode **old = htab_rehash(t, fresh, len);
    if (old != first)
        arena_free(old);
}

static void insert_locked(struct overlay *o, struct overlay_inode *oi) HOLDS(o->table_lock);
static void insert_locked(struct overlay *o, struct overlay_inode *oi)
{
    struct dentry *upper = overlay_upper(oi);

    grow_locked(o, &o->by_upper, o->upper_buckets);
    grow_locked(o, &o->by_lower, o->lower_buckets);
    if (upper && !oi->in_upper) {
        htab_insert(&o->by_upper, &oi->upper_node, hash_u64(ino_of(upper)));
        oi->in_upper = true;
    }
    if (oi->nlower > 0 && !oi->in_lower) {
        htab_insert(&o->by_lower, &oi->lower_node, lower_hash(oi->lower[0]));
        oi->in_lower = true;
    }
}

static void remove_locked(struct overlay *o, struct overlay_inode *oi) HOLDS(o->table_lock);
static void remove_locked(struct overlay *o, struct overlay_inode *oi)
{
    if (oi->in_upper)
        htab_remove(&o->by_upper, &oi->upper_node);
    if (oi->in_lower)
        htab_remove(&o->by_lower, &oi->lower_node);
    oi->in_upper = oi->in_lower = false;
}

/* ---- birth ---- */

static const struct inode_ops *ops_of(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return &overlay_dir_ops;
    case S_IFREG:
        return &overlay_file_inode_ops;
    case S_IFLNK:
        return &overlay_link_ops;
    }
    return &overlay_special_ops;
}

/* Takes the references of `p`, also where it fails. */
static struct overlay_inode *inode_new(struct overlay *o, struct overlay_parts *p,
                                       const struct attr *a)
{
    struct overlay_inode *oi = slab_alloc(o->sb.arena, &overlay_inode_slab);

    if (oi && p->nlower > 0) {
        oi->lower = arena_alloc(o->sb.arena, p->nlower * sizeof *oi->lower);
        if (!oi->lower) {
            slab_free(oi);
            oi = NULL;
        }
    }
    if (!oi) {
        overlay_parts_put(p);
        return NULL;
    }
    if (p->nlower > 0)
        memcpy(oi->lower, p->lower, p->nlower * sizeof *oi->lower);
    oi->nlower = p->nlower;
    atomic_init(&oi->upper, p->upper);
    uint64_t ino = p->nlower > 0 ? a->ino : a->ino | OVERLAY_UPPER_INO;
    inode_init(&oi->inode, &o->sb, ops_of(a->mode), ino, a->mode, a->uid, a->gid);
    oi->inode.attr.rdev = a->rdev;
    oi->inode.attr.atime = a->atime;
    oi->inode.attr.mtime = a->mtime;
    oi->inode.attr.ctime = a->ctime;
    atomic_init(&oi->nlink, a->nlink);
    mappable_init(&oi->map, &overlay_map_ops, o->sb.dev, ino);
    *p = (struct overlay_parts){ 0 };
    return oi;
}

/* Attributes of a new inode: those of the layer that has it, but for the number, which is that of
 * where it came from. */
static int origin_attr(const struct overlay_parts *p, struct attr *out)
{
    struct attr origin;
    int err = inode_getattr(dentry_inode(p->upper ? p->upper : p->lower[0]), out);

    if (err || !p->upper || p->nlower == 0)
        return err;
    err = inode_getattr(dentry_inode(p->lower[0]), &origin);
    out->ino = origin.ino;
    return err;
}

static struct overlay_inode *find(struct overlay *o, const struct overlay_parts *p)
{
    mutex_lock(&o->table_lock);
    struct overlay_inode *oi = find_locked(o, p);
    if (oi && !ref_get_unless_zero(&oi->inode.ref))
        oi = NULL; /* on its way out: it leaves the table without our help */
    mutex_unlock(&o->table_lock);
    return oi;
}

int overlay_inode_get(struct overlay *o, struct overlay_parts *p, struct inode **out)
{
    struct overlay_inode *oi = find(o, p), *other;
    struct attr a;

    if (oi) {
        overlay_parts_put(p);
        *out = &oi->inode;
        return 0;
    }
    int err = origin_attr(p, &a);
    if (err) {
        overlay_parts_put(p);
        return err;
    }
    oi = inode_new(o, p, &a);
    if (!oi)
        return -ENOMEM;
    mutex_lock(&o->table_lock);
    struct overlay_parts mine = { .upper = overlay_upper(oi), .nlower = oi->nlower };
    if (oi->nlower > 0)
        mine.lower[0] = oi->lower[0];
    other = find_locked(o, &mine);
    if (other && !ref_get_unless_zero(&other->inode.ref))
        other = NULL;
    if (!other)
        insert_locked(o, oi);
    mutex_unlock(&o->table_lock);
    if (other) {
        inode_put(&oi->inode);
        oi = other;
    }
    *out = &oi->inode;
    return 0;
}

/* ---- life ---- */

void overlay_inode_set_upper(struct overlay_inode *oi, struct dentry *upper)
{
    struct overlay *o = overlay_of(&oi->inode);
    bool is_dir = inode_is(&oi->inode, S_IFDIR);

    atomic_store_explicit(&oi->upper, upper, memory_order_release);
    mutex_lock(&o->table_lock);
    insert_locked(o, oi);
    /* Its other names, and its number, are known to nobody else. Directories have neither. */
    mutex_lock(&oi->inode.lock);
    bool named = oi->nlink > 0;
    mutex_unlock(&oi->inode.lock);
    if (!is_dir && named && !oi->pinned) {
        oi->pinned = true;
        inode_get(&oi->inode);
    }
    mutex_unlock(&o->table_lock);
}

/* The table lets go of an inode without names. */
static void unpin(struct overlay_inode *oi)
{
    struct overlay *o = overlay_of(&oi->inode);

    mutex_lock(&o->table_lock);
    bool was = oi->pinned;
    oi->pinned = false;
    if (was && oi->in_lower) {
        htab_remove(&o->by_lower, &oi->lower_node);
        oi->in_lower = false;
    }
    mutex_unlock(&o->table_lock);
    if (was)
        inode_put(&oi->inode);
}

/* Where a walk over the table is. A table that got other buckets is begun anew. */
struct cursor {
    size_t mask, bucket;
};

/* The next that is pinned, its reference passed to the caller; NULL where none is. */
static struct overlay_inode *take_pinned(struct overlay *o, struct cursor *at)
{
    const struct htab *t = &o->by_upper;
    struct overlay_inode *found = NULL;

    mutex_lock(&o->table_lock);
    if (at->mask != t->mask)
        *at = (struct cursor){ .mask = t->mask };
    for (; at->bucket <= t->mask && !found; at->bucket += !found)
        for (struct hnode *n = t->buckets[at->bucket]; n && !found; n = n->next) {
            struct overlay_inode *oi = container_of(n, struct overlay_inode, upper_node);
            if (oi->pinned)
                found = oi;
        }
    if (found)
        found->pinned = false;
    mutex_unlock(&o->table_lock);
    return found;
}

void overlay_unpin_all(struct overlay *o)
{
    struct cursor at = { 0 };
    struct overlay_inode *oi;

    while ((oi = take_pinned(o, &at)))
        inode_put(&oi->inode);
}

void overlay_inode_links(struct overlay_inode *oi, int by)
{
    mutex_lock(&oi->inode.lock);
    if (by > 0 || oi->nlink > 0)
        atomic_fetch_add_explicit(&oi->nlink, (uint32_t)by, memory_order_relaxed);
    bool last = oi->nlink == 0;
    mutex_unlock(&oi->inode.lock);
    if (last)
        unpin(oi);
}

void overlay_inode_place(struct overlay_inode *oi, struct overlay_inode *dir, const char *name)
{
    char *copy = arena_strndup(oi->inode.sb->arena, name, strlen(name));
    struct overlay_inode *parent = copy ? dir : NULL;

    if (parent)
        inode_get(&parent->inode);
    mutex_lock(&oi->inode.lock);
    struct overlay_inode *old_parent = oi->parent;
    char *old_name = oi->name;
    oi->parent = parent;
    oi->name = copy;
    mutex_unlock(&oi->inode.lock);
    if (old_parent)
        inode_put(&old_parent->inode);
    arena_free(old_name);
}

void overlay_inode_unplace(struct overlay_inode *oi, struct overlay_inode *dir, const char *name)
{
    struct overlay_inode *parent = NULL;
    char *old = NULL;

    mutex_lock(&oi->inode.lock);
    if (oi->parent == dir && strcmp(oi->name, name) == 0) {
        parent = keep(oi->parent);
        old = keep(oi->name);
    }
    mutex_unlock(&oi->inode.lock);
    if (parent)
        inode_put(&parent->inode);
    arena_free(old);
}

int overlay_inode_refresh(struct overlay_inode *oi)
{
    struct inode *i = &oi->inode;
    struct attr a;
    int err = inode_getattr(dentry_inode(overlay_real(oi)), &a);

    if (err)
        return err;
    mutex_lock(&i->lock);
    __atomic_store_n(&i->attr.mode, a.mode, __ATOMIC_RELAXED);
    __atomic_store_n(&i->attr.uid, a.uid, __ATOMIC_RELAXED);
    __atomic_store_n(&i->attr.gid, a.gid, __ATOMIC_RELAXED);
    i->attr.atime = a.atime;
    i->attr.mtime = a.mtime;
    i->attr.ctime = a.ctime;
    mutex_unlock(&i->lock);
    return 0;
}

/* ---- death ---- */

static void destroy(struct overlay_inode *oi)
{
    struct overlay *o = overlay_of(&oi->inode);

    mutex_lock(&o->table_lock);
    remove_locked(o, oi);
    mutex_unlock(&o->table_lock);
    overlay_map_release(oi);
    dentry_put(overlay_upper(oi));
    for (unsigned i = 0; i < oi->nlower; i++)
        dentry_put(oi->lower[i]);
    arena_free(oi->lower);
    arena_free(oi->name);
    inode_destroy(&oi->inode);
    slab_free(oi);
}

void overlay_inode_release(struct inode *i)
{
    struct overlay_inode *oi = overlay_inode_of(i);

    /* A loop: chains of parents may be longer than our stack. */
    for (;;) {
        struct overlay_inode *parent = oi->parent;
        destroy(oi);
        if (!parent || !ref_put(&parent->inode.ref))
            return;
        oi = parent;
    }
}
