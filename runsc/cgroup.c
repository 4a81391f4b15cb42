/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "runsc/report.h"

/* ---- files ---- */

int cgroup_write(const char *dir, const char *file, const char *text)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return err;
}

ssize_t cgroup_read(const char *dir, const char *file, char *text, size_t size)
{
    char path[PATH_MAX];

    text[0] = 0;
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, size - 1);
    int err = n < 0 ? -errno : 0;
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return err ? err : n;
}

/* ---- which there are ---- */

/* Is `word` one of a comma-separated list? */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *p = list; (p = strstr(p, word)); p += len)
        if ((p == list || p[-1] == ',') && (p[len] == ',' || !p[len]))
            return true;
    return false;
}

static const char *text_of(const json_t *cgroup, const char *name)
{
    return json_string_value(json_object_get(cgroup, name)) ?: "";
}

const char *cgroup_path(const json_t *cgroups, const char *controller)
{
    size_t i;
    json_t *one;

    json_array_foreach(cgroups, i, one)
    {
        const char *has = text_of(one, "controllers");
        if (!*has || has_word(has, controller))
            return text_of(one, "path");
    }
    return NULL;
}

bool cgroup_is_v2(const json_t *cgroups)
{
    return json_array_size(cgroups) == 1 && !*text_of(json_array_get(cgroups, 0), "controllers");
}

/* ---- birth ---- */

/* A new cpuset is empty, and takes nobody in until it has what its parent has. */
static void inherit_cpuset(const char *dir)
{
    static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
    char parent[PATH_MAX], text[4096];

    snprintf(parent, sizeof parent, "%s", dir);
    *strrchr(parent, '/') = 0;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (cgroup_read(dir, files[i], text, sizeof text) >= 0 && (!*text || *text == '\n') &&
            cgroup_read(parent, files[i], text, sizeof text) > 0)
            (void)!cgroup_write(dir, files[i], text);
}

/* Children of a v2 directory have the controllers that it hands down. */
static void hand_down(const char *dir)
{
    static const char *const all[] = { "+cpu", "+cpuset", "+memory", "+pids", "+io" };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        (void)!cgroup_write(dir, "cgroup.subtree_control", all[i]);
}

static int make_dirs(const char *point, const char *path, const char *controllers)
{
    bool cpuset = has_word(controllers, "cpuset");
    char dir[PATH_MAX];
    size_t len = strlen(point);

    if (snprintf(dir, sizeof dir, "%s%s", point, path) >= (int)sizeof dir)
        return -ENAMETOOLONG;
    for (char *slash = dir + len;; slash++) {
        slash = strchr(slash + 1, '/');
        if (!*controllers) {
            char above[PATH_MAX];
            snprintf(above, sizeof above, "%.*s", (int)(slash ? slash - dir : (int)strlen(dir)),
                     dir);
            *strrchr(above, '/') = 0;
            hand_down(above);
        }
        if (slash)
            *slash = 0;
        if (mkdir(dir, 0755) && errno != EEXIST)
            return -errno;
        if (cpuset)
            inherit_cpuset(dir);
        if (!slash)
            return 0;
        *slash = '/';
    }
}

/*
 * A path without "//" and "/." in it, from its first "/" on. "/", which all processes of the host
 * are below, is no place for a container, and ".." would lead out of the hierarchy.
 */
static int clean(const char *path, char *out, size_t size, struct err *e)
{
    size_t used = 0, len;

    out[0] = 0;
    for (const char *word = path + strspn(path, "/"); *word; word += strspn(word, "/")) {
        len = strcspn(word, "/");
        if (len == 2 && strncmp(word, "..", 2) == 0)
            return err_set(e, -EINVAL, "linux.cgroupsPath: %s: has \"..\" in it", path);
        if (len != 1 || *word != '.')
            used += (size_t)snprintf(out + used, size - used, "/%.*s", (int)len, word);
        word += len;
        if (used >= size)
            return err_set(e, -ENAMETOOLONG, "linux.cgroupsPath: %s: is too long", path);
    }
    return used ? 0 : err_set(e, -EINVAL, "linux.cgroupsPath: %s: is the root of them all", path);
}

