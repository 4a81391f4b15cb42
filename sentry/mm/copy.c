/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to and from a guest: through the page table to our own mapping of its pages,
 * a run of neighbours at a time, under the mm's lock, so that nobody takes the pages
 * away meanwhile. What is missing is faulted in, as the guest would have done.
 */
#include "sentry/mm/copy.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "base/host.h"
#include "base/panic.h"
#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/vma.h"

/* ---- faults of our own ---- */

struct fixup {
    uint64_t start, end, target;
};
extern const struct fixup mem_fixups[]; /* copy_amd64.S */

static void on_bus_error(int signo, siginfo_t *info, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

    for (const struct fixup *f = mem_fixups; f->start; f++) {
        if ((uint64_t)*rip >= f->start && (uint64_t)*rip < f->end) {
            *rip = (greg_t)f->target;
            return;
        }
    }
    panic("signal %d at %p, instruction %#llx", signo, info->si_addr, (unsigned long long)*rip);
}

void mem_catch_faults(void)
{
    struct sigaction act = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER };
    int err = host_sigaction(SIGBUS, &act, NULL);

    assert(!err);
}

/* ---- guest memory ---- */

enum way { IN, OUT, ZERO };

static unsigned want_of(enum way way)
{
    return way == IN ? PROT_READ : PROT_WRITE;
}

uint64_t copy_run(struct mm *mm, uint64_t va, uint64_t size, unsigned want, pfn_t *pfn)
{
    const pte_t *slot = pt_find(mm, va);
    uint64_t run = PAGE_SIZE - (va & PAGE_MASK);

    if (!slot || !fault_satisfied(*slot, want))
        return 0;
    *pfn = pte_pfn(*slot);
    bool ram = frame_is_ram(mm->arena, *pfn);
    for (uint64_t i = 1; run < size && ((va + run) & (LEAF_SIZE - 1)); i++, run += PAGE_SIZE) {
        /* Two windows may be neighbours by number, and not in our mappings of them. */
        if (!ram || !fault_satisfied(slot[i], want) || pte_pfn(slot[i]) != *pfn + i)
            break;
    }
    return min(run, size);
}

/* Moves one run. Gives the bytes that did not go. */
static uint64_t move(char *guest, char *buf, uint64_t size, enum way way)
{
    switch (way) {
    case IN:
        return mem_copy(buf, guest, size);
    case OUT:
        return mem_copy(guest, buf, size);
    default:
        return mem_zero(guest, size);
    }
}

static uint64_t copy_locked(struct mm *mm, uint64_t va, char *buf, uint64_t size, enum way way,
                            unsigned want) HOLDS(mm->lock);
static uint64_t copy_locked(struct mm *mm, uint64_t va, char *buf, uint64_t size, enum way way,
                            unsigned want)
{
    uint64_t done = 0;

    while (done < size) {
        pfn_t pfn;
        char *at;
        uint64_t n = copy_run(mm, va + done, size - done, want, &pfn);
        if (n == 0) {
            if (fault_locked(mm, va + done, want) != FAULT_DONE)
                break;
            continue;
        }
        if (pfn_ptr(mm->arena, pfn, &at))
            break;
        uint64_t left = move(at + ((va + done) & PAGE_MASK), buf ? buf + done : NULL, n, way);
        done += n - left;
        if (left)
            break;
    }
    return done;
}

/* As access_ok(): nothing is moved where the range leaves the guest's addresses. */
static bool is_in_reach(const struct mm *mm, uptr_t at, uint64_t size)
{
    uint64_t end = mm_task_size(mm);

    return at.va <= end && size <= end - at.va;
}

static ssize_t copy(struct mm *mm, uptr_t at, void *buf, size_t size, enum way way)
{
    if (size == 0)
        return 0;
    if (!is_in_reach(mm, at, size))
        return -EFAULT;
    mm_enter(mm);
    uint64_t done = copy_locked(mm, at.va, buf, size, way, want_of(way));
    mm_leave(mm);
    return done ? (ssize_t)done : -EFAULT;
}

static int whole(ssize_t n, size_t size)
{
    return n == (ssize_t)size ? 0 : -EFAULT;
}

int copy_in(struct mm *mm, void *to, uptr_t from, size_t size)
{
    return whole(copy(mm, from, to, size, IN), size);
}

int copy_out(struct mm *mm, uptr_t to, const void *from, size_t size)
{
    return whole(copy(mm, to, (void *)(uintptr_t)from, size, OUT), size);
}

int copy_zero(struct mm *mm, uptr_t to, size_t size)
{
    return whole(copy(mm, to, NULL, size, ZERO), size);
}

ssize_t copy_in_some(struct mm *mm, void *to, uptr_t from, size_t size)
{
    return copy(mm, from, to, size, IN);
}

ssize_t copy_out_some(struct mm *mm, uptr_t to, const void *from, size_t size)
{
    return copy(mm, to, (void *)(uintptr_t)from, size, OUT);
}

ssize_t copy_zero_some(struct mm *mm, uptr_t to, size_t size)
{
    return copy(mm, to, NULL, size, ZERO);
}

int copy_out_each(struct mm *mm, uptr_t to, const void *from, size_t size, size_t stride, size_t n)
{
    char *field = (char *)(uintptr_t)from;
    bool fine = true;

    if (n == 0)
        return 0;
    if (!is_in_reach(mm, to, (n - 1) * stride + size))
        return -EFAULT;
    mm_enter(mm);
    for (size_t i = 0; i < n && fine; i++)
        fine =
            copy_locked(mm, to.va + i * stride, field + i * stride, size, OUT, PROT_WRITE) == size;
    mm_leave(mm);
    return fine ? 0 : -EFAULT;
}

/* Most strings are paths, and short: little is copied at first, and then to the end of a page. */
#define STRING_FIRST 128u

ssize_t copy_in_string(struct mm *mm, char *to, uptr_t from, size_t size)
{
    size_t len = 0;

    while (len < size) {
        /* To the end of a page at most: what lies behind the NUL need not be there. */
        uptr_t at = uptr_at(from, len);
        size_t n = min(size - len, (size_t)(PAGE_SIZE - (at.va & PAGE_MASK)));
        if (len == 0)
            n = min(n, (size_t)STRING_FIRST);
        ssize_t got = copy(mm, at, to + len, n, IN);
        if (got < 0)
            return got;
        size_t part = strnlen(to + len, (size_t)got);
        len += part;
        if (part < (size_t)got)
            return (ssize_t)len;
        if ((size_t)got < n)
            return -EFAULT;
    }
    return -ENAMETOOLONG;
}

ssize_t mm_access(struct mm *mm, uptr_t at, void *buf, size_t size, bool write)
{
    if (size == 0)
        return 0;
    uint64_t end = mm_task_size(mm);
    if (at.va >= end)
        return -EFAULT;
    size = min(size, (size_t)(end - at.va));
    struct batch b;
    mm_enter(mm);
    batch_begin(&b, mm);
    patch_restore(mm, page_down(at.va), page_up(at.va + size), &b);
    batch_end(&b);
    uint64_t done = copy_locked(mm, at.va, buf, size, write ? OUT : IN,
                                WANT_FORCE | (write ? PROT_WRITE : PROT_READ));
    mm_leave(mm);
    return done ? (ssize_t)done : -EFAULT;
}
