/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between the sentry and what runs guest code.
 *
 * A platform does two things: it keeps address spaces, and it runs one guest
 * thread in one of them until the sentry is needed. It knows no system call,
 * no file and no signal. There are three, platform-ptrace, platform-systrap and
 * platform-kvm, and tests/lib/fake_platform.c, which runs a script instead of a
 * guest.
 *
 * What each side promises:
 *
 *   - The sentry describes memory only through aspace_apply(), aspace_fork() and
 *     the page tables it keeps anyway. The platform shows a guest exactly what it
 *     was told: no more, and never something stale once the call has returned.
 *   - Everything a guest or its host process says is hostile. A platform hands
 *     up registers as they are; whoever reads them checks them.
 *   - A guest_thread belongs to the host thread that created it: only that
 *     thread may run, read or destroy it. interrupt() alone may come from others.
 *   - Objects of a platform live outside the sentry's arena and hold host state.
 *     They can be thrown away and made again from page tables and registers.
 */
#pragma once

#include <signal.h>
#include <sys/mman.h>

#include "base/cc.h"
#include "base/time.h"
#include "include/abi/regs_amd64.h"
#include "include/patch.h"
#include "include/uptr.h"

struct platform;     /* one for each sandbox */
struct aspace;       /* one guest address space */
struct guest_thread; /* the platform's half of one task */

enum platform_stop {
    STOP_SYSCALL,   /* the registers hold a call; the instruction is behind us */
    STOP_FAULT,     /* a memory access failed: see struct guest_stop */
    STOP_EXCEPTION, /* any other processor exception, as a signal */
    STOP_INTERRUPT, /* interrupt() was called; may come without cause */
};

struct guest_stop {
    enum platform_stop why;
    bool trapped; /* STOP_SYSCALL: by the instruction itself; not from a call site that was
                     replaced by a jump (patch.h) */
    bool brief;   /* most registers are yet to be asked for: regs_get() */
    bool int80;   /* STOP_SYSCALL: by `int $0x80` or from 32-bit code, not by `syscall` */
    int signo;    /* STOP_FAULT (SIGSEGV or SIGBUS), STOP_EXCEPTION */
    int code;     /* the same: si_code as Linux gives it (SEGV_MAPERR, FPE_INTDIV, …); where a
                     protection key forbids it, which no mem_op can change, SEGV_PKUERR */
    uptr_t addr;  /* the same: si_addr */
    unsigned
        access; /* STOP_FAULT: PROT_* bits that were wanted; 0 where the platform cannot tell */
    uint32_t trapno; /* the processor's vector and error code, 0 where unknown (for sigcontext) */
    uint32_t error_code;
};

/*
 * One change to an address space. All ranges are whole pages below task_size.
 *
 *   MEM_MAP      replaces whatever is at [va, va+size) by bytes [off, off+size) of
 *                memory file `file`, shared with everybody who maps it
 *   MEM_UNMAP    nothing is there any more
 *   MEM_PROTECT  all of the range is mapped; gets new rights
 */
enum mem_op_kind { MEM_MAP, MEM_UNMAP, MEM_PROTECT };

struct mem_op {
    enum mem_op_kind kind;
    int prot; /* PROT_READ | PROT_WRITE | PROT_EXEC */
    uint64_t va, size;
    uint32_t file; /* from file_add(); FILE_RAM is the sandbox's RAM */
    bool populate; /* MEM_MAP: the host has these bytes, and they will be looked at: no faults, if
                      that can be */
    uint64_t off;
};

#define FILE_RAM 0u

/* What a call without arguments gives, for as long as nothing else is said: a number up to 2^32
 * - 1. */
struct guest_answer {
    uint32_t nr;
    uint32_t value;
};
#define GUEST_ANSWERS_MAX 8

/*
 * Whose programs an address space runs. Where all is the same, each of two programs may do with
 * the other what it likes, ptrace(2) for one.
 */
struct aspace_owner {
    uint64_t ids, rights;             /* user and group; capabilities, no_new_privs */
    uint64_t user_ns, mnt_ns, pid_ns; /* the numbers of namespaces */
};

struct platform_options {
    int ram_fd; /* borrowed; becomes FILE_RAM, readable, writable and executable */
    int log_level;

    /* To find out what is to blame; on platform-systrap alone. */
    bool no_spin;    /* who waits sleeps at once */
    bool no_answers; /* answer() does nothing */
};

