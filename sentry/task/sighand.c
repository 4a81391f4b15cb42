/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of signal actions. */
#include "sentry/task/sighand.h"

#include <signal.h>
#include <string.h>

#include "sentry/core/slab.h"

static const struct slab_type sighand_slab = SLAB_TYPE(sighand, struct sighand);

struct sighand *sighand_create(struct arena *a)
{
    struct sighand *s = slab_alloc(a, &sighand_slab);

    if (!s)
        return NULL;
    ref_init(&s->ref);
    mutex_init(&s->lock, RANK_SIGHAND);
    return s;
}

struct sighand *sighand_copy(struct sighand *from)
{
    struct sighand *s = sighand_create(arena_of(from));

    if (!s)
        return NULL;
    mutex_lock(&from->lock);
    memcpy(s->action, from->action, sizeof s->action);
    mutex_unlock(&from->lock);
    return s;
}

struct sighand *sighand_get(struct sighand *s)
{
    ref_get(&s->ref);
    return s;
}

void sighand_put(struct sighand *s)
{
    if (s && ref_put(&s->ref))
        slab_free(s);
}

void sighand_reset(struct sighand *s)
{
    mutex_lock(&s->lock);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        bool ignored = s->action[i].handler == HANDLER_IGNORE;
        s->action[i] =
            (struct abi_sigaction){ .handler = ignored ? HANDLER_IGNORE : HANDLER_DEFAULT };
    }
    mutex_unlock(&s->lock);
}

/* Who asks has made sure that there is such a signal: a guest says any number. */
static struct abi_sigaction *action_locked(struct sighand *s, int sig) HOLDS(s->lock);
static struct abi_sigaction *action_locked(struct sighand *s, int sig)
{
    assert(sig >= 1 && sig <= SIGNAL_COUNT);
    return &s->action[sig - 1];
}

uint64_t sighand_handler(struct sighand *s, int sig)
{
    mutex_lock(&s->lock);
    uint64_t handler = action_locked(s, sig)->handler;
    mutex_unlock(&s->lock);
    return handler;
}

void sighand_action(struct sighand *s, int sig, struct abi_sigaction *out)
{
    mutex_lock(&s->lock);
    *out = *action_locked(s, sig);
    mutex_unlock(&s->lock);
}

void sighand_set(struct sighand *s, int sig, const struct abi_sigaction *act)
{
    mutex_lock(&s->lock);
    *action_locked(s, sig) = *act;
    mutex_unlock(&s->lock);
}

enum signal_default signal_default(int sig)
{
    switch (sig) {
    case SIGCONT:
        return SIGNAL_CONTINUE;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        return SIGNAL_STOP;
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
        return SIGNAL_IGNORE;
    case SIGQUIT:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGSYS:
    case SIGXCPU:
    case SIGXFSZ:
        return SIGNAL_DUMP;
    default:
        return SIGNAL_DIE;
    }
}

bool handler_ignores(uint64_t handler, int sig)
{
    enum signal_default what = signal_default(sig);

    return handler == HANDLER_IGNORE ||
           (handler == HANDLER_DEFAULT && (what == SIGNAL_IGNORE || what == SIGNAL_CONTINUE));
}
