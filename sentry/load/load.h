/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a file to a program that can run: execve(2) without the process.
 *
 * It goes in three steps, so that the caller can decide in between who the new
 * program runs as:
 *
 *     load_find()    opens the file, takes the strings over, follows `#!` lines,
 *                    reads the headers of the program and of its interpreter
 *     load_image()   makes an address space with all of it, and the first registers
 *     load_end()     lets go of what the first two kept
 *
 * Nothing the caller has changes before it takes `mm` and `regs` over.
 *
 *   source    execve(2), elf(5), getauxval(3), fs/exec.c and fs/binfmt_*.c of Linux 6.6
 */
#pragma once

#include "include/abi/regs_amd64.h"
#include "sentry/load/args.h"
#include "sentry/load/elf.h"
#include "sentry/mm/mm.h"
#include "sentry/vfs/walk.h"

#define LOAD_HEAD        256 /* bytes of a file that decide what it is */
#define LOAD_SCRIPTS_MAX 5   /* scripts whose interpreter is a script */

/* What execve or execveat ask for. All is borrowed. */
struct load_request {
    const struct actor *who;
    const struct path *base; /* where a relative name starts: as for walk() */
    const char *name;
    unsigned walk; /* WALK_FOLLOW, or not for AT_SYMLINK_NOFOLLOW; WALK_EMPTY */
    const char
        *filename; /* AT_EXECFN: `name`, or "/dev/fd/N/name" for execveat(2) on a descriptor */
    bool hidden;   /* that filename will be gone: the descriptor is close-on-exec */
    uint32_t personality; /* of which ADDR_NO_RANDOMIZE alone counts: nobody gets page zero */
    /* The strings: in guest memory, or, where `from` is NULL, the sentry's own. */
    struct mm *from;
    uptr_t argv, envp;
    const char *const *own_argv, *const *own_envp;
    uint64_t pid_ns;     /* the number of that which it runs in */
    struct aspace *seed; /* what its address space descends from: as for mm_create() */
};

/* Who the program runs as, in the numbers that it sees. */
struct load_ids {
    uint32_t uid, euid, gid, egid;
    bool secure; /* AT_SECURE: it gained rights */
};

/* One program on its way. `file`, `mm` and `regs` are for the caller; the rest is ours. */
struct load {
    struct file *file; /* what runs, a script's interpreter if it is one: its set-id bits count */
    bool unreadable;   /* the caller may not read some part of it: not dumpable */
    bool fatal;        /* load_image() failed where Linux has no way back: SIGSEGV, not an errno */
    struct mm *mm;     /* given by load_image() */
    struct guest_regs regs;

    struct load_request ask;
    struct load_args args;
    struct elf program, interpreter;
    struct file *interpreter_file; /* NULL: static */
};

/*
 * Finds out what is to run.
 *
 *   errors    those of walk(); EACCES where it is no regular file, not executable, or on a
 *             noexec mount; E2BIG, EFAULT of the strings; ENOEXEC; ELIBBAD of an interpreter;
 *             ELOOP past LOAD_SCRIPTS_MAX; ETXTBSY; EIO where a header is cut short; ENOMEM
 *   locks     none may be held
 *   blocks    for gofer requests
 */
must_use int load_find(struct load *l, const struct load_request *ask);

/*
 * Makes the address space. Once, after a load_find() that went well.
 *
 *   errors    ENOMEM, EINVAL, E2BIG, EFAULT, and see `fatal`
 */
must_use int load_image(struct load *l, const struct load_ids *ids);

/* After load_find(), whatever it gave. Puts `mm` and `file` where the caller has not taken them. */
void load_end(struct load *l);

/* The name that /proc/PID/comm gets: the last part of the filename, cut to 15 bytes. */
void load_comm(const struct load_request *ask, char out[16]);
