/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/view.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_under(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    if (n == 1)
        return path[0] == '/';
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || !path[n]);
}

char *view_clean_path(const char *path)
{
    char *out, *end;

    if (path[0] != '/' || !(out = malloc(strlen(path) + 2)))
        return NULL;
    end = out;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");

        if (n == 2 && p[0] == '.' && p[1] == '.') {
            free(out);
            return NULL;
        }
        if (n && !(n == 1 && p[0] == '.')) {
            *end++ = '/';
            memcpy(end, p, n);
            end += n;
        }
        p += n + (p[n] == '/');
    }
    if (end == out)
        *end++ = '/';
    *end = 0;
    return out;
}

static struct option_mount *mount_at(struct view *v, const char *target)
{
    for (uint32_t i = 0; i < v->nmounts; i++)
        if (strcmp(v->mounts[i].target, target) == 0)
            return &v->mounts[i];
    return NULL;
}

/* `m.target` is taken, whatever comes of it. */
static int mount_push(struct view *v, struct option_mount m, bool by_user, struct err *e)
{
    if (v->nmounts == OPTIONS_MOUNTS_MAX) {
        free((char *)m.target);
        return err_set(e, -E2BIG, "more than %d mounts", OPTIONS_MOUNTS_MAX);
    }
    v->by_user[v->nmounts] = by_user;
    v->mounts[v->nmounts++] = m;
    return 0;
}

uint32_t view_export(struct view *v, struct view_tree tree)
{
    v->trees[v->ntrees] = tree;
    return v->ntrees++;
}

int view_mount(struct view *v, struct option_mount m, struct err *e)
{
    return mount_push(v, m, true, e);
}

/* `target` is taken; NULL: it lies where it does on the host. */
static int add_host(struct view *v, enum view_mode mode, const char *host, char *target,
                    const char *flag, struct err *e)
{
    struct stat st;
    char *real = realpath(host, NULL);

    if (!real || stat(real, &st)) {
        int err = -errno;

        free(real);
        free(target);
        return err_set(e, err, "--%s %s: %s", flag, host, strerror(-err));
    }
    bool file = !S_ISDIR(st.st_mode);
    if (file && mode == VIEW_OVERLAY) {
        free(real);
        free(target);
        return err_set(e, -ENOTDIR, "--%s %s: only a directory can have a layer over it; use --ro",
                       flag, host);
    }
    struct option_mount m = {
        .kind = mode == VIEW_OVERLAY ? MOUNT_OVERLAY : MOUNT_GOFER,
        .target = target ?: strdup(real),
        .source = real,
        .exclusive = mode == VIEW_OVERLAY,
        .is_file = file,
        .flags = mode == VIEW_RO ? MS_RDONLY : 0,
        .data = "",
    };
    m.tree = view_export(
        v,
        (struct view_tree){ .path = real, .writable = mode == VIEW_RW, .exclusive = m.exclusive });
    return mount_push(v, m, true, e);
}

int view_add(struct view *v, enum view_mode mode, const char *spec, const char *flag, struct err *e)
{
    const char *colon = strchr(spec, ':');
    bool has_host = mode != VIEW_TMP && mode != VIEW_HIDE;
    char *host = has_host && colon ? strndup(spec, (size_t)(colon - spec)) : strdup(spec);
    const char *guest = has_host ? (colon ? colon + 1 : NULL) : spec;
    char *target = guest ? view_clean_path(guest) : NULL;
    int err;

    if (v->ntrees + 2 >= OPTIONS_MOUNTS_MAX) {
        free(target);
        err = err_set(e, -E2BIG, "more than %d mounts", OPTIONS_MOUNTS_MAX);
    } else if (guest && !target) {
        err = err_set(e, -EINVAL,
                      "--%s %s: the place in the sandbox must be an absolute path "
                      "without \"..\"",
                      flag, spec);
    } else if (has_host) {
        err = add_host(v, mode, host, target, flag, e);
    } else {
        err = mount_push(v,
                         (struct option_mount){ .kind = mode == VIEW_TMP ? MOUNT_TMPFS : MOUNT_HIDE,
                                                .target = target,
                                                .source = mode == VIEW_TMP ? "tmpfs" : "none",
                                                .flags = MS_NOSUID | MS_NODEV,
                                                .data = mode == VIEW_TMP ? "mode=1777" : "" },
                         true, e);
    }
    free(host);
    if (err)
        return err;
    const char *at = v->mounts[v->nmounts - 1].target;
    if (mount_at(v, at) != &v->mounts[v->nmounts - 1])
        return err_set(e, -EINVAL, "--%s %s: another flag has said how %s looks", flag, spec, at);
    return 0;
}

