/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutexes that know their rank, and the one way to sleep.
 *
 * enum lock_rank is the lock order of the whole sandbox, outermost first: a
 * thread takes a lock only if its rank is above all the ranks that it holds.
 * Debug builds check that at each mutex_lock().
 *
 * Both things here are plain words that any process can map again from a file:
 * no pointer, no libc state. Neither is for memory shared with another process.
 */
#pragma once

#include "base/cc.h"
#include "base/time.h"

/* clang-format off */
enum lock_rank {
    RANK_CONTROL = 1, /* one control connection, and what it asks of the kernel */
    RANK_FILE, /* one open file's position, for the length of a read or write: /proc shows all */
    RANK_FUTEX_PI,    /* some PI futexes: words are changed under it, and their owners found */
    RANK_EPOLL_GRAPH, /* which epoll instance watches which */
    RANK_WATCH,       /* one file's list of who watches it */
    RANK_EPOLL,       /* one epoll instance's interests; every file's poll() is called under it */
    RANK_TASKS,       /* the tables of pids and the family tree */
    RANK_ALARM,       /* the timers of one process */
    RANK_GROUP,       /* one thread group's signals, stops and end */
    RANK_SIGHAND,     /* one table of signal handlers */
    RANK_TASK,        /* one task's pointers to its mm, files, fs, cred */
    RANK_FS,          /* one process's root and working directory */
    RANK_FDTABLE,     /* one descriptor table */
    RANK_MOUNTS,      /* the tree of mounts */
    RANK_RENAME,      /* one file system's moves of directories */
    RANK_DENTRY,      /* one directory's children */
    RANK_DCACHE,      /* the list of all cached names */
    RANK_PREFIX,      /* one prefix that walks begin with */
    RANK_INODE,       /* one inode's attributes and data */
    RANK_FILELOCK,    /* one inode's record locks and leases */
    RANK_NOTIFY, /* the watches of inotify, and its queues */
    RANK_TTY,         /* one terminal: its modes and buffers; copies happen under it */
    RANK_PIPE,       /* one pipe's ring (copies happen under it); an eventfd's count and the like */
    RANK_SOCK_READ,  /* one socket's readers: the holder owns the head of its queue, and copies */
    RANK_ZAP,        /* one mappable's loss of pages: it goes from one mm to the next */
    RANK_MM,         /* one address space's vmas and page table */
    RANK_MAPPABLE,   /* one mappable's tree of pages */
    RANK_IPC,        /* one ipc namespace's table of a kind, and who undoes what */
    RANK_IPC_OBJECT, /* one segment, set or queue of System V */
    RANK_PATCH,      /* pages with replaced call sites */
    RANK_WINDOWS,    /* the numbers of windows */
    RANK_ASPACE,     /* one platform address space */
    RANK_FUTEX,      /* one bucket of futex waiters */
    RANK_SOCK_NAMES, /* abstract addresses of AF_UNIX */
    RANK_SOCK_GC,    /* which AF_UNIX sockets are in messages */
    RANK_SOCK,       /* one socket's state and queues */
    RANK_HOSTPOLL,    /* the watches of host descriptors */
    RANK_WAITQ,      /* one wait queue; wakers take nothing above */
    RANK_READY,      /* one epoll instance's list of what is ready: a leaf for wakers */
    RANK_TIMER,      /* the timers of one clock: wakers arm them */
    RANK_GOFER,      /* one gofer client's ring */
    RANK_HOSTFD,     /* the table of host descriptors */
    RANK_PLATFORM,   /* a platform's tables */
    RANK_STUB,       /* one guest thread's stub, as others see it */
    RANK_USERS,      /* counts for each user id: processes, queued signals, files in messages */
    RANK_FRAMES,     /* the frame table and its buddy */
    RANK_SLAB,       /* one slab cache */
    RANK_ARENA,      /* the arena's map of chunks */
    RANK_THREADS,    /* host threads that wait for work */
    RANK_VDSO,       /* the numbers that the vDSO reckons from */
    RANK_LOG,        /* traces: the leaf of all */
    RANK_LAST,
};
/* clang-format on */

/* A futex word of three states, and the place in the order. */
struct CAPABILITY("mutex") mutex {
    _Atomic uint32_t word; /* 0 free, 1 held, 2 held and wanted */
    uint32_t rank;
#if DEBUG
    _Atomic uintptr_t owner; /* a number that only the holder's thread has; 0 where free */
#endif
};

#define MUTEX_INIT(r) \
    {                 \
        .rank = (r)   \
    }

void mutex_init(struct mutex *m, enum lock_rank rank);

/*
 * Takes the lock. Debug builds stop the program where the order is broken.
 *
 *   blocks    until the holder unlocks; no signal ends it
 */
void mutex_lock(struct mutex *m) ACQUIRES(m);

/* Takes the lock if it is free. Never waits, so it may go against the order. */
must_use bool mutex_trylock(struct mutex *m) TRY_ACQUIRES(true, m);

void mutex_unlock(struct mutex *m) RELEASES(m);

/*
 * Takes a lock of a rank that the caller may hold already, where what orders the
 * two is a graph that is kept free of cycles (which epoll watches which).
 */
void mutex_lock_nested(struct mutex *m) ACQUIRES(m);

/*
 * Takes two locks of one rank, by address. They may be the same lock, which is
 * then taken once. mutex_unlock_two() undoes it.
 */
void mutex_lock_two(struct mutex *a, struct mutex *b) ACQUIRES(a, b);
void mutex_unlock_two(struct mutex *a, struct mutex *b) RELEASES(a, b);

/* Whether the caller holds `m` (release builds: whether someone does). For assertions. */
bool mutex_held(const struct mutex *m);

/* The caller holds `m`, under another name than this: for a compiler that cannot follow that. */
static inline void mutex_assert_held(const struct mutex *m) ASSERTS_HELD(m)
{
    assert(mutex_held(m));
}

/*
 * Where one thread sleeps. The owner does
 *
 *     park_prepare(p);
 *     if (nothing to do yet)
 *         err = park_wait(p, deadline);
 *
 * and whoever gives it something to do changes that first, then calls
 * park_wake(). A wake after the prepare is never lost: the wait returns at once.
 */
struct park {
    _Atomic uint32_t word; /* enum in lock.c */
};

/* The word of a park that is prepared, for as long as nobody has woken its owner. */
#define PARK_EMPTY 0u

#define PARK_INIT \
    {             \
        0         \
    }

/* Forgets wakes from before. Only the owner calls this and park_wait(). */
void park_prepare(struct park *p);

/*
 * Sleeps until woken.
 *
 *   deadline  on CLOCK_MONOTONIC, or NSEC_NEVER
 *   errors    ETIMEDOUT; EINTR where a signal handler ran that has no SA_RESTART
 *   blocks    for park_wake()
 */
must_use int park_wait(struct park *p, nsec_t deadline);

/* Wakes the owner, now or at its next park_wait(). Any thread, any lock. */
void park_wake(struct park *p);
