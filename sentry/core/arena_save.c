/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an arena to a file and back.
 *
 * The file is the arena as it lies in memory, from its base to its top; pages of
 * zeroes are holes. It starts with struct arena, whose image says which program
 * wrote it and where that program's constants were.
 */
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bitmap.h"
#include "base/hash.h"
#include "base/host.h"
#include "sentry/core/arena_priv.h"

#define PAGE ((uint64_t)4096)

/* What must be the same in both programs even if neither has a build id. */
static uint64_t layout_id(void)
{
    const uint64_t layout[] = { sizeof(struct arena), sizeof(struct chunk), CACHE_COUNT,
                                HOST_COUNT,           ROOT_COUNT,           DEBUG };

    return hash_bytes(0, layout, sizeof layout);
}

static uint64_t note_id(const char *at, size_t size)
{
    while (size > sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        size_t name = (note->n_namesz + 3) & ~3u, text = (note->n_descsz + 3) & ~3u;
        size_t whole = sizeof *note + name + text;
        if (whole > size)
            break;
        if (note->n_type == NT_GNU_BUILD_ID)
            return hash_bytes(1, at + sizeof *note + name, note->n_descsz);
        at += whole;
        size -= whole;
    }
    return 0;
}

/* The first object that the linker lists is the program itself. */
static int see_image(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct image *image = arg;

    (void)size;
    *image = (struct image){ .id = layout_id(), .lo = UINT64_MAX };
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uint64_t at = info->dlpi_addr + p->p_vaddr;
        if (p->p_type == PT_NOTE)
            image->id ^= note_id((const char *)(uintptr_t)at, p->p_memsz);
        if (p->p_type != PT_LOAD)
            continue;
        image->lo = min(image->lo, at);
        image->hi = max(image->hi, at + p->p_memsz);
    }
    return 1;
}

void image_self(struct image *out)
{
    dl_iterate_phdr(see_image, out);
}

/* Copies a page that may lie in freed objects. Says whether it has anything but zeroes. */
#ifdef ARENA_POISONS
__attribute__((no_sanitize("address")))
#endif
static bool
copy_page(uint64_t *to, const uint64_t *from)
{
    uint64_t any = 0;

    for (size_t i = 0; i < PAGE / sizeof *to; i++)
        any |= to[i] = from[i];
    return any != 0;
}

static int save_range(const char *base, uint64_t from, uint64_t to, int fd)
{
    uint64_t page[PAGE / sizeof(uint64_t)];

    for (uint64_t off = from; off < to; off += PAGE) {
        if (!copy_page(page, (const uint64_t *)(const void *)(base + off)))
            continue;
        ssize_t n = host_pwrite(fd, page, PAGE, (int64_t)off);
        if (n != (ssize_t)PAGE)
            return n < 0 ? (int)n : -ENOSPC;
    }
    return 0;
}

int arena_save(struct arena *a, int fd)
{
    int err = host_ftruncate(fd, 0);
    if (!err)
        err = host_ftruncate(fd, (int64_t)a->head.top);
    for (uint64_t i = 0; !err && i < a->head.top / CHUNK_SIZE; i++) {
        if (bitmap_test(a->map, i))
            err = save_range((const char *)a, i * CHUNK_SIZE, (i + 1) * CHUNK_SIZE, fd);
    }
    return err;
}

/* Reads the first bytes of the file, which say where it wants to be. */
static int read_head(int fd, struct arena_head *head)
{
    struct image self;
    struct stat st;

    ssize_t n = host_pread(fd, head, sizeof *head, 0);
    if (n < 0)
        return (int)n;
    int err = host_fstat(fd, &st);
    if (err)
        return err;
    image_self(&self);
    if (n != (ssize_t)sizeof *head || head->magic != ARENA_MAGIC || head->image.id != self.id)
        return -EINVAL;
    if (head->base % ARENA_SPAN || head->top > ARENA_SPAN || head->top < sizeof(struct arena) ||
        head->top % PAGE || (uint64_t)st.st_size != head->top)
        return -EINVAL;
    return 0;
}

static int map_file(const struct arena_head *head, int fd, struct arena **out)
{
    void *want = (void *)(uintptr_t)head->base, *at;

    int err =
        host_mmap(want, ARENA_SPAN, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0, &at);
    if (err)
        return -ENOMEM;
    if (at == want)
        err = host_mmap(at, head->top, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0, &at);
    if (at != want || err) {
        int gone = host_munmap(at, ARENA_SPAN);
        assert(!gone);
        return err ? err : -ENOMEM;
    }
    *out = at;
    return 0;
}

/* Pointers to constants move with the program; those to host objects are forgotten. */
static void move_object(const struct cache *s, char *object, uint64_t delta)
{
    for (int i = 0; i < SLAB_PTRS && s->const_ptrs[i]; i++) {
        uint64_t *p = (uint64_t *)(void *)(object + s->const_ptrs[i] - 1);
        if (*p)
            *p += delta;
    }
    for (int i = 0; i < SLAB_PTRS && s->host_ptrs[i]; i++)
        *(uint64_t *)(void *)(object + s->host_ptrs[i] - 1) = 0;
}

static void move_chunk(struct arena *a, struct chunk *c, uint64_t delta)
{
    const struct cache *s = &a->caches[c->cache];

    if (c->cache == CACHE_NONE)
        return;
    for (uint32_t i = 0; i < c->count; i++) {
        if (!bitmap_test(c->map, i))
            arena_poison(chunk_object(c, i), c->size);
        else if (s->const_ptrs[0] || s->host_ptrs[0])
            move_object(s, chunk_object(c, i), delta);
    }
}

int arena_attach(int fd, struct arena **out)
{
    struct arena_head head;
    struct arena *a;

    int err = read_head(fd, &head);
    if (!err)
        err = map_file(&head, fd, &a);
    if (err)
        return err;
    uint64_t was = a->head.image.lo;
    image_self(&a->head.image);
    memset(a->at.host, 0, sizeof a->at.host);
    for (struct chunk *c = chunk_next(a, NULL); c; c = chunk_next(a, c))
        move_chunk(a, c, a->head.image.lo - was);
    *out = a;
    return 0;
}
