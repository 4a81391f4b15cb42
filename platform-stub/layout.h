/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is where at the top of a stub's address space, and in its command area.
 * For C and for assembly: numbers only.
 *
 *   STUB_START    slots          what guest threads share with the sentry (platform-systrap)
 *   STUB_CODE     code           one page, read and execute, the same in all stubs
 *   STUB_PAGE     more code      that of guest threads (platform-systrap), the same
 *   STUB_CMD      command area   read only; the sentry writes it through a memory file
 *   STUB_SCRATCH  scratch        the zygote's alone, never inherited
 *   STUB_END      the end of what Linux gives to a 64-bit process
 *
 * A guest has all below STUB_START.
 */
#pragma once

#define STUB_START        0x7fffb0000000
#define STUB_CODE         0x7fffffff0000
#define STUB_CODE_SIZE    0x1000
#define STUB_PAGE         0x7fffffff1000
#define STUB_PAGE_SIZE    0x1000
#define STUB_CMD          0x7fffffff4000
#define STUB_CMD_SIZE     0x4000
#define STUB_SCRATCH      0x7fffffff8000
#define STUB_SCRATCH_SIZE 0x1000
#define STUB_END          0x7ffffffff000

/* The stubs' file: command areas from its start, then these. */
#define SCRATCH_OFF 0x10000000
#define PAGE_OFF    0x10001000
#define SLOTS_OFF   0x20000000

/* struct stub_cmd, in agent.h */
#define CMD_SEQ      0
#define CMD_COUNT    4
#define CMD_SLEEPING 8
#define CMD_SENTRY   12
#define CMD_DONE     16
#define CMD_VALUE    20
#define CMD_ERROR    24
#define CMD_LEFT     25
#define CMD_OPS      64

/* struct stub_op */
#define OP_SIZE  64
#define OP_NR    0
#define OP_ARG0  8
#define OP_FLAGS 56

/* stub_op.flags */
#define OP_TRY   1 /* goes on where the call fails */
#define OP_VALUE 2 /* the result goes to CMD_VALUE */
#define OP_CLONE 4 /* the call returns twice; argument 5 says what the child is */

/*
 * Argument 5 of an OP_CLONE: a guest thread; or one with a slot, by its address, which is
 * not below STUB_START; or else the place of a new agent's command area.
 */
#define CHILD_IS_THREAD (-1)
