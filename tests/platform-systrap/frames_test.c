/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rt_sigreturn(2) is one of the few calls that a guest can make of the host (page.c): with
 * frames of its own, by which it sets all registers, flags, segments, masks, signal stacks and
 * FPU state that the host lets it.
 */
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define PLATFORM platform_systrap
#include "platform-systrap/slot.h"
#include "tests/platform/attack.h"

#define FRAMES_AT  0xa00000u
#define FRAMES_OFF ((uint64_t)20 << 20)
#define FRAME_SIZE ((uint64_t)64 << 10) /* each attacker's */
#define XSTATE     2048                 /* where in it the FPU state is */

extern const char stub_page[];

/* mov $15, %eax; syscall: where handlers return to. */
static uint64_t find_restorer(void)
{
    for (uint64_t off = 0; off + 7 < PAGE_SIZE; off++) {
        if (memcmp(stub_page + off, "\xb8\x0f\x00\x00\x00\x0f\x05", 7) == 0)
            return STUB_PAGE + off;
    }
    cr_assert(false, "no restorer");
    return 0;
}

static uint64_t odd_address(struct attacker *a)
{
    struct dice *d = &a->dice;
    const uint64_t at[] = { 0,
                            LOOP_AT,
                            DATA_AT + 1024,
                            FAKE_AT + roll(d) % FAKE_SIZE,
                            FRAMES_AT + a->index * FRAME_SIZE + roll(d) % FRAME_SIZE,
                            a->slot,
                            a->slot + roll(d) % SLOT_SIZE,
                            a->slot + SLOT_SIZE - 8,
                            STUB_SLOTS + SLOT_SIZE * (roll(d) % 16),
                            STUB_CODE + roll(d) % (2 * PAGE_SIZE),
                            STUB_ENTRY,
                            STUB_CMD,
                            SECRET_AT,
                            0x7ffffffff000,
                            0x800000000000,
                            0x8000000000000000,
                            0xffffffffff600000,
                            0xffffffff81000000,
                            UINT64_MAX,
                            roll(d) };

    return PICK(d, at);
}

/* The FPU part: what the host's kernel itself would write, and then some of it wrong. */
static uint64_t put_fpu(struct attacker *a, uint8_t *at, uint64_t va)
{
    size_t size = OPS->fpu_size(a->of->w->r.p);
    uint32_t magic1 = 0x46505853, magic2 = 0x46505845;
    uint64_t features;
    struct dice *d = &a->dice;

    memset(at, 0, size + 64);
    memcpy(at + 24, "\x80\x1f\0\0", 4);
    features = roll(d) % 2 ? 7 : roll(d) % 4 ? 0x602e7 : roll(d);
    memcpy(at + 464, (uint32_t[]){ magic1, (uint32_t)size + 4 }, 8);
    memcpy(at + 472, &features, 8);
    memcpy(at + 480, &size, 4);
    memcpy(at + 512, &features, 8);
    memcpy(at + size, &magic2, 4);
    switch (roll(d) % 10) {
    case 0: /* the header: reserved, compact, unknown components */
        at[512 + roll(d) % 64] = (uint8_t)roll(d);
        break;
    case 1:
        memcpy(at + 520, &(uint64_t){ UINT64_C(1) << 63 | roll(d) }, 8);
        break;
    case 2: /* sizes */
        memcpy(at + 468 + 12 * (roll(d) % 2), &(uint32_t){ (uint32_t)roll(d) >> roll(d) % 32 }, 4);
        break;
    case 3: /* magic */
        at[roll(d) % 2 ? 464 : size] ^= 1;
        break;
    case 4: /* MXCSR */
        memcpy(at + 24, &(uint32_t){ (uint32_t)roll(d) }, 4);
        break;
    case 5: /* anything anywhere */
        for (int i = 0; i < 100; i++)
            at[roll(d) % size] = (uint8_t)roll(d);
        break;
    case 6:
        return va + roll(d) % 64;
    case 7:
        return odd_address(a);
    case 8:
        return 0;
    }
    return va;
}

