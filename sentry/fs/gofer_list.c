/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was last read of a directory: one batch, with attributes.
 *
 * Whoever lists a directory next looks at each of its entries (find, ls -l, git
 * status, every build tool); in an exclusive tree those looks are answered from
 * here. A batch that is the whole directory also answers for names that are not in
 * it, and for the next listing.
 */
#include <errno.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/gofer_priv.h"

#define FIRST_ENTRIES 32
#define MISSES_MANY   6u                   /* names of a directory that were asked for singly */
#define GUESS_SIZE    (UINT32_C(32) << 10) /* some 250 entries: as dear as ten such questions */

static const struct slab_type gofer_list_slab = SLAB_TYPE(gofer_list, struct gofer_list);

/* A batch as it comes in: arrays that grow. */
struct building {
    struct gofer_dir_sink sink;
    struct arena *arena;
    struct gofer_list *list;
    size_t room, names_size, names_room;
    struct gofer_batch batch;
};

static bool grow(struct arena *a, void **array, size_t used, size_t *room, size_t need,
                 size_t element)
{
    size_t more = max(*room, (size_t)FIRST_ENTRIES);

    if (need <= *room)
        return true;
    while (more < need)
        more *= 2;
    void *fresh = arena_alloc(a, more * element);
    if (!fresh)
        return false;
    if (used)
        memcpy(fresh, *array, used * element);
    arena_free(*array);
    *array = fresh;
    *room = more;
    return true;
}

static int add_entry(struct gofer_dir_sink *sink, const struct gofer_entry *e)
{
    struct building *b = container_of(sink, struct building, sink);
    struct gofer_list *l = b->list;

    if (l->count == UINT16_MAX - 1)
        return -EIO; /* more than a reply can hold */
    if (!grow(b->arena, (void **)&l->entries, l->count, &b->room, l->count + 1u,
              sizeof *l->entries) ||
        !grow(b->arena, (void **)&l->names, b->names_size, &b->names_room,
              b->names_size + e->len + 1, 1))
        return -ENOMEM;
    struct gofer_list_entry *to = &l->entries[l->count++];
    *to = (struct gofer_list_entry){ .ino = e->ino,
                                     .next = e->next,
                                     .name_off = (uint32_t)b->names_size,
                                     .name_len = (uint8_t)e->len,
                                     .type = e->type,
                                     .has_attr = e->attr };
    if (e->attr)
        to->attr = *e->attr;
    memcpy(l->names + b->names_size, e->name, e->len + 1);
    b->names_size += e->len + 1;
    return 0;
}

/*
 * Attributes are most of what a batch costs. While they are used, they are asked for; a
 * guest that only lists names (find) soon gets those of directories alone, until it
 * turns out to want others: each one told costs 1, each one used earns WORTH_USED.
 */
#define WORTH_USED   8
#define WORTH_LACKED 64
#define CREDIT_MOST  8192
#define CREDIT_LEAST (-2560)
#define CREDIT_NONE  (-2048)

static void credit(struct gofer_inode *dir, int32_t change)
{
    struct gofer_sb *sb = gofer_sb_of(dir);
    int32_t now = atomic_load_explicit(&sb->credit, memory_order_relaxed) + change;

    /* A change that another thread makes meanwhile may be lost: it is advice. */
    atomic_store_explicit(&sb->credit, max(min(now, CREDIT_MOST), CREDIT_LEAST),
                          memory_order_relaxed);
}

static enum gofer_attrs which_attrs(struct gofer_inode *dir)
{
    struct gofer_sb *sb = gofer_sb_of(dir);

    if (sb->shared)
        return GOFER_ATTRS_NONE;
    return atomic_load_explicit(&sb->credit, memory_order_relaxed) > CREDIT_NONE ? GOFER_ATTRS_ALL
                                                                                 : GOFER_ATTRS_DIRS;
}

static uint64_t hash_of(const char *name, size_t len)
{
    return hash_bytes(0, name, len);
}

