/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of pending signals. */
#include "sentry/task/sigqueue.h"

#include "sentry/core/slab.h"
#include "sentry/core/user.h"

struct sigqueue {
    struct list node; /* in sigpending.queue */
    uint32_t uid;     /* who pays */
    struct abi_siginfo info;
};

static const struct slab_type sigqueue_slab = SLAB_TYPE(sigqueue, struct sigqueue);

static struct sigqueue *alloc(struct arena *a, uint32_t uid, uint64_t limit)
{
    if (user_charge(a, uid, USER_SIGNALS, limit) != 0)
        return NULL;
    struct sigqueue *q = slab_alloc(a, &sigqueue_slab);
    if (!q) {
        user_uncharge(a, uid, USER_SIGNALS);
        return NULL;
    }
    q->uid = uid;
    return q;
}

static void drop(struct arena *a, struct sigqueue *q)
{
    list_del(&q->node);
    user_uncharge(a, q->uid, USER_SIGNALS);
    slab_free(q);
}

int sigpending_add(struct arena *a, struct sigpending *p, int sig, const struct abi_siginfo *si,
                   uint32_t uid, uint64_t limit)
{
    bool real_time = sig >= SIG_FIRST_RT;

    if (!real_time && p->set & SIG_BIT(sig))
        return 0;
    /* kill(2) and the kernel may pass the limit with the old signals */
    struct sigqueue *q = alloc(a, uid, !real_time && si->si_code >= 0 ? UINT64_MAX : limit);
    if (q) {
        q->info = *si;
        list_init(&q->node);
        list_push_back(&p->queue, &q->node);
    } else if (real_time && si->si_code != SI_USER) {
        return -EAGAIN;
    }
    p->set |= SIG_BIT(sig);
    return 0;
}

static int most_urgent(sigset64 set)
{
    sigset64 first = set & SIG_SYNCHRONOUS ? set & SIG_SYNCHRONOUS : set;

    return __builtin_ctzll(first) + 1;
}

int sigpending_take(struct arena *a, struct sigpending *p, sigset64 set, struct abi_siginfo *out)
{
    struct sigqueue *q, *first = NULL;
    bool more = false;

    if (!(p->set & set))
        return 0;
    int sig = most_urgent(p->set & set);
    list_for_each (q, &p->queue, node) {
        if (q->info.si_signo != sig)
            continue;
        if (first) {
            more = true;
            break;
        }
        first = q;
    }
    *out = (struct abi_siginfo){ .si_signo = sig, .si_code = SI_USER };
    if (first) {
        *out = first->info;
        drop(a, first);
    }
    if (!more)
        p->set &= ~SIG_BIT(sig);
    return sig;
}

void sigpending_flush(struct arena *a, struct sigpending *p, sigset64 set)
{
    struct sigqueue *q;
    struct list *next;

    list_for_each_safe (q, next, &p->queue, node) {
        if (SIG_BIT(q->info.si_signo) & set)
            drop(a, q);
    }
    p->set &= ~set;
}
