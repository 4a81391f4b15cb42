/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the page table, on their way to the platform. */
#pragma once

#include "sentry/mm/pagetable.h"

#define BATCH_OPS  48
#define BATCH_RUNS 96

/* Whether the platform may be told later: of pages alone that it does not show anything of. */
enum batch_wait {
    BATCH_NOW,
    BATCH_LATER, /* more will follow before anybody looks: late.c */
    BATCH_GUESS, /* the same, it seems */
};

/*
 * Changes of the table on their way to the platform, and frames that may go once it
 * has made them. Lives on a stack, from batch_begin() to batch_end() under the mm's lock.
 */
struct batch {
    struct mm *mm;
    uint32_t nops, nruns;
    enum batch_wait wait;
    pfn_t next;    /* while the last operation is a MEM_MAP: the page that would continue it */
    uint64_t run;  /* and how many of its file's pages would, from there on */
    bool populate; /* what is mapped from here on will be touched, and the host has it */
    struct mem_op ops[BATCH_OPS + LATE_OPS + GONE_RANGES + NARROW_OPS];
    struct {
        pfn_t pfn;
        uint64_t count; /* 0: a leaf */
    } runs[BATCH_RUNS];
    uint32_t ngone;
    struct gone_range gone[GONE_RANGES];
};

void batch_begin(struct batch *b, struct mm *mm);
/* The same for new pages, where nothing was before. */
void batch_begin_new(struct batch *b, struct mm *mm, enum batch_wait wait);
/* `count` entries from `va` on are now `e` and the pages after it: shows them, whatever was there.
 */
void batch_map(struct batch *b, uint64_t va, pte_t e, uint64_t count);
/* Nothing is to be seen in the range. */
void batch_unmap(struct batch *b, uint64_t va, uint64_t size);
/* The range, all of it mapped, gets new rights; its entries have them already. */
void batch_protect(struct batch *b, uint64_t va, uint64_t size, int prot);
/* Gives up one reference of each frame, once the platform shows them no more. */
void batch_put(struct batch *b, pfn_t pfn, uint64_t count);
/* The same for a frozen leaf: pagetable.h. */
void batch_put_leaf(struct batch *b, pfn_t leaf);
/* Makes all of it so. The guest sees nothing else when it returns. */
void batch_end(struct batch *b);
/* Tells the platform of all that has been waiting. */
void shadow_catch_up(struct mm *mm) HOLDS(mm->lock);
/* How many mappings the whole table would make; counts no further than `most`. */
uint64_t shadow_count(struct mm *mm, uint64_t most) HOLDS(mm->lock);
/* Shows [start, end) again from the table: for faults that have no other reason. */
void shadow_refill(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
