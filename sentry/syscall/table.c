/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: syscalls.def expanded into typed thunks and rows, and the way from a
 * number to a handler.
 */
#include <time.h>

#include "sentry/core/refused.h"
#include "sentry/syscall/stats.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/syscall/trace.h"
#include "sentry/task/seccomp.h"
#include "sentry/task/task.h"

#define SYSARG(kind, type, cast, print)            \
    static inline type from_reg_##kind(uint64_t r) \
    {                                              \
        return cast;                               \
    }
#include "sentry/syscall/sysargs.def"
#undef SYSARG

/* clang-format off */
#define NOCALL(nr, name, err, note)
#define PASS_(kind, name) from_reg_##kind
#define PASS(i, pair) , PASS_ pair(regs[i])
#define SYSCALL(nr, name, support, source, note, ...)                                              \
    static long call_##name(struct task *t, const uint64_t regs[6])                                \
    {                                                                                              \
        (void)regs;                                                                                \
        return sys_##name(t EACH(PASS, __VA_ARGS__));                                              \
    }
#include "sentry/syscall/syscalls.def"
#undef SYSCALL
#undef NOCALL

enum {
#define SYSARG(kind, type, cast, print) KIND_##kind = PRINT_##print,
#include "sentry/syscall/sysargs.def"
#undef SYSARG
};

#define KIND_OF(kind, name) KIND_##kind
#define KIND(i, pair) KIND_OF pair,
#define NAME_OF(kind, name) #name
#define NAME(i, pair) NAME_OF pair,
#define NOCALL(nr, nm, err, nt)                                                                    \
    [nr] = { .name = #nm, .note = nt, .support = SYS_NONE, .refusal = -err },
#define SYSCALL(nr, nm, sup, src, nt, ...)                                                         \
    [nr] = { .name = #nm, .source = src, .note = nt, .call = call_##nm, .support = SYS_##sup,      \
             .nargs = NARGS(__VA_ARGS__), .print = { EACH(KIND, __VA_ARGS__) },                    \
             .args = { EACH(NAME, __VA_ARGS__) } },
static const struct sysent table[SYSCALL_COUNT] = {
#include "sentry/syscall/syscalls.def"
};
#undef SYSCALL
#undef NOCALL
/* clang-format on */

const struct sysent *sysent_get(uint64_t nr)
{
    return nr < SYSCALL_COUNT && table[nr].name ? &table[nr] : NULL;
}

static long call_or_refuse(struct task *t, uint64_t nr, const uint64_t regs[6])
{
    const struct sysent *e = sysent_get(nr);

    if (likely(e && e->call))
        return e->call(t, regs);
    refused_count(t->arena, REFUSED_SYSCALL, nr);
    return e ? e->refusal : -ENOSYS;
}

/* First the container's profile, then the call. */
static long ask_profile(struct task *t, uint64_t nr, const uint64_t regs[6])
{
    long result;

    if (unlikely(seccomp_on(t)) && !seccomp_allows(t, nr, regs, &result))
        return result;
    return call_or_refuse(t, nr, regs);
}

long syscall_dispatch(struct task *t, uint64_t nr, const uint64_t regs[6])
{
    struct syscall_stats *s = syscall_stats(t->arena);

    if (likely(!s || !s->watching))
        return ask_profile(t, nr, regs);
    return syscall_watched(t, s, nr, regs, ask_profile);
}
