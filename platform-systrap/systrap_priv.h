/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. Nothing outside includes it. */
#pragma once

#include "platform-stub/kick.h"
#include "platform-stub/stubs.h"
#include "platform-systrap/slot.h"

/* [I] never changes   [l] under lock   [a] atomic   [t] only its own thread */

/* A host process that runs guest code: a guest thread's, or parked in its address space. */
struct stub {
    struct list node;      /* in aspace.parked, under its lock */
    pid_t pid;             /* [t] of who has it: 0 once it is known to be dead, and reaped */
    struct slot *slot;     /* [I] as we have it mapped */
    uint64_t slot_va;      /* [I] as the stub has it */
    struct corpse *corpse; /* [I] what it becomes; knows the address space */
    nsec_t cpu_before;     /* processor time it had before its thread began */
};

/* Where the FPU state of a thread is. What is not in the stub goes there before the next run. */
enum fpu_place { FPU_INITIAL, FPU_KEPT, FPU_IN_STUB };

/* Whether to spin: not for a while after it was in vain, and for longer each time that it was. */
struct habit {
    unsigned pause;   /* turns without */
    unsigned penalty; /* the next pause */
};

/* What a thread knows of how much its guest talks (seat.c). */
struct talk {
    bool talks;             /* [t] it makes one call after the other */
    bool is_fresh;          /* [t] it has waited for its seat, and not had a turn since */
    int stub_cpu;           /* [t] where its stub is held, apart from us; -1: nowhere */
    unsigned seat;          /* [t] its number, where that has us as its holder */
    unsigned without;       /* [t] turns that it would have had a seat for */
    unsigned turns;         /* [t] since cpu_then */
    nsec_t cpu_then;        /* [t] the stub's processor time, when that was last looked at */
    struct list queued;     /* in seats.queue, under its lock */
    _Atomic uint32_t state; /* [a] in the queue or not; it sleeps on this */
};

/* A stub and its sentry thread on one processor (couple.c). */
struct couple {
    unsigned woken; /* [t] turns in a row to which the stub was woken, as long as they are none */
    int cpu;        /* [t] where both are held; -1: they are none */
    uint64_t since; /* [t] on the time stamp counter */
    uint64_t no_yields; /* [t] until then: somebody else computes there */
};

struct seat {
    _Atomic(struct guest_thread *) holder; /* [a] or NULL */
    _Atomic uint64_t since;                /* [a] on the time stamp counter */
};

#define SEATS_MAX 64

struct seats {
    struct mutex lock;          /* RANK_STUB */
    struct list queue;          /* [l] of threads that wait */
    _Atomic unsigned waiting;   /* [a] how many those are; changes under the lock */
    _Atomic uint64_t open_from; /* [a] none is given before: guests compute */
    unsigned cpus;              /* [I] */
    unsigned count;             /* [I] 0: nobody waits for one */
    struct seat at[SEATS_MAX];
};

struct guest_thread {
    struct platform *p;     /* [I] */
    _Atomic uint32_t state; /* [a] THREAD_* */
    _Atomic pid_t pid;      /* [a] its stub's; 0 where there is none. Set by its own thread */
    struct stub *stub;      /* [t] */
    bool brief;             /* [t] the last stop's registers are still in its slot */
    struct guest_answer answers[GUEST_ANSWERS_MAX]; /* [t] what its stubs may answer */
    size_t nanswers;                                /* [t] */
    enum fpu_place fpu_at;                          /* [t] */
    void *fpu;           /* [t] an area, or NULL; holds the state where it is kept */
    struct habit sentry; /* [t] does it pay that we spin for the stub? */
    struct habit guest;  /* [t] that the stub spins for us? */
    struct habit asleep; /* [t] and before a sleep of the sentry's? */
    struct talk talk;
    struct couple couple;
    struct list node;  /* in platform.threads, under the lock of stubs */
    struct mutex lock; /* RANK_STUB: the two below, and changes of pid */
    nsec_t past_cpu;   /* [l] of the stubs before this one, less what this one had before */
};

struct platform {
    struct stubs stubs;  /* what it has in common with platform-ptrace; its lock guards the rest */
    struct list threads; /* [l] */
    unsigned cpu_count;  /* [I] that may spin; 0: none does */
    bool no_answers;     /* [I] */
    struct seats seats;
    _Atomic unsigned running;                /* [a] guest threads whose turn it is */
    _Atomic unsigned lingering;              /* [a] those that wait in linger() */
    _Atomic bool crowded;                    /* [a] nobody spins, until crowd_end (spin.c) */
    _Atomic uint64_t crowd_end;              /* [a] on the time stamp counter */
    _Atomic uint64_t crowd_span;             /* [a] how long that was */
    uint64_t slots[BITMAP_WORDS(SLOTS_MAX)]; /* [l] of some address space */
    _Atomic unsigned slot_count;             /* [l] to change: how many those are */
    uint32_t next_slot[SLOTS_MAX];           /* [l] chains of those of one that no stub has */
};

/* probe.c */
must_use int systrap_probe(const char **why);

/* thread.c */
must_use int systrap_thread_create(struct platform *p, struct guest_thread **out);
void systrap_thread_destroy(struct guest_thread *t);
void systrap_interrupt(struct guest_thread *t);
nsec_t systrap_cpu_time(const struct guest_thread *t);

/* Ends all stubs that are parked there. */
void parked_end(struct aspace *as);

