/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaced sites at work: real code is patched in this process, with a gate of our own
 * that makes the call, and entered at every instruction.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "include/uptr.h"
#include "platform-systrap/patch.h"

/* What the platform's entry does, as far as a site can tell. */
extern char test_gate[];
extern uint64_t test_gate_calls, test_gate_back;
__asm__(
    ".data; .globl test_gate_calls, test_gate_back\n"
    "test_gate_calls: .quad 0; test_gate_back: .quad 0\n"
    ".text; .globl test_gate\n"
    "test_gate: movq %rcx,test_gate_back(%rip)\n"
    "movq test_gate_calls(%rip),%r11; leaq 1(%r11),%r11; movq %r11,test_gate_calls(%rip)\n"
    "syscall; jmp *test_gate_back(%rip)\n");

/* A function around a call: flags, registers and the red zone come through it or it says so. */
struct sample {
    const char *code;
    size_t size;
    size_t call; /* offset in it */
    long nr;
    long (*expect)(void);
};

static long pid(void)
{
    return getpid();
}

static long negative_pid(void)
{
    return -getpid();
}

#define ENTER                                                                              \
    "\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8" \
    "\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8" \
    "\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8\x48\x89\xf8"
#define LEAD (sizeof ENTER - 1) /* mov %rdi,%rax, often */
#define SAMPLE(code, call, nr, expect)                                \
    {                                                                 \
        ENTER code, sizeof(ENTER code) - 1, LEAD + (call), nr, expect \
    }

static const struct sample samples[] = {
    /* mov $39,%eax; syscall; ret */
    SAMPLE("\xb8\x27\0\0\0\x0f\x05\xc3", 5, SYS_getpid, pid),
    /* syscall; cmp $-4095,%rax; ret */
    SAMPLE("\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3", 0, SYS_getpid, pid),
    /* syscall; mov %rax,%rdx; neg %rdx; mov %rdx,%rax; ret */
    SAMPLE("\x90\x0f\x05\x48\x89\xc2\x48\xf7\xda\x48\x89\xd0\xc3", 1, SYS_getpid, negative_pid),
    /* mov %rbx,-8(%rsp) (red zone); syscall; mov -8(%rsp),%rbx; ret */
    SAMPLE("\x48\x89\x5c\x24\xf8\x0f\x05\x48\x8b\x5c\x24\xf8\xc3", 5, SYS_getpid, pid),
    /* stc (not movable); syscall; mov $0,%edx; setc %dl; shl $31,%rdx… : the call keeps CF */
    SAMPLE("\xf9\x0f\x05\xba\0\0\0\0\x83\xd2\x00\x83\xfa\x01\x74\x03\x48\xf7\xd8\xc3", 1,
           SYS_getpid, pid),
};

#define PAGES 2
static uint8_t *page; /* where the sample lies */
static struct patch_site site;
static uint64_t va;
static unsigned slot;

static void region_make(void)
{
    void *at = mmap((void *)PATCH_START, PATCH_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    cr_assert_eq(at, (void *)PATCH_START, "the region is not free: %m");
}

static void sample_place(const struct sample *s)
{
    page = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(page, MAP_FAILED);
    memset(page, 0x90, PAGES * PAGE_SIZE);
    memcpy(page, s->code, s->size);
}

static long sample_call(const struct sample *s)
{
    return ((long (*)(long))(uintptr_t)page)(s->nr);
}

static void plan(const struct sample *s)
{
    struct patch_text t = {
        .bytes = page, .size = PAGE_SIZE, .to = PAGE_SIZE, .after = s->call + 2
    };

    t.rax = (uint64_t)s->nr;
    cr_assert(systrap_patch.plan(&t, &site));
    va = (uint64_t)(uintptr_t)page + t.after - site.after;
}

static void patch(void)
{
    struct patch_code code[PATCH_CODES];
    uint64_t gate = (uint64_t)(uintptr_t)test_gate;

    systrap_patch.trampoline(&site, slot, va, code);
    for (unsigned i = 0; i < PATCH_CODES; i++) {
        cr_assert_geq(code[i].at, PATCH_START);
        cr_assert_leq(code[i].at + code[i].size, PATCH_START + PATCH_SIZE);
        cr_assert_eq(page_down(code[i].at), page_down(code[i].at + code[i].size - 1));
        memcpy((void *)(uintptr_t)code[i].at, code[i].bytes, code[i].size);
    }
    memcpy((void *)PATCH_GATE, &gate, sizeof gate);
    systrap_patch.replace(&site, slot, (uint8_t *)(uintptr_t)va);
}

/* As the sentry: a thread that stood in the middle goes on in the trampoline. */
static int mended;

static void mend(int sig, siginfo_t *info, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    uint64_t to = systrap_patch.enter(&site, slot, va, (uint64_t)*rip);

    if (!to || ++mended > 8 || (sig == SIGSEGV && info->si_code != SI_KERNEL))
        _exit(111);
    *rip = (greg_t)to;
}

static void mend_faults(void)
{
    struct sigaction act = { .sa_sigaction = mend, .sa_flags = SA_SIGINFO };

    sigaction(SIGILL, &act, NULL);
    sigaction(SIGSEGV, &act, NULL);
}

Test(code, a_replaced_site_does_what_it_did)
{
    region_make();
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        sample_place(&samples[i]);
        long expect = samples[i].expect();
        cr_assert_eq(sample_call(&samples[i]), expect, "sample %zu, as it was", i);
        plan(&samples[i]);
        slot = (unsigned)(i * 97 % PATCH_SLOTS);
        patch();
        test_gate_calls = 0;
        cr_expect_eq(sample_call(&samples[i]), expect, "sample %zu, replaced", i);
        cr_expect_eq(test_gate_calls, 1, "sample %zu", i);
    }
}

