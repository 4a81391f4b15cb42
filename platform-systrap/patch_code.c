/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a replaced site, and of its trampoline:
 *
 *     site:   jmp *pointer            FF 24 E5 …
 *             hlt …                   up to its end
 *
 *     code:   what was before the call
 *             mov $back,%ecx          as `syscall` leaves it: where the call returns to
 *             jmp *gate
 *             syscall                 for a call that is tried again at back - 2
 *     back:   what was behind the call
 *             jmp *0(%rip); .quad the site's end
 *
 * Where nothing of the site is behind the call, it returns straight to the site's end, and
 * the code ends with the jump to the gate. No instruction of ours changes flags, the stack,
 * or a register that `syscall` would not.
 */
#include <string.h>

#include "platform-systrap/layout.h"
#include "platform-systrap/patch.h"

/* Bytes that no 64-bit program may execute, whatever follows them: SDM vol. 2, A.3. */
static const uint8_t faulty[] = {
    0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x6c, 0x6d,
    0x6e, 0x6f, 0x82, 0x9a, 0xd4, 0xe4, 0xe5, 0xe6, 0xe7, 0xea, 0xec, 0xed, 0xee, 0xef, 0xf4,
};

/* Of those, sixteen that are as far apart as pointers are large. */
static const uint8_t places[] = {
    0x06, 0x0e, 0x16, 0x1e, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x6c, 0x82, 0x9a, 0xd4, 0xe4, 0xec, 0xf4,
};
static_assert(sizeof faulty * sizeof places == PATCH_SLOTS, "each has a pointer");
static_assert(PATCH_SLOTS <= PATCH_SLOTS_MAX, "as the contract allows");
static_assert(PATCH_CODE + PATCH_SLOTS * PATCH_CODE_MAX <= PATCH_START + PATCH_SIZE,
              "in the region");
static_assert((PATCH_START >> 16 & 0xff) == 0x06 && PATCH_START >> 24 == 0, "p2 and p3");

uint64_t patch_pointer(unsigned slot)
{
    return PATCH_START | (uint64_t)faulty[slot / sizeof places] << 8 | places[slot % sizeof places];
}

static uint64_t code_of(unsigned slot)
{
    return PATCH_CODE + (uint64_t)slot * PATCH_CODE_MAX;
}

/* ---- the site ---- */

static void replace(const struct patch_site *site, unsigned slot, uint8_t *out)
{
    uint32_t pointer = (uint32_t)patch_pointer(slot);

    memset(out, PATCH_FILL, site->size);
    out[0] = 0xff;
    out[1] = 0x24;
    out[2] = 0xe5;
    memcpy(out + 3, &pointer, sizeof pointer);
}

/* ---- the trampoline ---- */

static void put(struct patch_code *c, const void *bytes, size_t size)
{
    assert(c->size + size <= PATCH_CODE_MAX);
    memcpy(c->bytes + c->size, bytes, size);
    c->size += size;
}

static void put_word(struct patch_code *c, uint32_t word)
{
    put(c, &word, sizeof word);
}

static void put_quad(struct patch_code *c, uint64_t quad)
{
    put(c, &quad, sizeof quad);
}

static bool has_tail(const struct patch_site *site)
{
    return site->after < site->size;
}

/* Bytes of the code up to where the call returns to, if that is in it. */
static uint64_t back_of(const struct patch_site *site)
{
    return site->call + 5u + 7u + PATCH_SYSCALL;
}

static void put_load(struct patch_code *c, uint64_t back)
{
    if (back <= UINT32_MAX) {
        put(c, "\xb9", 1); /* mov $imm32,%ecx */
        put_word(c, (uint32_t)back);
    } else {
        put(c, "\x48\xb9", 2); /* movabs $imm64,%rcx */
        put_quad(c, back);
    }
}

static void put_tail(struct patch_code *c, const struct patch_site *site, uint64_t end)
{
    put(c, "\x0f\x05", PATCH_SYSCALL);
    assert(c->size == back_of(site));
    put(c, site->old + site->after, (size_t)(site->size - site->after));
    put(c, "\xff\x25\0\0\0\0", 6); /* jmp *0(%rip) */
    put_quad(c, end);
}

static void trampoline(const struct patch_site *site, unsigned slot, uint64_t va,
                       struct patch_code out[PATCH_CODES])
{
    struct patch_code *c = &out[2];

    out[0] = (struct patch_code){ .at = PATCH_GATE };
    put_quad(&out[0], STUB_ENTRY);
    out[1] = (struct patch_code){ .at = patch_pointer(slot) };
    put_quad(&out[1], code_of(slot));

    *c = (struct patch_code){ .at = code_of(slot) };
    put(c, site->old, site->call);
    put_load(c, has_tail(site) ? code_of(slot) + back_of(site) : va + site->size);
    put(c, "\xff\x24\x25", 3); /* jmp *gate */
    put_word(c, PATCH_GATE);
    if (has_tail(site))
        put_tail(c, site, va + site->size);
}

/* ---- where a thread stands ---- */

static int slot_at(uint64_t rip)
{
    return rip >= PATCH_CODE && rip < code_of(PATCH_SLOTS)
               ? (int)((rip - PATCH_CODE) / PATCH_CODE_MAX)
               : -1;
}

static uint64_t enter(const struct patch_site *site, unsigned slot, uint64_t va, uint64_t rip)
{
    uint64_t at = rip - va;

    if (at >= site->size || !(site->starts >> at & 1))
        return 0;
    if (at <= site->call)
        return code_of(slot) + at;
    return code_of(slot) + back_of(site) + (at - site->after);
}

static uint64_t leave(const struct patch_site *site, unsigned slot, uint64_t va, uint64_t rip)
{
    uint64_t at = rip - code_of(slot), back = back_of(site);

    if (at <= site->call)
        return va + at;
    /* Not called yet; or to be called again, where the call stands in the code. */
    if (!has_tail(site) || at < back)
        return va + site->call;
    return va + min(site->after + (at - back), (uint64_t)site->size);
}

const struct patch_ops systrap_patch = {
    .start = PATCH_START,
    .size = PATCH_SIZE,
    .slots = PATCH_SLOTS,
    .plan = patch_plan,
    .replace = replace,
    .trampoline = trampoline,
    .slot_at = slot_at,
    .enter = enter,
    .leave = leave,
};
