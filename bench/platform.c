/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of a platform cost, in microseconds each: platform [ptrace] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/host.h"
#include "base/panic.h"
#include "include/platform.h"

#define CODE_AT       0x400000u
#define COMPUTE_AT    (CODE_AT + 64)
#define COMPUTE_TURNS 2000000u /* about a millisecond */
#define AREA_AT       0x10000000u
#define RAM           ((int64_t)256 << 20)
#define CHUNK         ((uint64_t)64 << 10)

static const struct platform_ops *platform = &platform_systrap;
static struct platform *p;
static struct aspace *as;

static void must(int err, const char *what)
{
    if (err)
        panic("%s: %d", what, err);
}

static void report(const char *what, nsec_t since, int times)
{
    nsec_t span = host_clock_gettime(CLOCK_MONOTONIC) - since;

    printf("%-44s %8.2f us\n", what, (double)span / times / 1000);
}

static nsec_t now(void)
{
    return host_clock_gettime(CLOCK_MONOTONIC);
}

static struct guest_regs start_regs(void)
{
    return (struct guest_regs){
        .rip = CODE_AT, .cs = GUEST_CS, .ss = GUEST_SS, .eflags = EFLAGS_FIXED
    };
}

static struct mem_op map_op(uint64_t i, int prot)
{
    /* Backwards in RAM, so that the host cannot merge neighbours. */
    return (struct mem_op){ MEM_MAP, prot,     AREA_AT + i * CHUNK,
                            CHUNK,   FILE_RAM, (uint64_t)RAM - (i + 1) * CHUNK };
}

/* getppid for ever: syscall; jmp back */
static void round_trips(struct guest_thread *t, int times)
{
    struct guest_regs regs = start_regs();
    struct guest_stop stop;

    for (int i = 0; i < times / 10; i++)
        must(platform->run(t, as, &regs, &stop), "run");
    nsec_t since = now();
    for (int i = 0; i < times; i++) {
        must(platform->run(t, as, &regs, &stop), "run");
        regs.rax = (uint64_t)i;
    }
    report("a call, round trip", since, times);
}

struct caller {
    pthread_t thread;
    int times;
    bool compute; /* between calls */
};

static void *call_much(void *arg)
{
    struct caller *c = arg;
    struct guest_regs regs = start_regs();
    struct guest_stop stop;
    struct guest_thread *t;

    must(platform->thread_create(p, &t), "thread");
    if (c->compute)
        regs.rip = COMPUTE_AT;
    for (int i = 0; i < c->times; i++) {
        regs.rdi = COMPUTE_TURNS;
        must(platform->run(t, as, &regs, &stop), "run");
    }
    platform->thread_destroy(t);
    return NULL;
}

/* Several threads at once: a call of one while the others make theirs. */
static void parallel(int n, int times, bool compute)
{
    struct caller callers[16] = { 0 };
    char what[64];

    nsec_t since = now();
    for (int i = 0; i < n; i++) {
        callers[i] = (struct caller){ .times = times, .compute = compute };
        must(pthread_create(&callers[i].thread, NULL, call_much, &callers[i]), "pthread_create");
    }
    for (int i = 0; i < n; i++)
        must(pthread_join(callers[i].thread, NULL), "pthread_join");
    snprintf(what, sizeof what, "%d threads, a %s of all", n, compute ? "ms and a call" : "call");
    report(what, since, times * n);
}

static void memory(int n, int times)
{
    struct mem_op *ops = calloc((size_t)n, sizeof *ops);
    char what[64];

    nsec_t since = now();
    for (int i = 0; i < times; i++) {
        for (int j = 0; j < n; j++)
            ops[j] = map_op((uint64_t)j, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE);
        must(platform->aspace_apply(as, ops, (size_t)n), "apply");
    }
    snprintf(what, sizeof what, "a batch of %d mmap", n);
    report(what, since, times);
    free(ops);
}

static void forks(int times)
{
    struct aspace *child;
    nsec_t fork = 0, destroy = 0, since;

    for (int i = 0; i < times; i++) {
        since = now();
        must(platform->aspace_fork(as, &child), "fork");
        fork += now() - since;
        since = now();
        platform->aspace_destroy(child);
        destroy += now() - since;
    }
    report("aspace_fork of 100 mappings", now() - fork, times);
    report("aspace_destroy", now() - destroy, times);
}

static void threads(int times)
{
    struct guest_regs regs;
    struct guest_stop stop;
    struct guest_thread *t;

    nsec_t since = now();
    for (int i = 0; i < times; i++) {
        must(platform->thread_create(p, &t), "thread");
        regs = start_regs();
        must(platform->run(t, as, &regs, &stop), "run");
        platform->thread_destroy(t);
    }
    report("a new thread's first call, and its end", since, times);
}

static void processes(int times)
{
    struct guest_regs regs;
    struct guest_stop stop;
    struct guest_thread *t;
    struct aspace *child;

    nsec_t since = now();
    for (int i = 0; i < times; i++) {
        must(platform->aspace_fork(as, &child), "fork");
        must(platform->thread_create(p, &t), "thread");
        regs = start_regs();
        must(platform->run(t, child, &regs, &stop), "run");
        platform->thread_destroy(t);
        platform->aspace_destroy(child);
    }
    report("fork, first call, end of both", since, times);
}

int main(int argc, char *argv[])
{
    struct guest_thread *t;
    void *at;

    if (argc > 1 && strcmp(argv[1], platform_ptrace.name) == 0)
        platform = &platform_ptrace;
    int fd = host_memfd_create("ram", 0);
    must(fd < 0 ? fd : host_ftruncate(fd, RAM), "ram");
    must(host_mmap(NULL, (size_t)RAM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &at), "ram");
    memcpy(at, "\x0f\x05\xeb\xfc", 4);
    /* 1: dec %rdi; jnz 1b; syscall; jmp 1b */
    memcpy((char *)at + COMPUTE_AT - CODE_AT, "\x48\xff\xcf\x75\xfb\x0f\x05\xeb\xf7", 9);

    struct platform_options opts = { .ram_fd = fd };
    nsec_t since = now();
    must(platform->create(&opts, &p), "create");
    report("create", since, 1);
    must(platform->aspace_create(p, NULL, &as), "aspace");
    must(platform->thread_create(p, &t), "thread");
    struct mem_op op = { MEM_MAP, PROT_READ | PROT_EXEC, CODE_AT, PAGE_SIZE, FILE_RAM, 0 };
    must(platform->aspace_apply(as, &op, 1), "apply");

    round_trips(t, 20000);
    for (int n = 1; n <= 8; n *= 2)
        parallel(n, 10000, false);
    for (int n = 1; n <= 4; n *= 2)
        parallel(n, 300, true);
    memory(1, 5000);
    memory(16, 2000);
    memory(100, 500);
    forks(500);
    threads(500);
    processes(500);
    since = now();
    platform->thread_destroy(t);
    platform->destroy(p);
    report("destroy", since, 1);
    return 0;
}
