/* SPDX-License-Identifier: Apache-2.0 */
/* A task as an object: its birth, its parts, its last reference. */
#include "sentry/task/task.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/host.h"
#include "sentry/core/slab.h"
#include "sentry/core/user.h"
#include "sentry/ipc/ipc_ns.h"
#include "sentry/task/ns.h"
#include "sentry/task/task_priv.h"

static const struct slab_type task_slab =
    SLAB_TYPE(task, struct task, .const_ptrs = { PTR_AT(struct task, restart.fn) },
              .host_ptrs = { PTR_AT(struct task, guest), PTR_AT(struct task, aspace) });

#define TIMER_SLACK_DEFAULT 50000 /* nanoseconds: init_task's */

struct task *task_alloc(struct arena *a, struct thread_group *g)
{
    struct task *t = slab_alloc(a, &task_slab);

    if (!t)
        return NULL;
    ref_init(&t->ref);
    t->arena = a;
    t->group = g ? group_get(g) : NULL;
    list_init(&t->group_node);
    list_init(&t->pending.queue);
    mutex_init(&t->lock, RANK_TASK);
    t->sas_flags = SS_DISABLE;
    t->timer_slack = TIMER_SLACK_DEFAULT;
    t->mce_kill = PR_MCE_KILL_DEFAULT;
    t->syscall_nr = -1;
    t->regs.orig_rax = UINT64_MAX;
    t->started = task_now(t, CLOCK_ID_MONOTONIC);
    t->started_boot = task_now(t, CLOCK_ID_BOOTTIME);
    return t;
}

struct task *task_get(struct task *t)
{
    ref_get(&t->ref);
    return t;
}

void task_put(struct task *t)
{
    if (!t || !ref_put(&t->ref))
        return;
    assert(!t->mm && !t->files && !t->fs && !t->ipc && list_empty(&t->pending.queue));
    cred_put((struct cred *)t->cred);
    pid_ns_put(t->pid_ns_children);
    pid_put(t->pid);
    arena_free(t->fpu);
    group_put(t->group);
    slab_free(t);
}

struct mm *task_drop_mm_visible(struct task *t)
{
    mutex_lock(&t->lock);
    struct mm *mm = keep(t->mm);
    mutex_unlock(&t->lock);
    t->aspace = NULL;
    return mm_put_visible(mm, t->group ? t->group->pid : NULL);
}

void task_end_former(struct task *t)
{
    struct mm *former = keep(t->former);

    if (former)
        mm_destroy(former);
}

void task_drop_mm(struct task *t)
{
    struct mm *rest = task_drop_mm_visible(t);

    if (rest)
        mm_destroy(rest);
}

void task_drop_files(struct task *t)
{
    struct actor who;

    if (!t->files)
        return;
    task_actor(t, &who);
    mutex_lock(&t->lock);
    struct fdtable *files = keep(t->files);
    mutex_unlock(&t->lock);
    fdtable_put(files, &who);
}

void task_drop_fs(struct task *t)
{
    mutex_lock(&t->lock);
    struct fs_context *fs = keep(t->fs);
    struct uts_ns *uts = keep(t->uts);
    mutex_unlock(&t->lock);
    fs_context_put(fs);
    uts_ns_put(uts);
}

/* ---- what handlers use ---- */

struct file *task_file_any(struct task *t, int fd)
{
    return fdtable_file(t->files, fd);
}

struct file *task_file(struct task *t, int fd)
{
    scoped(file) struct file *f = fdtable_file(t->files, fd);

    return f && !(f->kind & FILE_PATH) ? keep(f) : NULL;
}

struct file_use task_use_any(struct task *t, int fd)
{
    return fdtable_use(t->files, fd);
}

struct file_use task_use(struct task *t, int fd)
{
    struct file_use u = fdtable_use(t->files, fd);

    if (unlikely(u.file && u.file->kind & FILE_PATH)) {
        file_use_end(&u);
        u = (struct file_use){ 0 };
    }
    return u;
}

int task_install(struct task *t, struct file *f, bool cloexec)
{
    return fdtable_install(t->files, f, 0, cloexec, task_limit(t, RLIMIT_NOFILE));
}

int task_reserve(struct task *t, struct fd_slot *out)
{
    return fdtable_reserve(t->files, task_limit(t, RLIMIT_NOFILE), out);
}

void task_actor(struct task *t, struct actor *out)
{
    *out = (struct actor){
        .arena = t->arena,
        .cred = t->cred,
        .fs = t->fs,
        .limits = task_limits(t),
        .task = t,
    };
}

int task_path(struct task *t, uptr_t from, char *buf)
{
    ssize_t n = copy_in_string(t->mm, buf, from, PATH_MAX);

    return n < 0 ? (int)n : 0;
}

int task_dirfd(struct task *t, int dirfd, struct file **hold, const struct path **base)
{
    *hold = NULL;
    *base = NULL;
    if (dirfd == AT_FDCWD)
        return 0;
    struct file *f = task_file_any(t, dirfd);
    if (!f)
        return -EBADF;
    *hold = f;
    *base = &f->path;
    return 0;
}

struct limits *task_limits(const struct task *t)
{
    return &t->group->limits;
}

nsec_t task_now(const struct task *t, enum clock_id id)
{
    return clock_now((struct clock *)arena_host(t->arena, HOST_CLOCK), id);
}

/* ---- other tasks ---- */

struct task *task_find(const struct task *viewer, int tid)
{
    struct tasks *ts = tasks_of(viewer->arena);
    struct task *found = NULL;

