/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams, and their connected kin SOCK_SEQPACKET: one message, one read.
 *
 * A receiver's queue is bounded by a number of messages. Who finds it full waits in the
 * receiver's `room`: for one call, or, where a socket is connected, for as long as it is.
 */
#include "sentry/sock/unix_priv.h"

bool unix_is_full_for_locked(struct unix_sock *to, const struct unix_sock *from)
{
    /* Two that are connected to each other are bounded by their send buffers alone. */
    return to != from && to->peer != from && to->queue_len > to->backlog_max;
}

/* ---- connect ---- */

static void relay_wake(struct waiter *w, unsigned bits)
{
    struct unix_sock *u = container_of(w, struct unix_sock, relay);

    waitq_wake_nested(&u->sock.file.waitq, bits);
}

static const struct waiter_ops relay_ops = { .wake = relay_wake };

void unix_relay_leave(struct unix_sock *u)
{
    struct unix_sock *of = keep(u->relay_of);

    if (!of)
        return;
    waitq_del(&of->room, &u->relay);
    unix_put(of);
}

static void relay_join(struct unix_sock *u, struct unix_sock *peer)
{
    u->relay.ops = &relay_ops;
    u->relay_of = unix_get(peer);
    waitq_add(&peer->room, &u->relay);
}

/* Returns the old peer. Messages that it sent go to `messages`. */
static struct unix_sock *swap_peer(struct unix_sock *u, struct unix_sock *peer,
                                   struct list *messages)
{
    mutex_lock(&u->read_lock);
    unix_relay_leave(u);
    if (peer)
        relay_join(u, peer);
    mutex_lock(&u->lock);
    struct unix_sock *old = u->peer;
    u->peer = peer;
    u->state = peer ? UNIX_CONNECTED : UNIX_CLOSED;
    if (old && old != peer) {
        list_splice(messages, &u->queue);
        u->queue_len = u->queue_bytes = 0;
    }
    mutex_unlock(&u->lock);
    mutex_unlock(&u->read_lock);
    return old;
}

/*
 * Takes `peer`, which may be NULL. An old one whose messages are forgotten hears of that, and
 * so does whoever waited for room.
 */
static void set_peer(struct unix_sock *u, struct unix_sock *peer)
{
    struct list messages = LIST_INIT(messages);
    struct unix_sock *old = swap_peer(u, peer, &messages);

    if (!list_empty(&messages)) {
        mutex_lock(&old->lock);
        bool tell = !old->dead && old->peer == u;
        mutex_unlock(&old->lock);
        if (tell) {
            atomic_store(&old->sock.error, ECONNRESET);
            unix_wake(old, 0);
        }
        waitq_wake(&u->room, POLLOUT | POLLWRNORM | POLLWRBAND);
        unix_bury(u->sock.file.arena, &messages, false);
    }
    unix_put(old);
}

static int may_send_locked(const struct unix_sock *u, struct unix_sock *to) HOLDS(to->lock);
static int may_send_locked(const struct unix_sock *u, struct unix_sock *to)
{
    if (to->dead)
        return -ECONNREFUSED;
    return to->peer && to->peer != u ? -EPERM : 0;
}

int unix_dgram_connect(struct socket *s, const struct sock_addr *to, struct sock_call *c)
{
    struct unix_sock *u = unix_of(s), *peer;
    int err;

    if (to->size < sizeof to->family)
        return -EINVAL;
    if (to->family == AF_UNSPEC) {
        set_peer(u, NULL);
        return 0;
    }
    if (atomic_load(&s->opt.passcred)) {
        err = unix_autobind(u);
        if (err)
            return err;
    }
    err = unix_find(c->who->arena, to, s->type, c->who, &peer);
    if (err)
        return err;
    mutex_lock(&peer->lock);
    err = may_send_locked(u, peer);
    mutex_unlock(&peer->lock);
    if (err)
        unix_put(peer);
    else
        set_peer(u, peer);
    return err;
}

/* ---- send ---- */

