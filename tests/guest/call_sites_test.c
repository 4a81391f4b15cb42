/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call sites that are used often, as compilers make them: a platform may replace them by
 * jumps meanwhile, and a program must not notice. covers: getpid, getuid, read
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "tests/guest/lib.h"

#define COPIES  48 /* of each kind of site */
#define STRIDE  64 /* bytes from one to the next */
#define KINDS   4
#define SITES   (COPIES * KINDS)
#define OFTEN   100 /* calls after which a site has surely been replaced, if ever */
#define THREADS 8

/*
 * Each site keeps its argument in the red zone over the call, and gives it back in %rdx.
 * All call getpid.
 */
extern char lead[], sites[], number_only[];
__asm__(
    ".text; .balign 4096\n"
    "number_only:\n" /* a page of its own, to be written to */
    ".rept 16; movq %rdi,%rdx; .endr\n"
    "1: movq %rdi,-8(%rsp); movl $39,%eax; syscall; movq -8(%rsp),%rdx; ret\n"
    ".balign 4096\n"
    "lead: .rept 64; movq %rdi,%rdx; .endr\n"
    ".balign 64\n"
    "sites:\n"
    ".rept 48\n" /* a number, and its call */
    ".balign 64; movq %rdi,-8(%rsp); movl $39,%eax; syscall; movq -8(%rsp),%rdx; ret\n"
    ".endr\n"
    ".rept 48\n" /* a call, and its check, which says that carry is as it was */
    ".balign 64; movq %rdi,-8(%rsp); movb $39,%al; movzbl %al,%eax\n"
    "syscall; cmpq $-4095,%rax; movq -8(%rsp),%rdx; stc; ret\n"
    ".endr\n"
    ".rept 48\n" /* small instructions behind it */
    ".balign 64; movq %rdi,-8(%rsp); movl $39,%eax; nop\n"
    "syscall; movq %rax,%rdx; movq %rdx,%rax; movq -8(%rsp),%rdx; ret\n"
    ".endr\n"
    ".rept 48\n" /* the number comes in a register */
    ".balign 64; movq %rdi,-8(%rsp); movl $39,%ecx; movq %rcx,%rax\n"
    "syscall; movq -8(%rsp),%rdx; nop; nop; ret\n"
    ".endr\n"
    ".balign 64\n");

/* Calls a site with all registers set; gives the pid, or -1 where one has changed. */
long call_site(const void *site, uint64_t token);
__asm__(
    "call_site:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rsi\n"
    "movq %rdi,%r11; movq %rsi,%rdi\n"
    "movl $1,%ebx; movl $2,%ebp; movl $3,%r12d; movl $4,%r13d; movl $5,%r14d; movl $6,%r15d\n"
    "movl $7,%esi; movl $8,%r8d; movl $9,%r9d; movl $10,%r10d; movdqa %xmm0,%xmm1\n"
    "movq %rsi,%xmm15; stc; call *%r11; jnc 1f\n"
    "cmpq $1,%rbx; jne 1f; cmpq $2,%rbp; jne 1f; cmpq $3,%r12; jne 1f; cmpq $4,%r13; jne 1f\n"
    "cmpq $5,%r14; jne 1f; cmpq $6,%r15; jne 1f; cmpq $7,%rsi; jne 1f; cmpq $8,%r8; jne 1f\n"
    "cmpq $9,%r9; jne 1f; cmpq $10,%r10; jne 1f; cmpq (%rsp),%rdi; jne 1f\n"
    "cmpq (%rsp),%rdx; jne 1f; movq %xmm15,%rdx; cmpq $7,%rdx; je 2f\n"
    "1: movq $-1,%rax\n"
    "2: pop %rsi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n");

static const void *site(unsigned n)
{
    return sites + n * STRIDE;
}

TEST(registers_flags_and_red_zone_stay)
{
    long pid = getpid();

    for (unsigned n = 0; n < SITES; n++) {
        for (unsigned i = 0; i < OFTEN; i++)
            CHECK_EQ(call_site(site(n), n * 1000 + i), pid);
    }
}

static pthread_barrier_t together;
static const char *arena; /* copies of the sites that nobody has called yet, in a file */

static void *call_all(void *arg)
{
    unsigned at = (unsigned)(uintptr_t)arg;
    long pid = getpid();
    intptr_t wrong = 0;

    pthread_barrier_wait(&together);
    for (unsigned i = 0; i < SITES * OFTEN / 2; i++) {
        at = at * 1103515245 + 12345;
        wrong += call_site(arena + (at >> 16) % SITES * STRIDE, at) != pid;
    }
    return (void *)wrong;
}

/* A fresh copy of the sites as text of a file. */
static bool copy_sites(void)
{
    char path[] = "/tmp/call_sites_XXXXXX";
    int fd = mkstemp(path);
    size_t before = (size_t)(sites - lead), size = before + SITES * STRIDE;

    if (fd < 0 || write(fd, lead, size) != (ssize_t)size)
        return false;
    unlink(path);
    char *at = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    close(fd);
    arena = at + before;
    return at != MAP_FAILED;
}

