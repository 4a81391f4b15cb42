/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes and FIFOs: pipe(7).
 *
 * What a pipe holds is pages in slots. Its capacity is a number of slots, so a pipe
 * may be full of little where writes could not be merged, exactly as in Linux.
 */
#pragma once

#include "sentry/vfs/file.h"

/*
 * Makes a pipe.
 *
 *   flags     O_NONBLOCK, O_DIRECT (packets)
 *   cred      of the caller: borrowed
 *   out       the read end, the write end: given
 *   errors    ENOMEM
 *   source    pipe(2)
 */
must_use int pipe_create(struct arena *a, const struct cred *cred, int flags, struct file *out[2]);

/*
 * Opens a FIFO: what inode_ops.open of every file system does for S_IFIFO.
 *
 *   errors    ENXIO for O_WRONLY | O_NONBLOCK without a reader; ENOMEM
 *   source    fifo(7)
 */
must_use int fifo_open(struct inode *inode, const struct path *at, int flags,
                       const struct actor *who, struct file **out);

/* Is it an end of a pipe or FIFO? */
bool file_is_pipe(const struct file *f);

/* fcntl(F_GETPIPE_SZ), in bytes. Errors: EBADF where `f` is no pipe. */
must_use long pipe_size(struct file *f);

/*
 * fcntl(F_SETPIPE_SZ).
 *
 *   size      bytes; rounded up to a power of two of pages
 *   returns   the new size
 *   errors    EBADF where `f` is no pipe; EINVAL past 2 GiB; EPERM past 1 MiB without
 *             CAP_SYS_RESOURCE; EBUSY where what is in it would not fit; ENOMEM
 */
must_use long pipe_set_size(struct file *f, uint64_t size, const struct cred *cred);

/* ---- for splice(2), tee(2), vmsplice(2) ---- */

struct pipe_page;

/* A run of bytes in one page. */
struct pipe_slot {
    struct pipe_page *page;
    uint16_t off, size; /* bytes */
    uint8_t flags;      /* SLOT_* of pipe_priv.h */
};

#define PIPE_CHUNK 16

/* Pages on their way into or out of pipes. They belong to one thread and no pipe. */
struct pipe_chunk {
    struct pipe_slot slots[PIPE_CHUNK];
    unsigned count;
    size_t size; /* bytes in all */
};

/*
 * Makes a chunk of `size` bytes (at most PIPE_CHUNK pages) to be read into.
 *
 *   vecs      set to where the bytes go, one for each page: aim io_kernel at them
 *   errors    ENOMEM
 */
must_use int pipe_chunk_create(struct arena *a, size_t size, struct pipe_chunk *out,
                               struct iovec vecs[PIPE_CHUNK]);
/* Cuts the end off: a read gave less. */
void pipe_chunk_cut(struct pipe_chunk *c, size_t size);
/* Frees what is left in it. */
void pipe_chunk_destroy(struct pipe_chunk *c);
/* Where its bytes are, from `skip` bytes on. Returns the number of vecs. */
int pipe_chunk_vecs(const struct pipe_chunk *c, size_t skip, struct iovec vecs[PIPE_CHUNK]);

/*
 * Bytes that pipe_append() would take now, in whole pages; at most PIPE_CHUNK pages.
 *
 *   errors    EPIPE without a reader; EAGAIN where it is full
 */
must_use ssize_t pipe_room(struct file *f);

/*
 * Moves a chunk into a pipe without a copy; what did not fit stays in the chunk.
 *
 *   returns   bytes moved
 *   errors    EPIPE, EAGAIN
 */
must_use ssize_t pipe_append(struct file *f, struct pipe_chunk *c);

/*
 * Moves up to `size` bytes out of a pipe. What then cannot be used is put back by
 * pipe_unread(), in front of everything else.
 *
 *   returns   bytes moved; 0 at the end of the pipe
 *   errors    EAGAIN where it is empty and has a writer; ENOMEM
 */
must_use ssize_t pipe_detach(struct file *f, size_t size, struct pipe_chunk *out);
/* `c` without its first `used` bytes goes back in front; the rest of it is freed. */
void pipe_unread(struct file *f, struct pipe_chunk *c, size_t used);

/*
 * Copies up to `size` bytes from one pipe to another; both keep theirs.
 *
 *   returns   bytes; 0 at the end of `in`
 *   errors    EAGAIN where `in` is empty or `out` full; EPIPE; EINVAL where both are one pipe
 */
must_use ssize_t pipe_tee(struct file *in, struct file *out, size_t size);
