/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading directories by way of the gofer: one that is asked for, and those that will be
 * asked for next.
 *
 * Whoever lists one directory after the other of those in a directory (find, rm -r, git
 * status) will list the ones that follow, too: they come along, more each time, as long as
 * that is worth it. Only in exclusive trees, where what is read can be kept.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "sentry/fs/gofer_priv.h"

#define FIRST_ENTRIES 32

/* A directory that came along. */
struct came {
    unsigned which;           /* of batch.ahead */
    struct gofer_found found; /* its handle is ours */
    struct gofer_list *list;  /* a reference */
};

/* Batches as they come in: arrays that grow. */
struct building {
    struct gofer_dir_sink sink;
    struct arena *arena;
    struct gofer_client *client;
    struct gofer_list *first, *list; /* the one that was asked for; the one that is being filled */
    size_t room, names_size, names_room, ntold, told_room;
    struct gofer_batch batch;
    unsigned ncame;
    struct came came[GOFER_NEXT_MAX];
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
              b->names_size + e->len + 1, 1) ||
        (e->attr && !grow(b->arena, (void **)&l->told, b->ntold, &b->told_room, b->ntold + 1,
                          sizeof *l->told)))
        return -ENOMEM;
    struct gofer_list_entry *to = &l->entries[l->count++];
    *to = (struct gofer_list_entry){ .ino = e->ino,
                                     .next = e->next,
                                     .name_off = (uint32_t)b->names_size,
                                     .name_len = (uint8_t)e->len,
                                     .type = e->type };
    if (e->attr) {
        l->told[b->ntold++] = *e->attr;
        to->attr = (uint16_t)b->ntold;
    }
    memcpy(l->names + b->names_size, e->name, e->len + 1);
    b->names_size += e->len + 1;
    return 0;
}

/* The list is all there. */
static bool finish(struct building *b)
{
    struct gofer_list *l = b->list;

    l->size =
        sizeof *l + b->room * sizeof *l->entries + b->names_room + b->told_room * sizeof *l->told;
    return gofer_list_index(l);
}

/* From now on entries are those of `l`, which has none yet. */
static void start_list(struct building *b, struct gofer_list *l)
{
    b->list = l;
    b->room = b->names_size = b->names_room = b->ntold = b->told_room = 0;
}

static int start_ahead(struct gofer_dir_sink *sink, unsigned which, const struct gofer_found *found)
{
    struct building *b = container_of(sink, struct building, sink);
    struct came *c = &b->came[b->ncame];

    if (b->ncame == ARRAY_LEN(b->came)) {
        gofer_client_clunk(b->client, found->handle);
        return -EIO;
    }
    *c = (struct came){ .which = which,
                        .found = *found,
                        .list = gofer_list_new(b->arena, b->batch) };
    b->ncame++;
    if (!c->list || !finish(b))
        return -ENOMEM;
    c->list->at_end = true;
    atomic_init(&c->list->ahead, true);
    start_list(b, c->list);
    return 0;
}

static void forget_came(struct building *b)
{
    while (b->ncame > 0) {
        struct came *c = &b->came[--b->ncame];
        gofer_client_clunk(b->client, c->found.handle);
        gofer_list_put(c->list);
    }
}

/* One batch by its own node, or by a name in another. */
static int fill(struct gofer_inode *at, gofer_handle_t h, const char *name, struct building *b,
                struct gofer_found *found)
{
    struct gofer_list *l = gofer_list_new(b->arena, b->batch);

    gofer_list_put(b->first);
    forget_came(b);
    b->first = l;
    if (!l)
        return -ENOMEM;
    start_list(b, l);
    int end = gofer_readdir(gofer_client_of(at), h, name, b->batch, &b->sink, found);
    if (end < 0)
        return end;
    l->at_end = end;
    return finish(b) ? end : -ENOMEM;
}

static int fill_itself(struct gofer_inode *dir, struct building *b)
{
    struct gofer_found found;
    gofer_handle_t h;

    b->batch.count = 0;
    return GOFER_RETRY(dir, h, fill(dir, h, NULL, b, &found));
}

/*
 * By way of the directory it was last seen in, where that has a node: one message for what
 * would be two where `dir` has none, and others in there can come along. Anything out of
 * the ordinary: -EAGAIN, and nothing.
 */
static int fill_from_parent(struct gofer_inode *dir, struct gofer_inode *parent, const char *name,
                            struct building *b)
{
    gofer_handle_t h = parent->handle;
    struct gofer_found found = { 0 };
    int err = -EAGAIN;

    if (h == 0 || (dir->handle != 0 && b->batch.count == 0))
        return err;
    err = fill(parent, h, name, b, &found);
    bool same = found.handle && gofer_is_found_again(dir, &found.attr);
    if (same)
        gofer_handle_adopt(dir, found.handle);
    else
        gofer_client_clunk(gofer_client_of(dir), found.handle);
    /* Nothing read and not at the end: it could not be read; asked itself it will say why. */
    return err < 0 || !same || (err == 0 && b->first->count == 0) ? -EAGAIN : err;
}

