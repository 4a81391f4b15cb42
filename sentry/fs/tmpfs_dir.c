/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of a tmpfs.
 *
 * Entries are found by name in a hash table and read in the order of their
 * positions, which rise with their age and are never used again: a reader who
 * stands in the middle misses and repeats nothing, whatever comes and goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "sentry/core/buckets.h"
#include "sentry/fs/tmpfs_priv.h"
#include "sentry/vfs/readdir.h"

#define FIRST_BUCKETS 8
#define FIRST_POS     2 /* behind "." and ".." */

static uint64_t hash_of(const struct tmpfs *fs, const char *name, size_t len)
{
    return hash_bytes(fs->name_seed, name, len);
}

struct tmpfs_entry *tmpfs_find_locked(const struct tmpfs *fs, struct tmpfs_dir *dir,
                                      const char *name)
{
    size_t len = strlen(name);
    struct tmpfs_entry *e;

    if (dir->names.count == 0)
        return NULL;
    htab_for_each (e, &dir->names, hash_of(fs, name, len), node)
        if (e->len == len && memcmp(e->name, name, len) == 0)
            return e;
    return NULL;
}

bool tmpfs_reserve_locked(struct tmpfs *fs, struct tmpfs_dir *dir)
{
    return buckets_reserve(fs->sb.arena, &dir->names, FIRST_BUCKETS);
}

struct tmpfs_entry *tmpfs_entry_new(struct tmpfs *fs, const char *name, struct tmpfs_inode *ti)
{
    size_t len = strlen(name);
    struct tmpfs_entry *e = arena_alloc(fs->sb.arena, sizeof *e + len + 1);

    if (!e)
        return NULL;
    memcpy(e->name, name, len + 1);
    e->len = (uint32_t)len;
    e->inode = ti;
    inode_get(&ti->inode);
    return e;
}

static bool is_before(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, struct tmpfs_entry, by_next)->next <
           rb_entry(b, struct tmpfs_entry, by_next)->next;
}

void tmpfs_links_add(struct inode *i, int by)
{
    struct timespec now = inode_now(i);

    mutex_lock(&i->lock);
    i->attr.nlink += (uint32_t)by;
    i->attr.ctime = now;
    mutex_unlock(&i->lock);
}

void tmpfs_dir_changed(struct inode *dir, int entries, int links)
{
    struct timespec now = inode_now(dir);

    mutex_lock(&dir->lock);
    dir->attr.size += (uint64_t)(int64_t)(entries * TMPFS_DIRENT_SIZE);
    dir->attr.nlink += (uint32_t)links;
    dir->attr.mtime = dir->attr.ctime = now;
    mutex_unlock(&dir->lock);
}

void tmpfs_insert_locked(struct tmpfs *fs, struct inode *dir, struct tmpfs_entry *e)
{
    struct tmpfs_dir *d = tmpfs_dir_of(dir);

    if (d->last < FIRST_POS)
        d->last = FIRST_POS;
    e->next = ++d->last;
    htab_insert(&d->names, &e->node, hash_of(fs, e->name, e->len));
    rb_insert(&d->by_next, &e->by_next, is_before);
}

void tmpfs_remove_locked(struct inode *dir, struct tmpfs_entry *e)
{
    struct tmpfs_dir *d = tmpfs_dir_of(dir);

    htab_remove(&d->names, &e->node);
    rb_erase(&d->by_next, &e->by_next);
}

/* ---- the operations ---- */

static int tmpfs_lookup(struct inode *dir, const char *name, const struct actor *who,
                        struct inode **out)
{
    struct tmpfs *fs = tmpfs_of(dir);

    (void)who;
    mutex_lock(&fs->names);
    struct tmpfs_entry *e = tmpfs_find_locked(fs, tmpfs_dir_of(dir), name);
    if (e)
        *out = inode_get(&e->inode->inode);
    mutex_unlock(&fs->names);
    return e ? 0 : -ENOENT;
}

