/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a name in the layers of an overlay. A layer may be an overlay itself, so these are
 * called once for each level, on one stack: no buffers on it.
 */
#include <errno.h>
#include <string.h>

#include "sentry/fs/overlay_priv.h"

static int look(struct overlay *o, struct dentry *dir, const char *name, struct dentry **out)
{
    int err = dentry_lookup(dir, name, &o->actor, out);

    if (!err && !dentry_inode(*out)) {
        dentry_put(keep(*out));
        return -ENOENT;
    }
    return err;
}

/* Takes the next name off an absolute path. False: there is none. */
static bool next_name(const char **path, char name[256], int *err)
{
    const char *from = *path + strspn(*path, "/");
    size_t len = strcspn(from, "/");

    *path = from + len;
    *err = len > 255 ? -ENOENT : 0;
    if (len == 0 || *err)
        return false;
    memcpy(name, from, len);
    name[len] = '\0';
    return true;
}

/* Goes down from the root of a layer. */
static int look_path(struct overlay *o, struct dentry *root, const char *path, struct dentry **out)
{
    struct dentry *at = dentry_get(root), *next;
    char name[256];
    int err;

    while (next_name(&path, name, &err)) {
        err = look(o, at, name, &next);
        dentry_put(at);
        if (err)
            return err;
        at = next;
    }
    if (err)
        dentry_put(at);
    else
        *out = at;
    return err;
}

/*
 * Adds what one lower layer has. `d` is taken.
 *
 *   returns   whether lower ones may have more
 */
static bool add_lower(struct overlay_parts *p, struct dentry *d, bool is_last_layer)
{
    bool is_dir = inode_is(dentry_inode(d), S_IFDIR);
    bool first = !p->upper && p->nlower == 0;

    if (overlay_is_whiteout(d) || (!is_dir && !first)) {
        dentry_put(d);
        return false;
    }
    p->lower[p->nlower++] = d;
    return is_dir && (is_last_layer || !overlay_is_opaque(d));
}

static int add_lowers(struct overlay *o, struct overlay_inode *di, const char *name,
                      struct overlay_parts *p)
{
    for (unsigned i = 0; i < di->nlower; i++) {
        struct dentry *d;
        int err = look(o, di->lower[i], name, &d);
        if (err && err != -ENOENT && err != -ENOTDIR)
            return err;
        if (!err && !add_lower(p, d, i + 1 == di->nlower))
            break;
    }
    return 0;
}

/* The lower parts of a directory that was moved are where its redirect says, in any layer. */
static int add_redirected(struct overlay *o, const char *redirect, struct overlay_parts *p)
{
    for (unsigned i = 0; i < o->nlower; i++) {
        struct dentry *d;
        int err = look_path(o, o->lower[i].dentry, redirect, &d);
        if (err && err != -ENOENT && err != -ENOTDIR)
            return err;
        if (err)
            continue;
        if (!inode_is(dentry_inode(d), S_IFDIR)) {
            dentry_put(d);
            break;
        }
        if (!add_lower(p, d, i + 1 == o->nlower))
            break;
    }
    return 0;
}

/* What the upper layer says. `*done`: what is below does not matter. */
static int find_upper(struct overlay *o, struct overlay_inode *di, const char *name,
                      struct overlay_parts *p, bool *done)
{
    struct dentry *dir = overlay_upper(di), *d;

    *done = false;
    if (!dir)
        return 0;
    int err = look(o, dir, name, &d);
    if (err)
        return err == -ENOENT ? 0 : err;
    if (overlay_is_whiteout(d)) {
        dentry_put(d);
        *done = true;
        return -ENOENT;
    }
    p->upper = d;
    *done = !inode_is(dentry_inode(d), S_IFDIR);
    return 0;
}

static int find_dir_below(struct overlay *o, struct overlay_inode *di, const char *name,
                          struct overlay_parts *p)
{
    char *redirect;

    if (!p->upper)
        return add_lowers(o, di, name, p);
    int err = overlay_redirect(o, p->upper, &redirect);
    if (err)
        return err;
    if (redirect) {
        err = add_redirected(o, redirect, p);
        arena_free(redirect);
        return err;
    }
    return overlay_is_opaque(p->upper) ? 0 : add_lowers(o, di, name, p);
}

static int find_parts(struct overlay *o, struct overlay_inode *di, const char *name,
                      struct overlay_parts *p)
{
    bool done;

    *p = (struct overlay_parts){ 0 };
    if (atomic_load_explicit(&di->gone, memory_order_acquire))
        return -ENOENT;
    int err = find_upper(o, di, name, p, &done);
    if (!err && !done)
        err = find_dir_below(o, di, name, p);
    if (!err && !p->upper && p->nlower == 0)
        err = -ENOENT;
    if (err)
        overlay_parts_put(p);
    return err;
}

void overlay_look_ahead(struct inode *dir, const char *path, const struct actor *who)
{
    struct overlay_inode *di = overlay_inode_of(dir);

    (void)who;
    for (unsigned i = 0; i < di->nlower; i++)
        dentry_look_ahead(di->lower[i], path, &overlay_of(dir)->actor);
}

int overlay_lookup(struct inode *dir, const char *name, const struct actor *who, struct inode **out)
{
    struct overlay_inode *di = overlay_inode_of(dir);
    struct overlay *o = overlay_of(dir);
    struct overlay_parts parts;
    struct inode *i;

    (void)who;
    int err = find_parts(o, di, name, &parts);
    if (!err)
        err = overlay_inode_get(o, &parts, &i);
    if (err)
        return err;
    overlay_inode_place(overlay_inode_of(i), di, name);
    *out = i;
    return 0;
}

/* A lower layer that others change: does it still say what it said? */
int overlay_revalidate(struct inode *dir, const char *name, struct inode *inode)
{
    struct overlay_inode *di = overlay_inode_of(dir);
    struct overlay_inode *oi = inode ? overlay_inode_of(inode) : NULL;

    if ((oi && overlay_upper(oi)) || di->nlower == 0)
        return 1;
    struct inode *lower_dir = dentry_inode(di->lower[0]);
    if (!lower_dir->ops->revalidate)
        return 1;
    /* A name that only this overlay hides is as gone as before. */
    if (!oi && overlay_upper(di)) {
        struct dentry *d;
        if (dentry_lookup(overlay_upper(di), name, &overlay_of(dir)->actor, &d) == 0) {
            bool hidden = overlay_is_whiteout(d);
            dentry_put(d);
            if (hidden)
                return 1;
        }
    }
    int same = lower_dir->ops->revalidate(lower_dir, name, oi ? dentry_inode(oi->lower[0]) : NULL);
    if (same && oi)
        overlay_inode_refresh(oi);
    return same;
}
