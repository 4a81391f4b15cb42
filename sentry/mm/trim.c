/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that are free and dirty: zeroed when they are next taken, or given back to the
 * host by punching holes.
 *
 * To take such a frame again costs half of what a new page of the host does, and a hole
 * is not free either. So a busy sandbox keeps many; an idle one gives all but a few back
 * a moment later, and is not woken again.
 */
#include <fcntl.h>
#include <linux/falloc.h>

#include "base/host.h"
#include "base/panic.h"
#include "sentry/mm/frame_table.h"

#define DIRTY_MAX  16384u /* frames: 64 MiB, or an eighth of all */
#define DIRTY_IDLE 2048u  /* frames: 8 MiB */
#define IDLE_AFTER (2 * NSEC_PER_SEC)
#define PUNCH_MIN  16u /* dirty frames of a region, below which it is not worth host calls */

void trim_mark_locked(struct frames *f, uint64_t at, uint64_t count)
{
    for (uint64_t i = at; i < at + count; i++) {
        f->table[i].bytes |= FRAME_DIRTY;
        f->dirty_of[i / REGION]++;
    }
    f->ndirty += count;
}

void trim_unmark_locked(struct frames *f, uint64_t at, uint64_t count)
{
    for (uint64_t i = at; i < at + count; i++) {
        f->table[i].used = f->table[i].bytes & FRAME_DIRTY;
        if (!f->table[i].used)
            continue;
        f->table[i].bytes &= (uint8_t)~FRAME_DIRTY;
        f->dirty_of[i / REGION]--;
        f->ndirty--;
    }
}

enum trim_due trim_due_locked(struct frames *f)
{
    f->moves++;
    if (f->ndirty > max(f->most_dirty, f->trim_again))
        return f->trimming ? TRIM_NOTHING : TRIM_NOW;
    if (f->ndirty <= DIRTY_IDLE || f->timed)
        return TRIM_NOTHING;
    f->timed = true;
    f->moves_seen = f->moves;
    return TRIM_WHEN_IDLE;
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
        } else if (!(f->table[i].bytes & FRAME_DIRTY)) {
            i++;
        } else {
            *at = i;
            *count = buddy_take_at_locked(f, i, end - i);
            assert(*count > 0);
            frames_free_add_locked(f, -(int64_t)*count);
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

static void trim_locked(struct arena *a, struct frames *f, uint64_t left) HOLDS(f->lock);
static void trim_locked(struct arena *a, struct frames *f, uint64_t left)
{
    uint64_t at = 0, count;

    if (f->trimming)
        return;
    f->trimming = true;
    while (f->ndirty > left && take_dirty_locked(f, &at, &count)) {
        mutex_unlock(&f->lock);
        punch(ram_of(a), at, count);
        mutex_lock(&f->lock);
        for (uint64_t i = 0; i < count; i++)
            f->table[at + i].used = f->table[at + i].bytes = 0;
        frames_free_add_locked(f, (int64_t)count);
        buddy_free_locked(f, at, at + count);
        at += count;
    }
    /* What lies too far apart for a hole is looked at again when there is much more of it. */
    f->trim_again = f->ndirty > left ? f->ndirty + f->most_dirty / 4 : 0;
    f->trimming = false;
}

static void arm(struct arena *a, struct frames *f)
{
    nsec_t now = clock_now(arena_host(a, HOST_CLOCK), CLOCK_ID_MONOTONIC);

    timer_arm(a, &f->idle, nsec_add(now, IDLE_AFTER));
}

static void on_timer(struct timer *t)
{
    struct frames *f = container_of(t, struct frames, idle);
    struct arena *a = arena_of(f);

    mutex_lock(&f->lock);
    bool again = f->moves != f->moves_seen && f->ndirty > DIRTY_IDLE;
    if (!again)
        trim_locked(a, f, DIRTY_IDLE);
    f->moves_seen = f->moves;
    f->timed = again;
    mutex_unlock(&f->lock);
    if (again)
        arm(a, f);
}

static const struct timer_ops idle_timer = { on_timer };

void trim_run(struct arena *a, enum trim_due due)
{
    struct frames *f = frames_of(a);

    if (due == TRIM_NOW) {
        mutex_lock(&f->lock);
        trim_locked(a, f, f->most_dirty / 2);
        mutex_unlock(&f->lock);
    } else if (due == TRIM_WHEN_IDLE && arena_root(a, ROOT_TIMERS)) {
        arm(a, f);
    }
}

void trim_init(struct frames *f)
{
    f->most_dirty = min((uint64_t)DIRTY_MAX, f->count / 8);
    timer_init(&f->idle, &idle_timer);
}

void ram_settle(struct arena *a)
{
    struct frames *f = frames_of(a);

    mutex_lock(&f->lock);
    f->timed = true; /* never armed again */
    mutex_unlock(&f->lock);
    timer_cancel(a, &f->idle);
}
