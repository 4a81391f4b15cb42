/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the platforms share whose guests live in host processes, the stubs: address
 * spaces and their agents, memory files, the end of processes. How guest threads run
 * is each platform's own. agent.c tells how it works.
 */
#pragma once

#include "base/bitmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "include/platform.h"
#include "platform-stub/agent.h"
#include "platform-stub/filter.h"
#include "platform-stub/xsave.h"

#define ASPACES_MAX 16384 /* command areas: 256 MiB of a sparse file */
#define FILES_MAX   4096

/* [I] never changes   [l] under lock   [p] under stubs.lock   [a] atomic */

/* What a stub becomes when we have killed it, until it is waited for. */
struct corpse {
    struct list node;  /* [p] in aspace.living, or stubs.corpses */
    pid_t pid;         /* [p] */
    bool ended;        /* [p] waited for by corpse_end_all(), and its pid is nobody's any more */
    struct aspace *as; /* [I] which lasts until the last of its stubs is gone */
    uint32_t slot;     /* [I] of the platform: what the stub may write until then; 0: none */
};

struct aspace {
    struct stubs *stubs;       /* [I] */
    uint64_t id;               /* [I] never used again, unlike the pointer */
    int area;                  /* [I] index of the command area */
    struct corpse *corpse;     /* [I] what the agent becomes: its end must not need memory */
    struct list node;          /* in stubs.aspaces, under its lock */
    unsigned corpses;          /* [p] its stubs, those included that are not waited for yet */
    struct list living;        /* [p] its stubs but for the agent: what they will be */
    bool haunted;              /* [p] somebody may live there whom we do not know: aspace.c */
    struct mutex lock;         /* RANK_ASPACE: the rest */
    struct agent agent;        /* [l] */
    bool ended;                /* [l] destroyed: its stubs are dying, or wait with it (spare.h) */
    bool owned;                /* [l] or nobody may have it after that */
    struct aspace_owner owner; /* [l] */
    uint64_t narrow_at;        /* [l] of the platform: what is to get fewer rights, */
    _Atomic uint64_t narrow_size; /* [l] if anything; read without the lock */
    int narrow_prot;              /* [l] and which */
    struct list parked;           /* [l] of the platform: stubs of threads that have ended */
    uint32_t slots;               /* [p] of the platform: the first of a chain that no stub has */
    _Atomic bool talks;           /* [a] of the platform: the thread last looked at (seat.c) */
};

/* What differs from platform to platform. */
struct stubs_options {
    const char *name;
    int ram_fd; /* borrowed */

    /* What stubs may call besides what agents need (filter.c). */
    const struct stub_rule *rules;
    size_t rule_count;
    bool traps; /* all else is SIGSYS for who calls it, not death */

    uint64_t held; /* signals, as a mask, that are blocked in new stubs until these let them in */

    /* Writes the code of guest threads, STUB_PAGE_SIZE bytes for STUB_PAGE. NULL: there is none. */
    void (*page)(const struct xsave *x, void *out);

    uint64_t slots_size; /* bytes at SLOTS_OFF of the stubs' file, ours to share with guests */
};

struct stubs {
    const struct stubs_options *o; /* [I] for the time of stubs_create() only */
    struct cpus cpus;              /* [I] */
    struct xsave xsave;            /* [I] */
    pid_t sentry;                  /* [I] */
    struct stub_cmd *cmds;         /* [I] ASPACES_MAX command areas: the file, mapped */
    size_t size;                   /* [I] bytes of it */
    void *scratch;                 /* [I] the zygote's scratch page */
    void *slots;                   /* [I] what is at SLOTS_OFF */
    int cmd_fd;                    /* [I] the stubs' file, and its number in the stubs */
    int sock;                      /* [I] to the zygote: descriptors */
    int stub_sock;                 /* [I] the zygote's number of its end */
    struct aspace *zygote;         /* [I] its lock also guards the passing of files */

    /* [a] numbers in the stubs, or -1; changed under the zygote's lock */
    _Atomic int files[FILES_MAX];

    /*
     * [I] Called when a stub has been waited for, or never lived; and when the last one of an
     * address space has. Under `lock`. May be NULL.
     */
    void (*gone)(struct stubs *s, const struct corpse *c);
    void (*bury)(struct stubs *s, struct aspace *as);

