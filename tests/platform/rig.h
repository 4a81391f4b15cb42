/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platform with one memory file, and guest code of a few bytes in it: what a sentry
 * is to a platform, without a kernel.
 *
 *     struct rig r;
 *     rig_start(&r);
 *     rig_code(&r, CODE_AT, (const uint8_t[]){ 0x0f, 0x05 }, 2);      // syscall
 *     struct guest_regs regs = rig_regs(CODE_AT);
 *     rig_run(&r, &regs);                                             // r.stop is set
 *     rig_stop(&r);
 */
#pragma once

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/host.h"
#include "include/platform.h"

#define OPS      (&PLATFORM) /* whoever includes this says which */
#define RAM_SIZE ((size_t)64 << 20)
#define CODE_AT  0x400000u /* one page of code, at RAM offset 0 */
#define DATA_AT  0x600000u /* one page of data, at RAM offset PAGE_SIZE */
#define DATA_OFF PAGE_SIZE

struct rig {
    int ram_fd;
    uint8_t *ram;
    struct platform *p;
    struct aspace *as;
    struct guest_thread *t;
    struct guest_stop stop;
};

static inline struct mem_op op_map(uint64_t va, uint64_t size, int prot, uint64_t off)
{
    return (struct mem_op){
        .kind = MEM_MAP, .prot = prot, .va = va, .size = size, .file = FILE_RAM, .off = off
    };
}

static inline struct mem_op op_unmap(uint64_t va, uint64_t size)
{
    return (struct mem_op){ .kind = MEM_UNMAP, .va = va, .size = size };
}

static inline struct mem_op op_protect(uint64_t va, uint64_t size, int prot)
{
    return (struct mem_op){ .kind = MEM_PROTECT, .prot = prot, .va = va, .size = size };
}

static inline void rig_apply(struct aspace *as, struct mem_op op)
{
    cr_assert_eq(OPS->aspace_apply(as, &op, 1), 0);
}

/* A platform and an address space with a page of code and one of data. */
static inline void rig_start(struct rig *r)
{
    void *at;

    memset(r, 0, sizeof *r);
    r->ram_fd = host_memfd_create("ram", 0);
    cr_assert_eq(host_ftruncate(r->ram_fd, (int64_t)RAM_SIZE), 0);
    cr_assert_eq(host_mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->ram_fd, 0, &at),
                 0);
    r->ram = at;
    struct platform_options opts = { .ram_fd = r->ram_fd };
    cr_assert_eq(OPS->create(&opts, &r->p), 0);
    cr_assert_eq(OPS->aspace_create(r->p, NULL, &r->as), 0);
    cr_assert_eq(OPS->thread_create(r->p, &r->t), 0);
    rig_apply(r->as, op_map(CODE_AT, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    rig_apply(r->as, op_map(DATA_AT, PAGE_SIZE, PROT_READ | PROT_WRITE, DATA_OFF));
}

static inline void rig_stop(struct rig *r)
{
    OPS->thread_destroy(r->t);
    OPS->aspace_destroy(r->as);
    OPS->destroy(r->p);
    cr_assert_eq(host_munmap(r->ram, RAM_SIZE), 0);
    host_close(r->ram_fd);
}

/* Puts code at `at`, an address in the page at CODE_AT. */
static inline void rig_code(struct rig *r, uint64_t at, const void *code, size_t size)
{
    memcpy(r->ram + (at - CODE_AT), code, size);
}

static inline struct guest_regs rig_regs(uint64_t rip)
{
    return (struct guest_regs){ .rip = rip,
                                .rsp = DATA_AT + PAGE_SIZE,
                                .cs = GUEST_CS,
                                .ss = GUEST_SS,
                                .eflags = EFLAGS_FIXED };
}

/* Runs the rig's thread to its next stop. */
static inline enum platform_stop rig_run(struct rig *r, struct guest_regs *regs)
{
    cr_assert_eq(OPS->run(r->t, r->as, regs, &r->stop), 0);
    if (r->stop.brief)
        OPS->regs_get(r->t, regs);
    return r->stop.why;
}

/* Machine code as a string: the program's bytes without the string's end. */
#define CODE(r, at, bytes) rig_code(r, at, bytes, sizeof(bytes) - 1)
