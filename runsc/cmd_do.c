/* SPDX-License-Identifier: Apache-2.0 */
/* runsc do: one program in a sandbox of its own, with the host's files below it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "runsc/cmd.h"
#include "runsc/flags.h"
#include "runsc/parse.h"
#include "runsc/supervise.h"

#define PIDS_DEFAULT 2048 /* a fork bomb ends there, and the host does not notice */
#define ALL_CAPS     (((uint64_t)1 << 41) - 1)

/* Everything that the flags say. */
struct request {
    struct sandbox_options o;
    struct view view;
    const char *rootfs, *cwd, *user, *strace_out, *log_level;
    char **env; /* owned array of owned strings, NULL-terminated */
    size_t nenv;
    bool clean_env, help;
    int tty; /* 0: where we are on one; 1: must be; -1: never */
    nsec_t timeout;
};

/* ---- environment ---- */

/* Sets "NAME=value"; takes the string. */
static void env_put(struct request *r, char *pair)
{
    size_t name = strcspn(pair, "=") + 1;

    for (size_t i = 0; i < r->nenv; i++) {
        if (strncmp(r->env[i], pair, name) == 0) {
            free(r->env[i]);
            r->env[i] = pair;
            return;
        }
    }
    r->env = realloc(r->env, (r->nenv + 2) * sizeof *r->env);
    if (!r->env)
        abort();
    r->env[r->nenv++] = pair;
    r->env[r->nenv] = NULL;
}

static int take_env(void *into, const char *value, struct err *e)
{
    if (!strchr(value, '=') || value[0] == '=')
        return err_set(e, -EINVAL, "--env %s: write NAME=value, or use --env-pass NAME", value);
    env_put(into, strdup(value));
    return 0;
}

static int take_env_pass(void *into, const char *value, struct err *e)
{
    const char *is = getenv(value);
    char *pair;

    if (!is)
        return 0;
    if (asprintf(&pair, "%s=%s", value, is) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    env_put(into, pair);
    return 0;
}

static int take_clean_env(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->clean_env = true;
    return 0;
}

/* What a program gets that asked for a clean environment, where no flag said otherwise. */
static void env_finish(struct request *r, char *const host[])
{
    static const char *const least[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
        "/sbin:/bin",
        "HOME=/"
    };
    char **asked = r->env;
    size_t n = r->nenv;

    r->env = calloc(1, sizeof *r->env);
    r->nenv = 0;
    if (!r->env)
        abort();
    for (; !r->clean_env && *host; host++)
        env_put(r, strdup(*host));
    for (size_t i = 0; r->clean_env && i < ARRAY_LEN(least); i++)
        env_put(r, strdup(least[i]));
    for (size_t i = 0; i < n; i++)
        env_put(r, asked[i]);
    free(asked);
}

/* ---- the view ---- */

#define TAKE_VIEW(name, mode, flag)                                             \
    static int take_##name(void *into, const char *value, struct err *e)        \
    {                                                                           \
        return view_add(&((struct request *)into)->view, mode, value, flag, e); \
    }
TAKE_VIEW(ro, VIEW_RO, "ro")
TAKE_VIEW(rw, VIEW_RW, "rw")
TAKE_VIEW(ov, VIEW_OVERLAY, "ov")
TAKE_VIEW(tmp, VIEW_TMP, "tmp")
TAKE_VIEW(hide, VIEW_HIDE, "hide")

/* ---- plain values ---- */

FLAG_TEXT(rootfs, struct request, rootfs)
FLAG_TEXT(cwd, struct request, cwd)
FLAG_TEXT(user, struct request, user)
FLAG_TEXT(platform, struct request, o.platform)
FLAG_TEXT(strace_out, struct request, strace_out)

static int take_hostname(void *into, const char *value, struct err *e)
{
    if (!*value || strlen(value) > 64)
        return err_set(e, -EINVAL, "--hostname: 1 to 64 characters");
    ((struct request *)into)->o.hostname = value;
    return 0;
}

static int take_mem(void *into, const char *value, struct err *e)
{
    struct request *r = into;
    int err = parse_size(value, "--mem", &r->o.mem, e);

    if (!err && r->o.mem < (uint64_t)8 << 20)
        return err_set(e, -EINVAL, "--mem: at least 8m; %s is less than any program needs", value);
    return err;
}

static int take_fsize(void *into, const char *value, struct err *e)
{
    return parse_size(value, "--fsize", &((struct request *)into)->o.fsize, e);
}

static int take_pids(void *into, const char *value, struct err *e)
{
    return parse_number(value, "--pids", 1, 4194304, &((struct request *)into)->o.pids, e);
}

static int take_cpus(void *into, const char *value, struct err *e)
{
    uint64_t n = 0;
    int err = parse_number(value, "--cpus", 1, 1024, &n, e);

    ((struct request *)into)->o.cpus = (uint32_t)n;
    return err;
}

static int take_files(void *into, const char *value, struct err *e)
{
    return parse_number(value, "--files", 3, 1048576, &((struct request *)into)->o.nofile, e);
}

static int take_timeout(void *into, const char *value, struct err *e)
{
    return parse_span(value, "--timeout", &((struct request *)into)->timeout, e);
}

static int take_tty(void *into, const char *value, struct err *e)
{
    (void)e;
    ((struct request *)into)->tty = strcmp(value, "no") == 0 ? -1 : 1;
    return 0;
}

static int take_strace(void *into, const char *value, struct err *e)
{
    struct request *r = into;

    (void)e;
    r->o.trace = true;
    r->o.trace_set = value;
    return 0;
}

static int take_summary(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->o.summary = true;
    return 0;
}

static int take_timing(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->o.timing = true;
    return 0;
}

/* A list of what platform systrap is to do without. */
static int take_systrap(void *into, const char *value, struct err *e)
{
    struct sandbox_options *o = &((struct request *)into)->o;
    const struct {
        const char *name;
        bool *flag;
    } words[] = {
        {"no-spin",   &o->no_spin },
        { "no-patch", &o->no_patch},
        { "no-libos", &o->no_libos},
    };

    for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t len = strcspn(at, ","), i;
        for (i = 0; i < ARRAY_LEN(words); i++) {
            if (strlen(words[i].name) == len && strncmp(at, words[i].name, len) == 0)
                break;
        }
        if (i == ARRAY_LEN(words))
            return err_set(e, -EINVAL, "--systrap: no-spin, no-patch or no-libos, not \"%.*s\"",
                           (int)len, at);
        *words[i].flag = true;
    }
    return 0;
}

