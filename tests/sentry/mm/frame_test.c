/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/mm/frame.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/uptr.h"
#include "sentry/core/timer.h"
#include "sentry/mm/frame_table.h"
#include "tests/lib/mm_world.h"

static struct mm_world w;

static void start(void)
{
    mm_world_start(&w, 100 * MIB); /* not a power of two */
}

static void stop(void)
{
    mm_world_stop(&w);
}

/* What the host has given for RAM, in bytes. */
static uint64_t host_cost(void)
{
    struct stat st;

    cr_assert_eq(fstat(ram_fd(w.arena), &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

/* All that can be had of RAM, in runs. */
struct everything {
    struct {
        pfn_t pfn;
        uint64_t count;
    } run[64];
    int n;
    uint64_t pages;
};

static void take_all(struct everything *all)
{
    int err;

    all->n = 0;
    all->pages = 0;
    for (;; all->n++) {
        cr_assert_lt((size_t)all->n, ARRAY_LEN(all->run));
        all->run[all->n].count = 100000;
        err = frame_alloc_run(w.arena, &all->run[all->n].count, &all->run[all->n].pfn);
        if (err)
            break;
        all->pages += all->run[all->n].count;
    }
    cr_assert_eq(err, -ENOMEM);
}

static void put_all(const struct everything *all)
{
    for (int i = 0; i < all->n; i++)
        frame_put(w.arena, all->run[i].pfn, all->run[i].count);
}

static void *give_back(void *pfn)
{
    usleep(20000);
    frame_put(w.arena, *(pfn_t *)pfn, 1);
    frames_expect_no_more(w.arena);
    return NULL;
}

Test(frame, what_is_expected_is_waited_for, .init = start, .fini = stop)
{
    static struct everything all;
    pthread_t giver;
    pfn_t one, got;

    cr_assert_eq(frame_alloc(w.arena, &one), 0);
    take_all(&all);
    cr_assert_eq(frame_alloc(w.arena, &got), -ENOMEM);
    frames_expect(w.arena);
    cr_assert_eq(pthread_create(&giver, NULL, give_back, &one), 0);
    cr_assert_eq(frame_alloc(w.arena, &got), 0);
    cr_assert_eq(got, one);
    cr_assert_eq(pthread_join(giver, NULL), 0);
    cr_assert_eq(frame_alloc(w.arena, &got), -ENOMEM);
    frame_put(w.arena, one, 1);
    put_all(&all);
}

Test(frame, runs_follow_each_other, .init = start, .fini = stop)
{
    pfn_t last = 0, pfn;

    for (int i = 0; i < 50; i++) {
        uint64_t count = 16;
        cr_assert_eq(frame_alloc_near(w.arena, i ? last + 16 : PFN_NONE, true, &count, &pfn), 0);
        cr_assert_eq(count, 16);
        if (i)
            cr_assert_eq(pfn, last + 16, "%d: %lu after %lu", i, pfn, last);
        last = pfn;
    }
    cr_assert(frames_check(w.arena));
    frame_put(w.arena, last - 49 * 16, 50 * 16);
    cr_assert(frames_check(w.arena));
}

Test(frame, all_of_ram_can_be_had_and_no_more, .init = start, .fini = stop)
{
    uint64_t before = ram_used(w.arena);
    static struct everything all;

    take_all(&all);
    cr_assert_eq(all.pages * PAGE_SIZE + before, ram_total(w.arena));
    cr_assert_eq(ram_used(w.arena), ram_total(w.arena));
    cr_assert_lt(host_cost(), MIB, "nothing was touched");
    put_all(&all);
    cr_assert_eq(ram_used(w.arena), before);
    cr_assert(frames_check(w.arena));
}

Test(frame, a_limit_holds_until_it_is_raised, .init = start, .fini = stop)
{
    uint64_t total = ram_total(w.arena), before = ram_used(w.arena), most = before + 4 * PAGE_SIZE;
    uint64_t n = 16;
    pfn_t got, one;

    cr_assert_eq(ram_limit(w.arena, most), most);
    cr_assert_eq(ram_total(w.arena), most);
    cr_assert_eq(frame_alloc_run(w.arena, &n, &got), 0);
    cr_assert_eq(n, 4, "as many as there may be");
    cr_assert_eq(frame_alloc(w.arena, &one), -ENOMEM);
    cr_assert_eq(ram_limit(w.arena, PAGE_SIZE), PAGE_SIZE, "below what is in use");
    cr_assert_eq(frame_alloc(w.arena, &one), -ENOMEM);
    cr_assert_eq(ram_limit(w.arena, 0), total);
    cr_assert_eq(frame_alloc(w.arena, &one), 0);
    cr_assert_eq(ram_limit(w.arena, 2 * total), total, "no more than there is");
    frame_put(w.arena, one, 1);
    frame_put(w.arena, got, n);
}

Test(frame, what_is_freed_comes_back_as_zeroes, .init = start, .fini = stop)
{
    for (int round = 0; round < 3; round++) {
        uint64_t count = 300;
        pfn_t pfn;
        cr_assert_eq(frame_alloc_run(w.arena, &count, &pfn), 0);
        for (uint64_t i = 0; i < count; i++) {
            char *p = frame_ptr(w.arena, pfn + i);
            for (size_t k = 0; k < PAGE_SIZE; k++)
                cr_assert_eq(p[k], 0);
            if (i % 3)
                memset(p, 0xee, PAGE_SIZE);
        }
        frame_put(w.arena, pfn, count);
    }
}

Test(frame, what_is_freed_goes_back_to_the_host, .init = start, .fini = stop)
{
    uint64_t count = 16384;
    pfn_t pfn;

    cr_assert_eq(frame_alloc_run(w.arena, &count, &pfn), 0);
    cr_assert_geq(count, 8192);
    for (uint64_t i = 0; i < count; i++)
        *(char *)frame_ptr(w.arena, pfn + i) = 1;
    cr_assert_geq(host_cost(), count * PAGE_SIZE);
    frame_put(w.arena, pfn, count);
    cr_assert_leq(host_cost(), 17 * MIB);
    cr_assert(frames_check(w.arena));
}

/* A busy sandbox keeps what it will want again; an idle one does not, nor is it woken for ever. */
Test(frame, an_idle_sandbox_gives_more_back, .init = start, .fini = stop)
{
    struct virtual_clock clock;
    uint64_t count = 3000;
    pfn_t pfn;

    virtual_clock_init(&clock);
    arena_set_host(w.arena, HOST_CLOCK, &clock.clock);
    cr_assert_eq(timers_create(w.arena), 0);
    cr_assert_eq(frame_alloc_run(w.arena, &count, &pfn), 0);
    cr_assert_eq(count, 3000);
    for (uint64_t i = 0; i < count; i++)
        *(char *)frame_ptr(w.arena, pfn + i) = 1;
    frame_put(w.arena, pfn, 2999);
    cr_assert_geq(host_cost(), count * PAGE_SIZE);

    nsec_t due = timers_run(w.arena, 0);
    cr_assert_neq(due, NSEC_NEVER);
    frame_put(w.arena, pfn + 2999, 1); /* somebody is still at it */
    virtual_clock_advance(&clock, due);
    nsec_t again = timers_run(w.arena, due);
    cr_assert_gt(again, due);
    cr_assert_neq(again, NSEC_NEVER);
    cr_assert_geq(host_cost(), count * PAGE_SIZE);

    virtual_clock_advance(&clock, again - due);
    cr_assert_eq(timers_run(w.arena, again), NSEC_NEVER);
    cr_assert_leq(host_cost(), 9 * MIB);
    cr_assert(frames_check(w.arena));
    ram_settle(w.arena);
    timers_destroy(w.arena);
}

static bool wants_trim(void)
{
    struct frames *f = frames_of(w.arena);

    mutex_lock(&f->lock);
    bool wants = trim_due_locked(f) == TRIM_NOW;
    mutex_unlock(&f->lock);
    return wants;
}

/* Puts what lies in [from, to) of each region. */
static void put_parts(const struct everything *all, uint64_t from, uint64_t to)
{
    for (int i = 0; i < all->n; i++) {
        pfn_t at = all->run[i].pfn, end = at + all->run[i].count;
        for (pfn_t region = at / REGION * REGION; region < end; region += REGION) {
            pfn_t first = max(region + from, at), last = min(region + to, end);
            if (first < last)
                frame_put(w.arena, first, last - first);
        }
    }
}

/* A few free frames in each region, none worth a hole: not each of the next looks for one again. */
Test(frame, what_lies_apart_is_not_looked_for_at_each_free, .fini = stop)
{
    static struct everything all;

    mm_world_start(&w, 3 * 1024 * MIB);
    struct frames *f = frames_of(w.arena);
    take_all(&all);
    put_parts(&all, 0, 15);
    cr_assert_gt(f->ndirty, f->most_dirty);
    cr_assert_not(wants_trim());
    put_parts(&all, 15, REGION);
    cr_assert_leq(f->ndirty, f->most_dirty);
    cr_assert(frames_check(w.arena));
}

Test(frame, untouched_frames_cost_nothing_when_they_come_back, .init = start, .fini = stop)
{
    uint64_t count = 512;
    pfn_t pfn;

    cr_assert_eq(frame_alloc_run(w.arena, &count, &pfn), 0);
    *(char *)frame_ptr(w.arena, pfn + 7) = 1;
    uint64_t cost = host_cost();
    frame_put(w.arena, pfn, count);
    count = 512;
    cr_assert_eq(frame_alloc_run(w.arena, &count, &pfn), 0);
    cr_assert_eq(host_cost(), cost);
    cr_assert_eq(*(char *)frame_ptr(w.arena, pfn + 7), 0);
    frame_put(w.arena, pfn, count);
}

/* Holes near and far, one page and many, asked for from each page, with each end. */
Test(frame, holes_and_pages_of_ram_are_found, .init = start, .fini = stop)
{
    uint64_t count = 200;
    bool there[200];
    pfn_t at;

    cr_assert_eq(frame_alloc_run(w.arena, &count, &at), 0);
    cr_assert_eq(count, 200);
    for (uint64_t i = 0; i < 200; i++) {
        there[i] = i != 0 && i != 9 && i != 10 && i != 31 && !(i > 65 && i < 100) && i < 170;
        if (there[i])
            *(char *)frame_ptr(w.arena, at + i) = 1;
    }
    for (uint64_t from = 0; from <= 200; from++) {
        for (uint64_t end = from; end <= 200; end += 7) {
            uint64_t page = from, hole = from;
            while (page < end && !there[page])
                page++;
            while (hole < end && there[hole])
                hole++;
            cr_assert_eq(ram_find(w.arena, at + from, at + end, true), at + page);
            cr_assert_eq(ram_find(w.arena, at + from, at + end, false), at + hole);
        }
    }
    frame_put(w.arena, at, 200);
}

Test(frame, random_holders_never_share, .init = start, .fini = stop)
{
    enum { SLOTS = 200 };
    static struct {
        pfn_t pfn;
        uint64_t count;
    } held[SLOTS];
    uint64_t seed = 3;

    for (int i = 0; i < 20000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t s = (uint32_t)(seed >> 33) % SLOTS;
        if (held[s].count) {
            for (uint64_t k = 0; k < held[s].count; k++)
                cr_assert_eq(*(uint32_t *)frame_ptr(w.arena, held[s].pfn + k), s + 1);
            frame_put(w.arena, held[s].pfn, held[s].count);
            held[s].count = 0;
            continue;
        }
        held[s].count = 1 + (seed >> 50) % 70;
        cr_assert_eq(frame_alloc_run(w.arena, &held[s].count, &held[s].pfn), 0);
        for (uint64_t k = 0; k < held[s].count; k++) {
            cr_assert_eq(*(uint32_t *)frame_ptr(w.arena, held[s].pfn + k), 0);
            *(uint32_t *)frame_ptr(w.arena, held[s].pfn + k) = s + 1;
        }
    }
    cr_assert(frames_check(w.arena));
    for (int s = 0; s < SLOTS; s++)
        if (held[s].count)
            frame_put(w.arena, held[s].pfn, held[s].count);
}
