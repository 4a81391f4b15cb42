/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vfs says happened, and which watches hear of it: those of the inode, and those of
 * the directory its name stands in.
 *
 * The end of an inode: its last name goes, then its last user. If nobody has it open,
 * that is one moment, and its watches end with IN_DELETE_SELF and IN_IGNORED; otherwise
 * they let go of the name and wait for the inode to be freed.
 */
#include "sentry/fs/inotify_priv.h"
#include "sentry/vfs/dentry.h"

#define SELF_ONLY ((uint32_t)(IN_DELETE_SELF | IN_MOVE_SELF))
#define PINS      16 /* names that are let go of in one turn */

/* Names to be put once no lock is held. */
struct pins {
    struct dentry *at[PINS];
    int count;
};

static void put_pins(struct pins *p)
{
    while (p->count > 0)
        dentry_put(p->at[--p->count]);
}

static struct watches *list_of(const struct inode *inode)
{
    return atomic_load_explicit(&((struct inode *)inode)->watches, memory_order_acquire);
}

static void tell(struct watch *w, uint32_t mask, uint32_t cookie, const char *name)
{
    if (w->spent || !(w->mask & mask & IN_ALL_EVENTS))
        return;
    inotify_queue(w->owner, w->wd, mask, cookie, name);
    w->spent = w->mask & IN_ONESHOT;
}

/* As many as fit into one turn. Returns whether there may be more. */
static bool end_spent(struct inode *inode)
{
    struct mutex *lock = notify_lock(inode->sb->arena);
    struct pins pins = { .count = 0 };
    struct watch *w;
    struct list *tmp;

    mutex_lock(lock);
    list_for_each_safe (w, tmp, &list_of(inode)->list, inode_node) {
        if (pins.count == PINS)
            break;
        if (w->spent)
            inotify_end_watch(w, &pins.at[pins.count++]);
    }
    mutex_unlock(lock);
    bool more = pins.count == PINS;
    put_pins(&pins);
    return more;
}

/* `gone`: the name is no longer in the tree, which IN_EXCL_UNLINK does not want to hear of. */
static void tell_all(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name,
                     bool gone)
{
    struct watches *list = list_of(inode);
    struct mutex *lock = notify_lock(inode->sb->arena);
    struct watch *w;
    bool spent = false;

    if (!list)
        return;
    mutex_lock(lock);
    list_for_each (w, &list->list, inode_node) {
        if (!(gone && w->mask & IN_EXCL_UNLINK))
            tell(w, mask, cookie, name);
        spent |= w->spent;
    }
    mutex_unlock(lock);
    while (spent)
        spent = end_spent(inode);
}

static void end_one(struct watch *w, struct pins *pins)
{
    if (w->mask & IN_DELETE_SELF)
        inotify_queue(w->owner, w->wd, IN_DELETE_SELF, 0, NULL);
    inotify_end_watch(w, &pins->at[pins->count++]);
}

/* As many as fit into one turn. Returns whether there are more. */
static bool end_some(struct inode *inode, bool busy)
{
    struct mutex *lock = notify_lock(inode->sb->arena);
    struct pins pins = { .count = 0 };
    struct watch *w;
    struct list *tmp;

    mutex_lock(lock);
    list_for_each_safe (w, tmp, &list_of(inode)->list, inode_node) {
        if (pins.count == PINS)
            break;
        if (!busy)
            end_one(w, &pins);
        else if (w->pin)
            pins.at[pins.count++] = keep(w->pin);
    }
    mutex_unlock(lock);
    bool more = pins.count == PINS;
    put_pins(&pins);
    return more;
}

static void end_all(struct inode *inode, bool busy)
{
    if (!list_of(inode))
        return;
    while (end_some(inode, busy))
        continue;
}

/* The name of an inode is gone, and no other is left. */
static bool is_last_name(struct inode *inode, const struct dentry *at, uint32_t mask)
{
    if (!dentry_is_deleted(at))
        return false;
    if (mask & IN_DELETE_SELF)
        return true;
    mutex_lock(&inode->lock);
    bool last = inode->attr.nlink == 0;
    mutex_unlock(&inode->lock);
    return mask == IN_ATTRIB && last;
}

static void tell_parent(struct dentry *at, uint32_t mask, uint32_t cookie)
{
    scoped(dentry) struct dentry *parent = dentry_parent(at);
    char name[256];

    if (parent == at || !list_of(dentry_inode(parent)))
        return;
    dentry_name(at, name, sizeof name);
    tell_all(dentry_inode(parent), mask, cookie, name, dentry_is_deleted(at));
}

static void event(struct dentry *at, uint32_t mask, uint32_t cookie)
{
    struct inode *inode = dentry_inode(at);
    uint32_t flags = inode && inode_is(inode, S_IFDIR) ? IN_ISDIR : 0;

    if (!inode)
        return;
    if (mask != IN_DELETE_SELF)
        tell_all(inode, mask | (mask & SELF_ONLY ? 0 : flags), cookie, NULL, false);
    if (!(mask & SELF_ONLY) && !(mask == IN_ATTRIB && dentry_is_deleted(at)))
        tell_parent(at, mask | flags, cookie);
    if (is_last_name(inode, at, mask))
        end_all(inode, ref_count(&inode->ref) > 1);
}

static void name_event(struct inode *dir, const char *name, bool is_dir, uint32_t mask,
                       uint32_t cookie)
{
    tell_all(dir, mask | (is_dir ? IN_ISDIR : 0), cookie, name, false);
}

static void inode_gone(struct inode *inode)
{
    end_all(inode, false);
    arena_free(atomic_exchange(&inode->watches, NULL));
}

const struct vfs_hooks inotify_hooks = {
    .event = event,
    .name_event = name_event,
    .inode_gone = inode_gone,
};
