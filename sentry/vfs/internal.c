/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are in a file system, but in no tree: memfds. */
#include <errno.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

/* Keeps the first that is made. */
static void offer(struct vfs *v, struct mount *m)
{
    mutex_lock(&v->mounts_lock);
    if (!v->internal)
        v->internal = keep(m);
    mutex_unlock(&v->mounts_lock);
    mount_put(m);
}

static struct mount *internal_get(struct vfs *v)
{
    mutex_lock(&v->mounts_lock);
    struct mount *m = v->internal ? mount_get(v->internal) : NULL;
    mutex_unlock(&v->mounts_lock);
    return m;
}

int vfs_internal_root(const struct actor *who, const char *source,
                      int (*create)(struct arena *a, const char *source, const char *options,
                                    const struct actor *who, struct dentry **out),
                      struct path *out)
{
    struct vfs *v = vfs_of(who->arena);
    struct mount *m = internal_get(v);

    if (!m) {
        struct dentry *root;
        int err = create(who->arena, source, "size=0,nr_inodes=0", who, &root);
        if (!err)
            err = mount_new(root, source, 0, &m);
        if (err)
            return err;
        m->internal = true;
        offer(v, m);
        m = internal_get(v);
    }
    *out = (struct path){ m, dentry_get(m->root) };
    return 0;
}

int vfs_name_unlinked(const struct path *root, struct inode *inode, const char *name,
                      struct path *out)
{
    struct dentry *d = dentry_new(root->dentry, inode->sb, name, strlen(name), inode);

    if (!d)
        return -ENOMEM;
    dentry_forget(d, true);
    *out = (struct path){ mount_get(root->mnt), d };
    return 0;
}
