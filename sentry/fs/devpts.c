/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devpts: a directory with the near end of each pty under its number, and ptmx.
 *
 * The root keeps ptmx's inode, a pty keeps its own; each keeps the superblock. Names are
 * looked up anew each time, since they come and go without anybody's call on them.
 */
#include <asm/ioctls.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sentry/fs/pty_priv.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/readdir.h"
#include "sentry/vfs/superblock.h"
#include "sentry/vfs/walk.h"

#define ROOT_INO  1
#define PTMX_INO  2
#define FIRST_INO 3 /* of pty 0 */
#define PTS_MAJOR 136

struct devpts_inode {
    struct inode inode;
    struct inode *ptmx; /* [I] of the root: a reference */
    struct pty *pty;    /* [fs->lock] weak; NULL where it has none any more */
};

static const struct inode_ops devpts_ops;
static const struct superblock_ops devpts_sb_ops;

static const struct slab_type devpts_slab =
    SLAB_TYPE(devpts, struct devpts,
              .const_ptrs = { PTR_AT(struct devpts, sb.ops), PTR_AT(struct devpts, sb.type) });
static const struct slab_type devpts_inode_slab = SLAB_TYPE(
    devpts_inode, struct devpts_inode, .const_ptrs = { PTR_AT(struct devpts_inode, inode.ops) });

static struct devpts_inode *of(struct inode *i)
{
    return container_of(i, struct devpts_inode, inode);
}

struct devpts *devpts_of(const struct inode *inode)
{
    return inode->sb->ops == &devpts_sb_ops ? container_of(inode->sb, struct devpts, sb) : NULL;
}

static struct devpts_inode *inode_create(struct devpts *fs, uint64_t ino, uint32_t mode,
                                         uint64_t rdev, uint32_t uid, uint32_t gid)
{
    struct devpts_inode *di = slab_alloc(fs->sb.arena, &devpts_inode_slab);

    if (!di)
        return NULL;
    inode_init(&di->inode, &fs->sb, &devpts_ops, ino, mode, uid, gid);
    di->inode.attr.rdev = rdev;
    return di;
}

/* ---- ptys ---- */

/* Before which entry the lowest free number is; its value. */
static struct list *find_free_locked(struct devpts *fs, uint32_t *index) HOLDS(fs->lock);
static struct list *find_free_locked(struct devpts *fs, uint32_t *index)
{
    struct pty *p;

    *index = 0;
    list_for_each (p, &fs->ptys, node) {
        if (p->index != *index)
            return &p->node;
        ++*index;
    }
    return &fs->ptys;
}

static bool take_number(struct devpts *fs, struct pty *pty)
{
    mutex_lock(&fs->lock);
    bool free = fs->count < fs->max;
    if (free) {
        struct list *before = find_free_locked(fs, &pty->index);
        list_insert_before(before, &pty->node);
        fs->count++;
    }
    mutex_unlock(&fs->lock);
    return free;
}

int devpts_add(struct devpts *fs, struct pty *pty, const struct actor *who)
{
    uint32_t uid = fs->uid == ID_NONE ? who->cred->fsuid : fs->uid;
    uint32_t gid = fs->gid == ID_NONE ? who->cred->fsgid : fs->gid;

    if (!take_number(fs, pty))
        return -ENOSPC;
    struct devpts_inode *di = inode_create(fs, FIRST_INO + pty->index, S_IFCHR | fs->mode,
                                           makedev(PTS_MAJOR, pty->index), uid, gid);
    if (!di)
        return -ENOMEM;
    mutex_lock(&fs->lock);
    di->pty = pty;
    pty->inode = &di->inode;
    mutex_unlock(&fs->lock);
    return 0;
}

void devpts_hide(struct pty *pty)
{
    struct devpts *fs = pty->fs;

    mutex_lock(&fs->lock);
    if (pty->inode)
        of(pty->inode)->pty = NULL;
    mutex_unlock(&fs->lock);
}

void devpts_remove(struct pty *pty)
{
    struct devpts *fs = pty->fs;

    devpts_hide(pty);
    mutex_lock(&fs->lock);
    if (list_is_linked(&pty->node)) {
        list_del(&pty->node);
        fs->count--;
    }
    mutex_unlock(&fs->lock);
}

/* Is there a name for it? */
static bool is_shown(const struct pty *p)
{
    return p->inode && of(p->inode)->pty;
}

/* The pty of an inode, with a reference; NULL: gone. */
static struct pty *get_pty(struct inode *inode)
{
    struct devpts *fs = devpts_of(inode);

    mutex_lock(&fs->lock);
    struct pty *p = of(inode)->pty;
    if (p && !ref_get_unless_zero(&p->tty.ref))
        p = NULL;
    mutex_unlock(&fs->lock);
    return p;
}

/* ---- names ---- */

/* "0", "17": a number as it is printed. */
static bool parse_index(const char *name, uint32_t *out)
{
    char again[16];

    *out = (uint32_t)strtoul(name, NULL, 10);
    snprintf(again, sizeof again, "%u", *out);
    return strcmp(again, name) == 0;
}

