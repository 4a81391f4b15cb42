/* SPDX-License-Identifier: Apache-2.0 */
/* One overlay: its layers, its options, its birth and its end. */
#include "sentry/fs/overlay.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/overlay_priv.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/vfs/mount.h"

static const struct slab_type overlay_slab =
    SLAB_TYPE(overlay, struct overlay,
              .const_ptrs = { PTR_AT(struct overlay, sb.ops), PTR_AT(struct overlay, sb.type) });

static struct overlay *of(struct superblock *sb)
{
    return container_of(sb, struct overlay, sb);
}

static int overlay_statfs(struct superblock *sb, struct statfs *out)
{
    struct overlay *o = of(sb);
    const struct path *top = path_is_set(&o->upper) ? &o->upper : &o->lower[0];

    return superblock_statfs(dentry_inode(top->dentry)->sb, out);
}

static int overlay_sync(struct superblock *sb)
{
    struct overlay *o = of(sb);

    return path_is_set(&o->upper) ? superblock_sync(dentry_inode(o->upper.dentry)->sb) : 0;
}

static void overlay_show_options(struct superblock *sb, char *buf, size_t size)
{
    snprintf(buf, size, "%s", of(sb)->shown ? of(sb)->shown : "");
}

static int overlay_reconfigure(struct superblock *sb, const char *options, const struct actor *who)
{
    (void)sb, (void)options,
        (void)who; /* as Linux: options of the first mount stay, and no error is given */
    return 0;
}

static void overlay_unmounted(struct superblock *sb)
{
    overlay_unpin_all(of(sb));
}

static void overlay_sb_release(struct superblock *sb)
{
    struct overlay *o = of(sb);

    path_put(&o->upper);
    path_put(&o->work);
    for (unsigned i = 0; i < o->nlower; i++)
        path_put(&o->lower[i]);
    cred_put(o->cred);
    if (o->by_upper.buckets != o->upper_buckets)
        arena_free(o->by_upper.buckets);
    if (o->by_lower.buckets != o->lower_buckets)
        arena_free(o->by_lower.buckets);
    arena_free(o->shown);
    slab_free(o);
}

static const struct superblock_ops overlay_sb_ops = {
    .statfs = overlay_statfs,
    .sync = overlay_sync,
    .show_options = overlay_show_options,
    .reconfigure = overlay_reconfigure,
    .unmounted = overlay_unmounted,
    .release = overlay_sb_release,
};

static struct overlay *overlay_new(const struct actor *who)
{
    struct overlay *o = slab_alloc(who->arena, &overlay_slab);

    if (!o)
        return NULL;
    if (cred_copy(who->cred, &o->cred)) {
        slab_free(o);
        return NULL;
    }
    o->actor = (struct actor){ .arena = who->arena, .cred = o->cred };
    superblock_init(&o->sb, who->arena, &overlay_sb_ops, "overlay", OVERLAYFS_SUPER_MAGIC, 0);
    mutex_init(&o->table_lock, RANK_DENTRY);
    htab_init(&o->by_lower, o->lower_buckets, OVERLAY_BUCKETS);
    htab_init(&o->by_upper, o->upper_buckets, OVERLAY_BUCKETS);
    return o;
}

/* Names stay true where they do in all layers. */
static uint32_t cache_flags(const struct overlay *o)
{
    for (unsigned i = 0; i < o->nlower; i++)
        if (!(superblock_flags(dentry_inode(o->lower[i].dentry)->sb) & SB_CACHE))
            return SB_REVALIDATE;
    return SB_CACHE;
}

/* One more than the deepest of its layers. */
static uint32_t depth_of(const struct overlay *o)
{
    uint32_t depth = path_is_set(&o->upper) ? dentry_inode(o->upper.dentry)->sb->depth : 0;

    for (unsigned i = 0; i < o->nlower; i++)
        depth = max(depth, dentry_inode(o->lower[i].dentry)->sb->depth);
    return depth + 1;
}

