/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does anything in the arena point to where it may not?
 *
 * Each word of each live object is looked at. One that falls into our program, a
 * library or the caller's stack is a pointer that would not survive a restore,
 * unless its place was registered. A number that only looks like one is so unlikely
 * that a check which stops there has found something.
 */
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "base/bitmap.h"
#include "sentry/core/arena_priv.h"

#define STACK_REACH ((uint64_t)8 << 20)

static const char *const names[SLAB_COUNT] = {
#define SLAB(name, what) [SLAB_##name] = #name,
#include "sentry/core/slabs.def"
#undef SLAB
};

struct word {
    uint64_t value;
    bool found;
};

static int see_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct word *w = arg;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum && !w->found; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uint64_t at = info->dlpi_addr + p->p_vaddr;
        w->found = p->p_type == PT_LOAD && w->value >= at && w->value - at < p->p_memsz;
    }
    return w->found;
}

static bool leads_out(uint64_t value)
{
    struct word w = { .value = value };
    uint64_t sp = (uintptr_t)__builtin_frame_address(0);

    if (value < 4096 || value >> 47)
        return false;
    if (value >= sp - 4096 && value - (sp - 4096) < STACK_REACH)
        return true;
    dl_iterate_phdr(see_segments, &w);
    return w.found;
}

static bool is_listed(const uint16_t list[SLAB_PTRS], uint64_t off)
{
    for (int i = 0; i < SLAB_PTRS && list[i]; i++) {
        if (list[i] == off + 1)
            return true;
    }
    return false;
}

/* The first bad word of an object, or `size`. */
static uint64_t bad_word(const struct arena *a, const struct cache *s, const char *object)
{
    for (uint64_t off = 0; off + 8 <= s->exact; off += 8) {
        uint64_t value;
        memcpy(&value, object + off, sizeof value);
        if (is_listed(s->host_ptrs, off))
            continue;
        if (is_listed(s->const_ptrs, off)) {
            if (value && (value < a->head.image.lo || value >= a->head.image.hi))
                return off;
            continue;
        }
        if (leads_out(value))
            return off;
    }
    return s->exact;
}

bool arena_check(struct arena *a, char *why, size_t size)
{
    for (const struct chunk *c = chunk_next(a, NULL); c; c = chunk_next(a, c)) {
        if (c->cache == CACHE_NONE)
            continue;
        const struct cache *s = &a->caches[c->cache];
        size_t i;
        bitmap_for_each_set (i, c->map, c->count) {
            const char *object = chunk_object(c, (uint32_t)i);
            uint64_t off = bad_word(a, s, object);
            if (off == s->exact)
                continue;
            uint64_t value;
            memcpy(&value, object + off, sizeof value);
            snprintf(why, size, "%s at %p: byte %lu holds %#lx",
                     c->cache < SLAB_COUNT ? names[c->cache] : "bytes", (const void *)object, off,
                     value);
            return false;
        }
    }
    return true;
}
