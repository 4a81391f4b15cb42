/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node has 64 slots and covers 64^height pages. A slot of the lowest level holds
 * a frame number and one, so that zero is a hole; above, it holds a node. A node
 * whose last slot empties goes; a tree only grows in height, until it is empty.
 * Before it has a node its first pages stand in the tree itself, in the same form.
 */
#include "sentry/fs/page_tree.h"

#include <errno.h>

#include "sentry/core/slab.h"

#define BITS  6
#define SLOTS (1u << BITS)

struct page_node {
    uint32_t used; /* slots that are not empty */
    union page_slot slot[SLOTS];
};

static const struct slab_type page_node_slab = SLAB_TYPE(page_node, struct page_node);

/* How many pages a tree of that height can hold. */
static uint64_t span(unsigned height)
{
    return height * BITS >= 64 ? UINT64_MAX : (uint64_t)1 << (height * BITS);
}

static unsigned slot_of(uint64_t index, unsigned level)
{
    return (unsigned)(index >> (level * BITS)) % SLOTS;
}

/* Where the frame of page `index` stands, and behind it those of the next: up to `end`. NULL:
 * nowhere.
 */
static const union page_slot *slots_at(const struct page_tree *t, uint64_t index,
                                       const union page_slot **end)
{
    const struct page_node *n = t->root;

    if (!n) {
        *end = t->few + PAGE_TREE_FEW;
        return index < PAGE_TREE_FEW ? t->few + index : NULL;
    }
    if (index >= span(t->height))
        return NULL;
    for (unsigned level = t->height - 1; n && level > 0; level--)
        n = n->slot[slot_of(index, level)].node;
    if (!n)
        return NULL;
    *end = n->slot + SLOTS;
    return n->slot + slot_of(index, 0);
}

uint64_t page_tree_run(const struct page_tree *t, uint64_t index, uint64_t max, pfn_t *first)
{
    const union page_slot *s, *end;
    uint64_t n = 0;

    while (n < max && (s = slots_at(t, index + n, &end)) != NULL)
        for (; s < end && n < max; s++, n++) {
            if (s->frame == 0 || (n > 0 && s->frame != *first + 1 + n))
                return n;
            if (n == 0)
                *first = s->frame - 1;
        }
    return n;
}

/* Looks for a page (`full`) or a hole, from `index` on but below `end`; `end` where there is none.
 */
static uint64_t find(const struct page_tree *t, uint64_t index, uint64_t end, bool full)
{
    for (; !t->root && index < min(end, (uint64_t)PAGE_TREE_FEW); index++)
        if ((t->few[index].frame != 0) == full)
            return index;
    while (index < end) {
        struct page_node *n = t->root;
        unsigned level = t->height;

        if (!n || index >= span(t->height))
            return full ? end : index;
        while (n && --level > 0)
            n = n->slot[slot_of(index, level)].node;
        if (!n) { /* nothing below this slot */
            uint64_t width = (uint64_t)1 << (level * BITS);
            if (!full)
                return index;
            index = (index | (width - 1)) + 1;
            if (index == 0)
                return end;
            continue;
        }
        for (unsigned s = slot_of(index, 0); s < SLOTS && index < end; s++, index++)
            if ((n->slot[s].frame != 0) == full)
                return index;
    }
    return end;
}

uint64_t page_tree_hole(const struct page_tree *t, uint64_t index, uint64_t max)
{
    uint64_t end = index + max < index ? UINT64_MAX : index + max;

    return find(t, index, end, true) - index;
}

uint64_t page_tree_next(const struct page_tree *t, uint64_t index)
{
    return find(t, index, PAGE_INDEX_NONE, true);
}

uint64_t page_tree_next_hole(const struct page_tree *t, uint64_t index)
{
    return find(t, index, PAGE_INDEX_NONE, false);
}

/* So many pages more, or less. */
static void count(struct page_tree *t, uint64_t by)
{
    __atomic_store_n(&t->count, t->count + by, __ATOMIC_RELAXED);
}