int cgroup_choose(const char *path, const char *id, const char *root, char *out, size_t size,
                  struct err *e)
{
    if (path && *path)
        return clean(path, out, size, e);
    int n = root ? snprintf(out, size, "/%s-%016" PRIx64, id, hash_bytes(0, root, strlen(root)))
                 : snprintf(out, size, "/%s", id);
    return n < (int)size ? 0 : err_set(e, -ENAMETOOLONG, "%s: is too long", id);
}

/* How many processes but `own` are in a directory, and in all below it. */
static size_t count_others(const char *dir, pid_t own)
{
    char path[PATH_MAX];
    size_t count = 0;
    struct dirent *entry;
    int pid;

    if (snprintf(path, sizeof path, "%s/cgroup.procs", dir) >= (int)sizeof path)
        return 0;
    FILE *procs = fopen(path, "re");
    while (procs && fscanf(procs, "%d", &pid) == 1)
        count += pid != own;
    if (procs)
        fclose(procs);
    DIR *d = opendir(dir);
    while (d && (entry = readdir(d))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) >= (int)sizeof path)
            continue;
        count += count_others(path, own);
    }
    if (d)
        closedir(d);
    return count;
}

/* Limits would hold for who is in there already, and a delete would kill it: as runc has it. */
static int check_empty(const json_t *mounts, const char *where, pid_t own, struct err *e)
{
    const struct timespec pause = { .tv_nsec = 5000000 };
    char dir[2 * PATH_MAX];
    size_t i, others = 0;
    json_t *one;

    json_array_foreach(mounts, i, one)
    {
        snprintf(dir, sizeof dir, "%s%s", text_of(one, "path"), where);
        /* What a container before us has left may be dying. */
        for (int tries = 0; (others = count_others(dir, own)) && tries < 100; tries++)
            nanosleep(&pause, NULL);
        if (others)
            return err_set(e, -EBUSY,
                           "container's cgroup is not empty: %zu process(es) found in %s", others,
                           dir);
    }
    return 0;
}

int cgroup_create(const char *where, pid_t own, json_t **out, struct err *e)
{
    json_t *mounts = cgroup_mounts(), *one;
    size_t i;
    int err = check_empty(mounts, where, own, e);

    *out = json_array();
    json_array_foreach(err ? NULL : mounts, i, one)
    {
        const char *controllers = text_of(one, "controllers"), *point = text_of(one, "path");
        char dir[2 * PATH_MAX];
        int failed = make_dirs(point, where, controllers);

        if (failed) {
            report_warning("cgroup %s%s: %s", point, where, strerror(-failed));
            continue;
        }
        snprintf(dir, sizeof dir, "%s%s", point, where);
        json_array_append_new(*out,
                              json_pack("{s:s, s:s}", "controllers", controllers, "path", dir));
    }
    json_decref(mounts);
    return err;
}

static void enter(const char *dir, pid_t pid)
{
    char text[16];

    snprintf(text, sizeof text, "%d", (int)pid);
    int err = cgroup_write(dir, "cgroup.procs", text);
    if (err)
        report_warning("cgroup %s: cannot be entered: %s", dir, strerror(-err));
}

void cgroup_enter(const json_t *cgroups, pid_t pid)
{
    size_t i;
    json_t *one;

    json_array_foreach(cgroups, i, one) if (strcmp(text_of(one, "controllers"), "pids") != 0)
        enter(text_of(one, "path"), pid);
}

void cgroup_enter_pids(const json_t *cgroups, pid_t pid)
{
    const char *dir = cgroup_path(cgroups, "pids");

    if (dir && !cgroup_is_v2(cgroups))
        enter(dir, pid);
}

size_t cgroup_doors(const json_t *cgroups, int *out, size_t max)
{
    static const char *const these[] = { "", "memory", "cpu", "cpuacct", "cpuset", "blkio" };
    size_t i, n = 0;
    json_t *one;

    json_array_foreach(cgroups, i, one)
    {
        char path[PATH_MAX];
        const char *has = text_of(one, "controllers");
        bool counts = false;

        for (size_t j = 0; j < ARRAY_LEN(these); j++)
            counts |= *these[j] ? has_word(has, these[j]) : !*has;
        if (!counts || n == max ||
            snprintf(path, sizeof path, "%s/cgroup.procs", text_of(one, "path")) >= PATH_MAX)
            continue;
        out[n] = open(path, O_WRONLY | O_CLOEXEC);
        n += out[n] >= 0;
    }
    return n;
}

