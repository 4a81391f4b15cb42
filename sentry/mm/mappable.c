/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that a file loses, taken away from all that map it.
 *
 * The order of locks is mm, then mappable; here we come from the mappable. So each
 * turn finds a range that this zap has not met, takes a reference of its mm, lets go,
 * and comes again by way of the mm. Ranges that are made meanwhile need nothing, for the
 * mappable's size is the new one already; but those that take over pages of another, by
 * fork() or mremap() or as a part of it, have met no more zaps than that one.
 */
#include "sentry/mm/mappable.h"

#include "sentry/mm/mm_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/unmap.h"
#include "sentry/mm/vma.h"

void mappable_init(struct mappable *m, const struct mappable_ops *ops, uint64_t dev, uint64_t ino)
{
    *m = (struct mappable){ .ops = ops, .dev = dev, .ino = ino };
    mutex_init(&m->zap_lock, RANK_ZAP);
    mutex_init(&m->lock, RANK_MAPPABLE);
    list_init(&m->vmas);
}

/* The mm of a range that the zap has not met, with a reference, or NULL. */
static struct mm *next_mm_locked(struct mappable *m) HOLDS(m->lock);
static struct mm *next_mm_locked(struct mappable *m)
{
    struct vma *v;

    list_for_each (v, &m->vmas, rmap) {
        if (v->zap_seq >= m->zap_seq)
            continue;
        if (ref_get_unless_zero(&v->mm->ref))
            return v->mm;
        v->zap_seq = m->zap_seq; /* it dies, and its pages with it */
    }
    return NULL;
}

static void zap_vma(struct mm *mm, struct vma *v, uint64_t from, uint64_t to, bool even_cow,
                    struct batch *b) HOLDS(mm->lock);
static void zap_vma(struct mm *mm, struct vma *v, uint64_t from, uint64_t to, bool even_cow,
                    struct batch *b)
{
    uint64_t first = from >> PAGE_SHIFT, last = to >> PAGE_SHIFT; /* pages of the mappable */
    uint64_t pages = (v->end - v->start) >> PAGE_SHIFT;

    mm->gen++;
    if (last <= v->pgoff || first >= v->pgoff + pages)
        return;
    uint64_t start = first > v->pgoff ? v->start + ((first - v->pgoff) << PAGE_SHIFT) : v->start;
    uint64_t end = last - v->pgoff < pages ? v->start + ((last - v->pgoff) << PAGE_SHIFT) : v->end;
    unmap_pages(mm, start, end, even_cow, b);
}

/* All ranges of one mm. */
static void zap_mm(struct mappable *m, struct mm *mm, uint64_t from, uint64_t to, bool even_cow)
{
    struct batch b;
    struct vma *v;

    mm_enter(mm);
    batch_begin(&b, mm);
    mutex_lock(&m->lock);
    list_for_each (v, &m->vmas, rmap) {
        if (v->mm != mm || v->zap_seq >= m->zap_seq)
            continue;
        v->zap_seq = m->zap_seq;
        zap_vma(mm, v, from, to, even_cow, &b);
    }
    mutex_unlock(&m->lock);
    batch_end(&b);
    mm_leave(mm);
}

void mappable_zap(struct mappable *m, uint64_t from, uint64_t to, bool even_cow)
{
    struct mm *dead = NULL, *mm;

    from = page_up(from); /* the rest of a page that is cut stays, and reads as zeroes */
    mutex_lock(&m->zap_lock);
    mutex_lock(&m->lock);
    m->zap_seq++;
    while ((mm = next_mm_locked(m))) {
        mutex_unlock(&m->lock);
        zap_mm(m, mm, from, to, even_cow);
        if (ref_put(&mm->ref)) {
            mm->next_dead = dead;
            dead = mm;
        }
        mutex_lock(&m->lock);
    }
    mutex_unlock(&m->lock);
    mutex_unlock(&m->zap_lock);
    while ((mm = dead)) {
        dead = mm->next_dead;
        mm_end(mm);
    }
}
