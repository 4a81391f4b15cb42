/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on their way between an object and whoever asked: guest memory of an mm,
 * or memory of the sentry itself (tests, execve reading a header, sendfile).
 *
 * An object that reads or writes sees only `left` and these functions; it does not
 * know whose memory it is. A transfer stops at the first fault: what went over
 * before it counts, as in Linux.
 */
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include "include/uptr.h"

struct arena;
struct mm;
struct task;

#define IO_MAX      ((size_t)0x7ffff000) /* read(2), NOTES: what Linux moves at most, in bytes */
#define IO_VECS_MAX 1024                 /* UIO_MAXIOV */

struct io {
    struct mm *mm;            /* NULL: `vecs` are the sentry's own addresses */
    const struct iovec *vecs; /* borrowed; iov_base is a guest address where mm is set */
    size_t nvecs;
    size_t at;         /* bytes of vecs[0] already used */
    size_t left;       /* bytes */
    size_t done;       /* bytes moved so far */
    struct iovec one;  /* room for the common case */
    int64_t since;     /* the object's: when it was first tried, CLOCK_MONOTONIC; 0: not yet */
    struct task *task; /* borrowed, opaque: on whose behalf (a terminal's job control, credentials
                          of a message); NULL: the sentry's own. Set by task_io(). */
};

/* Aims at `size` bytes of the sentry's own memory. */
void io_kernel(struct io *io, void *buf, size_t size);

/*
 * Aims at guest memory. Only the range is checked here, not what is mapped in it.
 *
 *   size      cut to IO_MAX
 *   errors    EFAULT where the range leaves the guest's addresses
 */
must_use int io_user(struct io *io, struct mm *mm, uptr_t buf, size_t size);

/* As readv(2): `vecs` stays borrowed. Errors: EFAULT; EINVAL where the sum passes SSIZE_MAX. */
must_use int io_user_vec(struct io *io, struct mm *mm, const struct iovec *vecs, size_t n);

/*
 * Moves exactly min(size, io->left) bytes, or up to the fault.
 *
 *   io_put    kernel → whoever asked (a read)
 *   io_take   whoever asked → kernel (a write)
 *   returns   bytes moved, short only at a fault; -EFAULT where the very first one faulted
 *   locks     takes RANK_MM
 */
must_use ssize_t io_put(struct io *io, const void *buf, size_t size);
must_use ssize_t io_take(struct io *io, void *buf, size_t size);
/* io_put of zeroes. */
must_use ssize_t io_zero(struct io *io, size_t size);
/*
 * io_take into RAM from byte `off` of frame `pfn` on, where the host may have no pages yet: our
 * first touch of each would be a fault, and a call of the host that writes all of them is not.
 */
must_use ssize_t io_take_ram(struct io *io, struct arena *a, uint64_t pfn, uint64_t off,
                             size_t size);

/* Memory of the io itself, pinned, for a host call that moves bytes without another copy. */
struct io_pin {
    struct iovec vecs[16]; /* sentry addresses */
    int n;
    size_t size; /* bytes in all */
    struct mm *mm;
    uint64_t held[16]; /* first pfn of each run */
};

/*
 * Pins up to `size` bytes (fewer is fine, at least one) from where the io stands.
 *
 *   write     the memory will be written (the io is the target of a read)
 *   errors    EFAULT
 *   returns   0; then io_unpin(), with what was really moved
 */
must_use int io_pin(struct io *io, size_t size, bool write, struct io_pin *out);
/* Moves the io on by `moved` bytes and lets go. */
void io_unpin(struct io *io, struct io_pin *pin, size_t moved);

/* Goes on without moving anything. */
void io_skip(struct io *io, size_t size);
