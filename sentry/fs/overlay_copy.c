/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying up: a complete copy in the work directory, then one rename.
 *
 * Data, mode, owner, extended attributes and times are those of the original, the
 * times last. The time of the last change of status cannot be copied, as in Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sentry/fs/overlay_priv.h"
#include "sentry/vfs/claim.h"

#define CHUNK ((size_t)256 << 10)

/* ---- data ---- */

/* Where data begins at or after `pos`, below `end`; `end` where there is no more. */
static uint64_t next_data(struct file *in, uint64_t pos, uint64_t end)
{
    if (!in->ops->seek)
        return pos;
    int64_t at = in->ops->seek(in, (int64_t)pos, SEEK_DATA, pos);
    if (at == -ENXIO)
        return end;
    return at < 0 ? pos : min((uint64_t)at, end);
}

static int copy_chunk(struct file *in, struct file *out, char *buf, uint64_t *pos, uint64_t end)
{
    uint64_t from = *pos, to = *pos;
    struct io io;

    io_kernel(&io, buf, (size_t)min((uint64_t)CHUNK, end - from));
    ssize_t n = in->ops->read(in, &io, &from);
    if (n <= 0)
        return n < 0 ? (int)n : -ENODATA;
    io_kernel(&io, buf, (size_t)n);
    ssize_t put = out->ops->write(out, &io, &to);
    if (put < 0)
        return (int)put;
    *pos = to;
    return put == n ? 0 : -ENOSPC;
}

static int copy_bytes(struct arena *a, struct file *in, struct file *out, uint64_t size)
{
    char *buf = arena_alloc(a, CHUNK);
    uint64_t pos = 0;
    int err = 0;

    if (!buf)
        return -ENOMEM;
    while (!err && pos < size) {
        pos = next_data(in, pos, size);
        if (pos < size)
            err = copy_chunk(in, out, buf, &pos, size);
    }
    arena_free(buf);
    return err == -ENODATA ? 0 : err; /* it got shorter under us: what was there is there */
}

static int open_layer(struct overlay *o, const struct path *at, int flags, struct file **out)
{
    struct inode *i = dentry_inode(at->dentry);

    return i->ops->open ? i->ops->open(i, at, flags, &o->actor, out) : -ENXIO;
}

static int copy_data(struct overlay *o, struct overlay_inode *oi, struct dentry *temp,
                     uint64_t size)
{
    struct path from = overlay_layer_path(oi, false), to = { o->work.mnt, temp };
    scoped(file) struct file *in = NULL;
    scoped(file) struct file *out = NULL;
    struct inode *fresh = dentry_inode(temp);

    if (size == 0)
        return 0;
    int err = open_layer(o, &from, O_RDONLY | O_NOATIME, &in);
    if (!err)
        err = open_layer(o, &to, O_WRONLY, &out);
    if (!err)
        err = copy_bytes(o->sb.arena, in, out, size);
    if (err)
        return err;
    /* A hole at the end. */
    struct attr_change c = { .which = ATTR_SIZE, .size = size };
    return fresh->ops->setattr(fresh, &c, &o->actor);
}

/* ---- attributes ---- */

static int copy_xattr(struct arena *a, struct inode *from, struct inode *to, const char *name)
{
    ssize_t n = from->ops->getxattr(from, name, NULL, 0);

    if (n < 0)
        return n == -ENODATA ? 0 : (int)n;
    char *value = arena_alloc(a, (size_t)n + 1);
    if (!value)
        return -ENOMEM;
    int err = 0;
    if (n > 0)
        n = from->ops->getxattr(from, name, value, (size_t)n);
    if (n >= 0)
        err = to->ops->setxattr(to, name, value, (size_t)n, 0);
    arena_free(value);
    /* What the upper tree has no place for stays behind, as in Linux. */
    return err == -EOPNOTSUPP ? 0 : err;
}

static int copy_xattrs(struct arena *a, struct inode *from, struct inode *to)
{
    if (!from->ops->listxattr || !from->ops->getxattr || !to->ops->setxattr)
        return 0;
    ssize_t n = from->ops->listxattr(from, NULL, 0);
    if (n <= 0)
        return n == -EOPNOTSUPP ? 0 : (int)n;
    char *names = arena_alloc(a, (size_t)n);
    if (!names)
        return -ENOMEM;
    n = from->ops->listxattr(from, names, (size_t)n);
    int err = n < 0 ? (int)n : 0;
    for (ssize_t at = 0; !err && at < n; at += (ssize_t)strlen(names + at) + 1)
        if (strncmp(names + at, OVERLAY_PREFIX, strlen(OVERLAY_PREFIX)) != 0)
            err = copy_xattr(a, from, to, names + at);
    arena_free(names);
    return err;
}

static int copy_attrs(struct overlay *o, struct inode *to, const struct attr *a)
{
    struct attr_change c = { .which = ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME,
                             .uid = a->uid,
                             .gid = a->gid,
                             .mode = a->mode,
                             .atime = a->atime,
                             .mtime = a->mtime };

    if (!S_ISLNK(a->mode))
        c.which |= ATTR_MODE;
    return to->ops->setattr ? to->ops->setattr(to, &c, &o->actor) : -EPERM;
}

/* ---- the copy ---- */

static int make_temp(struct overlay *o, struct inode *from, const struct attr *a,
                     struct overlay_temp *temp)
{
    char target[4096];
    struct name_new what = { .mode = a->mode, .rdev = a->rdev };

    if (S_ISLNK(a->mode)) {
        ssize_t n = from->ops->readlink(from, &o->actor, target, sizeof target);
        if (n < 0 || (size_t)n >= sizeof target)
            return n < 0 ? (int)n : -ENAMETOOLONG;
        target[n] = '\0';
        what.target = target;
    }
    return overlay_temp_make(o, &what, temp);
}