    mutex_lock(&ts->lock);
    struct pid *p = pid_find_locked(pid_ns_of(viewer->pid), tid);
    if (p && p->task)
        found = task_get(p->task);
    mutex_unlock(&ts->lock);
    return found;
}

static const struct pid_ns *ns_of(const struct task *t, const struct task *viewer)
{
    return viewer ? pid_ns_of(viewer->pid) : tasks_of(t->arena)->pid_ns;
}

/* Exec can change a task's pid: others look at it under the lock. */
static int nr_seen(const struct task *t, const struct task *viewer, struct pid *const *which)
{
    struct tasks *ts = tasks_of(t->arena);
    const struct pid_ns *ns = ns_of(t, viewer);

    if (t == viewer)
        return pid_nr(*which, ns);
    mutex_lock(&ts->lock);
    int nr = pid_nr(*which, ns);
    mutex_unlock(&ts->lock);
    return nr;
}

int task_tid(const struct task *t, const struct task *viewer)
{
    return nr_seen(t, viewer, &t->pid);
}

int task_tgid(const struct task *t, const struct task *viewer)
{
    return pid_nr(t->group->pid, ns_of(t, viewer));
}

int task_ppid(const struct task *t, const struct task *viewer)
{
    struct tasks *ts = tasks_of(t->arena);
    const struct pid_ns *ns = ns_of(t, viewer);

    mutex_lock(&ts->lock);
    struct thread_group *parent = t->group->parent;
    int nr = parent ? pid_nr(parent->pid, ns) : 0;
    mutex_unlock(&ts->lock);
    return nr;
}

struct mm *task_mm_get(struct task *t)
{
    mutex_lock(&t->lock);
    struct mm *mm = t->mm ? mm_get(t->mm) : NULL;
    mutex_unlock(&t->lock);
    return mm;
}

struct fdtable *task_files_get(struct task *t)
{
    mutex_lock(&t->lock);
    struct fdtable *files = t->files ? fdtable_get(t->files) : NULL;
    mutex_unlock(&t->lock);
    return files;
}

struct fs_context *task_fs_get(struct task *t)
{
    mutex_lock(&t->lock);
    struct fs_context *fs = t->fs ? fs_context_get(t->fs) : NULL;
    mutex_unlock(&t->lock);
    return fs;
}

struct uts_ns *task_uts_get(struct task *t)
{
    mutex_lock(&t->lock);
    struct uts_ns *uts = t->uts ? uts_ns_get(t->uts) : NULL;
    mutex_unlock(&t->lock);
    return uts;
}

struct ipc_ns *task_ipc_get(struct task *t)
{
    mutex_lock(&t->lock);
    struct ipc_ns *ipc = t->ipc ? ipc_ns_get(t->ipc) : NULL;
    mutex_unlock(&t->lock);
    return ipc;
}

const struct cred *task_cred_get(struct task *t)
{
    mutex_lock(&t->lock);
    const struct cred *c = cred_get(t->cred);
    mutex_unlock(&t->lock);
    return c;
}

/* As commit_creds(): what was private to the old ids stays so. */
static bool is_other_person(const struct cred *old, const struct cred *c)
{
    if (old->euid != c->euid || old->egid != c->egid || old->fsuid != c->fsuid ||
        old->fsgid != c->fsgid)
        return true;
    return old->user_ns == c->user_ns && c->cap_permitted & ~old->cap_permitted;
}

/* What it has run until now might do with others' programs what they could not do with its own. */
static bool has_same_rights(const struct cred *a, const struct cred *b)
{
    return a->euid == b->euid && a->egid == b->egid && a->user_ns == b->user_ns &&
           a->cap_permitted == b->cap_permitted && a->no_new_privs == b->no_new_privs;
}

void task_set_cred(struct task *t, struct cred *c)
{
    if (t->mm && !has_same_rights(t->cred, c)) {
        mm_disown(t->mm);
        patch_set_owner(t->mm, PATCH_ALONE);
    }
    if (is_other_person(t->cred, c)) {
        if (t->mm) {
            mm_set_dumpable(t->mm, 0);
            patch_set_owner(t->mm, PATCH_ALONE);
        }
        atomic_store(&t->pdeath_signal, 0);
    }
    mutex_lock(&t->lock);
    const struct cred *old = t->cred;
    t->cred = c;
    mutex_unlock(&t->lock);
    task_set_work(t, TASK_ANSWERS);
    if (old->ruid != c->ruid && t->charged) {
        /* what it runs as pays for it; the limit is asked for at the next fork */
        int err = user_charge(t->arena, c->ruid, USER_TASKS, UINT64_MAX);
        if (!err) {
            user_uncharge(t->arena, t->charged_uid, USER_TASKS);
            t->charged_uid = c->ruid;
        }
    }
    cred_put((struct cred *)old);
}

void task_get_name(struct task *t, char out[16])
{
    mutex_lock(&t->lock);
    memcpy(out, t->name, sizeof t->name);
    mutex_unlock(&t->lock);
}

void task_set_name(struct task *t, const char *name)
{
    mutex_lock(&t->lock);
    memset(t->name, 0, sizeof t->name);
    memcpy(t->name, name, strnlen(name, sizeof t->name - 1));
    mutex_unlock(&t->lock);
}

char task_state(struct task *t)
{
    switch (atomic_load(&t->life)) {
    case TASK_ZOMBIE:
        return 'Z';
    case TASK_DEAD:
        return 'X';
    default:
        break;
    }
    switch (atomic_load(&t->sleeping)) {
    case TASK_SLEEP_SIGNALS:
        return 'S';
    case TASK_SLEEP_KILL:
        return 'D';
    case TASK_SLEEP_STOPPED:
        return 'T';
    default:
        return 'R';
    }
}
