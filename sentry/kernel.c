/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/kernel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/thread.h"
#include "sentry/core/refused.h"
#include "sentry/core/slab.h"
#include "sentry/core/timer.h"
#include "sentry/fs/fs.h"
#include "sentry/fstypes.h"
#include "sentry/load/vdso.h"
#include "sentry/mounts.h"
#include "sentry/proc/state.h"
#include "sentry/process.h"
#include "sentry/profile.h"
#include "sentry/sock/socket.h"
#include "sentry/syscall/answers.h"
#include "sentry/syscall/sock_hooks.h"
#include "sentry/syscall/stats.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/futex.h"
#include "sentry/task/group.h"
#include "sentry/task/ns.h"
#include "sentry/task/signal.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/vfs.h"

/* [I] never changes after kernel_prepare() */
struct kernel {
    struct arena *arena;       /* [I] */
    struct user_ns *user_ns;   /* [I] a reference */
    struct mnt_ns *mounts;     /* [I] a reference */
    struct guest_process init; /* [I] the first, but for its task */
};

static const struct slab_type kernel_slab = SLAB_TYPE(kernel, struct kernel);

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
    if (!err)
        err = profile_create(a, o);
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

int kernel_create(struct arena *a, const struct sandbox_options *o, struct kernel **out,
                  struct boot_error *e)
{
    scoped(cred) struct cred *root = NULL;
    struct kernel *k = slab_alloc(a, &kernel_slab);
    struct actor who;

    if (!k)
        return boot_fail(e, -ENOMEM, "no memory for the kernel");
    k->arena = a;
    arena_set_root(a, ROOT_KERNEL, k);
    int err = user_ns_create_root(a, &k->user_ns);
    if (!err)
        err = show_ids(k, o);
    if (!err)
        err = make_parts(k, o);
    if (err == -EINVAL)
        return boot_fail(e, err, "--strace=%s: there is no call or class of that name",
                         o->trace_set);
    if (!err)
        err = root_actor(k, &who, &root);
    if (err)
        return boot_fail(e, err, "cannot make the kernel: %s", strerror(-err));
    fstypes_register(a);
    err = mounts_create(a, &who, o, &k->mounts, e);
    if (!err)
        err = set_sysctls(a, o, e);
    if (!err)
        *out = k;
    return err;
}

/* ---- its life ---- */

static void timer_thread(void *arg)
{
    timers_loop(arg);
}

static void place(const struct kernel *k, struct process_place *out)
{
    *out = (struct process_place){ .arena = k->arena, .user_ns = k->user_ns, .mounts = k->mounts };
}

int kernel_prepare(struct kernel *k, struct sandbox_options *o, struct boot_error *e)
{
    struct process_place at;
    int err = thread_start(timer_thread, k->arena);

    if (err)
        return boot_fail(e, err, "cannot start a thread: %s", strerror(-err));
    place(k, &at);
    return process_create(&at, o, &k->init, e);
}

int kernel_start(struct kernel *k, struct boot_error *e)
{
    return process_start(&k->init, e);
}

int kernel_exec(struct kernel *k, struct sandbox_options *o, struct guest_process *out,
                struct boot_error *e)
{
    struct process_place at;

    place(k, &at);
    int err = process_create(&at, o, out, e);
    if (!err)
        err = process_start(out, e);
    if (err)
        process_destroy(out);
    return err;
}

struct guest_process *kernel_init(struct kernel *k)
{
    return &k->init;
}

void kernel_signal_all(struct kernel *k, int sig)
{
    struct pid_ns *ns = tasks_of(k->arena)->pid_ns;
    struct thread_group *g;
    struct abi_siginfo si;

    siginfo_kernel(&si, sig, SI_USER);
    for (int nr = 1; (g = tasks_next_group(ns, &nr)) != NULL; nr++) {
        (void)!signal_send_group(g, sig, &si);
        group_put(g);
    }
}
