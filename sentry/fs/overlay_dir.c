/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of an overlay: reading the layers as one. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/overlay_priv.h"
#include "sentry/vfs/readdir.h"

/* A name as a layer gave it. Many lie in one block. */
struct overlay_entry {
    struct hnode node;
    struct overlay_entry *next; /* in the order of finding */
    uint64_t ino;
    unsigned dtype;
    bool upper; /* which layer has it */
    bool whiteout;
    uint32_t len;
    char name[];
};

#define LISTING_BUCKETS 64
#define BLOCK_SIZE      ((size_t)4096)

struct overlay_block {
    struct overlay_block *next;
    _Alignas(struct overlay_entry) char bytes[];
};

/* All of a directory, as it was when it was read. */
struct overlay_listing {
    struct dir_sink sink;
    struct overlay *o;
    struct htab by_name;
    struct overlay_entry *first, **last;
    struct overlay_block *blocks; /* the youngest first */
    char *room, *room_end;        /* of the youngest */
    size_t count;                 /* that are no whiteouts */
    bool hides;                   /* there are whiteouts in the upper layer */
    bool upper;                   /* the layer that is being read */
    bool merges;                  /* there is more than one: names may come twice */
    bool lowest;
    int err;
    struct hnode *buckets[LISTING_BUCKETS];
};

static void listing_destroy(struct overlay_listing *l)
{
    struct overlay_block *next;

    for (struct overlay_block *b = l->blocks; b; b = next) {
        next = b->next;
        arena_free(b);
    }
    if (l->by_name.buckets != l->buckets)
        arena_free(l->by_name.buckets);
}

/* Room for an entry, or NULL. */
static struct overlay_entry *listing_new(struct overlay_listing *l, size_t name_len)
{
    const size_t align = _Alignof(struct overlay_entry);
    size_t size = (sizeof(struct overlay_entry) + name_len + align) & ~(align - 1);

    if (!l->blocks || (size_t)(l->room_end - l->room) < size) {
        struct overlay_block *b = arena_alloc(l->o->sb.arena, BLOCK_SIZE);
        if (!b)
            return NULL;
        b->next = l->blocks;
        l->blocks = b;
        l->room = b->bytes;
        l->room_end = (char *)b + BLOCK_SIZE;
    }
    struct overlay_entry *e = (struct overlay_entry *)(void *)l->room;
    l->room += size;
    return e;
}

static bool listing_has(struct overlay_listing *l, const char *name, size_t len, uint64_t hash)
{
    struct overlay_entry *e;

    htab_for_each (e, &l->by_name, hash, node)
        if (e->len == len && memcmp(e->name, name, len) == 0)
            return true;
    return false;
}

/* More room; a table that cannot grow gets slower. */
static void listing_grow(struct overlay_listing *l)
{
    size_t len = (l->by_name.mask + 1) * 4;

    if (!htab_is_full(&l->by_name))
        return;
    struct hnode **fresh = arena_alloc(l->o->sb.arena, len * sizeof *fresh);
    if (!fresh)
        return;
    struct hnode **old = htab_rehash(&l->by_name, fresh, len);
    if (old != l->buckets)
        arena_free(old);
}

/* The number that stat(2) will show for an upper one: that of where it came from, if from below. */
static uint64_t shown_ino(struct overlay *o, uint64_t upper_ino)
{
    uint64_t ino = upper_ino | OVERLAY_UPPER_INO;
    struct overlay_inode *oi;

    mutex_lock(&o->table_lock);
    htab_for_each (oi, &o->by_upper, hash_u64(upper_ino), upper_node)
        if (dentry_inode(overlay_upper(oi))->attr.ino == upper_ino) {
            ino = oi->inode.attr.ino;
            break;
        }
    mutex_unlock(&o->table_lock);
    return ino;
}

