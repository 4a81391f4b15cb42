/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runsc install, uninstall: tells the container engines of this host about us, and takes it
 * back. What is already so is left alone; what is changed is shown as a diff, and the old
 * file is kept beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc/cmd.h"
#include "runsc/flags.h"
#include "runsc/json.h"

#define BEGIN "# begin: runsc install\n"
#define END   "# end: runsc install\n"

struct request {
    const char *etc;
    const char *only; /* one engine; NULL: all that are there */
    bool help, uninstall;
    char self[PATH_MAX];
};

static int take_etc(void *into, const char *value, struct err *e)
{
    (void)e;
    ((struct request *)into)->etc = value;
    return 0;
}

static int take_engine(void *into, const char *value, struct err *e)
{
    if (strcmp(value, "docker") != 0 && strcmp(value, "podman") != 0 &&
        strcmp(value, "containerd") != 0)
        return err_set(e, -EINVAL, "--engine: docker, podman or containerd, not \"%s\"", value);
    ((struct request *)into)->only = value;
    return 0;
}

static int take_help(void *into, const char *value, struct err *e)
{
    (void)value, (void)e;
    ((struct request *)into)->help = true;
    return 0;
}

/* clang-format off */
static const struct flag flags[] = {
    { "engine", 0,   "NAME", "docker, podman or containerd alone", take_engine, false },
    { "etc",    0,   "DIR",  "where their files are (default: /etc)", take_etc, false },
    { "help",   'h', NULL,   "this text", take_help, false },
};
/* clang-format on */

/* ---- files ---- */

/* The whole file: given; "" where it is not there. */
static char *read_all(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    if (f && getdelim(&text, &size, 0, f) < 0) {
        free(text);
        text = NULL;
    }
    if (f)
        fclose(f);
    return text ?: strdup("");
}

