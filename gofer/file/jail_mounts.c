/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage "root": a root of our own, with the trees in it and nothing else.
 *
 *     /            tmpfs, read-only in the end
 *     /0 /1 …      the trees: copies of the host's mounts, without devices and set-id
 *                  programs, read-only where the tree is; /N is a file where the tree is one
 *     (nowhere)    our own /proc/self/fd, the working directory: the way to open for real
 *                  what an O_PATH descriptor is of. It is a mount whose root it is, so ".."
 *                  leads nowhere
 *
 *   must      hide procfs, sysfs, devices and the like of the host where they lie inside a
 *             tree: an empty directory is mounted over each
 *   must not  keep a descriptor, or a working directory, of the host's mounts: ".." from
 *             there leads to its root
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/host.h"
#include "base/host_jail.h"
#include "base/log.h"
#include "base/mountinfo.h"
#include "gofer/file/jail_priv.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#define HIDING "hide" /* the empty directory in our root */

struct mounts {
    struct jail *jail;
    int root;                   /* the tmpfs */
    int proc_fd;                /* our /proc/self/fd, cloned */
    int trees[GOFER_TREES_MAX]; /* cloned, until they have their places */
    char *table;                /* /proc/self/mountinfo */
};

/* Grows: the table of mounts of a busy host has no bound that we know. */
static int read_table(struct mounts *m)
{
    size_t room = 16384, used = 0;
    scoped_fd int fd = host_open(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY);

    if (fd < 0)
        return keep_fd(&fd);
    m->table = malloc(room);
    while (m->table) {
        ssize_t n = host_read(fd, m->table + used, room - used - 1);
        if (n < 0)
            return (int)n;
        used += (size_t)n;
        m->table[used] = '\0';
        if (n == 0)
            return 0;
        if (room - used < 4096) {
            char *more = realloc(m->table, room *= 2);
            if (!more)
                break;
            m->table = more;
        }
    }
    return -ENOMEM;
}

/* The tree as a mount of our own: a copy of the host's, unless one was made for it. */
static int open_tree_of(const struct tree_option *t)
{
    unsigned alone = OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW;
    bool all = !(t->flags & GOFER_TREE_ALONE);

    if (t->fd)
        return t->fd;
    int fd = host_open_tree(AT_FDCWD, t->path, alone | (all ? AT_RECURSIVE : 0));
    if (fd == -EINVAL && !all) {
        /* In a user namespace, what its owner has mounted over cannot be uncovered. */
        log_warn("%s: what is mounted below comes along", t->path);
        fd = host_open_tree(AT_FDCWD, t->path, alone | AT_RECURSIVE);
    }
    return fd;
}

static int clone_tree(struct mounts *m, uint32_t i)
{
    const struct tree_option *t = &m->jail->options->trees[i];
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                               .propagation = MS_PRIVATE };
    int fd = open_tree_of(t);

    if (fd < 0)
        return fd;
    if (t->flags & GOFER_TREE_RO)
        attr.attr_set |= MOUNT_ATTR_RDONLY;
    m->trees[i] = fd;
    return host_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr);
}

/* Takes everything that we want of the host, while we still see it. */
static int take(struct mounts *m)
{
    /* No mount of ours shall show up in the host, and none of the host's here later on. */
    struct mount_attr private = { .propagation = MS_PRIVATE };
    int err = host_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private);

    if (!err)
        err = read_table(m);
    if (err)
        return err;
    m->proc_fd = host_open_tree(AT_FDCWD, "/proc/self/fd", OPEN_TREE_CLONE);
    if (m->proc_fd < 0) {
        log_error("/proc/self/fd: %s (is /proc mounted?)", strerror(-m->proc_fd));
        return m->proc_fd;
    }
    for (uint32_t i = 0; i < m->jail->options->ntrees; i++) {
        err = clone_tree(m, i);
        if (err) {
            log_error("%s: %s", m->jail->options->trees[i].path, strerror(-err));
            return err;
        }
    }
    return 0;
}

/* Puts one tree at /N, as a directory or a file. */
static int place_tree(struct mounts *m, uint32_t i)
{
    struct stat st;
    char name[16];
    int err = host_fstat(m->trees[i], &st);

    if (err)
        return err;
    snprintf(name, sizeof name, "%u", i);
    err = S_ISDIR(st.st_mode) ? host_mkdirat(m->root, name, 0700)
                              : host_mknodat(m->root, name, S_IFREG | 0600, 0);
    if (!err)
        err = host_move_mount(m->trees[i], "", m->root, name, MOVE_MOUNT_F_EMPTY_PATH);
    host_close(m->trees[i]);
    m->trees[i] = -1;
    return err;
}

