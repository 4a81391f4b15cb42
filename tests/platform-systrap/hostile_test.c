/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests that know how we work, and do their worst: against the stub's code, their
 * slots and their signal frames. A stub may be lost over that (EIO); nothing else may.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "platform-systrap/layout.h"

#define PLATFORM platform_systrap
#include "tests/platform/children.h"
#include "tests/platform/rig.h"

extern const char stub_code[], stub_page[];

static bool is_syscall(const char *code)
{
    return (uint8_t)code[0] == 0x0f && (uint8_t)code[1] == 0x05;
}

/* One run, whatever comes of it. False where the stub was lost. */
static bool run_hostile(struct rig *r, struct guest_regs *regs)
{
    int err = OPS->run(r->t, r->as, regs, &r->stop);

    cr_assert(err == 0 || err == -EIO, "run: %d", err);
    return err == 0;
}

/* The rig's address space still does what it is told, and a thread in it runs. */
static void check_alive(struct rig *r)
{
    struct guest_regs regs;

    rig_apply(r->as, op_map(0x700000, PAGE_SIZE, PROT_READ, DATA_OFF));
    rig_apply(r->as, op_unmap(0x700000, PAGE_SIZE));
    CODE(r, CODE_AT, "\x0f\x05");
    for (int i = 0; i < 5; i++) { /* interrupts may be left over */
        regs = rig_regs(CODE_AT);
        regs.rax = 12345;
        if (rig_run(r, &regs) == STOP_SYSCALL && regs.orig_rax == 12345)
            return;
    }
    cr_assert(false, "the address space is of no use any more");
}

struct ticker {
    struct rig *r;
    pthread_t thread;
    atomic_bool over;
};

/* So that no loop is endless. */
static void *tick(void *arg)
{
    struct ticker *k = arg;

    while (!atomic_load(&k->over)) {
        usleep(200);
        OPS->interrupt(k->r->t);
    }
    return NULL;
}

static void start_ticker(struct ticker *k, struct rig *r)
{
    *k = (struct ticker){ .r = r };
    cr_assert_eq(pthread_create(&k->thread, NULL, tick, k), 0);
}

static void stop_ticker(struct ticker *k)
{
    atomic_store(&k->over, true);
    cr_assert_eq(pthread_join(k->thread, NULL), 0);
}

/* Where the rig's thread has its slot: the first of a platform is its own trial's. */
static uint64_t slot_of_rig(struct rig *r)
{
    struct guest_regs regs = rig_regs(CODE_AT + 32);

    CODE(r, CODE_AT + 32, "\xf3\x48\x0f\xae\xc8\x0f\x05"); /* rdgsbase %rax; syscall */
    cr_assert_eq(rig_run(r, &regs), STOP_SYSCALL);
    cr_assert(regs.orig_rax >= STUB_SLOTS && regs.orig_rax < STUB_SLOTS_END);
    return regs.orig_rax;
}

/* Calls that an agent, or a thread before its filter, may make: not from the same place. */
Test(hostile, a_jump_to_a_call_of_the_stub_reaches_no_host)
{
    static const long calls[] = {
        SYS_exit,   SYS_munmap,       SYS_mmap,        SYS_mprotect,
        SYS_clone,  SYS_pwrite64,     SYS_close,       SYS_getppid,
        SYS_prctl,  SYS_recvmsg,      SYS_seccomp,     SYS_madvise,
        SYS_execve, SYS_rt_sigaction, SYS_sigaltstack, SYS_set_tid_address,
        SYS_ptrace, SYS_membarrier
    };
    static pid_t pids[CHILDREN_MAX];
    const char *pages[] = { stub_code, stub_page };
    int places = 0;
    struct rig r;

    rig_start(&r);
    check_alive(&r);
    size_t before = children_of(getpid(), pids);
    for (uint64_t off = 0; off + 1 < 2 * PAGE_SIZE; off++) {
        if (off % PAGE_SIZE == PAGE_SIZE - 1 ||
            !is_syscall(pages[off / PAGE_SIZE] + off % PAGE_SIZE))
            continue;
        places++;
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            struct guest_regs regs = rig_regs(STUB_CODE + off);
            regs.rax = (uint64_t)calls[i];
            regs.rdi = calls[i] == SYS_clone ? 0x8700u : CODE_AT;
            regs.rsi = PAGE_SIZE;
            cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
            cr_assert_eq((long)regs.orig_rax, calls[i]);
            cr_assert_eq(regs.rip, STUB_CODE + off + 2);
        }
    }
    cr_assert_gt(places, 10);
    cr_assert_eq(children_of(getpid(), pids), before);
    check_alive(&r);
    rig_stop(&r);
}

