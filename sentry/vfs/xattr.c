/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may see and change which attribute.
 *
 *   source    xattr(7); fs/xattr.c, Linux 6.12: xattr_permission(), xattr_resolve_name()
 */
#include "sentry/vfs/xattr.h"

#include <errno.h>
#include <string.h>

#include "sentry/vfs/file_caps.h"
#include "sentry/vfs/mount.h"

static bool has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* May `who` do that to an attribute of that name? */
static int may_xattr(const struct actor *who, struct inode *i, const char *name, unsigned may)
{
    uint32_t type = inode_mode(i) & S_IFMT;

    if (has_prefix(name, "security.") || has_prefix(name, "system."))
        return 0;
    if (has_prefix(name, "trusted.")) {
        if (cred_root_capable(who->cred, CAP_SYS_ADMIN))
            return 0;
        return may & MAY_WRITE ? -EPERM : -ENODATA;
    }
    if (has_prefix(name, "user.")) {
        if (type != S_IFREG && type != S_IFDIR)
            return may & MAY_WRITE ? -EPERM : -ENODATA;
        /* A sticky directory is everybody's: only its owner marks it. */
        if (type == S_IFDIR && inode_mode(i) & S_ISVTX && may & MAY_WRITE &&
            !inode_owner_or_capable(i, who->cred))
            return -EPERM;
    }
    return inode_permission(i, may, who);
}

/* Is it in a name space that file systems here keep? */
static bool is_known(const char *name)
{
    static const char *const spaces[] = { "user.", "trusted.", "security." };

    for (size_t k = 0; k < ARRAY_LEN(spaces); k++)
        if (has_prefix(name, spaces[k]))
            return true;
    return false;
}

/* Errors: EINVAL for a prefix alone. */
static int check_name(const char *name)
{
    const char *dot = strchr(name, '.');

    if (!is_known(name))
        return -EOPNOTSUPP;
    return dot[1] ? 0 : -EINVAL;
}

static bool is_file_caps(const char *name)
{
    return strcmp(name, FILE_CAPS_NAME) == 0;
}

/* Each is shown those that are something to him. */
static ssize_t get_file_caps(const struct actor *who, struct inode *i, void *buf, size_t size)
{
    struct vfs_ns_cap_data caps;
    ssize_t n = file_caps_to_show(i, who->cred->user_ns, &caps);

    if (n < 0 || size == 0)
        return n;
    if (size < (size_t)n)
        return -ERANGE;
    memcpy(buf, &caps, (size_t)n);
    return n;
}

ssize_t vfs_getxattr(const struct actor *who, struct inode *i, const char *name, void *buf,
                     size_t size)
{
    int err = may_xattr(who, i, name, MAY_READ);

    if (err)
        return err;
    if (is_file_caps(name))
        return get_file_caps(who, i, buf, size);
    if (!i->ops->getxattr)
        return -EOPNOTSUPP;
    err = check_name(name);
    return err ? err : i->ops->getxattr(i, name, buf, size);
}

/*
 * security.*: labels of modules that are not here may be set by root, as without any module: by
 * who is it of the file system, which here is the sandbox's own root.
 */
static int may_change(const struct actor *who, struct inode *i, const char *name)
{
    int err = may_xattr(who, i, name, MAY_WRITE);

    if (err || !has_prefix(name, "security."))
        return err;
    if (is_file_caps(name))
        return inode_capable(i, who->cred, CAP_SETFCAP) ? 0 : -EPERM;
    return cred_root_capable(who->cred, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

int vfs_setxattr(const struct actor *who, const struct mount *mnt, struct inode *i,
                 const char *name, const void *value, size_t size, int flags)
{
    struct vfs_ns_cap_data caps;
    int err = mnt ? mount_want_write(mnt) : 0;

    if (!err && is_file_caps(name) && size > 0) {
        ssize_t n = file_caps_to_store(i, who->cred, value, size, &caps);
        err = n < 0 ? (int)n : 0;
        value = &caps;
        size = (size_t)n;
    }
    if (!err)
        err = may_change(who, i, name);
    if (err)
        return err;
    if (!i->ops->setxattr)
        return -EOPNOTSUPP;
    err = check_name(name);
    return err ? err : i->ops->setxattr(i, name, value, size, flags);
}

int vfs_removexattr(const struct actor *who, const struct mount *mnt, struct inode *i,
                    const char *name)
{
    int err = mnt ? mount_want_write(mnt) : 0;

    if (!err)
        err = may_change(who, i, name);
    if (err)
        return err;
    if (!i->ops->removexattr)
        return -EOPNOTSUPP;
    err = check_name(name);
    return err ? err : i->ops->removexattr(i, name);
}

/* Takes the names out that `who` may not see. */
static size_t hide_trusted(char *buf, size_t size)
{
    size_t kept = 0;

    for (size_t at = 0; at < size;) {
        size_t len = strlen(buf + at) + 1;
        if (!has_prefix(buf + at, "trusted.")) {
            memmove(buf + kept, buf + at, len);
            kept += len;
        }
        at += len;
    }
    return kept;
}

ssize_t vfs_listxattr(const struct actor *who, struct inode *i, char *buf, size_t size)
{
    if (!i->ops->listxattr)
        return 0;
    ssize_t n = i->ops->listxattr(i, buf, size);
    /* A length that was only asked for may be too large: allowed. */
    if (n > 0 && size > 0 && !cred_root_capable(who->cred, CAP_SYS_ADMIN))
        return (ssize_t)hide_trusted(buf, (size_t)n);
    return n;
}
