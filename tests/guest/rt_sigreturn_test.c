/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame is the program's word: nothing in it may hurt anybody but itself.
 * covers: rt_sigreturn
 */
#include <sys/syscall.h>
#include <ucontext.h>

#include "tests/guest/child.h"

/* ---- how large a frame is, is nobody's to say ---- */

static ucontext_t own_context;
static struct {
    char area[576];
    unsigned magic2;
} own_float __attribute__((aligned(64)));

/* A frame that was never pushed, of a float state that is smaller than the processor's. */
static void returns_with_little(void)
{
    const struct {
        unsigned magic1, extended_size;
        unsigned long xfeatures;
        unsigned xstate_size;
    } sw = { 0x46505853, 580, 3, 576 };
    static volatile int back;

    getcontext(&own_context);
    if (back++)
        return;
    __asm__ volatile("fxsave64 %0" : "=m"(own_float.area));
    memset(own_float.area + 512, 0, 64);
    own_float.area[512] = 3;
    memcpy(own_float.area + 464, &sw, sizeof sw);
    own_float.magic2 = 0x46505845;
    own_context.uc_flags = 7;
    own_context.uc_mcontext.fpregs = (void *)own_float.area;
    own_context.uc_mcontext.gregs[REG_CSGSFS] = 0x33 | 0x2bul << 48;
    own_context.uc_mcontext.gregs[REG_EFL] = 0x202;
    own_context.uc_mcontext.gregs[REG_RAX] = 0;
    __asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall" ::"r"(&own_context) : "memory");
    __builtin_unreachable();
}

static unsigned long ymm15[4] __attribute__((aligned(32)));

/* Raises a signal with ymm15 full, and says what is in there afterwards. */
__attribute__((target("avx"))) static void raise_with(unsigned long value, int sig)
{
    for (int i = 0; i < 4; i++)
        ymm15[i] = value;
    register long pid __asm__("rdi") = getpid();
    register long number __asm__("rsi") = sig;
    __asm__ volatile("vmovdqa %0, %%ymm15; mov %1, %%eax; syscall; vmovdqa %%ymm15, %0"
                     : "+m"(ymm15)
                     : "i"(SYS_kill), "r"(pid), "r"(number)
                     : "rax", "rcx", "r11", "xmm15", "memory");
}

static void nests(int sig)
{
    if (sig == SIGUSR1)
        raise_with(0x2222, SIGUSR2);
    else
        __asm__ volatile("vxorps %%ymm15, %%ymm15, %%ymm15" ::: "xmm15");
}