static struct inode *find_locked(struct devpts *fs, uint32_t index) HOLDS(fs->lock);
static struct inode *find_locked(struct devpts *fs, uint32_t index)
{
    struct pty *p;

    list_for_each (p, &fs->ptys, node) {
        if (p->index == index)
            return is_shown(p) ? inode_get(p->inode) : NULL;
    }
    return NULL;
}

static int devpts_lookup(struct inode *dir, const char *name, const struct actor *who,
                         struct inode **out)
{
    struct devpts *fs = devpts_of(dir);
    uint32_t index;

    (void)who;
    if (strcmp(name, "ptmx") == 0) {
        *out = inode_get(of(dir)->ptmx);
        return 0;
    }
    if (!parse_index(name, &index))
        return -ENOENT;
    mutex_lock(&fs->lock);
    *out = find_locked(fs, index);
    mutex_unlock(&fs->lock);
    return *out ? 0 : -ENOENT;
}

/* The first at or after `from`; false: none. */
static bool next_index(struct devpts *fs, uint32_t from, uint32_t *out)
{
    struct pty *p;
    bool found = false;

    mutex_lock(&fs->lock);
    list_for_each (p, &fs->ptys, node) {
        found = p->index >= from && is_shown(p);
        *out = p->index;
        if (found)
            break;
    }
    mutex_unlock(&fs->lock);
    return found;
}

/* Positions: 2 is ptmx, 3 + n is pty n. */
static int devpts_readdir(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    struct devpts *fs = devpts_of(f->inode);
    char name[16];
    uint32_t index;

    if (!dir_emit_dots(f, sink, pos))
        return 0;
    if (*pos == 2 && !dir_emit(sink, "ptmx", 4, PTMX_INO, DT_CHR, 3, pos))
        return 0;
    while (*pos - 3 < UINT32_MAX && next_index(fs, (uint32_t)(*pos - 3), &index)) {
        int len = snprintf(name, sizeof name, "%u", index);
        if (!dir_emit(sink, name, (size_t)len, FIRST_INO + index, DT_CHR, index + UINT64_C(4), pos))
            return 0;
    }
    return 0;
}

static const struct file_ops devpts_dir_ops = {
    .name = "devpts",
    .readdir = devpts_readdir,
    .release = file_release,
};

static int open_pts(struct inode *inode, const struct path *at, int flags, const struct actor *who,
                    struct file **out)
{
    struct pty *p = get_pty(inode);

    if (!p)
        return -EIO;
    int err = tty_open(&p->tty, inode, at, flags, who, out);
    tty_put(&p->tty);
    return err;
}

static int devpts_open(struct inode *inode, const struct path *at, int flags,
                       const struct actor *who, struct file **out)
{
    if (inode_is(inode, S_IFDIR))
        return file_create(at, inode, &devpts_dir_ops, flags, who, out);
    if (inode->attr.ino == PTMX_INO)
        return pty_open_master(devpts_of(inode), inode, at, flags, who, out);
    return open_pts(inode, at, flags, who, out);
}

static int devpts_setattr(struct inode *inode, const struct attr_change *change,
                          const struct actor *who)
{
    (void)who;
    if (change->which & ATTR_SIZE && inode_is(inode, S_IFDIR))
        return -EISDIR;
    inode_setattr_generic(inode, change);
    return 0;
}

static void devpts_inode_release(struct inode *inode)
{
    inode_put(of(inode)->ptmx);
    inode_destroy(inode);
    slab_free(of(inode));
}

static const struct inode_ops devpts_ops = {
    .lookup = devpts_lookup,
    .setattr = devpts_setattr,
    .open = devpts_open,
    .release = devpts_inode_release,
};

/* The directory of the devpts that a ptmx node belongs to: its own, or "pts" beside it. Given. */
static int find_dir(const struct path *ptmx, const struct actor *who, struct path *out)
{
    scoped(dentry) struct dentry *parent = dentry_parent(ptmx->dentry);
    struct path dir = { .mnt = ptmx->mnt, .dentry = parent };

    if (devpts_of(dentry_inode(ptmx->dentry))) {
        path_get(&dir, out);
        return 0;
    }
    return walk(who, &dir, "pts", WALK_FOLLOW | WALK_DIRECTORY, out) ? -ENODEV : 0;
}

int pty_open_peer(struct file *f, int flags, const struct actor *who, struct file **out)
{
    const struct pty *p = pty_of_master(f);
    struct path dir, at;
    char name[16];

    if (!p || !path_is_set(&f->path))
        return tty_of_file(f) ? -EIO : -ENOTTY;
    int err = find_dir(&f->path, who, &dir);
    if (err)
        return err;
    snprintf(name, sizeof name, "%u", p->index);
    err = walk(who, &dir, name, 0, &at);
    path_put(&dir);
    if (err)
        return -EIO;
    /* Another devpts may be mounted there by now. */
    err = dentry_inode(at.dentry) == p->inode ? vfs_open_path(who, &at, flags, out) : -EIO;
    path_put(&at);
    return err;
}

