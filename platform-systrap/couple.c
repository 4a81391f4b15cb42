/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who computes, and calls now and then. Its sentry thread sleeps meanwhile, and to wake
 * it on another processor costs more than most calls do, of whoever runs there, too: an
 * interrupt, a switch, and the same on the way back. So stub and sentry thread are held on
 * one processor, a *couple*: as in a host's call, what serves a guest runs where the guest
 * ran, and nothing goes to another processor. There they yield to each other (spin.c),
 * which takes 1 µs for both ways where futexes take 6.
 *
 * Where a processor is idle and a guest makes one call after the other, two processors
 * are faster than one (0.6 µs), and where more of those are there, seats are (seat.c).
 *
 * Which processor that is remains the host's choice. A couple is what it is for a slice;
 * then the stub is woken wherever the host wants it, and they meet there again. It ends
 * at once where the guest is found to compute, or its thread is about to sleep.
 */
#include "base/cycles.h"
#include "base/host.h"
#include "platform-systrap/systrap_priv.h"

#define WOKEN 3u /* turns in a row to which a stub was woken */

/* In cycles of the time stamp counter, of which a ms has some millions. */
#define SLICE     20000000u
#define NO_YIELDS 8000000u /* for so long after a stub has yielded to who computes */

void couple_part(struct guest_thread *t)
{
    const struct cpus *c = &t->p->stubs.cpus;

    if (!couple_is(t))
        return;
    cpus_free(c, t->stub->pid);
    cpus_roam(c);
    t->couple.cpu = -1;
    t->couple.woken = 0;
}

/*
 * Each processor has a guest, or this one computes; and its stub has had to be woken again and
 * again: nobody spins, or it does not help.
 */
static bool pays(const struct guest_thread *t, unsigned guests)
{
    const struct platform *p = t->p;

    return t->couple.woken >= WOKEN && p->cpu_count > 1 &&
           (guests >= p->cpu_count || spin_is_vain(t)) && !seat_held(t) && t->talk.stub_cpu < 0;
}

/* It has lasted for long enough, or somebody has moved us (agent_run() may). */
static bool is_over(const struct guest_thread *t)
{
    return cycles() - t->couple.since > SLICE || seat_held(t) ||
           cpus_here(&t->p->stubs.cpus) != t->couple.cpu;
}

void couple_meet(struct guest_thread *t, unsigned guests, bool stub_sleeps)
{
    const struct cpus *c = &t->p->stubs.cpus;

    if (couple_is(t)) {
        if (is_over(t))
            couple_part(t);
        return;
    }
    t->couple.woken = stub_sleeps ? t->couple.woken + 1 : 0;
    if (!pays(t, guests))
        return;
    t->couple.cpu = cpus_stay(c);
    if (!couple_is(t))
        return;
    cpus_bring(c, t->stub->pid, t->couple.cpu);
    t->couple.since = cycles();
}

void couple_stalled(struct guest_thread *t)
{
    t->couple.no_yields = cycles() + NO_YIELDS;
}

bool couple_yields(const struct guest_thread *t)
{
    return cycles() >= t->couple.no_yields;
}
