/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that know how we work, and do their worst, on any platform that has stubs. */
#pragma once

#include <pthread.h>
#include <stdio.h>

#include "platform-stub/stub.h"
#include "tests/platform/children.h"
#include "tests/platform/world.h"

#define STRIDE    ((uint64_t)1 << 20)
#define ELSEWHERE UINT64_C(0x12345678000)

/* All of the range that guests do not have; slots, which are theirs to write, left out. */
Test(hostile, the_stubs_own_pages_cannot_be_written)
{
    uint64_t va = OPS == &platform_systrap ? STUB_SLOTS_END : STUB_START;
    struct world w;

    world_start(&w);
    CODE(&w.r, LOOP_AT + 16, "\x48\x89\x07\x0f\x05"); /* mov %rax, (%rdi); syscall */
    while (va < STUB_END) {
        struct guest_regs regs = rig_regs(LOOP_AT + 16);
        regs.rdi = va;
        cr_assert_eq(rig_run(&w.r, &regs), STOP_FAULT, "page %lx can be written", va);
        cr_assert_eq(w.r.stop.addr.va, va);
        va += va < STUB_CODE ? min(STRIDE, STUB_CODE - va) : PAGE_SIZE;
    }
    world_stop(&w);
}

/* Where others have their memory is a secret, and the command area was theirs before. */
Test(hostile, a_command_area_tells_nothing_of_its_last_owner)
{
    struct aspace *first, *second;
    struct mem_op ops[20];
    struct rig r;

    rig_start(&r);
    check_alive(&r);
    cr_assert_eq(OPS->aspace_fork(r.as, &first), 0);
    for (uint64_t i = 0; i < ARRAY_LEN(ops); i++)
        ops[i] = op_map(ELSEWHERE * (i + 1), PAGE_SIZE, PROT_READ, 0);
    cr_assert_eq(OPS->aspace_apply(first, ops, ARRAY_LEN(ops)), 0);
    OPS->aspace_destroy(first);
    check_alive(&r);
    usleep(20000); /* or else its area is not free yet, and another is taken */
    cr_assert_eq(OPS->aspace_fork(r.as, &second), 0);
    CODE(&r, CODE_AT + 16, "\x48\x8b\x1f\x0f\x05"); /* mov (%rdi), %rbx; syscall */
    for (uint64_t va = STUB_CMD + CMD_OPS; va < STUB_CMD + STUB_CMD_SIZE; va += 8) {
        struct guest_regs regs = rig_regs(CODE_AT + 16);
        regs.rdi = va;
        cr_assert_eq(OPS->run(r.t, second, &regs, &r.stop), 0);
        cr_assert_eq(r.stop.why, STOP_SYSCALL);
        cr_assert(regs.rbx == 0 || regs.rbx % ELSEWHERE != 0, "%lx at %lx", regs.rbx, va);
    }
    OPS->aspace_destroy(second);
    rig_stop(&r);
}

struct scribbler {
    struct rig *r;
    pthread_t thread;
    atomic_bool over, let_go; /* the first before, the second after it is interrupted */
    _Atomic(struct guest_thread *) t;
};

#define SCRIBBLE_AT   UINT64_C(0xc00000)
#define SCRIBBLE_SIZE ((uint64_t)256 << 10)
#define SCRIBBLE_OFF  ((uint64_t)1 << 20)

/* A guest thread that fills all memory it has with ones, for ever. */
static void *scribble(void *arg)
{
    struct scribbler *s = arg;
    struct guest_regs regs = rig_regs(CODE_AT + 128);
    struct guest_stop stop;
    struct guest_thread *t;

    cr_assert_eq(OPS->thread_create(s->r->p, &t), 0);
    atomic_store(&s->t, t);
    regs.rdi = SCRIBBLE_AT;
    regs.rsi = SCRIBBLE_AT + SCRIBBLE_SIZE;
    regs.rdx = DATA_AT;
    while (!atomic_load(&s->over)) {
        cr_assert_eq(OPS->run(t, s->r->as, &regs, &stop), 0);
        cr_assert_eq(stop.why, STOP_INTERRUPT);
    }
    while (!atomic_load(&s->let_go))
        host_sched_yield();
    OPS->thread_destroy(t);
    return NULL;
}

Test(hostile, a_scribbling_guest_does_not_disturb_its_agent)
{
    struct scribbler s[2];
    struct rig r;

    rig_start(&r);
    check_alive(&r);
    CODE(&r, CODE_AT + 128,
         "\x48\x89\xf8\x48\xc7\x00\xff\xff\xff\xff\x48\x83\xc0\x08\x48\x39\xf0"
         "\x72\xf0\xf0\x48\xff\x02\xeb\xe7"); /* fill; lock incq (%rdx); again */
    rig_apply(r.as, op_map(SCRIBBLE_AT, SCRIBBLE_SIZE, PROT_READ | PROT_WRITE, SCRIBBLE_OFF));
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        s[i] = (struct scribbler){ .r = &r };
        cr_assert_eq(pthread_create(&s[i].thread, NULL, scribble, &s[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        while (!atomic_load(&s[i].t))
            host_sched_yield();
    }
    while (*(_Atomic uint64_t *)(r.ram + DATA_OFF) == 0)
        host_sched_yield();
    for (int i = 0; i < 200; i++) {
        struct aspace *child;
        check_alive(&r);
        rig_apply(r.as, op_map(SCRIBBLE_AT, SCRIBBLE_SIZE, PROT_READ | PROT_WRITE,
                               SCRIBBLE_OFF * (uint64_t)(1 + i % 2)));
        if (i % 10)
            continue;
        cr_assert_eq(OPS->aspace_fork(r.as, &child), 0);
        rig_apply(child, op_unmap(SCRIBBLE_AT, SCRIBBLE_SIZE));
        OPS->aspace_destroy(child);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        atomic_store(&s[i].over, true);
        OPS->interrupt(atomic_load(&s[i].t));
        atomic_store(&s[i].let_go, true);
        cr_assert_eq(pthread_join(s[i].thread, NULL), 0);
    }
    rig_stop(&r);
}

/* Descriptors and memory of ours that a stub must not have. */
Test(hostile, a_stub_has_memory_files_and_no_more)
{
    static pid_t pids[CHILDREN_MAX];
    char path[64], link[256];
    struct rig r;

    rig_start(&r);
    check_alive(&r);
    size_t n = children_of(getpid(), pids);
    cr_assert_geq(n, 3);
    for (size_t i = 0; i < n; i++) {
        int count = 0;
        for (int fd = 0; fd < 64; fd++) {
            snprintf(path, sizeof path, "/proc/%d/fd/%d", pids[i], fd);
            ssize_t len = readlink(path, link, sizeof link - 1);
            if (len < 0)
                continue;
            link[len] = 0;
            count++;
            cr_assert(strstr(link, "/memfd:") || strstr(link, "socket:"), "%s is %s", path, link);
        }
        cr_assert_eq(count, 3, "%d has %d descriptors", pids[i], count);
        snprintf(path, sizeof path, "/proc/%d/maps", pids[i]);
        FILE *f = fopen(path, "r");
        while (fgets(link, sizeof link, f)) {
            unsigned long from = strtoul(link, NULL, 16);
            cr_assert(from >= STUB_START || from == CODE_AT || from == DATA_AT ||
                          strstr(link, "[vsyscall]"),
                      "%d has %s", pids[i], link);
        }
        fclose(f);
    }
    rig_stop(&r);
}
