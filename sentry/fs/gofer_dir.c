/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open directories. Positions are the host's cookies, but for those of the first two
 * entries, which are ours:
 *
 *   0 before "."    1 before ".."    2 at the host's start    else the host's cookie
 *
 * Some file systems count from small numbers; those of theirs that would be ours are
 * moved far up.
 */
#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/fs/gofer_priv.h"

enum { POS_DOT, POS_DOTDOT, POS_START };
#define POS_SMALL (UINT64_C(0x3ff1) << 48)

struct gofer_dir {
    struct file file;
    struct mutex lock;       /* RANK_FILE … held for the pointer only */
    struct gofer_list *list; /* [lock] the batch it stands in, or NULL */
};

static const struct slab_type gofer_dir_slab =
    SLAB_TYPE(gofer_dir, struct gofer_dir, .const_ptrs = { PTR_AT(struct gofer_dir, file.ops) });

static uint64_t pos_of(uint64_t cookie)
{
    return cookie <= POS_START ? POS_SMALL + cookie : cookie;
}

static uint64_t cookie_of(uint64_t pos)
{
    if (pos <= POS_START)
        return 0;
    return pos >= POS_SMALL && pos <= POS_SMALL + POS_START ? pos - POS_SMALL : pos;
}

static struct gofer_dir *of(struct file *f)
{
    return container_of(f, struct gofer_dir, file);
}

/* The first two, which the gofer leaves out. False: the buffer is full. */
static bool add_dots(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    struct gofer_inode *gi = gofer_inode_of(f->inode);
    struct gofer_sb *sb = gofer_sb_of(gi);

    if (*pos == POS_DOT) {
        if (!sink->add(sink, ".", 1, gi->inode.attr.ino, DT_DIR, POS_DOTDOT))
            return false;
        *pos = POS_DOTDOT;
    }
    if (*pos == POS_DOTDOT) {
        mutex_lock(&sb->lock);
        uint64_t up = gi->parent ? gi->parent->inode.attr.ino : gi->inode.attr.ino;
        mutex_unlock(&sb->lock);
        if (!sink->add(sink, "..", 2, up, DT_DIR, POS_START))
            return false;
        *pos = POS_START;
    }
    return true;
}

/* Where in a batch a position is: the entry behind it, or `count`; -1: not in this batch. */
static int64_t find_in(const struct gofer_list *l, uint64_t cookie)
{
    if (l->from == cookie)
        return 0;
    for (uint32_t i = 0; i < l->count; i++)
        if (l->entries[i].next == cookie)
            return i + 1;
    return -1;
}

/* The batch that a position is in, and where. Given. */
static int batch_at(struct file *f, uint64_t cookie, struct gofer_list **out, uint32_t *index)
{
    struct gofer_dir *d = of(f);

    mutex_lock(&d->lock);
    struct gofer_list *l = d->list ? gofer_list_get(d->list) : NULL;
    mutex_unlock(&d->lock);
    /* From the start on it is read anew: rewinddir(3). */
    int64_t at = l && cookie != 0 ? find_in(l, cookie) : -1;
    if (at < 0 || (at == l->count && !l->at_end)) {
        gofer_list_put(l);
        int err = gofer_list_read(gofer_inode_of(f->inode), cookie, &l);
        if (err)
            return err;
        at = 0;
        mutex_lock(&d->lock);
        struct gofer_list *old = d->list;
        d->list = gofer_list_get(l);
        mutex_unlock(&d->lock);
        gofer_list_put(old);
    }
    *out = l;
    *index = (uint32_t)at;
    return 0;
}

static bool add_entry(const struct gofer_sb *sb, const struct gofer_list *l,
                      const struct gofer_list_entry *e, struct dir_sink *sink)
{
    const struct gofer_attr *attr = gofer_list_attr(l, e);
    uint64_t dev = attr ? attr->dev : sb->root_dev;
    uint64_t ino = attr ? attr->ino : e->ino;

    return sink->add(sink, gofer_list_name(l, e), e->name_len, gofer_guest_ino(sb, dev, ino),
                     e->type, pos_of(e->next));
}

static int gofer_readdir_op(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    struct gofer_sb *sb = gofer_sb_of(gofer_inode_of(f->inode));

    if (!add_dots(f, sink, pos))
        return 0;
    for (;;) {
        scoped(gofer_list) struct gofer_list *l = NULL;
        uint32_t i;
        int err = batch_at(f, cookie_of(*pos), &l, &i);
        if (err)
            return err;
        for (; i < l->count; i++) {
            if (!add_entry(sb, l, &l->entries[i], sink))
                return 0;
            *pos = pos_of(l->entries[i].next);
        }
        if (l->at_end || l->count == 0)
            return 0;
    }
}

static int64_t gofer_dir_seek(struct file *f, int64_t off, int whence, uint64_t pos)
{
    (void)f;
    if (whence == SEEK_CUR && __builtin_add_overflow(off, (int64_t)pos, &off))
        return -EOVERFLOW;
    return (whence == SEEK_SET || whence == SEEK_CUR) && off >= 0 ? off : -EINVAL;
}

static int gofer_dir_fsync(struct file *f, bool data_only)
{
    struct gofer_inode *gi = gofer_inode_of(f->inode);
    gofer_handle_t h;

    return GOFER_RETRY(gi, h, gofer_fsync(gofer_client_of(gi), h, data_only));
}

static void gofer_dir_release(struct file *f)
{
    gofer_list_put(of(f)->list);
    file_destroy(f);
    slab_free(of(f));
}

static const struct file_ops gofer_dir_ops = {
    .name = "gofer-dir",
    .seek = gofer_dir_seek,
    .readdir = gofer_readdir_op,
    .fsync = gofer_dir_fsync,
    .release = gofer_dir_release,
};

int gofer_dir_open(struct gofer_inode *gi, const struct path *at, int flags,
                   const struct actor *who, struct file **out)
{
    struct gofer_dir *d = slab_alloc(who->arena, &gofer_dir_slab);

    if (!d)
        return -ENOMEM;
    mutex_init(&d->lock, RANK_INODE);
    file_init(&d->file, who->arena, &gofer_dir_ops, at, &gi->inode, flags, who->cred);
    *out = &d->file;
    return 0;
}
