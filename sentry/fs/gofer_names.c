/* SPDX-License-Identifier: Apache-2.0 */
/* Names: finding, making, removing, moving. What they lead to is in gofer.c's table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/host.h"
#include "sentry/fs/gofer_priv.h"
#include "sentry/vfs/perm.h"

/* A walk of one step. */
struct one_step {
    struct gofer_walk_sink sink;
    struct gofer_client *client;
    struct gofer_found found;
    char *text; /* of a link: room for GOFER_LINK_MAX + 1 */
    size_t len;
};

static void take_step(struct gofer_walk_sink *s, const struct gofer_found *f, const char *text,
                      size_t len)
{
    struct one_step *step = container_of(s, struct one_step, sink);

    gofer_client_clunk(step->client, step->found.handle); /* never more than one */
    step->found = *f;
    memcpy(step->text, text, len + 1);
    step->len = len;
}

static int walk_one(struct one_step *s, gofer_handle_t dir, const char *name)
{
    int why = 0;
    int err = gofer_walk(s->client, dir, &name, 1, &s->sink, &why);

    return err ? err : why;
}

/* Asks the gofer for a name. `text`: room for a link's. */
static int ask_step(struct gofer_inode *dir, const char *name, char text[GOFER_LINK_MAX + 1],
                    struct one_step *out)
{
    struct gofer_client *c = gofer_client_of(dir);
    gofer_handle_t h;

    *out = (struct one_step){ .sink.found = take_step, .client = c, .text = text };
    int err = GOFER_RETRY(dir, h, walk_one(out, h, name));
    if (!err && out->found.handle == 0)
        err = -EIO;
    if (err) {
        gofer_client_clunk(c, out->found.handle);
        out->found.handle = 0;
    }
    return err;
}

void gofer_keep_text(struct gofer_inode *gi, const char *text, size_t len)
{
    char *copy;

    if (len == 0)
        return;
    copy = arena_strndup(gi->inode.sb->arena, text, len);
    mutex_lock(&gi->inode.lock);
    if (!gi->link) {
        gi->link = copy;
        copy = NULL;
    }
    mutex_unlock(&gi->inode.lock);
    arena_free(copy);
}

static int lookup(struct inode *inode, const char *name, const struct actor *who,
                  struct inode **out)
{
    struct gofer_inode *dir = gofer_inode_of(inode), *gi;
    struct gofer_sb *sb = gofer_sb_of(dir);
    uint64_t seq = atomic_load_explicit(&sb->changes, memory_order_acquire);
    char text[GOFER_LINK_MAX + 1] = "";
    struct one_step step = { .text = text };

    (void)who;
    int known = gofer_ahead_take(dir, name, &gi);
    if (known > 0)
        *out = &gi->inode;
    if (known)
        return min(known, 0);
    known = gofer_list_lookup(dir, name, &step.found);
    if (!known && gofer_list_guess(dir))
        known = gofer_list_lookup(dir, name, &step.found);
    int err = known > 0 ? 0 : known < 0 ? known : ask_step(dir, name, text, &step);
    if (err)
        return err;
    err = gofer_intern(sb, &step.found, seq, &gi);
    if (err)
        return err;
    gofer_place(gi, dir, name);
    gofer_keep_text(gi, text, step.len);
    *out = &gi->inode;
    return 0;
}

static int revalidate(struct inode *inode, const char *name, struct inode *child)
{
    struct gofer_inode *dir = gofer_inode_of(inode), *gi;
    struct gofer_sb *sb = gofer_sb_of(dir);
    uint64_t seq = atomic_load_explicit(&sb->changes, memory_order_acquire);
    char text[GOFER_LINK_MAX + 1];
    struct one_step step;
    int known = gofer_ahead_take(dir, name, &gi);

    if (known > 0) {
        bool still = child == &gi->inode;
        inode_put(&gi->inode);
        return still;
    }
    int err = known ? known : ask_step(dir, name, text, &step);
    if (err)
        return err == -ENOENT && !child;
    if (gofer_intern(sb, &step.found, seq, &gi) < 0)
        return 0;
    bool same = child == &gi->inode;
    inode_put(&gi->inode);
    return same;
}

/* ---- new names ---- */

/* The directory has another content: its times, and what was read of it. */
static void dir_changed(struct gofer_inode *dir)
{
    gofer_attr_change(dir);
    gofer_list_drop(dir);
}