/* ---- the freezer ---- */

bool cgroup_is_frozen(const json_t *cgroups)
{
    const char *dir = cgroup_path(cgroups, "freezer");
    char text[64];

    if (!dir)
        return false;
    if (cgroup_is_v2(cgroups))
        return cgroup_read(dir, "cgroup.freeze", text, sizeof text) > 0 && text[0] == '1';
    return cgroup_read(dir, "freezer.state", text, sizeof text) > 0 && text[0] == 'F';
}

static bool has_become(const json_t *cgroups, const char *dir, bool frozen)
{
    char text[256];

    if (!cgroup_is_v2(cgroups))
        return cgroup_read(dir, "freezer.state", text, sizeof text) > 0 &&
               strncmp(text, frozen ? "FROZEN" : "THAWED", 6) == 0;
    return cgroup_read(dir, "cgroup.events", text, sizeof text) > 0 &&
           strstr(text, frozen ? "frozen 1" : "frozen 0");
}

int cgroup_freeze(const json_t *cgroups, bool freeze, struct err *e)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    const char *dir = cgroup_path(cgroups, "freezer");
    bool v2 = cgroup_is_v2(cgroups);
    int err = -ENOTSUP;

    if (dir)
        err = v2 ? cgroup_write(dir, "cgroup.freeze", freeze ? "1" : "0")
                 : cgroup_write(dir, "freezer.state", freeze ? "FROZEN" : "THAWED");
    if (err)
        return err_set(e, err, "cannot %s: %s", freeze ? "pause" : "resume",
                       dir ? strerror(-err) : "the container has no freezer cgroup");
    for (int ms = 0; ms < 2000; ms++) {
        if (has_become(cgroups, dir, freeze))
            return 0;
        nanosleep(&pause, NULL);
        if (!v2 && freeze)
            (void)!cgroup_write(dir, "freezer.state", "FROZEN"); /* newcomers, too */
    }
    /* Nobody may be left half frozen whom we say that we could not pause. */
    if (freeze)
        (void)!cgroup_write(dir, v2 ? "cgroup.freeze" : "freezer.state", v2 ? "0" : "THAWED");
    return err_set(e, -ETIMEDOUT, "cannot %s: %s takes too long", freeze ? "pause" : "resume", dir);
}

/* ---- what is in it ---- */

static const char *any_path(const json_t *cgroups)
{
    size_t i;
    json_t *one;

    json_array_foreach(cgroups, i, one) if (strcmp(text_of(one, "controllers"), "pids") !=
                                            0) return text_of(one, "path");
    return NULL;
}

json_t *cgroup_procs(const json_t *cgroups)
{
    json_t *out = json_array();
    const char *dir = any_path(cgroups);
    char path[PATH_MAX + 16];
    int pid;

    snprintf(path, sizeof path, "%s/cgroup.procs", dir ?: "");
    FILE *f = dir ? fopen(path, "re") : NULL;
    while (f && fscanf(f, "%d", &pid) == 1)
        json_array_append_new(out, json_integer(pid));
    if (f)
        fclose(f);
    return out;
}

/* ---- the end ---- */

static void kill_all(const json_t *cgroups)
{
    json_t *pids = cgroup_procs(cgroups), *one;
    size_t i;

    json_array_foreach(pids, i, one)
    {
        pid_t pid = (pid_t)json_integer_value(one);
        if (pid > 0) /* 0 is somebody outside our pid namespace, and to kill(2) our own group */
            kill(pid, SIGKILL);
    }
    json_decref(pids);
}

void cgroup_remove(const json_t *cgroups)
{
    const struct timespec pause = { .tv_nsec = 5000000 };
    size_t i;
    json_t *one;

    json_array_foreach(cgroups, i, one)
    {
        const char *dir = text_of(one, "path");

        /* Who is dying is in it for a little longer. */
        for (int tries = 0; rmdir(dir) && errno == EBUSY && tries < 100; tries++) {
            kill_all(cgroups);
            nanosleep(&pause, NULL);
        }
    }
}
