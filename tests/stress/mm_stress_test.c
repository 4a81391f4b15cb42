/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of one guest at work in one mm: each keeps account of a region of its own
 * while all of them map, unmap, protect, fork, pin and truncate around it. Run it
 * under ThreadSanitizer.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sentry/mm/io.h"
#include "sentry/mm/mm.h"
#include "tests/lib/mm_world.h"

#define RW      (PROT_READ | PROT_WRITE)
#define ANON    (MAP_PRIVATE | MAP_ANONYMOUS)
#define THREADS 4
#define PAGES   40u

static struct mm_world w;
static uint64_t shared_at;

struct worker {
    pthread_t thread;
    uint32_t number;
    uint64_t seed, base;
    uint32_t value[PAGES]; /* what is in its region; 0 after an unmap */
    int steps;
};

static uint32_t pick(struct worker *k, uint32_t n)
{
    k->seed = k->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(k->seed >> 33) % n;
}

static void touch_own(struct worker *k)
{
    uint32_t page = pick(k, PAGES), seen = 0;
    uint64_t at = k->base + page * PAGE_SIZE;

    if (pick(k, 2)) {
        k->value[page] = pick(k, UINT32_MAX) | 1;
        assert(copy_out_struct(w.mm, uptr(at), &k->value[page]) == 0);
    } else {
        assert(copy_in_struct(w.mm, &seen, uptr(at)) == 0);
        assert(seen == k->value[page]);
    }
}

static void renew_own(struct worker *k)
{
    uint32_t first = pick(k, PAGES), n = 1 + pick(k, PAGES - first);

    assert(mm_world_map(&w, w.mm, k->base + first * PAGE_SIZE, n * PAGE_SIZE, RW,
                        ANON | MAP_FIXED) > 0);
    memset(&k->value[first], 0, n * sizeof k->value[0]);
}

static void protect_own(struct worker *k)
{
    uint32_t first = pick(k, PAGES), n = 1 + pick(k, PAGES - first);
    uptr_t at = uptr(k->base + first * PAGE_SIZE);

    assert(mm_protect(w.mm, at, n * PAGE_SIZE, PROT_READ) == 0);
    assert(mm_protect(w.mm, at, n * PAGE_SIZE, RW) == 0);
}

/* A child that must see the parent's bytes of this region as they are now. */
static void fork_it(struct worker *k)
{
    struct mm *child;
    uint32_t seen, other = 0xdead;

    assert(mm_fork(w.mm, &w.limits, &child) == 0);
    for (uint32_t i = 0; i < PAGES; i += 7) {
        uptr_t at = uptr(k->base + i * PAGE_SIZE);
        assert(copy_in_struct(child, &seen, at) == 0);
        assert(seen == k->value[i]);
        assert(copy_out_struct(child, at, &other) == 0);
    }
    touch_own(k);
    mm_put(child);
}

/* What a host call would do: writes straight into the guest's pages. */
static void pin_own(struct worker *k)
{
    uint32_t page = pick(k, PAGES);
    struct io io;
    struct io_pin pin;

    assert(io_user(&io, w.mm, uptr(k->base + page * PAGE_SIZE), 4) == 0);
    assert(io_pin(&io, 4, true, &pin) == 0);
    k->value[page] = pick(k, UINT32_MAX) | 1;
    memcpy(pin.vecs[0].iov_base, &k->value[page], 4);
    io_unpin(&io, &pin, 4);
}

static void use_shared(struct worker *k)
{
    uptr_t at = uptr(shared_at + pick(k, 16) * PAGE_SIZE + 4 * k->number);
    uint32_t seen = 0, mine = k->number;

    if (pick(k, 8) == 0) {
        assert(mm_advise(w.mm, uptr(shared_at + 8 * PAGE_SIZE), 4 * PAGE_SIZE, MADV_REMOVE) == 0);
        return;
    }
    assert(copy_in_struct(w.mm, &seen, at) == 0);
    assert(seen == 0 || seen == k->number);
    assert(word_cmpxchg(w.mm, at, &seen, mine) == 0);
}

static void *work(void *arg)
{
    struct worker *k = arg;

    for (int i = 0; i < k->steps; i++) {
        switch (pick(k, 20)) {
        case 0:
            renew_own(k);
            break;
        case 1:
            protect_own(k);
            break;
        case 2:
            fork_it(k);
            break;
        case 3:
        case 4:
            pin_own(k);
            break;
        case 5:
        case 6:
            use_shared(k);
            break;
        default:
            touch_own(k);
        }
    }
    return NULL;
}

Test(mm_stress, everybody_keeps_what_is_theirs, .timeout = 300)
{
    static struct worker workers[THREADS];

    mm_world_start(&w, 64 * MIB);
    shared_at = (uint64_t)mm_world_map(&w, w.mm, 0, 16 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS);
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){ .number = i + 1, .seed = i, .steps = getenv("LONG") ? 20000 : 1500 };
        workers[i].base = (uint64_t)mm_world_map(&w, w.mm, 0, PAGES * PAGE_SIZE, RW, ANON);
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    cr_assert(mm_world_agrees(w.mm, false));
    mm_world_stop(&w);
}
