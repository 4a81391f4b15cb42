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

int overlay_redirect(struct overlay *o, const struct dentry *d, char **out)
{
    struct inode *i = dentry_inode(d);
    ssize_t n = i->ops->getxattr ? i->ops->getxattr(i, OVERLAY_REDIRECT, NULL, 0) : -ENODATA;

    *out = NULL;
    if (n <= 0)
        return n == -ENODATA || n == -EOPNOTSUPP ? 0 : (int)n;
    char *text = arena_alloc(o->sb.arena, (size_t)n + 1);
    if (!text)
        return -ENOMEM;
    n = i->ops->getxattr(i, OVERLAY_REDIRECT, text, (size_t)n);
    if (n < 0) {
        arena_free(text);
        return (int)n;
    }
    text[n] = '\0';
    *out = text;
    return 0;
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

bool overlay_is_upper_of(const struct dentry *d, const struct overlay_inode *oi)
{
    const struct dentry *upper = overlay_upper(oi);

    return upper && dentry_inode(d) == dentry_inode(upper);
}

/* In place of a whiteout, which is claimed: where that fails, it stands there again. */
static int make_over_whiteout(struct overlay_inode *di, struct dentry *whiteout, const char *name,
                              const struct name_new *what, const struct actor *who,
                              struct dentry **made)
{
    static const struct name_new again = { .mode = S_IFCHR };
    struct overlay *o = overlay_of(&di->inode);
    struct dentry *dir = overlay_upper(di), *d;

    int err = name_remove(dir, whiteout);
    if (!err)
        err = name_claim(dir, name, &o->actor, &d);
    if (err)
        return err;
    err = dentry_inode(d) ? -EEXIST : name_make(who, dir, d, what);
    if (!err)
        *made = dentry_get(d);
    else if (!dentry_inode(d) && name_make(&o->actor, dir, d, &again))
        err = -EIO;
    name_unclaim(d);
    dentry_put(d);
    return err;
}

int overlay_make_upper(struct overlay_inode *di, const char *name, const struct name_new *what,
                       const struct actor *who, struct dentry **made)
{
    struct dentry *dir = overlay_upper(di), *d;
    int err = name_claim(dir, name, &overlay_of(&di->inode)->actor, &d);

    if (err)
        return err;
    if (dentry_inode(d)) {
        err = overlay_is_whiteout(d) ? make_over_whiteout(di, d, name, what, who, made) : -EEXIST;
    } else {
        err = name_make(who, dir, d, what);
        if (!err)
            *made = dentry_get(d);
    }
    name_unclaim(d);
    dentry_put(d);
    return err;
}

int overlay_whiteout(struct overlay_inode *di, const char *name)
{
    struct name_new what = { .mode = S_IFCHR };
    struct dentry *d;
    int err = overlay_make_upper(di, name, &what, &overlay_of(&di->inode)->actor, &d);

    if (!err)
        dentry_put(d);
    return err;
}

int overlay_upper_has(struct overlay_inode *di, const char *name, const struct overlay_inode *oi,
                      bool *has)
{
    struct dentry *d;
    int err = dentry_lookup(overlay_upper(di), name, &overlay_of(&di->inode)->actor, &d);

    if (err)
        return err;
    *has = dentry_inode(d) != NULL;
    if (*has && !overlay_is_upper_of(d, oi))
        err = -ESTALE;
    dentry_put(d);
    return err;
}

int overlay_remove(struct overlay *o, struct dentry *dir, const char *name,
                   const struct inode *what)
{
    struct dentry *d;
    int err = name_claim(dir, name, &o->actor, &d);

    if (err)
        return err;
    err = dentry_inode(d) == what ? name_remove(dir, d) : -ESTALE;
    name_unclaim(d);
    dentry_put(d);
    return err;
}

/* ---- the work directory ---- */

/* Another name, that nobody has used since this mount. */
static void next_temp(struct overlay *o, struct overlay_temp *t)
{
    uint64_t n = atomic_fetch_add_explicit(&o->next_temp, 1, memory_order_relaxed);

    snprintf(t->name, sizeof t->name, "#%lx", (unsigned long)n);
}

int overlay_temp_make(struct overlay *o, const struct name_new *what, struct overlay_temp *t)
{
    for (;;) {
        next_temp(o, t);
        int err = name_claim(o->work.dentry, t->name, &o->actor, &t->dentry);
        if (err)
            return err;
        bool used = dentry_inode(t->dentry); /* left by a mount before us */
        err = used ? 0 : name_make(&o->actor, o->work.dentry, t->dentry, what);
        name_unclaim(t->dentry);
        if (!used && !err)
            return 0;
        dentry_put(keep(t->dentry));
        if (err)
            return err;
    }
}

void overlay_temp_remove(struct overlay *o, struct overlay_temp *t)
{
    /* Where somebody has interfered it stays in the work directory, as in Linux. */
    int err = overlay_remove(o, o->work.dentry, t->name, dentry_inode(t->dentry));
    (void)err;
    dentry_put(keep(t->dentry));
}

int overlay_set_aside(struct overlay_inode *di, const char *name, const struct overlay_inode *oi,
                      unsigned flags, struct overlay_temp *t)
{
    struct overlay *o = overlay_of(&di->inode);
    struct name_pair p = { .from_dir = overlay_upper(di), .to_dir = o->work.dentry };
    bool used;

    do {
        next_temp(o, t);
        int err = name_claim_pair(&p, name, t->name, &o->actor);
        if (err)
            return err;
        used = dentry_inode(p.to);
        if (used)
            name_unclaim_pair(&p);
    } while (used);
    int err = overlay_is_upper_of(p.from, oi) ? name_rename(&p, flags) : -ESTALE;
    if (!err)
        t->dentry = dentry_get(p.from);
    name_unclaim_pair(&p);
    return err;
}

int overlay_bring_back(struct overlay_inode *di, const char *name, struct overlay_temp *t)
{
    struct overlay *o = overlay_of(&di->inode);
    struct name_pair p = { .from_dir = o->work.dentry, .to_dir = overlay_upper(di) };
    int err = name_claim_pair(&p, t->name, name, &o->actor);

    if (!err) {
        bool still = dentry_inode(p.from) == dentry_inode(t->dentry) && !dentry_inode(p.to);
        err = still ? name_rename(&p, 0) : -ESTALE;
        name_unclaim_pair(&p);
    }
    dentry_put(keep(t->dentry));
    return err;
}

struct path overlay_layer_path(struct overlay_inode *oi, bool upper)
{
    struct overlay *o = overlay_of(&oi->inode);

    if (upper)
        return (struct path){ o->upper.mnt, overlay_upper(oi) };
    const struct path *layer = layer_of(o, oi->lower[0]);
    return (struct path){ layer ? layer->mnt : o->lower[0].mnt, oi->lower[0] };
}