/* Of futex(2) the guest gets what wakes and sleeps on slots, and nothing on its own memory. */
Test(hostile, futexes_outside_of_slots_are_calls)
{
    struct rig r;
    int places = 0;

    rig_start(&r);
    check_alive(&r);
    for (uint64_t off = 0; off + 1 < PAGE_SIZE; off++) {
        if (!is_syscall(stub_page + off))
            continue;
        places++;
        for (uint64_t op = 0; op < 14; op++) {
            struct guest_regs regs = rig_regs(STUB_PAGE + off);
            regs.rax = SYS_futex;
            regs.rdi = DATA_AT;
            regs.rsi = op;
            cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
            cr_assert_eq((long)regs.orig_rax, SYS_futex);
        }
    }
    cr_assert_gt(places, 3);
    rig_stop(&r);
}

Test(hostile, a_jump_to_any_byte_of_the_stub_does_no_harm, .timeout = 100)
{
    static pid_t pids[CHILDREN_MAX];
    struct ticker k;
    struct rig r;
    unsigned lost = 0;

    rig_start(&r);
    check_alive(&r);
    uint64_t slot = slot_of_rig(&r);
    size_t before = children_of(getpid(), pids);
    start_ticker(&k, &r);
    for (uint64_t off = 0; off < 2 * PAGE_SIZE; off++) {
        struct guest_regs regs = rig_regs(STUB_CODE + off);
        regs.r15 = STUB_CMD;
        regs.rbx = off % 3 ? slot : DATA_AT;
        regs.rbp = off % 2 ? slot + SLOT_STACK : 0;
        regs.rsp = off % 61 ? DATA_AT + PAGE_SIZE : slot + SLOT_SIZE - 64 * (off % 64);
        regs.rdx = slot + SLOT_STACK + 512; /* "ucontext" */
        regs.rsi = slot + SLOT_STACK;
        regs.rdi = off % 32;
        for (int i = 0; i < 3 && lost < 6; i++) {
            if (!run_hostile(&r, &regs)) {
                lost++;
                break;
            }
            regs.rax = 0;
        }
    }
    stop_ticker(&k);
    check_alive(&r);
    cr_assert_leq(children_of(getpid(), pids), before + lost);
    rig_stop(&r);
}

/* A frame of its own for rt_sigreturn(2): all registers, masks and stacks that it likes. */
Test(hostile, forged_signal_frames_do_no_harm, .timeout = 100)
{
    struct ticker k;
    struct rig r;
    uint64_t restorer = 0;
    unsigned lost = 0;

    for (uint64_t off = 0; off + 7 < PAGE_SIZE; off++) {
        if (memcmp(stub_page + off, "\xb8\x0f\x00\x00\x00\x0f\x05", 7) == 0)
            restorer = STUB_PAGE + off;
    }
    cr_assert_neq(restorer, 0);
    rig_start(&r);
    check_alive(&r);
    start_ticker(&k, &r);
    CODE(&r, CODE_AT + 64, "\x0f\x05\xeb\xfc");
    for (unsigned i = 0; i < 200 && lost < 5; i++) {
        uint64_t *frame = (uint64_t *)(r.ram + DATA_OFF);
        for (unsigned j = 0; j < 64; j++)
            frame[j] = i % 4 ? (uint64_t)rand() * 0x100000001ull : 0;
        frame[5 + 16] = CODE_AT + 64; /* rip */
        frame[5 + 18] = i % 2 ? 0x2b000000000033 : (uint64_t)rand();
        frame[5 + 23] = 0;                             /* no FPU state */
        frame[5 + 32] = i % 8 == 7 ? ~UINT64_C(0) : 0; /* the mask: all signals blocked */
        struct guest_regs regs = rig_regs(restorer);
        regs.rsp = DATA_AT;
        if (!run_hostile(&r, &regs))
            lost++;
    }
    stop_ticker(&k);
    check_alive(&r);
    rig_stop(&r);
}

