/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges: cut, joined and counted as Linux does, since /proc/PID/maps shows it.
 */
#include "sentry/mm/vma.h"

#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/mm/mm_priv.h"

static const struct slab_type vma_slab =
    SLAB_TYPE(vma, struct vma, .const_ptrs = { PTR_AT(struct vma, name) });

static struct vma *of(struct rb_node *n)
{
    return rb_entry_or_null(n, struct vma, node);
}

struct vma *vma_next(const struct vma *v)
{
    return of(rb_next(&v->node));
}

struct vma *vma_prev(const struct vma *v)
{
    return of(rb_prev(&v->node));
}

uint64_t vma_low(const struct vma *v)
{
    if (!(v->flags & VMA_GROWS_DOWN))
        return v->start;
    return v->start > STACK_GUARD ? v->start - STACK_GUARD : 0;
}

struct vma *vma_find(struct mm *mm, uint64_t addr)
{
    struct rb_node *n = mm->vmas.node;
    struct vma *found = NULL;

    if (mm->last && mm->last->start <= addr && addr < mm->last->end)
        return mm->last;
    while (n) {
        struct vma *v = of(n);
        if (addr < v->end) {
            found = v;
            if (addr >= v->start)
                break;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    mm->last = found;
    return found;
}

struct vma *vma_at(struct mm *mm, uint64_t addr)
{
    struct vma *v = vma_find(mm, addr);

    return v && v->start <= addr ? v : NULL;
}

/* ---- counts ---- */

static void count(struct mm *mm, const struct vma *v, uint64_t by)
{
    uint64_t pages = (v->end - v->start) / PAGE_SIZE * by;
    bool writable = v->prot & PROT_WRITE;

    if (v->flags & VMA_HIDDEN)
        return;
    mm->total += pages;
    mm->peak_total = max(mm->peak_total, mm->total);
    if (v->flags & VMA_LOCKED)
        mm->locked += pages;
    /* linux/mm.h, is_exec_mapping(), is_stack_mapping(), is_data_mapping() */
    if (v->flags & VMA_GROWS_DOWN)
        mm->stack += pages;
    else if (writable && !(v->flags & VMA_SHARED))
        mm->data += pages;
    else if ((v->prot & PROT_EXEC) && !writable)
        mm->exec += pages;
}

void vma_resize(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
    count(mm, v, (uint64_t)-1);
    v->pgoff += (start - v->start) / PAGE_SIZE;
    v->start = start;
    v->end = end;
    count(mm, v, 1);
    mm->gen++;
}

void vma_change(struct mm *mm, struct vma *v, int prot, uint32_t flags)
{
    count(mm, v, (uint64_t)-1);
    v->prot = prot;
    v->flags = flags;
    count(mm, v, 1);
    mm->gen++;
}

/* ---- in and out of the tree ---- */

static bool before(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, const struct vma, node)->start < rb_entry(b, const struct vma, node)->start;
}

static bool writes_file(const struct vma *v)
{
    return (v->flags & VMA_SHARED) && (v->flags & VMA_MAY_WRITE);
}

static void link_mappable(struct vma *v)
{
    struct mappable *m = v->mappable;

    if (!m)
        return;
    mutex_lock(&m->lock);
    list_push_back(&m->vmas, &v->rmap);
    v->zap_seq = m->zap_seq; /* it shows nothing yet: see vma_inherit_zap() */
    m->writers += writes_file(v);
    mutex_unlock(&m->lock);
}

static void unlink_mappable(struct vma *v)
{
    struct mappable *m = v->mappable;

    if (!m)
        return;
    mutex_lock(&m->lock);
    list_del(&v->rmap);
    m->writers -= writes_file(v);
    mutex_unlock(&m->lock);
}

/* Under the mm's lock nobody else changes it. */
void vma_inherit_zap(struct vma *v, const struct vma *from)
{
    if (!v->mappable || v->zap_seq <= from->zap_seq)
        return;
    mutex_lock(&v->mappable->lock);
    v->zap_seq = from->zap_seq;
    mutex_unlock(&v->mappable->lock);
}

void vma_enter(struct mm *mm, struct vma *v)
{
    rb_insert(&mm->vmas, &v->node, before);
    mm->nvmas++;
    mm->gen++;
    count(mm, v, 1);
    link_mappable(v);
}

void vma_free(struct mm *mm, struct vma *v)
{
    if (v->path)
        mm->hooks->put(v->path);
    if (v->mappable)
        v->mappable->ops->put(v->mappable);
    slab_free(v);
}

void vma_remove(struct mm *mm, struct vma *v)
{
    unlink_mappable(v);
    rb_erase(&mm->vmas, &v->node);
    mm->nvmas--;
    mm->gen++;
    count(mm, v, (uint64_t)-1);
    if (mm->last == v)
        mm->last = NULL;
    vma_drop(mm, v);
}

void vma_remove_all(struct mm *mm)
{
    struct vma *v;

    while ((v = vma_find(mm, 0)))
        vma_remove(mm, v);
}

void vma_drop(struct mm *mm, struct vma *v)
{
    if (v->mappable && v->mappable->ops->closed)
        v->mappable->ops->closed(v->mappable, mm->process);
    list_push_back(&mm->graveyard, &v->rmap);
}

int vma_clone(struct mm *mm, const struct vma *like, struct vma **out)
{
    struct vma *v = slab_alloc(mm->arena, &vma_slab);
    if (!v)
        return -ENOMEM;
    v->start = like->start, v->end = like->end;
    v->flags = like->flags, v->prot = like->prot;
    v->pgoff = like->pgoff;
    v->mm = mm;
    v->mappable = like->mappable;
    v->path = like->path, v->name = like->name;
    v->fault_next = like->fault_next, v->fault_pages = like->fault_pages;
    v->had_pages = like->had_pages;
    list_init(&v->rmap); /* whose list, and zap_seq, are under the mappable's lock */
    if (v->path)
        v->path = mm->hooks->get(v->path);
    if (v->mappable)
        v->mappable->ops->get(v->mappable);
    int err = mappable_open(v->mappable, mm->process);
    assert(!err); /* a range has it: `like` */
    *out = v;
    return 0;
}

/* ---- joining ---- */

static bool are_alike(const struct vma *a, const struct vma *b)
{
    if (a->prot != b->prot || a->flags != b->flags || a->mappable != b->mappable ||
        a->name != b->name || (a->flags & VMA_SPECIAL))
        return false;
    if (a->mappable && a->mappable->ops->closed)
        return false; /* as Linux with vm_ops->close */
    /* Two opens of one file are two files for Linux, but it shows and does the same for both. */
    return true;
}

/* May `b` go on where `a` ends? */
static bool can_join(const struct vma *a, const struct vma *b)
{
    return a && b && a->end == b->start && are_alike(a, b) &&
           b->pgoff == a->pgoff + (a->end - a->start) / PAGE_SIZE;
}

/* `b`, behind `a`, becomes part of it. */
static void join(struct mm *mm, struct vma *a, struct vma *b) HOLDS(mm->lock);
static void join(struct mm *mm, struct vma *a, struct vma *b)
{
    uint64_t end = b->end;

    vma_inherit_zap(a, b);
    a->had_pages |= b->had_pages;
    a->fault_next = b->fault_next;
    a->fault_pages = b->fault_pages;
    vma_remove(mm, b);
    vma_resize(mm, a, a->start, end);
}

struct vma *vma_merge(struct mm *mm, struct vma *v)
{
    struct vma *prev = vma_prev(v), *next = vma_next(v);