static int make(struct inode *inode, const char *name, uint32_t mode, const char *text,
                const struct actor *who, struct inode **out)
{
    struct gofer_inode *dir = gofer_inode_of(inode), *gi;
    struct gofer_sb *sb = gofer_sb_of(dir);
    struct gofer_new what = { .name = name, .mode = mode, .text = text };
    struct gofer_found found;
    gofer_handle_t h;
    int fd = -1;

    perm_new_inode(inode, &what.mode, who, &what.uid, &what.gid);
    dir_changed(dir);
    uint64_t seq = atomic_load_explicit(&sb->changes, memory_order_acquire);
    int err = GOFER_RETRY(
        dir, h, gofer_make(gofer_client_of(dir), h, &what, &found, S_ISREG(mode) ? &fd : NULL));
    dir_changed(dir);
    if (err)
        return err;
    err = gofer_intern(sb, &found, seq, &gi);
    if (err) {
        host_close(fd);
        return err;
    }
    gofer_place(gi, dir, name);
    if (fd >= 0)
        gofer_fds_adopt(gi, fd);
    if (text)
        gofer_keep_text(gi, text, strlen(text));
    *out = &gi->inode;
    return 0;
}

static int create(struct inode *dir, const char *name, uint32_t mode, const struct actor *who,
                  struct inode **out)
{
    return make(dir, name, mode | S_IFREG, NULL, who, out);
}

static int mkdir_op(struct inode *dir, const char *name, uint32_t mode, const struct actor *who,
                    struct inode **out)
{
    return make(dir, name, mode | S_IFDIR, NULL, who, out);
}

static int mknod_op(struct inode *dir, const char *name, uint32_t mode, uint64_t rdev,
                    const struct actor *who, struct inode **out)
{
    (void)rdev;
    /* A device of the host is never made. */
    return S_ISFIFO(mode) || S_ISSOCK(mode) ? make(dir, name, mode, NULL, who, out) : -EPERM;
}

static int symlink_op(struct inode *dir, const char *name, const char *target,
                      const struct actor *who, struct inode **out)
{
    if (strlen(target) > GOFER_LINK_MAX)
        return -ENAMETOOLONG;
    return make(dir, name, S_IFLNK | 0777, target, who, out);
}

static int tmpfile_op(struct inode *inode, uint32_t mode, const struct actor *who,
                      struct inode **out)
{
    struct gofer_inode *dir = gofer_inode_of(inode), *gi;
    struct gofer_new what = { .mode = mode | S_IFREG };
    struct gofer_found found;
    gofer_handle_t h;
    int fd;

    perm_new_inode(inode, &what.mode, who, &what.uid, &what.gid);
    int err = GOFER_RETRY(dir, h, gofer_tmpfile(gofer_client_of(dir), h, &what, &found, &fd));

    if (err)
        return err;
    err = gofer_intern(gofer_sb_of(dir), &found, 0, &gi);
    if (err) {
        host_close(fd);
        return err;
    }
    gofer_fds_adopt(gi, fd);
    *out = &gi->inode;
    return 0;
}

/* The second of two nodes in one call; the first is the caller's to mend. */
static int link_into(struct gofer_inode *dir, const char *name, gofer_handle_t node,
                     struct gofer_attr *out)
{
    gofer_handle_t h;

    return GOFER_RETRY(dir, h, gofer_link(gofer_client_of(dir), node, h, name, out));
}

static int link_op(struct inode *inode, const char *name, struct inode *old,
                   const struct actor *who)
{
    struct gofer_inode *dir = gofer_inode_of(inode), *gi = gofer_inode_of(old);
    struct gofer_attr attr;
    gofer_handle_t h;

    (void)who;
    dir_changed(dir);
    struct gofer_seq seq = gofer_attr_change(gi);
    int err = GOFER_RETRY(gi, h, link_into(dir, name, h, &attr));
    dir_changed(dir);
    if (err)
        return err;
    gofer_attr_apply(gi, &attr, seq);
    gofer_place(gi, dir, name);
    return 0;
}

/* ---- names that go ---- */

/*
 * What loses a name must be held some other way from now on, for somebody may still use
 * it. With the name goes the way to find it again; so from before the host is asked until
 * the name is forgotten here, too, its node is not taken away. Gives whether it has one.
 */
static bool begin_leaving(struct gofer_inode *gi)
{
    mutex_lock(&gi->inode.lock);
    gi->leaving++;
    bool held = gi->handle != 0;
    mutex_unlock(&gi->inode.lock);
    return held;
}

static void end_leaving(struct gofer_inode *gi)
{
    mutex_lock(&gi->inode.lock);
    gi->leaving--;
    mutex_unlock(&gi->inode.lock);
}