struct platform_ops {
    const char *name;

    /*
     * Says whether this host allows the platform. Cheap; no side effects.
     *
     *   why       set to a sentence for a person where it does not
     *   returns   0, or -errno of what failed
     */
    must_use int (*probe)(const char **why);

    /*
     * Makes the platform. Called once, before the sentry is jailed and while it
     * has one thread; what needs rights that the jail takes away is done here. That
     * thread lives as long as the platform, whose processes die with it; and user ids
     * and namespaces stay as they are, or it could trace them no more.
     *
     *   opts      borrowed for the call
     *   errors    those of the host calls it makes
     */
    must_use int (*create)(const struct platform_options *opts, struct platform **out);

    /* Ends all address spaces and host processes of the platform. NULL is fine. */
    void (*destroy)(struct platform *p);

    /* The first address a guest cannot have, in bytes; whole pages. Constant after create(). */
    uint64_t (*task_size)(const struct platform *p);

    /* Bytes of an XSAVE area as fpu_get() fills it. Constant after create(). */
    size_t (*fpu_size)(const struct platform *p);

    /*
     * Makes a host file mappable by MEM_MAP.
     *
     *   fd        borrowed for the call
     *   out       its number from now on
     *   errors    EMFILE
     *   locks     takes the platform's own only
     */
    must_use int (*file_add)(struct platform *p, int fd, uint32_t *out);

    /* Forgets a file that nothing maps any more. */
    void (*file_del)(struct platform *p, uint32_t file);

    /*
     * An empty address space.
     *
     *   seed      a descendant of it: another one in which nothing was ever mapped, which
     *             outlives this one; NULL: of the platform's own
     *   errors    ENOMEM; EAGAIN where the host has no more processes or VMs; EIO where
     *             what the seed is on the host is gone
     */
    must_use int (*aspace_create)(struct platform *p, struct aspace *seed, struct aspace **out);

    /*
     * Puts what stands for it on the host, and so all that descends from it from now on, into
     * a cgroup. NULL where nothing does.
     *
     *   fd        the cgroup's file of processes, opened by who has the right
     *   errors    those of write(2) there
     */
    must_use int (*aspace_place)(struct aspace *as, int fd);

    /* A copy of `parent` with the same mappings and rights. Errors as above. Locks: RANK_MM of
     * both. */
    must_use int (*aspace_fork)(struct aspace *parent, struct aspace **out);

    /*
     * Begins to take all out of an address space in which no guest thread runs any more, and
     * which is to be destroyed; its memory is the guest's until it is. Does not wait. Optional.
     */
    void (*aspace_empty)(struct aspace *as);

    /* No guest thread runs in it any more. NULL is fine. */
    void (*aspace_destroy)(struct aspace *as);

    /*
     * Says who may be given what is left of an address space when it has been destroyed: its
     * host processes, which cost much to make, and none of its memory. NULL, or where nothing was
     * said: nobody. A fork has its parent's owner. Optional.
     */
    void (*aspace_own)(struct aspace *as, const struct aspace_owner *owner);

    /*
     * Makes an empty address space of what such an owner has left, whose it is again. Optional.
     *
     *   errors    EAGAIN where nothing is left; aspace_create() makes one
     */
    must_use int (*aspace_reuse)(struct platform *p, const struct aspace_owner *owner,
                                 struct aspace **out);
    /*
     * Ends some of what is left like that: the host has no room for another process or thread.
     * Optional.
     *
     *   returns   false where there is nothing
     */
    must_use bool (*make_room)(struct platform *p);
    /* And to map a small parent's memory there costs less than aspace_fork(). */
    bool reuse_beats_fork;

    /*
     * Changes an address space, in order, in as few hand-overs as the platform can.
     * When it returns, every guest thread in it sees the new state.
     *
     *   ops, n    borrowed
     *   errors    ENOMEM where the host has no room for another mapping (the
     *             operations before the failed one have happened; the rest has not); EIO
     *             where what stands for the address space on the host is gone: then no guest
     *             thread runs in it any more, nor sees any memory, and run() fails there
     *   blocks    in that case, for the host to end its processes
     *   locks     called under RANK_MM; takes RANK_ASPACE
     */
    must_use int (*aspace_apply)(struct aspace *as, const struct mem_op *ops, size_t n);