static int take_log(void *into, const char *value, struct err *e)
{
    static const char *const levels[] = { "error", "warn", "info", "debug" };

    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(value, levels[i]) == 0) {
            ((struct request *)into)->o.log_level = (int)i;
            return 0;
        }
    }
    return err_set(e, -EINVAL, "--log: error, warn, info or debug, not \"%s\"", value);
}

static int take_help(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->help = true;
    return 0;
}

/* clang-format off */
static const struct flag flags[] = {
    { "ro",         0,   "HOST[:GUEST]", "show a path of the host, read-only", take_ro, false },
    { "rw",         0,   "HOST[:GUEST]", "show it, and write through to the host", take_rw, false },
    { "ov",         0,   "HOST[:GUEST]", "show it; what is written is thrown away at the end", take_ov, false },
    { "tmp",        0,   "GUEST",        "an empty directory in memory", take_tmp, false },
    { "hide",       0,   "GUEST",        "nothing is there", take_hide, false },
    { "rootfs",     0,   "DIR",          "the directory that becomes / (default: the host's /)", take_rootfs, false },
    { "cwd",        'C', "DIR",          "where to start (default: the current directory)", take_cwd, false },
    { "env",        'e', "NAME=VALUE",   "set a variable", take_env, false },
    { "env-pass",   0,   "NAME",         "with --clean-env: pass one variable on", take_env_pass, false },
    { "clean-env",  0,   NULL,           "start with next to no variables", take_clean_env, false },
    { "user",       'u', "USER[:GROUP]", "who to be inside, by name or number", take_user, false },
    { "hostname",   0,   "NAME",         "the sandbox's host name (default: runsc)", take_hostname, false },
    { "mem",        'm', "SIZE",         "memory of all its programs together", take_mem, false },
    { "pids",       0,   "N",            "threads of all its programs together (default: 2048)", take_pids, false },
    { "cpus",       0,   "N",            "processors that programs see", take_cpus, false },
    { "files",      0,   "N",            "open files of each process", take_files, false },
    { "fsize",      0,   "SIZE",         "the largest file that may be written", take_fsize, false },
    { "timeout",    't', "TIME",         "kill everything after so long, and exit with 124", take_timeout, false },
    { "tty",        0,   NULL,           "a terminal of its own (default: where we are on one)", take_tty, true },
    { "platform",   0,   "NAME",         "systrap, ptrace, or auto", take_platform, false },
    { "systrap",    0,   "LIST",         "what systrap does without: no-spin, no-patch, no-libos", take_systrap, false },
    { "strace",     0,   "[=SET]",       "print system calls: names, %file, %process, !name, …", take_strace, false },
    { "strace-out", 0,   "FILE",         "print them there (default: stderr)", take_strace_out, false },
    { "summary",    0,   NULL,           "at the end, count calls, errors and what was missing", take_summary, false },
    { "timing",     0,   NULL,           "print how long each step of the start took", take_timing, false },
    { "log",        0,   "LEVEL",        "error, warn, info or debug", take_log, false },
    { "help",       'h', NULL,           "this text", take_help, false },
};
/* clang-format on */

