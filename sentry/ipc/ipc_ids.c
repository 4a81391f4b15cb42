/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all objects of one kind in a namespace.
 *
 * An id is a slot and a sequence number above it, which goes up whenever the search for a
 * free slot starts again from below: so an id that was in use does not come back soon.
 *
 *   source    ipc/util.c, ipc_idr_alloc(), ipcget_public(), Linux 6.6
 */
#include <errno.h>
#include <string.h>

#include "sentry/ipc/ipc_object.h"

#define SLOTS_FIRST 64u    /* RADIX_TREE_MAP_SIZE: slots that are gone through in any case */
#define SEQ_MAX     65536u /* INT_MAX / IPC_SLOTS_MAX, and one */

void ipc_ids_init(struct ipc_ids *ids, struct arena *a)
{
    *ids = (struct ipc_ids){ .arena = a, .last = -1, .next_id = -1 };
    mutex_init(&ids->lock, RANK_IPC);
}

void ipc_ids_destroy(struct ipc_ids *ids)
{
    assert(ids->in_use == 0);
    arena_free(ids->slots);
}

/* ---- keys ---- */

static struct ipc_object *of(struct rb_node *n)
{
    return rb_entry(n, struct ipc_object, by_key);
}

static bool before(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, const struct ipc_object, by_key)->key <
           rb_entry(b, const struct ipc_object, by_key)->key;
}

static struct ipc_object *find_key_locked(struct ipc_ids *ids, int key) HOLDS(ids->lock);
static struct ipc_object *find_key_locked(struct ipc_ids *ids, int key)
{
    struct rb_node *n = key == IPC_PRIVATE ? NULL : ids->keys.node;

    while (n && of(n)->key != key)
        n = key < of(n)->key ? n->left : n->right;
    return n ? of(n) : NULL;
}

/* ---- slots ---- */

static struct ipc_object *at_locked(const struct ipc_ids *ids, uint32_t slot) HOLDS(ids->lock);
static struct ipc_object *at_locked(const struct ipc_ids *ids, uint32_t slot)
{
    return slot < ids->nslots ? ids->slots[slot] : NULL;
}

/* The first free one in [from, end); `end` where there is none. */
static uint32_t free_slot_locked(const struct ipc_ids *ids, uint32_t from, uint32_t end)
    HOLDS(ids->lock);
static uint32_t free_slot_locked(const struct ipc_ids *ids, uint32_t from, uint32_t end)
{
    while (from < end && at_locked(ids, from))
        from++;
    return from;
}

/* Room for a slot. Errors: ENOMEM. */
static int grow_locked(struct ipc_ids *ids, uint32_t slot) HOLDS(ids->lock);
static int grow_locked(struct ipc_ids *ids, uint32_t slot)
{
    uint32_t want = max(max(ids->nslots * 2, slot + 1), SLOTS_FIRST);

    if (slot < ids->nslots)
        return 0;
    struct ipc_object **slots = arena_alloc(ids->arena, want * sizeof(struct ipc_object *));
    if (!slots)
        return -ENOMEM;
    if (ids->nslots)
        memcpy(slots, ids->slots, ids->nslots * sizeof *slots);
    arena_free(ids->slots);
    ids->slots = slots;
    ids->nslots = want;
    return 0;
}

/* The next slot in turn, and what sequence number goes with it. */
static int take_slot_locked(struct ipc_ids *ids, uint32_t *slot, uint32_t *seq) HOLDS(ids->lock);
static int take_slot_locked(struct ipc_ids *ids, uint32_t *slot, uint32_t *seq)
{
    uint32_t end = min(max(ids->in_use * 3 / 2, SLOTS_FIRST), IPC_SLOTS_MAX);
    uint32_t at = free_slot_locked(ids, min(ids->next, end), end);

    if (at == end)
        at = free_slot_locked(ids, 0, end);
    if (at == end)
        return -ENOSPC;
    int err = grow_locked(ids, at);
    if (err)
        return err;
    if ((int)at <= ids->last)
        ids->seq = (ids->seq + 1) % SEQ_MAX;
    ids->last = (int)at;
    ids->next = at + 1;
    *slot = at;
    *seq = ids->seq;
    return 0;
}

/* What was asked for by next_id: the slot, or the first free one behind it. */
static int wish_slot_locked(struct ipc_ids *ids, uint32_t wish, uint32_t *slot, uint32_t *seq)
    HOLDS(ids->lock);
static int wish_slot_locked(struct ipc_ids *ids, uint32_t wish, uint32_t *slot, uint32_t *seq)
{
    *seq = wish / IPC_SLOTS_MAX;
    *slot = free_slot_locked(ids, wish % IPC_SLOTS_MAX, IPC_SLOTS_MAX);
    return *slot == IPC_SLOTS_MAX ? -ENOSPC : grow_locked(ids, *slot);
}

/* Takes the reference, on success. Nobody else knows it yet. */
static int add_locked(struct ipc_ids *ids, struct ipc_object *o, int key, uint32_t most)
    HOLDS(ids->lock);
