/* SPDX-License-Identifier: Apache-2.0 */
/* Where a walk starts, and its single steps: down, up, over mounts, through links. */
#include <errno.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"
#include "sentry/vfs/walk_priv.h"

#define SCOPED (WALK_BENEATH | WALK_IN_ROOT)
/* A walk that asks what it meets. */
#define CURIOUS (SCOPED | WALK_NO_XDEV | WALK_NO_MAGICLINKS | WALK_NO_SYMLINKS | WALK_CACHED)

struct inode *walk_here(const struct walk *w)
{
    return dentry_inode(w->at.dentry);
}

static void need_root(struct walk *w)
{
    if (path_is_set(&w->root))
        return;
    if (w->who->fs)
        fs_context_root(w->who->fs, &w->root);
    else
        path_get(&w->at, &w->root); /* the sentry's own walks: where they start */
}

static void go_to(struct walk *w, struct path to)
{
    struct path old = w->at;

    w->at = to;
    path_put(&old);
}

/* An absolute path, or link. */
static int go_to_root(struct walk *w)
{
    struct path root;

    if (w->flags & WALK_BENEATH)
        return -EXDEV;
    need_root(w);
    if (w->flags & WALK_NO_XDEV && path_is_set(&w->at) && w->at.mnt != w->root.mnt)
        return -EXDEV;
    path_get(&w->root, &root);
    go_to(w, root);
    return 0;
}

/* Starts where the path's prefix leads to, where that is known. */
static bool start_behind_prefix(struct walk *w, const struct path *base)
{
    if (w->flags & CURIOUS || !prefix_key(w->who, base, w->rest, &w->key))
        return false;
    w->known = prefix_find(vfs_of(w->who->arena), &w->key, &w->at, &w->links);
    w->keyed = w->plain = !w->known;
    if (w->known)
        w->rest += w->key.len;
    return w->known;
}

int walk_start(struct walk *w, const struct actor *who, const struct path *base, const char *name,
               unsigned flags)
{
    /* The texts need no clearing: they are most of it. */
    memset(w, 0, offsetof(struct walk, levels));
    w->who = who;
    w->rest = name;
    w->flags = flags;
    if (!*name && !(flags & WALK_EMPTY))
        return -ENOENT;
    if (start_behind_prefix(w, base))
        return 0;
    if (*name == '/' && !(flags & SCOPED)) {
        need_root(w);
        path_get(&w->root, &w->at);
        return 0;
    }
    if (*name == '/' && flags & WALK_BENEATH)
        return -EXDEV;
    if (base && !path_is_set(base))
        return -ENOTDIR; /* a pipe, a socket */
    if (base)
        path_get(base, &w->at);
    else if (who->fs)
        fs_context_cwd(who->fs, &w->at);
    else
        return -ENOENT;
    if (flags & SCOPED) {
        path_get(&w->at, &w->root);
        w->moves = atomic_load_explicit(&vfs_of(who->arena)->moves, memory_order_acquire);
    }
    return 0;
}

void walk_pop_level(struct walk *w)
{
    struct walk_level *l = &w->levels[--w->depth];

    arena_free(l->memory);
    w->text_used = l->text;
}

void walk_end(struct walk *w)
{
    while (w->depth > 0)
        walk_pop_level(w);
    path_put(&w->at);
    path_put(&w->root);
}

/* In a scoped walk, a ".." is only trusted where nothing was moved meanwhile. */
static int check_scope(struct walk *w)
{
    if (!(w->flags & SCOPED))
        return 0;
    uint32_t now = atomic_load_explicit(&vfs_of(w->who->arena)->moves, memory_order_acquire);
    return now == w->moves ? 0 : -EAGAIN;
}

