/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of a process: numbers → open files. Shared under CLONE_FILES. */
#pragma once

#include "sentry/vfs/file.h"

struct fdtable;

must_use int fdtable_create(struct arena *a, struct fdtable **out);
/* fork(2): the same files; close-on-exec flags kept. Errors: ENOMEM. */
must_use int fdtable_copy(struct fdtable *t, struct fdtable **out);
struct fdtable *fdtable_get(struct fdtable *t);
/* The last one closes everything. */
void fdtable_put(struct fdtable *t, const struct actor *who);
bool fdtable_is_shared(const struct fdtable *t);

/* The file behind `fd` with a reference; NULL: EBADF. O_PATH files too: callers check FILE_PATH. */
must_use struct file *fdtable_file(struct fdtable *t, int fd);
/*
 * A file for the length of a call, by a task that has the table. Where nobody shares it, nobody
 * else can close the file, and the caller will not: it needs no reference.
 */
struct file_use {
    struct file *file; /* NULL: EBADF */
    bool counted;
};
struct file_use fdtable_use(struct fdtable *t, int fd);
static inline void file_use_end(struct file_use *u)
{
    if (u->counted)
        file_put(u->file);
}
#define scoped_use __attribute__((cleanup(file_use_end))) struct file_use
/*
 * Installs `f` (takes its own reference) at the lowest free number from `from` on.
 *
 *   limit     RLIMIT_NOFILE
 *   errors    EMFILE, ENOMEM
 *   returns   the number
 */
must_use int fdtable_install(struct fdtable *t, struct file *f, int from, bool cloexec,
                             uint64_t limit);
/*
 * A number for a file that is still to be made: where there is none, nothing is to be made.
 * fdtable_fill() or fdtable_unreserve() follows, by the same task and in the same call.
 */
struct fd_slot {
    struct fdtable *table; /* borrowed; NULL: nothing is reserved */
    int fd;
    bool marked; /* in the table: those who share it do not get that number */
};
/* Errors: EMFILE, ENOMEM. */
must_use int fdtable_reserve(struct fdtable *t, uint64_t limit, struct fd_slot *out);
/* As fdtable_install(), but for the errors. */
int fdtable_fill(struct fd_slot *s, struct file *f, bool cloexec);
/* After fdtable_fill(), and where nothing was reserved, there is nothing to do. */
void fdtable_unreserve(struct fd_slot *s);
#define scoped_slot __attribute__((cleanup(fdtable_unreserve))) struct fd_slot
/*
 * dup2(2): closes what was there.
 *
 *   errors    EBADF where `fd` passes the limit; EBUSY where it is reserved; ENOMEM
 */
must_use int fdtable_install_at(struct fdtable *t, struct file *f, int fd, bool cloexec,
                                uint64_t limit, const struct actor *who);
/* Errors: EBADF. */
must_use int fdtable_close(struct fdtable *t, int fd, const struct actor *who);
/* close_range(2): [from, to]; `cloexec_only` marks instead. */
must_use int fdtable_close_range(struct fdtable *t, unsigned from, unsigned to, bool cloexec_only,
                                 const struct actor *who);
/* execve(2). */
void fdtable_close_on_exec(struct fdtable *t, const struct actor *who);
int fdtable_get_flags(struct fdtable *t, int fd);
must_use int fdtable_set_flags(struct fdtable *t, int fd, int flags);
/* The lowest number ≥ from in use, -1 where none: /proc/PID/fd. */
int fdtable_next(struct fdtable *t, int from);
/* Numbers the table has room for: FDSize in /proc/PID/status. */
int fdtable_size(struct fdtable *t);
