/* SPDX-License-Identifier: Apache-2.0 */
/* Calls, in every way that the processor has, from wherever a guest may make one. */
#pragma once

#include <sys/syscall.h>

#include "platform-stub/stub.h"
#include "tests/platform/world.h"

#define CALLS      480 /* numbers: all that there are, and more */
#define X32        0x40000000u
#define PLACES_MAX 64
#define URETPROBE  335 /* the two that pass all filters: docs/design.md */
#define UPROBE     336

extern const char stub_page[];

/* Where in stub code there is a `syscall`, also one that is part of other instructions. */
static size_t find_calls(uint64_t at[PLACES_MAX])
{
    const char *pages[] = { stub_code, stub_page };
    size_t n = 0;

    for (size_t i = 0; i < (OPS == &platform_systrap ? 2 : 1); i++) {
        for (uint64_t off = 0; off + 1 < PAGE_SIZE; off++) {
            if (memcmp(pages[i] + off, "\x0f\x05", 2) == 0 && n < PLACES_MAX)
                at[n++] = (i ? STUB_PAGE : STUB_CODE) + off;
        }
    }
    return n;
}

/* What the tight filter leaves a guest from its own page. Other tests are about those. */
static bool is_on_the_list(uint64_t at, uint64_t nr)
{
    return at >= STUB_PAGE && (nr == SYS_futex || nr == SYS_sched_yield || nr == SYS_rt_sigreturn);
}

/* Arguments with which an agent's calls would pass its filter. */
static void tempting(uint64_t nr, struct guest_regs *regs)
{
    regs->rax = nr;
    regs->rdi = CODE_AT;
    regs->rsi = PAGE_SIZE;
    regs->rdx = PROT_READ | PROT_WRITE | PROT_EXEC;
    regs->r10 = MAP_SHARED | MAP_FIXED;
    regs->r8 = 0;
    regs->r9 = SECRET_OFF;
    if (nr == SYS_clone)
        regs->rdi = STUB_CLONE_AGENT;
    if (nr == SYS_futex)
        regs->rsi = 1;
    if (nr == SYS_seccomp)
        regs->rdi = 1;
}

Test(calls, none_works_from_where_the_stub_makes_its_own, .timeout = 300)
{
    uint64_t places[PLACES_MAX];
    struct world w;

    world_start(&w);
    size_t n = find_calls(places);
    cr_assert_gt(n, 5);
    cr_assert_lt(n, PLACES_MAX);
    for (size_t i = 0; i < n; i++) {
        for (uint64_t nr = 0; nr < CALLS; nr++) {
            struct guest_regs regs = rig_regs(places[i]);
            tempting(nr, &regs);
            if (is_on_the_list(places[i], nr) || nr == UPROBE)
                continue;
            cr_assert_eq(rig_run(&w.r, &regs), STOP_SYSCALL, "%lu at %lx", nr, places[i]);
            cr_assert_eq(regs.orig_rax, nr);
            cr_assert_eq(regs.rip, places[i] + 2);
            check_registers(&w, &regs);
        }
        check_secret(&w);
    }
    world_stop(&w);
}

/* One of x86-64's doors to the kernel, from a page of the guest's own. */
struct door {
    const char *name, *code;
    size_t size;
    uint64_t cs;
    bool old; /* the calls of 32-bit programs */
};
#define DOOR(name, code, cs, old)             \
    {                                         \
        name, code, sizeof(code) - 1, cs, old \
    }

/* clang-format off */
static const struct door doors[] = {
    DOOR("syscall",             "\x0f\x05", GUEST_CS, false),
    DOOR("int $0x80",           "\xcd\x80", GUEST_CS, true),
    DOOR("sysenter",            "\x0f\x34", GUEST_CS, true),
    DOOR("int $0x80, 32 bits",  "\xcd\x80", GUEST_CS_COMPAT, true),
    DOOR("sysenter, 32 bits",   "\x0f\x34", GUEST_CS_COMPAT, true),
    DOOR("syscall, 32 bits",    "\x0f\x05", GUEST_CS_COMPAT, true),
};
/* clang-format on */

static void knock(struct world *w, const struct door *d, uint64_t nr)
{
    struct guest_regs regs = rig_regs(LOOP_AT + 16);

    tempting(nr, &regs);
    regs.cs = d->cs;
    regs.rsp = regs.rbp = DATA_AT + 2048;
    enum platform_stop why = rig_run(&w->r, &regs);
    check_registers(w, &regs);
    if (why == STOP_SYSCALL) {
        cr_assert_eq(w->r.stop.int80, d->old, "%s, %lx", d->name, nr);
        cr_assert_eq((uint32_t)regs.orig_rax, (uint32_t)nr, "%s", d->name);
        return;
    }
    /* Behind the call is an undefined instruction: who comes there has called nothing. */
    cr_assert(d->old || (nr & ~X32) == UPROBE, "%s, %lx: stop %d", d->name, nr, why);
    cr_assert(why == STOP_EXCEPTION || why == STOP_FAULT);
}

Test(calls, none_works_through_any_door, .timeout = 300)
{
    struct world w;

    world_start(&w);
    for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
        CODE(&w.r, LOOP_AT + 16, "\x0f\x0b\x0f\x0b\x0f\x0b");
        rig_code(&w.r, LOOP_AT + 16, doors[i].code, doors[i].size);
        for (uint64_t nr = 0; nr < CALLS; nr++) {
            knock(&w, &doors[i], nr);
            knock(&w, &doors[i], nr | X32);
        }
    }
    world_stop(&w);
}

/* The last page that a guest can have: the host sees its call as made at the first slot. */
Test(calls, none_works_from_beside_the_stub)
{
    struct world w;

    world_start(&w);
    rig_apply(w.r.as, op_map(STUB_START - PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    CODE(&w.r, CODE_AT + PAGE_SIZE - 2, "\x0f\x05");
    for (uint64_t nr = 0; nr < CALLS; nr++) {
        struct guest_regs regs = rig_regs(STUB_START - 2);
        tempting(nr, &regs);
        if (nr == UPROBE)
            continue;
        cr_assert_eq(rig_run(&w.r, &regs), STOP_SYSCALL);
        cr_assert_eq(regs.orig_rax, nr);
        cr_assert_eq(regs.rip, STUB_START);
    }
    world_stop(&w);
}

/* Every place of the page, which Linux emulates three calls at and nothing else. */
Test(calls, none_works_by_the_vsyscall_page)
{
    struct world w;
    unsigned calls = 0;

    world_start(&w);
    for (uint64_t off = 0; off < PAGE_SIZE; off += off % 1024 < 16 ? 1 : 16) {
        struct guest_regs regs = rig_regs(UINT64_C(0xffffffffff600000) + off);
        regs.rsp = DATA_AT + 1024;
        regs.rdi = SECRET_AT;
        *(uint64_t *)(w.r.ram + DATA_OFF + 1024) = LOOP_AT;
        if (rig_run(&w.r, &regs) == STOP_SYSCALL)
            calls++;
        check_registers(&w, &regs);
    }
    cr_assert_leq(calls, 3); /* 0 where the host has no such page */
    world_stop(&w);
}