/* Whom to: the address of this message, or the peer. A reference. */
static int target_of(struct unix_sock *u, struct sock_msg *m, struct unix_sock **out)
{
    if (m->addr.size && m->call.who)
        return unix_find(u->sock.file.arena, &m->addr, u->sock.type, m->call.who, out);
    mutex_lock(&u->lock);
    *out = u->peer ? unix_get(u->peer) : NULL;
    mutex_unlock(&u->lock);
    return *out ? 0 : -ENOTCONN;
}

static int check_locked(struct unix_sock *u, struct unix_sock *to) HOLDS(to->lock);
static int check_locked(struct unix_sock *u, struct unix_sock *to)
{
    int err = may_send_locked(u, to);

    if (err)
        return unix_has_connections(u) ? -EPIPE : err;
    if (to->shut & SHUT_READS)
        return -EPIPE;
    return unix_is_full_for_locked(to, u) ? -EAGAIN : 0;
}

static int deliver(struct unix_sock *u, struct unix_sock *to, struct unix_skb *skb)
{
    mutex_lock(&to->lock);
    int err = check_locked(u, to);
    if (!err)
        unix_queue_locked(to, skb);
    mutex_unlock(&to->lock);
    if (!err)
        unix_wake(to, POLLIN | POLLRDNORM);
    return err;
}

static ssize_t send_to(struct unix_sock *u, struct unix_sock *to, struct sock_msg *m)
{
    size_t size = m->io->left;
    struct io before = *m->io;
    struct unix_skb *skb;

    if (!unix_has_room(u))
        return -EAGAIN;
    mutex_lock(&to->lock);
    int err = check_locked(u, to);
    mutex_unlock(&to->lock);
    if (err)
        return err;
    err = unix_skb_create(u, m, size, &skb);
    if (err)
        return err;
    err = deliver(u, to, skb);
    if (err) {
        unix_skb_undo(skb, m);
        *m->io = before;
        return err;
    }
    return (ssize_t)size;
}

static int before_send(struct unix_sock *u, struct sock_msg *m)
{
    int sndbuf = atomic_load(&u->sock.opt.sndbuf);

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    mutex_lock(&u->lock);
    bool shut = u->shut & SHUT_WRITES;
    mutex_unlock(&u->lock);
    if (m->io->left > (size_t)(sndbuf - 32))
        return -EMSGSIZE;
    int err = socket_take_error(&u->sock);
    if (err)
        return err;
    if (shut)
        return -EPIPE;
    return atomic_load(&u->sock.opt.passcred) ? unix_autobind(u) : 0;
}

/* The peer of a connected socket is gone: from now on it has none. */
static void forget_dead(struct unix_sock *u, struct unix_sock *to, const struct sock_msg *m)
{
    mutex_lock(&to->lock);
    bool dead = to->dead;
    mutex_unlock(&to->lock);
    if (dead && !m->addr.size)
        set_peer(u, NULL);
}

ssize_t unix_dgram_send(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_of(s), *to = NULL;
    ssize_t n = before_send(u, m);

    if (!n)
        n = target_of(u, m, &to);
    if (n < 0)
        return n;
    n = send_to(u, to, m);
    /* A connected socket is in that queue already, by its relay. */
    if (n == -EAGAIN && m->addr.size)
        unix_wait_for_room(u, to, &m->call);
    if (n == -ECONNREFUSED)
        forget_dead(u, to, m);
    unix_put(to);
    return n;
}

ssize_t unix_seqpacket_send(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_of(s);
    int err = socket_take_error(s);

    if (err)
        return err;
    mutex_lock(&u->lock);
    bool connected = u->state == UNIX_CONNECTED;
    mutex_unlock(&u->lock);
    if (!connected)
        return -ENOTCONN;
    m->addr.size = 0;
    return unix_dgram_send(s, m);
}

/* ---- receive ---- */

/* The next message, and where a peek with SO_PEEK_OFF starts in it. */
static struct unix_skb *next_locked(struct unix_sock *u, bool peek, size_t *skip) HOLDS(u->lock);
static struct unix_skb *next_locked(struct unix_sock *u, bool peek, size_t *skip)
{
    struct unix_skb *skb = list_first(&u->queue, struct unix_skb, node);

