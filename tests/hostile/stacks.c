/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --timeout=60s */
/* ends: 0 */
/* Stacks that overflow, jump over their guard, grow into others, or are nowhere at all. */
#include <alloca.h>
#include <pthread.h>
#include <sys/resource.h>

#include "lib.h"

static int __attribute__((noinline)) down(volatile char *above, int n)
{
    volatile char here[4000];

    here[0] = above[0];
    if (n < 0)
        return 0;
    return down(here, n + 1) + here[1];
}

static void overflow(void *arg)
{
    (void)arg;
    down((char[]){ 0 }, 0);
}

static void overflow_handled(void *arg)
{
    stack_t st = { .ss_sp = malloc(65536), .ss_size = 65536 };

    sigaltstack(&st, NULL);
    sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = _exit, .sa_flags = SA_ONSTACK }, NULL);
    overflow(arg);
}

static void unlimited(void *arg)
{
    setrlimit(RLIMIT_STACK, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
    overflow(arg);
}

static void over_the_guard(void *arg)
{
    volatile char *far = (char *)__builtin_frame_address(0) - ((size_t) * (int *)arg << 20);

    *far = 1;
}

static void *thread_overflow(void *arg)
{
    overflow(arg);
    return NULL;
}

static void in_thread(void *arg)
{
    pthread_t t;

    (void)arg;
    pthread_create(&t, NULL, thread_overflow, NULL);
    pthread_join(t, NULL);
}

static void grows_down(void *arg)
{
    char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN,
                   -1, 0);

    (void)arg;
    for (char *q = p + 65535;; q -= 4096)
        *q = 1;
}

static void elsewhere(void *arg)
{
    static const uint64_t stacks[] = { 0,
                                       4,
                                       4096,
                                       0x7fffffffeff8,
                                       0x7ffffffffff8,
                                       0x800000000008,
                                       0xffffffff81000000,
                                       0xffffffffffffffff,
                                       0x8000000000000001 };
    uint64_t at = stacks[*(int *)arg / 3 % COUNT(stacks)];

    switch (*(int *)arg % 3) {
    case 0:
        __asm__ volatile("mov %0, %%rsp\n mov $39, %%eax\n syscall\n call *%%rax"
                         :
                         : "r"(at)
                         : "memory");
        break;
    case 1:
        __asm__ volatile("mov %0, %%rsp\n mov $57, %%eax\n syscall\n mov $60, %%eax\n syscall"
                         :
                         : "r"(at)
                         : "memory");
        break;
    default:
        __asm__ volatile("mov %0, %%rsp\n mov $24, %%ecx\n 1: mov $24, %%eax\n syscall\n jmp 1b"
                         :
                         : "r"(at)
                         : "memory");
        break;
    }
}

/* A child of clone() whose stack is no stack. */
static void bad_clone(void *arg)
{
    static const uint64_t stacks[] = { 8, 0x1000, 0x7ffffffff000, 0x800000000000,
                                       0xffffffff81000000 };
    static const long flags[] = { SIGCHLD, 0x100 | SIGCHLD, 0x10f00, 0x50f00, 0x4100 | SIGCHLD };
    long pid = syscall(SYS_clone, flags[*(int *)arg / 5 % 5], stacks[*(int *)arg % 5], 8, 8,
                       0x8000000000000000);

    if (pid == 0)
        __asm__ volatile("push %rax\n ud2");
    sleep_ms(20);
}

int main(void)
{
    in_child(overflow, NULL, 5000);
    in_child(overflow_handled, NULL, 5000);
    in_child(unlimited, NULL, 5000);
    for (int mb = 1; mb < 200; mb += 7)
        in_child(over_the_guard, &mb, 1000);
    in_child(in_thread, NULL, 5000);
    in_child(grows_down, NULL, 5000);
    for (int i = 0; i < 27; i++)
        in_child(elsewhere, &i, 200);
    for (int i = 0; i < 25; i++)
        in_child(bad_clone, &i, 500);
    puts("survived");
    return 0;
}
