/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One guest address space: its ranges (vma.h), its page tables, its copy on the
 * platform, and the calls that change them.
 *
 * Addresses, lengths, protections and flags come as the guest wrote them and are
 * checked here, with Linux's errnos in Linux's order.
 */
#pragma once

#include "base/ref.h"
#include "include/platform.h"
#include "include/uptr.h"
#include "sentry/core/arena.h"
#include "sentry/core/limits.h"
#include "sentry/mm/frame.h"
#include "sentry/mm/mappable.h"
#include "sentry/mm/window.h"

#define MMAP_MIN_ADDR ((uint64_t)65536) /* vm.mmap_min_addr: guests have nothing below it */

struct mm;
struct file; /* vfs: opaque here; held through the mappable */

/* What an mmap of a file needs to know of it; all zero for anonymous memory. */
struct map_source {
    struct mappable *mappable; /* NULL: anonymous */
    uint64_t off;              /* bytes, whole pages */
    bool may_write;            /* the file is open for writing: MAP_SHARED + PROT_WRITE is fine */
    bool may_exec;             /* not on a noexec mount */
    void *path;                /* opaque to mm: struct path_ref of vfs, for /proc/PID/maps; taken */
};

/* How mm asks vfs about `path`s without including it. Constants of our code. */
struct path_hooks {
    void *(*get)(void *path);
    void (*put)(void *path);
};

/*
 * An empty address space.
 *
 *   limits    borrowed; outlives the mm or is replaced: mm_set_limits(), mm_abandon()
 *   owner     whose program is to run in it (platform.h); NULL: it is like nobody else's
 *   seed      what the platform forks a new one from; NULL: its own
 *   out       given: mm_put()
 *   errors    ENOMEM, EAGAIN
 */
must_use int mm_create(struct arena *a, struct limits *limits, const struct aspace_owner *owner,
                       struct aspace *seed, struct mm **out);
/* Its program has changed hands, or rights: nobody has what the platform keeps of it. */
void mm_disown(struct mm *mm);
/* A copy as fork(2) makes it: private memory copy-on-write, MADV_DONTFORK and WIPEONFORK obeyed. */
must_use int mm_fork(struct mm *mm, struct limits *limits, struct mm **out);
struct mm *mm_get(struct mm *mm);
/* The last one unmaps everything and ends the platform's address space. */
void mm_put(struct mm *mm);
/*
 * The same in two steps, for who must not keep others waiting for the second: what they could see
 * (files that are mapped or run, what is shared) has gone after the first, all memory after
 * mm_destroy().
 *
 *   mm        taken
 *   by        who lets go, as mappable_ops.closed() is told; NULL: nobody in particular
 *   returns   what is left, for mm_destroy(); NULL where somebody else holds it
 */
must_use struct mm *mm_put_visible(struct mm *mm, struct pid *by);
void mm_destroy(struct mm *mm);
/* Between the two: the platform begins with the second, on a processor that has nothing to do. */
void mm_begin_destroy(struct mm *mm);
/* Whether anybody else holds it, now: another thread, a vfork(2) parent, a reader of /proc. */
bool mm_is_shared(const struct mm *mm);
DEFINE_SCOPED(mm)
void mm_set_limits(struct mm *mm, struct limits *limits);
/* Whose doing is what happens in it: borrowed, as the limits are. */
void mm_set_process(struct mm *mm, struct pid *process);
/* Its process goes, and with it these limits, if they are its own: others take their place. */
void mm_abandon(struct mm *mm, const struct limits *mine, struct limits *orphan);
void mm_set_path_hooks(struct mm *mm, const struct path_hooks *hooks);

/* The platform's half: needed when a guest is to run in it, and not before. Errors: ENOMEM, EAGAIN.
 */
must_use int mm_aspace(struct mm *mm, struct aspace **out);
uint64_t mm_task_size(const struct mm *mm);

/* ---- the calls ---- */

/*
 * mmap(2). `source` is taken, even on failure. MAP_* as the guest gave them (MAP_FIXED,
 * MAP_FIXED_NOREPLACE, MAP_SHARED_VALIDATE, MAP_POPULATE, MAP_GROWSDOWN, MAP_NORESERVE,
 * MAP_LOCKED, MAP_STACK, MAP_HUGETLB → as Linux without huge pages reserved, …).
 */
