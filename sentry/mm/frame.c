/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame table and its buddy (Knuth, TAOCP vol. 1, 2.5).
 *
 * Free frames form blocks of 2^order, aligned to their size, in one list for each
 * order. Links are frame numbers in the table itself, and only entries that are in
 * use or head a block are ever written, so that a large RAM costs little before it
 * is used. A split hands out the lower half, and lists are searched youngest first:
 * requests that follow each other get frames that follow each other.
 *
 * A freed frame is dirty. It is zeroed when it is handed out again; where more than
 * DIRTY_MAX are free, they are given back to the host by punching holes.
 */
#include "sentry/mm/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/host.h"
#include "base/panic.h"
#include "sentry/core/slab.h"
#include "sentry/mm/copy.h"
#include "sentry/mm/frame_priv.h"

#define ORDERS       19    /* the largest block: 1 GiB */
#define DIRTY_MAX    4096u /* frames: 16 MiB */
#define REGION       512u  /* frames, whose dirty ones are counted together */
#define PUNCH_MIN    16u   /* dirty frames of a region, below which it is not worth host calls */
#define RESIDENT_MIN 8u    /* frames, from which on asking the host beats zeroing what is there */

/* All zero: inside a free block, and never used. */
struct frame {
    _Atomic uint32_t refs;
    uint32_t next, prev; /* [l] while it heads a free block: neighbours in its list, plus one */
    uint8_t free;        /* [l] while it heads a free block: the order plus one; else 0 */
    uint8_t dirty;       /* [l] while free, else its owner's: may hold old bytes */
    uint16_t used;       /* a page table's: entries in use; its mm's lock */
};
static_assert(sizeof(struct frame) == 16, "four to a cache line");

/* [I] never changes   [l] its lock */
struct frames {
    struct mutex lock;      /* RANK_FRAMES */
    uint64_t count;         /* [I] frames of RAM */
    uint64_t nfree;         /* [l] */
    uint64_t ndirty;        /* [l] free frames that are dirty */
    bool punching;          /* [l] somebody is giving blocks back */
    uint32_t heads[ORDERS]; /* [l] the youngest free block of each order, plus one */
    struct frame *table;    /* [I] */
    uint16_t *dirty_of;     /* [l] free frames that are dirty, for each REGION */
};

static const struct slab_type frames_slab = SLAB_TYPE(frames, struct frames);

/* Where RAM is in this process: outside the arena. */
struct ram {
    int fd;
    char *base;
    uint64_t size;
};

static struct frames *frames_of(struct arena *a)
{
    return arena_root(a, ROOT_FRAMES);
}

static struct ram *ram_of(struct arena *a)
{
    return arena_host(a, HOST_RAM);
}

/* ---- free blocks ---- */

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

static void free_range_locked(struct frames *f, uint64_t at, uint64_t end) HOLDS(f->lock);
static void free_range_locked(struct frames *f, uint64_t at, uint64_t end)
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