static unsigned depth(const char *path)
{
    unsigned n = 0;

    for (; *path; path++)
        n += *path == '/' && path[1];
    return n;
}

/* By depth, keeping the order among equals: an insertion sort of a few dozen. */
static void sort_mounts(struct view *v)
{
    for (uint32_t i = 1; i < v->nmounts; i++) {
        struct option_mount m = v->mounts[i];
        uint32_t j = i;

        for (; j && depth(v->mounts[j - 1].target) > depth(m.target); j--)
            v->mounts[j] = v->mounts[j - 1];
        v->mounts[j] = m;
    }
}

/* A default, where no flag named that very place. */
static int add_default(struct view *v, enum mount_kind kind, const char *target, const char *source,
                       unsigned long flags, const char *data, struct err *e)
{
    if (mount_at(v, target))
        return 0;
    struct option_mount m = {
        .kind = kind, .target = strdup(target), .source = source, .flags = flags, .data = data
    };
    return mount_push(v, m, false, e);
}

static int add_root(struct view *v, const char *rootfs, struct err *e)
{
    struct stat st;
    char *real = realpath(rootfs, NULL);

    if (!real || stat(real, &st)) {
        int err = -errno;

        free(real);
        return err_set(e, err, "--rootfs %s: %s", rootfs, strerror(-err));
    }
    if (!S_ISDIR(st.st_mode)) {
        free(real);
        return err_set(e, -ENOTDIR, "--rootfs %s: is not a directory", rootfs);
    }
    struct option_mount m = { .kind = MOUNT_OVERLAY,
                              .target = strdup("/"),
                              .source = "overlay",
                              .exclusive = true,
                              .data = "" };
    m.tree = view_export(v, (struct view_tree){ .path = real, .exclusive = true });
    return mount_push(v, m, false, e);
}

/* The mount that decides how `path` looks, as things stand. */
static const struct option_mount *mount_over(const struct view *v, const char *path)
{
    const struct option_mount *best = NULL;

    for (uint32_t i = 0; i < v->nmounts; i++) {
        const struct option_mount *m = &v->mounts[i];

        if (is_under(path, m->target) && (!best || strlen(m->target) >= strlen(best->target)))
            best = m;
    }
    return best;
}

/* A current directory that a default hides (somewhere in /tmp) gets a layer of its own. */
static int keep_cwd(struct view *v, const char *cwd, struct err *e)
{
    const struct option_mount *m = mount_over(v, cwd);

    struct stat st;

    /* Where the host has no such directory, it may still be there in the sandbox. */
    if (stat(cwd, &st) || !S_ISDIR(st.st_mode))
        return 0;
    if (!m || m->kind != MOUNT_TMPFS || v->by_user[m - v->mounts] || strcmp(m->target, cwd) == 0)
        return 0;
    int err = view_add(v, VIEW_OVERLAY, cwd, "cwd", e);
    if (!err)
        v->by_user[v->nmounts - 1] = false;
    return err;
}

int view_finish(struct view *v, const char *rootfs, const char *cwd, struct err *e)
{
    const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    int err = mount_at(v, "/") ? 0 : add_root(v, rootfs, e);

    if (!err)
        err = add_default(v, MOUNT_PROC, "/proc", "proc", plain, "", e);
    if (!err)
        err = add_default(v, MOUNT_SYSFS, "/sys", "sysfs", plain | MS_RDONLY, "", e);
    if (!err)
        err = add_default(v, MOUNT_DEV, "/dev", "devtmpfs", MS_NOSUID, "mode=755", e);
    if (!err)
        err = add_default(v, MOUNT_TMPFS, "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777", e);
    if (!err && cwd)
        err = keep_cwd(v, cwd, e);
    if (!err)
        sort_mounts(v);
    return err;
}

void view_free(struct view *v)
{
    for (uint32_t i = 0; i < v->nmounts; i++)
        free((char *)v->mounts[i].target);
    for (uint32_t i = 0; i < v->ntrees; i++) {
        free(v->trees[i].path);
        host_mount_free(&v->trees[i].of);
        if (v->trees[i].mount)
            close(v->trees[i].mount);
    }
    v->nmounts = v->ntrees = 0;
}