#define AHEAD_USED  4 /* what it earns to have one that is then used, where each costs 1 */
#define AHEAD_LEAST (-64)

static void ahead_credit(struct gofer_sb *sb, int32_t change)
{
    int32_t now = atomic_load_explicit(&sb->ahead_credit, memory_order_relaxed) + change;

    atomic_store_explicit(&sb->ahead_credit, max(min(now, 1024), 2 * AHEAD_LEAST),
                          memory_order_relaxed);
}

void gofer_list_ahead_used(struct gofer_sb *sb)
{
    ahead_credit(sb, AHEAD_USED);
}

/* How many directories of `parent` are to come along with one that is listed now. */
static unsigned how_many_ahead(struct gofer_inode *parent)
{
    struct gofer_sb *sb = gofer_sb_of(parent);
    uint32_t walks = atomic_fetch_add_explicit(&parent->walks, 1, memory_order_relaxed);

    if (walks == 0)
        return 0;
    if (atomic_load_explicit(&sb->ahead_credit, memory_order_relaxed) < AHEAD_LEAST) {
        ahead_credit(sb, 1); /* in a while it is tried again */
        return 0;
    }
    return walks < 3 ? 4 * walks : GOFER_NEXT_MAX;
}

/* The names of the directories that follow `name` in the list of `parent`: into `text`. */
static unsigned next_names(struct gofer_inode *parent, const char *name, unsigned most,
                           const char *out[GOFER_NEXT_MAX],
                           char text[GOFER_NEXT_MAX][GOFER_NAME_MAX + 1])
{
    unsigned n = 0;

    mutex_lock(&parent->inode.lock);
    const struct gofer_list *l = parent->list;
    const struct gofer_list_entry *at = l ? gofer_list_find(l, name) : NULL;
    for (uint32_t i = at ? (uint32_t)(at - l->entries) + 1 : 0; at && i < l->count && n < most; i++)
        if (l->entries[i].type == DT_DIR) {
            out[n] =
                memcpy(text[n], gofer_list_name(l, &l->entries[i]), l->entries[i].name_len + 1u);
            n++;
        }
    mutex_unlock(&parent->inode.lock);
    return n;
}

/* Keeps what came along, unless anything in the tree has changed since `seq`. */
static void keep_came(struct gofer_inode *parent, struct building *b, uint64_t seq)
{
    struct gofer_sb *sb = gofer_sb_of(parent);

    ahead_credit(sb, -(int32_t)b->ncame);
    while (b->ncame > 0) {
        struct came c = b->came[--b->ncame];
        struct gofer_inode *gi;
        gofer_list_told(parent, c.list);
        if (gofer_intern(sb, &c.found, seq, &gi) == 0) {
            uint64_t changes = gofer_attr_seq(gi).changes;
            if (atomic_load_explicit(&sb->changes, memory_order_acquire) == seq) {
                gofer_place(gi, parent, b->batch.ahead[c.which]);
                gofer_list_keep(gi, c.list, changes);
            }
            inode_put(&gi->inode);
        }
        gofer_list_put(c.list);
    }
}

static int ask_by_parent(struct gofer_inode *dir, struct building *b)
{
    struct gofer_sb *sb = gofer_sb_of(dir);
    uint64_t seq = atomic_load_explicit(&sb->changes, memory_order_acquire);
    char name[GOFER_NAME_MAX + 1], text[GOFER_NEXT_MAX][GOFER_NAME_MAX + 1];
    const char *ahead[GOFER_NEXT_MAX];
    struct gofer_inode *parent;

    if (!gofer_placed_in(dir, &parent, name))
        return -EAGAIN;
    if (!sb->shared && b->batch.cookie == 0 && b->batch.size == 0) {
        b->batch.count = next_names(parent, name, how_many_ahead(parent), ahead, text);
        b->batch.ahead = ahead;
    }
    int end = fill_from_parent(dir, parent, name, b);
    if (end >= 0)
        keep_came(parent, b, seq);
    forget_came(b);
    inode_put(&parent->inode);
    return end;
}

int gofer_list_ask(struct gofer_inode *dir, struct gofer_batch batch, struct gofer_list **out)
{
    struct building b = {
        .sink = {.entry = add_entry, .ahead = start_ahead},
        .arena = dir->inode.sb->arena,
        .client = gofer_client_of(dir),
        .batch = batch
    };
    int end = ask_by_parent(dir, &b);

    if (end == -EAGAIN)
        end = fill_itself(dir, &b);
    if (end < 0) {
        gofer_list_put(b.first);
        return end;
    }
    *out = b.first;
    return 0;
}
