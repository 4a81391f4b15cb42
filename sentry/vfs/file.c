/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: the common part of their lives. */
#include "sentry/vfs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/filelock.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

/* What open(2) acts on once, and F_GETFL does not show. */
#define OPEN_ONLY (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

static const struct slab_type file_slab =
    SLAB_TYPE(file, struct file, .const_ptrs = { PTR_AT(struct file, ops) });

void file_init(struct file *f, struct arena *a, const struct file_ops *ops, const struct path *at,
               struct inode *inode, int flags, const struct cred *cred)
{
    int mode = flags & O_ACCMODE;

    ref_init(&f->ref);
    f->ops = ops;
    f->arena = a;
    if (at)
        path_get(at, &f->path);
    f->inode = inode ? inode_get(inode) : NULL;
    if (flags & O_PATH)
        f->kind |= FILE_PATH;
    else if (mode == O_RDONLY || mode == O_RDWR)
        f->kind |= FILE_READ;
    if (!(flags & O_PATH) && (mode == O_WRONLY || mode == O_RDWR))
        f->kind |= FILE_WRITE;
    atomic_init(&f->flags, (uint32_t)(flags & ~OPEN_ONLY));
    waitq_init(&f->waitq);
    list_init(&f->watches);
    mutex_init(&f->watch_lock, RANK_WATCH);
    f->cred = cred_get(cred);
}

void file_destroy(struct file *f)
{
    waitq_destroy(&f->waitq);
    if (f->kind & FILE_WRITER)
        inode_put_write(f->inode);
    inode_put(f->inode);
    path_put(&f->path);
    cred_put((struct cred *)f->cred);
}

struct file *file_get(struct file *f)
{
    ref_get(&f->ref);
    return f;
}

static void tell_watches(struct file *f)
{
    mutex_lock(&f->watch_lock);
    while (!list_empty(&f->watches)) {
        struct file_watch *w = list_first(&f->watches, struct file_watch, node);
        w->ops->gone(w);
    }
    mutex_unlock(&f->watch_lock);
}

/* What others have of a file that nobody can reach any more. */
static void leave_others(struct file *f)
{
    if (unlikely(!list_empty(&f->watches)))
        tell_watches(f);
    if (f->inode)
        file_locks_drop_file(f);
    if (f->path.dentry && !(f->kind & FILE_PATH))
        vfs_event(f->path.dentry, f->kind & FILE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
}

void file_put(struct file *f)
{
    if (!f || !ref_put(&f->ref))
        return;
    leave_others(f);
    f->ops->release(f);
}

unsigned file_poll(struct file *f)
{
    return f->ops->poll ? f->ops->poll(f) : POLL_ALWAYS;
}

unsigned file_poll_for(struct file *f, struct task *t)
{
    return f->ops->poll_for && t ? f->ops->poll_for(f, t) : file_poll(f);
}

struct waitq *file_waitq_for(struct file *f, struct task *t)
{
    return f->ops->waitq_for && t ? f->ops->waitq_for(f, t) : &f->waitq;
}

int64_t file_seek_generic(int64_t off, int whence, uint64_t pos, uint64_t size, uint64_t max)
{
    int64_t base = 0, to;

    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = (int64_t)pos;
        break;
    case SEEK_END:
        base = (int64_t)size;
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        if (off < 0 || (uint64_t)off >= size)
            return -ENXIO;
        return whence == SEEK_DATA ? off : (int64_t)size;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, off, &to))
        return -EOVERFLOW;
    return to < 0 || (uint64_t)to > max ? -EINVAL : to;
}

/* relatime: only where it is not already later than the last change, or a day old. */
static bool atime_is_old(const struct attr *a, const struct timespec *now)
{
    nsec_t at = nsec_make(a->atime.tv_sec, a->atime.tv_nsec);

    return at <= nsec_make(a->mtime.tv_sec, a->mtime.tv_nsec) ||
           at <= nsec_make(a->ctime.tv_sec, a->ctime.tv_nsec) ||
           now->tv_sec - a->atime.tv_sec >= 24 * 60 * 60;
}

void inode_accessed(struct inode *i, const struct mount *m)
{
    unsigned long flags = m ? mount_flags(m) : 0;

    if (superblock_flags(i->sb) & (SB_NOATIME | SB_RDONLY) || flags & (MS_NOATIME | MS_RDONLY))
        return;
    if (flags & MS_NODIRATIME && inode_is(i, S_IFDIR))
        return;
    struct timespec now = inode_now(i);
    mutex_lock(&i->lock);
    if (flags & MS_STRICTATIME || atime_is_old(&i->attr, &now))
        i->attr.atime = now;
    mutex_unlock(&i->lock);
}

void file_accessed(struct file *f)
{
    if (f->inode && !(atomic_load_explicit(&f->flags, memory_order_relaxed) & O_NOATIME))
        inode_accessed(f->inode, f->path.mnt);
}

void file_release(struct file *f)
{
    file_destroy(f);
    slab_free(f);
}

int64_t file_seek_nowhere(struct file *f, int64_t off, int whence, uint64_t pos)
{
    (void)f, (void)off, (void)whence;
    return (int64_t)pos;
}

static const struct file_ops path_file_ops = { .name = "path", .release = file_release };

int file_create(const struct path *at, struct inode *inode, const struct file_ops *ops, int flags,
                const struct actor *who, struct file **out)
{
    struct file *f = slab_alloc(who->arena, &file_slab);

    if (!f)
        return -ENOMEM;
    file_init(f, who->arena, ops ? ops : &path_file_ops, at, inode, flags, who->cred);
    *out = f;
    return 0;
}