static int insert_new(struct tmpfs *fs, struct inode *dir, struct tmpfs_entry *e)
{
    bool is_dir = inode_is(&e->inode->inode, S_IFDIR);
    int err = 0;

    mutex_lock(&fs->names);
    if (tmpfs_is_dead(dir))
        err = -ENOENT;
    else if (tmpfs_find_locked(fs, tmpfs_dir_of(dir), e->name))
        err = -EEXIST;
    else if (!tmpfs_reserve_locked(fs, tmpfs_dir_of(dir)))
        err = -ENOMEM;
    if (!err) {
        tmpfs_insert_locked(fs, dir, e);
        tmpfs_dir_changed(dir, 1, is_dir);
        tmpfs_links_add(&e->inode->inode, is_dir ? 2 : 1);
    }
    mutex_unlock(&fs->names);
    return err;
}

/* Gives `ti` (a reference that stays the caller's) the name. */
static int add_name(struct inode *dir, const char *name, struct tmpfs_inode *ti)
{
    struct tmpfs *fs = tmpfs_of(dir);
    struct tmpfs_entry *e = tmpfs_entry_new(fs, name, ti);

    if (!e)
        return -ENOMEM;
    int err = insert_new(fs, dir, e);
    if (err) {
        inode_put(&ti->inode);
        arena_free(e);
    }
    return err;
}

static int make(struct inode *dir, const char *name, uint32_t mode, uint64_t rdev,
                const char *target, const struct actor *who, struct inode **out)
{
    struct tmpfs *fs = tmpfs_of(dir);
    struct tmpfs_inode *ti;
    int err = tmpfs_inode_new(fs, dir, mode, rdev, who, &ti);

    if (err)
        return err;
    if (target) {
        size_t len = strlen(target);
        ti->target = arena_strndup(fs->sb.arena, target, len);
        ti->inode.attr.size = len;
        if (!ti->target)
            err = -ENOMEM;
    }
    if (!err)
        err = add_name(dir, name, ti);
    if (err)
        inode_put(&ti->inode);
    else
        *out = &ti->inode;
    return err;
}

static int tmpfs_make_file(struct inode *dir, const char *name, uint32_t mode,
                           const struct actor *who, struct inode **out)
{
    return make(dir, name, mode, 0, NULL, who, out);
}

static int tmpfs_mknod(struct inode *dir, const char *name, uint32_t mode, uint64_t rdev,
                       const struct actor *who, struct inode **out)
{
    return make(dir, name, mode, rdev, NULL, who, out);
}

static int tmpfs_symlink(struct inode *dir, const char *name, const char *target,
                         const struct actor *who, struct inode **out)
{
    return make(dir, name, S_IFLNK | 0777, 0, target, who, out);
}

static bool has_room_for_link(struct inode *i)
{
    mutex_lock(&i->lock);
    bool room = i->attr.nlink < TMPFS_LINKS_MAX;
    mutex_unlock(&i->lock);
    return room;
}

static int tmpfs_link(struct inode *dir, const char *name, struct inode *inode,
                      const struct actor *who)
{
    (void)who;
    return has_room_for_link(inode) ? add_name(dir, name, tmpfs_inode_of(inode)) : -EMLINK;
}

static int tmpfs_tmpfile(struct inode *dir, uint32_t mode, const struct actor *who,
                         struct inode **out)
{
    struct tmpfs_inode *ti;
    int err = tmpfs_inode_new(tmpfs_of(dir), dir, mode, 0, who, &ti);

    if (err)
        return err;
    *out = &ti->inode;
    return 0;
}

struct tmpfs_entry *tmpfs_entry_to_locked(struct tmpfs *fs, struct inode *dir, const char *name,
                                          const struct inode *victim)
{
    struct tmpfs_entry *e = tmpfs_find_locked(fs, tmpfs_dir_of(dir), name);

    return e && &e->inode->inode == victim ? e : NULL;
}

