/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into and out of open files: what all kinds of them share. */
#pragma once

#include "sentry/vfs/file.h"

/* May it be read, or written, at all? Errors: EBADF, EISDIR, EINVAL. */
must_use int file_may_read(const struct file *f);
must_use int file_may_write(const struct file *f);

/* One attempt at the file's own position, or none for a stream. */
must_use ssize_t file_read(struct file *f, struct io *io);
must_use ssize_t file_write(const struct actor *who, struct file *f, struct io *io);
/*
 * One attempt at `pos`, which stays. The file is no stream.
 *
 *   append    at the end instead
 */
must_use ssize_t file_read_at(struct file *f, struct io *io, uint64_t pos);
must_use ssize_t file_write_at(const struct actor *who, struct file *f, struct io *io, uint64_t pos,
                               bool append);

/*
 * Cuts a write short where RLIMIT_FSIZE ends it.
 *
 *   pos       where it would begin; ignored for O_APPEND
 *   errors    EFBIG where it could not even begin: the caller is due a SIGXFSZ
 */
must_use int file_limit_write(const struct actor *who, struct file *f, struct io *io, uint64_t pos);

/* The position of a file, for as long as something is done with it. */
void file_pos_take(struct file *f);
void file_pos_drop(struct file *f);

/* lseek(2). Errors: ESPIPE, EINVAL, ENXIO, EOVERFLOW. */
must_use int64_t file_seek(struct file *f, int64_t off, int whence);
