/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "sentry/vfs/claim.h"
#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/vfs.h"
#include "sentry/vfs/walk.h"

uint32_t name_mode(const struct actor *who, uint32_t mode, uint32_t type)
{
    return (mode & 07777 & ~(who->fs ? fs_context_umask(who->fs) : 0)) | type;
}

/* Is a claimed name still the one that was looked for? */
static bool is_still(struct dentry *d, struct dentry *dir, const char *name)
{
    return superblock_flags(dir->sb) & SB_NOCACHE || dentry_is_child(d, dir, name, strlen(name));
}

int name_claim(struct dentry *dir, const char *name, const struct actor *who, struct dentry **out)
{
    for (;;) {
        int err = dentry_lookup(dir, name, who, out);
        if (err)
            return err;
        claim_take(&(*out)->claim);
        if (likely(is_still(*out, dir, name)))
            return 0;
        name_unclaim(*out);
        dentry_put(keep(*out));
    }
}

void name_unclaim(struct dentry *d)
{
    claim_drop(&d->claim);
}

static void unclaim_two(struct name_pair *p)
{
    name_unclaim(p->from);
    if (p->to != p->from)
        name_unclaim(p->to);
    dentry_put(keep(p->from));
    dentry_put(keep(p->to));
}

/* Claims by address, so that two who want the same two do not wait for each other. */
static int claim_two(struct name_pair *p, const char *from, const char *to, const struct actor *who)
{
    for (;;) {
        int err = dentry_lookup(p->from_dir, from, who, &p->from);
        if (err)
            return err;
        err = dentry_lookup(p->to_dir, to, who, &p->to);
        if (err) {
            dentry_put(keep(p->from));
            return err;
        }
        struct dentry *first = min(p->from, p->to), *second = max(p->from, p->to);
        claim_take(&first->claim);
        if (second != first)
            claim_take(&second->claim);
        if (is_still(p->from, p->from_dir, from) && is_still(p->to, p->to_dir, to))
            return 0;
        unclaim_two(p);
    }
}

int name_claim_pair(struct name_pair *p, const char *from, const char *to, const struct actor *who)
{
    bool crosses = p->from_dir != p->to_dir;
    _Atomic uint32_t *moves = &p->from_dir->sb->dir_moves;

    if (crosses)
        claim_take(moves);
    int err = claim_two(p, from, to, who);
    if (err) {
        if (crosses)
            claim_drop(moves);
        return err;
    }
    p->from_is_above = crosses && dentry_is_below(p->to_dir, p->from);
    p->to_is_above = crosses && dentry_is_below(p->from_dir, p->to);
    return 0;
}

void name_unclaim_pair(struct name_pair *p)
{
    unclaim_two(p);
    if (p->from_dir != p->to_dir)
        claim_drop(&p->from_dir->sb->dir_moves);
}

int name_check_loops(const struct name_pair *p, unsigned flags)
{
    if (p->from_is_above)
        return -EINVAL;
    if (p->to_is_above)
        return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    return 0;
}

/* The operation for what is wanted. NULL members: see inode_ops. */
static int make(const struct actor *who, struct inode *dir, const char *name,
                const struct name_new *what, struct inode **out)
{
    const struct inode_ops *ops = dir->ops;

    if (what->inode) {
        int err = ops->link ? ops->link(dir, name, what->inode, who) : -EPERM;
        *out = err ? NULL : inode_get(what->inode);
        return err;
    }
    if (what->make)
        return what->make(dir, name, what, who, out);
    switch (what->mode & S_IFMT) {
    case S_IFREG:
        return ops->create ? ops->create(dir, name, what->mode, who, out) : -EACCES;
    case S_IFDIR:
        return ops->mkdir ? ops->mkdir(dir, name, what->mode, who, out) : -EPERM;
    case S_IFLNK:
        return ops->symlink ? ops->symlink(dir, name, what->target, who, out) : -EPERM;
    }
    return ops->mknod ? ops->mknod(dir, name, what->mode, what->rdev, who, out) : -EPERM;
}

int name_make(const struct actor *who, struct dentry *dir, struct dentry *d,
              const struct name_new *what)
{
    struct inode *parent = dentry_inode(dir), *inode;
    /* A claimed name does not move: its text stays. */
    int err = make(who, parent, d->name, what, &inode);

    if (err == -EEXIST)
        dentry_forget(d, false);
    if (err)
        return err;
    bool is_dir = inode_is(inode, S_IFDIR);
    dentry_instantiate(d, inode);
    vfs_name_event(parent, d->name, is_dir, IN_CREATE, 0);
    return 0;
}

int name_remove(struct dentry *dir, struct dentry *d)
{
    struct inode *parent = dentry_inode(dir), *victim = dentry_inode(d);
    bool is_dir = inode_is(victim, S_IFDIR);
    int (*op)(struct inode *, const char *, struct inode *) =
        is_dir ? parent->ops->rmdir : parent->ops->unlink;
    int err = op ? op(parent, d->name, victim) : -EPERM;

    if (err)
        return err;
    dentry_forget(d, true);
    if (is_dir)
        dentry_drop_children(d);
    vfs_event(d, is_dir ? IN_DELETE_SELF : IN_ATTRIB);
    vfs_name_event(parent, d->name, is_dir, IN_DELETE, 0);
    return 0;
}

static void tell_renamed(struct inode *from_dir, const char *old_name, struct inode *to_dir,
                         struct dentry *d)
{
    uint32_t cookie = vfs_event_cookie(from_dir->sb->arena);
    bool is_dir = inode_is(dentry_inode(d), S_IFDIR);

    vfs_name_event(from_dir, old_name, is_dir, IN_MOVED_FROM, cookie);
    vfs_name_event(to_dir, d->name, is_dir, IN_MOVED_TO, cookie);
    vfs_event(d, IN_MOVE_SELF);
}

int name_rename(const struct name_pair *p, unsigned flags)
{
    struct dentry *from = p->from, *to = p->to;
    struct inode *inode = dentry_inode(from), *victim = dentry_inode(to);
    struct inode *a = dentry_inode(p->from_dir), *b = dentry_inode(p->to_dir);
    char *fresh, old_name[256];
    int err = name_check_loops(p, flags);

    if (!err && !a->ops->rename)
        err = -EPERM;
    if (!err)
        err = dentry_move_prepare(to, &fresh);
    if (err)
        return err;
    snprintf(old_name, sizeof old_name, "%s", from->name);
    err = a->ops->rename(a, from->name, inode, b, to->name, victim, flags);
    if (err || flags & RENAME_EXCHANGE) {
        arena_free(fresh);
        if (err)
            return err;
        dentry_exchange(from, to);
        tell_renamed(b, to->name, a, to);
    } else {
        dentry_move(from, to, fresh, victim != NULL);
        if (victim)
            vfs_event(to, inode_is(victim, S_IFDIR) ? IN_DELETE_SELF : IN_ATTRIB);
    }
    tell_renamed(a, old_name, b, from);
    return 0;
}
