/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract for call sites that are rewritten: what a platform knows of instructions,
 * and the sentry of memory.
 *
 * On some platforms the `syscall` instruction is dear and a jump is not. There a site
 * that calls often is replaced by a jump to a *trampoline*, which does what the bytes at
 * the site did, and enters the platform without a trap.
 *
 *     site        whole instructions in a row, the call among them, in one page
 *     slot        a number for a site in an address space: where its trampoline lies
 *     region      [start, start + size) of the guest's addresses: the trampolines of all slots
 *
 * A thread may stand at any instruction of a site while it is replaced, and jump into the
 * middle of one at any time. So what replaces a site raises an exception at each place
 * where an old instruction began, but the first: enter() then says where the thread is to
 * go on. Nothing depends on a guess about jumps being right, but speed.
 *
 * Nothing here makes a host call or keeps a state, and all bytes are hostile.
 */
#pragma once

#include <stddef.h>

#include "base/cc.h"

#define PATCH_SITE_MAX  24  /* bytes of a site at most */
#define PATCH_CODE_MAX  64  /* bytes in one piece of a trampoline at most */
#define PATCH_CODES     3   /* pieces of a trampoline */
#define PATCH_SLOTS_MAX 512 /* slots of a platform at most */

/* What is to be replaced. */
struct patch_site {
    uint8_t size;                /* bytes: whole instructions */
    uint8_t call;                /* where in it the call's instruction begins */
    uint8_t after;               /* and ends */
    uint32_t starts;             /* bit i: an instruction begins at byte i */
    uint8_t old[PATCH_SITE_MAX]; /* the bytes that were there */
};

/* What plan() looks at. */
struct patch_text {
    const uint8_t *bytes;
    size_t size;
    size_t from, to; /* only bytes [from, to) may be changed */
    size_t after;    /* where the call's instruction ends */
    uint64_t rax;    /* what the register held when it called */
};

/* Bytes for the region. */
struct patch_code {
    uint64_t at; /* a guest address */
    size_t size;
    uint8_t bytes[PATCH_CODE_MAX];
};

struct patch_ops {
    uint64_t start, size; /* the region: whole pages */
    unsigned slots;       /* at most PATCH_SLOTS_MAX */

    /*
     * Looks for a site around a call.
     *
     *   out       set on success
     *   returns   false where no change is known to be safe
     */
    must_use bool (*plan)(const struct patch_text *text, struct patch_site *out);

    /* The `site->size` bytes that lead to a slot's trampoline. */
    void (*replace)(const struct patch_site *site, unsigned slot, uint8_t *out);

    /* The trampoline in `slot` of a site at `va`, in pieces that each lie in one page. */
    void (*trampoline)(const struct patch_site *site, unsigned slot, uint64_t va,
                       struct patch_code out[PATCH_CODES]);

    /* The slot whose trampoline an address lies in, or -1. */
    int (*slot_at)(uint64_t rip);

    /*
     * Where in its trampoline a thread goes on that stands at `rip` in a site.
     *
     *   returns   0 where no instruction of the site begins there
     */
    uint64_t (*enter)(const struct patch_site *site, unsigned slot, uint64_t va, uint64_t rip);

    /* The opposite: where a thread would stand if there were no trampoline. */
    uint64_t (*leave)(const struct patch_site *site, unsigned slot, uint64_t va, uint64_t rip);
};