/* A device in a layer may be a whiteout: only a look tells. */
static bool add_entry(struct dir_sink *sink, const char *name, size_t len, uint64_t ino,
                      unsigned dtype, uint64_t next)
{
    struct overlay_listing *l = container_of(sink, struct overlay_listing, sink);
    uint64_t hash = l->merges ? hash_bytes(0, name, len) : 0;

    (void)next;
    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.') ||
        (l->merges && listing_has(l, name, len, hash)))
        return true;
    struct overlay_entry *e = listing_new(l, len);
    if (!e) {
        l->err = -ENOMEM;
        return false;
    }
    memcpy(e->name, name, len);
    e->len = (uint32_t)len;
    e->ino = ino; /* of the layer for now */
    e->dtype = dtype;
    e->upper = l->upper;
    e->whiteout = false; /* settle_entries() looks */
    *l->last = e;
    l->last = &e->next;
    if (l->merges) {
        listing_grow(l);
        htab_insert(&l->by_name, &e->node, hash);
    }
    return true;
}

static int read_layer(struct overlay_listing *l, const struct path *at)
{
    struct inode *i = dentry_inode(at->dentry);
    struct file *f;
    uint64_t pos = 0, before;

    if (!i->ops->open)
        return -EIO;
    int err = i->ops->open(i, at, O_RDONLY | O_DIRECTORY | O_NOATIME, &l->o->actor, &f);
    if (err)
        return err;
    do {
        before = pos;
        err = f->ops->readdir ? f->ops->readdir(f, &l->sink, &pos) : -ENOTDIR;
    } while (!err && !l->err && pos != before);
    file_put(f);
    return err ? err : l->err;
}

/* Names are settled when a layer is read, since the layer may not be asked while it is. */
static int settle_entries(struct overlay_listing *l, struct dentry *dir, struct overlay_entry *e)
{
    for (; e; e = e->next) {
        if (e->dtype == DT_CHR || e->dtype == DT_UNKNOWN) {
            struct dentry *d;
            int err = dentry_lookup(dir, e->name, &l->o->actor, &d);
            if (err)
                return err;
            if (dentry_inode(d))
                e->dtype = dtype_of_mode(inode_mode(dentry_inode(d)));
            e->whiteout = overlay_is_whiteout(d);
            dentry_put(d);
        }
        if (e->upper)
            e->ino = shown_ino(l->o, e->ino);
        if (!e->whiteout)
            l->count++;
        else if (e->upper)
            l->hides = true;
    }
    return 0;
}

static int list_layer(struct overlay_listing *l, const struct path *at, bool upper)
{
    struct overlay_entry **from = l->last;

    l->upper = upper;
    int err = read_layer(l, at);
    return err ? err : settle_entries(l, at->dentry, *from);
}

/* One of `di`, with nothing in it yet. listing_destroy() follows, whatever happens. */
static void listing_init(struct overlay_inode *di, struct overlay_listing *l)
{
    memset(l, 0, sizeof *l);
    l->sink.add = add_entry;
    l->o = overlay_of(&di->inode);
    l->last = &l->first;
    l->merges = (overlay_upper(di) != NULL) + di->nlower > 1;
    htab_init(&l->by_name, l->buckets, LISTING_BUCKETS);
}

static int list_upper(struct overlay_listing *l, struct dentry *upper)
{
    struct path at = { l->o->upper.mnt, upper };

    return list_layer(l, &at, true);
}

/* Reads all layers; one that was removed has no more to show. */
static int listing_read(struct overlay_inode *di, struct overlay_listing *l)
{
    struct dentry *upper = overlay_upper(di);
    int err = 0;

    listing_init(di, l);
    if (atomic_load_explicit(&di->gone, memory_order_acquire))
        return 0;
    if (upper)
        err = list_upper(l, upper);
    for (unsigned i = 0; !err && i < di->nlower; i++) {
        struct path at = { l->o->lower[0].mnt, di->lower[i] };
        err = list_layer(l, &at, false);
    }
    return err;
}

