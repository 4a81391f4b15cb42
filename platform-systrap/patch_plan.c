/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which instructions around a call may move.
 *
 * The call itself is known: the processor has executed it. What follows it is decoded
 * from there. What comes before it has to be found backwards, which the encoding does not
 * allow; but it synchronises itself: code that is decoded from any byte soon runs in step
 * with the real thing. So we decode from many places well before the call, among them the
 * starts of real instructions, and believe an instruction to be the last before the call
 * where every stream that arrives at the call says so.
 *
 * An instruction may move if it does the same at any address, and goes on behind itself:
 * a list of plain ones, none of which names %rip.
 */
#include <Zydis/Zydis.h>
#include <string.h>

#include "platform-systrap/patch.h"

#define BEFORE_MAX 176u /* how far before the call we look */
#define IN_STEP    32u  /* bytes after which a stream is taken to be in step */
#define ARRIVE_MIN 8u   /* streams that have to arrive */
#define FAR_BEFORE 2u   /* instructions before the call that we look for */

struct scan {
    ZydisDecoder decoder;
    const struct patch_text *text;
    size_t call;                /* where the call's instruction begins */
    size_t first;               /* where lengths begin */
    uint8_t length[BEFORE_MAX]; /* of the instruction at each byte from there; 0: none */
};

static bool decode(const struct scan *s, size_t at, ZydisDecodedInstruction *out)
{
    return at < s->text->size &&
           ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&s->decoder, NULL, s->text->bytes + at,
                                                      s->text->size - at, out));
}

/* ---- what may move ---- */

static bool is_plain(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVSXD:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_LEA:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_NEG:
    case ZYDIS_MNEMONIC_NOT:
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
    case ZYDIS_MNEMONIC_PUSH:
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_NOP:
        return true;
    default:
        return false;
    }
}

static bool may_move(const ZydisDecodedInstruction *i)
{
    /* A segment register of the guest's may be one that we use. */
    return is_plain(i->mnemonic) && !(i->attributes & ZYDIS_ATTRIB_IS_RELATIVE) &&
           !(i->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS);
}

/* mov and pop of a segment register, which share their mnemonics with the plain ones. */
static bool is_of_segment(const ZydisDecodedInstruction *i)
{
    if (i->mnemonic == ZYDIS_MNEMONIC_MOV)
        return i->opcode == 0x8c || i->opcode == 0x8e;
    return i->mnemonic == ZYDIS_MNEMONIC_POP && i->opcode_map == ZYDIS_OPCODE_MAP_0F;
}

static bool movable(const struct scan *s, size_t at, ZydisDecodedInstruction *out)
{
    return decode(s, at, out) && may_move(out) && !is_of_segment(out) &&
           at + out->length <= s->text->to;
}

/* ---- what comes before ---- */

static void measure(struct scan *s)
{
    ZydisDecodedInstruction i;

    s->first = s->call > BEFORE_MAX ? s->call - BEFORE_MAX : 0;
    for (size_t at = s->first; at < s->call; at++)
        s->length[at - s->first] = decode(s, at, &i) ? i.length : 0;
}

/*
 * Where the instruction before `end` begins, if all streams agree.
 *
 *   returns   false where they do not, or too few arrive
 */
static bool find_previous(const struct scan *s, size_t end, size_t *out)
{
    uint8_t
        last[BEFORE_MAX]; /* of the stream from each byte: how far before `end` its last begins */
    size_t arrived = 0, found = 0;

    for (size_t at = end; at-- > s->first;) {
        size_t i = at - s->first, next = at + s->length[i];
        last[i] = 0;
        if (!s->length[i] || next > end)
            continue;
        last[i] = next == end ? (uint8_t)(end - at) : last[next - s->first];
        if (!last[i] || s->call - at < IN_STEP)
            continue;
        if (arrived++ && last[i] != found)
            return false;
        found = last[i];
    }
    if (arrived < ARRIVE_MIN)
        return false;
    *out = end - found;
    return true;
}

/* ---- jumps into the middle ---- */

