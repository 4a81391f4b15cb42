/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows come from the shallowest to the deepest, so each is mounted on what the ones
 * before it show. A place that is not there is made, where the tree can be written.
 */
#include "sentry/mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "sentry/fs/gofer.h"
#include "sentry/fs/overlay.h"
#include "sentry/fstypes.h"
#include "sentry/proc/proc.h"
#include "sentry/vfs/dentry.h"

#define PROPAGATION (unsigned long)(MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE)

/* Where a mount's file system comes from. */
struct origin {
    struct arena *arena;
    struct gofer_client *gofer; /* NULL: the sandbox's first */
};

static int make_gofer(const struct origin *from, const struct option_mount *m, struct dentry **out)
{
    const struct superblock_origin host = { m->host_type, m->host_options, m->host_root };
    int err = gofer_fs_create(from->arena, from->gofer, m->tree, m->exclusive, out);

    if (!err && *m->host_type) {
        err = superblock_set_origin(dentry_inode(*out)->sb, &host);
        if (err)
            dentry_put(*out);
    }
    return err;
}

/* The gofer's tree below, a tmpfs above that is thrown away at the end. */
static int make_overlay(const struct origin *from, const struct actor *who,
                        const struct option_mount *m, struct dentry **out)
{
    struct dentry *lower;
    int err = make_gofer(from, m, &lower);

    return err ? err : overlay_create_discardable(lower, m->data, who, out);
}

static int make_root(const struct origin *from, const struct actor *who,
                     const struct option_mount *m, struct dentry **out)
{
    struct arena *a = from->arena;

    switch (m->kind) {
    case MOUNT_GOFER:
        return make_gofer(from, m, out);
    case MOUNT_OVERLAY:
        return make_overlay(from, who, m, out);
    case MOUNT_TMPFS:
        return fstype_create(a, "tmpfs", m->source, m->data, who, out);
    case MOUNT_HIDE:
        return fstype_create(a, "tmpfs", m->source, "mode=555,size=64k", who, out);
    case MOUNT_PROC:
        return fstype_create(a, "proc", m->source, m->data, who, out);
    case MOUNT_SYSFS:
        return fstype_create(a, "sysfs", m->source, m->data, who, out);
    case MOUNT_DEV:
        return fstype_create(a, "devtmpfs", m->source, m->data, who, out);
    case MOUNT_DEVPTS:
        return fstype_create(a, "devpts", m->source, m->data, who, out);
    case MOUNT_CGROUP:
        return cgroup_fs_create(a, out);
    case MOUNT_CGROUP_V1:
        return cgroup_v1_create(a, m->data, out);
    case MOUNT_CGROUP_PLACES:
        return cgroup_places_create(a, out);
    case MOUNT_MQUEUE:
        return fstype_create(a, "mqueue", m->source, NULL, who, out);
    case MOUNT_READONLY:
    case MOUNT_KINDS:
        break;
    }
    return -EINVAL;
}

/* mkdir -p, and an empty file at the end where a file is to be mounted. */
static int make_place(const struct actor *who, const char *target, bool file)
{
    char path[PATH_MAX];
    int err = 0;

    if (snprintf(path, sizeof path, "%s", target) >= (int)sizeof path)
        return -ENAMETOOLONG;
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        err = vfs_mkdir(who, NULL, path, 0755);
        *slash = '/';
        if (err && err != -EEXIST)
            return err;
    }
    err = file ? vfs_mknod(who, NULL, path, S_IFREG | 0644, 0) : vfs_mkdir(who, NULL, path, 0755);
    return err == -EEXIST ? 0 : err;
}

/* What is hidden and is no directory is hidden by a file that has nothing in it. */
static int hide_file(const struct actor *who, const struct path *at)
{
    struct path null;
    int err = walk(who, NULL, "/dev/null", WALK_FOLLOW, &null);

    if (err)
        return err;
    err = vfs_mount(who, "/dev/null", at, NULL, MS_BIND, NULL);
    path_put(&null);
    return err;
}

/* What is there becomes a mount of its own that cannot be written; what is not, stays so. */
static int make_readonly(const struct actor *who, const struct option_mount *m)
{
    struct path at, top;
    int err = walk(who, NULL, m->target, WALK_FOLLOW, &at);

    if (err)
        return err == -ENOENT ? 0 : err;
    err = vfs_mount(who, m->target, &at, NULL, MS_BIND | MS_REC, NULL);
    path_put(&at);
    if (!err)
        err = walk(who, NULL, m->target, WALK_FOLLOW, &top);
    if (err)
        return err;
    unsigned long flags = mount_flags(top.mnt) | MS_REMOUNT | MS_BIND | MS_RDONLY;
    err = vfs_mount(who, NULL, &top, NULL, flags, NULL);
    path_put(&top);
    return err;
}

