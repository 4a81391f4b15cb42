/* SPDX-License-Identifier: Apache-2.0 */
/* The system-call table: a prototype for each row of syscalls.def, and how to reach one by number.
 */
#pragma once

#include "base/macro.h"
#include "include/uptr.h"

struct task;

#define SYSARG(kind, type, cast, print) typedef type arg_##kind##_t;
#include "sentry/syscall/sysargs.def"
#undef SYSARG

#define ARG_(kind, name) arg_##kind##_t name
#define ARG(i, pair)     , ARG_ pair
#define NOCALL(nr, name, err, note)
#define SYSCALL(nr, name, support, source, note, ...) \
    long sys_##name(struct task *t EACH(ARG, __VA_ARGS__));
#include "sentry/syscall/syscalls.def"
#undef SYSCALL
#undef NOCALL
#undef ARG
#undef ARG_

enum sys_support { SYS_FULL, SYS_PARTIAL, SYS_NONE };

struct sysent {
    const char *name, *source, *note;
    long (*call)(struct task *t, const uint64_t regs[6]);
    enum sys_support support;
    int refusal; /* SYS_NONE: the -errno that it gives */
    uint8_t nargs;
    uint8_t print[6];    /* PRINT_* of trace.h */
    const char *args[6]; /* names */
};

#define SYSCALL_COUNT 512

/* The row of a number, NULL where there is none. */
const struct sysent *sysent_get(uint64_t nr);

/* Runs a call: counts it, traces it where asked. Unknown numbers: -ENOSYS. */
long syscall_dispatch(struct task *t, uint64_t nr, const uint64_t regs[6]);
