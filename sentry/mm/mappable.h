/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file owes to mmap: where its bytes lie.
 *
 * A mappable is a sequence of pages, [0, size). Its pages are either frames of RAM
 * (tmpfs, memfd, shared anonymous memory) or bytes of a host file (gofer), which
 * `locate` turns into a window. mm keeps a reverse map, so that truncation can
 * take pages away from everybody.
 *
 * It is embedded in an inode; `get` and `put` keep that inode alive.
 */
#pragma once

#include "base/list.h"
#include "base/lock.h"
#include "sentry/core/arena.h"
#include "sentry/core/hostfd.h"

typedef uint64_t pfn_t; /* a page of guest-physical space: RAM first, windows above */
#define PFN_NONE ((pfn_t)-1)

struct mappable;
struct pid; /* task: opaque here */

/* Where a run of bytes lies. */
struct extent {
    pfn_t pfn;      /* its first page */
    uint64_t count; /* whole pages, contiguous, that the mappable answers for; at least 1 */
    bool writable;  /* a shared mapping may write there */
};

struct mappable_ops {
    /*
     * Where page `index` lies, and how far the run goes on from it.
     *
     *   index     in pages
     *   max       pages that the caller can use, at least 1; `out->count` never passes it
     *   access    PROT_WRITE where it will be written (a hole must be filled)
     *   out       frames are given with one reference each (frames_put); windows are
     *             held by the mappable for as long as it lives
     *   errors    EFAULT past the end of the file (SIGBUS); ENOMEM; ENOSPC; EIO (SIGBUS)
     *   locks     called with none of mm's held; takes RANK_MAPPABLE
     *   blocks    for a gofer request, where it has to open the file
     */
    must_use int (*locate)(struct mappable *m, uint64_t index, uint64_t max, unsigned access,
                           struct extent *out);
    /* The size now, in bytes. */
    uint64_t (*size)(struct mappable *m);
    /* Write-back of [from, to) bytes: msync(2) MS_SYNC. NULL: nothing to do. No lock is held. */
    int (*sync)(struct mappable *m, uint64_t from, uint64_t to);
    /*
     * The bytes [from, to) become a hole: madvise(2) MADV_REMOVE. The mappable zaps by
     * itself. NULL: EOPNOTSUPP. No lock is held.
     */
    int (*punch)(struct mappable *m, uint64_t from, uint64_t to);
    /* References. get() is called under RANK_MM; put() may be the last, and no lock is held. */
    void (*get)(struct mappable *m);
    void (*put)(struct mappable *m);
    /*
     * One more range of an address space maps it; one fewer. Ranges of such a mappable are never
     * joined. NULL: it does not count them.
     *
     *   by        whose doing it was, if that is known: opaque, borrowed, NULL where it is not
     *   errors    EINVAL where no range maps it, and none may any more
     *   locks     called under RANK_MM; put() follows closed()
     */
    must_use int (*opened)(struct mappable *m, struct pid *by);
    void (*closed)(struct mappable *m, struct pid *by);
};

struct mappable {
    const struct mappable_ops *ops; /* [I] register it in the owner's slab_type */
    struct mutex zap_lock;          /* RANK_ZAP: one mappable_zap() at a time */
    struct mutex lock;              /* RANK_MAPPABLE */
    struct list vmas;               /* [l] vma.rmap: all that map any of it */
    uint64_t zap_seq;               /* [l] counts zaps, so that each meets each vma once */
    uint64_t writers;               /* [l] shared writable vmas: F_SEAL_WRITE, ETXTBSY */
    uint64_t dev, ino;              /* [I] as /proc/PID/maps shows it */
};

/* NULL is fine. */
must_use static inline int mappable_open(struct mappable *m, struct pid *by)
{
    return m && m->ops->opened ? m->ops->opened(m, by) : 0;
}

void mappable_init(struct mappable *m, const struct mappable_ops *ops, uint64_t dev, uint64_t ino);

/*
 * Bytes from `from` on are gone (truncate(2), hole punch up to `to`): takes the pages away
 * from every address space that maps them; `even_cow` private copies too, as truncation does.
 * The mappable's size must already be the new one.
 *
 *   locks     none may be held; takes RANK_MM of each, one at a time
 */
void mappable_zap(struct mappable *m, uint64_t from, uint64_t to, bool even_cow);

/*
 * Shared anonymous memory: what MAP_SHARED without a file leads to, and shmget(2).
 *
 *   size      bytes; frames are made when they are first touched, and each TiB costs 4 MiB
 *             of the arena's quota before that
 *   errors    ENOMEM
 */
must_use int shared_create(struct arena *a, uint64_t size, struct mappable **out);
/* How much of it has frames, in pages. */
uint64_t shared_pages(struct mappable *m);
