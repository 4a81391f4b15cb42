/* SPDX-License-Identifier: Apache-2.0 */
/* Call sites that jump to us instead of trapping: what the planner and the encoder share. */
#pragma once

#include "include/patch.h"

/*
 * The region lies where hardly any program has anything, below all that Linux gives out
 * by itself and above vm.mmap_min_addr. Its first half holds pointers, of which each has
 * the jumps of one site; the second half the code that they lead to.
 *
 * A replaced site begins with `jmp *pointer`, in an encoding whose third byte is that of
 * `in $imm8,%eax`: FF 24 E5 p0 p1 p2 00. Places for pointers are chosen so that p0, p1 and
 * p2 are such bytes, too: each alone is an instruction that no 64-bit program may use. What
 * of the site is left is filled with more of them.
 */
#define PATCH_START   0x60000ul
#define PATCH_SIZE    0x20000ul
#define PATCH_CODE    (PATCH_START + 0x10000ul)
#define PATCH_GATE    PATCH_START /* the pointer to the platform's own entry */
#define PATCH_JUMP    7u          /* bytes of the jump */
#define PATCH_FILL    0xf4u       /* hlt */
#define PATCH_SYSCALL 2u          /* bytes of a `syscall` */

/* Where in a site an old instruction may begin: all but the jump's own second and last byte. */
#define PATCH_MIDDLE_OK (~((1u << 1) | (1u << 6)))

/* The address of a slot's pointer. */
uint64_t patch_pointer(unsigned slot);
/* How many there are. */
#define PATCH_SLOTS (30u * 16u)

must_use bool patch_plan(const struct patch_text *text, struct patch_site *out);

extern const struct patch_ops systrap_patch;