    if (can_join(v, next))
        join(mm, v, next);
    if (can_join(prev, v)) {
        join(mm, prev, v);
        v = prev;
    }
    return v;
}

struct vma *vma_insert(struct mm *mm, struct vma *v)
{
    vma_enter(mm, v);
    return vma_merge(mm, v);
}

/* ---- cutting ---- */

int vma_split(struct mm *mm, struct vma *v, uint64_t at)
{
    struct vma *high;

    assert(v->start < at && at < v->end);
    int err = vma_clone(mm, v, &high);
    if (err)
        return err;
    high->pgoff += (at - v->start) / PAGE_SIZE;
    high->start = at;
    vma_resize(mm, v, v->start, at);
    vma_enter(mm, high);
    vma_inherit_zap(high, v);
    return 0;
}

int vma_cut(struct mm *mm, uint64_t start, uint64_t end)
{
    struct vma *v = vma_at(mm, start);
    int err = 0;

    if (v && v->start < start)
        err = vma_split(mm, v, start);
    v = err ? NULL : vma_at(mm, end - 1);
    if (v && v->end > end)
        err = vma_split(mm, v, end);
    return err;
}

/* ---- checking ---- */

bool vma_check(struct mm *mm)
{
    uint64_t end = 0, total = 0;
    uint32_t n = 0;

    if (!rb_check(&mm->vmas, before))
        return false;
    for (struct vma *v = of(rb_first(&mm->vmas)); v; v = vma_next(v)) {
        if (v->start < end || v->start >= v->end || (v->start | v->end) & PAGE_MASK || v->mm != mm)
            return false;
        end = v->end;
        total += v->flags & VMA_HIDDEN ? 0 : (v->end - v->start) / PAGE_SIZE;
        n++;
    }
    return n == mm->nvmas && total == mm->total && end <= mm_task_size(mm);
}
