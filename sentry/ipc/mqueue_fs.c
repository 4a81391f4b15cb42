/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mqueue file system: one directory, and in it a file for each queue.
 *
 * A queue has one name for life, or none any more: there are no links and no renames. The
 * directory holds a reference of each queue in it.
 *
 *   source    mq_overview(7); ipc/mqueue.c, Linux 6.6: mqueue_get_inode(), mqueue_create_attr()
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "sentry/core/user.h"
#include "sentry/ipc/mqueue_priv.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/readdir.h"

#define MQUEUE_MAGIC  0x19800202u /* ipc/mqueue.c */
#define FILE_SIZE     80          /* of every queue, in bytes, as stat(2) says */
#define DIRENT_SIZE   20          /* what a queue adds to the directory's size */
#define FIRST_POS     2           /* behind "." and ".." */
#define MSG_OVERHEAD  48 /* of RLIMIT_MSGQUEUE: struct msg_msg of Linux, for each message, */
#define PRIO_OVERHEAD 48 /* and struct posix_msg_tree_node, for each priority */

/* clang-format off */
static const struct {
    uint32_t start, lowest, highest;
} ranges[MQUEUE_LIMITS] = {
    [MQUEUE_QUEUES_MAX]      = { 256,  0,   INT32_MAX },
    [MQUEUE_MSG_MAX]         = { 10,   1,   65536     },
    [MQUEUE_MSGSIZE_MAX]     = { 8192, 128, 16 << 20  },
    [MQUEUE_MSG_DEFAULT]     = { 10,   1,   65536     },
    [MQUEUE_MSGSIZE_DEFAULT] = { 8192, 128, 16 << 20  },
};
/* clang-format on */

static const struct inode_ops mqueue_inode_ops, mqueue_dir_ops;
static const struct superblock_ops mqueue_sb_ops;

static const struct slab_type mqueue_fs_slab =
    SLAB_TYPE(mqueue_fs, struct mqueue_fs,
              .const_ptrs = { PTR_AT(struct mqueue_fs, sb.ops), PTR_AT(struct mqueue_fs, sb.type),
                              PTR_AT(struct mqueue_fs, root.ops) });
static const struct slab_type mqueue_slab =
    SLAB_TYPE(mqueue, struct mqueue, .const_ptrs = { PTR_AT(struct mqueue, inode.ops) });

void mqueue_limit_range(enum mqueue_limit which, uint32_t *lowest, uint32_t *highest)
{
    *lowest = ranges[which].lowest;
    *highest = ranges[which].highest;
}

/* ---- the directory ---- */

static struct mqueue *find_locked(struct mqueue_fs *fs, const char *name) HOLDS(fs->names);
static struct mqueue *find_locked(struct mqueue_fs *fs, const char *name)
{
    struct rb_node *n = fs->by_name.node;

    while (n) {
        struct mqueue *q = rb_entry(n, struct mqueue, by_name);
        int order = strcmp(name, q->name);
        if (order == 0)
            return q;
        n = order < 0 ? n->left : n->right;
    }
    return NULL;
}

static bool name_is_less(const struct rb_node *a, const struct rb_node *b)
{
    return strcmp(rb_entry(a, struct mqueue, by_name)->name,
                  rb_entry(b, struct mqueue, by_name)->name) < 0;
}

static bool pos_is_less(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, struct mqueue, by_pos)->pos < rb_entry(b, struct mqueue, by_pos)->pos;
}

/* The directory got (1) or lost (-1) a queue. */
static void dir_changed(struct inode *dir, int by)
{
    struct timespec now = inode_now(dir);

    mutex_lock(&dir->lock);
    dir->attr.size += (uint64_t)(int64_t)(by * DIRENT_SIZE);
    dir->attr.atime = dir->attr.mtime = dir->attr.ctime = now;
    mutex_unlock(&dir->lock);
}

static int insert(struct mqueue_fs *fs, struct mqueue *q)
{
    mutex_lock(&fs->names);
    int err = find_locked(fs, q->name) ? -EEXIST : 0;
    if (!err) {
        q->pos = ++fs->last_pos;
        rb_insert(&fs->by_name, &q->by_name, name_is_less);
        rb_insert(&fs->by_pos, &q->by_pos, pos_is_less);
        inode_get(&q->inode);
    }
    mutex_unlock(&fs->names);
    if (!err)
        dir_changed(&fs->root, 1);
    return err;
}

static void remove_locked(struct mqueue_fs *fs, struct mqueue *q) HOLDS(fs->names);
static void remove_locked(struct mqueue_fs *fs, struct mqueue *q)
{
    rb_erase(&fs->by_name, &q->by_name);
    rb_erase(&fs->by_pos, &q->by_pos);
}

static int mqueue_lookup(struct inode *dir, const char *name, const struct actor *who,
                         struct inode **out)
{
    struct mqueue_fs *fs = mqueue_fs_of(dir);

    (void)who;
    mutex_lock(&fs->names);
    struct mqueue *q = find_locked(fs, name);
    if (q)
        *out = inode_get(&q->inode);
    mutex_unlock(&fs->names);
    return q ? 0 : -ENOENT;
}

