/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/kernel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "sentry/core/platform_ref.h"
#include "sentry/core/refused.h"
#include "sentry/core/slab.h"
#include "sentry/core/timer.h"
#include "sentry/fs/fs.h"
#include "sentry/fstypes.h"
#include "sentry/load/vdso.h"
#include "sentry/mm/frame.h"
#include "sentry/mounts.h"
#include "sentry/proc/state.h"
#include "sentry/process.h"
#include "sentry/profile.h"
#include "sentry/sock/socket.h"
#include "sentry/syscall/answers.h"
#include "sentry/syscall/sock_hooks.h"
#include "sentry/syscall/stats.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/container.h"
#include "sentry/task/futex.h"
#include "sentry/task/ns.h"
#include "sentry/task/pid.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/vfs.h"

/* [I] never changes after guest_container_prepare()   [k] under the kernel's lock */
struct guest_container {
    struct ref ref;
    struct list node;          /* [k] in kernel.containers */
    struct kernel *kernel;     /* [I] */
    uint64_t pid_ns, uts_ns;   /* [I] what stands for its namespaces on the host; 0: nothing */
    struct container *common;  /* [I] a reference */
    struct mnt_ns *mounts;     /* [k] a reference; NULL: it has ended */
    struct guest_process init; /* [I] the first, but for its task */
    bool alone;                /* [I] the sandbox is its own: RAM is what it has */
};

/* [I] never changes   [k] under lock */
struct kernel {
    struct arena *arena;           /* [I] */
    struct user_ns *user_ns;       /* [I] a reference */
    struct guest_container *first; /* [I] */
    struct mutex lock;             /* RANK_CONTROL */
    struct list containers;        /* [k] guest_container.node */
};

static const struct slab_type kernel_slab = SLAB_TYPE(kernel, struct kernel);
static const struct slab_type guest_container_slab =
    SLAB_TYPE(guest_container, struct guest_container);

int boot_fail(struct boot_error *e, int err, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    return e->err = err;
}

/* ---- birth ---- */

static const struct tasks_ops tasks_ops = { .dispatch = syscall_dispatch,
                                            .answers = syscall_answers };

static int make_parts(struct kernel *k, const struct sandbox_options *o)
{
    struct arena *a = k->arena;
    const struct tasks_options tasks = { .ops = &tasks_ops,
                                         .nodename = o->hostname,
                                         .max_tasks = (uint32_t)o->pids,
                                         .pod = o->pod,
                                         .cpus = o->cpus,
                                         .user_ns = k->user_ns };
    const struct syscall_watch watch = { .trace_fd = o->fds[OPTION_FD_TRACE],
                                         .summary_fd = o->fds[OPTION_FD_SUMMARY],
                                         .trace = o->trace_set };
    const struct vdso_options vdso = { .tsc = o->tsc, .cpus = o->cpus };
    int err = timers_create(a);

    if (!err)
        err = refused_create(a);
    if (!err)
        err = syscall_stats_create(a, &watch);
    if (!err)
        err = vfs_create(a);
    if (!err)
        err = fs_create(a);
    if (!err)
        err = sock_create_state(a, &syscall_sock_hooks);
    if (!err)
        err = futexes_create(a);
    if (!err)
        err = vdso_create(a, &vdso);
    if (!err)
        err = tasks_create(a, &tasks);
    if (!err && *o->domainname)
        uts_ns_set_domainname(tasks_of(a)->uts, o->domainname, strlen(o->domainname));
    return err;
}

/* What the sandbox's own root may do in it: everything. */
static int root_actor(struct kernel *k, struct actor *out, struct cred **cred)
{
    int err = cred_create(k->arena, k->user_ns, 0, 0, CAPS_ALL, cred);

    if (!err)
        *out = (struct actor){ .arena = k->arena, .cred = *cred };
    return err;
}

static int show_ids(struct kernel *k, const struct sandbox_options *o)
{
    static_assert(sizeof(struct id_extent) == sizeof(struct option_id_range), "the same three");
    int err = 0;

    if (o->nuid_map)
        err = user_ns_show(k->user_ns, false, (const struct id_extent *)o->uid_map, o->nuid_map);
    if (!err && o->ngid_map)
        err = user_ns_show(k->user_ns, true, (const struct id_extent *)o->gid_map, o->ngid_map);
    return err;
}

static int set_sysctls(struct arena *a, const struct sandbox_options *o, struct boot_error *e)
{
    for (uint32_t i = 0; i < o->nsysctls; i++) {
        const struct option_sysctl *s = &o->sysctls[i];
        int err = proc_set(a, s->name, s->value);

        if (err == -ENOENT)
            return boot_fail(e, err, "config.json: linux.sysctl: the sandbox has no /proc/sys/%s",
                             s->name);
        if (err)
            return boot_fail(e, err, "config.json: linux.sysctl: /proc/sys/%s cannot be %s: %s",
                             s->name, s->value, strerror(-err));
    }
    return 0;
}

/* ---- containers ---- */

static struct guest_container *alloc(struct kernel *k, const struct sandbox_options *o)
{
    struct guest_container *c = slab_alloc(k->arena, &guest_container_slab);

