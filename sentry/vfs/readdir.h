/* SPDX-License-Identifier: Apache-2.0 */
/* What file_ops.readdir is written with. Positions 0 and 1 are "." and "..". */
#pragma once

#include "sentry/vfs/file.h"

/*
 * Gives one entry, and moves *pos behind it.
 *
 *   dtype     DT_*
 *   next      the position after it
 *   returns   false where the caller's buffer is full: *pos stays
 */
must_use bool dir_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino,
                       unsigned dtype, uint64_t next, uint64_t *pos);

/* "." and "..", where *pos stands on them. As dir_emit(). Takes sb->tree: hold no lock above it. */
must_use bool dir_emit_dots(struct file *f, struct dir_sink *sink, uint64_t *pos);

/* DT_* of a mode. */
static inline unsigned dtype_of_mode(uint32_t mode)
{
    return (mode & S_IFMT) >> 12;
}

/*
 * Reads on from *pos, as getdents64(2) does: permission was checked at open.
 *
 *   errors    ENOTDIR; ENOENT for a directory that is deleted; the file system's
 *   locks     the caller has claimed the position where `pos` is &f->pos
 */
must_use int file_readdir(struct file *f, struct dir_sink *sink, uint64_t *pos);