static int mqueue_remove(struct inode *dir, const char *name, struct inode *victim)
{
    struct mqueue_fs *fs = mqueue_fs_of(dir);

    mutex_lock(&fs->names);
    struct mqueue *q = find_locked(fs, name);
    if (q && &q->inode == victim)
        remove_locked(fs, q);
    else
        q = NULL;
    mutex_unlock(&fs->names);
    if (!q)
        return -ENOENT;
    dir_changed(dir, -1);
    mutex_lock(&victim->lock);
    victim->attr.nlink = 0;
    mutex_unlock(&victim->lock);
    inode_put(victim); /* the directory's */
    return 0;
}

/* The first queue whose position is behind `pos`. */
static struct mqueue *after_locked(struct mqueue_fs *fs, uint64_t pos) HOLDS(fs->names);
static struct mqueue *after_locked(struct mqueue_fs *fs, uint64_t pos)
{
    struct rb_node *n = fs->by_pos.node, *best = NULL;

    while (n) {
        if (rb_entry(n, struct mqueue, by_pos)->pos > pos) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return rb_entry_or_null(best, struct mqueue, by_pos);
}

static int mqueue_readdir(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    struct mqueue_fs *fs = mqueue_fs_of(f->inode);

    if (!dir_emit_dots(f, sink, pos))
        return 0;
    mutex_lock(&fs->names);
    struct mqueue *q = after_locked(fs, *pos);
    while (q && dir_emit(sink, q->name, strlen(q->name), q->inode.attr.ino, DT_REG, q->pos, pos))
        q = rb_entry_or_null(rb_next(&q->by_pos), struct mqueue, by_pos);
    mutex_unlock(&fs->names);
    return 0;
}

static const struct file_ops mqueue_dir_file_ops = {
    .name = "mqueue directory",
    .readdir = mqueue_readdir,
    .release = file_release,
};

static int mqueue_open_dir(struct inode *i, const struct path *at, int flags,
                           const struct actor *who, struct file **out)
{
    return file_create(at, i, &mqueue_dir_file_ops, flags, who, out);
}

/* ---- a new queue ---- */

static uint32_t limit_of(struct mqueue_fs *fs, enum mqueue_limit which)
{
    return atomic_load_explicit(&fs->limits.of[which], memory_order_relaxed);
}

struct room {
    int64_t maxmsg, msgsize;
};

/* How much is to fit into it. Errors: EINVAL. */
static int decide_room(struct mqueue_fs *fs, const struct abi_mq_attr *attr,
                       const struct actor *who, struct room *out)
{
    bool free = cred_root_capable(who->cred, CAP_SYS_RESOURCE);
    int64_t most = free ? ranges[MQUEUE_MSG_MAX].highest : limit_of(fs, MQUEUE_MSG_MAX);
    int64_t largest = free ? ranges[MQUEUE_MSGSIZE_MAX].highest : limit_of(fs, MQUEUE_MSGSIZE_MAX);

    if (attr)
        *out = (struct room){ attr->maxmsg, attr->msgsize };
    else
        *out = (struct room){
            min(limit_of(fs, MQUEUE_MSG_MAX), limit_of(fs, MQUEUE_MSG_DEFAULT)),
            min(limit_of(fs, MQUEUE_MSGSIZE_MAX), limit_of(fs, MQUEUE_MSGSIZE_DEFAULT)),
        };
    return out->maxmsg <= 0 || out->msgsize <= 0 || out->maxmsg > most || out->msgsize > largest
               ? -EINVAL
               : 0;
}

/* As getrlimit(2) has it: what the queue could hold, and what holds it. */
static int charge(struct mqueue *q, const struct room *room, const struct actor *who)
{
    uint64_t limit = who->limits ? limit_soft(who->limits, RLIMIT_MSGQUEUE) : LIMIT_INFINITY;
    uint64_t bytes = (uint64_t)room->maxmsg * (uint64_t)(room->msgsize + MSG_OVERHEAD) +
                     min((uint64_t)room->maxmsg, (uint64_t)ABI_MQ_PRIO_MAX) * PRIO_OVERHEAD;
    int err = user_charge_by(who->arena, who->cred->ruid, USER_MSGQUEUE, bytes, limit);

    if (err)
        return err == -EAGAIN ? -EMFILE : err;
    q->charged_uid = who->cred->ruid;
    q->charged = bytes;
    return 0;
}

static int take_queue(struct mqueue_fs *fs, const struct actor *who)
{
    uint32_t was = atomic_fetch_add(&fs->queues, 1);

    if (was < limit_of(fs, MQUEUE_QUEUES_MAX) || cred_root_capable(who->cred, CAP_SYS_RESOURCE))
        return 0;
    atomic_fetch_sub(&fs->queues, 1);
    return -ENOSPC;
}

/* Counted among fs->queues already: its release takes it off. */
static struct mqueue *queue_alloc(struct mqueue_fs *fs, const char *name, uint32_t mode,
                                  const struct room *room, const struct actor *who)
{
    struct mqueue *q = slab_alloc(fs->sb.arena, &mqueue_slab);

    if (!q) {
        atomic_fetch_sub(&fs->queues, 1);
        return NULL;
    }
    inode_init(&q->inode, &fs->sb, &mqueue_inode_ops, atomic_fetch_add(&fs->next_ino, 1) + 1,
               S_IFREG | (mode & 07777), who->cred->fsuid, who->cred->fsgid);
    q->inode.attr.size = FILE_SIZE;
    mqueue_init(q, (uint64_t)room->maxmsg, (uint64_t)room->msgsize);
    q->name = arena_strndup(fs->sb.arena, name, strlen(name));
    return q;
}

int mqueue_fs_make(struct inode *dir, const char *name, uint32_t mode,
                   const struct abi_mq_attr *attr, const struct actor *who, struct inode **out)
{
    struct mqueue_fs *fs = mqueue_fs_of(dir);
    struct room room;

    if (atomic_load(&fs->closed))
        return -EACCES;
    int err = take_queue(fs, who);
    if (err)
        return err;
    err = decide_room(fs, attr, who, &room);
    if (err) {
        atomic_fetch_sub(&fs->queues, 1);
        return err;
    }
    struct mqueue *q = queue_alloc(fs, name, mode, &room, who);
    if (!q)
        return -ENOMEM;
    err = q->name ? charge(q, &room, who) : -ENOMEM;
    if (!err)
        err = insert(fs, q);
    if (err)
        inode_put(&q->inode);
    else
        *out = &q->inode;
    return err;
}

static int mqueue_create(struct inode *dir, const char *name, uint32_t mode,
                         const struct actor *who, struct inode **out)
{
    return mqueue_fs_make(dir, name, mode, NULL, who, out);
}

static int mqueue_setattr(struct inode *i, const struct attr_change *c, const struct actor *who)
{
    (void)who;
    /* As simple_setattr(): a size that means nothing. */
    if (c->which & ATTR_SIZE) {
        mutex_lock(&i->lock);
        i->attr.size = c->size;
        mutex_unlock(&i->lock);
    }
    inode_setattr_generic(i, c);
    return 0;
}

static void mqueue_release(struct inode *i)
{
    struct mqueue_fs *fs = mqueue_fs_of(i);
    struct mqueue *q = mqueue_of(i);

    mqueue_destroy(q);
    if (q->charged)
        user_uncharge_by(fs->sb.arena, q->charged_uid, USER_MSGQUEUE, q->charged);
    atomic_fetch_sub(&fs->queues, 1);
    arena_free(q->name);
    inode_destroy(i);
    slab_free(q);
}

static const struct inode_ops mqueue_inode_ops = {
    .setattr = mqueue_setattr,
    .open = mqueue_open_file,
    .release = mqueue_release,
};

/* ---- the file system ---- */

/* The root has gone: nobody can find the queues any more. */
static void mqueue_root_release(struct inode *i)
{
    struct mqueue_fs *fs = mqueue_fs_of(i);
    struct rb_node *n;

    while ((n = fs->by_pos.node)) {
        struct mqueue *q = rb_entry(n, struct mqueue, by_pos);
        mutex_lock(&fs->names);
        remove_locked(fs, q);
        mutex_unlock(&fs->names);
        inode_put(&q->inode);
    }
    inode_destroy(i);
}

static const struct inode_ops mqueue_dir_ops = {
    .lookup = mqueue_lookup,
    .create = mqueue_create,
    .unlink = mqueue_remove,
    .setattr = mqueue_setattr,
    .open = mqueue_open_dir,
    .release = mqueue_root_release,
};

static int mqueue_statfs(struct superblock *sb, struct statfs *out)
{
    (void)sb;
    out->f_bsize = PAGE_SIZE;
    out->f_namelen = 255;
    return 0;
}

static void mqueue_sb_release(struct superblock *sb)
{
    slab_free(container_of(sb, struct mqueue_fs, sb));
}

static const struct superblock_ops mqueue_sb_ops = {
    .statfs = mqueue_statfs,
    .release = mqueue_sb_release,
};

int mqueue_fs_create(struct arena *a, struct dentry **out)
{
    struct mqueue_fs *fs = slab_alloc(a, &mqueue_fs_slab);

    if (!fs)
        return -ENOMEM;
    superblock_init(&fs->sb, a, &mqueue_sb_ops, "mqueue", MQUEUE_MAGIC, SB_CACHE);
    mutex_init(&fs->names, RANK_DENTRY);
    for (int i = 0; i < MQUEUE_LIMITS; i++)
        atomic_init(&fs->limits.of[i], ranges[i].start);
    fs->last_pos = FIRST_POS;
    atomic_init(&fs->next_ino, 1);
    inode_init(&fs->root, &fs->sb, &mqueue_dir_ops, 1, S_IFDIR | 01777, 0, 0);
    fs->root.attr.nlink = 2;
    fs->root.attr.size = 2 * DIRENT_SIZE;
    int err = dentry_create_root(&fs->root, out);
    superblock_put(&fs->sb); /* the root's inode has one of its own */
    return err;
}