must_use int mm_map(struct mm *mm, uptr_t hint, uint64_t len, int prot, int flags,
                    struct map_source *source, uptr_t *out);
must_use int mm_unmap(struct mm *mm, uptr_t at, uint64_t len);
/*
 * shmdt(2): unmaps what is left of the mapping of a mappable of this kind whose first page was, or
 * would be, at `at`. Errors: EINVAL where there is none.
 *
 *   by        whose doing it is, as mappable_ops.closed() is told
 */
must_use int mm_unmap_kind(struct mm *mm, uptr_t at, const struct mappable_ops *kind,
                           struct pid *by);
must_use int mm_protect(struct mm *mm, uptr_t at, uint64_t len, int prot);
/* The same, and PROT_EXEC wherever that may be: of PROT_READ under READ_IMPLIES_EXEC. */
must_use int mm_protect_run(struct mm *mm, uptr_t at, uint64_t len, int prot);
must_use int mm_remap(struct mm *mm, uptr_t old, uint64_t old_len, uint64_t new_len, int flags,
                      uptr_t new_at, uptr_t *out);
must_use int mm_advise(struct mm *mm, uptr_t at, uint64_t len, int advice);
must_use int mm_sync(struct mm *mm, uptr_t at, uint64_t len, int flags);
must_use int mm_lock(struct mm *mm, uptr_t at, uint64_t len, int flags); /* mlock2(2) */
must_use int mm_unlock(struct mm *mm, uptr_t at, uint64_t len);
must_use int mm_lock_all(struct mm *mm, int flags); /* mlockall(2); 0 = munlockall */
/* Whoever asks next has CAP_IPC_LOCK, or not: then RLIMIT_MEMLOCK counts. */
void mm_set_may_lock(struct mm *mm, bool may);
must_use int mm_incore(struct mm *mm, uptr_t at, uint64_t len, uptr_t vec);
/* remap_file_pages(2), by a new mapping, as Linux does it. */
must_use int mm_remap_file(struct mm *mm, uptr_t at, uint64_t len, uint64_t pgoff);
/* A memory barrier on every thread that runs in it: membarrier(2). */
must_use int mm_barrier(struct mm *mm);
/* brk(2): the new break, or the old one where it cannot be. `prot` is for what is new. */
uptr_t mm_brk(struct mm *mm, uptr_t want, int prot);

/* ---- for the loader ---- */

/* Where brk starts and the layout of exec, as /proc/PID/stat and prctl(PR_SET_MM) show it. */
struct mm_layout {
    uint64_t start_code, end_code, start_data, end_data, start_brk, start_stack;
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t mmap_base; /* top of mmap's area: grows down from here */
    uint64_t vdso;
};
void mm_set_layout(struct mm *mm, const struct mm_layout *layout);
void mm_get_layout(struct mm *mm, struct mm_layout *out);
/* The auxiliary vector as /proc/PID/auxv shows it; bytes are copied. Errors: ENOMEM. */
must_use int mm_set_auxv(struct mm *mm, const void *auxv, size_t size);
size_t mm_get_auxv(struct mm *mm, void *buf, size_t size);
/* What /proc/PID/exe leads to: opaque, taken. */
void mm_set_exe(struct mm *mm, void *path);
void *mm_get_exe(struct mm *mm); /* given, by the hooks; NULL where none */
/* A mapping of the sentry's own making with a name in maps: "[stack]", "[vdso]", "[vvar]",
 * "[heap]". */
must_use int mm_map_special(struct mm *mm, uptr_t at, uint64_t len, int prot, int flags,
                            const char *name, const void *data, size_t data_size);
/* As mm_map_special() for one page whose frame the caller keeps and goes on writing to (vvar). */
must_use int mm_map_frame(struct mm *mm, uptr_t at, int prot, const char *name, pfn_t pfn);

/* ---- faults ---- */

/* What became of a fault. */
enum fault_result {
    FAULT_DONE,   /* go on */
    FAULT_MAPERR, /* SIGSEGV, SEGV_MAPERR */
    FAULT_ACCERR, /* SIGSEGV, SEGV_ACCERR */
    FAULT_BUS,    /* SIGBUS, BUS_ADRERR */
    FAULT_OOM,    /* the memory limit: the OOM killer is to choose */
};

/*
 * Puts a page (and its neighbours, where that is cheap) where the guest wanted one.
 *
 *   access    PROT_* wanted; 0 where the platform could not tell
 *   sp        the thread's stack pointer, for stack growth
 *   locks     none held
 */