    /*
     * Leaves a mapped range fewer rights, before a guest thread runs there again: by what
     * that thread does itself, so one of a hostile guest may see to it that it is not done. What
     * the range shows must stay the guest's until the next aspace_apply(), before which this is
     * done or forgotten. For address spaces with one thread, and small ranges. Optional.
     *
     *   prot      PROT_NONE or PROT_READ, and the range has as much
     *   returns   false where it cannot be: another one is still to come
     */
    must_use bool (*aspace_narrow)(struct aspace *as, uint64_t va, uint64_t size, int prot);

    /* A memory barrier on every thread that runs in it: membarrier(2), PRIVATE_EXPEDITED. EIO as
     * above. */
    must_use int (*aspace_barrier)(struct aspace *as);

    /*
     * Whether one thread more would find what it needs to run, so that a guest can be told if not.
     * Another may be quicker. Any host thread; NULL: there is always room.
     */
    must_use bool (*thread_room)(struct platform *p);

    /* Belongs to the calling host thread from now on. Errors: ENOMEM, EAGAIN. */
    must_use int (*thread_create)(struct platform *p, struct guest_thread **out);
    void (*thread_destroy)(struct guest_thread *t);

    /*
     * Its address space will be destroyed, and it keeps nothing there: FPU state is lost where
     * run() comes next. By its own thread. Optional.
     */
    void (*thread_leave)(struct guest_thread *t);

    /*
     * Runs the guest from `regs` in `as` until something in enum platform_stop.
     * A thread may move to another address space from one run to the next (exec);
     * its FPU state goes with it.
     *
     *   regs      in and out; fs_base and gs_base included
     *   stop      set on success
     *   errors    EIO where the guest's host process or VM is gone: the task dies by
     *             SIGKILL; EAGAIN or ENOMEM where the host could not start one
     *   blocks    for as long as the guest computes
     */
    must_use int (*run)(struct guest_thread *t, struct aspace *as, struct guest_regs *regs,
                        struct guest_stop *stop);

    /*
     * The other registers of a stop that is brief: there, `regs` have got no more than the
     * number, rax and the six arguments of a call, and of what they hold at the next run()
     * rax alone counts. So it comes before anything else is read or written there.
     *
     *   regs      those that run() has filled
     *   NULL      where no stop is brief
     */
    void (*regs_get)(struct guest_thread *t, struct guest_regs *regs);

    /*
     * Makes a run(), this one or the next, return STOP_INTERRUPT soon. Any thread, under
     * any lock; the caller sees to it that `t` is not destroyed meanwhile.
     */
    void (*interrupt)(struct guest_thread *t);

    /*
     * The XSAVE area (SDM vol. 1, 13.4), standard format, as it stands between two runs.
     *
     *   area, size   fpu_size() bytes
     *   errors       EINVAL from fpu_set() where the area is not one the processor takes
     */
    must_use int (*fpu_get)(struct guest_thread *t, void *area, size_t size);
    must_use int (*fpu_set)(struct guest_thread *t, const void *area, size_t size);

    /* As after execve(2): every state component in its initial configuration. */
    void (*fpu_reset)(struct guest_thread *t);

    /* Processor time that guest code of this thread has had, in nanoseconds. Any thread. */
    nsec_t (*cpu_time)(const struct guest_thread *t);
    /* That time is part of what the host thread itself has used: guests run on it (kvm). */
    bool cpu_time_inside;

    /*
     * Says what some calls of this thread give: it may answer those without a stop, from the
     * next run() on. All others stop again.
     *
     *   answers, n   copied; at most GUEST_ANSWERS_MAX
     *   NULL         where every call stops
     */
    void (*answer)(struct guest_thread *t, const struct guest_answer *answers, size_t n);

    /*
     * Waits for a word to be another than `value`, but for a few microseconds at most and where
     * that is likely to spare a wake-up: what the caller does before it sleeps on the word.
     *
     *   t       the caller's own
     *   locks   none may be held
     *   NULL    where it never pays
     */
    void (*linger)(struct guest_thread *t, const _Atomic uint32_t *word, uint32_t value);

    /* How call sites can be replaced by jumps; NULL where a call costs what a jump does. */
    const struct patch_ops *patch;

    /* Guests should not set %gs by themselves: AT_HWCAP2 does not tell them that they could. */
    bool hides_fsgsbase;
};

extern const struct platform_ops platform_ptrace, platform_systrap;
