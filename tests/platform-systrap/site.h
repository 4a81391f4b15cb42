/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that calls getpid from a replaced site, for as long as the answer is SITE_PID. */
#pragma once

#define PLATFORM platform_systrap
#include <sys/syscall.h>

#include "platform-systrap/layout.h"
#include "tests/platform/rig.h"

#define SITE_PID   4711u
#define SITE_COUNT DATA_AT       /* how often it was, in 8 bytes */
#define SITE_ENTRY (DATA_AT + 8) /* STUB_ENTRY, for the guest to jump to */
#define SITE_BACK  (CODE_AT + 17)
#define SITE_END   (CODE_AT + 27) /* of an answer that is another: a fault */

/* 1: the site; cmp %rsi,%rax; jne 2f; incq (%rdi); jmp 1b; 2: ud2 */
#define SITE_CODE                                                                        \
    "\xb8\x27\0\0\0\xb9\x11\x00\x40\x00\xff\x24\x25\x08\x00\x60\x00\x48\x39\xf0\x75\x05" \
    "\x48\xff\x07\xeb\xe5\x0f\x0b"

/* The registers to run it with. */
static inline struct guest_regs site_start(struct rig *r)
{
    const uint64_t entry = STUB_ENTRY;

    rig_start(r);
    CODE(r, CODE_AT, SITE_CODE);
    memcpy(r->ram + DATA_OFF + (SITE_ENTRY - DATA_AT), &entry, sizeof entry);
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rdi = SITE_COUNT;
    regs.rsi = SITE_PID;
    return regs;
}