/* How later mounts there are shared with others. */
static int propagate(const struct actor *who, const struct option_mount *m)
{
    struct path at;
    int err = m->flags & PROPAGATION ? walk(who, NULL, m->target, WALK_FOLLOW, &at) : 0;

    if (err || !(m->flags & PROPAGATION))
        return err;
    err = vfs_mount(who, NULL, &at, NULL, m->flags & (PROPAGATION | MS_REC), NULL);
    path_put(&at);
    return err;
}

static int mount_one(const struct origin *from, const struct actor *who,
                     const struct option_mount *m)
{
    struct dentry *root = NULL;
    struct path at;
    int err = walk(who, NULL, m->target, WALK_FOLLOW, &at);

    if (err == -ENOENT && m->kind == MOUNT_HIDE)
        return 0; /* there is nothing to hide */
    if (err == -ENOENT) {
        err = make_place(who, m->target, m->is_file);
        if (!err)
            err = walk(who, NULL, m->target, WALK_FOLLOW, &at);
    }
    if (err)
        return err;
    bool on_dir = inode_is(dentry_inode(at.dentry), S_IFDIR);
    if (m->kind == MOUNT_HIDE && !on_dir)
        err = hide_file(who, &at);
    else if (on_dir == m->is_file)
        err = on_dir ? -EISDIR : -ENOTDIR;
    else
        err = make_root(from, who, m, &root);
    if (!err && root)
        err = mount_attach(root, m->source, m->flags & ~(PROPAGATION | MS_REC), &at);
    path_put(&at);
    return err ? err : propagate(who, m);
}

static bool has_row(const struct sandbox_options *o, const char *target)
{
    for (uint32_t i = 0; i < o->nmounts; i++)
        if (strcmp(o->mounts[i].target, target) == 0)
            return true;
    return false;
}

/* Below /dev, as every Linux has it, where the options do not say it themselves. */
static int mount_dev_parts(struct arena *a, const struct actor *who,
                           const struct sandbox_options *o, const char *dev)
{
    const struct {
        const char *name, *type, *data;
        unsigned long flags;
    } parts[] = {
        {"pts",  "devpts", "mode=620,gid=5,ptmxmode=666", MS_NOSUID | MS_NOEXEC},
        { "shm", "tmpfs",  "mode=1777",                   MS_NOSUID | MS_NODEV },
    };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct dentry *root;
        struct path at;

        snprintf(path, sizeof path, "%s/%s", dev, parts[i].name);
        if (has_row(o, path))
            continue;
        int err = make_place(who, path, false);
        if (!err)
            err = walk(who, NULL, path, WALK_FOLLOW, &at);
        if (err)
            return err;
        err = fstype_create(a, parts[i].type, parts[i].type, parts[i].data, who, &root);
        if (!err)
            err = mount_attach(root, parts[i].type, parts[i].flags, &at);
        path_put(&at);
        if (err)
            return err;
    }
    return 0;
}

/* What hides a directory is read-only, once places in it have been made for deeper mounts. */
static int seal(const struct actor *who, const struct option_mount *m)
{
    struct path at;
    int err = walk(who, NULL, m->target, WALK_FOLLOW, &at);

    if (err == -ENOENT)
        return 0;
    if (err)
        return err;
    if (inode_is(dentry_inode(at.dentry), S_IFDIR))
        err = vfs_mount(who, NULL, &at, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | m->flags, NULL);
    path_put(&at);
    return err;
}

/* What is there already may be the host's: it stays as it is. */
static int make_node(const struct actor *who, const struct option_node *n)
{
    struct attr_change c = { .which = ATTR_MODE | ATTR_UID | ATTR_GID,
                             .mode = n->mode & 07777,
                             .uid = n->uid,
                             .gid = n->gid };
    char parent[PATH_MAX];
    struct path at;
    int err = 0;

    if (snprintf(parent, sizeof parent, "%s", n->path) >= (int)sizeof parent)
        return -ENAMETOOLONG;
    *strrchr(parent, '/') = 0;
    if (*parent)
        err = make_place(who, parent, false);
    if (!err)
        err = vfs_mknod(who, NULL, n->path, n->mode, makedev(n->major, n->minor));
    if (err)
        return err == -EEXIST ? 0 : err;
    err = walk(who, NULL, n->path, 0, &at);
    if (!err) {
        err = vfs_setattr(who, &at, &c);
        path_put(&at);
    }
    return err;
}

