/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/cgroup.h"

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

/* What of a v1 mount's options are controllers: "rw,cpu,cpuacct" has two. */
static void keep_controllers(char *options)
{
    static const char *const no[] = { "rw", "ro", "xattr", "noprefix", "clone_children" };
    char *save, *word, kept[256] = "";

    for (word = strtok_r(options, ",\n", &save); word; word = strtok_r(NULL, ",\n", &save)) {
        bool is = strncmp(word, "release_agent", 13) != 0;
        for (size_t i = 0; i < ARRAY_LEN(no); i++)
            is = is && strcmp(word, no[i]) != 0;
        if (is && strlen(kept) + strlen(word) + 2 < sizeof kept) {
            strcat(kept, *kept ? "," : "");
            strcat(kept, word);
        }
    }
    strcpy(options, kept);
}

/* Every hierarchy that is mounted: an array as in the header, with mount points for paths. */
static json_t *find_mounts(void)
{
    json_t *v1 = json_array(), *v2 = json_array();
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t room = 0;

    while (f && getline(&line, &room, f) > 0) {
        char point[PATH_MAX], type[64], options[512];
        const char *rest = strstr(line, " - ");

        if (!rest || sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 ||
            sscanf(rest, " - %63s %*s %511s", type, options) != 2)
            continue;
        if (strcmp(type, "cgroup2") == 0)
            options[0] = 0;
        else if (strcmp(type, "cgroup") == 0)
            keep_controllers(options);
        else
            continue;
        json_array_append_new(*options ? v1 : v2,
                              json_pack("{s:s, s:s}", "controllers", options, "path", point));
    }
    free(line);
    if (f)
        fclose(f);
    /* In the hybrid layout limits are v1's. */
    bool hybrid = json_array_size(v1) > 0;
    json_decref(hybrid ? v2 : v1);
    return hybrid ? v1 : v2;
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

bool cgroup_host_is_v2(void)
{
    json_t *mounts = find_mounts();
    bool is = cgroup_is_v2(mounts);

    json_decref(mounts);
    return is;
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

/* ".." would lead out of the hierarchy. */
static bool climbs(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")); p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '/' || !p[2]))
            return true;
    return false;
}

json_t *cgroup_create(const char *path, const char *id, const char *root)
{
    char where[PATH_MAX];
    json_t *mounts, *one, *out = json_array();
    size_t i;

    if ((!path || !*path) && root)
        snprintf(where, sizeof where, "/%s-%016" PRIx64, id, hash_bytes(0, root, strlen(root)));
    else if (!path || !*path)
        snprintf(where, sizeof where, "/%s", id);
    else
        snprintf(where, sizeof where, "%s%s", path[0] == '/' ? "" : "/", path);
    for (size_t n = strlen(where); n > 1 && where[n - 1] == '/'; n--)
        where[n - 1] = 0;
    if (climbs(where)) {
        report_warning("linux.cgroupsPath: %s: has \"..\" in it; no limits are set", path);
        return out;
    }
    mounts = find_mounts();
    json_array_foreach(mounts, i, one)
    {
        const char *controllers = text_of(one, "controllers"), *point = text_of(one, "path");
        char dir[2 * PATH_MAX];
        int err = make_dirs(point, where, controllers);

        if (err) {
            report_warning("cgroup %s%s: %s", point, where, strerror(-err));
            continue;
        }
        snprintf(dir, sizeof dir, "%s%s", point, where);
        json_array_append_new(out,
                              json_pack("{s:s, s:s}", "controllers", controllers, "path", dir));
    }
    json_decref(mounts);
    return out;
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

    json_array_foreach(pids, i, one) kill((pid_t)json_integer_value(one), SIGKILL);
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