/* Open addressing, at most half full. */
static bool build_index(struct arena *a, struct gofer_list *l)
{
    uint32_t size = 4;

    while (size < 2 * l->count)
        size *= 2;
    l->index = arena_alloc(a, size * sizeof *l->index);
    if (!l->index)
        return false;
    l->mask = size - 1;
    for (uint32_t i = 0; i < l->count; i++) {
        const struct gofer_list_entry *e = &l->entries[i];
        uint64_t at = hash_of(l->names + e->name_off, e->name_len);
        while (l->index[at & l->mask])
            at++;
        l->index[at & l->mask] = (uint16_t)(i + 1);
    }
    return true;
}

static const struct gofer_list_entry *find(const struct gofer_list *l, const char *name)
{
    size_t len = strlen(name);

    for (uint64_t at = hash_of(name, len); l->index[at & l->mask]; at++) {
        const struct gofer_list_entry *e = &l->entries[l->index[at & l->mask] - 1];
        if (e->name_len == len && memcmp(l->names + e->name_off, name, len) == 0)
            return e;
    }
    return NULL;
}

struct gofer_list *gofer_list_get(struct gofer_list *l)
{
    ref_get(&l->ref);
    return l;
}

void gofer_list_put(struct gofer_list *l)
{
    if (!l || !ref_put(&l->ref))
        return;
    arena_free(l->entries);
    arena_free(l->names);
    arena_free(l->index);
    slab_free(l);
}

/* One batch by its own node, or by a name in another. */
static int fill(struct gofer_inode *at, gofer_handle_t h, const char *name, struct building *b,
                struct gofer_found *found)
{
    b->list->count = 0;
    b->names_size = 0;
    return gofer_readdir(gofer_client_of(at), h, name, b->batch, &b->sink, found);
}

static int fill_itself(struct gofer_inode *dir, struct building *b)
{
    struct gofer_found found;
    gofer_handle_t h;

    return GOFER_RETRY(dir, h, fill(dir, h, NULL, b, &found));
}

/*
 * By way of the directory it was last seen in, where that has a node and `dir` has none:
 * one message for what would be two. Anything out of the ordinary: -EAGAIN, and nothing.
 */
static int fill_from_parent(struct gofer_inode *dir, struct building *b)
{
    struct gofer_inode *parent;
    struct gofer_found found = { 0 };
    char name[GOFER_NAME_MAX + 1];
    int err = -EAGAIN;

    if (dir->handle != 0 || !gofer_placed_in(dir, &parent, name))
        return err;
    gofer_handle_t h = parent->handle;
    if (h != 0)
        err = fill(parent, h, name, b, &found);
    inode_put(&parent->inode);
    bool same = found.attr.ino == dir->host_ino && found.attr.dev == dir->host_dev;
    if (found.handle && same)
        gofer_handle_adopt(dir, found.handle);
    else
        gofer_client_clunk(gofer_client_of(dir), found.handle);
    /* Nothing read and not at the end: it could not be read; asked itself it will say why. */
    return err < 0 || !same || (err == 0 && b->list->count == 0) ? -EAGAIN : err;
}

static int ask(struct gofer_inode *dir, struct gofer_batch batch, struct gofer_list **out)
{
    struct arena *a = dir->inode.sb->arena;
    struct gofer_list *l = slab_alloc(a, &gofer_list_slab);
    struct building b = { .sink.entry = add_entry, .arena = a, .list = l, .batch = batch };

    if (!l)
        return -ENOMEM;
    ref_init(&l->ref);
    l->from = batch.cookie;
    l->attrs = batch.attrs;
    int end = fill_from_parent(dir, &b);
    if (end == -EAGAIN)
        end = fill_itself(dir, &b);
    if (end >= 0 && !build_index(a, l))
        end = -ENOMEM;
    if (end < 0) {
        gofer_list_put(l);
        return end;
    }
    l->at_end = end;
    *out = l;
    return 0;
}