int ptmx_open(struct inode *inode, const struct path *at, int flags, const struct actor *who,
              struct file **out)
{
    struct path pts;

    int err = find_dir(at, who, &pts);
    if (err)
        return err;
    struct devpts *fs = devpts_of(dentry_inode(pts.dentry));
    err = fs ? pty_open_master(fs, inode, at, flags, who, out) : -ENODEV;
    path_put(&pts);
    return err;
}

/* ---- the file system ---- */

static int devpts_statfs(struct superblock *sb, struct statfs *out)
{
    (void)sb;
    out->f_bsize = PAGE_SIZE;
    out->f_namelen = 255;
    return 0;
}

static void devpts_show(struct superblock *sb, char *buf, size_t size)
{
    struct devpts *fs = container_of(sb, struct devpts, sb);
    char ids[64] = "";
    int n = 0;

    if (fs->uid != ID_NONE)
        n = snprintf(ids, sizeof ids, ",uid=%u", fs->uid);
    if (fs->gid != ID_NONE)
        snprintf(ids + n, sizeof ids - (size_t)n, ",gid=%u", fs->gid);
    snprintf(buf, size, "%s,mode=%03o,ptmxmode=%03o", ids, fs->mode, fs->ptmx_mode);
}

static void devpts_release(struct superblock *sb)
{
    slab_free(container_of(sb, struct devpts, sb));
}

static const struct superblock_ops devpts_sb_ops = {
    .statfs = devpts_statfs,
    .show_options = devpts_show,
    .release = devpts_release,
};

static int parse_number(const char *text, int base, uint32_t *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, base);

    if (!*text || *end || n >= UINT32_MAX)
        return -EINVAL;
    *out = (uint32_t)n;
    return 0;
}

static int parse_id(const char *text, const struct actor *who, bool group, uint32_t *out)
{
    const struct user_ns *ns = who->cred->user_ns;
    uint32_t id;

    if (parse_number(text, 10, &id) < 0)
        return -EINVAL;
    *out = group ? user_ns_gid_in(ns, id) : user_ns_uid_in(ns, id);
    return *out == ID_NONE ? -EINVAL : 0;
}

static int parse_mode(const char *text, uint32_t *out)
{
    int err = parse_number(text, 8, out);

    *out &= 0777;
    return err;
}

static int parse_option(struct devpts *fs, const char *o, const struct actor *who)
{
    if (!*o || strcmp(o, "newinstance") == 0)
        return 0;
    if (strncmp(o, "uid=", 4) == 0)
        return parse_id(o + 4, who, false, &fs->uid);
    if (strncmp(o, "gid=", 4) == 0)
        return parse_id(o + 4, who, true, &fs->gid);
    if (strncmp(o, "mode=", 5) == 0)
        return parse_mode(o + 5, &fs->mode);
    if (strncmp(o, "ptmxmode=", 9) == 0)
        return parse_mode(o + 9, &fs->ptmx_mode);
    if (strncmp(o, "max=", 4) == 0)
        return parse_number(o + 4, 10, &fs->max);
    return -EINVAL;
}

static int parse_options(struct devpts *fs, const char *options, const struct actor *who)
{
    char one[64];
    int err = 0;

    while (options && *options && !err) {
        size_t len = strcspn(options, ",");
        if (len >= sizeof one)
            return -EINVAL;
        memcpy(one, options, len);
        one[len] = '\0';
        err = parse_option(fs, one, who);
        options += len + (options[len] == ',');
    }
    return err;
}

static int create_root(struct devpts *fs, struct dentry **out)
{
    struct devpts_inode *root = inode_create(fs, ROOT_INO, S_IFDIR | 0755, 0, 0, 0);

    if (!root)
        return -ENOMEM;
    root->inode.attr.nlink = 2;
    struct devpts_inode *ptmx =
        inode_create(fs, PTMX_INO, S_IFCHR | fs->ptmx_mode, makedev(5, 2), 0, 0);
    if (!ptmx) {
        inode_put(&root->inode);
        return -ENOMEM;
    }
    root->ptmx = &ptmx->inode;
    return dentry_create_root(&root->inode, out);
}

int devpts_create(struct arena *a, const char *source, const char *options, const struct actor *who,
                  struct dentry **out)
{
    struct devpts *fs = slab_alloc(a, &devpts_slab);

    (void)source;
    if (!fs)
        return -ENOMEM;
    superblock_init(&fs->sb, a, &devpts_sb_ops, "devpts", DEVPTS_SUPER_MAGIC,
                    SB_NOCACHE | SB_OPENS_SPECIAL);
    mutex_init(&fs->lock, RANK_INODE);
    list_init(&fs->ptys);
    fs->max = PTY_MAX;
    fs->mode = 0600;
    fs->ptmx_mode = 0;
    fs->uid = fs->gid = ID_NONE;
    int err = parse_options(fs, options, who);
    if (!err)
        err = create_root(fs, out);
    superblock_put(&fs->sb); /* from here on its inodes keep it */
    return err;
}
