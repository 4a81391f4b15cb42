/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes. Most files have none, and every execve(2), ls(1) and cp(1) asks
 * for some: of a file in an exclusive tree it is remembered that there are none.
 */
#include <errno.h>

#include "sentry/fs/gofer_priv.h"

enum { XATTRS_UNKNOWN, XATTRS_NONE, XATTRS_SOME };

/* Asks once whether there are any. */
static bool has_none(struct gofer_inode *gi)
{
    gofer_handle_t h;
    uint32_t known = atomic_load_explicit(&gi->no_xattrs, memory_order_acquire);

    if (gofer_sb_of(gi)->shared)
        return false;
    if (known == XATTRS_UNKNOWN) {
        ssize_t n = GOFER_RETRY(gi, h, gofer_listxattr(gofer_client_of(gi), h, NULL, 0));
        uint32_t now = n == 0 ? XATTRS_NONE : XATTRS_SOME;
        if (n < 0)
            return false;
        /* Where somebody sets one meanwhile, his word stands. */
        if (atomic_compare_exchange_strong(&gi->no_xattrs, &known, now))
            known = now;
    }
    return known == XATTRS_NONE;
}

ssize_t gofer_getxattr_op(struct inode *i, const char *name, void *buf, size_t size)
{
    struct gofer_inode *gi = gofer_inode_of(i);
    gofer_handle_t h;

    if (has_none(gi))
        return -ENODATA;
    return GOFER_RETRY(gi, h, gofer_getxattr(gofer_client_of(gi), h, name, buf, size));
}

int gofer_setxattr_op(struct inode *i, const char *name, const void *buf, size_t size, int flags)
{
    struct gofer_inode *gi = gofer_inode_of(i);
    gofer_handle_t h;

    atomic_store(&gi->no_xattrs, XATTRS_SOME);
    int err = GOFER_RETRY(gi, h, gofer_setxattr(gofer_client_of(gi), h, name, buf, size, flags));
    gofer_attr_change(gi); /* the change time, and for ACLs the mode */
    return err;
}

ssize_t gofer_listxattr_op(struct inode *i, char *buf, size_t size)
{
    struct gofer_inode *gi = gofer_inode_of(i);
    gofer_handle_t h;

    if (has_none(gi))
        return 0;
    return GOFER_RETRY(gi, h, gofer_listxattr(gofer_client_of(gi), h, buf, size));
}

int gofer_removexattr_op(struct inode *i, const char *name)
{
    struct gofer_inode *gi = gofer_inode_of(i);
    gofer_handle_t h;

    if (has_none(gi))
        return -ENODATA;
    int err = GOFER_RETRY(gi, h, gofer_removexattr(gofer_client_of(gi), h, name));
    gofer_attr_change(gi);
    return err;
}
