/* SPDX-License-Identifier: Apache-2.0 */
/* The twelve calls on extended attributes. */
#include "sentry/vfs/xattr.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "sentry/syscall/at.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/vfs/dentry.h"

/* One call: its arguments, and then the file it is about. */
struct xcall {
    struct task *t;
    struct actor who;
    uptr_t name, value;
    size_t size;
    int flags;
    struct mount *mnt;   /* borrowed */
    struct inode *inode; /* borrowed */
};

static int name_in(const struct xcall *c, char name[XATTR_NAME_SIZE])
{
    ssize_t n = copy_in_string(c->t->mm, name, c->name, XATTR_NAME_SIZE);

    return n == -ENAMETOOLONG || n == 0 ? -ERANGE : n < 0 ? (int)n : 0;
}

static long do_get(struct xcall *c)
{
    char name[XATTR_NAME_SIZE];
    size_t size = min(c->size, (size_t)XATTR_SIZE_MAX);
    char *buf = NULL;
    long n = name_in(c, name);

    if (n)
        return n;
    if (size > 0 && !(buf = arena_alloc(c->t->arena, size)))
        return -ENOMEM;
    n = vfs_getxattr(&c->who, c->inode, name, buf, size);
    if (n > 0 && size > 0 && copy_out(c->t->mm, c->value, buf, (size_t)n))
        n = -EFAULT;
    arena_free(buf);
    return n;
}

static long do_set(struct xcall *c)
{
    char name[XATTR_NAME_SIZE];
    char *buf = NULL;

    if (c->flags & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    long r = name_in(c, name);
    if (r)
        return r;
    if (c->size > XATTR_SIZE_MAX)
        return -E2BIG;
    if (c->size > 0 && !(buf = arena_alloc(c->t->arena, c->size)))
        return -ENOMEM;
    r = c->size > 0 ? copy_in(c->t->mm, buf, c->value, c->size) : 0;
    if (!r)
        r = vfs_setxattr(&c->who, c->mnt, c->inode, name, buf, c->size, c->flags);
    arena_free(buf);
    return r;
}

static long do_list(struct xcall *c)
{
    size_t size = min(c->size, (size_t)XATTR_LIST_MAX);
    char *buf = NULL;

    if (size > 0 && !(buf = arena_alloc(c->t->arena, size)))
        return -ENOMEM;
    long n = vfs_listxattr(&c->who, c->inode, buf, size);
    if (n > 0 && size > 0 && copy_out(c->t->mm, c->value, buf, (size_t)n))
        n = -EFAULT;
    arena_free(buf);
    return n;
}

static long do_remove(struct xcall *c)
{
    char name[XATTR_NAME_SIZE];
    long r = name_in(c, name);

    return r ? r : vfs_removexattr(&c->who, c->mnt, c->inode, name);
}

typedef long xattr_call(struct xcall *c);

static long by_path(struct xcall c, uptr_t path, unsigned walk_flags, xattr_call *call)
{
    struct path p = { 0 };
    struct at at;
    long r = at_walk(c.t, AT_FDCWD, path, walk_flags, &at, &p);

    if (!r) {
        c.who = at.who;
        c.mnt = p.mnt;
        c.inode = dentry_inode(p.dentry);
        r = call(&c);
    }
    path_put(&p);
    at_put(&at);
    return r;
}

static long by_fd(struct xcall c, int fd, xattr_call *call)
{
    scoped(file) struct file *f = task_file(c.t, fd);

    if (!f)
        return -EBADF;
    task_actor(c.t, &c.who);
    c.mnt = f->path.mnt;
    c.inode = f->inode;
    return call(&c);
}

#define GET_ARGS                                           \
    {                                                      \
        .t = t, .name = name, .value = value, .size = size \
    }
#define SET_ARGS                                                           \
    {                                                                      \
        .t = t, .name = name, .value = value, .size = size, .flags = flags \
    }
#define LIST_ARGS                           \
    {                                       \
        .t = t, .value = list, .size = size \
    }
#define REMOVE_ARGS          \
    {                        \
        .t = t, .name = name \
    }

long sys_getxattr(struct task *t, uptr_t path, uptr_t name, uptr_t value, size_t size)
{
    return by_path((struct xcall)GET_ARGS, path, WALK_FOLLOW, do_get);
}

long sys_lgetxattr(struct task *t, uptr_t path, uptr_t name, uptr_t value, size_t size)
{
    return by_path((struct xcall)GET_ARGS, path, 0, do_get);
}

long sys_fgetxattr(struct task *t, int fd, uptr_t name, uptr_t value, size_t size)
{
    return by_fd((struct xcall)GET_ARGS, fd, do_get);
}

long sys_setxattr(struct task *t, uptr_t path, uptr_t name, uptr_t value, size_t size, int flags)
{
    return by_path((struct xcall)SET_ARGS, path, WALK_FOLLOW, do_set);
}

long sys_lsetxattr(struct task *t, uptr_t path, uptr_t name, uptr_t value, size_t size, int flags)
{
    return by_path((struct xcall)SET_ARGS, path, 0, do_set);
}

long sys_fsetxattr(struct task *t, int fd, uptr_t name, uptr_t value, size_t size, int flags)
{
    return by_fd((struct xcall)SET_ARGS, fd, do_set);
}

long sys_listxattr(struct task *t, uptr_t path, uptr_t list, size_t size)
{
    return by_path((struct xcall)LIST_ARGS, path, WALK_FOLLOW, do_list);
}

long sys_llistxattr(struct task *t, uptr_t path, uptr_t list, size_t size)
{
    return by_path((struct xcall)LIST_ARGS, path, 0, do_list);
}

long sys_flistxattr(struct task *t, int fd, uptr_t list, size_t size)
{
    return by_fd((struct xcall)LIST_ARGS, fd, do_list);
}

long sys_removexattr(struct task *t, uptr_t path, uptr_t name)
{
    return by_path((struct xcall)REMOVE_ARGS, path, WALK_FOLLOW, do_remove);
}

long sys_lremovexattr(struct task *t, uptr_t path, uptr_t name)
{
    return by_path((struct xcall)REMOVE_ARGS, path, 0, do_remove);
}

long sys_fremovexattr(struct task *t, int fd, uptr_t name)
{
    return by_fd((struct xcall)REMOVE_ARGS, fd, do_remove);
}
