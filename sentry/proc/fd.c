/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/fd and fdinfo: a name for each open descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "sentry/proc/tables.h"
#include "sentry/vfs/fdtable.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/vfs.h"

#define FDINFO_MAX 4096

static void put_files(struct fdtable *files, const struct proc_view *v)
{
    const struct actor nobody = { .arena = v->arena };

    fdtable_put(files, v->who ? v->who : &nobody);
}

/* The open file that the entry is about: given, or NULL. */
static struct file *file_of(struct proc_view *v, int fd, int *fd_flags)
{
    struct fdtable *files = task_files_get(v->task);

    if (!files)
        return NULL;
    struct file *f = fdtable_file(files, fd);
    if (f && fd_flags)
        *fd_flags = fdtable_get_flags(files, fd);
    put_files(files, v);
    return f;
}

static int follow_fd(struct proc_view *v, struct path *out)
{
    scoped(file) struct file *f = file_of(v, (int)v->arg, NULL);

    if (!f)
        return -ENOENT;
    if (!path_is_set(&f->path))
        return vfs_anon_path(f->inode, out);
    path_get(&f->path, out);
    return 0;
}

/* What has no name in the tree is shown by its kind. */
static int name_of_kind(const struct file *f, char *buf, size_t size)
{
    unsigned long ino = f->inode ? f->inode->attr.ino : 0;

    switch (f->inode ? inode_mode(f->inode) & S_IFMT : 0) {
    case S_IFIFO:
        return snprintf(buf, size, "pipe:[%lu]", ino);
    case S_IFSOCK:
        return snprintf(buf, size, "socket:[%lu]", ino);
    default:
        /* Linux writes this one without brackets. */
        return strcmp(f->ops->name, "inotify") == 0
                   ? snprintf(buf, size, "anon_inode:inotify")
                   : snprintf(buf, size, "anon_inode:[%s]", f->ops->name);
    }
}

static ssize_t read_fd(struct proc_view *v, char *buf, size_t size)
{
    scoped(file) struct file *f = file_of(v, (int)v->arg, NULL);
    char name[64];

    if (!f)
        return -ENOENT;
    if (path_is_set(&f->path))
        return proc_readlink_follow(v, buf, size, follow_fd);
    size_t n = min((size_t)name_of_kind(f, name, sizeof name), size);
    memcpy(buf, name, n);
    return (ssize_t)n;
}

static const struct proc_entry fd_link = {
    .name = "fd",
    .mode = S_IFLNK | 0777,
    .flags = PROC_PEEK,
    .readlink = read_fd,
    .follow = follow_fd,
};

static int show_info(struct proc_view *v, struct text *t)
{
    int fd_flags = 0;
    scoped(file) struct file *f = file_of(v, (int)v->arg, &fd_flags);
    char more[FDINFO_MAX] = "";

    if (!f)
        return -ENOENT;
    /* Not under its lock: we are called under that of the file through which we are read. */
    uint64_t pos = __atomic_load_n(&f->pos, __ATOMIC_RELAXED);
    unsigned flags = atomic_load(&f->flags) | (fd_flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    text_printf(t, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%lu\nino:\t%lu\n", (long)pos, flags,
                f->path.mnt ? mount_id(f->path.mnt) : 0, f->inode ? f->inode->attr.ino : 0);
    if (f->ops->fdinfo)
        f->ops->fdinfo(f, more, sizeof more);
    text_string(t, more);
    return 0;
}

static const struct proc_entry fdinfo_file = {
    .name = "fdinfo", .mode = S_IFREG | 0444, .flags = PROC_FENCED, .show = show_info
};

/* The link's mode says how the file is open. */
static uint32_t link_mode(const struct file *f)
{
    return S_IFLNK | (f->kind & FILE_READ ? 0500 : 0) | (f->kind & FILE_WRITE ? 0300 : 0);
}

static int lookup_as(struct proc_view *v, const char *name, const struct proc_entry *e,
                     struct proc_found *out)
{
    int64_t fd = proc_number(name);
    scoped(file) struct file *f = fd >= 0 ? file_of(v, (int)fd, NULL) : NULL;

    if (!f)
        return -ENOENT;
    out->entry = e;
    out->arg = (uint64_t)fd;
    out->mode = e == &fd_link ? link_mode(f) : 0;
    return 0;
}

static bool next_as(struct proc_view *v, uint64_t *key, char *name, const struct proc_entry *e,
                    struct proc_found *out)
{
    struct fdtable *files = *key <= INT32_MAX ? task_files_get(v->task) : NULL;

    if (!files)
        return false;
    int fd = fdtable_next(files, (int)*key);
    put_files(files, v);
    if (fd < 0)
        return false;
    *key = (uint64_t)fd;
    snprintf(name, 32, "%d", fd);
    *out = (struct proc_found){ .entry = e, .arg = (uint64_t)fd };
    return true;
}

static int lookup_fd(struct proc_view *v, const char *name, struct proc_found *out)
{
    return lookup_as(v, name, &fd_link, out);
}

static bool next_fd(struct proc_view *v, uint64_t *key, char *name, struct proc_found *out)
{
    return next_as(v, key, name, &fd_link, out);
}

static int lookup_info(struct proc_view *v, const char *name, struct proc_found *out)
{
    return lookup_as(v, name, &fdinfo_file, out);
}

static bool next_info(struct proc_view *v, uint64_t *key, char *name, struct proc_found *out)
{
    return next_as(v, key, name, &fdinfo_file, out);
}

const struct proc_names proc_pid_fds = { .lookup = lookup_fd, .next = next_fd };
const struct proc_names proc_pid_fdinfos = { .lookup = lookup_info, .next = next_info };
