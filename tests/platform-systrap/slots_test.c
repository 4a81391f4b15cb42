/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: those of stubs that are gone have other users, of the same address space. */
#define PLATFORM platform_systrap
#include <errno.h>

#include "platform-systrap/systrap_priv.h"
#include "tests/platform/rig.h"

#define THREADS 24 /* more than are parked */
#define BAD_AT  (CODE_AT + 16)

static void start(struct rig *r)
{
    rig_start(r);
    CODE(r, CODE_AT, "\x0f\x05\xeb\xfc");
    CODE(r, BAD_AT, "\x65\xc7\x04\x25\0\0\0\0\3\0\0\0\xeb\xfe"); /* 1: movl $3, %gs:0; jmp 1b */
}

static unsigned slots_used(struct rig *r)
{
    unsigned n = 0;

    corpse_reap_all(&r->p->stubs);
    for (size_t i = 1; i < SLOTS_MAX; i++)
        n += bitmap_test(r->p->slots, i);
    cr_assert_eq(n, atomic_load(&r->p->slot_count));
    return n;
}

/* All that are free are somebody's; or they are free again. */
static void take_all(struct rig *r, bool taken)
{
    static bool ours[SLOTS_MAX];

    for (size_t i = 1; i < SLOTS_MAX; i++) {
        if (taken && !bitmap_test(r->p->slots, i)) {
            ours[i] = true;
            bitmap_set(r->p->slots, i);
            atomic_fetch_add(&r->p->slot_count, 1);
        } else if (!taken && ours[i]) {
            ours[i] = false;
            bitmap_clear(r->p->slots, i);
            atomic_fetch_sub(&r->p->slot_count, 1);
        }
    }
}

/* Its stub writes to its own turn what no turn is. */
static void lose_stub(struct rig *r)
{
    struct guest_regs regs = rig_regs(BAD_AT);

    cr_assert_eq(OPS->run(r->t, r->as, &regs, &r->stop), -EIO);
}

static void run_once(struct rig *r, struct guest_thread *t)
{
    struct guest_regs regs = rig_regs(CODE_AT);

    cr_assert_eq(OPS->run(t, r->as, &regs, &r->stop), 0);
    cr_assert_eq(r->stop.why, STOP_SYSCALL);
}

Test(slots, threads_that_come_and_go_take_no_more_of_them)
{
    struct guest_thread *t[THREADS];
    struct rig r;

    start(&r);
    unsigned before = slots_used(&r);
    for (unsigned round = 0; round < 8; round++) {
        for (size_t i = 0; i < THREADS; i++) {
            cr_assert_eq(OPS->thread_create(r.p, &t[i]), 0);
            run_once(&r, t[i]);
        }
        for (size_t i = 0; i < THREADS; i++)
            OPS->thread_destroy(t[i]);
        cr_assert_leq(slots_used(&r), before + THREADS);
    }
    rig_stop(&r);
}

Test(slots, stubs_that_are_lost_take_no_more_of_them)
{
    struct rig r;

    start(&r);
    unsigned before = slots_used(&r);
    for (unsigned i = 0; i < 5; i++) {
        lose_stub(&r);
        cr_assert_eq(slots_used(&r), before + 1);
    }
    run_once(&r, r.t);
    rig_stop(&r);
}

Test(slots, what_a_stub_left_in_one_is_not_seen)
{
    struct rig r;

    start(&r);
    run_once(&r, r.t);
    struct slot *slot = r.t->stub->slot;
    slot->pkru = PKRU_KEY_0;
    slot->kicked = 1;
    systrap_thread_lost(r.t);
    corpse_reap_all(&r.p->stubs);
    run_once(&r, r.t);
    cr_assert_eq(r.t->stub->slot, slot);
    cr_assert_eq(slot->pkru, 0);
    cr_assert_eq(slot->kicked, 0);
    rig_stop(&r);
}

Test(slots, the_last_of_them_is_waited_for)
{
    struct rig r;

    start(&r);
    run_once(&r, r.t);
    take_all(&r, true);
    for (unsigned i = 0; i < 5; i++) {
        lose_stub(&r);
        run_once(&r, r.t);
    }
    take_all(&r, false);
    rig_stop(&r);
}

Test(slots, where_there_is_none_one_hears_of_it)
{
    struct guest_regs regs = rig_regs(CODE_AT);
    struct rig r;

    start(&r);
    cr_assert(OPS->thread_room(r.p));
    take_all(&r, true);
    cr_assert_not(OPS->thread_room(r.p));
    cr_assert_eq(OPS->run(r.t, r.as, &regs, &r.stop), -EAGAIN);
    take_all(&r, false);
    cr_assert(OPS->thread_room(r.p));
    run_once(&r, r.t);
    rig_stop(&r);
    cr_assert_eq(host_wait4(-1, &(int){ 0 }, WNOHANG | __WALL), -ECHILD);
}
