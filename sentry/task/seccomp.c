/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of rules for each number of a call, as indexes into one array: the usual call
 * has one rule that looks at no argument, and costs two loads.
 */
#include "sentry/task/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <signal.h>

#include "sentry/task/group.h"
#include "sentry/task/signal.h"

#define NONE UINT16_MAX

#define CODE_SECCOMP 1 /* SYS_SECCOMP of siginfo.h */

struct rule {
    struct seccomp_verdict verdict;
    uint8_t nargs;
    uint16_t args; /* the first of them */
    uint16_t next; /* of the same call */
};

/* [I] all, once it is made */
struct seccomp_profile {
    struct seccomp_verdict otherwise;
    uint32_t calls, nrules, nargs;
    uint16_t *first; /* by number; NONE */
    struct rule *rules;
    struct seccomp_arg *args;
};

void seccomp_destroy(struct seccomp_profile *p)
{
    if (!p)
        return;
    arena_free(p->first);
    arena_free(p->rules);
    arena_free(p->args);
    arena_free(p);
}

int seccomp_create(struct arena *a, struct seccomp_verdict otherwise, uint32_t calls,
                   uint32_t rules, uint32_t args, struct seccomp_profile **out)
{
    struct seccomp_profile *p = arena_alloc(a, sizeof *p);

    if (!p || rules >= NONE || args >= NONE) {
        arena_free(p);
        return -ENOMEM;
    }
    *p = (struct seccomp_profile){ .otherwise = otherwise, .calls = calls };
    p->first = arena_alloc(a, calls * sizeof *p->first);
    p->rules = arena_alloc(a, (rules + 1) * sizeof *p->rules);
    p->args = arena_alloc(a, (args + 1) * sizeof *p->args);
    if (!p->first || !p->rules || !p->args) {
        seccomp_destroy(p);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < calls; i++)
        p->first[i] = NONE;
    *out = p;
    return 0;
}

void seccomp_add(struct seccomp_profile *p, uint32_t nr, struct seccomp_verdict verdict,
                 const struct seccomp_arg *args, uint8_t nargs)
{
    uint16_t *link = &p->first[nr];

    assert(nr < p->calls && nargs <= 6);
    while (*link != NONE)
        link = &p->rules[*link].next;
    *link = (uint16_t)p->nrules;
    p->rules[p->nrules++] = (struct rule){
        .verdict = verdict, .nargs = nargs, .args = (uint16_t)p->nargs, .next = NONE
    };
    for (uint8_t i = 0; i < nargs; i++)
        p->args[p->nargs++] = args[i];
}

static bool holds(const struct seccomp_arg *a, const uint64_t regs[6])
{
    uint64_t v = regs[a->index];

    switch (a->op) {
    case SECCOMP_NE:
        return v != a->value;
    case SECCOMP_LT:
        return v < a->value;
    case SECCOMP_LE:
        return v <= a->value;
    case SECCOMP_EQ:
        return v == a->value;
    case SECCOMP_GE:
        return v >= a->value;
    case SECCOMP_GT:
        return v > a->value;
    default:
        return (v & a->value) == a->two;
    }
}

static bool fits(const struct seccomp_profile *p, const struct rule *r, const uint64_t regs[6])
{
    for (uint8_t i = 0; i < r->nargs; i++)
        if (!holds(&p->args[r->args + i], regs))
            return false;
    return true;
}

static struct seccomp_verdict judge(const struct seccomp_profile *p, uint64_t nr,
                                    const uint64_t regs[6])
{
    uint16_t at = nr < p->calls ? p->first[nr] : NONE;

    for (; at != NONE; at = p->rules[at].next)
        if (fits(p, &p->rules[at], regs))
            return p->rules[at].verdict;
    return p->otherwise;
}

bool seccomp_is_free(const struct task *t, uint64_t nr)
{
    const struct seccomp_profile *p = t->group->container->profile;

    if (!p)
        return true;
    assert(nr < p->calls);
    for (uint16_t at = p->first[nr]; at != NONE; at = p->rules[at].next) {
        const struct rule *r = &p->rules[at];
        if (r->verdict.action != SECCOMP_ALLOW)
            return false;
        if (r->nargs == 0)
            return true;
    }
    return p->otherwise.action == SECCOMP_ALLOW;
}

bool seccomp_allows(struct task *t, uint64_t nr, const uint64_t regs[6], long *result)
{
    struct seccomp_verdict v = judge(t->group->container->profile, nr, regs);
    struct abi_siginfo si;

    *result = -ENOSYS;
    switch ((enum seccomp_action)v.action) {
    case SECCOMP_ALLOW:
        return true;
    case SECCOMP_ERRNO:
        *result = -(long)v.error;
        return false;
    case SECCOMP_TRAP:
        siginfo_kernel(&si, SIGSYS, CODE_SECCOMP);
        si.sys.call_addr = task_regs(t)->rip;
        si.sys.syscall = (int32_t)nr;
        si.sys.arch = AUDIT_ARCH_X86_64;
        signal_force(t, SIGSYS, &si);
        *result = (long)nr; /* the register is as it was: a handler puts its answer there */
        return false;
    case SECCOMP_KILL_THREAD:
        task_end(t, SIGSYS);
        return false;
    default:
        group_kill(t->group, SIGSYS);
        return false;
    }
}
