/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --timeout=60s */
/* ends: 0 */
/*
 * Every instruction that could reach the host's kernel or hurt the processor's state
 * behind our back, each in a child: privileged ones, all software interrupts, 32-bit
 * code and its two ways to call, frames for iret and sigreturn that no kernel makes.
 */
#include <sys/prctl.h>
#include <ucontext.h>

#include "lib.h"

struct bytes {
    const char *name, *code;
    size_t size;
};
#define ROW(name, code)              \
    {                                \
        name, code, sizeof(code) - 1 \
    }

/* clang-format off */
static const struct bytes table[] = {
    ROW("cpuid", "\x31\xc0\x53\x0f\xa2\x5b\xc3"),
    ROW("rdtsc", "\x0f\x31\xc3"),                ROW("rdtscp", "\x0f\x01\xf9\xc3"),
    ROW("rdpmc", "\x0f\x33\xc3"),                ROW("rdpid", "\xf3\x0f\xc7\xf8\xc3"),
    ROW("hlt", "\xf4\xc3"),                      ROW("cli", "\xfa\xc3"),
    ROW("sti", "\xfb\xc3"),                      ROW("ud2", "\x0f\x0b\xc3"),
    ROW("int3", "\xcc\xc3"),                     ROW("icebp", "\xf1\xc3"),
    ROW("in al, dx", "\x66\xba\x60\x00\xec\xc3"), ROW("out dx, al", "\x66\xba\x64\x00\xee\xc3"),
    ROW("rep outsb", "\xf3\x6e\xc3"),            ROW("rep insb", "\xf3\x6c\xc3"),
    ROW("lgdt", "\x0f\x01\x14\x24\xc3"),         ROW("lidt", "\x0f\x01\x1c\x24\xc3"),
    ROW("sgdt", "\x48\x83\xec\x10\x0f\x01\x04\x24\x48\x83\xc4\x10\xc3"),
    ROW("sidt", "\x48\x83\xec\x10\x0f\x01\x0c\x24\x48\x83\xc4\x10\xc3"),
    ROW("smsw", "\x0f\x01\xe0\xc3"),             ROW("lmsw", "\x0f\x01\xf0\xc3"),
    ROW("str", "\x0f\x00\xc8\xc3"),              ROW("ltr", "\x0f\x00\xd8\xc3"),
    ROW("mov cr0, rax", "\x0f\x22\xc0\xc3"),     ROW("mov rax, cr3", "\x0f\x20\xd8\xc3"),
    ROW("mov dr7, rax", "\x0f\x23\xf8\xc3"),     ROW("mov rax, dr0", "\x0f\x21\xc0\xc3"),
    ROW("rdmsr", "\xb9\x80\x00\x00\xc0\x0f\x32\xc3"),
    ROW("wrmsr", "\xb9\x82\x00\x00\xc0\x31\xc0\x31\xd2\x0f\x30\xc3"),
    ROW("invd", "\x0f\x08\xc3"),                 ROW("wbinvd", "\x0f\x09\xc3"),
    ROW("invlpg", "\x0f\x01\x3c\x24\xc3"),       ROW("swapgs", "\x0f\x01\xf8\xc3"),
    ROW("sysret", "\x48\x0f\x07\xc3"),           ROW("sysexit", "\x48\x0f\x35\xc3"),
    ROW("sysenter", "\xb8\x14\x00\x00\x00\x48\x89\xe5\x0f\x34\xc3"),
    ROW("vmcall", "\x0f\x01\xc1\xc3"),           ROW("vmmcall", "\x0f\x01\xd9\xc3"),
    ROW("vmlaunch", "\x0f\x01\xc2\xc3"),         ROW("vmfunc", "\x0f\x01\xd4\xc3"),
    ROW("monitor", "\x0f\x01\xc8\xc3"),          ROW("mwait", "\x0f\x01\xc9\xc3"),
    ROW("clac", "\x0f\x01\xca\xc3"),             ROW("stac", "\x0f\x01\xcb\xc3"),
    ROW("encls", "\x0f\x01\xcf\xc3"),            ROW("enclu", "\x31\xc0\x0f\x01\xd7\xc3"),
    ROW("xsetbv", "\x31\xc9\x31\xd2\xb8\x01\x00\x00\x00\x0f\x01\xd1\xc3"),
    ROW("xgetbv", "\x31\xc9\x0f\x01\xd0\xc3"),
    ROW("xbegin, xabort", "\xc7\xf8\x00\x00\x00\x00\xc6\xf8\x01\xc3"),
    ROW("wrfsbase kernel", "\x48\xb8\x00\x00\x00\x00\x00\x80\xff\xff\xf3\x48\x0f\xae\xd0\xc3"),
    ROW("wrfsbase not canonical", "\x48\xb8\x00\x00\x00\x00\x00\x00\x00\x80\xf3\x48\x0f\xae\xd0\xc3"),
    ROW("wrgsbase odd", "\x48\xc7\xc0\x39\x30\x00\x00\xf3\x48\x0f\xae\xd8\xb8\x27\x00\x00\x00\x0f\x05\xc3"),
    ROW("mov gs, 0x2b", "\xb8\x2b\x00\x00\x00\x8e\xe8\xb8\x27\x00\x00\x00\x0f\x05\xc3"),
    ROW("mov fs, 0", "\x31\xc0\x8e\xe0\xb8\x27\x00\x00\x00\x0f\x05\xc3"),
    ROW("mov ss, 0", "\x31\xc0\x8e\xd0\xc3"),    ROW("mov ds, 0x10", "\xb8\x10\x00\x00\x00\x8e\xd8\xc3"),
    ROW("popf with trap flag", "\x68\x02\x01\x00\x00\x9d\x90\xb8\x27\x00\x00\x00\x0f\x05\x90\xc3"),
    ROW("popf with everything", "\x68\xff\xff\xff\x7f\x9d\xb8\x27\x00\x00\x00\x0f\x05\xc3"),
    ROW("alignment check", "\x68\x02\x02\x04\x00\x9d\x48\x8b\x44\x24\x01\xc3"),
    ROW("direction flag, then a call", "\xfd\xb8\x27\x00\x00\x00\x0f\x05\xc3"),
    ROW("syscall without a stack", "\x31\xe4\xb8\x27\x00\x00\x00\x0f\x05\x0f\x0b"),
    ROW("syscall on a kernel's stack", "\x48\xc7\xc4\x00\xf0\xff\xff\xb8\x27\x00\x00\x00\x0f\x05\x0f\x0b"),
    ROW("fault on no stack", "\x31\xe4\x58\xc3"),
    ROW("jump to the kernel", "\x48\xc7\xc0\x00\x00\x00\x81\xff\xe0"),
    ROW("jump nowhere canonical", "\x48\xb8\x00\x00\x00\x00\x00\x80\x00\x00\xff\xe0"),
    ROW("jump to the vsyscall page", "\x48\xc7\xc0\x00\x00\x60\xff\xff\xe0"),
    ROW("jump between vsyscalls", "\x48\xc7\xc0\x33\x02\x60\xff\xff\xe0"),
    ROW("read the kernel", "\x48\xc7\xc0\x00\x00\x00\x81\x48\x8b\x00\xc3"),
    ROW("far return to kernel code", "\x6a\x10\x48\x8d\x05\x02\x00\x00\x00\x50\x48\xcb"),
    ROW("far return to nothing", "\x6a\x00\x6a\x00\x48\xcb"),
    ROW("iretq with an empty stack", "\x48\xcf"),
    ROW("iretq to ring 0", "\x6a\x18\x54\x9c\x6a\x10\x48\x8d\x05\x03\x00\x00\x00\x50\x48\xcf\x90"),
    ROW("iretq with a bad ss", "\x6a\x23\x54\x9c\x6a\x33\x48\x8d\x05\x03\x00\x00\x00\x50\x48\xcf\x0f\x0b"),
    ROW("ldmxcsr reserved", "\x68\xff\xff\xff\x7f\x0f\xae\x14\x24\xc3"),
    ROW("fnstenv, fldenv", "\x48\x83\xec\x78\xd9\x34\x24\xc7\x04\x24\x00\x00\x00\x00\xd9\x24\x24\xd9\xe8\xd8\xf1\x9b\xb8\x27\x00\x00\x00\x0f\x05\x48\x83\xc4\x78\xc3"),
    ROW("umwait", "\xf2\x0f\xae\xf0\xc3"),       ROW("serialize", "\x0f\x01\xe8\xc3"),
    ROW("lock with nothing to lock", "\xf0\x90\xc3"),
    ROW("15 prefixes and one", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90\xc3"),
};
/* clang-format on */

static void *low_page(void)
{
    void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static void run_bytes(void *arg)
{
    const struct bytes *b = arg;
    unsigned char *code = low_page();

    if (!code)
        return;
    memcpy(code, b->code, b->size);
    ((void (*)(void))(void *)code)();
}

static void run_interrupt(void *arg)
{
    char code[] = "\xcd\x00\xc3";
    struct bytes b = ROW("int n", code);

    code[1] = (char)*(int *)arg;
    run_bytes(&b);
}

/* The 32-bit call `nr` by int 0x80, from 64-bit code. */
static long call_80(long nr, long a, long b)
{
    long ret;

    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "a"(nr), "b"(a), "c"(b), "d"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)ret;
}

static void old_gate(void *arg)
{
    char *name = low_page();

    (void)arg;
    if (!name)
        return;
    long pid = call_80(20, 0, 0); /* getpid */
    if (pid > 0 && pid != getpid())
        breach("int 0x80 gave a pid of another world");
    strcpy(name, "/etc/hostname");
    long fd = call_80(5, (long)name, O_RDONLY); /* open */
    if (fd >= 0 && fcntl((int)fd, F_GETFD) < 0)
        breach("int 0x80 opened a file behind the sentry");
    call_80(1, 0, 0); /* exit */
}

/*
 * Code of 32 bits: `in` is what it executes, after which eax is stored and it goes back
 * to 64 bits by a far jump.
 */
static long in_32_bits(const char *in, size_t size)
{
    unsigned char *page = low_page();
    unsigned char *result = page + 4096, *p = page;
    uint32_t result_at = (uint32_t)(uintptr_t)result, back;

    if (!page)
        return -1;
    *(int32_t *)result = -12345;
    memcpy(p, "\xb9\x2b\x00\x00\x00\x8e\xd9", 7); /* ds, which is null in 64-bit code */
    p += 7;
    memcpy(p, in, size);
    p += size;
    *p++ = 0xa3; /* mov [result], eax */
    memcpy(p, &result_at, 4);
    p += 4;
    *p++ = 0xea; /* ljmp 0x33:back */
    back = (uint32_t)(uintptr_t)(p + 6);
    memcpy(p, &back, 4);
    p[4] = 0x33;
    p[5] = 0;
    p += 6;
    memcpy(p, "\x4c\x89\xf4\xc3", 4); /* in 64 bits: mov rsp, r14; ret */
    __asm__ volatile(
        "push %%rbx\n push %%rbp\n mov %%rsp, %%r15\n"
        "lea 1f(%%rip), %%rcx\n push %%rcx\n" /* where ret goes */
        "mov %%rsp, %%r14\n"
        "mov %1, %%esp\n" /* a low stack for the 32-bit code */
        "sub $8, %%rsp\n"
        "movl %0, (%%rsp)\n movl $0x23, 4(%%rsp)\n"
        "mov %%r14, %%r13\n"
        "lretl\n"
        "1:\n mov %%r15, %%rsp\n pop %%rbp\n pop %%rbx\n"
        :
        : "r"(result_at - 4096), "r"(result_at + 2048)
        : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "memory", "cc");
    return *(int32_t *)result;
}

static void code_32(void *arg)
{
    static const struct bytes calls[] = {
        ROW("nothing", "\xb8\x07\x00\x00\x00"),
        ROW("int 0x80", "\xb8\x14\x00\x00\x00\xcd\x80"), /* getpid */
        ROW("sysenter",
            "\xb8\x14\x00\x00\x00\x89\xe5\x0f\x34\x90\x90\x90"), /* it does not come back here */
        ROW("syscall", "\xb8\x14\x00\x00\x00\x0f\x05"),
        ROW("fault", "\x31\xc0\x8b\x00"),
        ROW("ud2", "\x0f\x0b"),
    };
    const struct bytes *b = &calls[*(int *)arg];
    long pid = in_32_bits(b->code, b->size);

    if (*(int *)arg && pid > 0 && pid != getpid())
        breach("32-bit code got a pid of another world");
}

static void x32_calls(void *arg)
{
    (void)arg;
    for (long nr = 0; nr < 600; nr++) {
        long n = nr | 0x40000000;
        if (nr == 60 || nr == 231 || nr == 34 || nr == 130)
            continue;
        long got = syscall(n, -1, 0, 0, 0, 0, 0);
        if (nr == 39 && got > 0 && got != getpid())
            breach("an x32 call gave a pid of another world");
    }
}

/* A frame for rt_sigreturn with registers from the dice. */
static void garbage_sigreturn(void *arg)
{
    static const uint64_t odd[] = { 0,
                                    1,
                                    0x8000000000000000,
                                    0xffffffff81000000,
                                    0x800000000000,
                                    0x7ffffffff000,
                                    0xffffffffff600000,
                                    0x33,
                                    0x23,
                                    0x10,
                                    0x2b,
                                    0xffff,
                                    0x3202,
                                    0x40000 };
    struct dice d = { (uint64_t) * (int *)arg };
    ucontext_t *u = (ucontext_t *)before_nothing(sizeof(ucontext_t) + 1024);

    getcontext(u);
    for (int i = 0; i < 23; i++)
        if (roll(&d) % 3 == 0)
            u->uc_mcontext.gregs[i] =
                (greg_t)(roll(&d) % 2 ? odd[roll(&d) % COUNT(odd)] : roll(&d));
    if (roll(&d) % 2)
        u->uc_mcontext.fpregs = (fpregset_t)(uintptr_t)odd[roll(&d) % COUNT(odd)];
    else
        for (size_t i = 0; i < sizeof u->__fpregs_mem; i++)
            ((unsigned char *)&u->__fpregs_mem)[i] = (unsigned char)roll(&d);
    __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall\n ud2" : : "r"(u) : "memory");
}

static void prctl_pokes(void *arg)
{
    static const uint64_t bases[] = {
        0, ~0ul, 0x8000000000000000, 0xffffffff81000000, 0x7fffffffffff, 0x800000000000
    };

    (void)arg;
    for (int code = 0x1000; code < 0x1020; code++)
        for (size_t i = 0; i < COUNT(bases); i++)
            if (code != 0x1002 || bases[i] >= 0x800000000000) /* our own TLS is in FS */
                syscall(SYS_arch_prctl, code, bases[i]);
    prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
    __asm__ volatile("rdtsc" : : : "rax", "rdx");
}

int main(void)
{
    for (size_t i = 0; i < COUNT(table); i++)
        in_child(run_bytes, (void *)&table[i], 1000);
    for (int n = 0; n < 256; n++)
        in_child(run_interrupt, &n, 1000);
    int status = in_child(old_gate, NULL, 2000);
    for (int i = 0; i < 6 && !(WIFEXITED(status) && WEXITSTATUS(status) == 66); i++)
        status = in_child(code_32, &i, 1000);
    if (!(WIFEXITED(status) && WEXITSTATUS(status) == 66))
        status = in_child(x32_calls, NULL, 5000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 66)
        return 66;
    for (int i = 0; i < effort(200); i++)
        in_child(garbage_sigreturn, &i, 500);
    in_child(prctl_pokes, NULL, 1000);
    puts("survived");
    return 0;
}
