/* SPDX-License-Identifier: Apache-2.0 */
/* rename(2) in a tmpfs: whatever it needs is made before anything changes. */
#include <errno.h>
#include <stdio.h>

#include "sentry/fs/tmpfs_priv.h"

/* What a rename needs beside its arguments, made before anything changes. */
struct move {
    struct tmpfs *fs;
    struct inode *from, *to;
    struct tmpfs_entry *old, *new;        /* [n] the entries there are; new may be NULL */
    struct tmpfs_entry *fresh, *whiteout; /* to be put in; whiteout may be NULL */
};

static int move_check_locked(struct move *m, const char *old_name, struct inode *inode,
                             const char *new_name, struct inode *victim)
{
    m->old = tmpfs_entry_to_locked(m->fs, m->from, old_name, inode);
    m->new = tmpfs_find_locked(m->fs, tmpfs_dir_of(m->to), new_name);
    if (!m->old || tmpfs_is_dead(m->to))
        return -ENOENT;
    if (m->new && & m->new->inode->inode != victim)
        return -EEXIST;
    if (victim && !m->new)
        return -ENOENT;
    if (!tmpfs_reserve_locked(m->fs, tmpfs_dir_of(m->to)) ||
        !tmpfs_reserve_locked(m->fs, tmpfs_dir_of(m->from)))
        return -ENOMEM;
    return 0;
}

static void move_locked(struct move *m, struct inode *inode, struct inode *victim)
{
    bool is_dir = inode_is(inode, S_IFDIR);

    if (m->new) {
        bool victim_is_dir = inode_is(victim, S_IFDIR);
        tmpfs_remove_locked(m->to, m->new);
        tmpfs_dir_changed(m->to, -1, victim_is_dir ? -1 : 0);
        tmpfs_links_add(victim, victim_is_dir ? -2 : -1);
    }
    tmpfs_remove_locked(m->from, m->old);
    tmpfs_dir_changed(m->from, -1, is_dir ? -1 : 0);
    tmpfs_insert_locked(m->fs, m->to, m->fresh);
    tmpfs_dir_changed(m->to, 1, is_dir);
    inode_touch(inode, 0);
    if (m->whiteout) {
        tmpfs_insert_locked(m->fs, m->from, m->whiteout);
        tmpfs_dir_changed(m->from, 1, 0);
        tmpfs_links_add(&m->whiteout->inode->inode, 1);
    }
}

static void entry_free(struct tmpfs_entry *e)
{
    if (!e)
        return;
    inode_put(&e->inode->inode);
    arena_free(e);
}

static int move_prepare(struct move *m, const char *old_name, struct inode *inode,
                        const char *new_name, unsigned flags)
{
    struct tmpfs_inode *node;

    m->fresh = tmpfs_entry_new(m->fs, new_name, tmpfs_inode_of(inode));
    if (!m->fresh)
        return -ENOMEM;
    if (!(flags & RENAME_WHITEOUT))
        return 0;
    int err = tmpfs_inode_new(m->fs, NULL, S_IFCHR, 0, NULL, &node);
    if (err)
        return err;
    m->whiteout = tmpfs_entry_new(m->fs, old_name, node);
    inode_put(&node->inode);
    return m->whiteout ? 0 : -ENOMEM;
}

/* Two names change places: their inodes do. */
static int exchange(struct tmpfs *fs, struct inode *from, const char *old_name, struct inode *inode,
                    struct inode *to, const char *new_name, struct inode *victim)
{
    int err = -ENOENT;

    mutex_lock(&fs->names);
    struct tmpfs_entry *a = tmpfs_entry_to_locked(fs, from, old_name, inode);
    struct tmpfs_entry *b = tmpfs_entry_to_locked(fs, to, new_name, victim);
    if (a && b) {
        int links = (int)inode_is(victim, S_IFDIR) - (int)inode_is(inode, S_IFDIR);
        struct tmpfs_inode *t = a->inode;
        a->inode = b->inode;
        b->inode = t;
        tmpfs_dir_changed(from, 0, links);
        tmpfs_dir_changed(to, 0, -links);
        inode_touch(inode, 0);
        inode_touch(victim, 0);
        err = 0;
    }
    mutex_unlock(&fs->names);
    return err;
}

int tmpfs_rename(struct inode *from, const char *old_name, struct inode *inode, struct inode *to,
                 const char *new_name, struct inode *victim, unsigned flags)
{
    struct move m = { .fs = tmpfs_of(from), .from = from, .to = to };

    if (flags & RENAME_EXCHANGE)
        return exchange(m.fs, from, old_name, inode, to, new_name, victim);
    int err = move_prepare(&m, old_name, inode, new_name, flags);
    if (!err) {
        mutex_lock(&m.fs->names);
        err = move_check_locked(&m, old_name, inode, new_name, victim);
        if (!err && victim && inode_is(victim, S_IFDIR) && tmpfs_dir_of(victim)->names.count > 0)
            err = -ENOTEMPTY;
        if (!err)
            move_locked(&m, inode, victim);
        mutex_unlock(&m.fs->names);
    }
    entry_free(err ? m.fresh : m.old);
    entry_free(err ? m.whiteout : m.new);
    return err;
}