/* All layers are there: makes the root. `o`'s reference is taken. Errors: EINVAL, too deep. */
static int make_root(struct overlay *o, struct dentry **out)
{
    struct overlay_parts p = { 0 };
    struct inode *root;

    o->sb.depth = depth_of(o);
    if (o->sb.depth > SB_DEPTH_MAX) {
        superblock_put(&o->sb);
        return -EINVAL;
    }
    uint32_t flags = cache_flags(o) | (path_is_set(&o->upper) ? 0 : SB_RDONLY);
    atomic_store_explicit(&o->sb.flags, flags, memory_order_relaxed);
    if (path_is_set(&o->upper))
        p.upper = dentry_get(o->upper.dentry);
    for (unsigned i = 0; i < o->nlower; i++)
        p.lower[p.nlower++] = dentry_get(o->lower[i].dentry);
    int err = overlay_inode_get(o, &p, &root);
    if (!err)
        err = dentry_create_root(root, out);
    superblock_put(&o->sb);
    return err;
}

/* ---- with a tmpfs of its own ---- */

static int make_dir(struct overlay *o, const struct path *in, const char *name,
                    const struct attr *a, struct path *out)
{
    struct inode *dir = dentry_inode(in->dentry), *made;
    struct dentry *d;
    struct attr_change c = { .which = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME,
                             .mode = a->mode,
                             .uid = a->uid,
                             .gid = a->gid,
                             .atime = a->atime,
                             .mtime = a->mtime };
    int err = dir->ops->mkdir(dir, name, S_IFDIR | 0700, &o->actor, &made);

    if (err)
        return err;
    err = made->ops->setattr(made, &c, &o->actor);
    inode_put(made);
    if (!err)
        err = dentry_lookup(in->dentry, name, &o->actor, &d);
    if (!err)
        *out = (struct path){ mount_get(in->mnt), d };
    return err;
}

/* A tmpfs with "upper", which looks like `lower`, and "work". */
static int make_upper(struct overlay *o, const char *options)
{
    struct dentry *root;
    struct path top;
    struct attr a, plain = { .mode = S_IFDIR | 0700 };

    int err = inode_getattr(dentry_inode(o->lower[0].dentry), &a);
    if (!err)
        err = tmpfs_create(o->sb.arena, "overlay", options, &o->actor, &root);
    if (!err)
        err = mount_create_private(root, MS_RELATIME, &top);
    if (err)
        return err;
    err = make_dir(o, &top, "upper", &a, &o->upper);
    if (!err)
        err = make_dir(o, &top, "work", &plain, &o->work);
    path_put(&top);
    return err;
}

int overlay_create_discardable(struct dentry *lower, const char *options, const struct actor *who,
                               struct dentry **out)
{
    struct overlay *o = overlay_new(who);

    if (!o) {
        dentry_put(lower);
        return -ENOMEM;
    }
    int err = mount_create_private(lower, MS_NOATIME, &o->lower[0]);
    if (!err) {
        o->nlower = 1;
        err = make_upper(o, options);
    }
    if (err) {
        superblock_put(&o->sb);
        return err;
    }
    return make_root(o, out);
}

/* ---- by mount(2) ---- */

/* The values of the options: pieces of one copy of them. */
struct layers {
    char *text; /* arena */
    const char *lower, *upper, *work;
};

static int parse_one(struct layers *l, char *option)
{
    static const char *const ignored[] = {
        "index=",   "xino=", "metacopy=off",   "redirect_dir=",
        "volatile", "uuid=", "nfs_export=off", "default_permissions"
    };

    if (strncmp(option, "lowerdir=", 9) == 0)
        l->lower = option + 9;
    else if (strncmp(option, "upperdir=", 9) == 0)
        l->upper = option + 9;
    else if (strncmp(option, "workdir=", 8) == 0)
        l->work = option + 8;
    else {
        for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
            if (strncmp(option, ignored[i], strlen(ignored[i])) == 0)
                return 0;
        return -EINVAL;
    }
    return 0;
}

/* Takes the backslashes out that hide separators. */
static void unescape(char *s)
{
    char *to = s;

    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        *to++ = *s;
    }
    *to = '\0';
}

/* Cuts the first piece off at a separator that is not escaped; what is left, NULL at the end. */
static char *cut(char *s, char separator)
{
    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (*s == separator) {
            *s = '\0';
            return s + 1;
        }
    }
    return NULL;
}

