/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, taken zeroed and given back by count. */
#include "sentry/mm/frame.h"

#include <errno.h>
#include <string.h>

#include "base/host.h"
#include "base/panic.h"
#include "sentry/mm/frame_table.h"

#define ASK_MIN                                                                             \
    8u /* frames that may be there, from which on asking the host beats zeroing what is not \
        */

static void zero_frame(struct ram *ram, struct frame *frame, uint64_t at)
{
    memset(ram->base + at * PAGE_SIZE, 0, PAGE_SIZE);
    frame->used = 0;
    frame->bytes |= FRAME_THERE;
}

/*
 * A frame that was never touched has no page on the host, and zeroing would give it one.
 * One that was found stays there, so each is found once.
 */
static void zero_what_is_there(struct arena *a, uint64_t at, uint64_t end)
{
    struct frames *f = frames_of(a);

    for (; (at = ram_find(a, at, end, true)) < end; at++) {
        if (f->table[at].used)
            zero_frame(ram_of(a), &f->table[at], at);
    }
}

/* The frames are the caller's alone now: no lock is needed. */
static void prepare(struct arena *a, uint64_t at, uint64_t count, bool zero)
{
    struct frames *f = frames_of(a);
    uint64_t unsure = 0;

    for (uint64_t i = at; i < at + count; i++) {
        struct frame *frame = &f->table[i];

        if (!zero)
            frame->bytes |= FRAME_THERE; /* in a moment: the caller writes it */
        else if (frame->used && (frame->bytes & FRAME_THERE))
            zero_frame(ram_of(a), frame, i);
        else
            unsure += frame->used;
    }
    if (unsure >= ASK_MIN)
        zero_what_is_there(a, at, at + count);
    for (uint64_t i = at; i < at + count; i++) {
        if (unsure > 0 && unsure < ASK_MIN && f->table[i].used)
            zero_frame(ram_of(a), &f->table[i], i);
        f->table[i].used = 0;
        atomic_store_explicit(&f->table[i].refs, 1, memory_order_relaxed);
    }
}

static uint64_t take_locked(struct frames *f, pfn_t near, uint64_t count, uint64_t *at)
    HOLDS(f->lock);
static uint64_t take_locked(struct frames *f, pfn_t near, uint64_t count, uint64_t *at)
{
    uint64_t used = f->count - frames_free(f), limit = atomic_load(&f->limit), n = 0;

    if (used >= limit)
        return 0;
    count = min(count, limit - used);
    if (near != PFN_NONE) {
        *at = near;
        n = buddy_take_at_locked(f, near, count);
    }
    if (n == 0)
        n = buddy_take_locked(f, count, at);
    if (n > 0) {
        frames_free_add_locked(f, -(int64_t)n);
        trim_unmark_locked(f, *at, n);
    }
    return n;
}

int frame_alloc_near(struct arena *a, pfn_t near, bool zero, uint64_t *count, pfn_t *out)
{
    struct frames *f = frames_of(a);
    uint64_t at;

    assert(*count > 0);
    mutex_lock(&f->lock);
    uint64_t n = take_locked(f, near, *count, &at);
    /* What is on its way to us, or through the host, is free in a moment. */
    while (n == 0 && (f->trimming || f->expected > 0)) {
        mutex_unlock(&f->lock);
        host_sched_yield();
        mutex_lock(&f->lock);
        n = take_locked(f, near, *count, &at);
    }
    mutex_unlock(&f->lock);
    if (n == 0)
        return -ENOMEM;
    prepare(a, at, n, zero);
    *count = n;
    *out = at;
    return 0;
}

int frame_alloc_run(struct arena *a, uint64_t *count, pfn_t *out)
{
    return frame_alloc_near(a, PFN_NONE, true, count, out);
}

int frame_alloc(struct arena *a, pfn_t *out)
{
    uint64_t one = 1;

    return frame_alloc_near(a, PFN_NONE, true, &one, out);
}

static void give_back(struct arena *a, uint64_t at, uint64_t count, bool dirty)
{
    struct frames *f = frames_of(a);

    mutex_lock(&f->lock);
    if (dirty)
        trim_mark_locked(f, at, count);
    frames_free_add_locked(f, (int64_t)count);
    buddy_free_locked(f, at, at + count);
    enum trim_due due = trim_due_locked(f);
    mutex_unlock(&f->lock);
    if (due)
        trim_run(a, due);
}

static void expect(struct arena *a, int more)
{
    struct frames *f = frames_of(a);

    mutex_lock(&f->lock);
    f->expected += (unsigned)more;
    mutex_unlock(&f->lock);
}

void frames_expect(struct arena *a)
{
    expect(a, 1);
}

void frames_expect_no_more(struct arena *a)
{
    expect(a, -1);
}

void frame_get(struct arena *a, pfn_t pfn, uint64_t count)
{
    struct frames *f = frames_of(a);

    if (pfn >= f->count)
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t was = atomic_fetch_add_explicit(&f->table[pfn + i].refs, 1, memory_order_relaxed);
        assert(was > 0 && was < UINT32_MAX / 2);
    }
}

void frame_put(struct arena *a, pfn_t pfn, uint64_t count)
{
    struct frames *f = frames_of(a);
    uint64_t run = 0; /* frames before `i` whose last reference has just gone */

    if (pfn >= f->count)
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t was = atomic_fetch_sub_explicit(&f->table[pfn + i].refs, 1, memory_order_acq_rel);
        assert(was > 0);
        if (was == 1) {
            run++;
            continue;
        }
        if (run > 0)
            give_back(a, pfn + i - run, run, true);
        run = 0;
    }
    if (run > 0)
        give_back(a, pfn + count - run, run, true);
}

void frame_put_untouched(struct arena *a, pfn_t pfn, uint64_t count)
{
    struct frames *f = frames_of(a);

    for (uint64_t i = 0; i < count; i++) {
        uint32_t was = atomic_exchange_explicit(&f->table[pfn + i].refs, 0, memory_order_acq_rel);
        assert(was == 1);
    }
    if (count > 0)
        give_back(a, pfn, count, false);
}

bool frames_are_there(struct arena *a, pfn_t pfn, uint64_t count)
{
    const struct frame *table = frames_of(a)->table;
    uint64_t i = 0;

    while (i < count && (table[pfn + i].bytes & FRAME_THERE))
        i++;
    return i == count;
}

void frames_set_there(struct arena *a, pfn_t pfn, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        frames_of(a)->table[pfn + i].bytes |= FRAME_THERE;
}

void frames_zero(struct arena *a, pfn_t pfn, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        frames_of(a)->table[pfn + i].used = 1;
    prepare(a, pfn, count, true);
}

uint32_t frame_refs(struct arena *a, pfn_t pfn)
{
    return atomic_load_explicit(&frames_of(a)->table[pfn].refs, memory_order_acquire);
}

bool frame_is_ram(struct arena *a, pfn_t pfn)
{
    return pfn < frames_of(a)->count;
}

void *frame_ptr(struct arena *a, pfn_t pfn)
{
    struct ram *ram = ram_of(a);

    assert_slow(pfn < ram->size / PAGE_SIZE);
    return ram->base + pfn * PAGE_SIZE;
}

bool frames_check(struct arena *a)
{
    struct frames *f = frames_of(a);

    mutex_lock(&f->lock);
    bool ok = buddy_check_locked(f);
    mutex_unlock(&f->lock);
    return ok;
}
