/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: the one region that holds every object of the sentry's kernel.
 *
 * It lies at an address that is chosen at random for each sandbox and then never
 * changes: it can be written to a file and mapped again at the same place by a
 * process whose code lies elsewhere, and the kernel in it goes on. What makes
 * that true:
 *
 *   - Objects come from slab_alloc(), variable-sized bytes from arena_alloc(),
 *     nothing that outlives a call from malloc().
 *   - Objects point only into the arena, except at the places that their
 *     slab_type names: const_ptrs (vtables and other constants of our own code:
 *     moved along when the code moves) and host_ptrs (objects of a platform and
 *     the like: cleared on attach, made again on demand).
 *   - Host descriptors are numbers in the hostfd table (hostfd.h), never ints.
 *   - What lives outside (clock, platform, RAM, descriptors) is reached through
 *     arena_host().
 *
 * The arena is also the quota: an allocation that would pass its limit fails, and
 * the guest sees ENOMEM, EMFILE or EAGAIN.
 */
#pragma once

#include "base/cc.h"

#define ARENA_SPAN ((uint64_t)64 << 30) /* bytes of address space; also its alignment */

struct arena;

/* What stands outside the arena and is told to it anew on attach. */
enum arena_host {
    HOST_CLOCK, /* struct clock * */
    HOST_RNG,   /* struct rng * */
    HOST_FDS,   /* struct hostfds * */
    HOST_RAM,   /* struct ram *: where the RAM memfd is mapped, frames above it are in the arena */
    HOST_PLATFORM, /* struct platform_ref *: the vtable and its object */
    HOST_GOFER,    /* struct gofer_client * */
    HOST_TIMERS,   /* struct timer_thread *: the host thread that fires timers */
    HOST_CONTROL,  /* struct control *: the way to runsc */
    HOST_CTTY,     /* const struct ctty_hooks *: what terminals ask of tasks (vfs/ctty.h) */
    HOST_POLL,     /* struct hostpoll *: the thread that waits for host descriptors */
    HOST_THREADS,  /* struct thread_pool *: those that tasks run on; NULL: each gets a new one */
    HOST_COUNT,
};

/* Where the arena keeps the roots from which everything else is reached. */
enum arena_root {
    ROOT_KERNEL,  /* struct kernel * */
    ROOT_TIMERS,  /* struct timers * */
    ROOT_FRAMES,  /* struct frames * */
    ROOT_WINDOWS, /* struct windows * */
    ROOT_TASKS,   /* struct tasks *: pids, families */
    ROOT_FUTEXES, /* struct futexes * */
    ROOT_VFS,     /* struct vfs * */
    ROOT_SOCK,    /* struct sock_ns registry */
    ROOT_FS,      /* struct fs_state *: terminals, the graph of epolls */
    ROOT_SYSCALL, /* struct syscall_stats *: counts, and what is traced */
    ROOT_REFUSED, /* struct refused_table *: what guests asked for in vain */
    ROOT_VDSO,    /* struct vdso *: its pages, and how it tells the time */
    ROOT_PROC,    /* struct proc_state *: the boot's id */
    ROOT_PATCHES, /* struct patch_state *: call sites that jump; NULL where none may */
    ROOT_USERS,   /* struct users *: what each user id has in use */
    ROOT_COUNT,
};

/*
 * Makes an arena at a random address.
 *
 *   limit     bytes that may be in use at most; whole pages
 *   out       given: arena_destroy()
 *   errors    ENOMEM
 */
must_use int arena_create(uint64_t limit, struct arena **out);
void arena_destroy(struct arena *a);

/* The arena that an object lives in. The object must be in one. */
static inline struct arena *arena_of(const void *object)
{
    return (struct arena *)((uintptr_t)object & ~(uintptr_t)(ARENA_SPAN - 1));
}

/* What every arena has at ARENA_ANCHORS bytes from its start: set at start and on attach. */
struct arena_anchors {
    void *host[HOST_COUNT];
    void *root[ROOT_COUNT];
};
#define ARENA_ANCHORS 64

static inline struct arena_anchors *arena_anchors(const struct arena *a)
{
    return (struct arena_anchors *)((uintptr_t)a + ARENA_ANCHORS);
}

static inline void *arena_host(const struct arena *a, enum arena_host what)
{
    return arena_anchors(a)->host[what];
}

static inline void arena_set_host(struct arena *a, enum arena_host what, void *p)
{
    arena_anchors(a)->host[what] = p;
}

static inline void *arena_root(const struct arena *a, enum arena_root what)
{
    return arena_anchors(a)->root[what];
}

static inline void arena_set_root(struct arena *a, enum arena_root what, void *p)
{
    arena_anchors(a)->root[what] = p;
}

/* `size` zeroed bytes, aligned to 16, or NULL where the limit is reached. Locks: RANK_SLAB,
 * RANK_ARENA. */
must_use void *arena_alloc(struct arena *a, size_t size);
/*
 * The same for large tables of which little will be touched: memory is used page by
 * page as it is written, and none of it counts against the quota.
 */
must_use void *arena_reserve(struct arena *a, uint64_t size);
/* NULL is fine. */
void arena_free(void *p);
/* How many bytes the caller may use at `p`: what was asked for, or a little more. */
size_t arena_usable(const void *p);
/* A NUL-terminated copy, or NULL. */
must_use char *arena_strndup(struct arena *a, const char *s, size_t len);

/* Bytes in use, and the most there may be. */
uint64_t arena_used(const struct arena *a);
uint64_t arena_limit(const struct arena *a);

/* Writes the arena to `fd` from offset 0; all sentry threads but the caller's are at rest. */
must_use int arena_save(struct arena *a, int fd);

/*
 * Maps what arena_save() wrote, privately, and moves the const pointers.
 *
 *   errors    EINVAL where the file is no arena of this program; ENOMEM where its place is taken
 */
must_use int arena_attach(int fd, struct arena **out);

/* Debug: does each live object point only where it may? Says the first that does not in `why`. */
must_use bool arena_check(struct arena *a, char *why, size_t size);
