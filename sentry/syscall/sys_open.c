/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open, creat, openat2, close.
 *
 *   source    open(2), openat2(2); fs/open.c, Linux 6.12: build_open_flags()
 */
#include <fcntl.h>
#include <linux/openat2.h>

#include "sentry/syscall/at.h"
#include "sentry/syscall/block.h"
#include "sentry/syscall/syscalls.h"

#define O_LARGEFILE_BIT 0100000 /* the libc says 0 for it */
#define FLAGS_VALID                                                                          \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |    \
     O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE_BIT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | \
     O_CLOEXEC | O_PATH | O_TMPFILE)
#define PATH_FLAGS  (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

/* Errors: EINVAL for flags that contradict each other. */
static int check_flags(int flags)
{
    if (flags & O_CREAT && flags & O_DIRECTORY)
        return -EINVAL;
    if (flags & TMPFILE_BIT) {
        if ((flags & O_TMPFILE) != O_TMPFILE || flags & O_CREAT)
            return -EINVAL;
        if ((flags & O_ACCMODE) == O_RDONLY)
            return -EINVAL;
    }
    return 0;
}

static long open_at(struct task *t, int dirfd, uptr_t path, const struct open_how_k *how)
{
    scoped(file) struct file *f = NULL;
    scoped_slot slot = { 0 };
    struct at at;
    int err = check_flags(how->flags);

    if (err)
        return err;
    err = at_get(t, dirfd, path, how->walk, &at);
    if (!err)
        err = task_reserve(t, &slot);
    if (!err)
        err = vfs_open(&at.who, at.base, at.name, how, &f);
    at_put(&at);
    if (err)
        return err;
    if (f->ops->await_open && !file_nonblock(f)) {
        long r = BLOCK_ON(t, &f->waitq, NSEC_NEVER, f->ops->await_open(f));
        if (r)
            return r;
    }
    return fdtable_fill(&slot, f, how->flags & O_CLOEXEC);
}

/* What open(2) makes of its arguments, where openat2(2) refuses. */
static struct open_how_k how_of(int flags, unsigned mode)
{
    struct open_how_k how = { .flags = (flags & FLAGS_VALID) | O_LARGEFILE_BIT };

    if (flags & O_PATH)
        how.flags = flags & PATH_FLAGS;
    else if (flags & (O_CREAT | TMPFILE_BIT))
        how.mode = mode & 07777;
    return how;
}

long sys_openat(struct task *t, int dirfd, uptr_t path, int flags, unsigned mode)
{
    struct open_how_k how = how_of(flags, mode);

    return open_at(t, dirfd, path, &how);
}

long sys_open(struct task *t, uptr_t path, int flags, unsigned mode)
{
    return sys_openat(t, AT_FDCWD, path, flags, mode);
}

long sys_creat(struct task *t, uptr_t path, unsigned mode)
{
    return sys_openat(t, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

static unsigned walk_of_resolve(uint64_t resolve)
{
    static const struct {
        uint64_t resolve;
        unsigned walk;
    } bits[] = {
        {RESOLVE_NO_XDEV,        WALK_NO_XDEV                         },
        { RESOLVE_NO_MAGICLINKS, WALK_NO_MAGICLINKS                   },
        { RESOLVE_NO_SYMLINKS,   WALK_NO_SYMLINKS | WALK_NO_MAGICLINKS},
        { RESOLVE_BENEATH,       WALK_BENEATH                         },
        { RESOLVE_IN_ROOT,       WALK_IN_ROOT                         },
        { RESOLVE_CACHED,        WALK_CACHED                          },
    };
    unsigned walk = 0;

    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        if (resolve & bits[i].resolve)
            walk |= bits[i].walk;
    return walk;
}

static int check_how(const struct open_how *how)
{
    const uint64_t known = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
                           RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;
    bool makes = how->flags & (O_CREAT | TMPFILE_BIT);

    if (how->flags & ~(uint64_t)FLAGS_VALID || how->resolve & ~known)
        return -EINVAL;
    if (how->resolve & RESOLVE_BENEATH && how->resolve & RESOLVE_IN_ROOT)
        return -EINVAL;
    if (makes ? how->mode & ~(uint64_t)07777 : how->mode != 0)
        return -EINVAL;
    if (how->flags & O_PATH && how->flags & ~(uint64_t)PATH_FLAGS)
        return -EINVAL;
    if (how->resolve & RESOLVE_CACHED && how->flags & (O_TRUNC | O_CREAT | TMPFILE_BIT))
        return -EAGAIN;
    return 0;
}

/* copy_struct_from_user(): what a newer caller says beyond what we know must be zero. */
static int copy_in_how(struct task *t, uptr_t from, size_t size, struct open_how *how)
{
    if (size < sizeof *how)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    for (size_t off = sizeof *how; off < size; off++) {
        char c;
        int err = copy_in(t->mm, &c, uptr_at(from, off), 1);
        if (err)
            return err;
        if (c)
            return -E2BIG;
    }
    return copy_in_struct(t->mm, how, from);
}

long sys_openat2(struct task *t, int dirfd, uptr_t path, uptr_t how_ptr, size_t size)
{
    struct open_how how;
    int err = copy_in_how(t, how_ptr, size, &how);

    if (!err)
        err = check_how(&how);
    if (err)
        return err;
    struct open_how_k k = {
        .flags = (int)how.flags | (how.flags & O_PATH ? 0 : O_LARGEFILE_BIT),
        .mode = (uint32_t)how.mode,
        .walk = walk_of_resolve(how.resolve),
    };
    return open_at(t, dirfd, path, &k);
}

long sys_close(struct task *t, int fd)
{
    struct actor who;

    task_actor(t, &who);
    return fdtable_close(t->files, fd, &who);
}
