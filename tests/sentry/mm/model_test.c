/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random calls, on the mm and on a model of it that has one entry a page; after each,
 * what a guest may read and write must be the same in both, and the platform must
 * show what the page table says.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/mm/mm.h"
#include "tests/lib/mm_world.h"

#define RW        (PROT_READ | PROT_WRITE)
#define BASE      UINT64_C(0x10000000)
#define PAGES     300u
#define PROCESSES 3u

struct model_page {
    bool mapped, shared, wipe, dont_fork;
    int prot;
    uint32_t value;   /* what the page's first word is, where private */
    uint32_t *common; /* the same, where shared */
};

struct process {
    struct mm *mm;
    struct model_page page[PAGES];
};

static struct mm_world w;
static struct process procs[PROCESSES];
static uint64_t seed;
static uint32_t words[100000]; /* of shared pages; never reused */
static uint32_t nwords;

static uint32_t pick(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(seed >> 33) % n;
}

static uint64_t at(uint32_t page)
{
    return BASE + page * PAGE_SIZE;
}

static int pick_prot(void)
{
    static const int prots[] = { PROT_NONE, PROT_READ, RW, RW, RW, RW, PROT_READ | PROT_EXEC };

    return prots[pick(ARRAY_LEN(prots))];
}

static uint32_t *word_of(struct model_page *m)
{
    return m->shared ? m->common : &m->value;
}

static void do_map(struct process *p, uint32_t first, uint32_t n)
{
    bool shared = pick(4) == 0 && nwords + n < ARRAY_LEN(words);
    int prot = pick_prot();

    cr_assert_eq(mm_world_map(&w, p->mm, at(first), n * PAGE_SIZE, prot,
                              MAP_ANONYMOUS | MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE) |
                                  (pick(2) ? MAP_DENYWRITE : 0)), /* which may wait: late.h */
                 (int64_t)at(first));
    for (uint32_t i = first; i < first + n; i++) {
        p->page[i] = (struct model_page){ .mapped = true, .shared = shared, .prot = prot };
        if (shared)
            p->page[i].common = &words[nwords++];
    }
}

static void do_unmap(struct process *p, uint32_t first, uint32_t n)
{
    cr_assert_eq(mm_unmap(p->mm, uptr(at(first)), n * PAGE_SIZE), 0);
    memset(&p->page[first], 0, n * sizeof p->page[0]);
}

static void do_protect(struct process *p, uint32_t first, uint32_t n)
{
    int prot = pick_prot(), want = 0;

    for (uint32_t i = first; i < first + n; i++) {
        if (!p->page[i].mapped) {
            want = -ENOMEM;
            break;
        }
        p->page[i].prot = prot;
    }
    cr_assert_eq(mm_protect(p->mm, uptr(at(first)), n * PAGE_SIZE, prot), want);
}

static void do_forget(struct process *p, uint32_t first, uint32_t n)
{
    int want = 0;

    for (uint32_t i = first; i < first + n; i++) {
        if (!p->page[i].mapped)
            want = -ENOMEM;
        else if (!p->page[i].shared)
            p->page[i].value = 0;
    }
    cr_assert_eq(mm_advise(p->mm, uptr(at(first)), n * PAGE_SIZE, MADV_DONTNEED), want);
}

static void do_fork_advice(struct process *p, uint32_t first, uint32_t n)
{
    int advice = pick(2) ? MADV_DONTFORK : MADV_DOFORK, want = 0;

    for (uint32_t i = first; i < first + n; i++) {
        if (p->page[i].mapped)
            p->page[i].dont_fork = advice == MADV_DONTFORK;
        else
            want = -ENOMEM;
    }
    cr_assert_eq(mm_advise(p->mm, uptr(at(first)), n * PAGE_SIZE, advice), want);
}

static bool is_one_range(struct process *p, uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        if (!p->page[i].mapped || p->page[i].shared || p->page[i].prot != p->page[first].prot ||
            p->page[i].dont_fork != p->page[first].dont_fork)
            return false;
    }
    return true;
}

/* Moves private pages that surely are in one range: of one write, one right. */
static void do_move(struct process *p, uint32_t first, uint32_t n)
{
    struct model_page was[PAGES];
    uint32_t to = pick(PAGES - n + 1);
    uptr_t out;

    if ((to < first + n && first < to + n) || !is_one_range(p, first, n))
        return;
    int err = mm_remap(p->mm, uptr(at(first)), n * PAGE_SIZE, n * PAGE_SIZE,
                       MREMAP_MAYMOVE | MREMAP_FIXED, uptr(at(to)), &out);
    if (err == -EFAULT) { /* neighbours that a move had kept apart: Linux says so, too */
        memset(&p->page[to], 0, n * sizeof p->page[0]);
        return;
    }
    cr_assert_eq(err, 0);
    memcpy(was, &p->page[first], n * sizeof was[0]);
    memset(&p->page[first], 0, n * sizeof was[0]);
    memcpy(&p->page[to], was, n * sizeof was[0]);
}

