/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runsc exec: another process in a container.
 *
 * What it is to be comes from a file (--process, as engines do it) or from words and flags
 * (as a person does), over what config.json says of the first process. With --detach a child
 * of ours stays as the process's stand-in on the host: its number goes to --pid-file, it
 * passes signals on, and ends with the process's status.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runsc/cgroup.h"
#include "runsc/cmd.h"
#include "runsc/command.h"
#include "runsc/console.h"
#include "runsc/exec.h"
#include "runsc/oci_view.h"
#include "runsc/pid_file.h"
#include "runsc/stdio.h"
#include "runsc/terminal.h"

#define WORDS_MAX 256

struct request {
    struct command c;
    const char *process, *pid_file, *console_socket, *cwd, *user;
    const char *env[WORDS_MAX], *caps[WORDS_MAX];
    uint32_t groups[WORDS_MAX];
    size_t nenv, ncaps, ngroups;
    bool tty, detach, no_new_privs, ignore_paused;
    unsigned preserved;
    char *const *words;
    /* what comes of it */
    struct oci_spec spec;
    struct oci_process own;
    json_t *file;
    struct sandbox_options o;
    const char **envp;
};

FLAG_TEXT(process, struct request, process)
FLAG_TEXT(pid_file, struct request, pid_file)
FLAG_TEXT(console, struct request, console_socket)
FLAG_TEXT(cwd, struct request, cwd)
FLAG_TEXT(user, struct request, user)
FLAG_SWITCH(tty, struct request, tty)
FLAG_SWITCH(detach, struct request, detach)
FLAG_SWITCH(nnp, struct request, no_new_privs)
FLAG_SWITCH(paused, struct request, ignore_paused)

static int take_preserve(void *into, const char *value, struct err *e)
{
    return command_preserved(value, &((struct request *)into)->preserved, e);
}

static int take_cgroup(void *into, const char *value, struct err *e)
{
    const char *colon = strchr(value, ':'), *path = colon ? colon + 1 : value;

    (void)into;
    if (strcmp(path, "/") == 0 || !*path)
        return 0;
    return err_set(e, -ENOTSUP, "--cgroup %s: all of a container is in one cgroup", value);
}

static int take_env(void *into, const char *value, struct err *e)
{
    struct request *r = into;

    if (r->nenv == WORDS_MAX)
        return err_set(e, -E2BIG, "--env: more than %d", WORDS_MAX);
    r->env[r->nenv++] = value;
    return 0;
}

static int take_cap(void *into, const char *value, struct err *e)
{
    struct request *r = into;

    if (r->ncaps == WORDS_MAX || !oci_cap(value))
        return err_set(e, -EINVAL, "--cap: there is no capability \"%s\"", value);
    r->caps[r->ncaps++] = value;
    return 0;
}

static int take_group(void *into, const char *value, struct err *e)
{
    struct request *r = into;
    char *end;
    unsigned long gid = strtoul(value, &end, 10);

    if (r->ngroups == WORDS_MAX || !*value || *end || gid >= UINT32_MAX)
        return err_set(e, -EINVAL, "--additional-gids: \"%s\" is no number of a group", value);
    r->groups[r->ngroups++] = (uint32_t)gid;
    return 0;
}

/* clang-format off */
static const struct flag flags[] = {
    { "process",         'p', "FILE",       "process.json: what it is to be", take_process, false },
    { "tty",             't', NULL,         "give it a terminal", take_tty, false },
    { "console-socket",  0,   "PATH",       "send the terminal's master there", take_console, false },
    { "detach",          'd', NULL,         "do not wait for its end", take_detach, false },
    { "pid-file",        0,   "FILE",       "write the number of its stand-in on the host", take_pid_file, false },
    { "cwd",             0,   "DIR",        "where it starts", take_cwd, false },
    { "env",             'e', "NAME=VALUE", "set a variable", take_env, false },
    { "user",            'u', "UID[:GID]",  "who it is", take_user, false },
    { "additional-gids", 'g', "GID",        "another group of it", take_group, false },
    { "cap",             'c', "CAP_NAME",   "another capability", take_cap, false },
    { "no-new-privs",    0,   NULL,         "execve gives it no more rights", take_nnp, false },
    { "apparmor",        0,   "PROFILE",    "accepted; has no meaning here", command_take_nothing, false },
    { "process-label",   0,   "LABEL",      "accepted; has no meaning here", command_take_nothing, false },
    { "preserve-fds",    0,   "N",          "give it descriptors 3 to 2 + N of ours, too", take_preserve, false },
    { "no-subreaper",    0,   NULL,         "accepted; we are none", command_take_nothing, false },
    { "cgroup",          0,   "PATH",       "a cgroup below the container's: there is none but /", take_cgroup, false },
    { "ignore-paused",   0,   NULL,         "wait until a paused container goes on", take_paused, false },
    COMMAND_FLAGS
};
/* clang-format on */