static int remove_name(struct inode *dir, const char *name, struct inode *victim)
{
    struct tmpfs *fs = tmpfs_of(dir);
    bool is_dir = inode_is(victim, S_IFDIR);
    int err = 0;

    mutex_lock(&fs->names);
    struct tmpfs_entry *e = tmpfs_entry_to_locked(fs, dir, name, victim);
    if (!e)
        err = -ENOENT;
    else if (is_dir && tmpfs_dir_of(victim)->names.count > 0)
        err = -ENOTEMPTY;
    if (!err) {
        tmpfs_remove_locked(dir, e);
        tmpfs_dir_changed(dir, -1, is_dir ? -1 : 0);
        tmpfs_links_add(victim, is_dir ? -2 : -1);
    }
    mutex_unlock(&fs->names);
    if (err)
        return err;
    inode_put(&e->inode->inode);
    arena_free(e);
    return 0;
}

/* ---- reading ---- */

/* The first entry whose position is behind `pos`. */
static struct tmpfs_entry *after_locked(struct tmpfs_dir *d, uint64_t pos)
{
    struct rb_node *n = d->by_next.node, *best = NULL;

    while (n) {
        if (rb_entry(n, struct tmpfs_entry, by_next)->next > pos) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return rb_entry_or_null(best, struct tmpfs_entry, by_next);
}

static int tmpfs_readdir(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    struct tmpfs *fs = tmpfs_of(f->inode);

    if (!dir_emit_dots(f, sink, pos))
        return 0;
    mutex_lock(&fs->names);
    struct tmpfs_entry *e = after_locked(tmpfs_dir_of(f->inode), *pos);
    while (e) {
        const struct inode *i = &e->inode->inode;
        if (!dir_emit(sink, e->name, e->len, i->attr.ino, dtype_of_mode(inode_mode(i)), e->next,
                      pos))
            break;
        e = rb_entry_or_null(rb_next(&e->by_next), struct tmpfs_entry, by_next);
    }
    mutex_unlock(&fs->names);
    return 0;
}

static int tmpfs_fsync(struct file *f, bool data_only)
{
    (void)f, (void)data_only;
    return 0;
}

static const struct file_ops tmpfs_dir_file_ops = {
    .name = "tmpfs directory",
    .readdir = tmpfs_readdir,
    .fsync = tmpfs_fsync,
    .release = file_release,
};

int tmpfs_open_dir(struct inode *i, const struct path *at, int flags, const struct actor *who,
                   struct file **out)
{
    return file_create(at, i, &tmpfs_dir_file_ops, flags, who, out);
}

/* ---- the end ---- */

/* All entries of `dir`, off it and chained by node.next in front of `chain`. */
static struct hnode *take_all(struct tmpfs_inode *dir, struct hnode *chain)
{
    struct rb_node *n;

    while ((n = dir->dir.by_next.node)) {
        struct tmpfs_entry *e = rb_entry(n, struct tmpfs_entry, by_next);
        tmpfs_remove_locked(&dir->inode, e);
        e->node.next = chain;
        chain = &e->node;
    }
    return chain;
}

void tmpfs_dir_destroy(struct tmpfs_inode *dir)
{
    /* Not by recursion: a guest's tree may be deeper than our stack. */
    struct hnode *chain = take_all(dir, NULL);

    while (chain) {
        struct tmpfs_entry *e = container_of(chain, struct tmpfs_entry, node);
        struct tmpfs_inode *ti = e->inode;
        chain = chain->next;
        arena_free(e);
        if (inode_is(&ti->inode, S_IFDIR) && ref_count(&ti->inode.ref) == 1)
            chain = take_all(ti, chain);
        inode_put(&ti->inode);
    }
    arena_free(dir->dir.names.buckets);
}

const struct inode_ops tmpfs_dir_ops = {
    .lookup = tmpfs_lookup,
    .create = tmpfs_make_file,
    .mkdir = tmpfs_make_file,
    .mknod = tmpfs_mknod,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = remove_name,
    .rmdir = remove_name,
    .rename = tmpfs_rename,
    .tmpfile = tmpfs_tmpfile,
    .open = tmpfs_open_dir,
    TMPFS_COMMON_OPS,
};