static void do_fork(struct process *p)
{
    struct process *q = &procs[pick(PROCESSES)];

    if (q == p)
        return;
    mm_put(q->mm);
    cr_assert_eq(mm_fork(p->mm, &w.limits, &q->mm), 0);
    memcpy(q->page, p->page, sizeof q->page);
    for (uint32_t i = 0; i < PAGES; i++) {
        if (q->page[i].dont_fork)
            q->page[i] = (struct model_page){ 0 };
    }
    cr_assert(mm_world_agrees(q->mm, false));
}

static void do_touch(struct process *p, uint32_t page)
{
    struct model_page *m = &p->page[page];
    bool write = pick(2), by_copy = pick(3) == 0;
    uint32_t value = pick(UINT32_MAX), seen = 0;
    enum fault_result want = FAULT_DONE, got;

    if (!m->mapped)
        want = FAULT_MAPERR;
    else if (!m->prot || (write && !(m->prot & PROT_WRITE)))
        want = FAULT_ACCERR;
    if (by_copy) {
        int err = write ? copy_out_struct(p->mm, uptr(at(page)), &value)
                        : copy_in_struct(p->mm, &seen, uptr(at(page)));
        cr_assert_eq(err, want == FAULT_DONE ? 0 : -EFAULT);
        got = want;
    } else {
        got = write ? mm_world_write(p->mm, at(page), &value, sizeof value)
                    : mm_world_read(p->mm, at(page), &seen, sizeof seen);
    }
    cr_assert_eq(got, want, "page %u: %d, not %d", page, got, want);
    if (want != FAULT_DONE)
        return;
    if (write)
        *word_of(m) = value;
    else
        cr_assert_eq(seen, *word_of(m), "page %u: %#x, not %#x", page, seen, *word_of(m));
}

static void step(void)
{
    struct process *p = &procs[pick(PROCESSES)];
    uint32_t first = pick(PAGES), n = 1 + pick(min(PAGES - first, 60u));

    switch (pick(24)) {
    case 0:
    case 1:
        do_map(p, first, n);
        break;
    case 2:
        do_unmap(p, first, n);
        break;
    case 3:
    case 4:
        do_protect(p, first, n);
        break;
    case 5:
        do_forget(p, first, n);
        break;
    case 6:
        do_fork(p);
        break;
    case 7:
        do_fork_advice(p, first, n);
        break;
    case 8:
    case 9:
        do_move(p, first, min(n, 8u));
        break;
    default:
        for (int i = 0; i < 8; i++)
            do_touch(p, pick(PAGES));
    }
    if (pick(8) == 0)
        cr_assert(mm_world_agrees(p->mm, false));
}

static void start(uint64_t with_seed)
{
    seed = with_seed;
    nwords = 0;
    memset(words, 0, sizeof words);
    memset(procs, 0, sizeof procs);
    mm_world_start(&w, 64 * MIB);
    for (uint32_t i = 0; i < PROCESSES; i++) {
        struct aspace *as;
        cr_assert_eq(mm_create(w.arena, &w.limits, NULL, NULL, &procs[i].mm), 0);
        cr_assert_eq(mm_aspace(procs[i].mm, &as), 0);
    }
}

static void stop(void)
{
    for (uint32_t i = 0; i < PROCESSES; i++) {
        cr_assert(mm_world_agrees(procs[i].mm, false));
        mm_put(procs[i].mm);
    }
    mm_world_stop(&w);
}

Test(model, memory_is_what_the_model_says, .timeout = 120)
{
    const char *long_run = getenv("LONG");
    uint64_t first = 1, runs = long_run ? 200 : 10;

    if (getenv("SEED"))
        first = strtoull(getenv("SEED"), NULL, 0), runs = 1;
    for (uint64_t s = first; s < first + runs; s++) {
        fprintf(stderr, "seed %lu\n", s);
        start(s);
        for (int i = 0; i < 1500; i++)
            step();
        stop();
    }
}

/* The host has no room for another mapping, time and again. */
Test(model, nothing_changes_where_the_host_is_short_of_mappings, .timeout = 120)
{
    for (uint64_t s = 100; s < 105; s++) {
        start(s);
        for (int i = 0; i < 1500; i++) {
            if (i % 100 == 0)
                fake_fail_memory(w.platform.platform, 20 + pick(60));
            step();
        }
        fake_fail_memory(w.platform.platform, SIZE_MAX);
        stop();
    }
}
