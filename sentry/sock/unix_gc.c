/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets in messages, and the cycles that they can make.
 *
 * A socket whose every reference is a message may still be reached: by whoever can receive
 * that message. It cannot where those messages wait, directly or through others, only in
 * queues of such sockets. The collector finds these and empties their queues.
 *
 *   candidates   sockets with as many messages that hold them as their file has references
 *   count        gc_refs of each: its messages, less those that wait in candidates' queues
 *   live         where gc_refs is left over, and all that its queue holds, and so on
 *   the rest     is garbage
 *
 * Messages enter and leave queues under each socket's lock; counts change only under
 * gc_lock, so one that is on its way counts as held from outside, which errs on the
 * safe side: the next collection sees it. Whoever copies files out of a message that stays
 * in its queue (MSG_PEEK) waits for a collection to end before it uses them.
 */
#include "sentry/core/user.h"
#include "sentry/sock/unix_priv.h"

#define CAP_SYS_ADMIN    21
#define CAP_SYS_RESOURCE 24
#define GC_SHARE         64    /* sockets in messages for each close since the last collection */
#define GC_TRIGGER       16000 /* descriptors in messages: a sender looks for garbage */

int unix_inflight_check(struct arena *a, const struct actor *who)
{
    if (cred_root_capable(who->cred, CAP_SYS_RESOURCE) ||
        cred_root_capable(who->cred, CAP_SYS_ADMIN))
        return 0;
    uint64_t count = user_in_use(a, who->cred->ruid, USER_INFLIGHT);
    return count > limit_soft(who->limits, RLIMIT_NOFILE) ? -ETOOMANYREFS : 0;
}

int unix_inflight_add(struct arena *a, const struct scm_files *files, uint32_t payer)
{
    struct sock_state *s = sock_state_of(a);
    int err = user_charge_by(a, payer, USER_INFLIGHT, files->count, UINT64_MAX);

    if (err)
        return err;
    mutex_lock(&s->gc_lock);
    for (uint32_t i = 0; i < files->count; i++) {
        struct unix_sock *u = unix_of_file(files->files[i]);
        if (u && u->inflight++ == 0) {
            list_push_back(&s->inflight, &u->inflight_node);
            s->inflight_socks++;
        }
    }
    s->inflight_count += files->count;
    mutex_unlock(&s->gc_lock);
    return 0;
}

void unix_inflight_sub(struct arena *a, const struct scm_files *files, uint32_t payer)
{
    struct sock_state *s = sock_state_of(a);

    mutex_lock(&s->gc_lock);
    for (uint32_t i = 0; i < files->count; i++) {
        struct unix_sock *u = unix_of_file(files->files[i]);
        if (u && --u->inflight == 0) {
            list_del(&u->inflight_node);
            s->inflight_socks--;
        }
    }
    s->inflight_count -= files->count;
    mutex_unlock(&s->gc_lock);
    user_uncharge_by(a, payer, USER_INFLIGHT, files->count);
}

typedef void visit_fn(struct unix_sock *u, struct list *todo);

static void visit_queue(struct unix_sock *u, visit_fn *visit, struct list *todo)
{
    struct unix_skb *skb;

    list_for_each (skb, &u->queue, node) {
        for (uint32_t i = 0; skb->files && i < skb->files->count; i++) {
            struct unix_sock *child = unix_of_file(skb->files->files[i]);
            if (child && child->gc_state != GC_OUT)
                visit(child, todo);
        }
    }
}

/* Every candidate in the messages that wait in `u`, or in a connection that it has not accepted. */
static void visit_children(struct unix_sock *u, visit_fn *visit, struct list *todo)
{
    struct unix_sock *embryo;

    mutex_lock(&u->lock);
    visit_queue(u, visit, todo);
    list_for_each (embryo, &u->backlog, backlog_node) {
        mutex_lock_nested(&embryo->lock);
        visit_queue(embryo, visit, todo);
        mutex_unlock(&embryo->lock);
    }
    mutex_unlock(&u->lock);
}

static void discount(struct unix_sock *u, struct list *todo)
{
    (void)todo;
    if (u->gc_refs > 0)
        u->gc_refs--;
}

/* Reached from a live one: live, and its children are to be looked at. */
static void revive(struct unix_sock *u, struct list *todo)
{
    if (u->gc_state == GC_LIVE)
        return;
    u->gc_state = GC_LIVE;
    list_del(&u->inflight_node);
    list_push_back(todo, &u->inflight_node);
}