/* It blocks the signal of interrupts and computes for ever: it is ended, and nobody hangs. */
Test(hostile, a_guest_that_cannot_be_interrupted_is_ended, .timeout = 60)
{
    struct ticker k;
    struct rig r;
    uint64_t restorer = 0;

    for (uint64_t off = 0; off + 7 < PAGE_SIZE; off++) {
        if (memcmp(stub_page + off, "\xb8\x0f\x00\x00\x00\x0f\x05", 7) == 0)
            restorer = STUB_PAGE + off;
    }
    rig_start(&r);
    check_alive(&r);
    CODE(&r, CODE_AT + 64, "\xeb\xfe");
    uint64_t *frame = (uint64_t *)(r.ram + DATA_OFF);
    frame[5 + 16] = CODE_AT + 64;
    frame[5 + 18] = 0x2b000000000033;
    frame[5 + 17] = EFLAGS_FIXED;
    frame[5 + 32] = 1ull << (SIGURG - 1);
    struct guest_regs regs = rig_regs(restorer);
    regs.rsp = DATA_AT;
    start_ticker(&k, &r);
    int err;
    do
        err = OPS->run(r.t, r.as, &regs, &r.stop);
    while (!err);
    cr_assert_eq(err, -EIO);
    stop_ticker(&k);
    check_alive(&r);
    rig_stop(&r);
}

Test(hostile, the_stubs_own_pages_cannot_be_written)
{
    struct rig r;

    rig_start(&r);
    check_alive(&r);
    CODE(&r, CODE_AT + 16, "\x48\x89\x07\x0f\x05"); /* mov %rax, (%rdi); syscall */
    for (uint64_t va = STUB_SLOTS_END; va < STUB_END;
         va += va < STUB_CODE ? 0x100000 - va % 0x100000 : PAGE_SIZE) {
        if (va < STUB_CODE && va + 0x100000 > STUB_CODE)
            va = STUB_CODE;
        struct guest_regs regs = rig_regs(CODE_AT + 16);
        regs.rdi = va;
        cr_assert_eq(rig_run(&r, &regs), STOP_FAULT, "page %lx can be written", va);
        cr_assert_eq(r.stop.addr.va, va);
    }
    check_alive(&r);
    rig_stop(&r);
}

/* Slots of other address spaces are not there, whatever a fork has copied. */
Test(hostile, only_its_own_slots_are_there)
{
    struct aspace *child;
    struct rig r;

    rig_start(&r);
    uint64_t slot = slot_of_rig(&r);
    cr_assert_eq(OPS->aspace_fork(r.as, &child), 0);
    CODE(&r, CODE_AT + 16, "\x48\x8b\x07\x0f\x05"); /* mov (%rdi), %rax; syscall */
    int seen = 0;
    for (uint64_t va = STUB_SLOTS; va < slot + 64 * SLOT_SIZE; va += SLOT_SIZE) {
        struct guest_regs regs = rig_regs(CODE_AT + 16);
        regs.rdi = va;
        cr_assert_eq(OPS->run(r.t, child, &regs, &r.stop), 0);
        seen += r.stop.why == STOP_SYSCALL;
        cr_assert(va != slot || r.stop.why == STOP_FAULT);
    }
    cr_assert_eq(seen, 1);
    OPS->aspace_destroy(child);
    rig_stop(&r);
}

