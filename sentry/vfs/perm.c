/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what with an inode.
 *
 *   source    path_resolution(7), capabilities(7); the order of checks is that of
 *             fs/namei.c, Linux 6.1: acl_permission_check(), generic_permission()
 */
#include "sentry/vfs/perm.h"

#include <errno.h>
#include <linux/capability.h>

/* Do the owner and the group of `i` exist in the namespace that the capabilities are of? */
static bool ids_are_mapped(const struct inode *i, const struct user_ns *ns)
{
    if (!ns->parent)
        return true;
    return user_ns_has_uid(ns, inode_uid(i)) && user_ns_has_gid(ns, inode_gid(i));
}

bool inode_capable(const struct inode *i, const struct cred *c, int cap)
{
    return cred_capable(c, cap) && ids_are_mapped(i, c->user_ns);
}

bool inode_owner_or_capable(const struct inode *i, const struct cred *c)
{
    return c->fsuid == inode_uid(i) || inode_capable(i, c, CAP_FOWNER);
}

static int perm_by_capability(const struct inode *i, unsigned may, const struct cred *c)
{
    uint32_t mode = inode_mode(i);

    if (S_ISDIR(mode)) {
        if (!(may & MAY_WRITE) && inode_capable(i, c, CAP_DAC_READ_SEARCH))
            return 0;
        return inode_capable(i, c, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
    }
    if (may == MAY_READ && inode_capable(i, c, CAP_DAC_READ_SEARCH))
        return 0;
    /* Nobody runs what nobody may run. */
    if (!(may & MAY_EXEC) || mode & 0111)
        return inode_capable(i, c, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
    return -EACCES;
}

int perm_generic(struct inode *i, unsigned may, const struct actor *who)
{
    const struct cred *c = who->cred;
    uint32_t mode = inode_mode(i);

    if (c->fsuid == inode_uid(i))
        mode >>= 6;
    else if ((mode >> 3 & 7) != (mode & 7) && cred_in_group(c, inode_gid(i)))
        mode >>= 3; /* groups are only looked up where it matters */
    if (likely((may & ~mode & 7) == 0))
        return 0;
    return perm_by_capability(i, may, c);
}

int inode_permission(struct inode *i, unsigned may, const struct actor *who)
{
    if (may & MAY_WRITE && superblock_flags(i->sb) & SB_RDONLY) {
        uint32_t type = inode_mode(i) & S_IFMT;
        if (type == S_IFREG || type == S_IFDIR || type == S_IFLNK)
            return -EROFS;
    }
    if (unlikely(i->ops->permission != NULL))
        return i->ops->permission(i, may, who);
    return perm_generic(i, may, who);
}

/* A sticky directory: only the owners of the file or of the directory, or root. */
static bool is_sticky_for(const struct inode *dir, const struct inode *victim, const struct cred *c)
{
    return inode_mode(dir) & S_ISVTX && c->fsuid != inode_uid(victim) &&
           c->fsuid != inode_uid(dir) && !inode_capable(victim, c, CAP_FOWNER);
}

int perm_may_create(struct inode *dir, const struct actor *who)
{
    return inode_permission(dir, MAY_WRITE | MAY_EXEC, who);
}

int perm_may_delete(struct inode *dir, struct inode *victim, bool want_dir, const struct actor *who)
{
    int err = inode_permission(dir, MAY_WRITE | MAY_EXEC, who);

    if (err)
        return err;
    if (is_sticky_for(dir, victim, who->cred))
        return -EPERM;
    if (want_dir)
        return inode_is(victim, S_IFDIR) ? 0 : -ENOTDIR;
    return inode_is(victim, S_IFDIR) ? -EISDIR : 0;
}

void perm_new_inode(const struct inode *dir, uint32_t *mode, const struct actor *who, uint32_t *uid,
                    uint32_t *gid)
{
    *uid = who->cred->fsuid;
    *gid = who->cred->fsgid;
    if (!(inode_mode(dir) & S_ISGID))
        return;
    *gid = inode_gid(dir);
    if (S_ISDIR(*mode))
        *mode |= S_ISGID;
    else if ((*mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
             !cred_in_group(who->cred, *gid) && !inode_capable(dir, who->cred, CAP_FSETID))
        *mode &= ~(uint32_t)S_ISGID;
}
