/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/devfs.h"

#include <linux/magic.h>
#include <sys/sysmacros.h>

#include "sentry/fs/tmpfs.h"
#include "sentry/vfs/dentry.h"

/* clang-format off */
static const struct node {
    const char *name;
    uint32_t mode;
    unsigned major, minor;
    const char *target; /* of a link */
} nodes[] = {
    { "null",    S_IFCHR | 0666,  1, 3, NULL },
    { "zero",    S_IFCHR | 0666,  1, 5, NULL },
    { "full",    S_IFCHR | 0666,  1, 7, NULL },
    { "random",  S_IFCHR | 0666,  1, 8, NULL },
    { "urandom", S_IFCHR | 0666,  1, 9, NULL },
    { "tty",     S_IFCHR | 0666,  5, 0, NULL },
    { "console", S_IFCHR | 0620,  5, 1, NULL },
    { "pts",     S_IFDIR | 0755,  0, 0, NULL },
    { "shm",     S_IFDIR | 01777, 0, 0, NULL },
    { "mqueue",  S_IFDIR | 01777, 0, 0, NULL },
    { "ptmx",    S_IFLNK | 0777,  0, 0, "pts/ptmx" },
    { "fd",      S_IFLNK | 0777,  0, 0, "/proc/self/fd" },
    { "stdin",   S_IFLNK | 0777,  0, 0, "/proc/self/fd/0" },
    { "stdout",  S_IFLNK | 0777,  0, 0, "/proc/self/fd/1" },
    { "stderr",  S_IFLNK | 0777,  0, 0, "/proc/self/fd/2" },
    { "core",    S_IFLNK | 0777,  0, 0, "/proc/kcore" },
};
/* clang-format on */

static int make(struct inode *dir, const struct node *n, const struct actor *who)
{
    scoped(inode) struct inode *made = NULL;

    switch (n->mode & S_IFMT) {
    case S_IFDIR:
        return dir->ops->mkdir(dir, n->name, n->mode, who, &made);
    case S_IFLNK:
        return dir->ops->symlink(dir, n->name, n->target, who, &made);
    default:
        return dir->ops->mknod(dir, n->name, n->mode, makedev(n->major, n->minor), who, &made);
    }
}

int devfs_create(struct arena *a, const char *source, const char *options, const struct actor *who,
                 struct dentry **out)
{
    struct dentry *root;
    int err = tmpfs_create_as(a, "tmpfs", TMPFS_MAGIC, options ? options : "mode=755", who, &root);

    (void)source;
    for (size_t i = 0; i < ARRAY_LEN(nodes) && !err; i++) {
        err = make(dentry_inode(root), &nodes[i], who);
        if (err)
            dentry_put(root);
    }
    if (!err)
        *out = root;
    return err;
}