static int remove_name(struct inode *inode, const char *name, struct inode *gone, unsigned flags)
{
    struct gofer_inode *dir = gofer_inode_of(inode), *gi = gofer_inode_of(gone);
    struct gofer_found kept = { 0 };
    gofer_handle_t h;

    if (!begin_leaving(gi))
        flags |= GOFER_UNLINK_KEEP;
    dir_changed(dir);
    int err = GOFER_RETRY(dir, h, gofer_unlink(gofer_client_of(dir), h, name, flags, &kept));
    dir_changed(dir);
    if (!err) {
        gofer_attr_change(gi);
        if (kept.handle && gofer_is_found_again(gi, &kept.attr))
            gofer_handle_adopt(gi, kept.handle);
        else
            gofer_client_clunk(gofer_client_of(gi), kept.handle);
        gofer_unplace(gi, dir, name);
        gofer_fds_forget(gi);
    }
    end_leaving(gi);
    return err;
}

static int unlink_op(struct inode *dir, const char *name, struct inode *victim)
{
    return remove_name(dir, name, victim, 0);
}

static int rmdir_op(struct inode *dir, const char *name, struct inode *victim)
{
    return remove_name(dir, name, victim, GOFER_UNLINK_DIR);
}

static void moved(struct gofer_inode *gi, struct gofer_inode *to, const char *name)
{
    gofer_place(gi, to, name);
    gofer_attr_change(gi);
}

/* The second of two nodes, again. */
static int rename_into(struct gofer_inode *to, const char *new_name, gofer_handle_t from,
                       const char *old_name, unsigned flags)
{
    gofer_handle_t h;

    return GOFER_RETRY(to, h,
                       gofer_rename(gofer_client_of(to), from, old_name, h, new_name, flags));
}

static int rename_dirs(struct gofer_inode *from, const char *old_name, struct gofer_inode *to,
                       const char *new_name, unsigned flags)
{
    gofer_handle_t h;

    dir_changed(from);
    dir_changed(to);
    int err = GOFER_RETRY(from, h, rename_into(to, new_name, h, old_name, flags));
    dir_changed(from);
    dir_changed(to);
    return err;
}

static int rename_op(struct inode *from_dir, const char *old_name, struct inode *inode,
                     struct inode *to_dir, const char *new_name, struct inode *victim,
                     unsigned flags)
{
    struct gofer_inode *from = gofer_inode_of(from_dir), *to = gofer_inode_of(to_dir);
    struct gofer_inode *over = victim ? gofer_inode_of(victim) : NULL;
    gofer_handle_t h;
    int err = over && !begin_leaving(over) ? gofer_handle(over, &h) : 0;

    if (!err)
        err = rename_dirs(from, old_name, to, new_name, flags);
    if (!err && over) {
        gofer_attr_change(over);
        gofer_unplace(over, to, new_name);
        if (flags & RENAME_EXCHANGE)
            moved(over, from, old_name);
        else
            gofer_fds_forget(over);
    }
    if (!err)
        moved(gofer_inode_of(inode), to, new_name);
    if (over)
        end_leaving(over);
    return err;
}

static ssize_t readlink_op(struct inode *inode, const struct actor *who, char *buf, size_t size)
{
    struct gofer_inode *gi = gofer_inode_of(inode);
    char text[GOFER_LINK_MAX + 1];
    gofer_handle_t h;
    ssize_t len = -1;

    (void)who;
    mutex_lock(&inode->lock);
    if (gi->link) {
        len = (ssize_t)strlen(gi->link);
        memcpy(buf, gi->link, min(size, (size_t)len));
    }
    mutex_unlock(&inode->lock);
    if (len < 0) {
        len = GOFER_RETRY(gi, h, gofer_readlink(gofer_client_of(gi), h, text));
        if (len < 0)
            return len;
        gofer_keep_text(gi, text, (size_t)len);
        memcpy(buf, text, min(size, (size_t)len));
    }
    return min(len, (ssize_t)size);
}

const struct inode_ops gofer_inode_ops = {
    .lookup = lookup,
    .look_ahead = gofer_look_ahead_op,
    .revalidate = revalidate,
    .create = create,
    .mkdir = mkdir_op,
    .mknod = mknod_op,
    .symlink = symlink_op,
    .link = link_op,
    .unlink = unlink_op,
    .rmdir = rmdir_op,
    .rename = rename_op,
    .tmpfile = tmpfile_op,
    .readlink = readlink_op,
    .getattr = gofer_getattr_op,
    .setattr = gofer_setattr_op,
    .open = gofer_open_op,
    .getxattr = gofer_getxattr_op,
    .setxattr = gofer_setxattr_op,
    .listxattr = gofer_listxattr_op,
    .removexattr = gofer_removexattr_op,
    .release = gofer_release_op,
};
