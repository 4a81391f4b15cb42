/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that shuts protection key 0, which all of its memory has: it computes on, calls that
 * need no memory of it work, and what it reads is SEGV_PKUERR.
 *
 *   source    pkeys(7); SDM vol. 3, 4.6.2; arch/x86/kernel/fpu/signal.c, update_pkru_in_sigframe()
 */
#include <cpuid.h>
#include <pthread.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#include "tests/guest/child.h"
#include "tests/guest/faults.h"

#define SHUT       1u /* PKRU: key 0, no access */
#define READ_ONLY  2u
#define KEY_0      3u
#define XSAVE_PKRU 9
#define MANY       3000

static unsigned pkru_off; /* of PKRU in an XSAVE area */

static bool has_keys(void)
{
    unsigned a, b, c = 0, d, size;

    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    if (!(c & bit_OSPKE))
        return false;
    __cpuid_count(0xd, XSAVE_PKRU, size, pkru_off, c, d);
    return size != 0;
}

/* Before each signal, and at each change of processors, Linux writes to that: with key 0 shut it
 * cannot, and ends the program. */
static void leave_rseq(void)
{
    char *thread = __builtin_thread_pointer();

    if (__rseq_size)
        syscall(SYS_rseq, thread + __rseq_offset, sizeof(struct rseq), RSEQ_FLAG_UNREGISTER,
                RSEQ_SIG);
}

static unsigned rdpkru(void)
{
    unsigned a, d;

    __asm__ volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

/* Makes a call with `pkru`, and tells what that was after it. No memory is touched meanwhile. */
static long call_with(unsigned pkru, long nr, long arg, unsigned *after)
{
    const unsigned before = rdpkru();
    unsigned a = pkru, c = 0, d = 0, seen;
    long got;

    __asm__ volatile(
        "wrpkru\n\t"
        "mov %[nr], %%rax\n\t"
        "syscall\n\t"
        "mov %%rax, %[got]\n\t"
        "xor %%ecx, %%ecx\n\t"
        "rdpkru\n\t"
        "mov %%eax, %[seen]\n\t"
        "mov %[before], %%eax\n\t"
        "xor %%edx, %%edx\n\t"
        "wrpkru"
        : "+a"(a), "+c"(c), "+d"(d), [got] "=&r"(got), [seen] "=&r"(seen)
        : [nr] "r"(nr), "D"(arg), [before] "r"(before)
        : "r11", "memory");
    *after = seen;
    return got;
}

static volatile unsigned frame_pkru, handler_pkru, handled;

/* Notes what it finds; a fault has key 0 opened again in its frame. */
static void handler(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    unsigned *pkru = (unsigned *)((char *)uc->uc_mcontext.fpregs + pkru_off);

    handled++;
    handler_pkru = rdpkru();
    frame_pkru = *pkru;
    fault_code = info->si_code;
    fault_addr = info->si_addr;
    if (signo == SIGSEGV)
        *pkru &= ~KEY_0;
}

static void handle(int signo)
{
    struct sigaction act = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

    sigaction(signo, &act, NULL);
    handled = 0;
}

static bool signals_may_come(void)
{
    unsigned a = rdpkru() | SHUT, c = 0, d = 0;
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        handle(SIGTRAP);
        __asm__ volatile("wrpkru; int3; xor %%eax, %%eax; wrpkru"
                         : "+a"(a), "+c"(c), "+d"(d)::"memory");
        _exit(handled != 1);
    }
    waitpid(pid, &status, 0);
    return status == 0;
}

/* Reads, or writes, a word with `pkru`. */
static int access_with(unsigned pkru, int *word, bool write)
{
    const unsigned before = rdpkru();
    unsigned a = pkru, c = 0, d = 0;
    int got = 0;

    if (write)
        __asm__ volatile("wrpkru; movl $7, (%[word])"
                         : "+a"(a), "+c"(c), "+d"(d)
                         : [word] "r"(word)
                         : "memory");
    else
        __asm__ volatile("wrpkru; mov (%[word]), %[got]"
                         : "+a"(a), "+c"(c), "+d"(d), [got] "=&r"(got)
                         : [word] "r"(word)
                         : "memory");
    a = before, c = d = 0;
    __asm__ volatile("wrpkru" : "+a"(a), "+c"(c), "+d"(d)::"memory");
    return got;
}

TEST(there_are_keys)
{
    if (!has_keys())
        SKIP_ALL("no protection keys here");
    leave_rseq();
    CHECK_EQ(rdpkru() & KEY_0, 0);
    if (!signals_may_come())
        SKIP_ALL("a signal while key 0 is shut ends a program before Linux 6.12");
}