int walk_step_up(struct walk *w)
{
    need_root(w);
    for (;;) {
        if (w->at.dentry == w->root.dentry && w->at.mnt == w->root.mnt)
            return w->flags & WALK_BENEATH ? -EXDEV : 0;
        if (w->at.dentry != w->at.mnt->root)
            break;
        struct path up;
        path_get(&w->at, &up);
        if (!path_follow_up(&up)) {
            path_put(&up);
            return 0; /* the root of all */
        }
        go_to(w, up);
        if (w->flags & WALK_NO_XDEV)
            return -EXDEV;
    }
    struct dentry *old = w->at.dentry;
    w->at.dentry = dentry_parent(old);
    dentry_put(old);
    int err = check_scope(w);
    if (err)
        return err;
    struct mount *was = w->at.mnt;
    path_follow_mounts(&w->at);
    return w->flags & WALK_NO_XDEV && was != w->at.mnt ? -EXDEV : 0;
}

int walk_enter(struct walk *w, struct dentry *d)
{
    struct dentry *old = w->at.dentry;
    struct mount *was = w->at.mnt;

    w->at.dentry = d;
    dentry_put(old);
    if (likely(atomic_load_explicit(&d->mounts, memory_order_relaxed) == 0))
        return 0;
    path_follow_mounts(&w->at);
    return w->flags & WALK_NO_XDEV && was != w->at.mnt ? -EXDEV : 0;
}

/* Room for a text of `len` bytes and its NUL that lives as long as the level on top. */
static char *text_alloc(struct walk *w, struct walk_level *l, size_t len)
{
    if (len < WALK_TEXT - w->text_used) {
        char *text = w->text + w->text_used;
        w->text_used += len + 1;
        return text;
    }
    l->memory = arena_alloc(w->who->arena, len + 1);
    return l->memory;
}

/* What is left of the path waits until `text` is gone through. */
static int push_text(struct walk *w, const char *text, size_t len)
{
    struct walk_level *l;

    assert(w->depth < WALK_LINKS_MAX); /* each level is a link, and those are counted */
    l = &w->levels[w->depth];
    *l = (struct walk_level){ .rest = w->rest, .text = w->text_used };
    char *copy = text_alloc(w, l, len);
    if (!copy)
        return -ENOMEM;
    w->depth++;
    memcpy(copy, text, len);
    copy[len] = '\0';
    w->rest = copy;
    return 0;
}

/* A link of procfs: its target is a place, not a text. */
static int jump(struct walk *w, struct inode *link)
{
    struct path to;

    if (w->flags & (WALK_NO_MAGICLINKS | SCOPED))
        return w->flags & WALK_NO_MAGICLINKS ? -ELOOP : -EXDEV;
    int err = link->ops->follow(link, w->who, &to);
    if (err)
        return err;
    bool crossed = to.mnt != w->at.mnt;
    go_to(w, to);
    w->jumped = true;
    return crossed && w->flags & WALK_NO_XDEV ? -EXDEV : 0;
}

int walk_link(struct walk *w, struct path *dir)
{
    struct inode *link = walk_here(w);
    char text[4096];

    if (w->flags & WALK_NO_SYMLINKS || ++w->links > WALK_LINKS_MAX) {
        path_put(dir);
        return -ELOOP;
    }
    if (link->ops->follow || mount_flags(w->at.mnt) & MS_STRICTATIME)
        w->plain = false;
    if (link->ops->follow) {
        int err = jump(w, link);
        path_put(dir);
        return err;
    }
    ssize_t n =
        link->ops->readlink ? link->ops->readlink(link, w->who, text, sizeof text) : -EINVAL;
    if (n > 0)
        inode_accessed(link, w->at.mnt);
    go_to(w, *dir); /* a relative link starts where it stands */
    if (n <= 0)
        return n < 0 ? (int)n : -ENOENT;
    if ((size_t)n >= sizeof text)
        return -ENAMETOOLONG;
    int err = push_text(w, text, (size_t)n);
    if (err)
        return err;
    if (*text == '/') {
        err = go_to_root(w);
        if (err)
            return err;
    }
    return 1;
}
