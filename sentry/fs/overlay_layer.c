/* SPDX-License-Identifier: Apache-2.0 */
/* What an overlay asks of its layers, and the marks it leaves on the upper one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sentry/fs/overlay_priv.h"

#define REDIRECT_MAX 3500 /* bytes: with a name behind it, still a path */

bool overlay_is_whiteout(const struct dentry *d)
{
    const struct inode *i = dentry_inode(d);

    return i && inode_is(i, S_IFCHR) && i->attr.rdev == 0;
}

bool overlay_is_opaque(const struct dentry *d)
{
    struct inode *i = dentry_inode(d);
    char value[2];

    return i->ops->getxattr && i->ops->getxattr(i, OVERLAY_OPAQUE, value, sizeof value) == 1 &&
           value[0] == 'y';
}

static int set_mark(struct dentry *d, const char *name, const char *value)
{
    struct inode *i = dentry_inode(d);

    if (!i->ops->setxattr)
        return -EOPNOTSUPP;
    return i->ops->setxattr(i, name, value, strlen(value), 0);
}

int overlay_set_opaque(struct dentry *d)
{
    return set_mark(d, OVERLAY_OPAQUE, "y");
}

/* Which layer a lower dentry is of, so that its path can be told. */
static const struct path *layer_of(struct overlay *o, struct dentry *d)
{
    if (o->nlower == 1)
        return &o->lower[0];
    for (unsigned i = 0; i < o->nlower; i++)
        if (dentry_is_under(d, o->lower[i].dentry))
            return &o->lower[i];
    return NULL;
}

int overlay_set_redirect(struct overlay *o, struct overlay_inode *oi)
{
    const struct path *layer = layer_of(o, oi->lower[0]);
    char text[4096];

    if (!layer)
        return -EXDEV;
    struct path at = { layer->mnt, oi->lower[0] };
    ssize_t n = path_print(&o->actor, &at, text, sizeof text);
    if (n < 0 || n > REDIRECT_MAX)
        return -EXDEV;
    return set_mark(overlay_upper(oi), OVERLAY_REDIRECT, text);
}

ssize_t overlay_redirect(const struct dentry *d, char *buf, size_t size)
{
    struct inode *i = dentry_inode(d);
    ssize_t n = i->ops->getxattr ? i->ops->getxattr(i, OVERLAY_REDIRECT, buf, size - 1) : -ENODATA;

    if (n < 0)
        return n == -ENODATA || n == -EOPNOTSUPP ? 0 : n;
    buf[n] = '\0';
    return n;
}

int overlay_lower_has(struct overlay_inode *di, const char *name, bool *has, bool *is_dir)
{
    struct overlay *o = overlay_of(&di->inode);

    *has = *is_dir = false;
    for (unsigned i = 0; i < di->nlower && !*has; i++) {
        struct dentry *d;
        int err = dentry_lookup(di->lower[i], name, &o->actor, &d);
        if (err)
            return err;
        bool whiteout = overlay_is_whiteout(d);
        if (dentry_inode(d) && !whiteout) {
            *has = true;
            *is_dir = inode_is(dentry_inode(d), S_IFDIR);
        }
        dentry_put(d);
        if (whiteout)
            break;
    }
    return 0;
}

int overlay_claim_free(struct overlay_inode *di, const char *name, struct dentry **out)
{
    struct overlay *o = overlay_of(&di->inode);
    struct dentry *dir = overlay_upper(di);

    for (;;) {
        int err = name_claim(dir, name, &o->actor, out);
        if (err || !dentry_inode(*out))
            return err;
        err = overlay_is_whiteout(*out) ? name_remove(dir, *out) : -EEXIST;
        name_unclaim(*out);
        dentry_put(keep(*out));
        if (err)
            return err;
    }
}

int overlay_whiteout(struct overlay_inode *di, const char *name)
{
    struct overlay *o = overlay_of(&di->inode);
    struct name_new what = { .mode = S_IFCHR };
    struct dentry *d;
    int err = overlay_claim_free(di, name, &d);

    if (err)
        return err;
    err = name_make(&o->actor, overlay_upper(di), d, &what);
    name_unclaim(d);
    dentry_put(d);
    return err;
}

int overlay_remove_upper(struct overlay_inode *di, const char *name)
{
    struct overlay *o = overlay_of(&di->inode);
    struct dentry *d;
    int err = name_claim(overlay_upper(di), name, &o->actor, &d);

    if (err)
        return err;
    if (dentry_inode(d))
        err = name_remove(overlay_upper(di), d);
    name_unclaim(d);
    dentry_put(d);
    return err;
}

int overlay_claim_temp(struct overlay *o, struct dentry **out)
{
    char name[32];

    for (;;) {
        uint64_t n = atomic_fetch_add_explicit(&o->next_temp, 1, memory_order_relaxed);
        snprintf(name, sizeof name, "#%lx", (unsigned long)n);
        int err = name_claim(o->work.dentry, name, &o->actor, out);
        if (err || !dentry_inode(*out))
            return err;
        /* Left by a mount before us. */
        name_unclaim(*out);
        dentry_put(keep(*out));
    }
}

struct path overlay_layer_path(struct overlay_inode *oi, bool upper)
{
    struct overlay *o = overlay_of(&oi->inode);

    if (upper)
        return (struct path){ o->upper.mnt, overlay_upper(oi) };
    const struct path *layer = layer_of(o, oi->lower[0]);
    return (struct path){ layer ? layer->mnt : o->lower[0].mnt, oi->lower[0] };
}