static void show_diff(const char *old, const char *new)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("diff", "diff", "-u", "-N", old, new, NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

/* The directories above it are made. */
static int make_dirs(const char *path)
{
    char copy[PATH_MAX];

    snprintf(copy, sizeof copy, "%s", path);
    for (char *p = copy + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        if (mkdir(copy, 0755) && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    return 0;
}

/* `like` is the file whose place it takes: what only some may read stays so. */
static int write_new(const char *path, const char *text, const char *like)
{
    struct stat st = { .st_mode = 0644 };
    bool was = stat(like, &st) == 0;
    int err = make_dirs(path);
    int fd = err ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return err ?: -errno;
    if ((was && fchown(fd, st.st_uid, st.st_gid)) || fchmod(fd, st.st_mode & 07777))
        err = -errno;
    if (!err)
        err = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
    if (close(fd) && !err)
        err = -errno;
    return err;
}

/* Puts `text` in a file's place, as a whole, and keeps what it had; NULL: the file goes. */
static int replace(const char *name, const char *text, struct err *e)
{
    char fresh[PATH_MAX], kept[PATH_MAX], real[PATH_MAX];
    /* Where it is a link, that stays. */
    const char *path = realpath(name, real) ?: name;
    char *old = read_all(path);
    bool same = strcmp(old, text ?: "") == 0, was = access(path, F_OK) == 0;
    int err = 0;

    free(old);
    if (same && was == (text != NULL)) {
        printf("%s: already so\n", path);
        return 0;
    }
    snprintf(fresh, sizeof fresh, "%s.runsc-new", path);
    snprintf(kept, sizeof kept, "%s.runsc-old", path);
    if (text)
        err = write_new(fresh, text, path);
    if (!err && was) {
        unlink(kept);
        err = link(path, kept) ? -errno : 0;
    }
    if (!err)
        show_diff(path, text ? fresh : "/dev/null");
    if (!err && (text ? rename(fresh, path) : unlink(path)))
        err = -errno;
    if (err && text)
        unlink(fresh);
    return err ? err_set(e, err, "%s: %s", path, strerror(-err)) : 0;
}

/* ---- engines ---- */

/* An empty file is as good as none. */
static int read_docker(const char *path, json_t **out, struct err *e)
{
    char *text = read_all(path);
    bool blank = !text[strspn(text, " \t\r\n")];
    int err = blank ? 0 : json_read(path, out, e);

    free(text);
    if (err)
        return err;
    if (blank)
        *out = json_object();
    const json_t *runtimes = json_object_get(*out, "runtimes");
    if (json_is_object(*out) && (!runtimes || json_is_object(runtimes) || json_is_null(runtimes)))
        return 0;
    err = err_set(e, -EINVAL, "%s: %s must be an object", path,
                  json_is_object(*out) ? "\"runtimes\"" : "it");
    json_decref(*out);
    return err;
}

/* Another runtime may have our name. */
static bool is_ours(const struct request *r, const json_t *runtimes)
{
    const json_t *path = json_object_get(json_object_get(runtimes, "runsc"), "path");

    return json_is_string(path) && strcmp(json_string_value(path), r->self) == 0;
}

static int change_docker(const struct request *r, const char *path, struct err *e)
{
    json_t *config = NULL;
    int err = read_docker(path, &config, e);

    if (err)
        return err;
    json_t *runtimes = json_object_get(config, "runtimes");
    if (r->uninstall) {
        if (is_ours(r, runtimes))
            json_object_del(runtimes, "runsc");
        if (runtimes && !json_object_size(runtimes))
            json_object_del(config, "runtimes");
    } else {
        if (!json_is_object(runtimes)) {
            runtimes = json_object();
            json_object_set_new(config, "runtimes", runtimes);
        }
        if (!is_ours(r, runtimes))
            json_object_set_new(runtimes, "runsc", json_pack("{s:s}", "path", r->self));
    }
    char *text = json_dumps(config, JSON_INDENT(4)), *line = NULL;
    if (!text || asprintf(&line, "%s\n", text) < 0)
        abort();
    /* What we alone have put there goes whole; what says the same in other words stays. */
    json_t *old = access(path, F_OK) == 0 ? json_load_file(path, 0, NULL) : NULL;
    if (json_equal(old, config))
        printf("%s: already so\n", path);
    else
        err = replace(path, json_object_size(config) ? line : NULL, e);
    json_decref(old);
    json_decref(config);
    free(text);
    free(line);
    return err;
}

static int change_podman(const struct request *r, const char *path, struct err *e)
{
    char *text = NULL;

    if (asprintf(&text, BEGIN "[engine.runtimes]\nrunsc = [\"%s\"]\n" END, r->self) < 0)
        abort();
    int err = replace(path, r->uninstall ? NULL : text, e);
    free(text);
    return err;
}

/* Of a file without one it is 1. */
static int toml_version(const char *text)
{
    for (const char *line = text; line; line = strchr(line, '\n'), line += line != NULL) {
        int version;

        if (sscanf(line, " version = %d", &version) == 1)
            return version;
        if (line[strspn(line, " \t")] == '[')
            break; /* of a table, from here on */
    }
    return *text ? 1 : 2;
}

/* A block of our own at the end; TOML lets tables stand in any order. */
static int change_containerd(const struct request *r, const char *path, struct err *e)
{
    char *old = read_all(path), *begin = strstr(old, BEGIN), *text = NULL;
    const char *rest = begin ? strstr(begin, END) : NULL;
    int version = toml_version(old), err = 0;
    char table[128];

    snprintf(table, sizeof table, "plugins.\"%s\".containerd.runtimes.runsc",
             version == 3 ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri");

    if (begin && rest) {
        *begin = 0;
        rest += strlen(END);
    } else {
        rest = "";
    }
    if (!r->uninstall && version != 2 && version != 3)
        err = err_set(e, -ENOTSUP, "%s: is of version %d; `containerd config migrate` makes it new",
                      path, version);
    else if (!r->uninstall && (strstr(old, table) || strstr(rest, table)))
        err = err_set(e, -EEXIST, "%s: has a runtime runsc that is not of our making", path);
    else if (asprintf(&text, "%s%s%s", r->uninstall || *old ? old : "version = 2\n",
                      r->uninstall || !*old || old[strlen(old) - 1] == '\n' ? "" : "\n", rest) < 0)
        abort();
    if (!err && !r->uninstall) {
        char *with = NULL;
        if (asprintf(&with,
                     "%s" BEGIN "[%s]\n  runtime_type = \"io.containerd.runc.v2\"\n"
                     "  [%s.options]\n    BinaryName = \"%s\"\n" END,
                     text, table, table, r->self) < 0)
            abort();
        free(text);
        text = with;
    }
    if (!err) {
        bool nothing = !*text || strcmp(text, "version = 2\n") == 0;
        err = replace(path, r->uninstall && nothing && begin ? NULL : text, e);
    }
    free(old);
    free(text);
    return err;
}

static const struct engine {
    const char *name, *dir, *file;
    int (*change)(const struct request *r, const char *path, struct err *e);
    const char *then;
} engines[] = {
    {"docker",      "docker",     "docker/daemon.json",                      change_docker,
     "then: kill -HUP dockerd, or systemctl reload docker"                   },
    { "podman",     "containers", "containers/containers.conf.d/runsc.conf", change_podman,
     "then: podman --runtime runsc run …"                                  },
    { "containerd", "containerd", "containerd/config.toml",                  change_containerd,
     "then: systemctl restart containerd; a RuntimeClass with handler: runsc"},
};

static int install(const struct request *r, struct err *e)
{
    unsigned changed = 0;

    for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
        char dir[PATH_MAX], path[PATH_MAX];

        snprintf(dir, sizeof dir, "%s/%s", r->etc, engines[i].dir);
        snprintf(path, sizeof path, "%s/%s", r->etc, engines[i].file);
        if (r->only ? strcmp(r->only, engines[i].name) != 0 : access(dir, F_OK) != 0)
            continue;
        int err = engines[i].change(r, path, e);
        if (err)
            return err;
        printf("%s: %s\n", engines[i].name, engines[i].then);
        changed++;
    }
    return changed ? 0
                   : err_set(e, -ENOENT,
                             "none of docker, containers, containerd is in %s; "
                             "--engine names one to prepare",
                             r->etc);
}

static int run(char *const argv[], bool uninstall, struct err *e)
{
    struct request r = { .etc = "/etc", .uninstall = uninstall };
    int rest;
    int err = flags_parse(flags, ARRAY_LEN(flags), argv, &r, &rest, e);

    if (!err && r.help) {
        printf("usage: runsc %s [FLAGS]\n\n", argv[0]);
        flags_help(flags, ARRAY_LEN(flags));
        return 0;
    }
    ssize_t n = readlink("/proc/self/exe", r.self, sizeof r.self - 1);
    if (!err && n < 0)
        err = err_set(e, -errno, "/proc/self/exe: %s", strerror(errno));
    if (!err)
        err = install(&r, e);
    return err ? 1 : 0;
}

int cmd_install(char *const argv[], struct err *e)
{
    return run(argv, false, e);
}

int cmd_uninstall(char *const argv[], struct err *e)
{
    return run(argv, true, e);
}