int overlay_is_empty(struct overlay_inode *di, bool *whiteouts)
{
    struct overlay_listing l;
    int err = listing_read(di, &l);

    if (!err && l.count > 0)
        err = -ENOTEMPTY;
    *whiteouts = l.hides;
    listing_destroy(&l);
    return err;
}

/* Only if it is one still: others may have changed the upper tree. */
static int clear_one(struct overlay *o, struct dentry *dir, const char *name)
{
    struct dentry *d;
    int err = dentry_lookup(dir, name, &o->actor, &d);

    if (err)
        return err;
    if (overlay_is_whiteout(d))
        err = overlay_remove(o, dir, name, dentry_inode(d));
    dentry_put(d);
    return err;
}

int overlay_clear_whiteouts(struct overlay_inode *di)
{
    struct dentry *upper = overlay_upper(di);
    struct overlay_listing l;

    listing_init(di, &l);
    int err = list_upper(&l, upper);
    for (struct overlay_entry *e = l.first; !err && e; e = e->next)
        if (e->whiteout)
            err = clear_one(l.o, upper, e->name);
    listing_destroy(&l);
    return err;
}

/* ---- open directories ---- */

struct overlay_dir_file {
    struct file file;
    struct overlay_listing *listing; /* [p] arena; NULL before the first read */
};

static const struct slab_type overlay_dir_file_slab =
    SLAB_TYPE(overlay_dir_file, struct overlay_dir_file,
              .const_ptrs = { PTR_AT(struct overlay_dir_file, file.ops) });

static struct overlay_dir_file *dir_file_of(struct file *f)
{
    return container_of(f, struct overlay_dir_file, file);
}

static void drop_listing(struct overlay_dir_file *df)
{
    if (!df->listing)
        return;
    listing_destroy(df->listing);
    arena_free(keep(df->listing));
}

/* Reads the directory anew, as a rewind asks for. */
static int take_listing(struct overlay_dir_file *df)
{
    drop_listing(df);
    struct overlay_listing *l = arena_alloc(df->file.arena, sizeof *l);
    if (!l)
        return -ENOMEM;
    int err = listing_read(overlay_inode_of(df->file.inode), l);
    if (err) {
        listing_destroy(l);
        arena_free(l);
        return err;
    }
    l->sink.add = NULL; /* done with: no pointer to code stays in the arena */
    df->listing = l;
    return 0;
}

static int overlay_readdir(struct file *f, struct dir_sink *sink, uint64_t *pos)
{
    struct overlay_dir_file *df = dir_file_of(f);

    if (!df->listing || *pos == 0) {
        int err = take_listing(df);
        if (err)
            return err;
    }
    if (!dir_emit_dots(f, sink, pos))
        return 0;
    uint64_t at = 2;
    for (struct overlay_entry *e = df->listing->first; e; e = e->next) {
        if (e->whiteout)
            continue;
        if (at++ < *pos)
            continue;
        if (!dir_emit(sink, e->name, e->len, e->ino, e->dtype, at, pos))
            break;
    }
    return 0;
}

static int overlay_dir_fsync(struct file *f, bool data_only)
{
    (void)f, (void)data_only;
    return 0;
}

static void overlay_dir_file_release(struct file *f)
{
    struct overlay_dir_file *df = dir_file_of(f);

    drop_listing(df);
    file_destroy(f);
    slab_free(df);
}

static const struct file_ops overlay_dir_file_ops = {
    .name = "overlay directory",
    .readdir = overlay_readdir,
    .fsync = overlay_dir_fsync,
    .release = overlay_dir_file_release,
};

int overlay_open_dir(struct inode *i, const struct path *at, int flags, const struct actor *who,
                     struct file **out)
{
    struct overlay_dir_file *df = slab_alloc(i->sb->arena, &overlay_dir_file_slab);

    if (!df)
        return -ENOMEM;
    file_init(&df->file, i->sb->arena, &overlay_dir_file_ops, at, i, flags, who->cred);
    *out = &df->file;
    return 0;
}
