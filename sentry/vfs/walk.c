/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to what it names.
 *
 * A cached component costs one lock, that of the directory's table. References
 * are held only to where the walk stands.
 *
 *   source    path_resolution(7), openat2(2)
 */
#include "sentry/vfs/walk_priv.h"

#include <errno.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/vfs_priv.h"

/* Cuts the next component off w->rest: w->last, kind and slash. */
static void next_component(struct walk *w)
{
    const char *s = w->rest;
    size_t n = 0;

    while (s[n] && s[n] != '/')
        n++;
    w->last = s;
    w->last_len = n;
    w->kind = n == 1 && s[0] == '.'                  ? LAST_DOT
              : n == 2 && s[0] == '.' && s[1] == '.' ? LAST_DOTDOT
                                                     : LAST_NAME;
    s += n;
    w->slash = *s == '/';
    while (*s == '/')
        s++;
    w->rest = s;
}

/* Are there components after the one just cut off? */
static bool has_more(const struct walk *w)
{
    if (*w->rest)
        return true;
    for (unsigned d = w->depth; d > 0; d--)
        if (*w->levels[d - 1].rest)
            return true;
    return false;
}

/* Where a link's text is gone through, what is left is that of the path it was in. */
static void pop_done(struct walk *w)
{
    while (*w->rest == '/')
        w->rest++;
    while (!*w->rest && w->depth > 0) {
        w->rest = w->levels[w->depth - 1].rest;
        walk_pop_level(w);
    }
}

/* w->at becomes what `d` (taken) names; where it is a link, goes on with that: as walk_link(). */
static int enter_link(struct walk *w, struct dentry *d)
{
    struct path dir;

    path_get(&w->at, &dir);
    int err = walk_enter(w, d);
    if (err) {
        path_put(&dir);
        return err;
    }
    return walk_link(w, &dir);
}

static int step_name(struct walk *w)
{
    struct dentry *d;
    int err = dentry_lookup_len(w->at.dentry, w->last, w->last_len, w->who, &d);

    if (err)
        return err;
    struct inode *i = dentry_inode(d);
    if (!i) {
        dentry_put(d);
        return -ENOENT;
    }
    if (likely(!inode_is(i, S_IFLNK)))
        return walk_enter(w, d);
    err = enter_link(w, d);
    return err < 0 ? err : 0;
}

/* Would what is found below here be found again? */
static bool is_plain(const struct inode *dir)
{
    return prefix_may_cross(dir->sb) && !dir->ops->permission;
}

static int go_to_last(struct walk *w)
{
    for (;;) {
        pop_done(w);
        if (!*w->rest) {
            w->kind = LAST_ROOT;
            w->slash = false;
            return 0;
        }
        if (!inode_is(walk_here(w), S_IFDIR))
            return -ENOTDIR;
        int err = inode_permission(walk_here(w), MAY_EXEC, w->who);
        if (err)
            return err;
        w->plain &= is_plain(walk_here(w));
        next_component(w);
        w->jumped = false;
        if (!has_more(w))
            return 0;
        if (likely(w->kind == LAST_NAME))
            err = step_name(w);
        else
            err = w->kind == LAST_DOTDOT ? walk_step_up(w) : 0;
        if (err)
            return err;
    }
}

int walk_to_last(struct walk *w)
{
    if (w->known) {
        w->known = false;
        next_component(w);
        return 0;
    }
    int err = go_to_last(w);
    /* Where the path's own last component is left, and not that of a link in it. */
    if (!err && w->keyed && w->plain && w->last == w->key.text + w->key.len)
        prefix_keep(vfs_of(w->who->arena), &w->key, &w->at, w->links);
    w->keyed = false;
    return err;
}

int walk_last_dot(struct walk *w)
{
    return w->kind == LAST_DOTDOT ? walk_step_up(w) : 0;
}

int walk_last_name(struct walk *w, struct dentry **out)
{
    return dentry_lookup_len(w->at.dentry, w->last, w->last_len, w->who, out);
}

/* The last component: 1 where it was a link, and there is more to go. */
static int finish_once(struct walk *w)
{
    struct dentry *d;

    if (w->kind != LAST_NAME)
        return walk_last_dot(w);
    if (w->slash)
        w->flags |= WALK_FOLLOW | WALK_DIRECTORY;
    int err = walk_last_name(w, &d);
    if (err)
        return err;
    if (!dentry_inode(d)) {
        dentry_put(d);
        return -ENOENT;
    }
    if (w->flags & WALK_FOLLOW && inode_is(dentry_inode(d), S_IFLNK))
        return enter_link(w, d);
    return walk_enter(w, d);
}

int walk_finish(struct walk *w)
{
    int more;

    while ((more = finish_once(w)) > 0) {
        int err = walk_to_last(w);
        if (err)
            return err;
    }
    if (more < 0)
        return more;
    if (w->flags & WALK_DIRECTORY && !inode_is(walk_here(w), S_IFDIR))
        return -ENOTDIR;
    return 0;
}

int walk(const struct actor *who, const struct path *base, const char *name, unsigned flags,
         struct path *out)
{
    struct walk w;
    int err = walk_start(&w, who, base, name, flags);

    if (!err)
        err = walk_to_last(&w);
    if (!err)
        err = walk_finish(&w);
    if (!err) {
        *out = w.at;
        w.at = (struct path){ 0 };
    }
    walk_end(&w);
    return err;
}

int walk_parent(const struct actor *who, const struct path *base, const char *name, unsigned flags,
                struct last *out)
{
    struct walk w;
    int err = walk_start(&w, who, base, name, flags);

    if (!err)
        err = walk_to_last(&w);
    if (!err && w.kind == LAST_NAME && w.last_len >= sizeof out->name)
        err = -ENAMETOOLONG;
    if (!err) {
        size_t n = w.kind == LAST_ROOT ? 0 : w.last_len;
        if (n > 0)
            memcpy(out->name, w.last, n);
        out->name[n] = '\0';
        out->slash = w.slash;
        out->dir = w.at;
        w.at = (struct path){ 0 };
    }
    walk_end(&w);
    return err;
}
