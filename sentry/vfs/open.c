/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open(2): finding, creating, checking, opening. Errors come in the order in
 * which Linux finds them.
 *
 *   source    open(2), openat2(2); fs/namei.c, Linux 6.12: open_last_lookups(), do_open()
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/name.h"
#include "sentry/vfs/perm.h"
#include "sentry/vfs/vfs_priv.h"
#include "sentry/vfs/walk_priv.h"

static bool is_tmpfile(int flags)
{
    return (flags & O_TMPFILE) == O_TMPFILE;
}

/* What the access mode asks of the inode. Mode 3 is for ioctls: it needs both, and gets neither. */
static unsigned may_of(int flags)
{
    static const unsigned may[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
                                    MAY_READ | MAY_WRITE };

    return may[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static bool is_special(const struct inode *i)
{
    uint32_t type = inode_mode(i) & S_IFMT;

    return type != S_IFREG && type != S_IFDIR && type != S_IFLNK;
}

/* May this inode be opened so? Errors: ELOOP, EISDIR, EACCES, EROFS, EPERM. */
static int check_open(const struct actor *who, const struct path *at, int flags)
{
    struct inode *i = dentry_inode(at->dentry);
    unsigned may = may_of(flags);

    switch (inode_mode(i) & S_IFMT) {
    case S_IFLNK:
        return -ELOOP;
    case S_IFDIR:
        if (may & MAY_WRITE)
            return -EISDIR;
        break;
    case S_IFCHR:
    case S_IFBLK:
        if (mount_flags(at->mnt) & MS_NODEV)
            return -EACCES;
        break;
    }
    int err = inode_permission(i, may, who);
    if (err)
        return err;
    if (flags & O_NOATIME && !inode_owner_or_capable(i, who->cred))
        return -EPERM;
    return 0;
}

static int open_special(struct inode *i, const struct path *at, int flags, const struct actor *who,
                        struct file **out)
{
    const struct special_opens *s = vfs_of(who->arena)->special;

    if (superblock_flags(i->sb) & SB_OPENS_SPECIAL)
        return i->ops->open ? i->ops->open(i, at, flags, who, out) : -ENXIO;
    switch (inode_mode(i) & S_IFMT) {
    case S_IFCHR:
        return s && s->chr ? s->chr(i, at, flags, who, out) : -ENXIO;
    case S_IFBLK:
        return s && s->blk ? s->blk(i, at, flags, who, out) : -ENXIO;
    case S_IFIFO:
        return s && s->fifo ? s->fifo(i, at, flags, who, out) : -ENXIO;
    }
    return -ENXIO;
}

/* A regular file or directory, counted among the writers where it is one. */
static int open_plain(struct inode *i, const struct path *at, int flags, const struct actor *who,
                      struct file **out)
{
    bool writes = (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;

    if (writes) {
        int err = inode_get_write(i);
        if (!err && mount_want_write(at->mnt)) {
            inode_put_write(i);
            err = -EROFS;
        }
        if (err)
            return err;
    }
    int err = i->ops->open ? i->ops->open(i, at, flags, who, out) : -ENXIO;
    if (writes) {
        if (err)
            inode_put_write(i);
        else
            (*out)->kind |= FILE_WRITER;
    }
    return err;
}

static int open_inode(const struct actor *who, const struct path *at, int flags, struct file **out)
{
    struct inode *i = dentry_inode(at->dentry);

    if (flags & O_PATH)
        return file_create(at, i, NULL, flags, who, out);
    if (unlikely(is_special(i)))
        return open_special(i, at, flags, who, out);
    return open_plain(i, at, flags, who, out);
}

/* O_TRUNC. A writer for that moment, also where it is opened to be read. */
static int truncate_found(const struct actor *who, struct inode *i)
{
    int err = inode_get_write(i);

    if (!err) {
        err = vfs_resize(who, i, 0);
        inode_put_write(i);
    }
    return err;
}

/* Opens what was found; `created` files need no permission of their own. */
static int open_found(const struct actor *who, const struct path *at, int flags, bool created,
                      struct file **out)
{
    struct inode *i = dentry_inode(at->dentry);
    bool truncate = flags & O_TRUNC && !created && inode_is(i, S_IFREG) && !(flags & O_PATH);
    struct file *f;

    if (!created && !(flags & O_PATH)) {
        int err = truncate ? mount_want_write(at->mnt) : 0;
        if (!err)
            err = check_open(who, at, flags);
        if (err)
            return err;
    }
    int err = open_inode(who, at, flags, &f);
    if (err)
        return err;
    if (truncate) {
        err = truncate_found(who, i);
        if (err) {
            file_put(f);
            return err;
        }
    }
    if (!(flags & O_PATH))
        vfs_event(at->dentry, IN_OPEN);
    *out = f;
    return 0;
}

int vfs_open_path(const struct actor *who, const struct path *at, int flags, struct file **out)
{
    if (flags & O_DIRECTORY && !inode_is(dentry_inode(at->dentry), S_IFDIR))
        return -ENOTDIR;
    return open_found(who, at, flags, false, out);
}

static int open_tmpfile(const struct actor *who, const struct path *dir,
                        const struct open_how_k *how, struct file **out)
{
    struct inode *parent = dentry_inode(dir->dentry), *i;
    struct path at = { .mnt = dir->mnt };

    if (mount_want_write(dir->mnt))
        return -EROFS;
    int err = perm_may_create(parent, who);
    if (err)
        return err;
    if (!parent->ops->tmpfile)
        return -EOPNOTSUPP;
    uint32_t mode = name_mode(who, how->mode, S_IFREG);
    err = parent->ops->tmpfile(parent, mode, who, &i);
    if (err)
        return err;
    char name[32];
    int n = snprintf(name, sizeof name, "#%lu", (unsigned long)i->attr.ino);
    at.dentry = dentry_new(dir->dentry, i->sb, name, (size_t)n, i);
    if (at.dentry)
        dentry_forget(at.dentry, true);
    if (!(how->flags & O_EXCL))
        atomic_fetch_or_explicit(&i->state, INODE_LINKABLE, memory_order_relaxed);
    inode_put(i);
    if (!at.dentry)
        return -ENOMEM;
    err = open_found(who, &at, how->flags & ~(O_TRUNC | O_DIRECTORY), true, out);
    dentry_put(at.dentry);
    return err;
}

/* Makes `name` in w->at. -EEXIST where somebody was faster, and *d (given) is what there is now. */
static int create_last(struct walk *w, const char *name, uint32_t mode, struct dentry **d)
{
    struct name_new what = { .mode = name_mode(w->who, mode, S_IFREG) };
    int err = mount_want_write(w->at.mnt);

    if (!err)
        err = perm_may_create(dentry_inode(w->at.dentry), w->who);
    if (!err)
        err = name_claim(w->at.dentry, name, w->who, d);
    if (err)
        return err;
    err = dentry_inode(*d) ? -EEXIST : name_make(w->who, w->at.dentry, *d, &what);
    name_unclaim(*d);
    return err;
}

/*
 * The last component of a path with O_CREAT. `*d`, given, is what stands there then.
 *
 *   created   set where it was made here
 */
static int find_or_create(struct walk *w, uint32_t mode, struct dentry **d, bool *created)
{
    char name[256];

    *created = false;
    for (;;) {
        int err = walk_last_name(w, d);
        if (err || dentry_inode(*d))
            return err;
        dentry_put(keep(*d));
        memcpy(name, w->last, w->last_len);
        name[w->last_len] = '\0';
        err = create_last(w, name, mode, d);
        *created = !err;
        if (!err || (err == -EEXIST && dentry_inode(*d)))
            return 0;
        dentry_put(keep(*d));
        if (err != -EEXIST)
            return err; /* else the file system knows better than our cache: look again */
    }
}

/* The last component. Returns 1 where it was a link that leads on; then walk_to_last() goes on. */
static int open_last(struct walk *w, const struct open_how_k *how, bool *created)
{
    int flags = how->flags;
    struct dentry *d = NULL;

    if (w->kind != LAST_NAME) {
        int err = walk_last_dot(w);
        return err ? err : flags & O_CREAT && !w->jumped ? -EISDIR : 0;
    }
    if (w->slash) {
        if (flags & O_CREAT)
            return -EISDIR;
        w->flags |= WALK_FOLLOW | WALK_DIRECTORY;
    }
    int err = flags & O_CREAT ? find_or_create(w, how->mode, &d, created) : walk_last_name(w, &d);
    if (err)
        return err;
    if (!dentry_inode(d)) {
        dentry_put(d);
        return -ENOENT;
    }
    if (flags & O_CREAT && flags & O_EXCL && !*created) {
        dentry_put(d);
        return -EEXIST;
    }
    if (inode_is(dentry_inode(d), S_IFLNK) && w->flags & WALK_FOLLOW) {
        struct path dir;
        path_get(&w->at, &dir);
        err = walk_enter(w, d);
        if (err) {
            path_put(&dir);
            return err;
        }
        return walk_link(w, &dir);
    }
    return walk_enter(w, d);
}

static int open_walk(struct walk *w, const struct open_how_k *how, struct file **out)
{
    bool created = false;
    int more;

    do {
        int err = walk_to_last(w);
        if (err)
            return err;
        more = open_last(w, how, &created);
    } while (more > 0);
    if (more < 0)
        return more;
    struct inode *i = dentry_inode(w->at.dentry);
    if (how->flags & O_CREAT && inode_is(i, S_IFDIR))
        return -EISDIR;
    if (w->flags & WALK_DIRECTORY && !inode_is(i, S_IFDIR))
        return how->flags & O_NOFOLLOW && inode_is(i, S_IFLNK) && !(how->flags & O_DIRECTORY)
                   ? -ELOOP
                   : -ENOTDIR;
    if (is_tmpfile(how->flags))
        return open_tmpfile(w->who, &w->at, how, out);
    return open_found(w->who, &w->at, how->flags, created, out);
}

int vfs_open(const struct actor *who, const struct path *base, const char *name,
             const struct open_how_k *how, struct file **out)
{
    unsigned walk_flags = how->walk;
    struct walk w;

    if (how->flags & O_DIRECTORY)
        walk_flags |= WALK_DIRECTORY;
    if (!(how->flags & O_NOFOLLOW) && !(how->flags & O_CREAT && how->flags & O_EXCL))
        walk_flags |= WALK_FOLLOW;
    int err = walk_start(&w, who, base, name, walk_flags);
    if (!err)
        err = open_walk(&w, how, out);
    walk_end(&w);
    return err;
}