static int make_nodes(const struct actor *who, const struct sandbox_options *o,
                      struct boot_error *e)
{
    for (uint32_t i = 0; i < o->nnodes; i++) {
        int err = make_node(who, &o->nodes[i]);

        if (err)
            return boot_fail(e, err, "config.json: linux.devices: cannot make %s: %s",
                             o->nodes[i].path, strerror(-err));
    }
    return 0;
}

static bool covers(const struct option_mount *m)
{
    return m->kind == MOUNT_HIDE || m->kind == MOUNT_READONLY;
}

/* Rows of the table, from the first on and before `end`. */
static int mount_rows(const struct origin *from, const struct actor *who,
                      const struct sandbox_options *o, uint32_t first, uint32_t end,
                      struct boot_error *e)
{
    for (uint32_t i = first; i < end; i++) {
        const struct option_mount *m = &o->mounts[i];
        int err = m->kind == MOUNT_READONLY ? make_readonly(who, m) : mount_one(from, who, m);

        if (!err && m->kind == MOUNT_DEV)
            err = mount_dev_parts(from->arena, who, o, m->target);
        if (err)
            return boot_fail(e, err, "cannot show %s at %s: %s",
                             *m->host_root ? m->host_root : m->source, m->target, strerror(-err));
    }
    return 0;
}

/* Rows at the end that only cover what is there come after the nodes, which they may cover. */
static int mount_rest(const struct origin *from, const struct actor *who,
                      const struct sandbox_options *o, struct boot_error *e)
{
    uint32_t covering = o->nmounts;

    while (covering > 1 && covers(&o->mounts[covering - 1]))
        covering--;
    int err = mount_rows(from, who, o, 1, covering, e);
    if (!err)
        err = make_nodes(who, o, e);
    if (!err)
        err = mount_rows(from, who, o, covering, o->nmounts, e);
    for (uint32_t i = 1; i < o->nmounts && !err; i++) {
        err = o->mounts[i].kind == MOUNT_HIDE ? seal(who, &o->mounts[i]) : 0;
        if (err)
            (void)boot_fail(e, err, "cannot hide %s: %s", o->mounts[i].target, strerror(-err));
    }
    return err;
}

/* Last of all: until now, places were made in it. */
static int finish_root(const struct actor *who, const struct option_mount *m)
{
    struct path top;

    if (!(m->flags & MS_RDONLY))
        return 0;
    fs_context_root(who->fs, &top);
    int err = vfs_mount(who, NULL, &top, NULL, MS_REMOUNT | MS_BIND | m->flags, NULL);
    path_put(&top);
    return err;
}

int mounts_create(struct arena *a, const struct actor *who, const struct sandbox_options *o,
                  struct gofer_client *gofer, struct mnt_ns **out, struct boot_error *e)
{
    const struct origin from = { .arena = a, .gofer = gofer };
    struct mnt_ns *ns = NULL;
    struct fs_context *fs = NULL;
    struct dentry *root;
    struct path top;

    if (!o->nmounts || strcmp(o->mounts[0].target, "/") != 0)
        return boot_fail(e, -EINVAL, "nothing is to be mounted at /");
    int err = make_root(&from, who, &o->mounts[0], &root);
    if (!err)
        err = mnt_ns_create(a, who->cred->user_ns, root, o->mounts[0].source,
                            o->mounts[0].flags & ~(PROPAGATION | MS_REC | MS_RDONLY), &ns);
    if (err)
        return boot_fail(e, err, "cannot make the root from %s: %s", o->mounts[0].source,
                         strerror(-err));
    mnt_ns_root(ns, &top);
    err = fs_context_create(a, &top, ns, &fs);
    path_put(&top);
    if (err) {
        mnt_ns_put(ns);
        return boot_fail(e, err, "no memory for the root");
    }
    struct actor here = *who;
    here.fs = fs;
    err = mount_rest(&from, &here, o, e);
    if (!err) {
        err = propagate(&here, &o->mounts[0]);
        if (err)
            (void)boot_fail(e, err, "cannot say how mounts at / spread: %s", strerror(-err));
    }
    if (!err) {
        err = finish_root(&here, &o->mounts[0]);
        if (err)
            (void)boot_fail(e, err, "cannot make the root read-only: %s", strerror(-err));
    }
    fs_context_put(fs);
    if (err)
        mnt_ns_put(ns);
    else
        *out = ns;
    return err;
}
