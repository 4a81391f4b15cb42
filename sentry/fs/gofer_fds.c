/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Donated descriptors, one for reading and one for writing at most, whoever has the
 * file open how often; and one for writing only where the gofer may not read the file.
 * When the last user goes they are kept for the next, in a list of bounded length; so
 * opening a file again asks nobody.
 */
#include <errno.h>

#include "base/host.h"
#include "sentry/fs/gofer_priv.h"

int gofer_fds_any(const struct gofer_inode *gi)
{
    struct arena *a = gi->inode.sb->arena;

    if (gi->fd_write.n)
        return hostfd_get(a, gi->fd_write);
    return hostfd_get(a, gi->fd_read.n ? gi->fd_read : gi->fd_wo);
}

static bool is_open(const struct gofer_inode *gi, hostfd_t fd)
{
    /* After a restore there is a number, and no descriptor. */
    return fd.n != 0 && hostfd_get(gi->inode.sb->arena, fd) >= 0;
}

/* One that will do. */
static bool find_locked(struct gofer_inode *gi, unsigned access, hostfd_t *out)
    HOLDS(gi->inode.lock);
static bool find_locked(struct gofer_inode *gi, unsigned access, hostfd_t *out)
{
    if (is_open(gi, gi->fd_write))
        *out = gi->fd_write;
    else if (access == GOFER_OPEN_READ && is_open(gi, gi->fd_read))
        *out = gi->fd_read;
    else if (access == GOFER_OPEN_WRITE && is_open(gi, gi->fd_wo))
        *out = gi->fd_wo;
    else
        return false;
    atomic_fetch_add_explicit(&gi->users, 1, memory_order_relaxed);
    return true;
}

/* Keeps a descriptor unless there is one like it by now. */
static void keep_locked(struct gofer_inode *gi, hostfd_t *place, hostfd_t *fresh)
    HOLDS(gi->inode.lock);
static void keep_locked(struct gofer_inode *gi, hostfd_t *place, hostfd_t *fresh)
{
    hostfd_t was = *place;

    if (is_open(gi, was))
        return;
    *place = *fresh;
    *fresh = was;
}

/* What is asked of the gofer for an access: what is written can mostly be read, and will be. */
static int ask(struct gofer_inode *gi, unsigned access, bool *write_only, int *fd)
{
    struct gofer_client *c = gofer_client_of(gi);
    struct gofer_seq seq = gofer_attr_seq(gi);
    struct gofer_attr attr;
    gofer_handle_t h;
    int err;

    *write_only = false;
    if (access == GOFER_OPEN_WRITE) {
        err = GOFER_RETRY(gi, h, gofer_open(c, h, GOFER_OPEN_READ | GOFER_OPEN_WRITE, &attr, fd));
        if (err == -EACCES) {
            err = GOFER_RETRY(gi, h, gofer_open(c, h, GOFER_OPEN_WRITE, &attr, fd));
            *write_only = !err;
        }
    } else {
        err = GOFER_RETRY(gi, h, gofer_open(c, h, access, &attr, fd));
    }
    if (!err)
        gofer_attr_apply(gi, &attr, seq);
    return err;
}

/* Puts it at the young end of the idle, with a reference. True: it was not there already. */
static bool push_idle_locked(struct gofer_sb *sb, struct gofer_inode *gi) HOLDS(sb->lock);
static bool push_idle_locked(struct gofer_sb *sb, struct gofer_inode *gi)
{
    bool fresh = !list_is_linked(&gi->idle);

    if (fresh) {
        inode_get(&gi->inode);
        sb->nidle++;
    } else {
        list_del(&gi->idle);
    }
    list_push_back(&sb->idle, &gi->idle);
    return fresh;
}

/* The oldest idle one where there are more than `max`: its reference passes to the caller. */
static struct gofer_inode *pop_idle(struct gofer_sb *sb, uint32_t max)
{
    struct gofer_inode *gi = NULL;

    mutex_lock(&sb->lock);
    if (sb->nidle > max) {
        gi = list_pop_front(&sb->idle, struct gofer_inode, idle);
        sb->nidle--;
    }
    mutex_unlock(&sb->lock);
    return gi;
}

/*
 * Closes what nobody uses. May be called under RANK_MM, so the lock is only tried: a
 * file that is looked at just now keeps its descriptors until it is next idle.
 */
static void close_unused(struct gofer_inode *gi)
{
    if (!mutex_trylock(&gi->inode.lock))
        return;
    if (atomic_load_explicit(&gi->users, memory_order_relaxed) == 0) {
        gofer_windows_drop(gi);
        gofer_view_drop(gi);
        gofer_fds_close(gi);
    }
    mutex_unlock(&gi->inode.lock);
}