/* The first node takes over what the tree itself has. */
static void move_few(struct page_tree *t, struct page_node *n)
{
    for (unsigned i = 0; i < PAGE_TREE_FEW; i++) {
        n->slot[i] = t->few[i];
        n->used += t->few[i].frame != 0;
        t->few[i].frame = 0;
    }
}

/* One more level above the root, until `index` fits. */
static int grow(struct page_tree *t, struct arena *a, uint64_t index)
{
    while (!t->root || index >= span(t->height)) {
        struct page_node *n = slab_alloc(a, &page_node_slab);
        if (!n)
            return -ENOMEM;
        if (t->root) {
            n->slot[0].node = t->root;
            n->used = 1;
        } else {
            move_few(t, n);
        }
        t->root = n;
        t->height++;
    }
    return 0;
}

static void free_node(struct page_node *n, unsigned level)
{
    for (unsigned s = 0; level > 0 && s < SLOTS; s++)
        if (n->slot[s].node)
            free_node(n->slot[s].node, level - 1);
    slab_free(n);
}

/* Frees what growth or a path to a page left without one. */
static void free_if_empty(struct page_tree *t)
{
    if (t->count > 0 || !t->root)
        return;
    free_node(t->root, t->height - 1);
    t->root = NULL;
    t->height = 0;
}

static int put(struct page_tree *t, struct arena *a, uint64_t index, pfn_t pfn)
{
    if (!t->root && index < PAGE_TREE_FEW) {
        assert(t->few[index].frame == 0);
        t->few[index].frame = pfn + 1;
        count(t, 1);
        return 0;
    }
    int err = grow(t, a, index);
    struct page_node *n = t->root;
    if (err)
        return err;
    for (unsigned level = t->height - 1; level > 0; level--) {
        struct page_node **next = &n->slot[slot_of(index, level)].node;
        if (!*next) {
            *next = slab_alloc(a, &page_node_slab);
            if (!*next)
                return -ENOMEM;
            n->used++;
        }
        n = *next;
    }
    assert(n->slot[slot_of(index, 0)].frame == 0);
    n->slot[slot_of(index, 0)].frame = pfn + 1;
    n->used++;
    count(t, 1);
    return 0;
}

int page_tree_put(struct page_tree *t, struct arena *a, uint64_t index, pfn_t pfn)
{
    int err = put(t, a, index, pfn);

    if (err)
        free_if_empty(t);
    return err;
}

static uint64_t cut_slots(union page_slot *slot, struct arena *a, uint64_t from, uint64_t to)
{
    uint64_t cut = 0;

    for (uint64_t s = from; s < to; s++) {
        if (slot[s].frame == 0)
            continue;
        frame_put(a, slot[s].frame - 1, 1);
        slot[s].frame = 0;
        cut++;
    }
    return cut;
}

/* Cuts [from, to) of what `n` covers, both counted from its start. */
static uint64_t cut_node(struct page_node *n, struct arena *a, unsigned level, uint64_t from,
                         uint64_t to)
{
    uint64_t width = (uint64_t)1 << (level * BITS), cut = 0;

    if (level == 0) {
        cut = cut_slots(n->slot, a, from, to);
        n->used -= (uint32_t)cut;
        return cut;
    }
    for (uint64_t s = from / width; s < SLOTS && s * width < to; s++) {
        struct page_node *child = n->slot[s].node;
        if (!child)
            continue;
        uint64_t start = s * width;
        cut += cut_node(child, a, level - 1, from > start ? from - start : 0,
                        to - start < width ? to - start : width);
        if (child->used == 0) {
            slab_free(child);
            n->slot[s].node = NULL;
            n->used--;
        }
    }
    return cut;
}

uint64_t page_tree_cut(struct page_tree *t, struct arena *a, uint64_t from, uint64_t to)
{
    uint64_t most = t->root ? span(t->height) : PAGE_TREE_FEW, cut;

    to = min(to, most);
    if (from >= to)
        return 0;
    cut = t->root ? cut_node(t->root, a, t->height - 1, from, to) : cut_slots(t->few, a, from, to);
    count(t, -cut);
    free_if_empty(t);
    return cut;
}
