/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest threads that write over a slot, word by word and as fast as they can, while its own
 * thread makes calls, faults, is interrupted, and gives and takes FPU state: the turn and all
 * orders, registers, answers, XSAVE areas, and the signal frame that the sentry is reading.
 */
#include <pthread.h>
#include <stdio.h>

#define PLATFORM platform_systrap
#include "platform-systrap/systrap_priv.h"
#include "tests/platform/attack.h"

#define SCRIBBLERS 2
#define ENTRIES    512u /* of what they write: an offset in the slot, and a word */
#define SWEEPS     (SLOT_SIZE / (ENTRIES * 8)) /* cover a slot */
#define ALL        (3 * SWEEPS)
#define LAST       300 /* s, for all of them on a machine that is slow */

struct entry {
    uint64_t off, value;
};

struct scribbler {
    struct world *w;
    pthread_t thread;
    uint64_t slot; /* the other's */
    atomic_bool over, let_go;
    _Atomic(struct guest_thread *) t;
};

/* 1: rsi → rdx, rcx → r8; 2: write what (rdx) says; next; again from 1 when all are done */
#define WRITE_TABLE                                                                   \
    "\x48\x89\xf2\x49\x89\xc8"             /* 1: mov %rsi,%rdx; mov %rcx,%r8 */       \
    "\x48\x8b\x02\x48\x8b\x5a\x08"         /* 2: mov (%rdx),%rax; mov 8(%rdx),%rbx */ \
    "\x48\x89\x1c\x07"                     /* mov %rbx,(%rdi,%rax) */                 \
    "\x48\x83\xc2\x10\x49\xff\xc8\x75\xec" /* add $16,%rdx; dec %r8; jnz 2b */        \
    "\xeb\xe4"                             /* jmp 1b */

static void *scribble(void *arg)
{
    struct scribbler *s = arg;
    struct guest_stop stop;
    struct guest_thread *t;

    cr_assert_eq(OPS->thread_create(s->w->r.p, &t), 0);
    atomic_store(&s->t, t);
    while (!atomic_load(&s->over)) {
        struct guest_regs regs = rig_regs(LOOP_AT + 16);
        regs.rdi = s->slot;
        regs.rsi = FAKE_AT;
        regs.rcx = ENTRIES;
        cr_assert_eq(OPS->run(t, s->w->r.as, &regs, &stop), 0);
    }
    while (!atomic_load(&s->let_go))
        sched_yield();
    OPS->thread_destroy(t);
    return NULL;
}

static void start_scribblers(struct scribbler s[SCRIBBLERS], struct world *w, uint64_t slot)
{
    CODE(&w->r, LOOP_AT + 16, WRITE_TABLE);
    for (size_t i = 0; i < SCRIBBLERS; i++) {
        s[i] = (struct scribbler){ .w = w, .slot = slot };
        cr_assert_eq(pthread_create(&s[i].thread, NULL, scribble, &s[i]), 0);
        while (!atomic_load(&s[i].t))
            sched_yield();
    }
}

static void stop_scribblers(struct scribbler s[SCRIBBLERS])
{
    for (size_t i = 0; i < SCRIBBLERS; i++) {
        atomic_store(&s[i].over, true);
        OPS->interrupt(atomic_load(&s[i].t));
        atomic_store(&s[i].let_go, true);
        cr_assert_eq(pthread_join(s[i].thread, NULL), 0);
    }
}

/* ---- what is written ---- */

/* Words whose meaning the sentry or the stub cares for. */
static uint64_t odd_offset(struct dice *d)
{
    switch (roll(d) % 8) {
    case 0:
        return roll(d) % SLOT_REGS; /* the turn, who sleeps, why, orders, the frame's place */
    case 1:
        return SLOT_REGS + roll(d) % (GREG_GS_BASE + 8);
    case 2:
        return SLOT_ANSWERS + roll(d) % (8 * SLOT_ANSWER_CALLS);
    case 3:
        return SLOT_FPU + 512 + roll(d) % 64; /* the header */
    case 4:
        return SLOT_FPU + roll(d) % SLOT_FPU_SIZE;
    case 5:
        return SLOT_SIZE - 4096 + roll(d) % 4088; /* where the frame and its siginfo are */
    default:
        return roll(d) % (SLOT_SIZE - 8);
    }
}

static uint64_t odd_value(struct dice *d, uint64_t slot)
{
    const uint64_t values[] = { 0,
                                roll(d) % 8,
                                roll(d) % 8 | roll(d) % 8 << 32,
                                (uint64_t)1 << roll(d) % 64,
                                slot + roll(d) % SLOT_SIZE,
                                slot + SLOT_SIZE - 1024,
                                slot - 8,
                                slot + SLOT_SIZE,
                                CODE_AT,
                                SECRET_AT,
                                STUB_CODE + roll(d) % (2 * PAGE_SIZE),
                                0x800000000000,
                                UINT64_MAX,
                                roll(d) };

    return PICK(d, values);
}

/* Every byte of a part of the slot in turn; or one place, or places that matter, again and again.
 */
static void fill_table(struct world *w, struct dice *d, uint64_t slot, uint64_t sweep)
{
    struct entry *table = (struct entry *)(w->r.ram + FAKE_OFF);
    uint64_t place = odd_offset(d), part = sweep % SWEEPS * ENTRIES * 8;
    bool with_turn = roll(d) % 4 == 0; /* which most stubs do not survive */

    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint64_t off = sweep % 2 ? odd_offset(d) : place;
        if (sweep % 3 == 0)
            off = part + i * 8;
        else if (off < 8 && !with_turn)
            off += 8;
        table[i] = (struct entry){ off, odd_value(d, slot) };
    }
}

