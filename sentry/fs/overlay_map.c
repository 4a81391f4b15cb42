/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped files of an overlay.
 *
 * All mappings are of the overlay's own mappable, which asks that of the layer
 * where the bytes are. When a file is copied up its pages are taken away
 * everywhere, and the next faults find the copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "sentry/fs/overlay_priv.h"

static struct overlay_inode *of(struct mappable *m)
{
    return container_of(m, struct overlay_inode, map);
}

/* Asks a file of the layer for its mappable: a reference. */
static int ask_layer(struct overlay_inode *oi, bool upper, struct mappable **out)
{
    struct overlay *o = overlay_of(&oi->inode);
    struct path at = overlay_layer_path(oi, upper);
    struct inode *i = dentry_inode(at.dentry);
    struct map_source source = { 0 };
    struct file *f;

    if (!i->ops->open)
        return -ENODEV;
    int err = i->ops->open(i, &at, upper ? O_RDWR : O_RDONLY, &o->actor, &f);
    if (err)
        return err;
    err = f->ops->map ? f->ops->map(f, PROT_READ, MAP_SHARED, &source) : -ENODEV;
    file_put(f);
    *out = source.mappable;
    return err;
}

static int real_map(struct overlay_inode *oi, struct mappable **out)
{
    bool upper = overlay_upper(oi) != NULL;
    _Atomic(struct mappable *) *slot = upper ? &oi->upper_map : &oi->lower_map;
    struct mappable *m = atomic_load_explicit(slot, memory_order_acquire), *was = NULL;

    if (!m) {
        int err = ask_layer(oi, upper, &m);
        if (err)
            return err;
        if (!atomic_compare_exchange_strong_explicit(slot, &was, m, memory_order_acq_rel,
                                                     memory_order_acquire)) {
            m->ops->put(m);
            m = was;
        }
    }
    *out = m;
    return 0;
}

static int overlay_locate(struct mappable *m, uint64_t index, uint64_t max, unsigned access,
                          struct extent *out)
{
    struct overlay_inode *oi = of(m);
    struct mappable *real;

    for (;;) {
        struct dentry *was = overlay_upper(oi);
        int err = real_map(oi, &real);
        if (!err)
            err = real->ops->locate(real, index, max, access, out);
        if (err || was == overlay_upper(oi))
            return err == -ENODEV ? -EIO : err;
        /* Copied up meanwhile: these pages are the old ones. */
        frame_put(oi->inode.sb->arena, out->pfn, out->count);
    }
}

static uint64_t overlay_map_size(struct mappable *m)
{
    struct attr a;

    return inode_getattr(dentry_inode(overlay_real(of(m))), &a) ? 0 : a.size;
}

static int overlay_map_sync(struct mappable *m, uint64_t from, uint64_t to)
{
    struct mappable *real;
    int err = real_map(of(m), &real);

    if (err)
        return err;
    return real->ops->sync ? real->ops->sync(real, from, to) : 0;
}

static void overlay_map_get(struct mappable *m)
{
    inode_get(&of(m)->inode);
}

static void overlay_map_put(struct mappable *m)
{
    inode_put(&of(m)->inode);
}

const struct mappable_ops overlay_map_ops = {
    .locate = overlay_locate,
    .size = overlay_map_size,
    .sync = overlay_map_sync,
    .get = overlay_map_get,
    .put = overlay_map_put,
};

void overlay_map_release(struct overlay_inode *oi)
{
    struct mappable *lower = atomic_load_explicit(&oi->lower_map, memory_order_relaxed);
    struct mappable *upper = atomic_load_explicit(&oi->upper_map, memory_order_relaxed);

    if (lower)
        lower->ops->put(lower);
    if (upper)
        upper->ops->put(upper);
}
