/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "sentry/core/hostfd.h"
#include "sentry/core/refused.h"
#include "sentry/core/slab.h"
#include "sentry/core/timer.h"
#include "sentry/fs/console.h"
#include "sentry/fs/fs.h"
#include "sentry/fs/hostfile.h"
#include "sentry/fstypes.h"
#include "sentry/load/load.h"
#include "sentry/load/vdso.h"
#include "sentry/mounts.h"
#include "sentry/sock/socket.h"
#include "sentry/syscall/sock_hooks.h"
#include "sentry/syscall/stats.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/syscall/trace.h"
#include "sentry/task/futex.h"
#include "sentry/task/group.h"
#include "sentry/task/signal.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/fdtable.h"
#include "sentry/vfs/vfs.h"

/* [I] never changes after kernel_start() */
struct kernel {
    struct arena *arena;       /* [I] */
    struct user_ns *user_ns;   /* [I] a reference */
    struct mnt_ns *mounts;     /* [I] a reference */
    struct console *console;   /* [I] NULL: none */
    struct thread_group *init; /* [I] the first process: a reference */
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

static const struct tasks_ops tasks_ops = { .dispatch = syscall_dispatch };

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
        *out = k;
    return err;
}

/* ---- the first process ---- */

/* Everything that becomes the first process's; what is not handed over is put. */
struct first {
    const struct sandbox_options *o;
    struct cred *cred;
    struct fs_context *fs;
    struct fdtable *files;
    struct limits limits;
    struct actor who;
};

static void first_limits(struct first *f)
{
    limits_init(&f->limits);
    if (f->o->nofile)
        limit_set(&f->limits, RLIMIT_NOFILE, f->o->nofile, f->o->nofile);
    if (f->o->fsize)
        limit_set(&f->limits, RLIMIT_FSIZE, f->o->fsize, f->o->fsize);
}

static int first_cred(struct kernel *k, struct first *f)
{
    int err = cred_create(k->arena, k->user_ns, f->o->uid, f->o->gid, f->o->caps, &f->cred);

    if (err)
        return err;
    f->cred->no_new_privs = f->o->no_new_privs;
    return cred_set_groups(f->cred, f->o->groups, f->o->ngroups);
}

static int first_fs(struct kernel *k, struct first *f, struct boot_error *e)
{
    struct path top, cwd;

    mnt_ns_root(k->mounts, &top);
    int err = fs_context_create(k->arena, &top, k->mounts, &f->fs);
    path_put(&top);
    if (err)
        return boot_fail(e, err, "no memory for the first process");
    f->who =
        (struct actor){ .arena = k->arena, .cred = f->cred, .fs = f->fs, .limits = &f->limits };
    fs_context_set_umask(f->fs, 022);
    err = walk(&f->who, NULL, f->o->cwd, WALK_FOLLOW | WALK_DIRECTORY, &cwd);
    if (err)
        return boot_fail(e, err, "the current directory %s is not there in the sandbox: %s",
                         f->o->cwd, strerror(-err));
    fs_context_set_cwd(f->fs, &cwd);
    path_put(&cwd);
    return 0;
}

/* Descriptor `n`: the host's, the console, or /dev/null. */
static int open_stdio(struct kernel *k, struct first *f, int n, struct file **out)
{
    const struct open_how_k how = { .flags = O_RDWR };
    int fd = f->o->fds[OPTION_FD_STDIN + n];

    if (fd >= 0)
        return hostfile_create(k->arena, fd, f->cred, out);
    if (k->console)
        return console_open(k->console, &f->who, out);
    return vfs_open(&f->who, NULL, "/dev/null", &how, out);
}

static int first_files(struct kernel *k, struct first *f, struct boot_error *e)
{
    int err = fdtable_create(k->arena, &f->files);

    if (!err && f->o->fds[OPTION_FD_CONSOLE] >= 0)
        err = console_create(k->arena, f->o->fds[OPTION_FD_CONSOLE], f->o->rows, f->o->cols,
                             &k->console);
    for (int n = 0; n < 3 && !err; n++) {
        scoped(file) struct file *file = NULL;

        err = open_stdio(k, f, n, &file);
        if (!err)
            err = fdtable_install_at(f->files, file, n, false, LIMIT_INFINITY, &f->who);
        err = min(err, 0);
    }
    return err ? boot_fail(e, err, "cannot open stdin, stdout and stderr: %s", strerror(-err)) : 0;
}

static const char *variable(const char *const *envp, const char *name)
{
    size_t n = strlen(name);

    for (; *envp; envp++)
        if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
            return *envp + n + 1;
    return NULL;
}

