/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=100 --timeout=200s */
/* ends: 0 */
/*
 * Programs that leave behind all they can: memory, threads that run, sleep or are done, timers,
 * signals, an alternate stack, a robust list, shut protection keys, bases of segments, vector
 * registers, and their slot written over with what stub code takes for orders and answers. The
 * next program has the same address space of the host's again, and must find nothing of it.
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <pthread.h>
#include <sys/time.h>

#include "lib.h"

#define SECRET    0x5ec4e75ec4e75ec4ul
#define HELD_AT   ((char *)0x300000000000)
#define HELD_SIZE ((size_t)4 << 20)
#define SLOT_SIZE 0x10000ul /* platform-systrap/layout.h */

static bool has(unsigned leaf, unsigned ebx, unsigned ecx)
{
    unsigned a, b = 0, c = 0, d;

    __get_cpuid_count(leaf, 0, &a, &b, &c, &d);
    return (b & ebx) == ebx && (c & ecx) == ecx;
}

/* ---- what one leaves ---- */

static void fill(uint64_t *at, size_t size)
{
    for (size_t i = 0; i < size / sizeof *at; i++)
        at[i] = SECRET;
}

static void *spin(void *arg)
{
    for (;;)
        __asm__ volatile("pause");
    return arg;
}

static void *sleep_on(void *arg)
{
    static int word;

    (void)arg;
    syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
    return NULL;
}

/* Orders that stub code might obey later: from the second word to the last of its slot. */
static void leave_slot(struct dice *d)
{
    static const uint64_t words[] = { 0, 1, 2, 3, 4, 5, 31, SECRET, -1ul, (uint64_t)HELD_AT };
    uint64_t base = 0;

    if (has(7, bit_FSGSBASE, 0))
        __asm__ volatile("rdgsbase %0" : "=r"(base));
    if (base < 0x7fffb0000000)
        return; /* a platform without slots */
    for (uint64_t off = 8; off < SLOT_SIZE; off += 8)
        *(volatile uint64_t *)(base + off) = words[roll(d) % COUNT(words)];
}

static void *spoil(void *dice)
{
    leave_slot(dice);
    return NULL;
}

/* Some are done before we are, and their stubs wait for the next; the others are in its way. */
static void leave_threads(struct dice *d, bool quiet)
{
    pthread_t t;

    for (int i = 0; i < 2; i++) {
        if (pthread_create(&t, NULL, spoil, d) == 0)
            pthread_join(t, NULL);
    }
    if (quiet)
        return;
    pthread_create(&t, NULL, spin, NULL);
    pthread_create(&t, NULL, sleep_on, NULL);
}