/* Takes `count` frames from `at` on, cut to the free block that they lie in. 0: not free. */
static uint64_t take_at_locked(struct frames *f, uint64_t at, uint64_t count) HOLDS(f->lock);
static uint64_t take_at_locked(struct frames *f, uint64_t at, uint64_t count)
{
    uint64_t head;
    unsigned order;

    if (at >= f->count || !block_of_locked(f, at, &head, &order))
        return 0;
    uint64_t end = head + ((uint64_t)1 << order);
    count = min(count, end - at);
    pull_block_locked(f, head);
    free_range_locked(f, at + count, end);
    free_range_locked(f, head, at);
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

/* Counts frames of a range as dirty and free, or no longer so: `by` is 1 or -1. */
static void count_dirty_locked(struct frames *f, uint64_t at, uint64_t count, int by)
    HOLDS(f->lock);
static void count_dirty_locked(struct frames *f, uint64_t at, uint64_t count, int by)
{
    for (uint64_t i = at; i < at + count; i++) {
        if (f->table[i].dirty) {
            f->ndirty += (uint64_t)by;
            f->dirty_of[i / REGION] += (uint16_t)by;
        }
    }
}

/* ---- taking ---- */

static void zero_dirty(struct ram *ram, struct frames *f, uint64_t at, uint64_t end)
{
    for (; at < end; at++) {
        if (f->table[at].dirty)
            memset(ram->base + at * PAGE_SIZE, 0, PAGE_SIZE);
    }
}

/*
 * A frame that was never touched has no page on the host, and zeroing would give it
 * one. SEEK_DATA knows, and counts pages that are swapped out, as mincore() does not.
 */
static void zero_what_is_there(struct ram *ram, struct frames *f, uint64_t at, uint64_t end)
{
    while (at < end) {
        int64_t data = host_lseek(ram->fd, (int64_t)(at * PAGE_SIZE), SEEK_DATA);
        if (data == -ENXIO || data >= (int64_t)(end * PAGE_SIZE))
            return;
        int64_t hole = host_lseek(ram->fd, data, SEEK_HOLE);
        if (data < 0 || hole < 0)
            panic("lseek(RAM): %ld %ld", (long)data, (long)hole);
        at = (uint64_t)data / PAGE_SIZE;
        uint64_t stop = min((uint64_t)hole / PAGE_SIZE, end);
        zero_dirty(ram, f, at, stop);
        at = stop;
    }
}

/* The frames are the caller's alone now: no lock is needed. */
static void prepare(struct arena *a, uint64_t at, uint64_t count, bool zero)
{
    struct frames *f = frames_of(a);
    uint64_t dirty = 0;

    for (uint64_t i = at; i < at + count; i++)
        dirty += f->table[i].dirty;
    if (zero && dirty >= RESIDENT_MIN)
        zero_what_is_there(ram_of(a), f, at, at + count);
    else if (zero && dirty > 0)
        zero_dirty(ram_of(a), f, at, at + count);
    for (uint64_t i = at; i < at + count; i++) {
        f->table[i].dirty = 0;
        atomic_store_explicit(&f->table[i].refs, 1, memory_order_relaxed);
    }
}

static uint64_t take_locked(struct frames *f, pfn_t near, uint64_t count, uint64_t *at)
    HOLDS(f->lock);
static uint64_t take_locked(struct frames *f, pfn_t near, uint64_t count, uint64_t *at)
{
    uint64_t n = 0;

    if (near != PFN_NONE) {
        *at = near;
        n = take_at_locked(f, near, count);
    }
    if (n == 0 && find_block_locked(f, count, at))
        n = take_at_locked(f, *at, count);
    f->nfree -= n;
    count_dirty_locked(f, *at, n, -1);
    return n;
}

int frame_alloc_near(struct arena *a, pfn_t near, bool zero, uint64_t *count, pfn_t *out)
{
    struct frames *f = frames_of(a);
    uint64_t at;

    assert(*count > 0);
    mutex_lock(&f->lock);
    uint64_t n = take_locked(f, near, *count, &at);
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

/* ---- giving back ---- */

/* Takes the next free frames of a region that are worth a hole. False: there are none from *at on.
 */
static bool take_dirty_locked(struct frames *f, uint64_t *at, uint64_t *count) HOLDS(f->lock);
static bool take_dirty_locked(struct frames *f, uint64_t *at, uint64_t *count)
{
    uint64_t head, i = *at;
    unsigned order;

    while (i < f->count) {
        uint64_t end = min((i / REGION + 1) * REGION, f->count);
        if (f->dirty_of[i / REGION] < PUNCH_MIN) {
            i = end;
        } else if (!f->table[i].dirty || !block_of_locked(f, i, &head, &order)) {
            i++;
        } else {
            *at = i;
            *count = take_at_locked(f, i, end - i);
            f->nfree -= *count;
            count_dirty_locked(f, i, *count, -1);
            return true;
        }
    }
    return false;
}

static void punch(struct ram *ram, uint64_t at, uint64_t count)
{
    int err = host_fallocate(ram->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                             (int64_t)(at * PAGE_SIZE), (int64_t)(count * PAGE_SIZE));
    if (err)
        panic("fallocate(RAM, PUNCH_HOLE, %lu pages): %d", count, err);
}

/* Gives frames back to the host until half of what is allowed is left. One thread at a time. */
static void trim(struct arena *a)
{
    struct frames *f = frames_of(a);
    uint64_t at = 0, count;

    mutex_lock(&f->lock);
    bool mine = !f->punching;
    f->punching = true;
    while (mine && f->ndirty > DIRTY_MAX / 2 && take_dirty_locked(f, &at, &count)) {
        mutex_unlock(&f->lock);
        punch(ram_of(a), at, count);
        mutex_lock(&f->lock);
        for (uint64_t i = 0; i < count; i++)
            f->table[at + i].dirty = 0;
        f->nfree += count;
        free_range_locked(f, at, at + count);
        at += count;
    }
    if (mine)
        f->punching = false;
    mutex_unlock(&f->lock);
}

static void give_back(struct arena *a, uint64_t at, uint64_t count)
{
    struct frames *f = frames_of(a);

    mutex_lock(&f->lock);
    for (uint64_t i = 0; i < count; i++) {
        f->table[at + i].dirty = 1;
        f->table[at + i].used = 0;
    }
    f->nfree += count;
    count_dirty_locked(f, at, count, 1);
    free_range_locked(f, at, at + count);
    bool much = f->ndirty > DIRTY_MAX && !f->punching;
    mutex_unlock(&f->lock);
    if (much)
        trim(a);
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
            give_back(a, pfn + i - run, run);
        run = 0;
    }
    if (run > 0)
        give_back(a, pfn + count - run, run);
}

uint32_t frame_refs(struct arena *a, pfn_t pfn)
{
    return atomic_load_explicit(&frames_of(a)->table[pfn].refs, memory_order_acquire);
}

/* ---- looking ---- */

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

uint16_t *frame_used(struct arena *a, pfn_t pfn)
{
    return &frames_of(a)->table[pfn].used;
}

static bool check_locked(const struct frames *f) HOLDS(f->lock);
static bool check_locked(const struct frames *f)
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
                ndirty += f->table[h - 1 + i].dirty;
            }
            nfree += size;
        }
    }
    return nfree == f->nfree && ndirty == f->ndirty;
}

