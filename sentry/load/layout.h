/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things go in a new address space, at random as far as Linux does it.
 *
 *   source    arch/x86/mm/mmap.c, fs/binfmt_elf.c, arch/x86/entry/vdso/vma.c of Linux 6.6
 */
#pragma once

#include "sentry/core/arena.h"
#include "sentry/load/elf.h"

struct layout {
    uint64_t task_size;
    uint64_t stack_top;  /* end of the stack's first page */
    uint64_t mmap_base;  /* mappings grow down from here */
    uint64_t pie_base;   /* a program that may lie anywhere and has an interpreter */
    uint64_t stack_skip; /* bytes left out under the strings, so that lines of the cache differ */
    uint64_t brk_gap;    /* bytes, whole pages, between the image and its heap */
    uint64_t vdso_draw;  /* where above the stack the vDSO lies: layout_vdso() */
};

/*
 * Draws a layout.
 *
 *   task_size    whole pages
 *   stack_limit  RLIMIT_STACK, bytes
 *   fixed        ADDR_NO_RANDOMIZE: the same one each time
 */
void layout_choose(struct layout *l, struct arena *a, uint64_t task_size, uint64_t stack_limit,
                   bool fixed);

/*
 * Where a vDSO of `size` bytes should go whose program's stack begins at `stack`: as in Linux, past
 * the end of the address space where there is no room above the stack. Then it goes elsewhere.
 */
uint64_t layout_vdso(const struct layout *l, uint64_t stack, uint64_t size);
