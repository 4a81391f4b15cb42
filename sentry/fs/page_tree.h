/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which frame holds which page of a file: a radix tree, as sparse as the file. Most files are
 * small, so the first pages need no node.
 *
 * The tree owns one reference to each frame in it. Whoever owns the tree guards it.
 */
#pragma once

#include "sentry/mm/mm.h"

struct page_node;

#define PAGE_TREE_FEW 2

union page_slot {
    struct page_node *node;
    uint64_t frame; /* pfn + 1, so that 0 is a hole */
};

struct page_tree {
    struct page_node *root;             /* NULL where it holds nothing beyond the few */
    unsigned height;                    /* levels of nodes */
    uint64_t count;                     /* pages in it: page_tree_count() */
    union page_slot few[PAGE_TREE_FEW]; /* without a root: the frames of the first pages */
};

#define PAGE_INDEX_NONE UINT64_MAX

/* How many pages there are. Nobody has to hold anything for it. */
static inline uint64_t page_tree_count(const struct page_tree *t)
{
    return __atomic_load_n(&t->count, __ATOMIC_RELAXED);
}

/*
 * The frames from page `index` on that lie next to each other.
 *
 *   max       at least 1
 *   returns   how many, at most `max`; 0 where page `index` is a hole
 */
uint64_t page_tree_run(const struct page_tree *t, uint64_t index, uint64_t max, pfn_t *first);

/* How many pages from `index` on are holes, at most `max`. */
uint64_t page_tree_hole(const struct page_tree *t, uint64_t index, uint64_t max);

/* Puts a frame (its reference is taken) where a hole was. Errors: ENOMEM, and it is not taken. */
must_use int page_tree_put(struct page_tree *t, struct arena *a, uint64_t index, pfn_t pfn);

/* The first page at or after `index` that there is, PAGE_INDEX_NONE where none. */
uint64_t page_tree_next(const struct page_tree *t, uint64_t index);
/* The first hole at or after `index`. */
uint64_t page_tree_next_hole(const struct page_tree *t, uint64_t index);

/*
 * Gives up the frames of pages [from, to).
 *
 *   to        PAGE_INDEX_NONE: to the end
 *   returns   how many there were
 */
uint64_t page_tree_cut(struct page_tree *t, struct arena *a, uint64_t from, uint64_t to);
