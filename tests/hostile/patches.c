/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --timeout=90s */
/* ends: 0 124 137 */
/*
 * Call sites that may be replaced by jumps, while everything around them changes: their text is
 * made writable, moved, unmapped and mapped again, read and written from outside, and what
 * trampolines there may be are jumped into and mapped over. Whoever gets hurt is this program.
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "lib.h"

#define LOW      0x60000ul /* where a platform may have trampolines */
#define LOW_SIZE 0x20000ul
#define SITES    64
#define STRIDE   64
#define SIZE     (2 * 4096)

/* mov $39,%eax; syscall; and syscall; cmp $-4095,%rax: behind enough that a decoder gets in step.
 */
extern char lead[], sites[];
__asm__(
    ".text; .balign 4096\n"
    "lead: .rept 64; movq %rdi,%rdx; .endr; .balign 64\n"
    "sites: .rept 32; .balign 64; movl $39,%eax; syscall; ret\n"
    ".balign 64; movb $39,%al; movzbl %al,%eax; syscall; cmpq $-4095,%rax; ret; .endr\n"
    ".balign 4096\n");

static __thread sigjmp_buf back;
static char *text; /* a copy of the sites in a file */
static int file;
static volatile bool stop;

static void fault(int s)
{
    siglongjmp(back, s);
}

static void catch_all(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS };
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = 65536 }, NULL);
    for (size_t i = 0; i < COUNT(signals); i++)
        sigaction(signals[i],
                  &(struct sigaction){ .sa_handler = fault, .sa_flags = SA_ONSTACK | SA_NODEFER },
                  NULL);
}

static void make_text(void)
{
    char name[] = "/tmp/patches_XXXXXX";

    file = mkstemp(name);
    if (file < 0 || write(file, lead, SIZE) != SIZE)
        _exit(0);
    unlink(name);
    text = mmap(NULL, SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    if (text == MAP_FAILED)
        _exit(0);
}

/* Calls as far as there is something to call. A result that is no pid is nobody's. */
static void *call(void *arg)
{
    struct dice d = { (uintptr_t)arg };
    long pid = getpid();

    catch_all();
    while (!stop) {
        char *site = text + (sites - lead) + roll(&d) % SITES * STRIDE;
        if (sigsetjmp(back, 1))
            continue;
        for (int i = 0; i < 20 && !stop; i++) {
            long got = ((long (*)(long))(uintptr_t)site)(SYS_getpid);
            if (got != pid && got != SYS_getpid)
                breach("a call of getpid gives something else");
        }
    }
    return NULL;
}

static void change(struct dice *d)
{
    char bytes[4096];
    struct iovec here = { bytes, sizeof bytes }, there = { text + (roll(d) & 4096), sizeof bytes };
    char *page = text + (roll(d) & 4096);

    switch (roll(d) % 10) {
    case 0:
        mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
        break;
    case 1:
        mprotect(page, 4096, PROT_READ | PROT_EXEC);
        break;
    case 2:
        mprotect(page, 4096, roll(d) & 1 ? PROT_NONE : PROT_READ);
        break;
    case 3:
        madvise(page, 4096, MADV_DONTNEED);
        break;
    case 4: /* somewhere else, and back */
        mremap(page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)0x10000000);
        mremap((char *)0x10000000, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, page);
        break;
    case 5:
        munmap(page, 4096);
        break;
    case 6:
        if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) == sizeof bytes && !(roll(d) & 7))
            there.iov_len = here.iov_len =
                (size_t)process_vm_writev(getpid(), &here, 1, &there, 1, 0);
        break;
    case 7:
        if (pwrite(file, lead, SIZE, 0) != SIZE || ftruncate(file, roll(d) & 1 ? 4096 : SIZE))
            break;
        break;
    default:
        if (pwrite(file, lead, SIZE, 0) == SIZE)
            mmap(text, SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0);
    }
}

static void sites_under_change(void *arg)
{
    struct dice d = { (uintptr_t)arg };
    pthread_t threads[4];

    make_text();
    catch_all();
    for (uintptr_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, call, (void *)(i + 1));
    for (int i = 0; i < effort(600); i++) {
        if (!sigsetjmp(back, 1))
            change(&d);
        if (i % 50 == 0 && fork() == 0) {
            alarm(1);
            stop = true;
            for (unsigned n = 0; n < 50; n++)
                change(&d);
            _exit(0);
        }
    }
    stop = true;
}

/* Into the middle of whatever is there, with any registers. */
static void jump_low(void *arg)
{
    struct dice d = { (uintptr_t)arg };

    make_text();
    catch_all();
    for (unsigned n = 0; n < SITES * 40; n++)
        ((long (*)(long))(uintptr_t)(text + (sites - lead) + n % SITES * STRIDE))(SYS_getpid);
    for (int i = 0; i < effort(3000); i++) {
        uint64_t to = LOW + (i & 1 ? roll(&d) % LOW_SIZE : LOW_SIZE / 2 + roll(&d) % 4096);
        uint64_t a = roll(&d) % 600, b = roll(&d);
        if (a == SYS_exit || a == SYS_exit_group || sigsetjmp(back, 1))
            continue;
        __asm__ volatile("subq $256,%%rsp; leaq 1f(%%rip),%%rcx; callq *%2; 1: addq $256,%%rsp"
                         : "+a"(a), "+b"(b)
                         : "r"(to), "D"(roll(&d) % 8), "S"(roll(&d)), "d"(roll(&d) % 64)
                         : "rcx", "r8", "r9", "r10", "r11", "r12", "memory", "cc");
    }
}

/* The low addresses change hands while calls go through them. */
static void map_low(void *arg)
{
    struct dice d = { (uintptr_t)arg };
    pthread_t threads[2];

    make_text();
    catch_all();
    for (uintptr_t i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, call, (void *)(i + 1));
    sleep_ms((long)(roll(&d) % 30));
    char *at = (char *)LOW + roll(&d) % 32 * 4096;
    switch (roll(&d) % 5) {
    case 0:
        mmap(at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
             -1, 0);
        break;
    case 1:
        munmap((char *)LOW, LOW_SIZE);
        break;
    case 2:
        mprotect(at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
        break;
    case 3:
        mremap(at, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)0x20000000);
        break;
    default:
        madvise(at, 4096, MADV_DONTNEED);
    }
    sleep_ms(10);
    stop = true;
}

int main(void)
{
    for (int i = 0; i < effort(6); i++) {
        in_child(sites_under_change, (void *)(uintptr_t)(i + 1), 5000);
        in_child(jump_low, (void *)(uintptr_t)(i + 100), 3000);
        for (int n = 0; n < 5; n++)
            in_child(map_low, (void *)(uintptr_t)(i * 5 + n + 200), 3000);
    }
    return 0;
}