static uint64_t odd_segments(struct dice *d)
{
    static const uint16_t selectors[] = { 0x33, 0x33, 0x33, 0x33, 0x23, 0x2b, 0x10,
                                          0x18, 0,    3,    0x7b, 0x53, 0x43, 0xffff };

    return PICK(d, selectors) | (uint64_t)PICK(d, selectors) << 16 |
           (uint64_t)PICK(d, selectors) << 32 |
           (uint64_t)(roll(d) % 4 ? 0x2b : PICK(d, selectors)) << 48;
}

static void forge(struct attacker *a, uint64_t i, struct guest_regs *regs)
{
    static const uint64_t flags[] = { 0,       0x100,   0x40000, 0x4000,   0x400,    0x3000,
                                      0x10000, 0x20000, 0x80000, 0x100000, 0x200000, 0x800 };
    uint64_t off = a->index * FRAME_SIZE;
    uint8_t *frame = a->of->w->r.ram + FRAMES_OFF + off;
    ucontext_t *uc = (ucontext_t *)frame;
    greg_t *g = uc->uc_mcontext.gregs;
    struct dice *d = &a->dice;

    for (size_t n = 0; n < NGREG; n++)
        g[n] = (greg_t)odd_address(a);
    uc->uc_flags = roll(d) % 2 ? 7 : roll(d);
    uc->uc_stack = (stack_t){ .ss_sp = (void *)(a->slot + SLOT_STACK), .ss_size = SLOT_STACK_SIZE };
    if (roll(d) % 8 == 0)
        uc->uc_stack = (stack_t){ (void *)odd_address(a), (int)(roll(d) % 4), odd_address(a) };
    if (i % 4)
        g[REG_RIP] = LOOP_AT;
    if (i % 3)
        g[REG_RSP] = DATA_AT + 2048;
    g[REG_EFL] = roll(d) % 8 ? (greg_t)(2 | PICK(d, flags)) : (greg_t)roll(d);
    g[REG_CSGSFS] = roll(d) % 8 ? (greg_t)odd_segments(d) : (greg_t)roll(d);
    uc->uc_mcontext.fpregs = (void *)put_fpu(a, frame + XSTATE, FRAMES_AT + off + XSTATE);
    /* Most leave the signals as they are: who blocks those is ended, and that takes seconds. */
    uint64_t mask = roll(d) % 200 ? 0 : roll(d);
    memcpy(&uc->uc_sigmask, &mask, sizeof mask);
    regs->rip = find_restorer();
    regs->rsp = roll(d) % 16 ? FRAMES_AT + off : odd_address(a);
}

static void map_frames(struct world *w)
{
    rig_apply(w->r.as,
              op_map(FRAMES_AT, ATTACKERS * FRAME_SIZE, PROT_READ | PROT_WRITE, FRAMES_OFF));
}

Test(frames, forged_for_the_hosts_own_sigreturn, .timeout = 1000)
{
    uint64_t count = is_long() ? 1000000 : 6000;
    struct world w;

    world_start(&w);
    map_frames(&w);
    struct attack done = attack(&w, forge, count, is_long() ? 300 : 15);
    cr_assert_gt(done.tries, 500);
    cr_assert_gt(done.stops[STOP_SYSCALL], 100);
    cr_assert_gt(done.stops[STOP_EXCEPTION], 100);
    world_stop(&w);
}

/* Goes on at LOOP_AT + 16, with the signal of interrupts blocked. Gives the other registers. */
static greg_t *forge_shut(struct world *w, uint64_t off, struct guest_regs *regs)
{
    ucontext_t *uc = (ucontext_t *)(w->r.ram + FRAMES_OFF + off);
    greg_t *g = uc->uc_mcontext.gregs;

    g[REG_RIP] = LOOP_AT + 16;
    g[REG_CSGSFS] = 0x2b000000000033;
    g[REG_EFL] = EFLAGS_FIXED;
    memcpy(&uc->uc_sigmask, &(uint64_t){ 1ull << (SIGURG - 1) }, sizeof(uint64_t));
    regs->rip = find_restorer();
    regs->rsp = FRAMES_AT + off;
    return g;
}

