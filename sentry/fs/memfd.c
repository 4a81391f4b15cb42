/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All memfds of a sandbox are in one tmpfs that is mounted nowhere. It is made with
 * the first of them and has no limit but the sandbox's memory.
 */
#include "sentry/fs/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "sentry/fs/tmpfs.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/vfs.h"
#include "sentry/vfs/walk.h"

#define MFD_NOEXEC_SEAL_BIT 8u /* newer than our headers */

static int make(struct dentry *root, const struct actor *who, unsigned flags, struct inode **out)
{
    bool noexec = flags & MFD_NOEXEC_SEAL_BIT;
    unsigned seals = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL_BIT) ? 0 : F_SEAL_SEAL;

    return tmpfs_create_unnamed(root, noexec ? 0666 : 0777,
                                noexec ? seals | TMPFS_SEAL_EXEC : seals, who, out);
}

int memfd_create_file(const struct actor *who, const char *name, unsigned flags, struct file **out)
{
    char shown[256];
    struct path root = { 0 }, at = { 0 };
    scoped(inode) struct inode *i = NULL;

    int err = vfs_internal_root(who, "tmpfs", tmpfs_create, &root);
    if (!err)
        err = make(root.dentry, who, flags, &i);
    if (!err) {
        snprintf(shown, sizeof shown, "memfd:%s", name);
        err = vfs_name_unlinked(&root, i, shown, &at);
    }
    if (!err)
        err = i->ops->open(i, &at, O_RDWR | 0100000 /* O_LARGEFILE */, who, out);
    path_put(&at);
    path_put(&root);
    return err;
}
