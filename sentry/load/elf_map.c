/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps ELF segments: a piece of the file, the rest of its last page cleared, and
 * pages of zeroes behind.
 *
 *     start          clear     zero
 *     |              |         |
 *     | file  | file | zeroes  | anonymous | anonymous |
 */
#include "sentry/load/elf_map.h"

#include <sys/mman.h>

#include "sentry/vfs/path_ref.h"

int elf_read_at(struct file *f, uint64_t off, void *buf, size_t size)
{
    struct io io;

    if (!f->ops->read)
        return -EINVAL;
    io_kernel(&io, buf, size);
    while (io.left) {
        ssize_t n = f->ops->read(f, &io, &off);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return -EIO;
    }
    return 0;
}

int elf_read(struct file *f, const void *head, size_t size, int bad, int short_err, struct elf *out)
{
    if (elf_check(head, size, out))
        return bad;
    if (out->header.e_phoff > INT64_MAX)
        return short_err;
    int err =
        elf_read_at(f, out->header.e_phoff, out->segments, out->count * sizeof out->segments[0]);
    return err == -EIO || err == -EINVAL ? short_err : err;
}

static int map_file(struct mm *mm, struct file *f, const struct elf_piece *p, int flags)
{
    struct map_source source = { 0 };
    uptr_t at;

    int err = f->ops->map(f, p->prot, flags, &source);
    if (err)
        return err;
    source.off = p->file_off;
    struct path_ref *path;
    err = path_ref_create(f->arena, &f->path, &path);
    if (err) {
        source.mappable->ops->put(source.mappable);
        return err;
    }
    source.path = path;
    return mm_map(mm, uptr(p->start), p->file_size, p->prot, flags, &source, &at);
}

static int map_zeroes(struct mm *mm, const struct elf_piece *p, int flags)
{
    /* Linux gives a bss what brk(2) would give: writable always, executable where asked. */
    int prot = PROT_READ | PROT_WRITE | (p->prot & PROT_EXEC);
    struct map_source source = { 0 };
    uptr_t at;

    return mm_map(mm, uptr(p->zero), p->zero_size, prot, flags | MAP_ANONYMOUS, &source, &at);
}

static int map_piece(struct mm *mm, struct file *f, const struct elf_piece *p, int fixed)
{
    int err = 0;

    if (p->file_size)
        err = map_file(mm, f, p, MAP_PRIVATE | fixed);
    /* A segment that cannot be written keeps the file's bytes there, as in Linux. */
    if (!err && p->clear_size && (p->prot & PROT_WRITE))
        err = copy_zero(mm, uptr(p->clear), p->clear_size);
    if (!err && p->zero_size)
        err = map_zeroes(mm, p, MAP_PRIVATE | (p->file_size ? MAP_FIXED : fixed));
    return err;
}

int elf_map(struct mm *mm, struct file *f, const struct elf *e, uint64_t bias, bool replace)
{
    int fixed = replace ? MAP_FIXED : MAP_FIXED_NOREPLACE;

    for (uint32_t i = 0; i < e->count; i++) {
        struct elf_piece piece;
        if (e->segments[i].p_type != PT_LOAD)
            continue;
        int err = elf_piece(&e->segments[i], bias, mm_task_size(mm), &piece);
        if (!err)
            err = map_piece(mm, f, &piece, fixed);
        if (err)
            return err;
        fixed = MAP_FIXED; /* segments that share a page replace each other */
    }
    return 0;
}

struct range {
    uint64_t start, end;
};

static int see_overlap(const struct vma_info *v, void *arg)
{
    const struct range *r = arg;

    return v->start < r->end && v->end > r->start ? 1 : v->start >= r->end ? -1 : 0;
}

static bool is_free(struct mm *mm, uint64_t start, uint64_t size)
{
    struct range r = { start, start + size };

    return mm_visit(mm, start, false, see_overlap, &r) != 1;
}

int elf_place(struct mm *mm, const struct elf_span *span, uint64_t top, uint64_t *bias)
{
    uint64_t size = span->end - span->start, room;
    struct map_source none = { 0 };
    uptr_t at;

    /*
     * In a new address space this is free but for the oddest of programs. There is nothing at all
     * above a stack that ends where the address space does, which ADDR_NO_RANDOMIZE makes of it.
     */
    if (top > size && top <= mm_task_size(mm) &&
        is_free(mm, (top - size) & ~(span->align - 1), size)) {
        *bias = ((top - size) & ~(span->align - 1)) - span->start;
        return 0;
    }
    if (__builtin_add_overflow(size, span->align, &room))
        return -ENOMEM;
    int err = mm_map(mm, uptr(0), room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     &none, &at);
    if (err)
        return err;
    err = mm_unmap(mm, at, room);
    if (err)
        return err;
    *bias = ((at.va + span->align - 1) & ~(span->align - 1)) - span->start;
    return 0;
}