static void print_help(void)
{
    printf(
        "usage: runsc do [FLAGS] [--] COMMAND [ARGUMENTS]\n\n"
        "Runs COMMAND in a sandbox. It sees the host's files read-only under a layer that\n"
        "is thrown away at the end, a private /tmp, and no network. Where flags name paths\n"
        "within each other, the most specific one wins.\n\n");
    flags_help(flags, ARRAY_LEN(flags));
    printf(
        "\nExits with the command's status; 124 after --timeout, 125 where runsc failed, 126\n"
        "or 127 where the command could not be run, 128+n where signal n killed it.\n");
}

/* ---- who ---- */

static int parse_id(const char *text, uint32_t *out)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (!*text || *end || v >= UINT32_MAX)
        return -EINVAL;
    *out = (uint32_t)v;
    return 0;
}

static int parse_user(struct request *r, struct err *e)
{
    char *name = strdup(r->user), *group = strchr(name, ':');
    int err = 0;

    if (group)
        *group++ = 0;
    r->o.ngroups = 0;
    if (parse_id(name, &r->o.uid) == 0) {
        r->o.gid = r->o.uid;
    } else {
        const struct passwd *pw = getpwnam(name);

        if (!pw)
            err = err_set(e, -ENOENT, "--user: there is no user \"%s\" on the host", name);
        else {
            r->o.uid = pw->pw_uid;
            r->o.gid = pw->pw_gid;
        }
    }
    if (!err && group && parse_id(group, &r->o.gid)) {
        const struct group *gr = getgrnam(group);

        if (!gr)
            err = err_set(e, -ENOENT, "--user: there is no group \"%s\" on the host", group);
        else
            r->o.gid = gr->gr_gid;
    }
    free(name);
    return err;
}

/* Who we are is who the command is, unless a flag says otherwise. */
static int set_ids(struct request *r, struct err *e)
{
    static gid_t groups[NGROUPS_MAX]; /* too large for the stack; constant once filled */
    int n = getgroups(NGROUPS_MAX, groups);

    static_assert(sizeof(gid_t) == sizeof(uint32_t), "handed over as it is");
    r->o.uid = geteuid();
    r->o.gid = getegid();
    r->o.groups = groups;
    r->o.ngroups = n > 0 ? (uint32_t)n : 0;
    if (r->user && parse_user(r, e))
        return e->code;
    uint64_t caps = r->o.uid == 0 ? ALL_CAPS : 0;
    r->o.caps = (struct option_caps){ .bounding = ALL_CAPS, .permitted = caps, .effective = caps };
    r->o.umask = 022;
    return 0;
}