    while (peek && skb && *skip > 0 && *skip >= skb->size) {
        *skip -= skb->size;
        skb = list_next(&u->queue, skb, node);
    }
    return skb;
}

static int nothing_locked(struct unix_sock *u, const struct sock_msg *m) HOLDS(u->lock);
static int nothing_locked(struct unix_sock *u, const struct sock_msg *m)
{
    if (!(u->shut & SHUT_READS))
        return -EAGAIN;
    /* The end: of datagrams only for those who would wait for one. */
    return unix_has_connections(u) || !m->call.nonblock ? 0 : -EAGAIN;
}

static void take_off(struct unix_sock *u, struct unix_skb *skb)
{
    mutex_lock(&u->lock);
    bool was_full = u->queue_len > u->backlog_max;
    unix_dequeue_locked(u, skb);
    mutex_unlock(&u->lock);
    unix_skb_free(skb);
    if (was_full)
        waitq_wake(&u->room, POLLOUT | POLLWRNORM | POLLWRBAND);
}

static void move_peek_off(struct unix_sock *u, bool peek, size_t size)
{
    int off = atomic_load(&u->sock.opt.peek_off), n = (int)size;

    if (off >= 0)
        atomic_store(&u->sock.opt.peek_off, peek ? off + n : max(off - n, 0));
}

/* The bytes of one message, cut to what there is room for. Returns what the call does. */
static ssize_t give(struct unix_sock *u, struct unix_skb *skb, struct sock_msg *m, size_t skip)
{
    bool peek = m->flags & MSG_PEEK;
    size_t have = skb->size - skip, want = min(m->io->left, have);
    ssize_t n = want ? io_put(m->io, skb->bytes + skip, want) : 0;

    unix_copy_name(skb->sender, &m->addr);
    if (want < have)
        m->got |= MSG_TRUNC;
    int err = n < (ssize_t)want ? -EFAULT : unix_skb_tell(u, skb, m, peek);
    move_peek_off(u, peek, peek ? want : have);
    if (!peek)
        take_off(u, skb); /* read or lost: a fault loses a message, as in Linux */
    if (err)
        return err;
    return (ssize_t)(m->flags & MSG_TRUNC ? have : want);
}

ssize_t unix_dgram_recv(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_of(s);
    bool peek = m->flags & MSG_PEEK;
    int off = atomic_load(&s->opt.peek_off);
    size_t skip = peek && off > 0 ? (size_t)off : 0;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    ssize_t n = socket_take_error(s);
    if (n)
        return n;
    mutex_lock(&u->read_lock);
    mutex_lock(&u->lock);
    struct unix_skb *skb = next_locked(u, peek, &skip);
    n = skb ? 0 : nothing_locked(u, m);
    mutex_unlock(&u->lock);
    if (skb)
        n = give(u, skb, m, skip);
    mutex_unlock(&u->read_lock);
    return n;
}

ssize_t unix_seqpacket_recv(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_of(s);

    mutex_lock(&u->lock);
    bool connected = u->state == UNIX_CONNECTED;
    mutex_unlock(&u->lock);
    return connected ? unix_dgram_recv(s, m) : -ENOTCONN;
}

const struct sock_ops unix_dgram_ops = {
    .name = "UNIX",
    .bind = unix_bind,
    .connect = unix_dgram_connect,
    .pair = unix_pair,
    .getname = unix_getname,
    .send = unix_dgram_send,
    .recv = unix_dgram_recv,
    .shutdown = unix_shutdown,
    .poll = unix_dgram_poll,
    .getopt = unix_getopt,
    .setopt = unix_setopt,
    .ioctl = unix_ioctl,
    .release = unix_release,
};

const struct sock_ops unix_seqpacket_ops = {
    .name = "UNIX",
    .bind = unix_bind,
    .connect = unix_stream_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .pair = unix_pair,
    .getname = unix_getname,
    .send = unix_seqpacket_send,
    .recv = unix_seqpacket_recv,
    .shutdown = unix_shutdown,
    .poll = unix_dgram_poll,
    .getopt = unix_getopt,
    .setopt = unix_setopt,
    .ioctl = unix_ioctl,
    .release = unix_release,
};
