/* SPDX-License-Identifier: Apache-2.0 */
/* What a process does about each signal; shared under CLONE_SIGHAND. */
#pragma once

#include "base/lock.h"
#include "base/ref.h"
#include "include/abi/signal.h"
#include "sentry/core/arena.h"
#include "sentry/task/task.h"

#define SIGNAL_COUNT 64
#define SIG_BIT(n)   ((sigset64)1 << ((n)-1))

struct sighand {
    struct ref ref;
    struct mutex lock;                         /* RANK_SIGHAND */
    struct abi_sigaction action[SIGNAL_COUNT]; /* [l] of signal n at n-1 */
};

#define HANDLER_DEFAULT 0u
#define HANDLER_IGNORE  1u

/* All default. NULL: no memory. */
must_use struct sighand *sighand_create(struct arena *a);
/* fork(2). NULL: no memory. */
must_use struct sighand *sighand_copy(struct sighand *s);
struct sighand *sighand_get(struct sighand *s);
void sighand_put(struct sighand *s);
/* execve(2), CLONE_CLEAR_SIGHAND: what is handled becomes default; what is ignored stays so. */
void sighand_reset(struct sighand *s);
/* The handler alone: an address, HANDLER_DEFAULT or HANDLER_IGNORE. */
uint64_t sighand_handler(struct sighand *s, int sig);
void sighand_action(struct sighand *s, int sig, struct abi_sigaction *out);
void sighand_set(struct sighand *s, int sig, const struct abi_sigaction *act);

/* What the default action of a signal is: signal(7). */
enum signal_default { SIGNAL_DIE, SIGNAL_DUMP, SIGNAL_IGNORE, SIGNAL_STOP, SIGNAL_CONTINUE };
enum signal_default signal_default(int sig);
/* Is it of no effect with that handler, so that it need not be queued? (SIGCONT has its effect
 * when it is sent.) */
bool handler_ignores(uint64_t handler, int sig);
