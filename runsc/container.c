/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/container.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runsc/cgroup.h"
#include "runsc/json.h"
#include "runsc/oci.h"

/* As runc: letters, digits and _+-. ; nothing that leads out of the directory. */
static bool id_is_valid(const char *id)
{
    for (const char *p = id; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_+-.", *p))
            return false;
    return *id && strcmp(id, ".") != 0 && strcmp(id, "..") != 0 && strlen(id) <= 1024;
}

unsigned long long process_born(pid_t pid)
{
    char path[64], text[1024];
    unsigned long long born = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    /* The name may have anything in it, but what follows the last ')' has not. */
    char state, *p = strrchr(text, ')');
    if (!p || sscanf(p + 1,
                     " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d"
                     " %*d %llu",
                     &state, &born) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : born;
}

/* ---- the directory ---- */

static int mkdir_all(const char *path)
{
    char *copy = strdup(path);
    int err = 0;

    for (char *p = copy + 1; !err && (p = strchr(p, '/')); p++) {
        *p = 0;
        if (mkdir(copy, 0711) && errno != EEXIST)
            err = -errno;
        *p = '/';
    }
    if (!err && mkdir(copy, 0711) && errno != EEXIST)
        err = -errno;
    free(copy);
    return err;
}

static void begin(struct container *out, const char *root, const char *id)
{
    *out = (struct container){ .id = strdup(id), .root = strdup(root), .dir = -1 };
    if (!out->id || !out->root)
        abort();
}

static int open_dir(struct container *c)
{
    int root = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = root < 0 ? -errno : 0;

    if (err)
        return err;
    c->dir = openat(root, c->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    err = c->dir < 0 ? -errno : 0;
    close(root);
    return err;
}

/* Is the directory that we hold still the one with that name? It may have been removed while
 * we waited for its lock. */
static bool is_linked(const struct container *c)
{
    struct stat st;

    return fstat(c->dir, &st) == 0 && st.st_nlink > 0;
}

static bool has_file(const struct container *c, const char *name)
{
    return faccessat(c->dir, name, F_OK, 0) == 0;
}

int container_create(const char *root, const char *id, struct container *out, struct err *e)
{
    char path[PATH_MAX];
    int err;

    begin(out, root, id);
    if (!id_is_valid(id))
        return err_set(e, -EINVAL, "invalid container ID format: \"%s\"", id);
    err = mkdir_all(root);
    if (err)
        return err_set(e, err, "mkdir %s: %s", root, strerror(-err));
    snprintf(path, sizeof path, "%s/%s", root, id);
    if (mkdir(path, 0711) && errno != EEXIST)
        return err_set(e, -errno, "mkdir %s: %s", path, strerror(errno));
    err = open_dir(out);
    if (err)
        return err_set(e, err, "open %s: %s", path, strerror(-err));
    /* Who makes it has the lock until it is whole; who dies there leaves no state.json. */
    if (flock(out->dir, LOCK_EX | LOCK_NB) || !is_linked(out) || has_file(out, "state.json"))
        return err_set(e, -EEXIST, "container with id %s already exists", id);
    return 0;
}

/* ---- state.json ---- */

static void read_fields(struct container *c)
{
    const char *stage = container_text(c, "stage"), *bundle = container_text(c, "bundle");

    c->pid = (pid_t)json_integer_value(json_object_get(c->json, "pid"));
    c->born = (unsigned long long)json_integer_value(json_object_get(c->json, "born"));
    c->stage = strcmp(stage, "running") == 0   ? STAGE_RUNNING
               : strcmp(stage, "created") == 0 ? STAGE_CREATED
                                               : STAGE_CREATING;
    c->bundle = strdup(bundle);
}

static int read_state(struct container *c, struct err *e)
{
    int fd = openat(c->dir, "state.json", O_RDONLY | O_CLOEXEC);
    json_error_t why;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd >= 0) {
        c->json = json_load_whole(fd, &why);
        close(fd);
    }
    if (!json_is_object(c->json))
        return err_set(e, -EINVAL, "%s/%s/state.json cannot be read", c->root, c->id);
    read_fields(c);
    return 0;
}

int container_open(const char *root, const char *id, bool lock, struct container *out,
                   struct err *e)
{
    begin(out, root, id);
    int err = id_is_valid(id) ? open_dir(out) : -ENOENT;
    if (!err && lock)
        while (flock(out->dir, LOCK_EX) && errno == EINTR)
            ;
    if (!err && !is_linked(out))
        err = -ENOENT;
    if (err == -ENOENT || err == -ENOTDIR)
        return err_set(e, -ENOENT, "container \"%s\" does not exist", id);
    if (err)
        return err_set(e, err, "%s/%s: %s", root, id, strerror(-err));
    return read_state(out, e);
}

void container_close(struct container *c)
{
    free(c->id);
    free(c->root);
    free(c->bundle);
    json_decref(c->json);
    if (c->dir >= 0)
        close(c->dir);
    *c = (struct container){ .dir = -1 };
}

/* A whole file or none: written beside it, then renamed over it. */
static int save(const struct container *c, const char *name, const json_t *json, struct err *e)
{
    char fresh[64];
    int err = 0;

    snprintf(fresh, sizeof fresh, "%s.new", name);
    int fd = openat(c->dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    err = fd < 0 ? -errno : json_save_whole(fd, json);
    if (fd >= 0 && close(fd) && !err)
        err = -errno;
    if (!err && renameat(c->dir, fresh, c->dir, name))
        err = -errno;
    if (err)
        unlinkat(c->dir, fresh, 0);
    return err ? err_set(e, err, "write %s/%s/%s: %s", c->root, c->id, name, strerror(-err)) : 0;
}

static const char *const stages[] = { "creating", "created", "running" };

int container_save(struct container *c, json_t *extra, struct err *e)
{
    if (!c->json) {
        char now[64];
        time_t t = time(NULL);
        struct tm tm;

        gmtime_r(&t, &tm);
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &tm);
        c->json = json_pack("{s:s, s:s, s:s, s:i}", "id", c->id, "bundle", c->bundle, "created",
                            now, "owner", (int)geteuid());
    }
    if (!c->json)
        return err_set(e, -EINVAL, "the bundle's path %s is no UTF-8", c->bundle);
    if (extra)
        json_object_update(c->json, extra);
    json_decref(extra);
    json_object_set_new(c->json, "stage", json_string(stages[c->stage]));
    json_object_set_new(c->json, "pid", json_integer(c->pid));
    json_object_set_new(c->json, "born", json_integer((json_int_t)c->born));
    return save(c, "state.json", c->json, e);
}

int container_save_config(struct container *c, const json_t *config, struct err *e)
{
    return save(c, "config.json", config, e);
}

void container_remove(struct container *c)
{
    char path[PATH_MAX];
    struct dirent *d;
    DIR *dir;
    int fd = dup(c->dir);

    /* The mark of a whole container goes first: what is left then is what a create takes over. */
    unlinkat(c->dir, "state.json", 0);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    while (dir && (d = readdir(dir)))
        unlinkat(c->dir, d->d_name, 0);
    if (dir)
        closedir(dir);
    snprintf(path, sizeof path, "%s/%s", c->root, c->id);
    rmdir(path);
}

/* ---- what it says ---- */

const char *container_text(const struct container *c, const char *name)
{
    const char *text = json_string_value(json_object_get(c->json, name));

    return text ? text : "";
}

const json_t *container_get(const struct container *c, const char *name)
{
    return json_object_get(c->json, name);
}

enum container_status container_status(const struct container *c)
{
    bool lives = c->pid && process_born(c->pid) == c->born;

    if (c->stage == STAGE_CREATING)
        return lives || !c->pid ? STATUS_CREATING : STATUS_STOPPED;
    if (!lives)
        return STATUS_STOPPED;
    if (json_is_true(container_get(c, "frozen")) || cgroup_is_frozen(container_get(c, "cgroups")))
        return STATUS_PAUSED;
    return c->stage == STAGE_CREATED ? STATUS_CREATED : STATUS_RUNNING;
}

const char *container_status_name(enum container_status s)
{
    static const char *const names[] = { "creating", "created", "running", "paused", "stopped" };

    return names[s];
}

json_t *container_state(const struct container *c, const char *status)
{
    json_t *notes = json_object_get(c->json, "annotations");
    bool over = strcmp(status, "stopped") == 0;
    json_t *o = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "ociVersion", OCI_VERSION,
                          "id", c->id, "pid", over ? 0 : (int)c->pid, "status", status, "bundle",
                          c->bundle ? c->bundle : "", "rootfs", container_text(c, "rootfs"),
                          "created", container_text(c, "created"), "owner", "");

    if (o && notes)
        json_object_set(o, "annotations", notes);
    return o;
}

void container_path(const struct container *c, const char *name, char out[64])
{
    snprintf(out, 64, "/proc/self/fd/%d/%s", c->dir, name);
}