bool frames_check(struct arena *a)
{
    struct frames *f = frames_of(a);

    mutex_lock(&f->lock);
    bool ok = check_locked(f);
    mutex_unlock(&f->lock);
    return ok;
}

uint64_t ram_total(struct arena *a)
{
    return frames_of(a)->count * PAGE_SIZE;
}

uint64_t ram_used(struct arena *a)
{
    struct frames *f = frames_of(a);

    mutex_lock(&f->lock);
    uint64_t used = f->count - f->nfree;
    mutex_unlock(&f->lock);
    return used * PAGE_SIZE;
}

int ram_fd(struct arena *a)
{
    return ram_of(a)->fd;
}

/* ---- birth and death ---- */

static int map_ram(struct ram *r)
{
    void *at;

    r->fd = host_memfd_create("ram", MFD_CLOEXEC);
    if (r->fd < 0)
        return r->fd;
    int err = host_ftruncate(r->fd, (int64_t)r->size);
    if (!err)
        err = host_mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r->fd, 0,
                        &at);
    if (err) {
        host_close(r->fd);
        return err;
    }
    r->base = at;
    return 0;
}

static int make_frames(struct arena *a, uint64_t count)
{
    struct frames *f = slab_alloc(a, &frames_slab);
    if (!f)
        return -ENOMEM;
    mutex_init(&f->lock, RANK_FRAMES);
    arena_set_root(a, ROOT_FRAMES, f);
    f->count = f->nfree = count;
    f->table = arena_reserve(a, count * sizeof *f->table);
    f->dirty_of = arena_reserve(a, (count / REGION + 1) * sizeof *f->dirty_of);
    if (!f->table || !f->dirty_of)
        return -ENOMEM;
    /* From the end, so that the youngest block, and the first to be used, is the lowest. */
    mutex_lock(&f->lock);
    uint64_t size = (uint64_t)1 << (ORDERS - 1);
    free_range_locked(f, count & ~(size - 1), count);
    for (uint64_t at = count & ~(size - 1); at > 0; at -= size)
        push_block_locked(f, at - size, ORDERS - 1);
    mutex_unlock(&f->lock);
    return 0;
}

int ram_create(struct arena *a, uint64_t size)
{
    size = page_down(size);
    if (size == 0 || size / PAGE_SIZE >= UINT32_MAX)
        return -EINVAL;
    struct ram *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->size = size;
    int err = map_ram(r);
    if (err) {
        free(r);
        return err;
    }
    arena_set_host(a, HOST_RAM, r);
    mem_catch_faults();
    err = make_frames(a, size / PAGE_SIZE);
    if (!err)
        err = windows_create(a);
    if (err)
        ram_destroy(a);
    return err;
}

void ram_destroy(struct arena *a)
{
    struct ram *r = ram_of(a);
    struct frames *f = frames_of(a);

    windows_destroy(a);
    if (f) {
        arena_free(f->table);
        arena_free(f->dirty_of);
        slab_free(f);
        arena_set_root(a, ROOT_FRAMES, NULL);
    }
    if (r) {
        int err = host_munmap(r->base, r->size);
        assert(!err);
        host_close(r->fd);
        free(r);
        arena_set_host(a, HOST_RAM, NULL);
    }
}