/* ---- what it is to be ---- */

static int set_user(struct request *r, struct err *e)
{
    char *end;
    unsigned long uid = strtoul(r->user, &end, 10), gid = 0;
    bool fine = *r->user && end != r->user;

    if (fine && *end == ':')
        gid = strtoul(end + 1, &end, 10);
    if (!fine || *end || uid >= UINT32_MAX || gid >= UINT32_MAX)
        return err_set(e, -EINVAL, "--user %s: write UID or UID:GID", r->user);
    r->spec.process.uid = (uint32_t)uid;
    r->spec.process.gid = (uint32_t)gid;
    return 0;
}

static void add_env(struct request *r)
{
    struct oci_process *p = &r->spec.process;
    size_t n = 0;

    while (p->envp && p->envp[n])
        n++;
    r->envp = calloc(n + r->nenv + 1, sizeof *r->envp);
    if (!r->envp)
        abort();
    /* The later of two wins for a shell, the first for getenv(3): so ours take their places. */
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(p->envp[i], "=") + 1;
        bool over = false;
        for (size_t j = 0; j < r->nenv; j++)
            over |= strncmp(r->env[j], p->envp[i], name) == 0;
        if (!over)
            r->envp[used++] = p->envp[i];
    }
    for (size_t j = 0; j < r->nenv; j++)
        r->envp[used++] = r->env[j];
    r->o.envp = (const char *const *)r->envp;
}

static int from_words(struct request *r, struct err *e)
{
    struct oci_process *p = &r->spec.process;
    int err = 0;

    if (!r->words[0])
        return err_set(e, -EINVAL, "exec: process args cannot be empty");
    if (r->user)
        err = set_user(r, e);
    if (r->cwd && r->cwd[0] != '/')
        err = err_set(e, -EINVAL, "--cwd %s: must be an absolute path", r->cwd);
    if (err)
        return err;
    p->terminal = r->tty;
    p->cwd = r->cwd ?: p->cwd;
    p->no_new_privs |= r->no_new_privs;
    for (size_t i = 0; i < r->ncaps; i++) {
        uint64_t bit = oci_cap(r->caps[i]);
        p->caps.bounding |= bit;
        p->caps.permitted |= bit;
        p->caps.effective |= bit;
        p->caps.ambient |= bit;
        p->caps.inheritable |= bit;
    }
    oci_process_options(p, &r->o);
    r->o.argv = (const char *const *)r->words;
    if (r->ngroups) {
        r->o.groups = r->groups;
        r->o.ngroups = (uint32_t)r->ngroups;
    }
    add_env(r);
    return 0;
}

static int from_file(struct request *r, struct err *e)
{
    int err = json_read(r->process, &r->file, e);

    if (err)
        return err;
    struct node n = node_top(r->file, "process.json");
    err = oci_parse_process(&n, &r->own, e);
    if (!err && (!r->own.argv || !r->own.argv[0]))
        err = err_set(e, -EINVAL, "process.json: args: must not be empty");
    if (err)
        return err;
    r->own.terminal |= r->tty;
    oci_process_options(&r->own, &r->o);
    return 0;
}

static int prepare(struct request *r, const struct container *c, struct err *e)
{
    char path[64];

    container_path(c, "config.json", path);
    int err = oci_read(path, &r->spec, e);
    if (!err)
        err = r->process ? from_file(r, e) : from_words(r, e);
    r->o.platform = r->o.hostname = r->o.domainname = r->o.trace_set = "";
    r->o.shielded = false;
    r->o.personality = r->spec.personality;
    for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
        r->o.fds[i] = -1;
    return err;
}

static int choose_stdio(struct request *r, const struct terminal *t, struct err *e)
{
    bool terminal = r->o.pts;

    for (unsigned i = 0; i < r->preserved; i++)
        r->o.fds[OPTION_FD_EXTRA + i] = 3 + (int)i;
    if (terminal && r->console_socket)
        return console_make(r->console_socket, r->own.rows, r->own.cols,
                            &r->o.fds[OPTION_FD_CONSOLE], e);
    if (terminal && t->fd >= 0) {
        r->o.fds[OPTION_FD_CONSOLE] = t->fd;
        terminal_size(t, &r->o.rows, &r->o.cols);
        return 0;
    }
    if (terminal)
        return err_set(e, -EINVAL,
                       "cannot allocate tty if runc will detach without setting "
                       "console socket");
    for (int fd = 0; fd < 3; fd++)
        r->o.fds[OPTION_FD_STDIN + fd] = stdio_take(fd);
    return 0;
}

