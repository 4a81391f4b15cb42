/* SPDX-License-Identifier: Apache-2.0 */
/* Puts what elf.h understood into an address space. */
#pragma once

#include "sentry/load/elf.h"
#include "sentry/mm/mm.h"
#include "sentry/vfs/file.h"

/*
 * Reads a file's headers; the kind of wrong is the caller's to choose.
 *
 *   head      the file's first bytes, at least sizeof(Elf64_Ehdr)
 *   bad       what to answer for impossible headers: -ENOEXEC, or -ELIBBAD
 *   short_err what to answer where the program headers are cut short
 *   errors    the two, and those of reading
 */
must_use int elf_read(struct file *f, const void *head, size_t size, int bad, int short_err,
                      struct elf *out);

/* Exactly `size` bytes at `off`. Errors: EIO where the file is shorter; those of its read. */
must_use int elf_read_at(struct file *f, uint64_t off, void *buf, size_t size);

/*
 * Maps all segments.
 *
 *   bias      added to all addresses
 *   replace   what is there already may be replaced; else EEXIST
 *   errors    EINVAL, EEXIST, ENOMEM, EFAULT, ENODEV; some segments may be mapped then
 */
must_use int elf_map(struct mm *mm, struct file *f, const struct elf *e, uint64_t bias,
                     bool replace);

/*
 * Finds a place for an image that may lie anywhere: just below `top`, or where mmap() would put it.
 *
 *   top       may lie above the end of the address space: then there is no room below it
 *   bias      set to what elf_map() wants
 *   errors    ENOMEM
 */
must_use int elf_place(struct mm *mm, const struct elf_span *span, uint64_t top, uint64_t *bias);
