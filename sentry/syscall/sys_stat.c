/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of files and of file systems: stat, statx, statfs, readlink, access. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "include/abi/stat.h"
#include "sentry/syscall/at.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/mount.h"

/* Device numbers as Linux packs them into 64 bits of struct stat (new_encode_dev). */
static uint64_t dev_out(uint64_t dev)
{
    uint64_t hi = major(dev), lo = minor(dev);

    return (lo & 0xff) | (hi << 8) | ((lo & ~(uint64_t)0xff) << 12);
}

static void stat_out(const struct task *t, const struct attr *a, struct abi_stat *out)
{
    *out = (struct abi_stat){
        .dev = dev_out(a->dev),
        .ino = a->ino,
        .nlink = a->nlink,
        .mode = a->mode,
        .uid = user_ns_uid_out(t->cred->user_ns, a->uid),
        .gid = user_ns_gid_out(t->cred->user_ns, a->gid),
        .rdev = dev_out(a->rdev),
        .size = (int64_t)a->size,
        .blksize = a->blksize,
        .blocks = (int64_t)a->blocks,
        .atime = a->atime.tv_sec,
        .atime_nsec = a->atime.tv_nsec,
        .mtime = a->mtime.tv_sec,
        .mtime_nsec = a->mtime.tv_nsec,
        .ctime = a->ctime.tv_sec,
        .ctime_nsec = a->ctime.tv_nsec,
    };
}

/* What a path and flags of the stat family name. */
struct found {
    struct attr attr;
    uint64_t mnt_id;
    bool is_mount_root;
};

static void found_mount(const struct path *p, struct found *out)
{
    out->mnt_id = p->mnt ? mount_id(p->mnt) : 0;
    out->is_mount_root = p->mnt && mount_is_root(p->mnt, p->dentry);
}