static int add_locked(struct ipc_ids *ids, struct ipc_object *o, int key, uint32_t most)
{
    int wish = atomic_load(&ids->next_id);
    uint32_t slot, seq;

    if (ids->in_use >= min(most, IPC_SLOTS_MAX))
        return -ENOSPC;
    int err = wish < 0 ? take_slot_locked(ids, &slot, &seq)
                       : wish_slot_locked(ids, (uint32_t)wish, &slot, &seq);
    if (err)
        return err;
    atomic_store(&ids->next_id, -1);
    o->key = key;
    o->id = (int)(seq * IPC_SLOTS_MAX + slot);
    ids->slots[slot] = o;
    ids->in_use++;
    if (key != IPC_PRIVATE)
        rb_insert(&ids->keys, &o->by_key, before);
    return o->id;
}

/* ---- by key ---- */

/* One that is there already: is it what the caller wants, and may have? */
static int join_locked(struct ipc_object *o, const struct ipc_caller *c, int flags,
                       const void *want)
{
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    int err = o->kind->serves ? o->kind->serves(o, want) : 0;
    if (err)
        return err;
    mutex_lock(&o->lock);
    err = ipc_object_may_locked(o, c, flags);
    mutex_unlock(&o->lock);
    return err ? err : o->id;
}

static int add_new_locked(struct ipc_ids *ids, struct ipc_object **made, const struct ipc_caller *c,
                          int key, uint32_t most) HOLDS(ids->lock);
static int add_new_locked(struct ipc_ids *ids, struct ipc_object **made, const struct ipc_caller *c,
                          int key, uint32_t most)
{
    const struct ipc_kind *kind = (*made)->kind;
    int err = kind->admit_locked ? kind->admit_locked(*made, c) : 0;
    int id = err ? err : add_locked(ids, *made, key, most);

    if (id < 0)
        return id;
    if (kind->enter_locked)
        kind->enter_locked(*made, c);
    *made = NULL; /* the table's */
    return id;
}

/* EAGAIN where one is to be made first, which takes other locks. */
static int open_locked(struct ipc_ids *ids, const struct ipc_caller *c, int key, int flags,
                       const void *want, uint32_t most, struct ipc_object **made) HOLDS(ids->lock);
static int open_locked(struct ipc_ids *ids, const struct ipc_caller *c, int key, int flags,
                       const void *want, uint32_t most, struct ipc_object **made)
{
    struct ipc_object *o = find_key_locked(ids, key);

    if (o)
        return join_locked(o, c, flags, want);
    if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
        return -ENOENT;
    return *made ? add_new_locked(ids, made, c, key, most) : -EAGAIN;
}

int ipc_ids_open(struct ipc_ids *ids, const struct ipc_caller *c, const struct ipc_kind *kind,
                 int key, int flags, const void *want, uint32_t most)
{
    scoped(ipc_object) struct ipc_object *made = NULL;

    for (;;) {
        mutex_lock(&ids->lock);
        int id = open_locked(ids, c, key, flags, want, most, &made);
        mutex_unlock(&ids->lock);
        if (id != -EAGAIN)
            return id;
        int err = kind->create(c, flags, want, &made);
        if (err)
            return err;
    }
}

/* ---- by id ---- */

int ipc_ids_get(struct ipc_ids *ids, int id, struct ipc_object **out)
{
    struct ipc_object *o = NULL;

    if (id < 0)
        return -EINVAL;
    mutex_lock(&ids->lock);
    o = at_locked(ids, (uint32_t)id % IPC_SLOTS_MAX);
    o = o && o->id == id ? ipc_object_get(o) : NULL;
    mutex_unlock(&ids->lock);
    *out = o;
    return o ? 0 : -EINVAL;
}

int ipc_ids_get_slot(struct ipc_ids *ids, int slot, struct ipc_object **out)
{
    struct ipc_object *o = NULL;

    if (slot < 0)
        return -EINVAL;
    mutex_lock(&ids->lock);
    o = at_locked(ids, (uint32_t)slot % IPC_SLOTS_MAX); /* as ipc_obtain_object_idr() */
    o = o ? ipc_object_get(o) : NULL;
    mutex_unlock(&ids->lock);
    *out = o;
    return o ? 0 : -EINVAL;
}

struct ipc_object *ipc_ids_next(struct ipc_ids *ids, uint32_t *slot)
{
    struct ipc_object *o = NULL;

    mutex_lock(&ids->lock);
    for (; !o && *slot < ids->nslots; ++*slot)
        o = at_locked(ids, *slot);
    if (o) {
        --*slot;
        ipc_object_get(o);
    }
    mutex_unlock(&ids->lock);
    return o;
}

int ipc_ids_highest(struct ipc_ids *ids, uint32_t *in_use)
{
    mutex_lock(&ids->lock);
    uint32_t n = ids->nslots;
    while (n > 0 && !ids->slots[n - 1])
        n--;
    if (in_use)
        *in_use = ids->in_use;
    mutex_unlock(&ids->lock);
    return n ? (int)n - 1 : 0;
}

void ipc_ids_forget_key_locked(struct ipc_ids *ids, struct ipc_object *o)
{
    if (o->key != IPC_PRIVATE)
        rb_erase(&ids->keys, &o->by_key);
    o->key = IPC_PRIVATE;
}

void ipc_ids_remove_locked(struct ipc_ids *ids, struct ipc_object *o)
{
    uint32_t slot = (uint32_t)o->id % IPC_SLOTS_MAX;

    assert(ids->slots[slot] == o && !o->removed);
    if (o->key != IPC_PRIVATE)
        rb_erase(&ids->keys, &o->by_key);
    ids->slots[slot] = NULL;
    ids->in_use--;
    o->removed = true;
}
