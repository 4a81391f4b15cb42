/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues by name, as mq_open(2) and mq_unlink(2) have them: in the namespace's own mount of
 * its file system, which no path leads to.
 *
 *   source    ipc/mqueue.c, Linux 6.6: do_mq_open(), prepare_open(), mq_unlink()
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/mqueue_priv.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/name.h"
#include "sentry/vfs/perm.h"
#include "sentry/vfs/vfs.h"

/* ---- the namespace's file system ---- */

void mqueue_ns_init(struct mqueue_ns *m)
{
    mutex_init(&m->lock, RANK_TASK);
}

void mqueue_ns_destroy(struct mqueue_ns *m)
{
    if (!path_is_set(&m->root))
        return;
    atomic_store(&mqueue_fs_of(dentry_inode(m->root.dentry))->closed, true);
    path_put(&m->root);
}

/* Given; empty where it is not there yet. */
static void root_peek(struct mqueue_ns *m, struct path *out)
{
    mutex_lock(&m->lock);
    path_get(&m->root, out);
    mutex_unlock(&m->lock);
}

/* Keeps the first that is made. */
static void root_offer(struct mqueue_ns *m, struct path *made)
{
    mutex_lock(&m->lock);
    if (!path_is_set(&m->root)) {
        m->root = *made;
        *made = (struct path){ 0 };
    }
    mutex_unlock(&m->lock);
    path_put(made);
}

static int root_make(struct mqueue_ns *m, struct arena *a)
{
    struct dentry *root;
    struct path made;
    int err = mqueue_fs_create(a, &root);

    if (!err)
        err = mount_create_private(root, 0, &made);
    if (!err)
        root_offer(m, &made);
    return err;
}

/* The root of the namespace's own mount, given. Errors: ENOMEM. */
static int root_get(struct ipc_ns *ns, struct path *out)
{
    int err = 0;

    root_peek(&ns->mqueue, out);
    if (!path_is_set(out)) {
        err = root_make(&ns->mqueue, arena_of(ns));
        if (!err)
            root_peek(&ns->mqueue, out);
    }
    return err;
}

int mqueue_fs_root(struct ipc_ns *ns, struct dentry **out)
{
    struct path root;
    int err = root_get(ns, &root);

    if (err)
        return err;
    *out = dentry_get(root.dentry);
    path_put(&root);
    return 0;
}

int mqueue_limits(struct ipc_ns *ns, struct mqueue_limits **out)
{
    struct dentry *root;
    int err = mqueue_fs_root(ns, &root);

    if (err)
        return err;
    *out = &mqueue_fs_of(dentry_inode(root))->limits; /* as long as the namespace has its root */
    dentry_put(root);
    return 0;
}

/* ---- names ---- */

/* One component, as lookup_one_len() wants it: "" is no path at all, to begin with. */
static int check_name(const char *name)
{
    if (!*name)
        return -ENOENT;
    if (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EACCES;
    return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int make_queue(struct inode *dir, const char *name, const struct name_new *what,
                      const struct actor *who, struct inode **out)
{
    return mqueue_fs_make(dir, name, what->mode, what->arg, who, out);
}

/* What is there may be opened so? */
static int check_found(struct inode *i, int flags, const struct actor *who)
{
    static const unsigned may[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE };

    if (flags & O_CREAT && flags & O_EXCL)
        return -EEXIST;
    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    return inode_permission(i, may[flags & O_ACCMODE], who);
}

/* `d` is claimed. */
static int find_or_make(const struct actor *who, const struct path *root, struct dentry *d,
                        int flags, const struct name_new *what)
{
    if (dentry_inode(d))
        return check_found(dentry_inode(d), flags, who);
    if (!(flags & O_CREAT))
        return -ENOENT;
    if (mount_want_write(root->mnt))
        return -EROFS;
    int err = perm_may_create(dentry_inode(root->dentry), who);
    return err ? err : name_make(who, root->dentry, d, what);
}

/* dentry_open(): a writer is counted, and nothing is asked any more. */
static int open_found(const struct actor *who, const struct path *at, int flags, struct file **out)
{
    struct inode *i = dentry_inode(at->dentry);
    bool writes = (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
    int err = writes ? inode_get_write(i) : 0;

    if (err)
        return err;
    err = i->ops->open(i, at, flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC), who, out);
    if (err) {
        if (writes)
            inode_put_write(i);
        return err;
    }
    if (writes)
        (*out)->kind |= FILE_WRITER;
    vfs_event(at->dentry, IN_OPEN);
    return 0;
}

static int open_in(const struct actor *who, const struct path *root, const char *name, int flags,
                   const struct name_new *what, struct file **out)
{
    struct path at = { .mnt = root->mnt };
    int err = inode_permission(dentry_inode(root->dentry), MAY_EXEC, who);

    if (!err)
        err = name_claim(root->dentry, name, who, &at.dentry);
    if (err)
        return err;
    err = find_or_make(who, root, at.dentry, flags, what);
    name_unclaim(at.dentry);
    if (!err)
        err = open_found(who, &at, flags, out);
    dentry_put(at.dentry);
    return err;
}

int mqueue_open(struct ipc_ns *ns, const struct actor *who, const char *name, int flags,
                uint32_t mode, const struct abi_mq_attr *attr, struct file **out)
{
    const struct name_new what = { .mode = name_mode(who, mode, S_IFREG),
                                   .make = make_queue,
                                   .arg = attr };
    struct path root;
    int err = check_name(name);

    if (!err)
        err = root_get(ns, &root);
    if (err)
        return err;
    err = open_in(who, &root, name, flags, &what, out);
    path_put(&root);
    return err;
}

int mqueue_unlink(struct ipc_ns *ns, const struct actor *who, const char *name)
{
    struct path root;
    int err = check_name(name);

    if (!err)
        err = root_get(ns, &root);
    if (err)
        return err;
    err = vfs_unlink(who, &root, name);
    path_put(&root);
    return err;
}