TEST(calls_without_memory_work_and_leave_the_key_shut)
{
    const unsigned open = rdpkru();
    unsigned after;

    for (int i = 0; i < MANY; i++) {
        unsigned pkru = open | (i % 3 == 0 ? SHUT : i % 3 == 1 ? READ_ONLY : 0);
        CHECK_EQ(call_with(pkru, SYS_getpid, 0, &after), getpid());
        CHECK_EQ(after, pkru);
    }
    CHECK_EQ(call_with(open | SHUT, SYS_close, -1, &after), -EBADF);
    CHECK_EQ(after, open | SHUT);
    CHECK_EQ(rdpkru(), open);
}

/* The floating point state goes with it. */
TEST(vector_registers_stay)
{
    const unsigned open = rdpkru();
    unsigned long out = 0;
    unsigned after;

    __asm__ volatile("movq %0, %%xmm15" ::"r"(0x1234567890abcdefL) : "xmm15");
    call_with(open | SHUT, SYS_getppid, 0, &after);
    __asm__ volatile("movq %%xmm15, %0" : "=r"(out)::"xmm15");
    CHECK_EQ(out, 0x1234567890abcdefL);
    CHECK_EQ(after, open | SHUT);
}

TEST(memory_is_out_of_reach)
{
    const unsigned open = rdpkru();
    int word = 5;

    handle(SIGSEGV);
    CHECK_EQ(access_with(open | SHUT, &word, false), 5);
    CHECK_EQ(handled, 1);
    CHECK_EQ(fault_code, SEGV_PKUERR);
    CHECK(fault_addr == &word);
    CHECK_EQ(frame_pkru, open | SHUT);
    CHECK_EQ(handler_pkru & KEY_0, 0);
    CHECK_EQ(access_with(open | READ_ONLY, &word, false), 5);
    CHECK_EQ(handled, 1);
    access_with(open | READ_ONLY, &word, true);
    CHECK_EQ(word, 7);
    CHECK_EQ(handled, 2);
    CHECK_EQ(fault_code, SEGV_PKUERR);
    CHECK_EQ(frame_pkru, open | READ_ONLY);
}

/* Pages that nobody has touched yet are no exception. */
TEST(new_memory_is_out_of_reach)
{
    const unsigned open = rdpkru();
    int *page = mmap(NULL, PAGE, RW, ANON, -1, 0);

    CHECK(page != MAP_FAILED);
    handle(SIGSEGV);
    CHECK_EQ(access_with(open | SHUT, page, false), 0);
    CHECK_EQ(handled, 1);
    CHECK_EQ(fault_code, SEGV_PKUERR);
    CHECK(fault_addr == page);
    munmap(page, PAGE);
}

TEST(nobody_handles_it)
{
    int status, word = 1;
    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(access_with(rdpkru() | SHUT, &word, false));
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* Computes for a while with the key shut; what PKRU is at the end. */
static unsigned compute(unsigned pkru, unsigned rounds)
{
    const unsigned before = rdpkru();
    unsigned a = pkru, c = 0, d = 0, seen;

    __asm__ volatile(
        "wrpkru\n"
        "1:\tdec %[rounds]\n\t"
        "jnz 1b\n\t"
        "rdpkru\n\t"
        "mov %%eax, %[seen]\n\t"
        "mov %[before], %%eax\n\t"
        "wrpkru"
        : "+a"(a), "+c"(c), "+d"(d), [seen] "=&r"(seen), [rounds] "+&r"(rounds)
        : [before] "r"(before)
        : "memory");
    return seen;
}

TEST(signals_come_while_it_is_shut)
{
    const struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
    const unsigned open = rdpkru();

    handle(SIGALRM);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 1000 && handled < 20; i++)
        CHECK_EQ(compute(open | SHUT, 2000000), open | SHUT);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(handled >= 20);
    CHECK_EQ(handler_pkru & KEY_0, 0);
}

static void *call_much(void *arg)
{
    const unsigned open = rdpkru();
    unsigned after;

    leave_rseq();
    for (int i = 0; i < MANY; i++) {
        if (call_with(open | (i % 2 ? SHUT : 0), SYS_gettid, 0, &after) < 1)
            *(bool *)arg = true;
        if (after != (open | (i % 2 ? SHUT : 0)))
            *(bool *)arg = true;
    }
    return NULL;
}

TEST(threads_have_a_key_each)
{
    bool wrong[4] = { false };
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, call_much, &wrong[i]), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK(!wrong[i]);
    }
}

MAIN