/* Makes place among the lists that are kept, and takes one: the oldest loses it. */
static void note_kept(struct gofer_inode *dir)
{
    struct gofer_sb *sb = gofer_sb_of(dir);
    struct gofer_inode *old = NULL;
    bool known = false;

    mutex_lock(&sb->lock);
    for (size_t i = 0; i < GOFER_LISTS_MAX && !known; i++)
        known = sb->lists[i] == dir;
    if (!known) {
        inode_get(&dir->inode);
        old = sb->lists[sb->next_list];
        sb->lists[sb->next_list] = dir;
        sb->next_list = (sb->next_list + 1) % GOFER_LISTS_MAX;
    }
    mutex_unlock(&sb->lock);
    if (old) {
        /* Whoever asks there again may have it read again. */
        atomic_store_explicit(&old->misses, 0, memory_order_relaxed);
        gofer_list_drop(old);
        inode_put(&old->inode);
    }
}

/* Keeps it where the directory has not changed since it was asked for. */
static void keep_list(struct gofer_inode *dir, struct gofer_list *l, uint64_t seq)
{
    struct gofer_list *old = NULL;

    mutex_lock(&dir->inode.lock);
    bool still = dir->changes == seq;
    if (still) {
        old = dir->list;
        dir->list = gofer_list_get(l);
    }
    mutex_unlock(&dir->inode.lock);
    gofer_list_put(old);
    if (still)
        note_kept(dir);
}

/* The list that is kept, where it is as good. Given. */
static struct gofer_list *kept_locked(const struct gofer_inode *dir, struct gofer_batch batch)
{
    struct gofer_list *l = dir->list;

    return l && l->from == batch.cookie && l->attrs >= batch.attrs ? gofer_list_get(l) : NULL;
}

static int read_list(struct gofer_inode *dir, struct gofer_batch batch, struct gofer_list **out)
{
    mutex_lock(&dir->inode.lock);
    struct gofer_list *l = kept_locked(dir, batch);
    uint64_t seq = dir->changes;
    mutex_unlock(&dir->inode.lock);
    if (l) {
        *out = l;
        return 0;
    }
    int err = ask(dir, batch, out);
    if (!err && !gofer_sb_of(dir)->shared) {
        keep_list(dir, *out, seq);
        if (batch.attrs == GOFER_ATTRS_ALL)
            credit(dir, -(int32_t)(*out)->count);
    }
    return err;
}

int gofer_list_read(struct gofer_inode *dir, uint64_t from, struct gofer_list **out)
{
    struct gofer_batch batch = { .cookie = from, .attrs = which_attrs(dir) };

    return read_list(dir, batch, out);
}

bool gofer_list_guess(struct gofer_inode *dir)
{
    const struct gofer_batch batch = { .size = GUESS_SIZE, .attrs = GOFER_ATTRS_ALL };
    struct gofer_list *l;

    if (gofer_sb_of(dir)->shared ||
        atomic_load_explicit(&dir->misses, memory_order_relaxed) >= MISSES_MANY ||
        atomic_fetch_add_explicit(&dir->misses, 1, memory_order_relaxed) != MISSES_MANY - 1)
        return false;
    int err = read_list(dir, batch, &l);
    if (!err)
        gofer_list_put(l);
    return !err;
}

int gofer_list_lookup(struct gofer_inode *dir, const char *name, struct gofer_found *out)
{
    bool lacks = false;
    int found = 0;

    mutex_lock(&dir->inode.lock);
    const struct gofer_list *l = dir->list;
    if (l) {
        const struct gofer_list_entry *e = find(l, name);
        lacks = e && !e->has_attr;
        if (e && e->has_attr) {
            *out = (struct gofer_found){ .attr = e->attr };
            found = 1;
        } else if (!e && l->from == 0 && l->at_end) {
            found = -ENOENT;
        }
    }
    mutex_unlock(&dir->inode.lock);
    if (found > 0)
        credit(dir, WORTH_USED);
    else if (lacks)
        credit(dir, WORTH_LACKED);
    return found;
}

void gofer_list_drop(struct gofer_inode *dir)
{
    mutex_lock(&dir->inode.lock);
    struct gofer_list *l = keep(dir->list);
    mutex_unlock(&dir->inode.lock);
    gofer_list_put(l);
}