/* Keeps it for its next life, or does so first. */
void systrap_aspace_destroy(struct aspace *as);

/* Ends one of those that wait. */
bool systrap_shrink(struct stubs *stubs);

/* All of them, and those that wait. */
void systrap_aspaces_end(struct platform *p);

void systrap_thread_leave(struct guest_thread *t);

void systrap_answer(struct guest_thread *t, const struct guest_answer *answers, size_t n);

/*
 * Gives a thread a stub in `as`; that in another address space is left. FPU state moves along.
 *
 *   errors    EAGAIN, ENOMEM; EIO
 */
must_use int systrap_thread_enter(struct guest_thread *t, struct aspace *as);

/* Ends a stub that has died, or does not what it should. */
void systrap_thread_lost(struct guest_thread *t);

/* slots.c */

/* One for a new stub of `as`, where the sentry has the turn. Ends what can be, if need be. 0: none
 * is left. Locks: none of an address space. */
must_use uint32_t slot_get(struct platform *p, struct aspace *as);

/* Whether there are more than some, which are for threads that go to another address space. */
must_use bool slots_room(struct platform *p);

/* Its address space may give a slot to another stub. */
void slot_put(struct stubs *stubs, const struct corpse *c);

/* The slots of an address space whose last stub is gone are free, and empty. */
void slots_bury(struct stubs *stubs, struct aspace *as);

static inline struct slot *slot_at(struct platform *p, uint32_t n)
{
    return (struct slot *)p->stubs.slots + n;
}

/* turn.c */

/*
 * Gives the turn to a stub, and waits until it is ours again.
 *
 *   orders    ORDER_*
 *   result    of ORDER_RESULT
 *   errors    EIO where the stub has died, or does not answer: it is gone then
 *   blocks    for as long as the guest computes, where it was told to run
 */
must_use int turn(struct guest_thread *t, uint32_t orders, uint64_t result);

/* seat.c */

/* One for two processors, and at most SEATS_MAX: with more there are none, and nobody waits. */
void seats_init(struct seats *s, unsigned cpus);

/* It has a stub, of which only that is known what its siblings do. */
void seat_meet(struct guest_thread *t);

/* Whether more than the processors can take want to run, as `guests` do, or wait for a seat. */
bool seats_full(const struct seats *s, unsigned guests);

/* Whether some guest has one, or is about to. */
bool seats_taken(const struct seats *s);

/* Its guest has had the turn since then, a time that its sentry thread slept. */
void seat_saw(struct guest_thread *t, uint64_t since);

/*
 * Before a guest goes on, as one of `guests`: takes a seat, if it should have one and can, and
 * gives up one that others wait for.
 *
 *   blocks    for a few slices of half a ms
 */
void seat_take(struct guest_thread *t, unsigned guests);

/* Before it sleeps: it has no use for a seat. */
void seat_give(struct guest_thread *t);

/* Whether one would be of use to it now. */
bool seat_pays(struct guest_thread *t);

/* Brings its stub to another processor than ours, until the seat is given up. */
void seat_spread(struct guest_thread *t);

static inline bool seat_held(const struct guest_thread *t)
{
    const struct seat *seat = &t->p->seats.at[t->talk.seat];

    return atomic_load_explicit(&seat->holder, memory_order_relaxed) == t;
}

/* couple.c */

/*
 * Before a guest goes on, as one of `guests`: makes them a couple where that pays, while the stub
 * sleeps; and none where they have been one for long.
 */
void couple_meet(struct guest_thread *t, unsigned guests, bool stub_sleeps);

/* Each goes where it likes. */
void couple_part(struct guest_thread *t);

/* Its stub has yielded to who computes. */
void couple_stalled(struct guest_thread *t);

/* Whether they may yield to each other. */
bool couple_yields(const struct guest_thread *t);

static inline bool couple_is(const struct guest_thread *t)
{
    return t->couple.cpu >= 0;
}

/* spin.c */

/* Its guest computes: we have waited for it in vain more than once, and do not for some turns. */
static inline bool spin_is_vain(const struct guest_thread *t)
{
    return t->sentry.pause > 0 && t->sentry.penalty > 1;
}

/* Waits for the turn, if only for a while. */
void spin_for_stub(struct guest_thread *t);

/* Before the turn is given away: what the last spin of the stub has taught; how the next is to be.
 */
void spin_heard(struct guest_thread *t, struct slot *slot, bool sleeps);
void spin_tell(struct guest_thread *t, struct slot *slot);

void systrap_linger(struct guest_thread *t, const _Atomic uint32_t *word, uint32_t value);

/* run.c */
must_use bool systrap_narrow(struct aspace *as, uint64_t va, uint64_t size, int prot);
must_use int systrap_run(struct guest_thread *t, struct aspace *as, struct guest_regs *regs,
                         struct guest_stop *stop);

void systrap_regs_get(struct guest_thread *t, struct guest_regs *regs);

/* fpu.c */

/* Takes the state out of a stub that will be left. Errors: ENOMEM; EIO. */
must_use int systrap_fpu_keep(struct guest_thread *t);

/* Puts it into the slot, where it is not in the stub. The orders that a run needs for it. */
must_use uint32_t systrap_fpu_orders(struct guest_thread *t);

must_use int systrap_fpu_get(struct guest_thread *t, void *area, size_t size);
must_use int systrap_fpu_set(struct guest_thread *t, const void *area, size_t size);
void systrap_fpu_reset(struct guest_thread *t);
