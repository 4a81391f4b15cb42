/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: what a guest sees of what the sentry maps. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/platform/children.h"
#include "tests/platform/rig.h"

#define FAR_AT UINT64_C(0x7fffaffe0000)

/* A page of code with a load and a store, each followed by a call. */
#define LOAD_AT  (CODE_AT + 0)
#define STORE_AT (CODE_AT + 16)

static void start(struct rig *r)
{
    rig_start(r);
    CODE(r, LOAD_AT, "\x48\x8b\x07\x0f\x05");  /* mov (%rdi), %rax; syscall */
    CODE(r, STORE_AT, "\x48\x89\x07\x0f\x05"); /* mov %rax, (%rdi); syscall */
}

/* What the guest reads at `va`; false where it faults. */
static bool load(struct rig *r, struct aspace *as, uint64_t va, uint64_t *out)
{
    struct guest_regs regs = rig_regs(LOAD_AT);

    regs.rdi = va;
    cr_assert_eq(OPS->run(r->t, as, &regs, &r->stop), 0);
    *out = regs.orig_rax;
    return r->stop.why == STOP_SYSCALL;
}

static bool store(struct rig *r, struct aspace *as, uint64_t va, uint64_t value)
{
    struct guest_regs regs = rig_regs(STORE_AT);

    regs.rdi = va;
    regs.rax = value;
    cr_assert_eq(OPS->run(r->t, as, &regs, &r->stop), 0);
    return r->stop.why == STOP_SYSCALL;
}

Test(aspace, changes_are_seen_at_once)
{
    uint64_t got;
    struct rig r;

    start(&r);
    cr_assert(!load(&r, r.as, FAR_AT, &got));
    rig_apply(r.as, op_map(FAR_AT, PAGE_SIZE, PROT_READ | PROT_WRITE, 3 * PAGE_SIZE));
    cr_assert(store(&r, r.as, FAR_AT + 8, 1234));
    cr_assert_eq(*(uint64_t *)(r.ram + 3 * PAGE_SIZE + 8), 1234);
    *(uint64_t *)(r.ram + 3 * PAGE_SIZE) = 77;
    cr_assert(load(&r, r.as, FAR_AT, &got));
    cr_assert_eq(got, 77);
    rig_apply(r.as, op_protect(FAR_AT, PAGE_SIZE, PROT_READ));
    cr_assert(!store(&r, r.as, FAR_AT, 1));
    cr_assert_eq(r.stop.code, SEGV_ACCERR);
    cr_assert(load(&r, r.as, FAR_AT, &got));
    rig_apply(r.as, op_protect(FAR_AT, PAGE_SIZE, PROT_NONE));
    cr_assert(!load(&r, r.as, FAR_AT, &got));
    rig_apply(r.as, op_map(FAR_AT, PAGE_SIZE, PROT_READ, DATA_OFF)); /* over the other */
    *(uint64_t *)(r.ram + DATA_OFF) = 78;
    cr_assert(load(&r, r.as, FAR_AT, &got));
    cr_assert_eq(got, 78);
    rig_apply(r.as, op_unmap(FAR_AT, PAGE_SIZE));
    cr_assert(!load(&r, r.as, FAR_AT, &got));
    cr_assert_eq(r.stop.code, SEGV_MAPERR);
    rig_stop(&r);
}

Test(aspace, all_below_task_size_can_be_mapped)
{
    uint64_t got, top = 0;
    struct rig r;

    start(&r);
    top = OPS->task_size(r.p) - PAGE_SIZE;
    cr_assert_eq(top & PAGE_MASK, 0);
    cr_assert_gt(top, UINT64_C(0x7ff000000000));
    rig_apply(r.as, op_map(top, PAGE_SIZE, PROT_READ | PROT_WRITE, 4 * PAGE_SIZE));
    cr_assert(store(&r, r.as, top + PAGE_SIZE - 8, 5));
    cr_assert(load(&r, r.as, top + PAGE_SIZE - 8, &got));
    cr_assert_eq(got, 5);
    rig_apply(r.as, op_map(PAGE_SIZE * 16, PAGE_SIZE, PROT_READ, 4 * PAGE_SIZE));
    cr_assert(load(&r, r.as, PAGE_SIZE * 17 - 8, &got));
    cr_assert_eq(got, 5);
    rig_apply(r.as, op_unmap(0, top + PAGE_SIZE));
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_FAULT);
    rig_stop(&r);
}

