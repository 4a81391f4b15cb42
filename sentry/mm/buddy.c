/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free frames as blocks (Knuth, TAOCP vol. 1, 2.5): of 2^order, aligned to their size,
 * in one list for each order. Links are frame numbers in the table itself.
 *
 * A split hands out the lower half, and lists are searched youngest first: requests
 * that follow each other get frames that follow each other.
 */
#include "sentry/mm/frame_table.h"

static void push_block_locked(struct frames *f, uint64_t at, unsigned order) HOLDS(f->lock);
static void push_block_locked(struct frames *f, uint64_t at, unsigned order)
{
    struct frame *b = &f->table[at];

    b->free = (uint8_t)(order + 1);
    b->prev = 0;
    b->next = f->heads[order];
    if (b->next)
        f->table[b->next - 1].prev = (uint32_t)at + 1;
    f->heads[order] = (uint32_t)at + 1;
}

static void pull_block_locked(struct frames *f, uint64_t at) HOLDS(f->lock);
static void pull_block_locked(struct frames *f, uint64_t at)
{
    struct frame *b = &f->table[at];

    if (b->prev)
        f->table[b->prev - 1].next = b->next;
    else
        f->heads[b->free - 1] = b->next;
    if (b->next)
        f->table[b->next - 1].prev = b->prev;
    b->free = 0;
    b->next = b->prev = 0;
}

static void free_block_locked(struct frames *f, uint64_t at, unsigned order) HOLDS(f->lock);
static void free_block_locked(struct frames *f, uint64_t at, unsigned order)
{
    for (; order + 1 < ORDERS; order++) {
        uint64_t buddy = at ^ ((uint64_t)1 << order);
        if (buddy + ((uint64_t)1 << order) > f->count || f->table[buddy].free != order + 1)
            break;
        pull_block_locked(f, buddy);
        at = min(at, buddy);
    }
    push_block_locked(f, at, order);
}

/* The order of the largest block that starts at `at` and ends by `end`. */
static unsigned order_at(uint64_t at, uint64_t end)
{
    unsigned order = at ? (unsigned)__builtin_ctzll(at) : ORDERS - 1;

    order = min(order, (unsigned)ORDERS - 1);
    while (at + ((uint64_t)1 << order) > end)
        order--;
    return order;
}

void buddy_free_locked(struct frames *f, uint64_t at, uint64_t end)
{
    while (at < end) {
        unsigned order = order_at(at, end);
        free_block_locked(f, at, order);
        at += (uint64_t)1 << order;
    }
}

/* Finds the free block that `at` lies in. */
static bool block_of_locked(const struct frames *f, uint64_t at, uint64_t *head, unsigned *order)
    HOLDS(f->lock);
static bool block_of_locked(const struct frames *f, uint64_t at, uint64_t *head, unsigned *order)
{
    for (unsigned o = 0; o < ORDERS; o++) {
        uint64_t h = at & ~(((uint64_t)1 << o) - 1);
        if (f->table[h].free == o + 1) {
            *head = h;
            *order = o;
            return true;
        }
    }
    return false;
}

uint64_t buddy_take_at_locked(struct frames *f, uint64_t at, uint64_t count)
{
    uint64_t head;
    unsigned order;

    if (at >= f->count || !block_of_locked(f, at, &head, &order))
        return 0;
    uint64_t end = head + ((uint64_t)1 << order);
    count = min(count, end - at);
    pull_block_locked(f, head);
    buddy_free_locked(f, at + count, end);
    buddy_free_locked(f, head, at);
    return count;
}

/* The smallest block that holds `count`, or else the largest there is. False: nothing is free. */
static bool find_block_locked(const struct frames *f, uint64_t count, uint64_t *at) HOLDS(f->lock);
static bool find_block_locked(const struct frames *f, uint64_t count, uint64_t *at)
{
    unsigned want = count > 1 ? 64 - (unsigned)__builtin_clzll(count - 1) : 0;

    want = min(want, (unsigned)ORDERS - 1);
    for (unsigned o = want; o < ORDERS; o++) {
        if (f->heads[o]) {
            *at = f->heads[o] - 1;
            return true;
        }
    }
    while (want-- > 0) {
        if (f->heads[want]) {
            *at = f->heads[want] - 1;
            return true;
        }
    }
    return false;
}

uint64_t buddy_take_locked(struct frames *f, uint64_t count, uint64_t *at)
{
    return find_block_locked(f, count, at) ? buddy_take_at_locked(f, *at, count) : 0;
}

bool buddy_is_free_locked(const struct frames *f, uint64_t at)
{
    uint64_t head;
    unsigned order;

    return block_of_locked(f, at, &head, &order);
}

void buddy_init_locked(struct frames *f)
{
    uint64_t size = (uint64_t)1 << (ORDERS - 1), whole = f->count & ~(size - 1);

    /* From the end, so that the youngest of the large blocks is the lowest. */
    buddy_free_locked(f, whole, f->count);
    for (uint64_t at = whole; at > 0; at -= size)
        push_block_locked(f, at - size, ORDERS - 1);
}

bool buddy_check_locked(const struct frames *f)
{
    uint64_t nfree = 0, ndirty = 0;

    for (unsigned o = 0; o < ORDERS; o++) {
        uint32_t prev = 0;
        for (uint32_t h = f->heads[o]; h; prev = h, h = f->table[h - 1].next) {
            const struct frame *b = &f->table[h - 1];
            uint64_t size = (uint64_t)1 << o;
            if (b->free != o + 1 || b->prev != prev || (h - 1) % size || h - 1 + size > f->count)
                return false;
            for (uint64_t i = 0; i < size; i++) {
                if (f->table[h - 1 + i].refs || (i && f->table[h - 1 + i].free))
                    return false;
                ndirty += f->table[h - 1 + i].bytes & FRAME_DIRTY;
            }
            nfree += size;
        }
    }
    return nfree == frames_free(f) && ndirty == f->ndirty;
}