/* The first signal of all: no frame was made before. */
TEST(a_small_frame_is_small_for_itself_only)
{
    unsigned long before[4];

    returns_with_little();
    if (!__builtin_cpu_supports("avx"))
        return;
    signal(SIGUSR1, nests);
    signal(SIGUSR2, nests);
    raise_with(0x1111, SIGUSR1);
    memcpy(before, ymm15, sizeof before);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(before[i], 0x1111);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

enum { BAD_CS, BAD_SS, BAD_RIP, BAD_FP_ADDRESS, BAD_FP_ALIGN, BAD_XFEATURES, BAD_MXCSR };

static int how;

static void spoil(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    char *fp = (char *)uc->uc_mcontext.fpregs;
    unsigned long bad = ~0ul;
    unsigned bad_mxcsr = ~0u;

    (void)sig, (void)si;
    switch (how) {
    case BAD_CS:
        uc->uc_mcontext.gregs[REG_CSGSFS] = (uc->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffl) | 0x13;
        break;
    case BAD_SS:
        uc->uc_mcontext.gregs[REG_CSGSFS] =
            (uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffffffffffffl) | (long)0x10 << 48;
        break;
    case BAD_RIP:
        uc->uc_mcontext.gregs[REG_RIP] = 0x7000000000000000;
        break;
    case BAD_FP_ADDRESS:
        uc->uc_mcontext.fpregs = (void *)64;
        break;
    case BAD_FP_ALIGN:
        uc->uc_mcontext.fpregs = (void *)(fp + 1);
        break;
    case BAD_XFEATURES:
        memcpy(fp + 512, &bad, sizeof bad);
        break;
    case BAD_MXCSR:
        memcpy(fp + 24, &bad_mxcsr, sizeof bad_mxcsr);
        break;
    }
}

static int returns_badly(void)
{
    struct sigaction act = { .sa_sigaction = spoil, .sa_flags = SA_SIGINFO };

    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    return 0;
}

static void dies_by_segv(int kind)
{
    how = kind;
    int status = in_child(returns_badly);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

TEST(another_code_segment)
{
    dies_by_segv(BAD_CS);
}

TEST(another_stack_segment)
{
    dies_by_segv(BAD_SS);
}

TEST(an_address_that_is_none)
{
    dies_by_segv(BAD_RIP);
}

TEST(float_state_nowhere)
{
    dies_by_segv(BAD_FP_ADDRESS);
}

TEST(float_state_not_aligned)
{
    dies_by_segv(BAD_FP_ALIGN);
}

TEST(components_that_are_none)
{
    dies_by_segv(BAD_XFEATURES);
}

TEST(reserved_bits_of_mxcsr)
{
    dies_by_segv(BAD_MXCSR);
}

static int returns_from_nothing(void)
{
    __asm__ volatile("mov $0x1000, %%rsp; syscall" : : "a"(SYS_rt_sigreturn) : "rcx", "r11");
    return 0;
}

TEST(a_frame_that_is_not_there)
{
    int status = in_child(returns_from_nothing);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void sets_flags(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;

    (void)sig, (void)si;
    uc->uc_mcontext.gregs[REG_EFL] = -1;         /* IOPL, VM and all */
    uc->uc_mcontext.gregs[REG_EFL] &= ~0x100l;   /* but TF */
    uc->uc_mcontext.gregs[REG_EFL] &= ~0x40000l; /* and AC */
    uc->uc_mcontext.gregs[REG_EFL] &= ~0x400l;   /* and DF */
}

TEST(only_some_flags_can_be_set)
{
    struct sigaction act = { .sa_sigaction = sets_flags, .sa_flags = SA_SIGINFO };
    unsigned long flags;

    sigaction(SIGUSR1, &act, NULL);
    long pid = getpid(), result;
    __asm__ volatile("syscall\n pushfq\n pop %1\n cld"
                     : "=a"(result), "=r"(flags)
                     : "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "memory", "cc");
    CHECK_EQ(result, 0);
    CHECK_EQ(flags & 0x3000, 0); /* IOPL */
    CHECK_EQ(flags & 0x200, 0x200);
    CHECK_EQ(flags & 1, 1);
}

static int mask_survives(void)
{
    sigset_t set, now;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_SETMASK, &set, NULL);
    struct sigaction act = { .sa_sigaction = sets_flags, .sa_flags = SA_SIGINFO };
    sigfillset(&act.sa_mask);
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    sigprocmask(SIG_SETMASK, NULL, &now);
    REQUIRE(sigismember(&now, SIGUSR2) && !sigismember(&now, SIGUSR1));
    return 0;
}

TEST(the_mask_comes_back)
{
    CHECK_CHILD(mask_survives);
}

/* ---- the floating point state of a handler ---- */

#define MXCSR_INITIAL 0x1f80u
#define ROUND_UP      0x4000u /* MXCSR.RC: SDM vol. 1, 10.2.3 */

static unsigned handler_mxcsr;
static unsigned long handler_xmm;

static void look_at_state(int sig)
{
    (void)sig;
    __asm__ volatile("stmxcsr %0; movq %%xmm15, %1" : "=m"(handler_mxcsr), "=r"(handler_xmm));
}

TEST(a_handler_begins_with_a_new_float_state)
{
    unsigned mine = MXCSR_INITIAL | ROUND_UP, after;
    unsigned long xmm = 0;

    signal(SIGUSR1, look_at_state);
    handler_xmm = 1;
    __asm__ volatile(
        "ldmxcsr %[mine]\n\t"
        "movq %[word], %%xmm15\n\t"
        "syscall\n\t"
        "movq %%xmm15, %[xmm]\n\t"
        "stmxcsr %[after]\n\t"
        "ldmxcsr %[initial]"
        : [xmm] "=&r"(xmm), [after] "=m"(after)
        : "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1), [mine] "m"(mine),
          [word] "r"(0x1122334455667788L), [initial] "m"((unsigned){ MXCSR_INITIAL })
        : "rcx", "r11", "memory", "xmm15");
    CHECK_EQ(handler_mxcsr, MXCSR_INITIAL);
    CHECK_EQ(handler_xmm, 0);
    CHECK_EQ(after, mine);
    CHECK_EQ(xmm, 0x1122334455667788L);
}

MAIN