    /* [I] Ends an address space that only waits (spare.h), and is done; false: there is none. */
    bool (*shrink)(struct stubs *s);

    struct mutex lock;                         /* RANK_PLATFORM: all below */
    uint64_t next_id;                          /* [l] */
    struct list aspaces;                       /* [l] */
    struct list spares;                        /* [l] that have ended and wait: spare.c */
    unsigned spare_count;                      /* [l] */
    struct list corpses;                       /* [l] */
    _Atomic unsigned corpse_count;             /* [l] to change */
    uint64_t areas[BITMAP_WORDS(ASPACES_MAX)]; /* [l] command areas in use */
};

/* stubs.c */

/*
 * Makes the first stub, and what all need.
 *
 *   stubs     zeroed; `bury` set. stubs_destroy() is due even where this fails
 *   o         borrowed for the call
 *   errors    those of its host calls; EIO where a new process died
 */
must_use int stubs_create(struct stubs *stubs, const struct stubs_options *o);

/* After all its address spaces. Waits for what was killed. */
void stubs_destroy(struct stubs *stubs);

/* zygote.c */

/* Makes the first stub: an empty address space, confined. Errors as stubs_create(). */
must_use int zygote_create(struct stubs *stubs);

/* aspace.c */

/*
 * An address space without an agent, on a free command area; `agent.pid` is to be set.
 *
 *   errors    ENOMEM; EAGAIN where there are too many
 */
must_use int aspace_alloc(struct stubs *stubs, struct aspace **out);

/* As struct platform_ops has them. */
must_use int aspace_create(struct stubs *stubs, struct aspace *seed, struct aspace **out);
must_use int aspace_place(struct aspace *as, int fd);
must_use int aspace_fork(struct aspace *parent, struct aspace **out);
must_use int aspace_apply(struct aspace *as, const struct mem_op *ops, size_t n);
must_use int aspace_barrier(struct aspace *as);
void aspace_destroy(struct aspace *as);

/* Whether a host that had no room for a process may have it now. Locks: none of an address space.
 */
must_use bool stubs_make_room(struct stubs *stubs, int err);

/*
 * Clones a process for a new guest thread.
 *
 *   child     argument 5 of the clone: CHILD_IS_THREAD, or the address of its slot
 *   c         what it becomes: gets its pid
 *   errors    EAGAIN, ENOMEM, EIO
 */
must_use int aspace_spawn(struct aspace *as, uint64_t child, struct corpse *c);

/* The same under the lock, with more operations put before it. */
must_use int aspace_spawn_locked(struct aspace *as, uint64_t child, struct corpse *c)
    HOLDS(as->lock);

/* files.c: as struct platform_ops has them */
must_use int file_add(struct stubs *stubs, int fd, uint32_t *out);
void file_del(struct stubs *stubs, uint32_t file);

/* corpse.c */

/* What a new stub of `as` becomes one day, made before it lives. NULL: no memory. */
struct corpse *corpse_create(struct aspace *as);

/* Of a stub that never lived, or was waited for already. NULL is fine. */
void corpse_free(struct corpse *c);

/*
 * Kills a stub; it is waited for later.
 *
 *   c         taken
 *   pid       may be 0: it is gone already
 */
void corpse_add(struct corpse *c, pid_t pid);

/* Begins the life of a stub that has been made. */
void corpse_live(struct corpse *c, pid_t pid);

/*
 * Kills all stubs of an address space whose agent is of no use any more, and waits for their ends:
 * none runs or sees memory. Whose they are finds them dead.
 *
 *   returns   how many had not been killed before
 *   blocks    for the host to end them
 */
unsigned corpse_end_all(struct aspace *as);

/* Collects those that have ended. Costs nothing where there are none. */
void corpse_reap_some(struct stubs *stubs);

/* Waits for all. Blocks for the host to end them. */
void corpse_reap_all(struct stubs *stubs);

/* Sends SIGKILL to a stub. */
void stub_kill(pid_t pid);

/* Kills a stub and waits for its end. */
void stub_end(pid_t pid);
