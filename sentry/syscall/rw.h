/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes of a task, as all calls that move bytes make them: with waiting,
 * limits and signals.
 */
#pragma once

#include "sentry/syscall/block.h"

/* At the file's position. The file may be read: file_may_read(). */
must_use long rw_read(struct task *t, struct file *f, struct io *io);
/* May raise SIGPIPE and SIGXFSZ. The file may be written: file_may_write(). */
must_use long rw_write(struct task *t, struct file *f, struct io *io);
/* At `pos`, of a file that is no stream. */
must_use long rw_read_at(struct task *t, struct file *f, struct io *io, uint64_t pos);
must_use long rw_write_at(struct task *t, struct file *f, struct io *io, uint64_t pos, bool append);

/* An array of iovecs of the guest. */
struct iov {
    struct iovec few[8];
    struct iovec *vecs; /* `few`, or arena bytes */
};

/*
 * Copies it in and aims at it.
 *
 *   out       iov_put() follows, also after a failure
 *   errors    EINVAL for more than 1024 or a negative length; EFAULT; ENOMEM
 */
must_use int iov_get(struct task *t, uptr_t from, size_t count, struct iov *iov, struct io *out);
void iov_put(struct iov *iov);
