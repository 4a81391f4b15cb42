/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: listen, connect, accept, socketpair.
 *
 * A connection is complete when connect(2) returns: the other end is made then, with a file
 * of its own, and waits in the backlog of the listener until it is accepted or the listener
 * ends.
 */
#include <fcntl.h>

#include "sentry/sock/unix_priv.h"

static int listen_locked(struct unix_sock *u, unsigned backlog, const struct actor *who)
    HOLDS(u->lock);
static int listen_locked(struct unix_sock *u, unsigned backlog, const struct actor *who)
{
    if (!atomic_load(&u->addr) || u->state == UNIX_CONNECTED)
        return -EINVAL;
    u->backlog_max = min(backlog, sock_limits(u->sock.file.arena)->backlog);
    u->state = UNIX_LISTENING;
    unix_own_cred_locked(u, who);
    unix_set_peer_cred_locked(u, &u->cred, u->groups);
    atomic_store(&u->sock.listening, true);
    return 0;
}

int unix_listen(struct socket *s, int backlog, const struct actor *who)
{
    struct unix_sock *u = unix_of(s);

    mutex_lock(&u->lock);
    int err = listen_locked(u, (unsigned)backlog, who);
    mutex_unlock(&u->lock);
    if (!err)
        waitq_wake(&u->room, POLLOUT);
    return err;
}

static void put_room(void *of)
{
    unix_put(of);
}

void unix_wait_for_room(struct unix_sock *u, struct unix_sock *other, struct sock_call *c)
{
    if (c->nonblock || c->wait.of == other)
        return;
    sock_call_end(c);
    sock_call_join(c, &u->sock, &other->room, unix_get(other), put_room);
    /* Room that was made before we joined was not told to us: the caller looks again. */
    unix_wake(u, POLLOUT);
}

static int may_connect_locked(struct unix_sock *u, struct unix_sock *other)
    HOLDS(u->lock, other->lock);
static int may_connect_locked(struct unix_sock *u, struct unix_sock *other)
{
    if (other->dead || other->state != UNIX_LISTENING || other->shut & SHUT_READS)
        return -ECONNREFUSED;
    if (other->backlog_len > other->backlog_max)
        return -EAGAIN;
    if (u->state != UNIX_CLOSED)
        return u->state == UNIX_CONNECTED ? -EISCONN : -EINVAL;
    return 0;
}

/* The two ends of a new connection refer to each other. `embryo` is seen by nobody else yet. */
static void join_locked(struct unix_sock *u, struct unix_sock *embryo, struct unix_sock *other,
                        const struct actor *who) HOLDS(u->lock, other->lock);
static void join_locked(struct unix_sock *u, struct unix_sock *embryo, struct unix_sock *other,
                        const struct actor *who)
{
    struct unix_addr *addr = atomic_load(&other->addr);
    struct sock_cred mine;

    socket_cred(who->arena, who->task, &mine);
    mutex_lock_nested(&embryo->lock);
    embryo->state = u->state = UNIX_CONNECTED;
    embryo->peer = unix_get(u);
    u->peer = unix_get(embryo);
    unix_set_peer_cred_locked(embryo, &mine, who->cred);
    mutex_unlock(&embryo->lock);
    unix_set_peer_cred_locked(u, &other->cred, other->groups);
    if (addr) {
        ref_get(&addr->ref);
        atomic_store(&embryo->addr, addr);
    }
    list_push_back(&other->backlog, &embryo->backlog_node);
    other->backlog_len++;
}

static int connect_to(struct unix_sock *u, struct unix_sock *other, struct unix_sock *embryo,
                      const struct actor *who)
{
    mutex_lock_two(&u->lock, &other->lock);
    int err = may_connect_locked(u, other);
    if (!err)
        join_locked(u, embryo, other, who);
    mutex_unlock_two(&u->lock, &other->lock);
    if (!err)
        waitq_wake_one(&other->sock.file.waitq, POLLIN | POLLRDNORM);
    return err;
}

/* The new end's file is made with the ids of who called listen(2). Errors: ECONNREFUSED, ENOMEM. */
static int alloc_embryo(struct unix_sock *other, struct unix_sock **out)
{
    mutex_lock(&other->lock);
    const struct cred *cred = other->dead ? NULL : cred_get(other->groups);
    mutex_unlock(&other->lock);
    if (!cred)
        return -ECONNREFUSED;
    int err = unix_alloc(other->sock.file.arena, other->sock.type, 0, cred, out);
    cred_put((struct cred *)cred);
    return err;
}

int unix_stream_connect(struct socket *s, const struct sock_addr *to, struct sock_call *c)
{
    struct unix_sock *u = unix_of(s), *other, *embryo;
    const struct actor *who = c->who;

    if (atomic_load(&s->opt.passcred)) {
        int err = unix_autobind(u);
        if (err)
            return err;
    }
    int err = unix_find(who->arena, to, s->type, who, &other);
    if (err)
        return err;
    err = alloc_embryo(other, &embryo);
    if (err) {
        unix_put(other);
        return err;
    }
    err = connect_to(u, other, embryo, who);
    if (err)
        file_put(&embryo->sock.file);
    if (err == -EAGAIN)
        unix_wait_for_room(u, other, c);
    unix_put(other);
    return err;
}

static int take_locked(struct unix_sock *u, struct unix_sock **out) HOLDS(u->lock);
static int take_locked(struct unix_sock *u, struct unix_sock **out)
{
    if (u->state != UNIX_LISTENING)
        return -EINVAL;
    struct unix_sock *embryo = list_pop_front(&u->backlog, struct unix_sock, backlog_node);
    if (!embryo)
        return u->shut & SHUT_READS ? -EINVAL : -EAGAIN;
    u->backlog_len--;
    *out = embryo;
    return 0;
}

int unix_accept(struct socket *s, int flags, const struct actor *who, struct file **out)
{
    struct unix_sock *u = unix_of(s), *embryo;

    (void)who;
    mutex_lock(&u->lock);
    int err = take_locked(u, &embryo);
    mutex_unlock(&u->lock);
    if (err)
        return err;
    waitq_wake(&u->room, POLLOUT);
    if (flags & SOCK_NONBLOCK)
        atomic_fetch_or(&embryo->sock.file.flags, O_NONBLOCK);
    *out = &embryo->sock.file;
    return 0;
}

static void pair_locked(struct unix_sock *u, struct unix_sock *peer) HOLDS(u->lock);
static void pair_locked(struct unix_sock *u, struct unix_sock *peer)
{
    u->state = UNIX_CONNECTED;
    u->peer = unix_get(peer);
    unix_set_peer_cred_locked(u, &peer->cred, peer->groups);
}

int unix_pair(struct socket *a, struct socket *b, const struct actor *who)
{
    struct unix_sock *x = unix_of(a), *y = unix_of(b);

    mutex_lock_two(&x->lock, &y->lock);
    unix_own_cred_locked(x, who);
    unix_own_cred_locked(y, who);
    pair_locked(x, y);
    pair_locked(y, x);
    mutex_unlock_two(&x->lock, &y->lock);
    return 0;
}