    if (!c)
        return NULL;
    *c = (struct guest_container){ .kernel = k, .pid_ns = o->pid_ns, .uts_ns = o->uts_ns };
    ref_init(&c->ref);
    list_init(&c->node);
    return c;
}

/* What two of a pod have in common on the host, they have in common here. NULL: nobody's. */
static struct container *who_has_locked(struct kernel *k, size_t field, uint64_t number)
    HOLDS(k->lock);
static struct container *who_has_locked(struct kernel *k, size_t field, uint64_t number)
{
    struct guest_container *c;

    list_for_each (c, &k->containers, node)
        if (number && *(const uint64_t *)((const char *)c + field) == number)
            return c->common;
    return NULL;
}

static struct pid_ns *shared_pid_ns(struct kernel *k, const struct sandbox_options *o)
{
    mutex_lock(&k->lock);
    struct container *c = who_has_locked(k, offsetof(struct guest_container, pid_ns), o->pid_ns);
    struct pid_ns *ns = c ? pid_ns_get(c->pid_ns) : NULL;
    mutex_unlock(&k->lock);
    return ns;
}

static struct uts_ns *shared_uts_ns(struct kernel *k, const struct sandbox_options *o)
{
    mutex_lock(&k->lock);
    struct container *c = who_has_locked(k, offsetof(struct guest_container, uts_ns), o->uts_ns);
    struct uts_ns *ns = c ? uts_ns_get(c->uts) : NULL;
    mutex_unlock(&k->lock);
    return ns;
}

static int make_uts_ns(struct kernel *k, const struct sandbox_options *o, struct uts_ns **out)
{
    int err = uts_ns_create(k->arena, k->user_ns, o->hostname, out);

    if (!err && *o->domainname)
        uts_ns_set_domainname(*out, o->domainname, strlen(o->domainname));
    return err;
}

/*
 * Whatever its programs touch and use is to count in its own cgroups, as far as they do it
 * themselves: their processes on the host descend from one that is there.
 */
static int make_seed(const struct kernel *k, const struct sandbox_options *o, struct aspace **out)
{
    const struct platform_ref *p = platform_of(k->arena);

    if (o->fds[OPTION_FD_CGROUP] < 0 || !p->ops->aspace_place)
        return 0;
    int err = p->ops->aspace_create(p->platform, NULL, out);
    for (int i = OPTION_FD_CGROUP; !err && i < OPTION_FD_CGROUP_END && o->fds[i] >= 0; i++)
        if (p->ops->aspace_place(*out, o->fds[i]))
            log_warn("a container's processes cannot be put into its cgroup");
    return err;
}

static int make_common(struct kernel *k, const struct sandbox_options *o, struct container **out)
{
    scoped(pid_ns) struct pid_ns *pid_ns = shared_pid_ns(k, o);
    scoped(uts_ns) struct uts_ns *uts = shared_uts_ns(k, o);
    int err = pid_ns ? 0 : pid_ns_create(k->arena, tasks_of(k->arena)->pid_ns, k->user_ns, &pid_ns);

    if (!err && !uts)
        err = make_uts_ns(k, o, &uts);
    if (!err)
        err = task_container_create(k->arena, pid_ns, uts, (uint32_t)o->pids, out);
    if (!err)
        err = make_seed(k, o, &(*out)->seed);
    return err;
}

static void show_limits(struct container *c, const struct sandbox_options *o)
{
    struct container_figures *f = &c->figures;

    atomic_init(&f->memory, o->mem);
    atomic_init(&f->pids, o->pids);
    atomic_init(&f->quota, o->cpu_quota);
    atomic_init(&f->period, o->cpu_period);
    atomic_init(&f->shares, o->cpu_shares);
}

/* Its profile and its tree; from then on it can be found. */
static int furnish(struct guest_container *c, const struct sandbox_options *o,
                   struct gofer_client *gofer, struct boot_error *e)
{
    scoped(cred) struct cred *root = NULL;
    struct kernel *k = c->kernel;
    struct actor who;
    int err = profile_create(k->arena, o, &c->common->profile);

    c->common->mem = o->pod || gofer ? o->mem : 0;
    c->alone = !o->pod && !gofer;
    c->common->cgroup_v1 = o->cgroup_v1;
    show_limits(c->common, o);
    if (!err)
        err = root_actor(k, &who, &root);
    if (err)
        return boot_fail(e, err, "cannot make the container: %s", strerror(-err));
    who.pid_ns = c->common->pid_ns;
    err = set_sysctls(k->arena, o, e);
    if (!err)
        err = mounts_create(k->arena, &who, o, gofer, &c->mounts, e);
    if (err)
        return err;
    mutex_lock(&k->lock);
    list_push_back(&k->containers, &c->node);
    mutex_unlock(&k->lock);
    return 0;
}

int kernel_create(struct arena *a, const struct sandbox_options *o, struct kernel **out,
                  struct boot_error *e)
{
    struct kernel *k = slab_alloc(a, &kernel_slab);