/* File systems that are the host's kernel and its devices, by name as in mountinfo. */
static bool is_hidden_type(const char *type, size_t len)
{
    static const char *const types[] = {
        "proc",      "sysfs",      "devtmpfs", "devpts", "cgroup",   "cgroup2",    "debugfs",
        "tracefs",   "securityfs", "bpf",      "pstore", "efivarfs", "configfs",   "binfmt_misc",
        "selinuxfs", "smackfs",    "nsfs",     "mqueue", "fusectl",  "rpc_pipefs",
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strlen(types[i]) == len && memcmp(types[i], type, len) == 0)
            return true;
    return false;
}

/* Where a line's mount lies, if it is one to hide; else NULL. Cuts the line up. */
static char *hidden_point(char *line)
{
    char *point = mountinfo_field(line, 5), *type = mountinfo_type(line);

    if (!point || !type || !is_hidden_type(type, strcspn(type, " ")))
        return NULL;
    mountinfo_cut(point);
    return point;
}

/* What is left of `path` behind `dir`, with its slash; NULL where it is not below. */
static const char *below(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    if (len == 1)
        return path;
    return strncmp(path, dir, len) == 0 && path[len] == '/' ? path + len : NULL;
}

/*
 * Mounts the empty directory over /N/rest. What is not there any more, or hidden already, is fine;
 * so is what we may not reach, as whom we serve may not either.
 */
static void hide(struct mounts *m, uint32_t i, const char *rest)
{
    char at[4096 + 16];
    scoped_fd int empty = host_open_tree(m->root, HIDING, OPEN_TREE_CLONE);

    if (empty < 0 || snprintf(at, sizeof at, "%u%s", i, rest) >= (int)sizeof at)
        return;
    int err = host_move_mount(empty, "", m->root, at, MOVE_MOUNT_F_EMPTY_PATH);
    if (err && err != -ENOENT && err != -ENOTDIR && err != -EINVAL && err != -EACCES)
        log_warn("%s of the tree %s stays in sight: %s", rest, m->jail->options->trees[i].path,
                 strerror(-err));
}

static int hide_kernel(struct mounts *m)
{
    char *save, *line;
    int err = host_mkdirat(m->root, HIDING, 0555);

    if (err)
        return err;
    for (line = strtok_r(m->table, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *rest, *point = hidden_point(line);
        for (uint32_t i = 0; point && i < m->jail->options->ntrees; i++) {
            const struct tree_option *t = &m->jail->options->trees[i];
            bool bare = t->fd && t->flags & GOFER_TREE_ALONE;
            if (!bare && (rest = below(point, t->path)) != NULL)
                hide(m, i, rest);
        }
    }
    return 0;
}

/* Our tmpfs becomes the root; the host's goes. */
static int move_in(struct mounts *m)
{
    struct mount_attr sealed = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC |
                                             MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID };
    int err = host_fchdir(m->root);

    if (!err)
        err = host_pivot_root(".", ".");
    if (!err)
        err = host_umount2(".", MNT_DETACH);
    if (!err)
        err = host_mount_setattr(m->root, "", AT_EMPTY_PATH, &sealed);
    return err;
}

static int open_roots(struct mounts *m)
{
    for (uint32_t i = 0; i < m->jail->options->ntrees; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        m->jail->roots[i] = host_open(m->root, name, O_PATH | O_NOFOLLOW);
        if (m->jail->roots[i] < 0)
            return m->jail->roots[i];
    }
    return 0;
}

static int build(struct mounts *m)
{
    int err = take(m);

    if (err)
        return err;
    m->root = host_fsmount_new("tmpfs", "0555");
    if (m->root < 0)
        return m->root;
    /* Anywhere will do: nobody sees it but us, and pivot_root(2) moves it. */
    err = host_move_mount(m->root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
    for (uint32_t i = 0; i < m->jail->options->ntrees && !err; i++)
        err = place_tree(m, i);
    if (!err)
        err = hide_kernel(m);
    if (!err)
        err = move_in(m);
    if (!err)
        err = open_roots(m);
    if (!err)
        err = host_fchdir(m->proc_fd);
    return err;
}

int jail_mounts(struct jail *j)
{
    struct mounts m = { .jail = j, .root = -1, .proc_fd = -1 };

    for (size_t i = 0; i < ARRAY_LEN(m.trees); i++)
        m.trees[i] = -1;
    int err = build(&m);
    for (size_t i = 0; i < ARRAY_LEN(m.trees); i++)
        host_close(m.trees[i]);
    host_close(m.root);
    host_close(m.proc_fd);
    free(m.table);
    if (!err)
        j->gofer->fd_prefix = "";
    return err;
}