/* Moves the candidates from the sandbox's list to one of their own. */
static void find_candidates(struct sock_state *s, struct list *candidates)
{
    struct unix_sock *u;
    struct list *tmp;

    list_for_each_safe (u, tmp, &s->inflight, inflight_node) {
        u->gc_state = GC_OUT;
        if (ref_count(&u->sock.file.ref) != u->inflight)
            continue;
        u->gc_state = GC_CANDIDATE;
        u->gc_refs = u->inflight;
        list_del(&u->inflight_node);
        list_push_back(candidates, &u->inflight_node);
    }
    list_for_each (u, candidates, inflight_node)
        visit_children(u, discount, NULL);
}

/* Gives the live ones back to the sandbox's list: all that can be reached from outside. */
static void give_back_live(struct sock_state *s, struct list *candidates)
{
    struct list todo = LIST_INIT(todo);
    struct unix_sock *u;
    struct list *tmp;

    list_for_each_safe (u, tmp, candidates, inflight_node) {
        if (u->gc_refs > 0)
            revive(u, &todo);
    }
    while ((u = list_pop_front(&todo, struct unix_sock, inflight_node))) {
        visit_children(u, revive, &todo);
        list_push_back(&s->inflight, &u->inflight_node);
    }
}

static void steal_queue(struct unix_sock *u, struct list *out)
{
    struct unix_skb *skb;
    struct list *tmp;

    list_for_each_safe (skb, tmp, &u->queue, node) {
        u->queue_len--;
        u->queue_bytes -= skb->size - skb->off;
        list_del(&skb->node);
        list_push_back(out, &skb->node);
    }
}

static void steal_messages(struct unix_sock *u, struct list *out)
{
    struct unix_sock *embryo;

    mutex_lock(&u->lock);
    steal_queue(u, out);
    list_for_each (embryo, &u->backlog, backlog_node) {
        mutex_lock_nested(&embryo->lock);
        steal_queue(embryo, out);
        mutex_unlock(&embryo->lock);
    }
    mutex_unlock(&u->lock);
}

/* Moves the messages of all garbage to `messages`: the last references go with them. */
static void collect(struct sock_state *s, struct list *messages)
{
    struct list candidates = LIST_INIT(candidates);
    struct unix_sock *u;

    s->closes = 0;
    find_candidates(s, &candidates);
    give_back_live(s, &candidates);
    list_for_each (u, &candidates, inflight_node)
        steal_messages(u, messages);
    list_splice(&s->inflight, &candidates);
}

/* The next to be freed. Collects where that was asked for and nothing is left. */
static struct unix_skb *next_dead(struct sock_state *s)
{
    if (list_empty(&s->graveyard) && s->gc_wanted) {
        s->gc_wanted = false;
        collect(s, &s->graveyard);
    }
    return list_pop_front(&s->graveyard, struct unix_skb, node);
}

/*
 * Freeing a message may close a socket, whose messages may close others, and so on for as
 * long as a guest likes: so they are put on one list, which one caller works off.
 */
void unix_bury(struct arena *a, struct list *messages, bool gc)
{
    struct sock_state *s = sock_state_of(a);
    struct unix_skb *skb;

    mutex_lock(&s->gc_lock);
    list_splice(&s->graveyard, messages);
    /* One look for many closes where many sockets are to be looked at. */
    s->closes += gc;
    s->gc_wanted |= gc && s->inflight_socks > 0 && s->closes >= s->inflight_socks / GC_SHARE;
    bool busy = s->burying;
    s->burying = true;
    while (!busy && (skb = next_dead(s))) {
        mutex_unlock(&s->gc_lock);
        unix_skb_free(skb);
        mutex_lock(&s->gc_lock);
    }
    if (!busy)
        s->burying = false;
    mutex_unlock(&s->gc_lock);
}

void unix_gc_if_many(struct arena *a)
{
    struct sock_state *s = sock_state_of(a);
    struct list none = LIST_INIT(none);

    mutex_lock(&s->gc_lock);
    bool many = s->inflight_count > GC_TRIGGER;
    mutex_unlock(&s->gc_lock);
    if (many)
        unix_bury(a, &none, true);
}

void unix_gc_barrier(struct arena *a)
{
    struct sock_state *s = sock_state_of(a);

    mutex_lock(&s->gc_lock);
    mutex_unlock(&s->gc_lock);
}