static int32_t word_at(const uint8_t *p)
{
    int32_t n;

    memcpy(&n, p, sizeof n);
    return n;
}

/* Do bytes that look like a direct jump or call lead into the middle of the site at `start`? */
static bool is_jumped_into(const struct patch_text *t, size_t start, const struct patch_site *site)
{
    for (size_t at = 0; at + 2 <= t->size; at++) {
        const uint8_t *p = t->bytes + at;
        int64_t to;
        if (p[0] == 0xeb || (p[0] & 0xf0) == 0x70 || (p[0] & 0xfc) == 0xe0)
            to = (int64_t)at + 2 + (int8_t)p[1];
        else if ((p[0] == 0xe8 || p[0] == 0xe9) && at + 5 <= t->size)
            to = (int64_t)at + 5 + word_at(p + 1);
        else if (p[0] == 0x0f && (p[1] & 0xf0) == 0x80 && at + 6 <= t->size)
            to = (int64_t)at + 6 + word_at(p + 2);
        else
            continue;
        int64_t in = to - (int64_t)start;
        if (in > 0 && in < site->size && (site->starts >> in & 1))
            return true;
    }
    return false;
}

/* ---- sites ---- */

/* `mov $imm32,%eax` before the call: the call has just shown what the number is. */
static bool agrees_with_rax(const struct patch_text *t, size_t at)
{
    const uint8_t *p = t->bytes + at;

    return p[0] != 0xb8 || (uint32_t)word_at(p + 1) == t->rax;
}

/* Is the site whole, large enough, and does it raise an exception wherever it must? */
static bool fits(const struct patch_text *t, size_t start, const struct patch_site *site)
{
    return site->size >= PATCH_JUMP && site->size <= PATCH_SITE_MAX && start >= t->from &&
           start + site->size <= t->to && !(site->starts & ~PATCH_MIDDLE_OK) &&
           !is_jumped_into(t, start, site);
}

/* The site from `start` on: `before` instructions, the call, and as many after it as are needed. */
static bool try_site(const struct scan *s, size_t start, unsigned before, bool take_more,
                     struct patch_site *out)
{
    ZydisDecodedInstruction i;
    struct patch_site site = { .call = (uint8_t)(s->call - start) };
    size_t at = start;

    for (unsigned n = 0; n < before; n++, at += i.length) {
        if (!movable(s, at, &i) || (i.length == 5 && !agrees_with_rax(s->text, at)))
            return false;
        site.starts |= 1u << (at - start);
    }
    if (at != s->call)
        return false;
    site.starts |= 1u << site.call;
    site.after = site.call + PATCH_SYSCALL;
    for (at += PATCH_SYSCALL; at - start < PATCH_JUMP; at += i.length) {
        if (!take_more || !movable(s, at, &i))
            return false;
        site.starts |= 1u << (at - start);
    }
    site.size = (uint8_t)(at - start);
    if (!fits(s->text, start, &site))
        return false;
    memcpy(site.old, s->text->bytes + start, site.size);
    *out = site;
    return true;
}

bool patch_plan(const struct patch_text *text, struct patch_site *out)
{
    struct scan s = { .text = text };
    size_t start[FAR_BEFORE + 1];
    unsigned before = 0;

    if (text->after < PATCH_SYSCALL || text->after > text->size || text->to > text->size)
        return false;
    s.call = text->after - PATCH_SYSCALL;
    if (text->bytes[s.call] != 0x0f || text->bytes[s.call + 1] != 0x05)
        return false;
    if (ZYAN_FAILED(ZydisDecoderInit(&s.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        return false;
    measure(&s);
    start[0] = s.call;
    while (before < FAR_BEFORE && find_previous(&s, start[before], &start[before + 1]))
        before++;
    /* The best first: those that end with the call return to where they came from. */
    for (unsigned n = 1; n <= before; n++) {
        if (try_site(&s, start[n], n, false, out))
            return true;
    }
    for (unsigned n = 0; n <= before; n++) {
        if (try_site(&s, start[n], n, true, out))
            return true;
    }
    return false;
}
