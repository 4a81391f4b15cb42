/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/bitmap.h"
#include "base/host.h"
#include "base/thread.h"
#include "sentry/fs/console.h"
#include "sentry/fs/hostfile.h"
#include "sentry/load/load.h"
#include "sentry/syscall/trace.h"
#include "sentry/task/container.h"
#include "sentry/task/group.h"
#include "sentry/task/signal.h"
#include "sentry/task/tasks.h"
#include "sentry/vfs/fdtable.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/vfs.h"

/* Everything that becomes the process's; what is not handed over is put. */
struct first {
    const struct process_place *at;
    struct sandbox_options *o;
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
    for (int i = 0; i < OPTION_LIMITS; i++)
        if (f->o->limits_set >> i & 1)
            limit_set(&f->limits, i, f->o->limits[i].soft, f->o->limits[i].hard);
}

static int first_cred(struct first *f)
{
    const struct option_caps *c = &f->o->caps;
    int err =
        cred_create(f->at->arena, f->at->user_ns, f->o->uid, f->o->gid, c->permitted, &f->cred);

    if (err)
        return err;
    f->cred->cap_bounding = c->bounding & CAPS_ALL;
    f->cred->cap_effective = c->effective & c->permitted & CAPS_ALL;
    f->cred->cap_inheritable = c->inheritable & CAPS_ALL;
    f->cred->cap_ambient = c->ambient & c->permitted & c->inheritable & CAPS_ALL;
    f->cred->no_new_privs = f->o->no_new_privs;
    return cred_set_groups(f->cred, f->o->groups, f->o->ngroups);
}

/* The sandbox's own root, where the process is. `out` borrows `cred`. */
static int root_actor(const struct first *f, struct cred **cred, struct actor *out)
{
    int err = cred_create(f->at->arena, f->at->user_ns, 0, 0, CAPS_ALL, cred);

    if (!err)
        *out = (struct actor){ .arena = f->at->arena, .cred = *cred, .fs = f->fs };
    return err;
}

/* mkdir -p, with the rights of the sandbox's root. */
static void make_cwd(const struct first *f)
{
    scoped(cred) struct cred *root = NULL;
    struct actor who;
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/", f->o->cwd) >= (int)sizeof path ||
        root_actor(f, &root, &who))
        return;
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        (void)!vfs_mkdir(&who, NULL, path, 0755); /* what is wrong is seen by who walks there */
        *slash = '/';
    }
}

static int first_cwd(struct first *f, struct boot_error *e)
{
    struct path cwd;
    int err = walk(&f->who, NULL, f->o->cwd, WALK_FOLLOW | WALK_DIRECTORY, &cwd);

    if (err == -ENOENT && f->o->make_cwd) {
        make_cwd(f);
        err = walk(&f->who, NULL, f->o->cwd, WALK_FOLLOW | WALK_DIRECTORY, &cwd);
    }
    if (err)
        return boot_fail(e, err, "the current directory %s is not there in the sandbox: %s",
                         f->o->cwd, strerror(-err));
    fs_context_set_cwd(f->fs, &cwd);
    path_put(&cwd);
    return 0;
}

static int first_fs(struct first *f, struct boot_error *e)
{
    struct path top;

    mnt_ns_root(f->at->mounts, &top);
    int err = fs_context_create(f->at->arena, &top, f->at->mounts, &f->fs);
    path_put(&top);
    if (err)
        return boot_fail(e, err, "no memory for a process");
    f->who =
        (struct actor){ .arena = f->at->arena, .cred = f->cred, .fs = f->fs, .limits = &f->limits };
    fs_context_set_umask(f->fs, f->o->umask & 0777);
    return first_cwd(f, e);
}

/* ---- descriptors ---- */

static int take_fd(struct sandbox_options *o, unsigned which)
{
    int fd = o->fds[which];

    o->fds[which] = -1;
    return fd;
}

static int first_console(struct first *f, struct console **out)
{
    const struct console_options o = { .fd = take_fd(f->o, OPTION_FD_CONSOLE),
                                       .rows = f->o->rows,
                                       .cols = f->o->cols,
                                       .pty_for = f->o->pts ? &f->who : NULL };
    scoped(cred) struct cred *root = NULL;
    struct actor who;

    if (o.fd < 0)
        return 0;
    int err = console_create(f->at->arena, &o, out);
    if (!err && !o.pty_for)
        err = root_actor(f, &root, &who);
    if (!err && root)
        console_give(&who, f->cred);
    return err;
}

/* Descriptor `n`: the host's, the console, or /dev/null. */
static int open_stdio(struct first *f, struct console *console, unsigned n, struct file **out)
{
    const struct open_how_k how = { .flags = O_RDWR };
    int fd = take_fd(f->o, OPTION_FD_STDIN + n);

    if (fd >= 0)
        return hostfile_create(f->at->arena, fd, f->cred, out);
    if (console)
        return console_open(console, &f->who, out);
    return vfs_open(&f->who, NULL, "/dev/null", &how, out);
}

/* --preserve-fds: the host's descriptors 3 and on, under the same numbers. */
static int extra_files(struct first *f, struct boot_error *e)
{
    for (unsigned i = 0; i < OPTION_EXTRAS; i++) {
        scoped(file) struct file *file = NULL;
        int fd = take_fd(f->o, OPTION_FD_EXTRA + i), n = 3 + (int)i;

        if (fd < 0)
            continue;
        int err = hostfile_create(f->at->arena, fd, f->cred, &file);
        if (!err)
            err = min(0, fdtable_install_at(f->files, file, n, false, LIMIT_INFINITY, &f->who));
        if (err)
            return boot_fail(e, err, "cannot pass descriptor %d on: %s", n, strerror(-err));
    }
    return 0;
}

