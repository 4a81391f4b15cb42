/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node has 64 slots and covers 64^height pages. A slot of the lowest level holds
 * a frame number and one, so that zero is a hole; above, it holds a node. A node
 * whose last slot empties goes; a tree only grows in height, until it is empty.
 */
#include "sentry/fs/page_tree.h"

#include <errno.h>

#include "sentry/core/slab.h"

#define BITS  6
#define SLOTS (1u << BITS)

struct page_node {
    uint32_t used; /* slots that are not empty */
    union {
        struct page_node *node;
        uint64_t frame; /* pfn + 1 */
    } slot[SLOTS];
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

/* The lowest node that covers `index`; NULL where there is none. */
static struct page_node *leaf_of(const struct page_tree *t, uint64_t index)
{
    struct page_node *n = t->root;

    if (!n || index >= span(t->height))
        return NULL;
    for (unsigned level = t->height - 1; n && level > 0; level--)
        n = n->slot[slot_of(index, level)].node;
    return n;
}

uint64_t page_tree_run(const struct page_tree *t, uint64_t index, uint64_t max, pfn_t *first)
{
    uint64_t n = 0;

    while (n < max) {
        const struct page_node *leaf = leaf_of(t, index + n);
        if (!leaf)
            return n;
        for (unsigned s = slot_of(index + n, 0); s < SLOTS && n < max; s++, n++) {
            uint64_t frame = leaf->slot[s].frame;
            if (frame == 0 || (n > 0 && frame != *first + 1 + n))
                return n;
            if (n == 0)
                *first = frame - 1;
        }
    }
    return n;
}

/* Looks for a page (`full`) or a hole, from `index` on but below `end`; `end` where there is none.
 */
static uint64_t find(const struct page_tree *t, uint64_t index, uint64_t end, bool full)
{
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
    t->count++;
    return 0;
}

int page_tree_put(struct page_tree *t, struct arena *a, uint64_t index, pfn_t pfn)
{
    int err = put(t, a, index, pfn);

    if (err)
        free_if_empty(t);
    return err;
}

static uint64_t cut_leaf(struct page_node *n, struct arena *a, unsigned from, unsigned to)
{
    uint64_t cut = 0;

    for (unsigned s = from; s < to; s++) {
        if (n->slot[s].frame == 0)
            continue;
        frame_put(a, n->slot[s].frame - 1, 1);
        n->slot[s].frame = 0;
        n->used--;
        cut++;
    }
    return cut;
}

/* Cuts [from, to) of what `n` covers, both counted from its start. */
static uint64_t cut_node(struct page_node *n, struct arena *a, unsigned level, uint64_t from,
                         uint64_t to)
{
    uint64_t width = (uint64_t)1 << (level * BITS), cut = 0;

    if (level == 0)
        return cut_leaf(n, a, (unsigned)from, (unsigned)to);
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
    if (!t->root || from >= span(t->height) || from >= to)
        return 0;
    uint64_t cut =
        cut_node(t->root, a, t->height - 1, from, to < span(t->height) ? to : span(t->height));
    t->count -= cut;
    free_if_empty(t);
    return cut;
}
