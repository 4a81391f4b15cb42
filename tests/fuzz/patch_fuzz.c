/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planner on any bytes: `after` and the bounds come first, then the text. What it plans
 * must lie where it may, hold the call where it says, and lead to a trampoline whose every
 * place is found again.
 */
#include <string.h>

#include "platform-systrap/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VA 0x7f0000400000ul

struct header {
    uint16_t after, from, to;
    uint8_t slot, rax;
};

static void check_code(const struct patch_site *s, unsigned slot)
{
    struct patch_code code[PATCH_CODES];
    uint8_t out[PATCH_SITE_MAX];

    systrap_patch.replace(s, slot, out);
    systrap_patch.trampoline(s, slot, VA, code);
    for (unsigned i = 0; i < PATCH_CODES; i++) {
        assert(code[i].size <= PATCH_CODE_MAX && code[i].at >= PATCH_START);
        assert(code[i].at + code[i].size <= PATCH_START + PATCH_SIZE);
    }
    for (unsigned at = 0; at < s->size; at++) {
        uint64_t in = systrap_patch.enter(s, slot, VA, VA + at);
        assert((in != 0) == (s->starts >> at & 1));
        assert(!in || systrap_patch.leave(s, slot, VA, in) == VA + at);
    }
    for (uint64_t at = code[2].at; at < code[2].at + PATCH_CODE_MAX; at++) {
        uint64_t to = systrap_patch.leave(s, slot, VA, at);
        assert(to >= VA && to <= VA + s->size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct header h;
    struct patch_site s;

    if (size < sizeof h)
        return 0;
    memcpy(&h, data, sizeof h);
    struct patch_text t = { .bytes = data + sizeof h,
                            .size = size - sizeof h,
                            .after = h.after,
                            .from = h.from,
                            .to = h.to,
                            .rax = h.rax };
    if (!systrap_patch.plan(&t, &s))
        return 0;
    size_t start = t.after - s.after;
    assert(t.after >= s.after && start >= t.from && start + s.size <= t.to && t.to <= t.size);
    assert(s.size >= PATCH_JUMP && s.size <= PATCH_SITE_MAX && s.after == s.call + PATCH_SYSCALL);
    assert(s.starts & 1 && s.starts >> s.call & 1 && !(s.starts & ~PATCH_MIDDLE_OK));
    assert(s.starts >> s.size == 0 && memcmp(s.old, t.bytes + start, s.size) == 0);
    check_code(&s, h.slot * 2u % PATCH_SLOTS);
    return 0;
}
