/* SPDX-License-Identifier: Apache-2.0 */
/* mount, umount2, pivot_root. */
#include <fcntl.h>

#include "sentry/syscall/at.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/group.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/mount.h"

/* A page of options, or nothing. Errors: EFAULT, ENOMEM. */
static int options_in(struct task *t, uptr_t from, char **out)
{
    *out = NULL;
    if (uptr_is_null(from))
        return 0;
    char *page = arena_alloc(t->arena, PAGE_SIZE);
    if (!page)
        return -ENOMEM;
    ssize_t n = copy_in_some(t->mm, page, from, PAGE_SIZE - 1);
    if (n <= 0) {
        arena_free(page);
        return -EFAULT;
    }
    *out = page; /* the rest is zero */
    return 0;
}

/* A string that may be missing. */
static int string_in(struct task *t, uptr_t from, char *buf, size_t size, const char **out)
{
    *out = NULL;
    if (uptr_is_null(from))
        return 0;
    ssize_t n = copy_in_string(t->mm, buf, from, size);
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : (int)n;
    *out = buf;
    return 0;
}

long sys_mount(struct task *t, uptr_t source, uptr_t target, uptr_t fstype, uint64_t flags,
               uptr_t data)
{
    char source_buf[PATH_MAX], type_buf[64];
    const char *from, *type;
    struct path p = { 0 };
    char *options = NULL;
    struct at at;
    int err = string_in(t, fstype, type_buf, sizeof type_buf, &type);

    if (!err)
        err = string_in(t, source, source_buf, sizeof source_buf, &from);
    if (!err)
        err = options_in(t, data, &options);
    if (err)
        return err;
    err = at_walk(t, AT_FDCWD, target, WALK_FOLLOW, &at, &p);
    if (!err)
        err = vfs_mount(&at.who, from, &p, type, flags, options);
    path_put(&p);
    at_put(&at);
    arena_free(options);
    return err;
}

long sys_umount2(struct task *t, uptr_t target, int flags)
{
    struct path p = { 0 };
    struct at at;

    if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    int err = at_walk(t, AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW, &at, &p);
    if (!err)
        err = vfs_umount(&at.who, &p, flags);
    path_put(&p);
    at_put(&at);
    return err;
}

/* All that have the old root as root or working directory get the new one. */
static void move_everybody(struct task *t, const struct path *from, const struct path *to)
{
    struct thread_group *g;

    for (int nr = 1; (g = tasks_next_group(tasks_of(t->arena)->pid_ns, &nr)); nr++) {
        scoped(task) struct task *leader = group_leader(g);
        struct fs_context *fs = leader ? task_fs_get(leader) : NULL;
        if (fs) {
            fs_context_replace(fs, from, to);
            fs_context_put(fs);
        }
        group_put(g);
    }
}

long sys_pivot_root(struct task *t, uptr_t new_root, uptr_t put_old)
{
    struct path fresh = { 0 }, old = { 0 };
    struct at a, b;
    int err = at_walk(t, AT_FDCWD, new_root, WALK_FOLLOW | WALK_DIRECTORY, &a, &fresh);

    if (!err) {
        err = at_walk(t, AT_FDCWD, put_old, WALK_FOLLOW | WALK_DIRECTORY, &b, &old);
        struct path root;
        fs_context_root(t->fs, &root);
        if (!err)
            err = vfs_pivot_root(&a.who, &fresh, &old);
        if (!err)
            move_everybody(t, &root, &fresh);
        path_put(&root);
        path_put(&old);
        at_put(&b);
    }
    path_put(&fresh);
    at_put(&a);
    return err;
}