/* ---- meanwhile ---- */

struct victim {
    struct world *w;
    struct dice dice;
    uint64_t slot;
    void *area;
    uint64_t sweep;
    unsigned lost, turns;
};

/* Something that the sentry might want of a thread. 0, or -EIO where its stub is lost. */
static int do_something(struct victim *v)
{
    static const uint64_t codes[] = { LOOP_AT, LOOP_AT, CODE_AT + 0x100, CODE_AT + 0x110,
                                      CODE_AT + 0x120 };
    struct rig *r = &v->w->r;
    size_t size = OPS->fpu_size(r->p);
    struct guest_regs regs = rig_regs(PICK(&v->dice, codes));
    struct aspace *child;

    switch (roll(&v->dice) % 16) {
    case 0:
        return OPS->fpu_get(r->t, v->area, size);
    case 1: {
        int err = OPS->fpu_get(r->t, v->area, size);
        return err ? err : OPS->fpu_set(r->t, v->area, size); /* what we give is what we take */
    }
    case 2:
        OPS->fpu_reset(r->t);
        return 0;
    case 3:
        OPS->interrupt(r->t);
        break;
    case 4:
        cr_assert_eq(OPS->aspace_fork(r->as, &child), 0);
        OPS->aspace_destroy(child);
        break;
    case 5:
        regs.gs_base = FAKE_AT;
        regs.eflags |= 0x100;
        break;
    }
    int err = OPS->run(r->t, r->as, &regs, &r->stop);
    if (!err)
        check_registers(v->w, &regs);
    return err;
}

struct watchdog {
    struct world *w;
    pthread_t thread;
    atomic_bool over;
};

static void *watch(void *arg)
{
    struct watchdog *d = arg;

    while (!atomic_load(&d->over)) {
        usleep(500);
        OPS->interrupt(d->w->r.t);
    }
    return NULL;
}

static void start_watchdog(struct watchdog *d, struct world *w)
{
    *d = (struct watchdog){ .w = w };
    cr_assert_eq(pthread_create(&d->thread, NULL, watch, d), 0);
}

static void stop_watchdog(struct watchdog *d)
{
    atomic_store(&d->over, true);
    cr_assert_eq(pthread_join(d->thread, NULL), 0);
}

static void be_a_victim(struct victim *v, nsec_t until)
{
    nsec_t now;

    while ((now = host_clock_gettime(CLOCK_MONOTONIC)) < until) {
        fill_table(v->w, &v->dice, v->slot, v->sweep++);
        nsec_t round = now + 5 * NSEC_PER_MSEC;
        while (host_clock_gettime(CLOCK_MONOTONIC) < round) {
            int err = do_something(v);
            cr_assert(err == 0 || err == -EIO, "error %d", err);
            v->turns++;
            if (!err)
                continue;
            v->lost++;
            return; /* the next stub has another slot */
        }
    }
}

/* It gets its turn a little later, without an interrupt. */
Test(scribble, on_the_word_that_says_it_sleeps, .timeout = 60)
{
    struct world w;

    world_start(&w);
    struct guest_regs regs = rig_regs(LOOP_AT);
    cr_assert_eq(rig_run(&w.r, &regs), STOP_SYSCALL);
    struct slot *slot = w.r.t->stub->slot;
    while (!atomic_load(&slot->stub_sleeps))
        usleep(100);
    usleep(50000); /* said before it sleeps */
    atomic_store(&slot->stub_sleeps, 0);
    regs = rig_regs(LOOP_AT);
    cr_assert_eq(rig_run(&w.r, &regs), STOP_SYSCALL);
    world_stop(&w);
}

Test(scribble, on_every_word_of_a_slot_while_it_is_in_use, .timeout = 1000)
{
    struct scribbler s[SCRIBBLERS];
    struct watchdog dog;
    struct world w;

    world_start(&w);
    CODE(&w.r, CODE_AT + 0x100, "\x48\x8b\x04\x25\0\0\0\0"); /* mov 0, %rax: a fault */
    CODE(&w.r, CODE_AT + 0x110, "\x31\xc0\xf7\xf0");         /* div %eax: an exception */
    CODE(&w.r, CODE_AT + 0x120, "\xeb\xfe");
    struct victim v = { .w = &w, .area = malloc(OPS->fpu_size(w.r.p)) };
    const nsec_t began = host_clock_gettime(CLOCK_MONOTONIC), last = began + LAST * NSEC_PER_SEC;
    nsec_t until = began + (is_long() ? 200 : 6) * NSEC_PER_SEC, now;
    while ((now = host_clock_gettime(CLOCK_MONOTONIC)) < until) {
        v.slot = slot_of(&w, w.r.t);
        start_scribblers(s, &w, v.slot);
        start_watchdog(&dog, &w);
        be_a_victim(&v, until);
        stop_watchdog(&dog);
        stop_scribblers(s);
        world_check(&w);
        OPS->fpu_reset(w.r.t);
        if (v.sweep < ALL && now < last)
            until = max(until, host_clock_gettime(CLOCK_MONOTONIC) + NSEC_PER_SEC);
    }
    fprintf(stderr, "%u turns, %u stubs lost\n", v.turns, v.lost);
    cr_assert_gt(v.turns, 100);
    cr_assert_geq(v.sweep, ALL, "not every byte was written in the time given");
    free(v.area);
    world_stop(&w);
}