/* Every place where an old instruction began raises, for every slot, and enter() leads on. */
Test(code, a_thread_in_the_middle_is_put_right)
{
    region_make();
    mend_faults();
    for (slot = 0; slot < PATCH_SLOTS; slot++) {
        const struct sample *s = &samples[slot % 4];
        sample_place(s);
        plan(s);
        patch();
        for (unsigned at = 1; at < site.size; at++) {
            if (!(site.starts >> at & 1) || at > site.call)
                continue;
            long got;
            mended = 0;
            __asm__ volatile("call *%1"
                             : "=a"(got)
                             : "r"(va + at), "a"(s->nr), "D"(s->nr)
                             : "rcx", "rdx", "rsi", "r11", "memory", "cc");
            cr_assert_eq(mended, 1);
            cr_assert_eq(got, s->expect());
        }
        munmap(page, PAGES * PAGE_SIZE);
    }
}

/* The bytes that stand where instructions may begin raise for every slot. */
Test(code, all_bytes_of_a_jump_that_may_be_met_raise)
{
    region_make();
    mend_faults();
    sample_place(&samples[0]);
    for (slot = 0; slot < PATCH_SLOTS; slot++) {
        /* A site with an old instruction wherever that is allowed. */
        site = (struct patch_site){ .size = 12, .call = 10, .after = 12 };
        memset(site.old, 0x90, sizeof site.old);
        memcpy(site.old + 10, "\x0f\x05", 2);
        va = (uint64_t)(uintptr_t)page + 64;
        memcpy(page + 64 + 12, "\xc3", 1);
        for (unsigned at = 0; at <= 10; at++) {
            if (PATCH_MIDDLE_OK >> at & 1)
                site.starts |= 1u << at;
        }
        patch();
        for (unsigned at = 2; at <= 10; at++) {
            if (!(site.starts >> at & 1))
                continue;
            long got;
            mended = 0;
            __asm__ volatile("call *%1"
                             : "=a"(got)
                             : "r"(va + at), "a"((long)SYS_getpid)
                             : "rcx", "rdx", "r11", "memory", "cc");
            cr_assert_eq(mended, 1, "slot %u, byte %u", slot, at);
            cr_assert_eq(got, getpid());
        }
    }
}

Test(code, leave_is_the_opposite_of_enter)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        sample_place(&samples[i]);
        plan(&samples[i]);
        slot = 5;
        for (unsigned at = 0; at < site.size; at++) {
            uint64_t in = systrap_patch.enter(&site, slot, va, va + at);
            cr_assert_eq(in != 0, site.starts >> at & 1);
            if (!in)
                continue;
            cr_assert_eq(systrap_patch.slot_at(in), (int)slot);
            cr_assert_eq(systrap_patch.leave(&site, slot, va, in), va + at);
        }
        cr_assert_eq(systrap_patch.enter(&site, slot, va, va + site.size), 0);
        cr_assert_eq(systrap_patch.enter(&site, slot, va, va - 1), 0);
    }
}

Test(code, pointers_and_code_keep_apart)
{
    for (unsigned i = 0; i < PATCH_SLOTS; i++) {
        cr_assert_geq(patch_pointer(i), PATCH_GATE + 8);
        cr_assert_lt(patch_pointer(i) + 8, PATCH_CODE);
        cr_assert_eq(page_down(patch_pointer(i)), page_down(patch_pointer(i) + 7));
        for (unsigned j = 0; j < i; j++) {
            uint64_t a = patch_pointer(i), b = patch_pointer(j);
            cr_assert(a >= b + 8 || b >= a + 8);
        }
    }
    cr_assert_eq(systrap_patch.slot_at(PATCH_START), -1);
    cr_assert_eq(systrap_patch.slot_at(PATCH_CODE), 0);
    cr_assert_eq(systrap_patch.slot_at(PATCH_CODE + PATCH_SLOTS * 64), -1);
    cr_assert_lt(systrap_patch.slot_at(PATCH_START + PATCH_SIZE - 1), (int)PATCH_SLOTS);
}