static int first_files(struct first *f, struct guest_process *p, struct boot_error *e)
{
    int err = fdtable_create(f->at->arena, &f->files);

    if (!err)
        err = first_console(f, &p->console);
    for (unsigned n = 0; n < 3 && !err; n++) {
        scoped(file) struct file *file = NULL;

        err = open_stdio(f, p->console, n, &file);
        if (!err)
            err = fdtable_install_at(f->files, file, (int)n, false, LIMIT_INFINITY, &f->who);
        err = min(err, 0);
    }
    if (err)
        return boot_fail(e, err, "cannot open stdin, stdout and stderr: %s", strerror(-err));
    return extra_files(f, e);
}

/* ---- the program ---- */

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
        .seed = f->at->container->seed,
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

/* NULL: all. Errors: EINVAL where none of those that are wanted is there. */
static int find_cpus(const struct first *f, const uint64_t **out, struct boot_error *e)
{
    const uint64_t *want = f->o->sched.exec_cpus;

    if (bitmap_count(want, OPTION_CPUS_MAX) == 0)
        return 0;
    if (bitmap_count(want, tasks_of(f->at->arena)->cpus) == 0)
        return boot_fail(e, -EINVAL, "process.execCPUAffinity.final: there is no such processor");
    *out = want;
    return 0;
}

static int first_task(struct first *f, struct load *load, const char *name, struct guest_process *p,
                      struct boot_error *e)
{
    const struct load_ids ids = {
        .uid = f->o->uid, .euid = f->o->uid, .gid = f->o->gid, .egid = f->o->gid
    };
    const struct option_sched *sched = &f->o->sched;
    const uint64_t *cpus = NULL;
    char comm[16];
    int err = load_image(load, &ids);

    if (err)
        return fail_program(e, name, err);
    err = find_cpus(f, &cpus, e);
    if (err)
        return err;
    load_comm(&load->ask, comm);
    const struct task_spec spec = {
        .mm = mm_get(load->mm),
        .container = f->at->container,
        .files = f->files,
        .fs = f->fs,
        .cred = f->cred,
        .limits = &f->limits,
        .regs = &load->regs,
        .oom_score_adj = f->o->oom_score_adj,
        .sched = {.personality = f->o->personality,
                  .policy = sched->policy,
                  .nice = sched->nice,
                  .reset_on_fork = sched->reset_on_fork,
                  .ioprio = sched->ioprio,
                  .affinity = cpus},
        .shielded = f->o->shielded,
        .owned = f->o->owned,
        .name = comm
    };
    err = task_create_init(f->at->arena, &spec, &p->task);
    f->files = NULL;
    f->fs = NULL;
    f->cred = NULL;
    if (err)
        return boot_fail(e, err, "cannot make the process: %s", strerror(-err));
    p->group = group_get(p->task->group);
    if (p->console)
        console_set_session(p->console, p->task);
    trace_first_exec(p->task, name, f->o->argv);
    return 0;
}

static int first_program(struct first *f, struct guest_process *p, struct boot_error *e)
{
    struct load load;
    char name[PATH_MAX];
    int err = find_program(f, &load, name);

    if (err)
        return fail_program(e, f->o->argv[0], err);
    err = first_task(f, &load, name, p, e);
    load_end(&load);
    return err;
}

int process_create(const struct process_place *at, struct sandbox_options *o,
                   struct guest_process *out, struct boot_error *e)
{
    struct first f = { .at = at, .o = o };

    *out = (struct guest_process){ .group = NULL };
    first_limits(&f);
    int err = first_cred(&f);
    if (err)
        return boot_fail(e, err, "cannot make the process: %s", strerror(-err));
    err = first_fs(&f, e);
    if (!err)
        err = first_files(&f, out, e);
    if (!err)
        err = first_program(&f, out, e);
    if (f.files)
        fdtable_put(f.files, &f.who);
    fs_context_put(f.fs);
    cred_put(f.cred);
    return err;
}

/* ---- its life ---- */

static void type_for_ever(void *arg)
{
    console_loop(arg);
}

int process_start(struct guest_process *p, struct boot_error *e)
{
    int err = p->console ? thread_start(type_for_ever, console_get(p->console)) : 0;
    struct task *t = p->task;

    if (err)
        return boot_fail(e, err, "cannot start a thread for the console: %s", strerror(-err));
    p->task = NULL;
    err = task_start(t);
    task_put(t);
    return err ? boot_fail(e, err, "cannot start the process: %s", strerror(-err)) : 0;
}

int process_wait(struct guest_process *p)
{
    int status = tasks_wait_init(p->group);

    if (p->console && !WIFSTOPPED(status))
        console_drain(p->console);
    return status;
}

bool process_is_too_early(struct guest_process *p, int sig)
{
    return signal_is_too_early(p->group, sig);
}

void process_signal_job(struct guest_process *p, int sig)
{
    signal_send_job(p->group, sig);
}

void process_suspend(struct guest_process *p)
{
    if (p->console)
        console_pause(p->console);
}

void process_resume(struct guest_process *p)
{
    if (p->console)
        console_resume(p->console);
}

void process_signal(struct guest_process *p, int sig)
{
    struct abi_siginfo si;

    siginfo_kernel(&si, sig, SI_USER);
    (void)!signal_send_group(p->group, sig, &si);
}

void process_resize(struct guest_process *p, uint16_t rows, uint16_t cols)
{
    if (p->console)
        console_resize(p->console, rows, cols);
}

void process_destroy(struct guest_process *p)
{
    if (p->task) {
        task_discard(p->task);
        task_put(p->task);
    }
    group_put(p->group);
    console_destroy(p->console);
    *p = (struct guest_process){ .group = NULL };
}