static int fill_temp(struct overlay *o, struct overlay_inode *oi, const struct attr *a,
                     struct dentry *temp, uint64_t size)
{
    struct inode *from = dentry_inode(oi->lower[0]), *to = dentry_inode(temp);
    int err = 0;

    if (S_ISREG(a->mode))
        err = copy_data(o, oi, temp, min(size, a->size));
    if (!err)
        err = copy_xattrs(o->sb.arena, from, to);
    return err ? err : copy_attrs(o, to, a);
}

/* Is a name of `dir`, which the upper layer does not have, the file that was copied? */
static int is_ours(struct overlay_inode *dir, const char *name, const struct overlay_inode *oi,
                   bool *ours)
{
    struct overlay *o = overlay_of(&oi->inode);
    const struct inode *from = dentry_inode(oi->lower[0]);

    *ours = false;
    for (unsigned i = 0; i < dir->nlower; i++) {
        struct dentry *d;
        int err = dentry_lookup(dir->lower[i], name, &o->actor, &d);
        if (err)
            return err;
        const struct inode *found = dentry_inode(d);
        *ours = found && found->sb == from->sb && found->attr.ino == from->attr.ino;
        dentry_put(d);
        if (found)
            break;
    }
    return 0;
}

/* With the copy and its place claimed. `*placed`: the original was there, and the copy is now. */
static int move_to_place(struct overlay_inode *oi, struct overlay_inode *parent, const char *name,
                         const struct overlay_temp *temp, const struct name_pair *p, bool *placed)
{
    bool ours = false;

    *placed = false;
    if (dentry_inode(p->from) != dentry_inode(temp->dentry))
        return -EIO; /* somebody else is at work in the work directory */
    int err = dentry_inode(p->to) ? 0 : is_ours(parent, name, oi, &ours);
    if (err || !ours)
        return err;
    /* In the table before it is in the tree, so that a lookup there finds this inode. */
    overlay_inode_set_upper(oi, dentry_get(p->from));
    *placed = true; /* or, where that fails, it stays where it is: it is in use */
    return name_rename(p, 0);
}

/*
 * The finished copy goes where the original is seen. Where it was found last it may be no
 * more: then the copy has no name, as an unlinked file has none, and other names
 * find it by the table.
 */
static int settle(struct overlay_inode *oi, struct overlay_inode *parent, const char *name,
                  const struct overlay_temp *temp, bool *placed)
{
    struct overlay *o = overlay_of(&oi->inode);

    *placed = false;
    if (parent) {
        struct name_pair p = { .from_dir = o->work.dentry, .to_dir = overlay_upper(parent) };
        int err = name_claim_pair(&p, temp->name, name, &o->actor);
        if (err && err != -ENOENT)
            return err;
        if (!err) {
            err = move_to_place(oi, parent, name, temp, &p, placed);
            name_unclaim_pair(&p);
            if (err || *placed)
                return err;
        }
    }
    overlay_inode_set_upper(oi, dentry_get(temp->dentry));
    return 0;
}

static int copy_claimed(struct overlay_inode *oi, struct overlay_inode *parent, const char *name,
                        uint64_t size)
{
    struct overlay *o = overlay_of(&oi->inode);
    struct inode *from = dentry_inode(oi->lower[0]);
    struct overlay_temp temp;
    bool placed = false;
    struct attr a;

    int err = inode_getattr(from, &a);
    if (!err)
        err = make_temp(o, from, &a, &temp);
    if (err)
        return err;
    err = fill_temp(o, oi, &a, temp.dentry, size);
    if (!err)
        err = settle(oi, parent, name, &temp, &placed);
    if (placed)
        dentry_put(temp.dentry);
    else
        overlay_temp_remove(o, &temp);
    if (!err && S_ISREG(a.mode))
        mappable_zap(&oi->map, 0, UINT64_MAX, false);
    return err;
}

/* Where it is found: references. */
static struct overlay_inode *place_of(struct overlay_inode *oi, char name[256])
{
    mutex_lock(&oi->inode.lock);
    struct overlay_inode *parent = oi->parent;
    if (parent) {
        inode_get(&parent->inode);
        strncpy(name, oi->name, 255);
        name[255] = '\0';
    }
    mutex_unlock(&oi->inode.lock);
    return parent;
}

static int copy_one(struct overlay_inode *oi, uint64_t size)
{
    struct overlay_inode *parent;
    char name[256];
    int err = 0;

    claim_take(&oi->copy_claim);
    parent = place_of(oi, name);
    if (!overlay_upper(oi))
        err = copy_claimed(oi, parent, name, size);
    claim_drop(&oi->copy_claim);
    if (parent)
        inode_put(&parent->inode);
    return err;
}

/* The topmost ancestor of `oi`, or itself, that has no upper half while its parent has; given. */
static struct overlay_inode *topmost_lower(struct overlay_inode *oi)
{
    char name[256];

    inode_get(&oi->inode);
    for (;;) {
        struct overlay_inode *parent = place_of(oi, name);
        if (!parent || overlay_upper(parent)) {
            if (parent)
                inode_put(&parent->inode);
            return oi;
        }
        inode_put(&oi->inode);
        oi = parent;
    }
}

int overlay_copy_up(struct overlay_inode *oi, uint64_t size)
{
    if (likely(overlay_upper(oi) != NULL))
        return 0;
    if (!path_is_set(&overlay_of(&oi->inode)->upper))
        return -EROFS;
    while (!overlay_upper(oi)) {
        struct overlay_inode *top = topmost_lower(oi);
        int err = copy_one(top, top == oi ? size : UINT64_MAX);
        inode_put(&top->inode);
        if (err)
            return err;
    }
    return overlay_inode_refresh(oi);
}