static int find_attr(struct task *t, int dirfd, uptr_t path, int flags, struct found *out)
{
    unsigned walk_flags =
        (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    struct path p = { 0 };
    struct at at;
    int err = at_get(t, dirfd, path, flags & AT_EMPTY_PATH ? WALK_EMPTY : 0, &at);

    if (!err && at_is_fd(&at)) {
        err = inode_getattr(at.file->inode, &out->attr);
        found_mount(&at.file->path, out);
    } else if (!err) {
        err = walk(&at.who, at.base, at.name, walk_flags, &p);
        if (!err) {
            err = inode_getattr(dentry_inode(p.dentry), &out->attr);
            found_mount(&p, out);
        }
        path_put(&p);
    }
    at_put(&at);
    return err;
}

static long stat_at(struct task *t, int dirfd, uptr_t path, uptr_t buf, int flags)
{
    struct abi_stat st;
    struct found found;
    int err = find_attr(t, dirfd, path, flags, &found);

    if (err)
        return err;
    stat_out(t, &found.attr, &st);
    return copy_out_struct(t->mm, buf, &st);
}

/* Most libraries make fstat(3) of it: worth a look at one byte. (Linux: vfs_empty_path()) */
static bool is_fstat(struct task *t, int fd, uptr_t path, int flags)
{
    char first;

    return flags & AT_EMPTY_PATH && fd >= 0 && copy_in(t->mm, &first, path, 1) == 0 && !first;
}

long sys_newfstatat(struct task *t, int dirfd, uptr_t path, uptr_t statbuf, int flags)
{
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    if (is_fstat(t, dirfd, path, flags))
        return sys_fstat(t, dirfd, statbuf);
    return stat_at(t, dirfd, path, statbuf, flags);
}

long sys_stat(struct task *t, uptr_t path, uptr_t statbuf)
{
    return stat_at(t, AT_FDCWD, path, statbuf, 0);
}

long sys_lstat(struct task *t, uptr_t path, uptr_t statbuf)
{
    return stat_at(t, AT_FDCWD, path, statbuf, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(struct task *t, int fd, uptr_t statbuf)
{
    scoped_use use = task_use_any(t, fd);
    struct file *f = use.file;
    struct abi_stat st;
    struct attr attr;

    if (!f)
        return -EBADF;
    int err = inode_getattr(f->inode, &attr);
    if (err)
        return err;
    stat_out(t, &attr, &st);
    return copy_out_struct(t->mm, statbuf, &st);
}

static struct statx_timestamp statx_time(const struct timespec *ts)
{
    return (struct statx_timestamp){ .tv_sec = ts->tv_sec, .tv_nsec = (uint32_t)ts->tv_nsec };
}

#define STATX_MNT_ID_BIT 0x1000u /* newer than some headers */

static void statx_out(const struct task *t, const struct found *f, struct statx *out)
{
    const struct attr *a = &f->attr;
    bool has_btime = a->btime.tv_nsec >= 0;

    *out = (struct statx){
        .stx_mask = STATX_BASIC_STATS | STATX_MNT_ID_BIT | (has_btime ? STATX_BTIME : 0),
        .stx_blksize = a->blksize,
        .stx_attributes = a->attributes | (f->is_mount_root ? STATX_ATTR_MOUNT_ROOT : 0),
        .stx_attributes_mask = a->attributes_mask | STATX_ATTR_MOUNT_ROOT,
        .stx_nlink = a->nlink,
        .stx_uid = user_ns_uid_out(t->cred->user_ns, a->uid),
        .stx_gid = user_ns_gid_out(t->cred->user_ns, a->gid),
        .stx_mode = (uint16_t)a->mode,
        .stx_ino = a->ino,
        .stx_size = a->size,
        .stx_blocks = a->blocks,
        .stx_atime = statx_time(&a->atime),
        .stx_mtime = statx_time(&a->mtime),
        .stx_ctime = statx_time(&a->ctime),
        .stx_rdev_major = major(a->rdev),
        .stx_rdev_minor = minor(a->rdev),
        .stx_dev_major = major(a->dev),
        .stx_dev_minor = minor(a->dev),
    };
    if (has_btime)
        out->stx_btime = statx_time(&a->btime);
    out->stx_mnt_id = f->mnt_id;
}

long sys_statx(struct task *t, int dirfd, uptr_t path, int flags, unsigned mask, uptr_t buf)
{
    struct found found;
    struct statx stx;

    static_assert(sizeof stx == 256, "struct statx");
    if (mask & STATX__RESERVED)
        return -EINVAL;
    if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    int err = find_attr(t, dirfd, path, flags, &found);
    if (err)
        return err;
    statx_out(t, &found, &stx);
    return copy_out_struct(t->mm, buf, &stx);
}

/* ---- file systems ---- */

static unsigned long statfs_flags(unsigned long mount)
{
    static const struct {
        unsigned long mount, st;
    } bits[] = {
        {MS_RDONLY,      1   },
        { MS_NOSUID,     2   },
        { MS_NODEV,      4   },
        { MS_NOEXEC,     8   },
        { MS_NOATIME,    1024},
        { MS_NODIRATIME, 2048},
        { MS_RELATIME,   4096}
    };
    unsigned long st = 0x20; /* ST_VALID */

    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        if (mount & bits[i].mount)
            st |= bits[i].st;
    return st;
}

static long statfs_out(struct task *t, struct superblock *sb, const struct mount *m, uptr_t buf)
{
    struct statfs st;
    int err = superblock_statfs(sb, &st);

    static_assert(sizeof st == 120, "struct statfs");
    if (err)
        return err;
    st.f_flags = (__fsword_t)statfs_flags(m ? mount_flags(m) : 0);
    if (superblock_flags(sb) & SB_RDONLY)
        st.f_flags |= 1;
    return copy_out_struct(t->mm, buf, &st);
}

long sys_statfs(struct task *t, uptr_t path, uptr_t buf)
{
    struct path p = { 0 };
    struct at at;
    long r = at_walk(t, AT_FDCWD, path, WALK_FOLLOW, &at, &p);

    if (!r)
        r = statfs_out(t, dentry_inode(p.dentry)->sb, p.mnt, buf);
    path_put(&p);
    at_put(&at);
    return r;
}

long sys_fstatfs(struct task *t, int fd, uptr_t buf)
{
    scoped(file) struct file *f = task_file_any(t, fd);

    return f ? statfs_out(t, f->inode->sb, f->path.mnt, buf) : -EBADF;
}

long sys_ustat(struct task *t, uint64_t dev, uptr_t ubuf)
{
    uint32_t d = (uint32_t)dev;
    struct superblock *sb = NULL;
    struct statfs st;
    int err = mount_find_dev(fs_context_mnt_ns(t->fs),
                             makedev((d & 0xfff00) >> 8, (d & 0xff) | ((d >> 12) & 0xfff00)), &sb);

    if (err)
        return err;
    err = superblock_statfs(sb, &st);
    superblock_put(sb);
    if (err)
        return err;
    struct abi_ustat u = { .tfree = (int32_t)st.f_bfree, .tinode = st.f_ffree };
    return copy_out_struct(t->mm, ubuf, &u);
}

/* ---- links and access ---- */

long sys_readlinkat(struct task *t, int dirfd, uptr_t path, uptr_t buf, size_t size)
{
    struct path p = { 0 };
    char text[PATH_MAX];
    struct at at;

    if ((int)size <= 0)
        return -EINVAL;
    long n = at_walk(t, dirfd, path, WALK_EMPTY, &at, &p);
    if (!n) {
        struct inode *i = dentry_inode(p.dentry);
        n = vfs_readlink(&at.who, &p, text, min((size_t)(int)size, sizeof text));
        if (n == -EINVAL && !at.name[0] && !inode_is(i, S_IFLNK))
            n = -ENOENT; /* an empty path is only for links */
    }
    path_put(&p);
    at_put(&at);
    if (n < 0)
        return n;
    int err = copy_out(t->mm, buf, text, (size_t)n);
    return err ? err : n;
}

long sys_readlink(struct task *t, uptr_t path, uptr_t buf, size_t size)
{
    return sys_readlinkat(t, AT_FDCWD, path, buf, size);
}

/*
 * access(2) asks for the real ids: with the capabilities that root, or nobody else, would
 * have after an exec.
 */
static int access_cred(struct task *t, struct cred **out)
{
    struct cred *c;
    int err = cred_copy(t->cred, &c);

    if (err)
        return err;
    c->fsuid = c->ruid;
    c->fsgid = c->rgid;
    if (!(c->securebits & 4 /* SECBIT_NO_SETUID_FIXUP */)) {
        bool is_root = c->ruid == user_ns_uid_in(c->user_ns, 0);
        c->cap_effective = is_root ? c->cap_permitted : 0;
    }
    *out = c;
    return 0;
}

static int do_access(struct at *at, unsigned mode, int flags)
{
    unsigned walk_flags =
        (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    struct path p;

    if (at_is_fd(at) && !path_is_set(&at->file->path))
        return inode_permission(at->file->inode, mode, &at->who);
    int err = walk(&at->who, at->base, at->name, walk_flags, &p);
    if (err)
        return err;
    err = vfs_access(&at->who, &p, mode);
    path_put(&p);
    return err;
}

long sys_faccessat2(struct task *t, int dirfd, uptr_t path, int mode, int flags)
{
    scoped(cred) struct cred *c = NULL;
    struct at at;

    if (mode & ~7 || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int err = at_get(t, dirfd, path, flags & AT_EMPTY_PATH ? WALK_EMPTY : 0, &at);
    if (!err && !(flags & AT_EACCESS)) {
        err = access_cred(t, &c);
        at.who.cred = c;
    }
    if (!err)
        err = do_access(&at, (unsigned)mode, flags);
    at_put(&at);
    return err;
}

long sys_faccessat(struct task *t, int dirfd, uptr_t path, int mode)
{
    return sys_faccessat2(t, dirfd, path, mode, 0);
}

long sys_access(struct task *t, uptr_t path, int mode)
{
    return sys_faccessat2(t, AT_FDCWD, path, mode, 0);
}
