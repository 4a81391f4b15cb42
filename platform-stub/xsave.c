/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XSAVE areas, as nobody but the processor knows them.
 *
 *   source    SDM vol. 1, 13.4 (the area), 13.6 (initial configuration)
 */
#include "platform-stub/xsave.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CPUID_XSAVE   0xd
#define XSAVEC        (1u << 1) /* of leaf 1, in %eax */
#define FEATURE_X87   (1u << 0)
#define FEATURE_SSE   (1u << 1)
#define FEATURE_PKRU  9
#define FEATURE_TILES 18 /* their data */
#define FCW_INITIAL   0x37f
#define MXCSR_INITIAL 0x1f80

/* Linux gives each new program keys 1 to 15 without access: init_pkru_value. */
#define PKRU_INITIAL 0x55555554

struct xsave_header {
    uint64_t features; /* XSTATE_BV: the others are in their initial configuration */
    uint64_t compact;  /* XCOMP_BV: 0 in the standard format */
    uint64_t reserved[6];
};

/* The area's fixed part. */
struct xsave_area {
    uint16_t fcw;
    uint8_t legacy1[22];
    uint32_t mxcsr, mxcsr_mask;
    uint8_t x87[128], sse[256], reserved[48], software[48];
    struct xsave_header header;
    uint8_t components[];
};
static_assert(offsetof(struct xsave_area, mxcsr) == 24, "SDM vol. 1, table 10-2");
static_assert(offsetof(struct xsave_area, software) == 464, "SDM vol. 1, table 10-2");
static_assert(offsetof(struct xsave_area, header) == 512, "SDM vol. 1, 13.4.2");

