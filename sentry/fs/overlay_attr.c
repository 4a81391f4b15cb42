/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of an overlay's inodes: shown from whichever layer has them, changed above. */
#include <errno.h>
#include <string.h>

#include "sentry/fs/overlay_priv.h"

static struct inode *real_of(struct overlay_inode *oi)
{
    return dentry_inode(overlay_real(oi));
}

int overlay_getattr(struct inode *i, struct attr *out)
{
    struct overlay_inode *oi = overlay_inode_of(i);
    int err = inode_getattr(real_of(oi), out);

    if (err)
        return err;
    out->ino = i->attr.ino;
    out->dev = i->sb->dev;
    if (!S_ISDIR(out->mode))
        out->nlink = atomic_load_explicit(&oi->nlink, memory_order_relaxed);
    else if (overlay_upper(oi) && oi->nlower > 0)
        out->nlink = 1; /* nobody counts over layers: find(1) knows what that means */
    return 0;
}

int overlay_setattr(struct inode *i, const struct attr_change *c, const struct actor *who)
{
    struct overlay_inode *oi = overlay_inode_of(i);
    int err = overlay_copy_up(oi, c->which & ATTR_SIZE ? c->size : UINT64_MAX);

    if (err)
        return err;
    struct inode *upper = real_of(oi);
    err = upper->ops->setattr ? upper->ops->setattr(upper, c, who) : -EPERM;
    if (err)
        return err;
    if (c->which & ATTR_SIZE)
        mappable_zap(&oi->map, c->size, UINT64_MAX, true);
    return overlay_inode_refresh(oi);
}

/* ---- extended attributes: our own are not shown ---- */

static bool is_private(const char *name)
{
    return strncmp(name, OVERLAY_PREFIX, strlen(OVERLAY_PREFIX)) == 0;
}

ssize_t overlay_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
    struct inode *real = real_of(overlay_inode_of(i));

    if (is_private(name))
        return -EOPNOTSUPP;
    return real->ops->getxattr ? real->ops->getxattr(real, name, buf, size) : -EOPNOTSUPP;
}

int overlay_setxattr(struct inode *i, const char *name, const void *value, size_t size, int flags)
{
    struct overlay_inode *oi = overlay_inode_of(i);

    if (is_private(name))
        return -EOPNOTSUPP;
    int err = overlay_copy_up(oi, UINT64_MAX);
    if (err)
        return err;
    struct inode *upper = real_of(oi);
    if (!upper->ops->setxattr)
        return -EOPNOTSUPP;
    err = upper->ops->setxattr(upper, name, value, size, flags);
    return err ? err : overlay_inode_refresh(oi);
}

int overlay_removexattr(struct inode *i, const char *name)
{
    struct overlay_inode *oi = overlay_inode_of(i);
    ssize_t has = overlay_getxattr(i, name, NULL, 0);

    if (has < 0)
        return (int)has;
    int err = overlay_copy_up(oi, UINT64_MAX);
    if (err)
        return err;
    struct inode *upper = real_of(oi);
    if (!upper->ops->removexattr)
        return -EOPNOTSUPP;
    err = upper->ops->removexattr(upper, name);
    return err ? err : overlay_inode_refresh(oi);
}

static size_t without_private(char *buf, size_t size)
{
    size_t kept = 0;

    for (size_t at = 0; at < size;) {
        size_t len = strlen(buf + at) + 1;
        if (!is_private(buf + at)) {
            memmove(buf + kept, buf + at, len);
            kept += len;
        }
        at += len;
    }
    return kept;
}

ssize_t overlay_listxattr(struct inode *i, char *buf, size_t size)
{
    struct inode *real = real_of(overlay_inode_of(i));

    if (!real->ops->listxattr)
        return 0;
    ssize_t all = real->ops->listxattr(real, NULL, 0);
    if (all <= 0)
        return all;
    char *names = arena_alloc(i->sb->arena, (size_t)all);
    if (!names)
        return -ENOMEM;
    ssize_t n = real->ops->listxattr(real, names, (size_t)all);
    if (n > 0) {
        n = (ssize_t)without_private(names, (size_t)n);
        if (size > 0 && (size_t)n > size)
            n = -ERANGE;
        else if (size > 0)
            memcpy(buf, names, (size_t)n);
    }
    arena_free(names);
    return n;
}

static ssize_t overlay_readlink(struct inode *i, const struct actor *who, char *buf, size_t size)
{
    struct inode *real = real_of(overlay_inode_of(i));

    return real->ops->readlink ? real->ops->readlink(real, who, buf, size) : -EINVAL;
}

const struct inode_ops overlay_file_inode_ops = {
    .open = overlay_open_file,
    OVERLAY_COMMON_OPS,
};

const struct inode_ops overlay_link_ops = {
    .readlink = overlay_readlink,
    OVERLAY_COMMON_OPS,
};

const struct inode_ops overlay_special_ops = { OVERLAY_COMMON_OPS };