static int parse_options(struct layers *l)
{
    for (char *option = l->text, *rest; option; option = rest) {
        rest = cut(option, ',');
        int err = *option ? parse_one(l, option) : 0;
        if (err)
            return err;
    }
    return l->lower && (l->upper != NULL) == (l->work != NULL) ? 0 : -EINVAL;
}

/* A layer is a private mount of the directory, so that nothing mounted in it is seen. */
static int find_layer(const struct actor *who, char *name, unsigned long flags, struct path *out)
{
    struct path p;

    unescape(name);
    int err = walk(who, NULL, name, WALK_FOLLOW | WALK_DIRECTORY, &p);
    if (err)
        return err;
    err = mount_create_private(dentry_get(p.dentry), flags, out);
    path_put(&p);
    return err;
}

static int find_lowers(struct overlay *o, const struct actor *who, char *names)
{
    for (char *name = names, *rest; name; name = rest) {
        rest = cut(name, ':');
        if (o->nlower == OVERLAY_LOWER_MAX)
            return -ELOOP;
        int err = find_layer(who, name, MS_NOATIME, &o->lower[o->nlower]);
        if (err)
            return err;
        o->nlower++;
    }
    return 0;
}

/* Can the upper tree hold what hides a name? Errors: EINVAL where not. */
static int probe_upper(struct overlay *o)
{
    struct name_new whiteout = { .mode = S_IFCHR };
    struct overlay_temp t;
    int err = overlay_temp_make(o, &whiteout, &t);

    if (err == -EPERM)
        return -EINVAL;
    if (!err)
        overlay_temp_remove(o, &t);
    return err;
}

/* The work directory proper is made in the one that was given, as in Linux. */
static int find_upper(struct overlay *o, const struct actor *who, char *upper, char *work)
{
    struct path dir = { 0 };
    struct attr plain = { .mode = S_IFDIR };
    int err = find_layer(who, upper, MS_RELATIME, &o->upper);

    if (!err)
        err = find_layer(who, work, MS_RELATIME, &dir);
    if (!err) {
        struct inode *u = dentry_inode(o->upper.dentry), *w = dentry_inode(dir.dentry);
        if (u->sb != w->sb || dentry_is_under(o->upper.dentry, dir.dentry) ||
            dentry_is_under(dir.dentry, o->upper.dentry) || u->sb->ops == &overlay_sb_ops)
            err = -EINVAL;
        else if (!u->ops->setxattr || !u->ops->mknod || superblock_flags(u->sb) & SB_RDONLY)
            err = -EINVAL;
    }
    if (!err) {
        err = make_dir(o, &dir, "work", &plain, &o->work);
        if (err == -EEXIST) {
            err = dentry_lookup(dir.dentry, "work", &o->actor, &o->work.dentry);
            if (!err)
                o->work.mnt = mount_get(dir.mnt);
        }
    }
    path_put(&dir);
    return err ? err : probe_upper(o);
}

static int find_layers(struct overlay *o, const struct actor *who, struct layers *l)
{
    int err = parse_options(l);

    if (!err)
        err = find_lowers(o, who, (char *)(uintptr_t)l->lower);
    if (!err && l->upper)
        err = find_upper(o, who, (char *)(uintptr_t)l->upper, (char *)(uintptr_t)l->work);
    return err;
}

int overlay_create(struct arena *a, const char *source, const char *options,
                   const struct actor *who, struct dentry **out)
{
    struct overlay *o = overlay_new(who);
    struct layers l = { 0 };

    (void)source;
    if (!o)
        return -ENOMEM;
    size_t len = options ? strlen(options) : 0;
    l.text = arena_strndup(a, options ? options : "", len);
    o->shown = arena_alloc(a, len + 2);
    int err = l.text && o->shown ? 0 : -ENOMEM;
    if (!err) {
        snprintf(o->shown, len + 2, ",%s", options ? options : "");
        err = find_layers(o, who, &l);
    }
    arena_free(l.text);
    if (err) {
        superblock_put(&o->sb);
        return err;
    }
    return make_root(o, out);
}
