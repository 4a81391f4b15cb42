/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files of /proc and /sys. A file's text is put together when it is read from
 * its start, and kept for the reads that go on from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/proc/node.h"
#include "sentry/proc/state.h"

#define WRITE_MAX PAGE_SIZE /* bytes that are taken at once */

/* [l] under lock */
struct proc_file {
    struct file file;
    struct mutex lock; /* RANK_INODE */
    struct text text;  /* [l] */
    bool made;         /* [l] */
};

static const struct slab_type proc_file_slab =
    SLAB_TYPE(proc_file, struct proc_file, .const_ptrs = { PTR_AT(struct proc_file, file.ops) });

static struct proc_file *of(struct file *f)
{
    return container_of(f, struct proc_file, file);
}

/* A look by whoever reads or writes now. */
struct look {
    struct proc_view view;
    struct actor who;
};

static int look_begin(struct look *l, struct file *f, const struct io *io)
{
    if (io->task)
        task_actor(io->task, &l->who);
    return proc_view_begin(&l->view, f->inode, io->task ? &l->who : NULL);
}

static int make(struct proc_file *pf, const struct io *io)
{
    const struct proc_entry *e = proc_node_of(pf->file.inode)->entry;
    struct text text, old;
    struct look l;

    int err = look_begin(&l, &pf->file, io);
    if (err)
        return err;
    text_init(&text, pf->file.arena);
    const char *set =
        e->flags & PROC_STRICT ? proc_setting(pf->file.arena, pf->file.inode->attr.ino) : NULL;
    if (set)
        text_string(&text, set);
    else if (e->text)
        text_string(&text, e->text);
    else
        err = e->show(&l.view, &text);
    proc_view_end(&l.view);
    if (!err && text.failed)
        err = -ENOMEM;
    mutex_lock(&pf->lock);
    old = pf->text;
    if (!err) {
        pf->text = text;
        pf->made = true;
    }
    mutex_unlock(&pf->lock);
    text_destroy(err ? &text : &old);
    return err;
}

static ssize_t proc_read(struct file *f, struct io *io, uint64_t *pos)
{
    const struct proc_entry *e = proc_node_of(f->inode)->entry;
    struct proc_file *pf = of(f);
    ssize_t n = 0;

    if (!e->show && !e->text)
        return -EINVAL;
    mutex_lock(&pf->lock);
    bool made = pf->made && *pos != 0;
    mutex_unlock(&pf->lock);
    int err = made ? 0 : make(pf, io);
    if (err)
        return err;
    mutex_lock(&pf->lock);
    if (*pos < pf->text.size)
        n = io_put(io, pf->text.bytes + *pos, min(io->left, pf->text.size - (size_t)*pos));
    mutex_unlock(&pf->lock);
    if (n > 0)
        *pos += (uint64_t)n;
    return n;
}

static ssize_t proc_write(struct file *f, struct io *io, uint64_t *pos)
{
    const struct proc_entry *e = proc_node_of(f->inode)->entry;
    size_t size = min(io->left, (size_t)WRITE_MAX);
    struct look l;

    if (!e->write)
        return -EIO;
    char *s = arena_alloc(f->arena, size + 1);
    if (!s)
        return -ENOMEM;
    ssize_t n = io_take(io, s, size);
    if (n < 0)
        goto out;
    s[n] = '\0';
    int err = look_begin(&l, f, io);
    if (err) {
        n = err;
        goto out;
    }
    n = e->flags & PROC_OWN && (!l.view.viewer || l.view.viewer->group != l.view.task->group)
            ? -EPERM
            : e->write(&l.view, s, (size_t)n);
    proc_view_end(&l.view);
    if (n > 0)
        *pos += (uint64_t)n;
out:
    arena_free(s);
    return n;
}

static ssize_t raw_read(struct file *f, struct io *io, uint64_t *pos)
{
    const struct proc_entry *e = proc_node_of(f->inode)->entry;
    struct look l;
    int err = e->read ? look_begin(&l, f, io) : -EINVAL;

    if (err)
        return err;
    ssize_t n = e->read(&l.view, io, pos);
    proc_view_end(&l.view);
    return n;
}

static ssize_t raw_write(struct file *f, struct io *io, uint64_t *pos)
{
    const struct proc_entry *e = proc_node_of(f->inode)->entry;
    struct look l;
    int err = e->put ? look_begin(&l, f, io) : -EIO;

    if (err)
        return err;
    ssize_t n = e->put(&l.view, io, pos);
    proc_view_end(&l.view);
    return n;
}

/* The size of what is made anew at each read is not known: only the start can be found again. */
static int64_t proc_seek(struct file *f, int64_t off, int whence, uint64_t pos)
{
    (void)f;
    if (whence == SEEK_END)
        return -EINVAL;
    return file_seek_generic(off, whence, pos, 0, INT64_MAX);
}

static void proc_file_release(struct file *f)
{
    struct proc_file *pf = of(f);

    text_destroy(&pf->text);
    file_destroy(f);
    slab_free(pf);
}

static const struct file_ops proc_file_ops = {
    .name = "proc",
    .read = proc_read,
    .write = proc_write,
    .seek = proc_seek,
    .release = proc_file_release,
};

static const struct file_ops proc_raw_ops = {
    .name = "proc",
    .read = raw_read,
    .write = raw_write,
    .seek = proc_seek,
    .release = proc_file_release,
};

static int create(struct inode *i, const struct path *at, int flags, const struct actor *who,
                  struct file **out)
{
    bool raw = proc_node_of(i)->entry->flags & PROC_RAW;
    struct proc_file *pf = slab_alloc(who->arena, &proc_file_slab);

    if (!pf)
        return -ENOMEM;
    mutex_init(&pf->lock, RANK_INODE);
    file_init(&pf->file, who->arena, raw ? &proc_raw_ops : &proc_file_ops, at, i, flags, who->cred);
    *out = &pf->file;
    return 0;
}

int proc_file_open(struct inode *i, const struct path *at, int flags, const struct actor *who,
                   struct file **out)
{
    const struct proc_entry *e = proc_node_of(i)->entry;
    struct proc_view v;

    int err = proc_view_begin(&v, i, who);
    if (err)
        return err;
    err = proc_check_peek(&v, e);
    if (!err)
        err = e->open ? e->open(&v, i, at, flags, out) : create(i, at, flags, who, out);
    proc_view_end(&v);
    return err;
}