/* What XCR0 has, as bits. */
static uint64_t features(void)
{
    uint32_t low, high;

    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void find_parts(struct xsave *x)
{
    unsigned c, d;

    for (unsigned i = 2; i < XSAVE_PARTS; i++) {
        struct xsave_part *part = &x->parts[i];
        if (!(features() >> i & 1))
            continue;
        __cpuid_count(CPUID_XSAVE, i, part->size, part->off, c, d);
        if (part->off > x->size || part->size > x->size - part->off)
            *part = (struct xsave_part){ 0 };
    }
}

uint32_t xsave_pkru_off(const struct xsave *x)
{
    return x->parts[FEATURE_PKRU].off;
}

uint32_t xsave_pkru(const struct xsave *x, const void *at)
{
    const struct xsave_area *area = at;
    uint32_t pkru = 0;

    if (xsave_pkru_off(x) && area->header.features >> FEATURE_PKRU & 1)
        memcpy(&pkru, (const char *)at + xsave_pkru_off(x), sizeof pkru);
    return pkru;
}

void xsave_set_pkru(const struct xsave *x, void *at, uint32_t pkru)
{
    struct xsave_area *area = at;

    if (!xsave_pkru_off(x))
        return;
    memcpy((char *)at + xsave_pkru_off(x), &pkru, sizeof pkru);
    area->header.features |= 1u << FEATURE_PKRU;
}

static void put_initial(const struct xsave *x, void *at)
{
    struct xsave_area *area = at;

    memset(area, 0, x->size);
    area->fcw = FCW_INITIAL;
    area->mxcsr = MXCSR_INITIAL;
    if (x->has_xsave) {
        /* Present, so that MXCSR is taken: the compact format has it in the SSE part. */
        area->header.features = FEATURE_X87 | FEATURE_SSE;
        xsave_set_pkru(x, area, PKRU_INITIAL);
    }
}

bool xsave_is_valid(const struct xsave *x, const void *at)
{
    const struct xsave_area *area = at;
    struct xsave_header h = { 0 };

    if (x->has_xsave) {
        memcpy(&h, &area->header, sizeof h);
        if (h.features & ~features())
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(h.reserved); i++)
        h.compact |= h.reserved[i];
    return h.compact == 0 && (area->mxcsr & ~x->mxcsr_mask) == 0;
}

/* Components of the rest that are not in their initial configuration. */
static uint64_t present(const struct xsave *x, const struct xsave_area *area)
{
    return x->has_xsave ? area->header.features & ~(uint64_t)(FEATURE_X87 | FEATURE_SSE) : 0;
}

void xsave_copy(const struct xsave *x, void *to, const void *from, const void *ours)
{
    memcpy(to, from, x->has_xsave ? sizeof(struct xsave_area) : x->size);
    for (uint64_t left = present(x, ours); left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        if (i < XSAVE_PARTS && x->parts[i].size)
            memcpy((char *)to + x->parts[i].off, (const char *)from + x->parts[i].off,
                   x->parts[i].size);
    }
}

bool xsave_has_tiles(const struct xsave *x, const void *at)
{
    const struct xsave_area *area = at;

    return x->has_xsave && (area->header.features >> FEATURE_TILES & 1);
}

/* The first component at `at` or behind it: where there is none, nothing at the area's end. */
static struct xsave_part next_part(const struct xsave *x, uint64_t features, size_t at)
{
    struct xsave_part next = { .off = (uint32_t)x->size };

    for (; features; features &= features - 1) {
        unsigned i = (unsigned)__builtin_ctzll(features);
        if (i < XSAVE_PARTS && x->parts[i].off >= at && x->parts[i].off < next.off)
            next = x->parts[i];
    }
    return next;
}

/* Absent components, and what lies between components. */
static void clear_absent(const struct xsave *x, struct xsave_area *area)
{
    size_t at = sizeof *area;

    while (at < x->size) {
        struct xsave_part next = next_part(x, present(x, area), at);
        memset((char *)area + at, 0, next.off - at);
        at = next.off + next.size;
        if (next.size == 0)
            return;
    }
}

void xsave_normalize(const struct xsave *x, void *at)
{
    struct xsave_area *area = at;

    memset(area->reserved, 0, sizeof area->reserved + sizeof area->software);
    area->mxcsr &= x->mxcsr_mask; /* a guest may have written it meanwhile */
    memset(&area->header.compact, 0, sizeof area->header - sizeof area->header.features);
    area->header.features &= features();
    if (!(area->header.features & FEATURE_X87)) {
        memset(area, 0, offsetof(struct xsave_area, mxcsr));
        memset(area->x87, 0, sizeof area->x87);
        area->fcw = FCW_INITIAL;
    }
    if (!(area->header.features & FEATURE_SSE))
        memset(area->sse, 0, sizeof area->sse);
    clear_absent(x, area);
}

/* The bits that MXCSR may have: SDM vol. 1, 11.6.6. */
static uint32_t mxcsr_mask(void)
{
    struct {
        char bytes[512] __attribute__((aligned(16)));
    } fx = { 0 };
    uint32_t mask;

    __asm__("fxsave64 %0" : "+m"(fx));
    memcpy(&mask, fx.bytes + offsetof(struct xsave_area, mxcsr_mask), sizeof mask);
    return mask ? mask : 0xffbf;
}

int xsave_create(struct xsave *x)
{
    unsigned a, b, c, d;

    __cpuid(1, a, b, c, d);
    x->has_xsave = (c & bit_OSXSAVE) != 0;
    __cpuid_count(CPUID_XSAVE, 0, a, b, c, d);
    x->size = x->has_xsave ? b : offsetof(struct xsave_area, header);
    x->has_compact = false;
    memset(x->parts, 0, sizeof x->parts);
    if (x->has_xsave) {
        find_parts(x);
        __cpuid_count(CPUID_XSAVE, 1, a, b, c, d);
        x->has_compact = a & XSAVEC;
    }
    x->mxcsr_mask = mxcsr_mask();
    x->initial = aligned_alloc(XSAVE_ALIGN, (x->size + XSAVE_ALIGN - 1) & -XSAVE_ALIGN);
    if (!x->initial)
        return -ENOMEM;
    put_initial(x, x->initial);
    return 0;
}

void xsave_destroy(struct xsave *x)
{
    free(x->initial);
    x->initial = NULL;
}
