/* SPDX-License-Identifier: Apache-2.0 */
/* Checks ELF headers and computes from them; touches no memory but its arguments. */
#include "sentry/load/elf.h"

#include <string.h>
#include <sys/mman.h>

bool elf_is_elf(const void *head, size_t size)
{
    return size >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

int elf_check(const void *head, size_t size, struct elf *out)
{
    Elf64_Ehdr *h = &out->header;

    if (size < sizeof *h || !elf_is_elf(head, size))
        return -ENOEXEC;
    memcpy(h, head, sizeof *h);
    /* Linux looks at neither class nor version: the machine and the sizes say enough. */
    if ((h->e_type != ET_EXEC && h->e_type != ET_DYN) || h->e_machine != EM_X86_64)
        return -ENOEXEC;
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > ELF_SEGMENTS_MAX)
        return -ENOEXEC;
    out->count = h->e_phnum;
    return 0;
}

const Elf64_Phdr *elf_find(const struct elf *e, uint32_t type)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->segments[i].p_type == type)
            return &e->segments[i];
    return NULL;
}

int elf_span(const struct elf *e, uint64_t task_size, struct elf_span *out)
{
    struct elf_span s = { .start = UINT64_MAX, .align = PAGE_SIZE };

    for (uint32_t i = 0; i < e->count; i++) {
        const Elf64_Phdr *p = &e->segments[i];
        uint64_t end;
        if (p->p_type != PT_LOAD)
            continue;
        if (__builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) || end > task_size)
            return -EINVAL;
        s.start = min(s.start, page_down(p->p_vaddr));
        s.end = max(s.end, page_up(end));
        /* What is no power of two, or nothing could have, is not honoured, and not refused. */
        if ((p->p_align & (p->p_align - 1)) == 0 && p->p_align < task_size)
            s.align = max(s.align, (uint64_t)p->p_align);
    }
    if (s.start >= s.end)
        return -EINVAL;
    *out = s;
    return 0;
}

static int prot_of(uint32_t flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X ? PROT_EXEC : 0);
}

int elf_piece(const Elf64_Phdr *s, uint64_t bias, uint64_t task_size, struct elf_piece *out)
{
    uint64_t at = s->p_vaddr + bias, in_page = at & PAGE_MASK, end, file_end;
    struct elf_piece p = { .prot = prot_of(s->p_flags), .start = page_down(at) };

    if (s->p_filesz > s->p_memsz || __builtin_add_overflow(at, s->p_memsz, &end) || end > task_size)
        return -EINVAL;
    uint64_t zeroes_from = at;
    if (s->p_filesz) {
        if ((s->p_offset & PAGE_MASK) != in_page ||
            __builtin_add_overflow(s->p_offset, page_up(s->p_filesz + in_page), &file_end) ||
            file_end > INT64_MAX)
            return -EINVAL;
        p.file_off = s->p_offset - in_page;
        p.file_size = page_up(s->p_filesz + in_page);
        zeroes_from = at + s->p_filesz;
    }
    if (s->p_memsz > s->p_filesz) {
        p.zero = s->p_filesz ? page_up(zeroes_from) : page_down(zeroes_from);
        p.zero_size = page_up(end) - p.zero;
        p.clear = zeroes_from;
        p.clear_size = s->p_filesz ? p.zero - zeroes_from : 0;
    }
    *out = p;
    return 0;
}

void elf_bounds(const struct elf *e, uint64_t bias, struct elf_bounds *out)
{
    struct elf_bounds b = { .start_code = UINT64_MAX };

    for (uint32_t i = 0; i < e->count; i++) {
        const Elf64_Phdr *p = &e->segments[i];
        if (p->p_type != PT_LOAD)
            continue;
        uint64_t at = p->p_vaddr + bias, file_end = at + p->p_filesz;
        if (!b.headers && p->p_offset <= e->header.e_phoff &&
            e->header.e_phoff - p->p_offset < p->p_filesz)
            b.headers = e->header.e_phoff - p->p_offset + at;
        if (p->p_flags & PF_X) {
            b.start_code = min(b.start_code, at);
            b.end_code = max(b.end_code, file_end);
        }
        b.start_data = max(b.start_data, at);
        b.end_data = max(b.end_data, file_end);
        b.brk = max(b.brk, at + p->p_memsz);
    }
    if (b.start_code == UINT64_MAX)
        b.start_code = 0;
    *out = b;
}
