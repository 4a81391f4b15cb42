/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fake_platform.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "base/host.h"

struct rig {
    int ram_fd;
    struct platform *p;
    struct aspace *as;
    struct guest_thread *t;
};

static void start(struct rig *r)
{
    r->ram_fd = host_memfd_create("ram", 0);
    cr_assert_eq(host_ftruncate(r->ram_fd, 1 << 20), 0);
    struct platform_options opts = { .ram_fd = r->ram_fd };
    cr_assert_eq(fake_platform.create(&opts, &r->p), 0);
    cr_assert_eq(fake_platform.aspace_create(r->p, NULL, &r->as), 0);
    cr_assert_eq(fake_platform.thread_create(r->p, &r->t), 0);
}

static void stop(struct rig *r)
{
    fake_platform.thread_destroy(r->t);
    fake_platform.aspace_destroy(r->as);
    fake_platform.destroy(r->p);
    host_close(r->ram_fd);
}

static int map(struct aspace *as, uint64_t va, uint64_t size, int prot, uint64_t off)
{
    struct mem_op op = {
        .kind = MEM_MAP, .prot = prot, .va = va, .size = size, .file = FILE_RAM, .off = off
    };

    return fake_platform.aspace_apply(as, &op, 1);
}

Test(fake_platform, gives_what_was_written_down)
{
    struct guest_regs regs = { .rip = 100, .rbx = 7 };
    struct guest_stop st;
    struct rig r;

    start(&r);
    fake_push_call(r.p, SYS_write, 1, 2, 3, 4, 5, 6);
    fake_push_fault(r.p, 0x1234, PROT_WRITE);
    cr_assert_eq(fake_platform.run(r.t, r.as, &regs, &st), 0);
    cr_assert_eq(st.why, STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, SYS_write);
    cr_assert_eq(regs.r9, 6);
    cr_assert_eq(regs.rip, 102);
    cr_assert_eq(regs.rbx, 7);
    regs.rax = 3;
    cr_assert_eq(fake_platform.run(r.t, r.as, &regs, &st), 0);
    cr_assert_eq(st.why, STOP_FAULT);
    cr_assert_eq(st.addr.va, 0x1234);
    cr_assert_eq(fake_run_count(r.p), 2);
    cr_assert_eq(fake_run_regs(r.p, 1)->rax, 3);
    stop(&r);
}

static void *interrupter(void *arg)
{
    struct rig *r = arg;

    fake_await_runs(r->p, 1);
    fake_platform.interrupt(r->t);
    return NULL;
}

Test(fake_platform, blocks_until_interrupted)
{
    struct guest_regs regs = { 0 };
    struct guest_stop st;
    pthread_t other;
    struct rig r;

    start(&r);
    cr_assert_eq(pthread_create(&other, NULL, interrupter, &r), 0);
    cr_assert_eq(fake_platform.run(r.t, r.as, &regs, &st), 0);
    cr_assert_eq(st.why, STOP_INTERRUPT);
    pthread_join(other, NULL);
    stop(&r);
}

Test(fake_platform, keeps_a_shadow_of_memory)
{
    struct mem_op protect = {
        .kind = MEM_PROTECT, .prot = PROT_READ, .va = 0x12000, .size = 0x1000
    };
    struct mem_op unmap = { .kind = MEM_UNMAP, .va = 0x13000, .size = 0x1000 };
    struct fake_page page;
    struct rig r;

    start(&r);
    cr_assert_eq(map(r.as, 0x10000, 0x4000, PROT_READ | PROT_WRITE, 0), 0);
    cr_assert_eq(map(r.as, 0x14000, 0x1000, PROT_READ | PROT_WRITE, 0x4000), 0);
    cr_assert_eq(fake_mapping_count(r.as), 1);
    cr_assert_eq(fake_platform.aspace_apply(r.as, &protect, 1), 0);
    cr_assert_eq(fake_platform.aspace_apply(r.as, &unmap, 1), 0);
    cr_assert_eq(fake_mapping_count(r.as), 3);
    cr_assert(fake_lookup(r.as, 0x12fff, &page));
    cr_assert_eq(page.prot, PROT_READ);
    cr_assert_eq(page.off, 0x2000);
    cr_assert(!fake_lookup(r.as, 0x13000, &page));
    cr_assert(!fake_lookup(r.as, 0xf000, &page));
    stop(&r);
}

Test(fake_platform, forks_are_apart)
{
    struct aspace *child;
    struct fake_page page;
    struct rig r;

    start(&r);
    cr_assert_eq(map(r.as, 0x10000, 0x1000, PROT_READ, 0), 0);
    cr_assert_eq(fake_platform.aspace_fork(r.as, &child), 0);
    cr_assert_eq(map(child, 0x20000, 0x1000, PROT_READ, 0), 0);
    cr_assert(fake_lookup(child, 0x10000, &page));
    cr_assert(!fake_lookup(r.as, 0x20000, &page));
    fake_platform.aspace_destroy(child);
    stop(&r);
}

Test(fake_platform, reads_and_writes_as_a_guest)
{
    uint64_t fault = 0;
    char back[3];
    struct rig r;

    start(&r);
    cr_assert_eq(map(r.as, 0x10000, 0x1000, PROT_READ | PROT_WRITE, 0x3000), 0);
    cr_assert(fake_write(r.as, 0x10ffd, "abc", 3, NULL));
    cr_assert(fake_read(r.as, 0x10ffd, back, 3, NULL));
    cr_assert_arr_eq(back, "abc", 3);
    cr_assert(!fake_write(r.as, 0x10ffe, "abc", 3, &fault));
    cr_assert_eq(fault, 0x11000);
    stop(&r);
}

Test(fake_platform, fails_where_told)
{
    struct aspace *other;
    struct rig r;

    start(&r);
    fake_fail_create(r.p, 1);
    cr_assert_eq(fake_platform.aspace_create(r.p, NULL, &other), -EAGAIN);
    fake_fail_memory(r.p, 1);
    cr_assert_eq(map(r.as, 0x10000, 0x1000, PROT_READ, 0), 0);
    cr_assert_eq(map(r.as, 0x11000, 0x1000, PROT_READ, 0), -ENOMEM);
    cr_assert_eq(fake_counts(r.p).applies, 2);
    stop(&r);
}
