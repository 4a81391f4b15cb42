/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that are free and dirty: zeroed when they are next taken, or given back to the
 * host by punching holes where there are more than DIRTY_MAX.
 */
#include <fcntl.h>
#include <linux/falloc.h>

#include "base/host.h"
#include "base/panic.h"
#include "sentry/mm/frame_table.h"

#define DIRTY_MAX 4096u /* frames: 16 MiB */
#define PUNCH_MIN 16u   /* dirty frames of a region, below which it is not worth host calls */

void trim_mark_locked(struct frames *f, uint64_t at, uint64_t count)
{
    for (uint64_t i = at; i < at + count; i++) {
        f->table[i].dirty = 1;
        f->dirty_of[i / REGION]++;
    }
    f->ndirty += count;
}

void trim_unmark_locked(struct frames *f, uint64_t at, uint64_t count)
{
    for (uint64_t i = at; i < at + count; i++) {
        f->table[i].used = f->table[i].dirty;
        if (!f->table[i].dirty)
            continue;
        f->table[i].dirty = 0;
        f->dirty_of[i / REGION]--;
        f->ndirty--;
    }
}

bool trim_is_due_locked(const struct frames *f)
{
    return f->ndirty > DIRTY_MAX && !f->trimming;
}

/* Takes the next free frames of a region that are worth a hole. False: there are none from *at on.
 */
static bool take_dirty_locked(struct frames *f, uint64_t *at, uint64_t *count) HOLDS(f->lock);
static bool take_dirty_locked(struct frames *f, uint64_t *at, uint64_t *count)
{
    uint64_t i = *at;

    while (i < f->count) {
        uint64_t end = min((i / REGION + 1) * REGION, f->count);
        if (f->dirty_of[i / REGION] < PUNCH_MIN) {
            i = end;
        } else if (!f->table[i].dirty) {
            i++;
        } else {
            *at = i;
            *count = buddy_take_at_locked(f, i, end - i);
            assert(*count > 0);
            f->nfree -= *count;
            trim_unmark_locked(f, i, *count);
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

/* Until half of what is allowed is left. */
static void trim_locked(struct arena *a, struct frames *f) HOLDS(f->lock);
static void trim_locked(struct arena *a, struct frames *f)
{
    uint64_t at = 0, count;

    while (f->ndirty > DIRTY_MAX / 2 && take_dirty_locked(f, &at, &count)) {
        mutex_unlock(&f->lock);
        punch(ram_of(a), at, count);
        mutex_lock(&f->lock);
        for (uint64_t i = 0; i < count; i++)
            f->table[at + i].used = 0;
        f->nfree += count;
        buddy_free_locked(f, at, at + count);
        at += count;
    }
}

void trim_free(struct arena *a)
{
    struct frames *f = frames_of(a);

    mutex_lock(&f->lock);
    if (!f->trimming) {
        f->trimming = true;
        trim_locked(a, f);
        f->trimming = false;
    }
    mutex_unlock(&f->lock);
}