struct scribbler {
    struct rig *r;
    pthread_t thread;
    atomic_bool over;
    uint64_t slot;
    _Atomic(struct guest_thread *) t;
    atomic_bool let_go;
};

/* A guest thread that fills the slot of another with changing words, for ever. */
static void *scribble(void *arg)
{
    struct scribbler *s = arg;
    struct guest_regs regs = rig_regs(CODE_AT + 128);
    struct guest_stop stop;
    struct guest_thread *t;

    cr_assert_eq(OPS->thread_create(s->r->p, &t), 0);
    atomic_store(&s->t, t);
    regs.rdi = s->slot;
    while (!atomic_load(&s->over))
        (void)!OPS->run(t, s->r->as, &regs, &stop);
    while (!atomic_load(&s->let_go))
        host_sched_yield();
    OPS->thread_destroy(t);
    return NULL;
}

Test(hostile, a_guest_that_scribbles_on_a_slot_harms_itself_alone, .timeout = 100)
{
    struct scribbler s = { 0 };
    struct ticker k;
    struct rig r;
    unsigned lost = 0;

    rig_start(&r);
    check_alive(&r);
    /* 1: mov %rdi, %rcx; 2: lea 64 KiB…: words of 4 bytes, counting, over the first 320 and then
     * the stack */
    CODE(&r, CODE_AT + 128,
         "\x31\xc0"                         /* xor %eax, %eax */
         "\xff\xc0"                         /* 1: inc %eax */
         "\x89\xc1\x81\xe1\xff\xff\x00\x00" /* mov %eax, %ecx; and $0xffff, %ecx */
         "\x83\xe1\xfc"                     /* and $-4, %ecx */
         "\x89\xc2\x83\xe2\x07"             /* mov %eax, %edx; and $7, %edx */
         "\x89\x14\x0f"                     /* mov %edx, (%rdi,%rcx) */
         "\xeb\xea");                       /* jmp 1b */
    s.r = &r;
    s.slot = slot_of_rig(&r);
    cr_assert_eq(pthread_create(&s.thread, NULL, scribble, &s), 0);
    while (!atomic_load(&s.t))
        host_sched_yield();
    start_ticker(&k, &r);
    nsec_t until = host_clock_gettime(CLOCK_MONOTONIC) + 3 * NSEC_PER_SEC;
    CODE(&r, CODE_AT + 64, "\x0f\x05\xeb\xfc");
    while (lost < 3 && host_clock_gettime(CLOCK_MONOTONIC) < until) {
        struct guest_regs regs = rig_regs(CODE_AT + 64);
        if (!run_hostile(&r, &regs))
            lost++;
    }
    stop_ticker(&k);
    atomic_store(&s.over, true);
    OPS->interrupt(atomic_load(&s.t));
    atomic_store(&s.let_go, true);
    cr_assert_eq(pthread_join(s.thread, NULL), 0);
    check_alive(&r);
    rig_stop(&r);
}

/* Bases of its own, set without a call: calls and faults still arrive, and the base stays. */
Test(hostile, a_gs_base_of_its_own_disturbs_nothing)
{
    struct rig r;

    rig_start(&r);
    /* wrgsbase %rdi; syscall; mov %gs:0, %rbx; syscall; jmp to the entry */
    CODE(&r, CODE_AT, "\xf3\x48\x0f\xae\xdf\x0f\x05\x65\x48\x8b\x1c\x25\x00\x00\x00\x00\x0f\x05");
    *(uint64_t *)(r.ram + DATA_OFF) = 4711;
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rdi = DATA_AT;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.gs_base, DATA_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.rbx, 4711);
    regs.rip = STUB_ENTRY; /* takes DATA_AT for its slot */
    struct ticker k;
    start_ticker(&k, &r);
    for (int i = 0; i < 5; i++) {
        if (!run_hostile(&r, &regs))
            break;
    }
    stop_ticker(&k);
    check_alive(&r);
    rig_stop(&r);
}