Test(aspace, a_long_batch_is_done_in_order)
{
    enum { N = 1000 };
    struct mem_op *ops = calloc(2 * N + 1, sizeof *ops);
    uint64_t got;
    struct rig r;

    start(&r);
    for (uint64_t i = 0; i < N; i++)
        ops[i] =
            op_map(FAR_AT - (i + 1) * PAGE_SIZE, PAGE_SIZE, PROT_READ, (N - i) * 2 * PAGE_SIZE);
    for (uint64_t i = 0; i < N; i++)
        ops[N + i] = op_protect(FAR_AT - (i + 1) * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE);
    ops[2 * N] = op_unmap(FAR_AT - PAGE_SIZE, PAGE_SIZE);
    cr_assert_eq(OPS->aspace_apply(r.as, ops, 2 * N + 1), 0);
    cr_assert_eq(OPS->aspace_apply(r.as, ops, 0), 0);
    for (uint64_t i = 1; i < N; i += 100)
        cr_assert(store(&r, r.as, FAR_AT - (i + 1) * PAGE_SIZE, i));
    cr_assert(!load(&r, r.as, FAR_AT - PAGE_SIZE, &got));
    cr_assert_eq(*(uint64_t *)(r.ram + (N - 101) * 2 * PAGE_SIZE), 101);
    free(ops);
    rig_stop(&r);
}

Test(aspace, a_failed_operation_ends_its_batch)
{
    struct mem_op ops[] = {
        op_map(FAR_AT, PAGE_SIZE, PROT_READ, 0),
        op_protect(FAR_AT - 64 * PAGE_SIZE, PAGE_SIZE, PROT_READ), /* is not there */
        op_unmap(FAR_AT, PAGE_SIZE),
    };
    uint64_t got;
    struct rig r;

    start(&r);
    cr_assert_eq(OPS->aspace_apply(r.as, ops, 3), -ENOMEM);
    cr_assert(load(&r, r.as, FAR_AT, &got));
    cr_assert_eq(OPS->aspace_apply(r.as, ops + 2, 1), 0);
    cr_assert(!load(&r, r.as, FAR_AT, &got));
    rig_stop(&r);
}

Test(aspace, a_host_without_room_for_mappings_says_enomem)
{
    enum { N = 512 };
    struct mem_op ops[N];
    int err = 0;
    struct rig r;

    start(&r);
    for (uint64_t at = 0; !err && at < 1 << 20; at += N) {
        for (uint64_t i = 0; i < N; i++)
            ops[i] = op_map(0x10000000 + (at + i) * 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ, 0);
        err = OPS->aspace_apply(r.as, ops, N);
    }
    cr_assert_eq(err, -ENOMEM);
    rig_apply(r.as, op_unmap(0x10000000, UINT64_C(1) << 40));
    rig_apply(r.as, ops[0]);
    rig_stop(&r);
}

Test(aspace, forks_see_the_same_files_and_not_each_others_changes)
{
    struct aspace *child;
    uint64_t got;
    struct rig r;

    start(&r);
    cr_assert_eq(OPS->aspace_fork(r.as, &child), 0);
    cr_assert(store(&r, child, DATA_AT, 42)); /* the rights came along; the file is shared */
    cr_assert_eq(*(uint64_t *)(r.ram + DATA_OFF), 42);
    rig_apply(child, op_protect(DATA_AT, PAGE_SIZE, PROT_READ));
    cr_assert(!store(&r, child, DATA_AT, 43));
    cr_assert(store(&r, r.as, DATA_AT, 44));
    rig_apply(r.as, op_unmap(DATA_AT, PAGE_SIZE));
    cr_assert(!load(&r, r.as, DATA_AT, &got));
    cr_assert(load(&r, child, DATA_AT, &got));
    cr_assert_eq(got, 44);
    rig_apply(r.as, op_map(FAR_AT, PAGE_SIZE, PROT_READ, 0));
    cr_assert(!load(&r, child, FAR_AT, &got));

    struct aspace *grandchild;
    cr_assert_eq(OPS->aspace_fork(child, &grandchild), 0);
    OPS->aspace_destroy(child);
    cr_assert(load(&r, grandchild, DATA_AT, &got));
    OPS->aspace_destroy(grandchild);
    cr_assert(load(&r, r.as, FAR_AT, &got));
    rig_stop(&r);
}