static void trim_idle(struct gofer_sb *sb, uint32_t max)
{
    struct gofer_inode *gi;

    while ((gi = pop_idle(sb, max)) != NULL) {
        close_unused(gi);
        inode_put(&gi->inode);
    }
}

/* Asks; where no descriptor is free, again without those that are only kept. */
static int ask_for_room(struct gofer_inode *gi, unsigned access, bool *write_only, hostfd_t *out)
{
    int fd, err = ask(gi, access, write_only, &fd);

    if (err == -ENFILE || err == -EMFILE) {
        trim_idle(gofer_sb_of(gi), 0);
        err = ask(gi, access, write_only, &fd);
    }
    if (!err)
        err = hostfd_add(gi->inode.sb->arena, fd, out);
    /* EMFILE is for a guest process that has too many of its own. */
    return err == -EMFILE ? -ENFILE : err;
}

int gofer_fds_get(struct gofer_inode *gi, unsigned access, hostfd_t *out)
{
    struct arena *a = gi->inode.sb->arena;
    hostfd_t fresh;
    bool write_only;

    mutex_lock(&gi->inode.lock);
    bool found = find_locked(gi, access, out);
    mutex_unlock(&gi->inode.lock);
    if (found)
        return 0;
    int err = ask_for_room(gi, access, &write_only, &fresh);
    if (err)
        return err;
    hostfd_t *place = write_only                  ? &gi->fd_wo
                      : access & GOFER_OPEN_WRITE ? &gi->fd_write
                                                  : &gi->fd_read;
    mutex_lock(&gi->inode.lock);
    keep_locked(gi, place, &fresh);
    *out = *place;
    atomic_fetch_add_explicit(&gi->users, 1, memory_order_relaxed);
    mutex_unlock(&gi->inode.lock);
    hostfd_del(a, fresh);
    return 0;
}

void gofer_fds_share(struct gofer_inode *gi)
{
    atomic_fetch_add_explicit(&gi->users, 1, memory_order_relaxed);
}

/* Takes it off the idle: true where it was there, and the reference passes to the caller. */
static bool take_idle(struct gofer_sb *sb, struct gofer_inode *gi)
{
    mutex_lock(&sb->lock);
    bool idle = list_is_linked(&gi->idle);
    if (idle) {
        list_del(&gi->idle);
        sb->nidle--;
    }
    mutex_unlock(&sb->lock);
    return idle;
}

/* A file without a name is not opened again: to keep it would keep its bytes on the host's disk. */
void gofer_fds_forget(struct gofer_inode *gi)
{
    bool idle = take_idle(gofer_sb_of(gi), gi);

    close_unused(gi);
    if (idle)
        inode_put(&gi->inode);
}

void gofer_fds_put(struct gofer_inode *gi)
{
    struct gofer_sb *sb = gofer_sb_of(gi);

    if (atomic_fetch_sub_explicit(&gi->users, 1, memory_order_acq_rel) != 1)
        return;
    mutex_lock(&sb->lock);
    bool has_name = gi->parent || gi == sb->root;
    bool fresh = has_name && push_idle_locked(sb, gi);
    mutex_unlock(&sb->lock);
    if (!has_name)
        gofer_fds_forget(gi);
    else if (fresh)
        trim_idle(sb, GOFER_IDLE_MAX);
}

void gofer_fds_adopt(struct gofer_inode *gi, int fd)
{
    struct arena *a = gi->inode.sb->arena;
    hostfd_t fresh;

    /* Without one, or where it is closed for want of room, the first open will ask. */
    if (fd < 0 || hostfd_add(a, fd, &fresh) < 0)
        return;
    mutex_lock(&gi->inode.lock);
    keep_locked(gi, &gi->fd_write, &fresh);
    atomic_fetch_add_explicit(&gi->users, 1, memory_order_relaxed);
    mutex_unlock(&gi->inode.lock);
    hostfd_del(a, fresh);
    gofer_fds_put(gi);
}

void gofer_fds_close(struct gofer_inode *gi)
{
    struct arena *a = gi->inode.sb->arena;

    hostfd_del(a, gi->fd_read);
    hostfd_del(a, gi->fd_write);
    hostfd_del(a, gi->fd_wo);
    gi->fd_read = gi->fd_write = gi->fd_wo = HOSTFD_NONE;
}

void gofer_drop_caches_op(struct superblock *s)
{
    struct gofer_sb *sb = container_of(s, struct gofer_sb, sb);

    gofer_lists_drop(sb);
    gofer_ahead_drop(sb);
    trim_idle(sb, 0);
}
