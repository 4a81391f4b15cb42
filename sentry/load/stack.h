/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first stack of a program: strings, auxiliary vector, argument pointers.
 *
 *   source    System V ABI for AMD64, 3.4.1; getauxval(3); create_elf_tables() of Linux 6.6
 */
#pragma once

#include "sentry/load/load.h"

#define AUXV_MAX 24 /* pairs, with AT_NULL */

/* What the vector says of things that lie elsewhere. */
struct stack_facts {
    uint64_t headers, entry;   /* AT_PHDR, AT_ENTRY */
    uint32_t header_count;     /* AT_PHNUM */
    uint64_t interpreter_base; /* AT_BASE */
    uint64_t vdso;             /* AT_SYSINFO_EHDR; 0: none */
    bool no_fsgsbase;          /* AT_HWCAP2 does not have it */
};

/* One stack as it will be: bytes, and where they go. */
struct stack_image {
    char *bytes; /* arena */
    size_t size;
    uint64_t sp; /* where they begin: the first stack pointer */
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t auxv[2 * AUXV_MAX];
    size_t auxv_size; /* bytes */
};

/*
 * How many bytes of stack a program needs at most before it runs.
 *
 *   skip      layout.stack_skip
 */
size_t stack_size(const struct load_args *args, uint64_t skip);

/*
 * Builds the image. Touches no guest memory.
 *
 *   top       end of the stack's mapping
 *   errors    ENOMEM
 */
must_use int stack_build(struct stack_image *out, struct arena *a, const struct load_args *args,
                         const char *filename, const struct load_ids *ids,
                         const struct stack_facts *facts, uint64_t top, uint64_t skip);
void stack_image_destroy(struct stack_image *s);
