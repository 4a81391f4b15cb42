/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stub and the thread that waits for it never run at the same time. Linux does not
 * know that: it wakes each on an idle CPU, as if both had work to do, and to get an
 * idle CPU going costs far more than a switch on this one, most of all where
 * CPUs are virtual (9 µs and 64 µs for a call on a machine with two of them).
 *
 * So both are held on one CPU, but only while one wakes the other: the stub until it
 * is on the CPU's queue, our thread while it sleeps. What then computes for
 * long can be moved by the host at any time, and in the rest of the sentry threads
 * are free. Errors do not matter: it is only slower then.
 */
#include "platform-stub/cpus.h"

#include <errno.h>
#include <string.h>

#include "base/host.h"

static void set_all(const struct cpus *c, pid_t tid)
{
    cpu_set_t any;

    if (host_sched_setaffinity(tid, sizeof c->all, &c->all) != -EINVAL)
        return;
    /* None of those is ours any more: let the host choose from what it has given us instead. */
    memset(&any, 0xff, sizeof any);
    int err = host_sched_setaffinity(tid, sizeof any, &any);
    (void)err;
}

static void set_one(pid_t tid, int cpu)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    int err = host_sched_setaffinity(tid, sizeof one, &one);
    (void)err;
}

void cpus_init(struct cpus *c)
{
    CPU_ZERO(&c->all);
    int err = host_sched_getaffinity(0, sizeof c->all, &c->all);
    c->many = err >= 0 && CPU_COUNT(&c->all) > 1;
}

int cpus_here(const struct cpus *c)
{
    int cpu = c->many ? sched_getcpu() : -1;

    return cpu < CPU_SETSIZE ? cpu : -1;
}

int cpus_stay(const struct cpus *c)
{
    int cpu = cpus_here(c);

    if (cpu >= 0)
        set_one(0, cpu);
    return cpu;
}

void cpus_roam(const struct cpus *c)
{
    if (c->many)
        set_all(c, 0);
}

int cpus_nth(const struct cpus *c, unsigned n)
{
    int cpu = 0;

    n %= (unsigned)CPU_COUNT(&c->all);
    while (!CPU_ISSET(cpu, &c->all) || n-- > 0)
        cpu++;
    return cpu;
}

void cpus_bring(const struct cpus *c, pid_t stub, int cpu)
{
    if (c->many)
        set_one(stub, cpu);
}

void cpus_free(const struct cpus *c, pid_t stub)
{
    if (c->many)
        set_all(c, stub);
}
