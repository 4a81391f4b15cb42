/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount(2).
 *
 *   source    mount(2); fs/namespace.c, Linux 6.12: path_mount() and what it calls
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

#define TYPES_MASK  ((unsigned long)(MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
#define ATIME_FLAGS ((unsigned long)(MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME))

static struct mnt_ns *ns_of(const struct actor *who)
{
    return fs_context_mnt_ns(who->fs);
}

bool mount_may(const struct actor *who)
{
    return who->fs && cred_ns_capable(who->cred, ns_of(who)->owner, CAP_SYS_ADMIN);
}

/* Is it in the namespace of the caller? */
static bool is_ours(const struct actor *who, const struct mount *m)
{
    return m->ns == ns_of(who);
}

/* The flags of a mount out of those of the call. */
static unsigned long mount_flags_in(unsigned long flags)
{
    unsigned long out = flags & MOUNT_FLAGS & ~(unsigned long)MS_STRICTATIME;

    if (flags & MS_STRICTATIME)
        out = (out & ~(unsigned long)(MS_RELATIME | MS_NOATIME)) | MS_STRICTATIME;
    else if (!(flags & MS_NOATIME))
        out |= MS_RELATIME;
    return out;
}

static const struct fs_type *type_find(struct arena *a, const char *name)
{
    size_t n;
    const struct fs_type *types = vfs_fs_types(a, &n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

static bool is_mounted(const struct superblock *sb)
{
    return atomic_load_explicit(&((struct superblock *)sb)->mounts, memory_order_relaxed) > 0;
}

static int mount_new_fs(const struct actor *who, const char *source, const struct path *at,
                        const char *name, unsigned long flags, const char *options)
{
    struct dentry *root;

    if (!name)
        return -EINVAL;
    const struct fs_type *type = type_find(who->arena, name);
    if (!type)
        return -ENODEV;
    if (ns_of(who)->owner->parent) {
        if (!type->user_ns_ok)
            return -EPERM;
        flags |= MS_NODEV;
    }
    int err = type->create(who->arena, source, options, who, &root);
    if (err)
        return err;
    /* Where others have it mounted already, this mount alone is read-only: by its flags. */
    if (flags & MS_RDONLY && !is_mounted(root->sb))
        atomic_fetch_or_explicit(&root->sb->flags, SB_RDONLY, memory_order_relaxed);
    /* The same thing twice at one place is a mistake. */
    if (root->sb == at->mnt->sb && at->dentry == at->mnt->root) {
        dentry_put(root);
        return -EBUSY;
    }
    return mount_attach(root, source && *source ? source : "none", mount_flags_in(flags), at);
}

static int mount_bind(const struct actor *who, const char *source, const struct path *at,
                      unsigned long flags)
{
    struct path from;
    struct mount *copy;

    if (!source || !*source)
        return -EINVAL;
    int err = walk(who, NULL, source, WALK_FOLLOW, &from);
    if (err)
        return err;
    if (from.mnt->unbindable || !is_ours(who, from.mnt) || !is_ours(who, at->mnt))
        err = -EINVAL;
    else if (flags & MS_REC)
        err = mount_clone_tree(from.mnt, from.dentry, false, false, &copy);
    else
        err = mount_clone(from.mnt, from.dentry, false, &copy);
    if (!err)
        err = mount_graft(copy, at);
    path_put(&from);
    return err;
}

static bool is_mount_root(const struct path *at)
{
    return at->dentry == at->mnt->root;
}

static int mount_change_type(const struct actor *who, const struct path *at, unsigned long flags)
{
    struct vfs *v = vfs_of(who->arena);
    unsigned long type = flags & TYPES_MASK;

    if (!is_mount_root(at) || !is_ours(who, at->mnt))
        return -EINVAL;
    if (type & (type - 1) || flags & ~(TYPES_MASK | MS_REC | MS_SILENT))
        return -EINVAL;
    mutex_lock(&v->mounts_lock);
    mount_set_propagation_locked(v, at->mnt, type);
    if (flags & MS_REC)
        for (struct mount *m = at->mnt; m; m = mount_next_locked(m, at->mnt))
            mount_set_propagation_locked(v, m, type);
    mutex_unlock(&v->mounts_lock);
    return 0;
}

/* Is `m` the mount `top`, or below it? */
static bool is_in_tree_locked(const struct mount *m, const struct mount *top)
{
    while (m && m != top)
        m = m->parent;
    return m != NULL;
}

static int check_move_locked(const struct actor *who, const struct mount *m, const struct path *at)
{
    if (!is_ours(who, m) || !is_ours(who, at->mnt) || !m->parent || m->locked)
        return -EINVAL;
    if (m->parent->group)
        return -EINVAL; /* others would have to lose it */
    if (is_in_tree_locked(at->mnt, m))
        return -ELOOP;
    return dentry_is_deleted(at->dentry) ? -ENOENT : 0;
}

static int move_tree(const struct actor *who, struct mount *m, const struct path *at)
{
    struct vfs *v = vfs_of(who->arena);
    struct dentry *old_point = NULL;

    if (inode_is(dentry_inode(m->root), S_IFDIR) != inode_is(dentry_inode(at->dentry), S_IFDIR))
        return -EINVAL;
    int err = dentry_pin(at->dentry);
    if (err)
        return err;
    mutex_lock(&v->mounts_lock);
    err = check_move_locked(who, m, at);
    if (!err) {
        mount_unlink_locked(m, &old_point);
        mount_link_locked(m, at->mnt, at->dentry, NULL);
    }
    mutex_unlock(&v->mounts_lock);
    dentry_put(old_point);
    return err;
}

static int mount_move(const struct actor *who, const char *source, const struct path *at)
{
    struct path from;

    if (!source || !*source)
        return -EINVAL;
    int err = walk(who, NULL, source, WALK_FOLLOW, &from);
    if (err)
        return err;
    err = is_mount_root(&from) ? move_tree(who, from.mnt, at) : -EINVAL;
    path_put(&from);
    return err;
}

/* ---- remount ---- */

/* In a namespace of fewer rights, flags that came with the mount stay. */
static int check_locked_flags(const struct actor *who, const struct mount *m, unsigned long flags)
{
    const unsigned long kept = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

    if (!ns_of(who)->owner->parent || !m->locked)
        return 0;
    return mount_flags(m) & kept & ~flags ? -EPERM : 0;
}

static void set_mount_flags(struct mount *m, unsigned long flags)
{
    unsigned long fresh = mount_flags_in(flags);

    /* Without a word about access times, they stay as they were. */
    if (!(flags & ATIME_FLAGS))
        fresh = (fresh & ~ATIME_FLAGS) | (mount_flags(m) & ATIME_FLAGS);
    atomic_store_explicit(&m->flags, fresh, memory_order_relaxed);
}

static int remount_sb(struct superblock *sb, unsigned long flags, const char *options,
                      const struct actor *who)
{
    bool read_only = flags & MS_RDONLY;

    if (read_only && atomic_load_explicit(&sb->writers, memory_order_relaxed) > 0)
        return -EBUSY;
    int err = 0;
    if (sb->ops->reconfigure)
        err = sb->ops->reconfigure(sb, options ? options : "", who);
    else if (options && *options)
        err = -EINVAL;
    if (err)
        return err;
    if (read_only)
        atomic_fetch_or_explicit(&sb->flags, SB_RDONLY, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&sb->flags, ~(uint32_t)SB_RDONLY, memory_order_relaxed);
    return 0;
}

static int mount_remount(const struct actor *who, const struct path *at, unsigned long flags,
                         const char *options)
{
    if (!is_mount_root(at) || !is_ours(who, at->mnt))
        return -EINVAL;
    int err = check_locked_flags(who, at->mnt, flags);
    if (!err && !(flags & MS_BIND))
        err = remount_sb(at->mnt->sb, flags, options, who);
    if (!err)
        set_mount_flags(at->mnt, flags);
    return err;
}

int vfs_mount(const struct actor *who, const char *source, const struct path *at, const char *type,
              unsigned long flags, const char *options)
{
    if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
        flags &= ~(unsigned long)MS_MGC_MSK;
    if (!mount_may(who))
        return -EPERM;
    if (flags & MS_REMOUNT)
        return mount_remount(who, at, flags, options);
    if (flags & MS_BIND)
        return mount_bind(who, source, at, flags);
    if (flags & TYPES_MASK)
        return mount_change_type(who, at, flags);
    if (flags & MS_MOVE)
        return mount_move(who, source, at);
    return mount_new_fs(who, source, at, type, flags, options);
}