static int try_program(struct first *f, const char *name, struct load *load)
{
    const struct load_request ask = {
        .who = &f->who,
        .name = name,
        .walk = WALK_FOLLOW,
        .filename = name,
        .own_argv = f->o->argv,
        .own_envp = f->o->envp,
    };
    int err = load_find(load, &ask);

    if (err)
        load_end(load);
    return err;
}

/* execvp(3)'s search, in the sandbox's tree. `name` keeps the path that was found. */
static int find_program(struct first *f, struct load *load, char name[PATH_MAX])
{
    const char *want = f->o->argv[0];
    const char *dirs = variable(f->o->envp, "PATH") ?: "/usr/local/bin:/usr/bin:/bin";
    int worst = -ENOENT;

    if (strchr(want, '/')) {
        if (snprintf(name, PATH_MAX, "%s", want) >= PATH_MAX)
            return -ENAMETOOLONG;
        return try_program(f, name, load);
    }
    while (*dirs) {
        size_t n = strcspn(dirs, ":");

        if (snprintf(name, PATH_MAX, "%.*s/%s", (int)(n ? n : 1), n ? dirs : ".", want) <
            PATH_MAX) {
            int err = try_program(f, name, load);

            if (!err || (err != -ENOENT && err != -ENOTDIR && err != -EACCES))
                return err;
            if (err == -EACCES)
                worst = err;
        }
        dirs += n + (dirs[n] == ':');
    }
    return worst;
}

static int fail_program(struct boot_error *e, const char *name, int err)
{
    e->status = err == -ENOENT || err == -ENOTDIR ? 127 : 126;
    return boot_fail(e, err, "%s: %s", name, err == -ENOENT ? "command not found" : strerror(-err));
}

static int first_task(struct kernel *k, struct first *f, struct load *load, const char *name,
                      struct boot_error *e)
{
    const struct load_ids ids = {
        .uid = f->o->uid, .euid = f->o->uid, .gid = f->o->gid, .egid = f->o->gid
    };
    char comm[16];
    struct task *t;
    int err = load_image(load, &ids);

    if (err)
        return fail_program(e, name, err);
    load_comm(&load->ask, comm);
    const struct task_spec spec = { .mm = mm_get(load->mm),
                                    .files = f->files,
                                    .fs = f->fs,
                                    .cred = f->cred,
                                    .limits = &f->limits,
                                    .regs = &load->regs,
                                    .name = comm };
    err = task_create_init(k->arena, &spec, &t);
    f->files = NULL;
    f->fs = NULL;
    f->cred = NULL;
    if (err)
        return boot_fail(e, err, "cannot make the first process: %s", strerror(-err));
    k->init = group_get(t->group);
    if (k->console)
        console_set_session(k->console, t);
    trace_first_exec(t, name, f->o->argv);
    err = task_start(t);
    task_put(t);
    return err ? boot_fail(e, err, "cannot start the first process: %s", strerror(-err)) : 0;
}

/* ---- the kernel's own threads ---- */

static void *timer_thread(void *arg)
{
    timers_loop(arg);
    return NULL;
}

static void *console_thread(void *arg)
{
    console_loop(arg);
    return NULL;
}

static int start_thread(void *(*body)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int err = pthread_create(&thread, &attr, body, arg);
    pthread_attr_destroy(&attr);
    return -err;
}

int kernel_start(struct kernel *k, const struct sandbox_options *o, struct boot_error *e)
{
    struct first f = { .o = o };
    struct load load;
    char name[PATH_MAX];

    first_limits(&f);
    int err = first_cred(k, &f);
    if (!err)
        err = start_thread(timer_thread, k->arena);
    if (err)
        return boot_fail(e, err, "cannot make the first process: %s", strerror(-err));
    err = first_fs(k, &f, e);
    if (!err)
        err = first_files(k, &f, e);
    if (!err && k->console)
        err = start_thread(console_thread, k->console);
    if (!err) {
        err = find_program(&f, &load, name);
        if (err) {
            err = fail_program(e, o->argv[0], err);
        } else {
            err = first_task(k, &f, &load, name, e);
            load_end(&load);
        }
    }
    fs_context_put(f.fs);
    cred_put(f.cred);
    if (f.files)
        fdtable_put(f.files, &f.who);
    return err;
}

int kernel_wait(struct kernel *k)
{
    return tasks_wait_init(k->init);
}

void kernel_signal(struct kernel *k, int sig)
{
    struct abi_siginfo si;

    siginfo_kernel(&si, sig, SI_USER);
    (void)!signal_send_group(k->init, sig, &si);
}

void kernel_resize(struct kernel *k, unsigned rows, unsigned cols)
{
    if (k->console)
        console_resize(k->console, rows, cols);
}