TEST(threads_meet_at_sites)
{
    pthread_t threads[THREADS];

    CHECK_EQ(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (int turn = 0; turn < 3; turn++) {
        CHECK(copy_sites());
        for (uintptr_t i = 0; i < THREADS; i++)
            CHECK_EQ(pthread_create(&threads[i], NULL, call_all, (void *)(i * 77 + 1)), 0);
        for (int i = 0; i < THREADS; i++) {
            void *wrong;
            CHECK_EQ(pthread_join(threads[i], &wrong), 0);
            CHECK_EQ((intptr_t)wrong, 0);
        }
    }
}

static volatile sig_atomic_t signals, strange;

static void look(int sig, siginfo_t *info, void *context)
{
    uint64_t rip = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

    (void)sig, (void)info;
    signals++;
    strange += rip < 0x100000; /* no code of ours is there */
}

static void tick(int usec, int flags)
{
    struct sigaction act = { .sa_sigaction = look, .sa_flags = SA_SIGINFO | flags };
    struct itimerval t = {
        {0,  usec},
        { 0, usec}
    };

    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &t, NULL);
}

TEST(signals_see_the_programs_own_code)
{
    long pid = getpid();

    signals = 0;
    tick(500, 0);
    for (unsigned i = 0; signals < 200; i++)
        CHECK_EQ(call_site(site(i % SITES), i), pid);
    tick(0, 0);
    CHECK_EQ(strange, 0);
}

/* read(0 in %rdi, %rsi, 1), at a site with its check behind it. */
long read_site(int fd, void *buf);
__asm__(
    ".balign 64\n.rept 32; movq %rdi,%rcx; .endr\n"
    "read_site: movl $1,%edx; xorl %eax,%eax; syscall; cmpq $-4096,%rax; movq %rax,%rcx\n"
    "movq %rcx,%rax; ret\n");

static int reader[2];

static void *write_later(void *arg)
{
    (void)arg;
    usleep(30000);
    return (void *)write(reader[1], "x", 1);
}

TEST(a_call_that_waits_is_made_again)
{
    pthread_t t;
    char c = 0;

    CHECK_EQ(pipe(reader), 0);
    for (unsigned i = 0; i < OFTEN; i++) {
        CHECK_EQ(write(reader[1], "y", 1), 1);
        CHECK_EQ(read_site(reader[0], &c), 1);
    }
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    CHECK_EQ(pthread_create(&t, NULL, write_later, NULL), 0);
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    signals = 0;
    tick(2000, SA_RESTART);
    CHECK_EQ(read_site(reader[0], &c), 1);
    tick(0, 0);
    CHECK_EQ(c, 'x');
    CHECK(signals > 0);
    CHECK_EQ(strange, 0);
    pthread_join(t, NULL);
    tick(5000, 0);
    CHECK_EQ(read_site(reader[0], &c), -EINTR);
    tick(0, 0);
    close(reader[0]);
    close(reader[1]);
}

TEST(children_have_them_too)
{
    for (int i = 0; i < 20; i++) {
        int status;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            long pid = getpid();
            for (unsigned n = 0; n < SITES; n++) {
                if (call_site(site(n), n) != pid)
                    _exit(1);
            }
            _exit(0);
        }
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
    }
}

/* Straight to the call's own instruction, with another number. */
long jump_to_call(const void *call, long nr);
__asm__(
    "jump_to_call: subq $8,%rsp; movq %rsi,%rax; call *%rdi\n"
    "addq $8,%rsp; ret\n");

TEST(a_jump_into_the_middle)
{
    long ppid = getppid();

    for (unsigned i = 0; i < OFTEN; i++)
        CHECK_EQ(call_site(site(0), i), getpid());
    for (unsigned i = 0; i < 20; i++)
        CHECK_EQ(jump_to_call(sites + 10, SYS_getppid), ppid);
}

TEST(code_that_is_changed)
{
    char *page = number_only, *call = page + 48 + 5; /* movq, movl: its number */

    for (unsigned i = 0; i < OFTEN; i++)
        CHECK_EQ(call_site(page, i), getpid());
    CHECK_EQ(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
    CHECK_EQ((unsigned char)call[0], 0xb8);
    CHECK_EQ(call[1], SYS_getpid);
    call[1] = SYS_getuid;
    CHECK_EQ(mprotect(page, 4096, PROT_READ | PROT_EXEC), 0);
    for (unsigned i = 0; i < OFTEN; i++)
        CHECK_EQ(call_site(page, i), (long)getuid());
}

TEST(memory_where_a_platform_may_have_its_own)
{
    char *low = (char *)0x60000;

    char *at = mmap(low, 0x20000, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == MAP_FAILED && errno == EPERM)
        return; /* below vm.mmap_min_addr */
    CHECK(at == low);
    memset(at, 1, 0x20000);
    for (unsigned n = 0; n < SITES; n++) {
        for (unsigned i = 0; i < 20; i++)
            CHECK_EQ(call_site(site(n), i), getpid());
    }
    CHECK_EQ(munmap(at, 0x20000), 0);
    for (unsigned n = 0; n < SITES; n++)
        CHECK_EQ(call_site(site(n), n), getpid());
}

MAIN
