/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ancillary data: cmsg(3). Files and credentials that go along with bytes.
 */
#pragma once

#include <sys/socket.h>

#include "include/abi/socket.h"
#include "sentry/vfs/fdtable.h"

#define SCM_FILES_MAX 253 /* SCM_MAX_FD of Linux */

/* Open files on their way, each with a reference. */
struct scm_files {
    uint32_t count;
    struct file *files[];
};

struct scm {
    struct scm_files *files; /* NULL: none. From arena_alloc(). */
    bool has_cred;           /* send: SCM_CREDENTIALS was given; receive: to be told */
    struct ucred cred; /* as the guest writes it; send: checked, its pid the root namespace's */
};

/* Puts all files. */
void scm_destroy(struct scm *s);
void scm_files_destroy(struct scm_files *f);
/* The same files once more: MSG_PEEK. Errors: ENOMEM. */
must_use int scm_files_copy(struct arena *a, const struct scm_files *f, struct scm_files **out);

/*
 * Reads what a guest gave to sendmsg(2). Levels other than SOL_SOCKET are for the family: skipped.
 *
 *   control   the guest's bytes, copied in
 *   table     where SCM_RIGHTS are looked up
 *   out       given: scm_destroy()
 *   errors    EINVAL, EBADF, ENOMEM; ETOOMANYREFS is the family's
 */
must_use int cmsg_parse(struct arena *a, const void *control, size_t size, struct fdtable *table,
                        struct scm *out);

/* Goes from one control message to the next. NULL *at starts. Errors: EINVAL where one is
 * malformed. */
must_use int cmsg_next(const void *control, size_t size, const struct abi_cmsghdr **at);
static inline const void *cmsg_data(const struct abi_cmsghdr *c)
{
    return c + 1;
}
static inline size_t cmsg_data_size(const struct abi_cmsghdr *c)
{
    return c->len - sizeof *c;
}

/* Control messages on their way to a guest. */
struct cmsg_out {
    struct mm *mm;
    uptr_t at;
    size_t left, done; /* bytes */
    unsigned flags;    /* MSG_CTRUNC where one did not fit */
};

/* Adds one, cut off where there is no room. Errors: EFAULT. */
must_use int cmsg_put(struct cmsg_out *out, int level, int type, const void *data, size_t size);
/* How many descriptors an SCM_RIGHTS message could hold now. */
size_t cmsg_room_fds(const struct cmsg_out *out);
