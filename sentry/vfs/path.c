/* SPDX-License-Identifier: Apache-2.0 */
/* Places in the tree, and how they are written down. */
#include <errno.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

void path_get(const struct path *p, struct path *out)
{
    if (p->mnt)
        mount_get(p->mnt);
    if (p->dentry)
        dentry_get(p->dentry);
    *out = *p;
}

void path_put(struct path *p)
{
    struct path old = *p;

    *p = (struct path){ 0 };
    dentry_put(old.dentry);
    mount_put(old.mnt);
}

/* Text that grows towards the front of a buffer. */
struct backwards {
    char *buf, *at;
    bool full;
};

static void prepend(struct backwards *b, const char *s, size_t n)
{
    if (b->full || (size_t)(b->at - b->buf) < n) {
        b->full = true;
        return;
    }
    b->at -= n;
    memcpy(b->at, s, n);
}

/*
 * Writes the names from `at` up to `root`. Gives the place where it had to stop:
 * `root` itself, or the root of a tree of mounts that `root` is not in.
 */
static struct path print_up(struct path at, const struct path *root, struct backwards *b)
{
    struct vfs *v = vfs_of(at.mnt->sb->arena);

    mutex_lock(&v->mounts_lock);
    while (at.mnt != root->mnt || at.dentry != root->dentry) {
        struct superblock *sb = at.mnt->sb;
        mutex_lock(&sb->tree);
        while (at.dentry != at.mnt->root && at.dentry->parent &&
               (at.mnt != root->mnt || at.dentry != root->dentry)) {
            prepend(b, at.dentry->name, at.dentry->name_len);
            prepend(b, "/", 1);
            at.dentry = at.dentry->parent;
        }
        mutex_unlock(&sb->tree);
        if (at.mnt == root->mnt && at.dentry == root->dentry)
            break;
        if (at.dentry != at.mnt->root || !at.mnt->parent)
            break;
        at = (struct path){ at.mnt->parent, at.mnt->point };
    }
    mutex_unlock(&v->mounts_lock);
    return at;
}

ssize_t path_print(const struct actor *who, const struct path *p, char *buf, size_t size)
{
    static const char deleted[] = " (deleted)", unreachable[] = "(unreachable)";
    struct backwards b = { .buf = buf, .at = buf + size };
    struct path root = { 0 };

    prepend(&b, "", 1);
    if (dentry_is_deleted(p->dentry))
        prepend(&b, deleted, sizeof deleted - 1);
    char *end = b.at;
    if (who->fs)
        fs_context_root(who->fs, &root);
    struct path top = print_up(*p, &root, &b);
    bool reached =
        !who->fs || top.mnt->internal || (top.mnt == root.mnt && top.dentry == root.dentry);
    path_put(&root);
    if (b.at == end)
        prepend(&b, "/", 1);
    if (!reached)
        prepend(&b, unreachable, sizeof unreachable - 1);
    if (b.full)
        return -ENAMETOOLONG;
    size_t n = (size_t)(buf + size - b.at);
    memmove(buf, b.at, n);
    return (ssize_t)n - 1;
}

ssize_t vfs_readlink(const struct actor *who, const struct path *at, char *buf, size_t size)
{
    struct inode *i = dentry_inode(at->dentry);

    if (!i->ops->readlink)
        return -EINVAL;
    ssize_t n = i->ops->readlink(i, who, buf, size);
    if (n >= 0)
        inode_accessed(i, at->mnt);
    return n;
}