/* ---- descriptors ---- */

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int set_fds(struct request *r, struct terminal *t, struct err *e)
{
    int log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);

    for (int i = 0; i < OPTION_FD_COUNT; i++)
        r->o.fds[i] = -1;
    *t = (struct terminal){ .fd = -1 };
    if (r->tty >= 0)
        terminal_find(t);
    if (r->tty > 0 && t->fd < 0)
        return err_set(e, -ENOTTY, "--tty: stdin and stdout are not one terminal");
    for (int fd = 0; fd < 3; fd++)
        if (is_open(fd) && !(t->fd >= 0 && isatty(fd)))
            r->o.fds[OPTION_FD_STDIN + fd] = fd;
    r->o.fds[OPTION_FD_CONSOLE] = t->fd;
    r->o.owned = true;
    r->o.fds[OPTION_FD_LOG] = log;
    r->o.fds[OPTION_FD_SUMMARY] = r->o.summary ? log : -1;
    if (r->strace_out) {
        int fd = open(r->strace_out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);

        if (fd < 0)
            return err_set(e, -errno, "--strace-out %s: %s", r->strace_out, strerror(errno));
        r->o.fds[OPTION_FD_TRACE] = fd;
        r->o.trace = true;
    } else if (r->o.trace) {
        r->o.fds[OPTION_FD_TRACE] = log;
    }
    terminal_size(t, &r->o.rows, &r->o.cols);
    return 0;
}

/* ---- all together ---- */

static int prepare(struct request *r, char *const argv[], struct err *e)
{
    static char here[PATH_MAX]; /* as long-lived as the options that point to it */
    int rest;
    int err = flags_parse(flags, ARRAY_LEN(flags), argv, r, &rest, e);

    if (err || r->help)
        return err;
    if (!argv[rest])
        return err_set(e, -EINVAL, "which command? For example: runsc do -- bash");
    r->o.argv = (const char *const *)argv + rest;
    if (!getcwd(here, sizeof here) || here[0] != '/')
        strcpy(here, "/");
    const char *keep_visible = r->rootfs ? NULL : r->cwd ?: here;
    r->o.cwd = r->cwd ?: (r->rootfs ? "/" : here);
    if (r->o.cwd[0] != '/')
        return err_set(e, -EINVAL, "--cwd %s: must be an absolute path in the sandbox", r->o.cwd);
    err = view_finish(&r->view, r->rootfs ?: "/", keep_visible, e);
    return err ?: set_ids(r, e);
}

/* What surprises who has just built their first program there. */
static void explain_tmp(const struct request *r, int status, struct err *e)
{
    const char *path = r->o.argv[0];

    if (status == EXIT_NOT_FOUND && !r->rootfs && strncmp(path, "/tmp/", 5) == 0 &&
        access(path, F_OK) == 0)
        err_hint(e, "; the sandbox has a /tmp of its own: --ro %s shows it the host's", path);
}

static int start_and_wait(struct request *r, nsec_t started, struct err *e)
{
    struct terminal terminal;
    struct sandbox sandbox;

    if (set_fds(r, &terminal, e))
        return EXIT_OURS;
    supervise_prepare();
    if (sandbox_start(&r->o, &r->view, &sandbox, e))
        return EXIT_OURS;
    terminal_raw(&terminal);
    struct supervision s = { .sandbox = &sandbox,
                             .terminal = &terminal,
                             .timeout = r->timeout,
                             .timing = r->o.timing,
                             .started = started };
    int status = supervise(&s, e);
    explain_tmp(r, status, e);
    sandbox_end(&sandbox);
    terminal_restore(&terminal);
    return status;
}

int cmd_do(char *const argv[], struct err *e)
{
    nsec_t started = clock_now(&clock_real, CLOCK_ID_MONOTONIC);
    struct request *r = calloc(1, sizeof *r);

    if (!r)
        abort();
    r->timeout = NSEC_NEVER;
    r->o.platform = "auto";
    r->o.hostname = "runsc";
    r->o.trace_set = "";
    r->o.log_level = 1;
    r->o.pids = PIDS_DEFAULT;
    int status = EXIT_OURS;
    if (prepare(r, argv, e) == 0) {
        if (r->help) {
            print_help();
            status = 0;
        } else {
            env_finish(r, environ);
            r->o.envp = (const char *const *)r->env;
            status = start_and_wait(r, started, e);
        }
    }
    for (size_t i = 0; i < r->nenv; i++)
        free(r->env[i]);
    free(r->env);
    view_free(&r->view);
    free(r);
    return status;
}