    if (!k)
        return boot_fail(e, -ENOMEM, "no memory for the kernel");
    k->arena = a;
    mutex_init(&k->lock, RANK_CONTROL);
    list_init(&k->containers);
    arena_set_root(a, ROOT_KERNEL, k);
    int err = user_ns_create_root(a, &k->user_ns);
    if (!err)
        err = show_ids(k, o);
    if (!err)
        err = make_parts(k, o);
    if (err == -EINVAL)
        return boot_fail(e, err, "--strace=%s: there is no call or class of that name",
                         o->trace_set);
    k->first = err ? NULL : alloc(k, o);
    if (!k->first)
        return boot_fail(e, err ?: -ENOMEM, "cannot make the kernel: %s", strerror(-err));
    fstypes_register(a);
    k->first->common = task_container_get(tasks_of(a)->first);
    err = furnish(k->first, o, NULL, e);
    if (!err)
        *out = k;
    return err;
}

int kernel_admit(struct kernel *k, const struct sandbox_options *o, struct gofer_client *gofer,
                 struct guest_container **out, struct boot_error *e)
{
    struct guest_container *c = alloc(k, o);
    int err = c ? make_common(k, o, &c->common) : -ENOMEM;

    if (err) {
        if (c)
            task_container_put(c->common);
        slab_free(c);
        return boot_fail(e, err, "cannot make the container: %s", strerror(-err));
    }
    err = furnish(c, o, gofer, e);
    if (err)
        guest_container_put(c);
    else
        *out = c;
    return err;
}

void guest_container_end(struct guest_container *c)
{
    struct kernel *k = c->kernel;

    task_container_end(c->common);
    mutex_lock(&k->lock);
    list_del(&c->node);
    struct mnt_ns *mounts = c->mounts;
    c->mounts = NULL;
    mutex_unlock(&k->lock);
    mnt_ns_put(mounts);
}

struct guest_container *guest_container_get(struct guest_container *c)
{
    ref_get(&c->ref);
    return c;
}

void guest_container_put(struct guest_container *c)
{
    if (!c || !ref_put(&c->ref))
        return;
    assert(!c->mounts);
    process_destroy(&c->init);
    task_container_put(c->common);
    slab_free(c);
}

/* ---- its life ---- */

static void timer_thread(void *arg)
{
    timers_loop(arg);
}

/* Makes a process in it, unless it has ended. */
static int create_in(struct guest_container *c, struct sandbox_options *o,
                     struct guest_process *out, struct boot_error *e)
{
    struct kernel *k = c->kernel;

    mutex_lock(&k->lock);
    struct mnt_ns *mounts = c->mounts ? mnt_ns_get(c->mounts) : NULL;
    mutex_unlock(&k->lock);
    *out = (struct guest_process){ .group = NULL };
    if (!mounts)
        return boot_fail(e, -ESRCH, "the container has ended");
    const struct process_place at = {
        .arena = k->arena, .user_ns = k->user_ns, .mounts = mounts, .container = c->common
    };
    int err = process_create(&at, o, out, e);
    mnt_ns_put(mounts);
    return err;
}

int kernel_prepare(struct kernel *k, struct sandbox_options *o, struct boot_error *e)
{
    int err = thread_start(timer_thread, k->arena);

    if (err)
        return boot_fail(e, err, "cannot start a thread: %s", strerror(-err));
    return guest_container_prepare(k->first, o, e);
}

struct guest_container *kernel_first(struct kernel *k)
{
    return k->first;
}

int guest_container_prepare(struct guest_container *c, struct sandbox_options *o,
                            struct boot_error *e)
{
    return create_in(c, o, &c->init, e);
}

int guest_container_start(struct guest_container *c, struct boot_error *e)
{
    return process_start(&c->init, e);
}

struct guest_process *guest_container_init(struct guest_container *c)
{
    return &c->init;
}

int guest_container_exec(struct guest_container *c, struct sandbox_options *o,
                         struct guest_process *out, struct boot_error *e)
{
    int err = create_in(c, o, out, e);

    if (!err)
        err = process_start(out, e);
    if (err)
        process_destroy(out);
    return err;
}

void guest_container_limit(struct guest_container *c, enum option_limit which, uint64_t value)
{
    struct container_figures *f = &c->common->figures;

    switch (which) {
    case OPTION_LIMIT_MEMORY:
        if (c->alone) {
            uint64_t now = ram_limit(c->kernel->arena, value);
            value = value ? now : 0;
        }
        atomic_store(&f->memory, value);
        break;
    case OPTION_LIMIT_PIDS:
        task_container_set_limit(c->common, (uint32_t)min(value, (uint64_t)UINT32_MAX));
        break;
    case OPTION_LIMIT_QUOTA:
        atomic_store(&f->quota, value);
        break;
    case OPTION_LIMIT_PERIOD:
        atomic_store(&f->period, value);
        break;
    case OPTION_LIMIT_SHARES:
        atomic_store(&f->shares, value);
        break;
    }
}

void guest_container_signal_all(struct guest_container *c, int sig)
{
    task_container_signal(c->common, sig);
}

void guest_container_freeze(struct guest_container *c, bool freeze)
{
    if (freeze)
        task_container_freeze(c->common);
    else
        task_container_thaw(c->common);
}
