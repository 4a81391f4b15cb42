/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attack must leave alone. A world is a rig whose guest is hostile, and beside it, in
 * the same sandbox, an address space with a secret in its memory and a program that works. An
 * observer outside judges each host call that a stub makes.
 *
 *     struct world w;
 *     world_start(&w);
 *     …                        // the rig w.r is there to be abused
 *     world_stop(&w);          // asks whether all is well, once more
 */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform-systrap/layout.h"
#include "tests/lib/dice.h"
#include "tests/lib/observer.h"
#include "tests/platform/rig.h"

#define SECRET_AT  0x700000u /* of the neighbour alone */
#define SECRET_OFF ((uint64_t)32 << 20)
#define FAKE_AT    0x800000u /* of the hostile: writable room for what may be taken for a slot */
#define FAKE_OFF   ((uint64_t)16 << 20)
#define FAKE_SIZE  ((uint64_t)2 * SLOT_SIZE)
#define AGAIN_AT   0x900000u /* for whether memory can still be changed */
#define LOOP_AT    (CODE_AT + 0x40)
#define READER_AT  (CODE_AT + 0x80)
#define TELLER_AT  (CODE_AT + 0xc0)

struct world {
    struct rig r;
    struct observer observer;
    struct aspace *other;
    struct guest_thread *neighbour;
    uint64_t secret;
};

/* Criterion itself forgets 48 bytes where two tests that take long run beside each other. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcriterion";
}

/* ---- chance ---- */

#define PICK(d, table) ((table)[roll(d) % ARRAY_LEN(table)])

static inline bool is_long(void)
{
    const char *is = getenv("LONG");

    return is && *is == '1';
}

/* ---- whether all is well ---- */

/* A secret that a stop brings along has been read. */
static inline void check_registers(const struct world *w, const struct guest_regs *regs)
{
    const uint64_t *words = (const uint64_t *)regs;

    for (size_t i = 0; i < sizeof *regs / sizeof *words; i++)
        cr_assert(words[i] != w->secret, "the secret is in register %zu", i);
}

/* The neighbour reads its memory, and calls. */
static inline void check_neighbour(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        struct guest_regs regs = rig_regs(READER_AT);
        regs.rdi = SECRET_AT;
        regs.rax = 4711;
        cr_assert_eq(OPS->run(w->neighbour, w->other, &regs, &w->r.stop), 0);
        cr_assert_eq(w->r.stop.why, STOP_SYSCALL);
        cr_assert_eq(regs.orig_rax, 4711);
        cr_assert_eq(regs.rbx, w->secret);
    }
}

static inline void check_secret(struct world *w)
{
    const uint64_t *secret = (const uint64_t *)(w->r.ram + SECRET_OFF);
    const uint64_t *data = (const uint64_t *)(w->r.ram + DATA_OFF);
    const uint64_t *fake = (const uint64_t *)(w->r.ram + FAKE_OFF);

    for (size_t i = 0; i < PAGE_SIZE / sizeof *secret; i++) {
        cr_assert_eq(secret[i], w->secret, "word %zu of the neighbour's memory", i);
        cr_assert_neq(data[i], w->secret, "the secret is at %zu", i);
    }
    for (size_t i = 0; i < FAKE_SIZE / sizeof *fake; i++)
        cr_assert_neq(fake[i], w->secret, "the secret is at %zu of what is writable", i);
}

/* The hostile address space still does what it is told, and a thread in it runs. */
static inline void check_alive(struct rig *r)
{
    rig_apply(r->as, op_map(AGAIN_AT, PAGE_SIZE, PROT_READ, DATA_OFF));
    rig_apply(r->as, op_unmap(AGAIN_AT, PAGE_SIZE));
    CODE(r, CODE_AT, "\x0f\x05");
    for (int i = 0; i < 5; i++) { /* interrupts may be left over */
        struct guest_regs regs = rig_regs(CODE_AT);
        regs.rax = 12345;
        if (rig_run(r, &regs) == STOP_SYSCALL && regs.orig_rax == 12345)
            return;
    }
    cr_assert(false, "the address space is of no use any more");
}

static inline void world_check(struct world *w)
{
    check_neighbour(w);
    check_secret(w);
    check_alive(&w->r);
}

/* ---- its life ---- */

static inline void world_start(struct world *w)
{
    memset(w, 0, sizeof *w);
    observer_start(&w->observer);
    rig_start(&w->r);
    w->secret = 0x5ec4e70000000000u | (uint64_t)getpid() << 8 | 0x5a;
    uint64_t *page = (uint64_t *)(w->r.ram + SECRET_OFF);
    for (size_t i = 0; i < PAGE_SIZE / sizeof *page; i++)
        page[i] = w->secret;
    CODE(&w->r, LOOP_AT, "\x0f\x05\xeb\xfc");                       /* syscall, for ever */
    CODE(&w->r, READER_AT, "\x48\x8b\x1f\x0f\x05\xeb\xf9");         /* mov (%rdi), %rbx; syscall */
    CODE(&w->r, TELLER_AT, "\xf3\x48\x0f\xae\xc8\x0f\x05\xeb\xf7"); /* rdgsbase %rax; syscall */
    rig_apply(w->r.as, op_map(FAKE_AT, FAKE_SIZE, PROT_READ | PROT_WRITE, FAKE_OFF));
    cr_assert_eq(OPS->aspace_create(w->r.p, NULL, &w->other), 0);
    cr_assert_eq(OPS->thread_create(w->r.p, &w->neighbour), 0);
    rig_apply(w->other, op_map(CODE_AT, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    rig_apply(w->other, op_map(SECRET_AT, PAGE_SIZE, PROT_READ | PROT_WRITE, SECRET_OFF));
    world_check(w);
}

static inline void world_stop(struct world *w)
{
    struct observer_report seen;

    world_check(w);
    OPS->thread_destroy(w->neighbour);
    OPS->aspace_destroy(w->other);
    rig_stop(&w->r);
    observer_stop(&w->observer, &seen);
    cr_assert_eq(seen.breaches, 0, "%u host calls off the list; the first: %s", seen.breaches,
                 seen.first);
    cr_assert_gt(seen.agents, 10); /* it was there and looked */
    cr_assert(OPS != &platform_systrap || seen.guests > 10);
    fprintf(stderr, "observed: %lu calls of agents, %lu of guests\n", seen.agents, seen.guests);
}