Test(aspace, a_new_one_is_empty)
{
    struct aspace *as;
    uint64_t got;
    struct rig r;

    start(&r);
    cr_assert_eq(OPS->aspace_create(r.p, NULL, &as), 0);
    cr_assert(!load(&r, as, DATA_AT, &got)); /* there is not even the code */
    cr_assert_eq(r.stop.addr.va, LOAD_AT);
    cr_assert_eq(r.stop.access, PROT_EXEC);
    rig_apply(as, op_map(CODE_AT, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    for (uint64_t va = 0; va < OPS->task_size(r.p); va += OPS->task_size(r.p) / 64)
        cr_assert(!load(&r, as, va, &got));
    OPS->aspace_destroy(as);
    rig_stop(&r);
}

Test(aspace, other_files_are_mapped_by_number)
{
    uint32_t file, again;
    uint64_t got, value = 4711;
    struct rig r;

    start(&r);
    int fd = host_memfd_create("window", 0);
    cr_assert_eq(host_pwrite(fd, &value, sizeof value, 8), (ssize_t)sizeof value);
    cr_assert_eq(OPS->file_add(r.p, fd, &file), 0);
    cr_assert_neq(file, FILE_RAM);
    host_close(fd);
    struct mem_op op = {
        .kind = MEM_MAP, .prot = PROT_READ, .va = FAR_AT, .size = PAGE_SIZE, .file = file
    };
    rig_apply(r.as, op);
    cr_assert(load(&r, r.as, FAR_AT + 8, &got));
    cr_assert_eq(got, 4711);
    rig_apply(r.as, op_unmap(FAR_AT, PAGE_SIZE));
    OPS->file_del(r.p, file);

    fd = host_memfd_create("another", 0);
    cr_assert_eq(host_ftruncate(fd, (int64_t)PAGE_SIZE), 0);
    cr_assert_eq(OPS->file_add(r.p, fd, &again), 0);
    cr_assert_eq(again, file);
    rig_apply(r.as, op);
    cr_assert(load(&r, r.as, FAR_AT + 8, &got));
    cr_assert_eq(got, 0);
    host_close(fd);
    rig_stop(&r);
}

Test(aspace, a_full_table_of_files_says_emfile)
{
    uint32_t file = 0, last = 0;
    int err = 0;
    struct rig r;

    start(&r);
    for (int i = 0; i < 100000 && !err; i++) {
        last = file;
        err = OPS->file_add(r.p, r.ram_fd, &file);
    }
    cr_assert_eq(err, -EMFILE);
    OPS->file_del(r.p, last);
    cr_assert_eq(OPS->file_add(r.p, r.ram_fd, &file), 0);
    cr_assert_eq(file, last);
    rig_stop(&r);
}

/* Makes address spaces and threads until the host has had enough. */
static bool survives_a_limit(void)
{
    enum { N = 300 };
    struct rlimit limit = { 100, 100 }; /* of all processes of that user */
    struct aspace *spaces[N];
    struct guest_thread *threads[N];
    struct rig r;
    int made = 0, ran = 0, err = 0;
    uint64_t got;

    /* The limit is none for root, and what others of our own user run we cannot know. */
    if (setresuid(65534, 65534, 65534))
        return true;
    if (setrlimit(RLIMIT_NPROC, &limit))
        return false;
    start(&r);
    if (!load(&r, r.as, DATA_AT, &got))
        return false;
    while (made < N && !(err = OPS->aspace_create(r.p, NULL, &spaces[made])))
        made++;
    if (err != -EAGAIN)
        return false;
    for (err = 0; ran < N && !err; ran++) {
        struct guest_regs regs = rig_regs(LOAD_AT);
        if (OPS->thread_create(r.p, &threads[ran]))
            return false;
        err = OPS->run(threads[ran], r.as, &regs, &r.stop);
    }
    if (err != -EAGAIN || !load(&r, r.as, DATA_AT, &got))
        return false;
    while (ran)
        OPS->thread_destroy(threads[--ran]);
    while (made)
        OPS->aspace_destroy(spaces[--made]);
    if (!load(&r, r.as, DATA_AT, &got))
        return false;
    rig_stop(&r);
    return true;
}

Test(aspace, a_host_without_processes_to_spare_says_eagain)
{
    int status;

    pid_t pid = fork();
    if (pid == 0)
        host_exit(survives_a_limit() ? 0 : 1);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
}

struct toucher {
    struct rig *r;
    pthread_t thread;
    atomic_bool stopped;
    atomic_int faults;
};

/* A guest thread that reads for ever; counts how often that did not go. */
static void *touch(void *arg)
{
    struct toucher *to = arg;
    struct guest_regs regs = rig_regs(CODE_AT + 64);
    struct guest_stop stop;
    struct guest_thread *t;

    cr_assert_eq(OPS->thread_create(to->r->p, &t), 0);
    regs.rdi = FAR_AT;
    while (!atomic_load(&to->stopped)) {
        cr_assert_eq(OPS->run(t, to->r->as, &regs, &stop), 0);
        atomic_fetch_add(&to->faults, stop.why == STOP_FAULT);
        cr_assert(stop.why == STOP_FAULT || stop.why == STOP_SYSCALL);
    }
    OPS->thread_destroy(t);
    return NULL;
}

/* On a busy machine a thread may not have begun when the others are done. */
static bool all_have_faulted(struct toucher *touchers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (atomic_load(&touchers[i].faults) == 0)
            return false;
    }
    return true;
}

Test(aspace, threads_share_it)
{
    struct toucher touchers[3];
    struct rig r;

    start(&r);
    CODE(&r, CODE_AT + 64,
         "\x48\x8b\x07\x0f\x05\xeb\xf9"); /* 1: mov (%rdi), %rax; syscall; jmp 1b */
    for (size_t i = 0; i < ARRAY_LEN(touchers); i++) {
        touchers[i] = (struct toucher){ .r = &r };
        cr_assert_eq(pthread_create(&touchers[i].thread, NULL, touch, &touchers[i]), 0);
    }
    for (int i = 0; i < 200 || (i < 20000 && !all_have_faulted(touchers, 3)); i++) {
        rig_apply(r.as, op_map(FAR_AT, PAGE_SIZE, PROT_READ, DATA_OFF));
        cr_assert_eq(OPS->aspace_barrier(r.as), 0);
        rig_apply(r.as, op_unmap(FAR_AT, PAGE_SIZE));
    }
    for (size_t i = 0; i < ARRAY_LEN(touchers); i++) {
        atomic_store(&touchers[i].stopped, true);
        cr_assert_eq(pthread_join(touchers[i].thread, NULL), 0);
        cr_assert_gt(atomic_load(&touchers[i].faults), 0);
    }
    rig_stop(&r);
}

Test(aspace, a_thousand_leave_nothing)
{
    static pid_t pids[CHILDREN_MAX];
    uint64_t got;
    struct rig r;

    start(&r);
    size_t before = children_of(getpid(), pids);
    for (int i = 0; i < 1000; i++) {
        struct aspace *as;
        cr_assert_eq(i % 2 ? OPS->aspace_fork(r.as, &as) : OPS->aspace_create(r.p, NULL, &as), 0);
        if (i % 10 == 1)
            cr_assert(load(&r, as, DATA_AT, &got));
        OPS->aspace_destroy(as);
        cr_assert_lt(children_of(getpid(), pids), before + 100);
    }
    rig_stop(&r);
    cr_assert_eq(children_of(getpid(), pids), 0);
}

/* Also where nothing else dies: a zombie does not wait for the next one. */
Test(aspace, a_dead_stub_is_collected_by_the_way)
{
    static pid_t pids[CHILDREN_MAX];
    struct aspace *as;
    uint64_t got;
    struct rig r;

    start(&r);
    cr_assert(load(&r, r.as, DATA_AT, &got));
    size_t before = children_of(getpid(), pids);
    cr_assert_eq(OPS->aspace_fork(r.as, &as), 0);
    cr_assert(load(&r, as, DATA_AT, &got));
    OPS->aspace_destroy(as);
    do
        cr_assert(load(&r, r.as, DATA_AT, &got));
    while (children_of(getpid(), pids) != before);
    rig_stop(&r);
}

Test(aspace, what_the_caller_forgets_destroy_ends)
{
    static pid_t pids[CHILDREN_MAX];
    struct aspace *as;
    uint64_t got;
    struct rig r;

    start(&r);
    cr_assert_eq(OPS->aspace_fork(r.as, &as), 0);
    cr_assert(load(&r, as, DATA_AT, &got));
    OPS->destroy(r.p);
    cr_assert_eq(children_of(getpid(), pids), 0);
    cr_assert_eq(host_munmap(r.ram, RAM_SIZE), 0);
    host_close(r.ram_fd);
}

Test(aspace, a_dead_agent_is_an_io_error)
{
    static pid_t before[CHILDREN_MAX], after[CHILDREN_MAX];
    struct mem_op op = op_unmap(FAR_AT, PAGE_SIZE);
    struct aspace *as, *child;
    struct rig r;

    start(&r);
    size_t n = children_of(getpid(), before), m;
    cr_assert_eq(OPS->aspace_create(r.p, NULL, &as), 0);
    m = children_of(getpid(), after);
    cr_assert_eq(m, n + 1);
    for (size_t i = 0; i < m; i++) {
        bool old = false;
        for (size_t j = 0; j < n; j++)
            old |= after[i] == before[j];
        if (!old)
            cr_assert_eq(kill(after[i], SIGKILL), 0);
    }
    cr_assert_eq(OPS->aspace_apply(as, &op, 1), -EIO);
    cr_assert_eq(OPS->aspace_apply(as, &op, 1), -EIO);
    cr_assert_eq(OPS->aspace_fork(as, &child), -EIO);
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(OPS->run(r.t, as, &regs, &r.stop), -EIO);
    OPS->aspace_destroy(as);
    rig_apply(r.as, op);
    rig_stop(&r);
}