static void shut_out(struct attacker *a, uint64_t i, struct guest_regs *regs)
{
    (void)i;
    forge_shut(a->of->w, a->index * FRAME_SIZE, regs);
}

Test(frames, who_cannot_be_interrupted_is_ended, .timeout = 60)
{
    struct world w;

    world_start(&w);
    map_frames(&w);
    CODE(&w.r, LOOP_AT + 16, "\xeb\xfe");
    struct attack done = attack(&w, shut_out, 4, 30);
    cr_assert_eq(done.tries, 4);
    cr_assert_geq(done.lost, 1); /* an interrupt may have come before */
    world_stop(&w);
}

/* In the stub's page: the `syscall` of futex(2) behind which it looks at the turn, and goes on. */
static uint64_t find_sleep(void)
{
    static const char code[] = "\xb8\xca\0\0\0\x0f\x05\x83\x3b\x02"; /* …; cmpl $2, (%rbx) */
    const char *at = memmem(stub_page, PAGE_SIZE, code, sizeof code - 1);

    cr_assert_not_null(at);
    return STUB_PAGE + (uint64_t)(at - stub_page) + 5;
}

/*
 * It does nothing but wake who waits for it: by way of the stub's own futex call, from which
 * it comes back as it went, since rbx and %gs are a slot of its own making.
 */
static void forge_waker(struct world *w, uint64_t turn, struct guest_regs *regs)
{
    struct slot *fake = (struct slot *)(w->r.ram + FAKE_OFF);
    greg_t *g = forge_shut(w, 0, regs);

    g[REG_RAX] = SYS_futex;
    g[REG_RDI] = (greg_t)turn;
    g[REG_RSI] = FUTEX_WAKE;
    g[REG_RDX] = 1;
    g[REG_RBX] = FAKE_AT;
    g[REG_R14] = DATA_AT;
    g[REG_R15] = (greg_t)find_sleep();
    fake->orders = ORDER_RUN | ORDER_RESULT;
    fake->result = SYS_futex;
    fake->regs = rig_regs(LOOP_AT + 16);
    fake->regs.rdi = turn;
    fake->regs.rsi = FUTEX_WAKE;
    fake->regs.rdx = 1;
    fake->regs.rbx = FAKE_AT;
    fake->regs.r14 = DATA_AT;
    fake->regs.r15 = find_sleep();
}

struct hunter {
    struct world *w;
    atomic_bool over;
};

/* Interrupts it from when it is out of reach. */
static void *hunt(void *arg)
{
    struct hunter *h = arg;
    const _Atomic uint64_t *sign = (_Atomic uint64_t *)(h->w->r.ram + DATA_OFF);

    while (atomic_load(sign) < 100)
        usleep(1000);
    while (!atomic_load(&h->over)) {
        OPS->interrupt(h->w->r.t);
        usleep(10000);
    }
    return NULL;
}

Test(frames, who_cannot_be_interrupted_and_wakes_us_is_ended_too, .timeout = 30)
{
    struct world w;
    pthread_t hunter;

    world_start(&w);
    map_frames(&w);
    /* incq (%r14); wrgsbase %rbx; jmp *%r15 */
    CODE(&w.r, LOOP_AT + 16, "\x49\xff\x06\xf3\x48\x0f\xae\xdb\x41\xff\xe7");
    struct hunter h = { .w = &w };
    struct guest_regs regs = rig_regs(LOOP_AT);
    forge_waker(&w, slot_of(&w, w.r.t), &regs);
    cr_assert_eq(pthread_create(&hunter, NULL, hunt, &h), 0);
    cr_assert_eq(OPS->run(w.r.t, w.r.as, &regs, &w.r.stop), -EIO);
    atomic_store(&h.over, true);
    cr_assert_eq(pthread_join(hunter, NULL), 0);
    world_stop(&w);
}
