/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF headers, as far as a program loader looks at them. Every byte is hostile:
 * this part only reads and computes, and maps nothing (elf_map.c does).
 *
 *   source    elf(5); fs/binfmt_elf.c of Linux 6.6 for what is refused, and how
 */
#pragma once

#include <elf.h>

#include "base/cc.h"
#include "include/uptr.h"

#define ELF_SEGMENTS_MAX 73 /* Linux: all program headers fit a page */

struct elf {
    Elf64_Ehdr header;
    uint32_t count; /* of program headers */
    Elf64_Phdr segments[ELF_SEGMENTS_MAX];
};

/* Does the file begin as ELF does? Then nobody else need look at it. */
bool elf_is_elf(const void *head, size_t size);

/*
 * Checks the file header.
 *
 *   head      at least sizeof(Elf64_Ehdr) bytes
 *   errors    ENOEXEC: not for this machine, not a program, or impossible headers
 */
must_use int elf_check(const void *head, size_t size, struct elf *out);

/* The first segment of a type, NULL where there is none. */
const Elf64_Phdr *elf_find(const struct elf *e, uint32_t type);

/* Where the loaded segments begin and end, before any bias; whole pages. */
struct elf_span {
    uint64_t start, end;
    uint64_t align; /* the strictest that is asked for, a power of two, at least a page */
};

/* Errors: EINVAL where there is nothing to load or it does not fit into `task_size`. */
must_use int elf_span(const struct elf *e, uint64_t task_size, struct elf_span *out);

/* What one PT_LOAD means: at most a piece of the file and zeroes behind it. */
struct elf_piece {
    int prot;
    uint64_t start;             /* first page; whole pages */
    uint64_t file_size;         /* bytes to map from the file, whole pages; 0: none */
    uint64_t file_off;          /* where they are in it */
    uint64_t clear, clear_size; /* the rest of the last of those pages, to be zeroed */
    uint64_t zero, zero_size;   /* pages of zeroes behind it; whole pages */
};

/*
 * Computes one piece.
 *
 *   bias      added to its addresses
 *   errors    EINVAL: more file than memory, an offset that disagrees with the address in
 *             the page, or a place outside of `task_size`
 */
must_use int elf_piece(const Elf64_Phdr *segment, uint64_t bias, uint64_t task_size,
                       struct elf_piece *out);

/* What /proc/PID/stat and brk(2) want to know; biased. */
struct elf_bounds {
    uint64_t start_code, end_code, start_data, end_data;
    uint64_t brk;     /* end of the last byte of memory */
    uint64_t headers; /* where the program headers lie in memory; 0: nowhere */
};
void elf_bounds(const struct elf *e, uint64_t bias, struct elf_bounds *out);
