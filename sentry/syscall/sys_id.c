/* SPDX-License-Identifier: Apache-2.0 */
/* Who a task is: process and thread numbers, user and group ids. */
#include "sentry/syscall/syscalls.h"
#include "sentry/task/ids.h"

/* ---- numbers ---- */

long sys_getpid(struct task *t)
{
    return task_tgid(t, t);
}

long sys_gettid(struct task *t)
{
    return task_tid(t, t);
}

long sys_getppid(struct task *t)
{
    return task_ppid(t, t);
}

/* ---- ids ---- */

static uint32_t show_uid(const struct task *t, uint32_t kuid)
{
    return user_ns_uid_out(t->cred->user_ns, kuid);
}

static uint32_t show_gid(const struct task *t, uint32_t kgid)
{
    return user_ns_gid_out(t->cred->user_ns, kgid);
}

long sys_getuid(struct task *t)
{
    return show_uid(t, t->cred->ruid);
}

long sys_geteuid(struct task *t)
{
    return show_uid(t, t->cred->euid);
}

long sys_getgid(struct task *t)
{
    return show_gid(t, t->cred->rgid);
}

long sys_getegid(struct task *t)
{
    return show_gid(t, t->cred->egid);
}

long sys_setuid(struct task *t, uint32_t uid)
{
    return ids_set_uid(t, uid);
}

long sys_setgid(struct task *t, uint32_t gid)
{
    return ids_set_gid(t, gid);
}

long sys_setreuid(struct task *t, uint32_t ruid, uint32_t euid)
{
    return ids_set_reuid(t, ruid, euid);
}

long sys_setregid(struct task *t, uint32_t rgid, uint32_t egid)
{
    return ids_set_regid(t, rgid, egid);
}

long sys_setresuid(struct task *t, uint32_t ruid, uint32_t euid, uint32_t suid)
{
    return ids_set_resuid(t, ruid, euid, suid);
}

long sys_setresgid(struct task *t, uint32_t rgid, uint32_t egid, uint32_t sgid)
{
    return ids_set_resgid(t, rgid, egid, sgid);
}

static long copy_three(struct task *t, const uptr_t to[3], const uint32_t ids[3])
{
    for (int i = 0; i < 3; i++) {
        if (copy_out_struct(t->mm, to[i], &ids[i]) != 0)
            return -EFAULT;
    }
    return 0;
}

long sys_getresuid(struct task *t, uptr_t ruid, uptr_t euid, uptr_t suid)
{
    const struct cred *c = t->cred;
    const uint32_t ids[3] = { show_uid(t, c->ruid), show_uid(t, c->euid), show_uid(t, c->suid) };

    return copy_three(t, (uptr_t[3]){ ruid, euid, suid }, ids);
}

long sys_getresgid(struct task *t, uptr_t rgid, uptr_t egid, uptr_t sgid)
{
    const struct cred *c = t->cred;
    const uint32_t ids[3] = { show_gid(t, c->rgid), show_gid(t, c->egid), show_gid(t, c->sgid) };

    return copy_three(t, (uptr_t[3]){ rgid, egid, sgid }, ids);
}

long sys_setfsuid(struct task *t, uint32_t fsuid)
{
    return ids_set_fsuid(t, fsuid);
}

long sys_setfsgid(struct task *t, uint32_t fsgid)
{
    return ids_set_fsgid(t, fsgid);
}

/* ---- groups ---- */

#define GROUPS_AT_ONCE 64

long sys_getgroups(struct task *t, int size, uptr_t list)
{
    const struct cred *c = t->cred;
    uint32_t part[GROUPS_AT_ONCE];

    if (size < 0)
        return -EINVAL;
    if (size == 0)
        return c->ngroups;
    if (c->ngroups > (uint32_t)size)
        return -EINVAL;
    for (uint32_t at = 0; at < c->ngroups; at += GROUPS_AT_ONCE) {
        uint32_t n = min(c->ngroups - at, (uint32_t)GROUPS_AT_ONCE);
        for (uint32_t i = 0; i < n; i++)
            part[i] = show_gid(t, c->groups[at + i]);
        if (copy_out(t->mm, uptr_at(list, at * sizeof *part), part, n * sizeof *part) != 0)
            return -EFAULT;
    }
    return c->ngroups;
}

/* `ids` has room for `n`. */
static int copy_groups(struct task *t, uptr_t list, uint32_t *ids, uint32_t n)
{
    if (copy_in(t->mm, ids, list, n * sizeof *ids) != 0)
        return -EFAULT;
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = user_ns_gid_in(t->cred->user_ns, ids[i]);
        if (ids[i] == ID_NONE)
            return -EINVAL;
    }
    return 0;
}

long sys_setgroups(struct task *t, size_t size, uptr_t list)
{
    if (!ids_may_set_groups(t))
        return -EPERM;
    if ((unsigned)size > CRED_GROUPS_MAX)
        return -EINVAL;
    uint32_t n = (uint32_t)size;
    uint32_t *ids = arena_alloc(t->arena, max(n, 1u) * sizeof *ids);
    if (!ids)
        return -ENOMEM;
    int err = copy_groups(t, list, ids, n);
    if (!err)
        err = ids_set_groups(t, ids, n);
    arena_free(ids);
    return err;
}