static void leave_memory(void)
{
    void *at = mmap(HELD_AT, HELD_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (at == MAP_FAILED)
        _exit(0);
    fill(at, HELD_SIZE);
}

static void leave_signals(void)
{
    const struct itimerval soon = {
        {0,  3000},
        { 0, 3000}
    };
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
    const struct itimerspec often = {
        {0,  3000000},
        { 0, 3000000}
    };
    stack_t stack = { .ss_sp = HELD_AT, .ss_size = 65536 };
    sigset_t all;
    timer_t timer;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    sigaltstack(&stack, NULL);
    for (int sig = 1; sig < 65; sig++)
        signal(sig, SIG_IGN);
    signal(SIGUSR1, SIG_DFL);
    for (int sig = 34; sig < 65; sig++)
        signal(sig, SIG_DFL);
    kill(getpid(), SIGUSR1);
    kill(getpid(), 40);
    setitimer(ITIMER_REAL, &soon, NULL);
    setitimer(ITIMER_VIRTUAL, &soon, NULL);
    if (timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0)
        timer_settime(timer, 0, &often, NULL);
    alarm(1);
    syscall(SYS_set_robust_list, HELD_AT, 24);
    syscall(SYS_set_tid_address, HELD_AT);
}

static void leave_registers(struct dice *d)
{
    const unsigned mxcsr = 0x7f80;

    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    if (has(7, bit_AVX512F, 0)) {
        __asm__ volatile("vpbroadcastq %0, %%zmm31" ::"r"(SECRET));
        __asm__ volatile("vpbroadcastq %0, %%zmm9" ::"r"(SECRET));
    }
    __asm__ volatile("movq %0, %%xmm15; pushq %0; fldl (%%rsp); pop %%rax" ::"r"(SECRET)
                     : "rax", "xmm15");
    if (roll(d) % 4 == 0)
        syscall(SYS_arch_prctl, ARCH_SET_GS, HELD_AT);
    if (roll(d) % 2 && has(7, 0, bit_OSPKE))
        __asm__ volatile("wrpkru" ::"a"(roll(d) % 2 ? ~0u : 0xfffffffcu), "c"(0), "d"(0));
}

/* The last call or none, without memory: that may be shut. */
static _Noreturn void end(uint64_t how)
{
    if (how % 4 == 0)
        __asm__ volatile("ud2");
    if (how % 4 == 1)
        for (;;)
            __asm__ volatile("pause"); /* until we are killed */
    __asm__ volatile("syscall" ::"a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
    __builtin_unreachable();
}

static void leave(void *arg)
{
    struct dice d = { *(uint64_t *)arg };
    uint64_t how = roll(&d);

    leave_memory();
    leave_threads(&d, how % 2);
    leave_signals();
    leave_slot(&d);
    leave_registers(&d);
    end(how >> 1);
}

/* ---- what the next one finds ---- */

static volatile sig_atomic_t came;

static void count(int sig)
{
    came = sig;
}

static void look_at_registers(void)
{
    static char area[16384] __attribute__((aligned(64)));
    unsigned mxcsr;
    unsigned long gs = 1;

    __asm__ volatile("xsave64 %0" : "+m"(area) : "a"(~0), "d"(0));
    for (size_t off = 0; off + 8 <= sizeof area; off += 8) {
        if (memcmp(area + off, &(uint64_t){ SECRET }, 8) == 0)
            breach("another program's vector registers");
    }
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    if ((mxcsr & ~0x3fu) != 0x1f80)
        breach("another program's rounding mode");
    if (syscall(SYS_arch_prctl, ARCH_GET_GS, &gs) || gs)
        breach("another program's GS base");
    if (has(7, 0, bit_OSPKE)) {
        unsigned pkru, d;
        __asm__ volatile("rdpkru" : "=a"(pkru), "=d"(d) : "c"(0));
        if (pkru != 0x55555554)
            breach("another program's protection keys");
    }
}

static void look_at_memory(void)
{
    const size_t size = (size_t)16 << 20;
    unsigned char vec;

    if (mincore(HELD_AT, 4096, &vec) == 0 || errno != ENOMEM)
        breach("another program's mapping");
    uint64_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return;
    for (size_t i = 0; i < size / sizeof *p; i++) {
        if (p[i])
            breach("another program's memory");
    }
    if (write(-1, HELD_AT, 1) != -1 || errno != EBADF)
        breach("a descriptor that is none");
}

static void look_at_calls(void)
{
    char name[32] = "";
    void *head = NULL;
    size_t len;

    if (readlink("/proc/self", name, sizeof name - 1) < 1)
        breach("no /proc");
    syscall(SYS_umask, 022);
    for (int i = 0; i < 300; i++) {
        if (syscall(SYS_umask, 022) != 022)
            breach("a call that was not made");
        if (syscall(SYS_getpid) != atoi(name) || syscall(SYS_gettid) != atoi(name))
            breach("another program's answers");
    }
    if (syscall(SYS_get_robust_list, 0, &head, &len) || head == HELD_AT)
        breach("another program's robust list");
}

static void look_at_signals(void)
{
    struct itimerval timer;
    sigset_t set;
    stack_t stack;

    if (sigpending(&set) || !sigisemptyset(&set))
        breach("another program's pending signal");
    if (sigprocmask(SIG_BLOCK, NULL, &set) || !sigisemptyset(&set))
        breach("another program's mask");
    if (sigaltstack(NULL, &stack) || !(stack.ss_flags & SS_DISABLE))
        breach("another program's alternate stack");
    for (int which = 0; which < 3; which++) {
        if (getitimer(which, &timer) || timer.it_value.tv_sec || timer.it_value.tv_usec)
            breach("another program's timer");
    }
    sleep_ms(7);
    if (came)
        breach("another program's signal");
}

static int look(void)
{
    look_at_registers();
    for (int sig = 1; sig < 32; sig++)
        signal(sig, count);
    look_at_signals();
    look_at_memory();
    look_at_calls();
    return 0;
}

/* ---- in turns ---- */

static void next(void *name)
{
    execl("/proc/self/exe", name, "look", NULL);
    _exit(98);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return look();
    for (uint64_t i = 1; i <= (uint64_t)effort(60); i++) {
        in_child(leave, &i, 40);
        int status = in_child(next, argv[0], 20000);
        if (status == -1)
            continue; /* no room for a child: those before are still dying */
        if (!WIFEXITED(status) || WEXITSTATUS(status))
            breach("a program came to harm by the one before it");
    }
    return 0;
}
