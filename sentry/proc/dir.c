/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of /proc and /sys. Positions: 0 and 1 are the dots, then come the
 * entries of the table, and from NAMES_AT on those names that are counted, each at
 * its key.
 */
#include <errno.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/proc/node.h"
#include "sentry/proc/proc.h"
#include "sentry/proc/tables.h"
#include "sentry/vfs/readdir.h"

#define TABLE_AT 2u
#define NAMES_AT 256u

static const struct slab_type proc_dir_slab =
    SLAB_TYPE(proc_dir, struct file, .const_ptrs = { PTR_AT(struct file, ops) });

/* The table's part. Returns false where the caller's buffer is full. */
static bool emit_table(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    const struct proc_entry *dir = proc_node_of(f->inode)->entry;
    uint64_t at = TABLE_AT;

    for (const struct proc_entry *e = dir->children; e && e->name; e++, at++) {
        if (at >= *pos &&
            !dir_emit(sink, e->name, strlen(e->name), proc_ino(f->inode->attr.ino, e->name),
                      dtype_of_mode(e->mode), at + 1, pos))
            return false;
    }
    *pos = max(*pos, (uint64_t)NAMES_AT);
    return true;
}

static void emit_names(struct file *f, struct proc_view *v, struct dir_sink *sink, uint64_t *pos)
{
    const struct proc_names *names = proc_node_of(f->inode)->entry->names;
    uint64_t key = *pos - NAMES_AT;
    struct proc_found found;
    char name[32];

    for (; names->next(v, &key, name, &found); key++) {
        uint32_t mode = found.mode ? found.mode : found.entry->mode;
        pid_put(found.pid);
        if (!dir_emit(sink, name, strlen(name), proc_ino(f->inode->attr.ino, name),
                      dtype_of_mode(mode), NAMES_AT + key + 1, pos))
            return;
    }
}

static int dir_readdir(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    const struct actor who = { .arena = f->arena, .cred = f->cred };
    struct proc_view v;

    int err = proc_view_begin(&v, f->inode, &who);
    if (err)
        return -ENOENT;
    if (dir_emit_dots(f, sink, pos) && emit_table(f, sink, pos) &&
        proc_node_of(f->inode)->entry->names)
        emit_names(f, &v, sink, pos);
    proc_view_end(&v);
    return 0;
}

static void dir_release(struct file *f)
{
    file_destroy(f);
    slab_free(f);
}

static const struct file_ops dir_file_ops = {
    .name = "proc",
    .readdir = dir_readdir,
    .release = dir_release,
};

int proc_dir_open(struct inode *i, const struct path *at, int flags, const struct actor *who,
                  struct file **out)
{
    struct proc_view v;
    int err = proc_view_begin(&v, i, who);

    if (err)
        return err;
    err = proc_check_peek(&v, proc_node_of(i)->entry);
    proc_view_end(&v);
    struct file *f = err ? NULL : slab_alloc(who->arena, &proc_dir_slab);
    if (!f)
        return err ? err : -ENOMEM;
    file_init(f, who->arena, &dir_file_ops, at, i, flags, who->cred);
    *out = f;
    return 0;
}

struct pid *proc_dir_pid(const struct file *f)
{
    const struct proc_node *n = f->ops == &dir_file_ops ? proc_node_of(f->inode) : NULL;

    return n && n->entry == &proc_pid_dir ? n->pid : NULL;
}
