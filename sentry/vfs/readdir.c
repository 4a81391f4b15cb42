/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/readdir.h"

#include <errno.h>

#include "sentry/vfs/dentry.h"

bool dir_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned dtype,
              uint64_t next, uint64_t *pos)
{
    if (!sink->add(sink, name, len, ino, dtype, next))
        return false;
    *pos = next;
    return true;
}

bool dir_emit_dots(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    if (*pos == 0 && !dir_emit(sink, ".", 1, f->inode->attr.ino, DT_DIR, 1, pos))
        return false;
    if (*pos != 1)
        return true;
    scoped(dentry) struct dentry *parent = dentry_parent(f->path.dentry);
    return dir_emit(sink, "..", 2, dentry_inode(parent)->attr.ino, DT_DIR, 2, pos);
}

int file_readdir(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    if (!f->ops->readdir)
        return -ENOTDIR;
    if (f->path.dentry && dentry_is_deleted(f->path.dentry))
        return -ENOENT;
    int err = f->ops->readdir(f, sink, pos);
    file_accessed(f);
    return err;
}
