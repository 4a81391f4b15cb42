/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of an address space, in a tree by where they start. */
#pragma once

#include "sentry/mm/mm_priv.h"

enum vma_flags {
    VMA_SHARED = 1 << 0,
    VMA_MAY_READ = 1 << 1, /* mprotect may allow it */
    VMA_MAY_WRITE = 1 << 2,
    VMA_MAY_EXEC = 1 << 3,
    VMA_GROWS_DOWN = 1 << 4,
    VMA_LOCKED = 1 << 5,
    VMA_LOCK_ON_FAULT = 1 << 6,
    VMA_NO_RESERVE = 1 << 7,
    VMA_DONT_FORK = 1 << 8,
    VMA_WIPE_ON_FORK = 1 << 9,
    VMA_DONT_DUMP = 1 << 10,
    VMA_SEQUENTIAL = 1 << 11,
    VMA_RANDOM = 1 << 12,
    VMA_HUGE = 1 << 13,
    VMA_NO_HUGE = 1 << 14,
    VMA_SPECIAL = 1 << 15, /* of the sentry's making: does not merge, grow or move in part */
    VMA_HIDDEN = 1 << 16,  /* that too, and neither shown nor counted: patch.h */
};

/* A range with one set of rights. All fields under the mm's lock but for `rmap`, the mappable's. */
struct vma {
    struct rb_node node;
    uint64_t start, end; /* bytes */
    uint32_t flags;      /* VMA_* */
    int prot;            /* PROT_* */
    uint64_t pgoff;      /* the page of the mappable at `start`; anonymous: start's own number */
    struct mm *mm;       /* [I] */
    struct mappable *mappable; /* [I] a reference; NULL: private anonymous */
    void *path;                /* [I] a reference by the mm's hooks, or NULL */
    const char *name;          /* [I] special: as shown in maps */
    struct list rmap;          /* in mappable->vmas */
    uint64_t zap_seq;          /* the last zap that has dealt with it; the mappable's lock */
    uint64_t fault_next;       /* where the next fault of a sequence would be */
    uint32_t fault_pages;      /* how much the last one mapped */
    bool had_pages;            /* a fault made a private page: it keeps its pgoff when it moves */
};

/* The first vma that ends above `addr`, or NULL. */
struct vma *vma_find(struct mm *mm, uint64_t addr) HOLDS(mm->lock);
/* The one that `addr` lies in, or NULL. */
struct vma *vma_at(struct mm *mm, uint64_t addr) HOLDS(mm->lock);
struct vma *vma_next(const struct vma *v);
struct vma *vma_prev(const struct vma *v);
/* A vma that is in no tree yet, with the fields of `like` and references of its own. */
must_use int vma_clone(struct mm *mm, const struct vma *like, struct vma **out);
/* Puts it in, counts it, and joins it with its neighbours where Linux would. May free it: gives the
 * result. */
struct vma *vma_insert(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/* The same, but joined with nobody yet: vma_merge() follows. */
void vma_enter(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/*
 * It shows what another range of its mappable has shown: a zap that has not dealt with the one
 * has not with the other. Both are in a tree, and their locks are held.
 */
void vma_inherit_zap(struct vma *v, const struct vma *from);
/* Joins it with its neighbours where it is like them. */
struct vma *vma_merge(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/* Takes it out; mm_leave() frees it. */
void vma_remove(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/* All of them, from an mm whose pages nobody asks for any more. */
void vma_remove_all(struct mm *mm) HOLDS(mm->lock);
/* Frees what is in no tree, later: at mm_leave(). */
void vma_drop(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/* Frees now. No lock is held. */
void vma_free(struct mm *mm, struct vma *v);
/* Cuts a vma in two at `at`. Errors: ENOMEM. */
must_use int vma_split(struct mm *mm, struct vma *v, uint64_t at) HOLDS(mm->lock);
/* Cuts whatever lies across `start` and `end`. Errors: ENOMEM. */
must_use int vma_cut(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* Moves an end, and keeps the counts. */
void vma_resize(struct mm *mm, struct vma *v, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* Changes rights and flags, and keeps the counts. */
void vma_change(struct mm *mm, struct vma *v, int prot, uint32_t flags) HOLDS(mm->lock);
/* The page of the mappable at an address. */
static inline uint64_t vma_index(const struct vma *v, uint64_t va)
{
    return v->pgoff + ((va - v->start) >> PAGE_SHIFT);
}
/* Where it begins for others: a stack with the guard below it. */
uint64_t vma_low(const struct vma *v);
/* Sorted, apart, counted, joined: for tests and assert_slow(). */
must_use bool vma_check(struct mm *mm) HOLDS(mm->lock);
/* The same after every call; after some of them where there are so many that it would take long. */
static inline must_use bool vma_check_often(struct mm *mm) HOLDS(mm->lock);
static inline bool vma_check_often(struct mm *mm)
{
    return (mm->nvmas > 200 && mm->gen % 256) || vma_check(mm);
}
