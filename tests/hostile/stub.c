/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --timeout=90s */
/* ends: 0 124 137 */
/*
 * Looks for what is in its address space beside its own memory: reads, writes, jumps to, unmaps
 * and maps over every place where a sandbox might keep code of its own.
 */
#include <setjmp.h>
#include <ucontext.h>

#include "lib.h"

static sigjmp_buf back;

static void fault(int s)
{
    siglongjmp(back, s);
}

static void catch_all(void)
{
    static char stack[65536];

    sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
    for (int s = 1; s < 32; s++)
        sigaction(s,
                  &(struct sigaction){ .sa_handler = fault, .sa_flags = SA_ONSTACK | SA_NODEFER },
                  NULL);
}

/* The i-th place that a stub could be at: the ends of the address space first. */
static uintptr_t place(int i)
{
    static const uintptr_t likely[] = {
        0x7ffffffff000, 0x7fffffffe000, 0x7fffffffd000, 0x7ffffffef000, 0x7fffffff0000,
        0x7fffffe00000, 0x7fffc0000000, 0x10000,        0x1000,         0,
        0x70000000,     0x7ff000000000
    };
    struct dice d = { (uint64_t)i };

    if (i < (int)COUNT(likely) * 32)
        return likely[i / 32] + (uintptr_t)(i % 32) * 4096;
    return roll(&d) & 0x7ffffffff000;
}

static volatile char sink;

static void poke(uintptr_t at)
{
    if (!sigsetjmp(back, 1))
        sink = *(volatile char *)at;
    if (!sigsetjmp(back, 1))
        *(volatile char *)at = 0x0f;
}

static void read_and_write(void *arg)
{
    (void)arg;
    catch_all();
    for (int i = 0; i < 2000; i++)
        poke(place(i));
}

static void jump(void *arg)
{
    int n = *(int *)arg;

    catch_all();
    for (int i = n; i < n + 100; i++)
        for (uintptr_t off = 0; off < 64; off += 1 + (uintptr_t)i % 3)
            if (!sigsetjmp(back, 1))
                __asm__ volatile(
                    "mov $0x1111, %%rdi\n mov $0x2222, %%rsi\n mov $9, %%rax\n mov $3, %%rdx\n"
                    "mov $0x32, %%r10\n mov $-1, %%r8\n xor %%r9, %%r9\n jmp *%0"
                    :
                    : "r"(place(i) + off)
                    : "rax", "rdi", "rsi", "rdx", "r10", "r8", "r9", "memory");
}

static void map_over(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1500; i++) {
        void *p = mmap((void *)place(i), 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED)
            memset(p, 0xcc, 4096);
        p = mmap((void *)(0x7ffffffff000 - 4096 * (size_t)(1 + i % 64)), 4096, PROT_NONE,
                 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        (void)p;
    }
}

/* All of it, but for the page that runs and the call that does it. */
static void unmap_all(void *arg)
{
    uintptr_t here = (uintptr_t)unmap_all & ~(uintptr_t)0xffff,
              stack = (uintptr_t)&arg & ~(uintptr_t)0xffff;

    munmap((void *)0x1000, here - 0x1000);
    munmap((void *)(here + 0x20000), stack - 0x10000 - (here + 0x20000));
    munmap((void *)(stack + 0x20000), 0x7ffffffff000 - (stack + 0x20000));
    mprotect((void *)(stack - 0x10000), 0x30000, PROT_READ | PROT_WRITE | PROT_EXEC);
    /* then everything, with nothing to come back to */
    syscall(SYS_munmap, 0, 0x7ffffffff000);
}

static void protect_all(void *arg)
{
    static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE | PROT_EXEC,
                                 PROT_EXEC };

    for (uintptr_t at = 0; at < 0x7ffffffff000; at += (uintptr_t)1 << 38)
        syscall(SYS_mprotect, at, (uintptr_t)1 << 38, prots[*(int *)arg]);
    syscall(SYS_mprotect, 0, 0x7ffffffff000, prots[*(int *)arg]);
}

/* Everything that /proc/self/maps shows, and everything between. */
static void between_maps(void *arg)
{
    FILE *f = fopen("/proc/self/maps", "r");
    uintptr_t start, end, last = 0;
    char line[512];

    (void)arg;
    catch_all();
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx", &start, &end) != 2)
            continue;
        poke(start - 1), poke(start - 4096), poke((last + start) / 2 & ~(uintptr_t)4095),
            poke(last), poke(end);
        last = end;
    }
}

static void move_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++) {
        syscall(SYS_mremap, place(i), 4096, 65536, 1, 0);
        syscall(SYS_mremap, place(i), 4096, 4096, 3, 0x500000000000 + (uintptr_t)i * 4096);
        syscall(SYS_mremap, place(i), 0, 4096, 1, 0);
        syscall(SYS_madvise, place(i), 4096, 4);
        syscall(SYS_mincore, place(i), 4096, &sink);
    }
}

/* Host's own calls by which a stub might be steered, made with its likely arguments. */
static void pretend(void *arg)
{
    (void)arg;
    for (long nr = 0; nr < 600; nr++)
        if (nr != SYS_exit && nr != SYS_exit_group && nr != SYS_vfork && nr != SYS_fork &&
            nr != SYS_pause && nr != SYS_rt_sigsuspend)
            syscall(nr + ((long)roll(&(struct dice){ (uint64_t)nr }) << 32), 3, 0, 0, 0, 0, 0);
}

int main(void)
{
    in_child(read_and_write, NULL, 10000);
    for (int i = 0; i < 500; i += 100)
        in_child(jump, &i, 3000);
    in_child(map_over, NULL, 5000);
    in_child(unmap_all, NULL, 2000);
    for (int i = 0; i < 4; i++)
        in_child(protect_all, &i, 2000);
    in_child(between_maps, NULL, 2000);
    in_child(move_all, NULL, 3000);
    in_child(pretend, NULL, 3000);
    puts("survived");
    return 0;
}