enum fault_result mm_fault(struct mm *mm, uptr_t addr, unsigned access, uptr_t sp);

/* ---- copies ---- */

/*
 * Exactly `size` bytes or -EFAULT, in which case some may have gone over.
 * Where a short count matters, use the _some forms: bytes moved up to the first
 * fault, -EFAULT where that is none of `size` > 0.
 *
 *   locks     take RANK_MM; never called under one that ranks above it
 */
must_use int copy_in(struct mm *mm, void *to, uptr_t from, size_t size);
must_use int copy_out(struct mm *mm, uptr_t to, const void *from, size_t size);
must_use ssize_t copy_in_some(struct mm *mm, void *to, uptr_t from, size_t size);
must_use ssize_t copy_out_some(struct mm *mm, uptr_t to, const void *from, size_t size);
must_use int copy_zero(struct mm *mm, uptr_t to, size_t size);
/* One field of each of `n` structs, here and there: `size` bytes of every `stride`. */
must_use int copy_out_each(struct mm *mm, uptr_t to, const void *from, size_t size, size_t stride,
                           size_t n);
/*
 * A NUL-terminated string of at most size-1 characters.
 *
 *   returns   its length; -EFAULT; -ENAMETOOLONG where no NUL is among the first `size` bytes
 */
must_use ssize_t copy_in_string(struct mm *mm, char *to, uptr_t from, size_t size);
#define copy_in_struct(mm, ptr, from) copy_in((mm), (ptr), (from), sizeof *(ptr))
#define copy_out_struct(mm, to, ptr)  copy_out((mm), (to), (ptr), sizeof *(ptr))

/* Reads or writes memory whatever its protection, breaking COW: ptrace(2), /proc/PID/mem. */
must_use ssize_t mm_access(struct mm *mm, uptr_t at, void *buf, size_t size, bool write);

/* ---- words that futexes and robust lists look at ---- */

/* Names a word of memory, the same for everybody who shares it: futex(2). */
struct word_key {
    uintptr_t object; /* the mm (private) or what backs the page (shared) */
    uint64_t off;     /* the address, or the byte offset in the object */
};
must_use int mm_word_key(struct mm *mm, uptr_t at, bool shared, struct word_key *out);

/* Atomic operations on an aligned 32-bit word of the guest. Errors: EFAULT. Lock-free for the
 * guest. */
must_use int word_load(struct mm *mm, uptr_t at, uint32_t *out);
/* Stores `want` where the word holds `*seen`; `*seen` becomes what was there. */
must_use int word_cmpxchg(struct mm *mm, uptr_t at, uint32_t *seen, uint32_t want);

/* ---- what others show ---- */

struct vma_info {
    uint64_t start, end, off; /* bytes */
    int prot;
    bool shared, grows_down, locked, dont_fork, wipe_on_fork, io;
    int may; /* PROT_*: what mprotect(2) could give */
    bool dont_dump, no_reserve, sequential, random, huge, no_huge;
    uint64_t dev, ino;
    void *path;       /* borrowed during the visit; NULL where none */
    const char *name; /* "[heap]" and the like; NULL where none */
    uint64_t rss, pss, shared_clean, private_dirty, anonymous; /* bytes, where asked for */
};

/*
 * Visits all ranges from `from` on, in order, until `see` gives non-zero, which it
 * returns. Each is as it was at one moment; no lock is held while it is seen.
 */
int mm_visit(struct mm *mm, uint64_t from, bool count_pages,
             int (*see)(const struct vma_info *v, void *arg), void *arg);

struct mm_usage { /* bytes */
    uint64_t total, locked, pinned, data, stack, text, lib, page_tables, swap;
    uint64_t rss_anon, rss_file, rss_shmem, peak_total, peak_rss;
};
void mm_usage(struct mm *mm, struct mm_usage *out);

/* prctl(PR_SET_DUMPABLE) lives with the mm: 0, 1 or 2. */
int mm_dumpable(const struct mm *mm);
void mm_set_dumpable(struct mm *mm, int dumpable);
bool mm_thp_disabled(const struct mm *mm);
void mm_set_thp_disabled(struct mm *mm, bool off);
/* membarrier(2): which private commands this mm has registered for. */
_Atomic uint32_t *mm_membarrier_state(struct mm *mm);
