/* SPDX-License-Identifier: Apache-2.0 */
/* kcmp(2): do two tasks share something? */
#include <linux/kcmp.h>

#include "base/hash.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/group.h"

/* An order that says nothing of addresses: 0 the same, 1 less, 2 greater. */
static long order(struct task *t, const void *a, const void *b)
{
    uint64_t secret = (uint64_t)(uintptr_t)t->arena;
    uint64_t x = hash_pair(secret, (uintptr_t)a), y = hash_pair(secret, (uintptr_t)b);

    return a == b ? 0 : x < y ? 1 : 2;
}

/* Only compared, never followed: no reference is kept. */
static const void *part(struct task *t, int type)
{
    mutex_lock(&t->lock);
    const void *p = type == KCMP_VM      ? (void *)t->mm
                    : type == KCMP_FILES ? (void *)t->files
                    : type == KCMP_FS    ? (void *)t->fs
                                         : NULL;
    mutex_unlock(&t->lock);
    if (type == KCMP_SIGHAND) {
        mutex_lock(&t->group->lock);
        p = t->group->sighand;
        mutex_unlock(&t->group->lock);
    }
    return p;
}

static struct file *file_of(struct task *caller, struct task *t, uint64_t fd)
{
    struct fdtable *files = task_files_get(t);
    struct actor who;

    if (!files)
        return NULL;
    struct file *f = fdtable_file(files, (int)fd);
    task_actor(caller, &who);
    fdtable_put(files, &who);
    return f;
}

long sys_kcmp(struct task *t, int pid1, int pid2, int type, uint64_t idx1, uint64_t idx2)
{
    scoped(task) struct task *a = task_find(t, pid1);
    scoped(task) struct task *b = task_find(t, pid2);

    if (!a || !b)
        return -ESRCH;
    if (task_may_attach(t, a) != 0 || task_may_attach(t, b) != 0)
        return -EPERM;
    switch (type) {
    case KCMP_FILE: {
        scoped(file) struct file *fa = file_of(t, a, idx1);
        scoped(file) struct file *fb = file_of(t, b, idx2);
        return fa && fb ? order(t, fa, fb) : -EBADF;
    }
    case KCMP_VM:
    case KCMP_FILES:
    case KCMP_FS:
    case KCMP_SIGHAND:
        return order(t, part(a, type), part(b, type));
    case KCMP_IO:
        return order(t, a == b ? NULL : a, a == b ? NULL : b);
    case KCMP_SYSVSEM:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}
