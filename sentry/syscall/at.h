/* SPDX-License-Identifier: Apache-2.0 */
/* A path argument with the descriptor that it starts at: what most calls on files begin with. */
#pragma once

#include <limits.h>

#include "sentry/task/task.h"

struct at {
    struct actor who;
    struct file *file;       /* a reference; NULL for AT_FDCWD or an absolute path */
    const struct path *base; /* of `file`, or NULL: the working directory */
    char name[PATH_MAX];
};

/*
 * Copies the path in, then looks at the descriptor, in Linux's order.
 *
 *   walk      the flags of the walk to come: WALK_EMPTY allows "", and a confined walk starts
 *             at the descriptor even where the path is absolute
 *   out       at_put() follows, also after a failure
 *   errors    EFAULT, ENAMETOOLONG, ENOENT, EBADF
 */
must_use int at_get(struct task *t, int dirfd, uptr_t path, unsigned walk, struct at *out);
void at_put(struct at *a);

/* Does the path name the descriptor itself? */
static inline bool at_is_fd(const struct at *a)
{
    return !a->name[0] && a->file;
}

/* at_get() and walk(). `out` is given. */
must_use int at_walk(struct task *t, int dirfd, uptr_t path, unsigned walk_flags, struct at *a,
                     struct path *out);