/* ---- running it ---- */

/* Nothing of the engine's stays open in the stand-in. */
static void let_go(int keep_a, int keep_b)
{
    int low = min(keep_a, keep_b), high = max(keep_a, keep_b);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (low > 3)
        syscall(SYS_close_range, 3u, (unsigned)low - 1, 0);
    if (low < 0)
        syscall(SYS_close_range, 3u, (unsigned)high - 1, 0);
    else if (high > low + 1)
        syscall(SYS_close_range, (unsigned)low + 1, (unsigned)high - 1, 0);
    syscall(SYS_close_range, (unsigned)high + 1, ~0u, 0);
}

static _Noreturn void stand_in(const struct request *r, const struct container *c, int report)
{
    struct err e = { .code = 0 };
    int peer, console = r->o.fds[OPTION_FD_CONSOLE];

    setsid();
    if (console >= 0)
        (void)!ioctl(console, TIOCSCTTY, 0);
    cgroup_enter(container_get(c, "cgroups"), getpid());
    int err = exec_begin(c, &r->o, &peer, &e);
    (void)!write(report, &e, sizeof e);
    close(report);
    if (err)
        _exit(EXIT_OURS);
    let_go(peer, console);
    _exit(exec_wait(peer, console));
}

static int run_detached(const struct request *r, const struct container *c, struct err *e)
{
    int report[2];

    if (pipe2(report, O_CLOEXEC))
        return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        close(report[0]);
        stand_in(r, c, report[1]);
    }
    close(report[1]);
    int err = pid < 0 ? err_set(e, -errno, "cannot make a process: %s", strerror(errno)) : 0;
    if (!err && read(report[0], e, sizeof *e) != sizeof *e)
        err = err_set(e, -EPIPE, "the process's stand-in died");
    close(report[0]);
    if (!err)
        err = e->code;
    return !err && r->pid_file ? pid_file_write(r->pid_file, pid, e) : err;
}

static int run(struct request *r, const struct container *c, struct err *e)
{
    struct terminal t = { .fd = -1 };
    int peer, status;

    if (!r->detach && !r->console_socket)
        terminal_find(&t);
    exec_prepare();
    int err = choose_stdio(r, &t, e);
    if (!err && r->detach)
        return run_detached(r, c, e);
    if (!err)
        err = exec_begin(c, &r->o, &peer, e);
    if (!err && r->pid_file)
        err = pid_file_write(r->pid_file, getpid(), e);
    if (err)
        return err;
    terminal_raw(&t);
    status = exec_wait(peer, r->o.fds[OPTION_FD_CONSOLE]);
    terminal_restore(&t);
    return status;
}

static int refuse(const struct container *c, struct err *e)
{
    enum container_status status = container_status(c);

    if (status == STATUS_PAUSED)
        return err_set(e, -EBUSY, "cannot exec in a paused container");
    if (status != STATUS_RUNNING && status != STATUS_CREATED)
        return err_set(e, -EINVAL, "cannot exec in a stopped container");
    return 0;
}

/* With --ignore-paused the process is there once the container goes on: it could not run before. */
static int open_for(const struct request *r, const char *id, struct container *c, struct err *e)
{
    const struct timespec pause = { .tv_nsec = 20000000 };

    for (;;) {
        int err = container_open(command_root(&r->c), id, false, c, e);

        if (!err)
            err = refuse(c, e);
        if (err != -EBUSY || !r->ignore_paused)
            return err;
        container_close(c);
        e->code = 0;
        nanosleep(&pause, NULL);
    }
}

int cmd_exec(char *const argv[], struct err *e)
{
    struct request *r = calloc(1, sizeof *r);
    struct container c = { .dir = -1 };
    char *const *rest;

    if (!r)
        abort();
    int err = command_parse(flags, ARRAY_LEN(flags), argv, r, "exec [FLAGS] CONTAINER COMMAND…", 1,
                            -1, &rest, e);
    if (!err) {
        r->words = rest + 1;
        err = open_for(r, rest[0], &c, e);
    } else if (err > 0) {
        free(r);
        return 0;
    }
    if (!err)
        err = prepare(r, &c, e);
    if (!err)
        err = run(r, &c, e);
    if (err < 0)
        err_prefix(e, "exec failed: ");
    oci_free(&r->spec);
    oci_process_free(&r->own);
    json_decref(r->file);
    free(r->envp);
    free(r);
    container_close(&c);
    return err < 0 ? EXIT_FAILED : err;
}
