/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: bytes in messages whose borders a reader does not see, but for two reasons to
 * stop at one: files came along, or (with SO_PASSCRED) somebody else wrote the next.
 */
#include "sentry/sock/unix_priv.h"

/* The other end, with a reference. Errors: EPIPE, ENOTCONN. */
static int peer_locked(struct unix_sock *u, struct unix_sock **out) HOLDS(u->lock);
static int peer_locked(struct unix_sock *u, struct unix_sock **out)
{
    if (!u->peer)
        return -ENOTCONN;
    if (u->shut & SHUT_WRITES)
        return -EPIPE;
    *out = unix_get(u->peer);
    return 0;
}

static int deliver(struct unix_sock *peer, struct unix_skb *skb)
{
    mutex_lock(&peer->lock);
    int err = peer->dead || peer->shut & SHUT_READS ? -EPIPE : 0;
    if (!err)
        unix_queue_locked(peer, skb);
    mutex_unlock(&peer->lock);
    if (!err)
        unix_wake(peer, POLLIN | POLLRDNORM);
    return err;
}

static ssize_t send_chunk(struct unix_sock *u, struct unix_sock *peer, struct sock_msg *m)
{
    size_t half = (size_t)(atomic_load(&u->sock.opt.sndbuf) / 2 - 64);
    size_t size = min(min(m->io->left, half), (size_t)UNIX_CHUNK);
    struct io before = *m->io;
    struct unix_skb *skb;

    if (!unix_has_room(u))
        return -EAGAIN;
    int err = unix_skb_create(u, m, size, &skb);
    if (err)
        return err;
    err = deliver(peer, skb);
    if (err) {
        unix_skb_undo(skb, m);
        *m->io = before;
        return err;
    }
    return (ssize_t)size;
}

/* No bytes, or the first failed: that is the answer. Else what went over counts. */
ssize_t unix_stream_send(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_of(s), *peer;
    size_t done = 0;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    mutex_lock(&u->lock);
    bool connected = u->state == UNIX_CONNECTED;
    int err = m->addr.size ? (connected ? -EISCONN : -EOPNOTSUPP) : peer_locked(u, &peer);
    mutex_unlock(&u->lock);
    if (err)
        return err;
    while (m->io->left > 0) {
        ssize_t n = send_chunk(u, peer, m);
        if (n < 0) {
            unix_put(peer);
            return done ? (ssize_t)done : n;
        }
        done += (size_t)n;
    }
    unix_put(peer);
    return (ssize_t)done;
}

/* ---- receive ---- */

/* One receive on its way. `skip` is what a peek with SO_PEEK_OFF passes over. */
struct reading {
    struct sock_msg *m;
    size_t done, skip;
    bool peek;
    struct unix_skb *last; /* peek: the last one looked at */
    const struct sock_cred *cred;
    struct sock_cred first;
};

/* The next message to read from, and where in it. NULL: nothing, and *err says why. */
static struct unix_skb *next_locked(struct unix_sock *u, struct reading *r, int *err)
    HOLDS(u->lock);
static struct unix_skb *next_locked(struct unix_sock *u, struct reading *r, int *err)
{
    struct unix_skb *skb = r->peek && r->last ? list_next(&u->queue, r->last, node)
                                              : list_first(&u->queue, struct unix_skb, node);

    while (skb && r->skip >= skb->size - skb->off && r->peek && r->skip > 0) {
        r->skip -= skb->size - skb->off;
        skb = list_next(&u->queue, skb, node);
    }
    *err = 0;
    if (skb)
        return skb;
    if (r->done > 0)
        return NULL;
    *err = socket_take_error(&u->sock);
    if (!*err && !(u->shut & SHUT_READS))
        *err = -EAGAIN;
    return NULL;
}

/* Whether more of the stream may be added to this receive after `skb`. */
static bool finish_skb(struct unix_sock *u, struct unix_skb *skb, struct reading *r, size_t n)
{
    bool files = skb->files, whole;

    if (unix_skb_tell(u, skb, r->m, r->peek) < 0)
        return false; /* no memory for files: the bytes count, the files are not told of */
    if (r->peek) {
        r->last = skb;
        r->skip = 0;
        return !files;
    }
    mutex_lock(&u->lock);
    u->queue_bytes -= (uint32_t)n;
    skb->off += (uint32_t)n;
    whole = skb->off == skb->size;
    if (whole)
        unix_dequeue_locked(u, skb);
    mutex_unlock(&u->lock);
    if (whole)
        unix_skb_free(skb);
    return whole && !files;
}

static bool same_writer(const struct sock_cred *a, const struct sock_cred *b)
{
    return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* Moves bytes of one message. Returns 1 to go on, 0 to stop, -errno. */
static int read_one(struct unix_sock *u, struct reading *r)
{
    int err;

    mutex_lock(&u->lock);
    struct unix_skb *skb = next_locked(u, r, &err);
    mutex_unlock(&u->lock);
    if (!skb)
        return err;
    if (r->done == 0) {
        r->first = skb->cred;
        unix_copy_name(skb->sender, &r->m->addr);
    } else if (atomic_load(&u->sock.opt.passcred) && !same_writer(&r->first, &skb->cred)) {
        r->m->stop = true;
        return 0;
    }
    size_t at = skb->off + r->skip;
    size_t want = min(r->m->io->left, (size_t)skb->size - at);
    ssize_t n = io_put(r->m->io, skb->bytes + at, want);
    if (n < 0)
        return r->done ? 0 : (int)n;
    r->done += (size_t)n;
    bool more = finish_skb(u, skb, r, (size_t)n);
    if (r->m->scm.files)
        r->m->stop = true;
    return more && (size_t)n == want;
}

static void move_peek_off(struct unix_sock *u, const struct reading *r)
{
    int off = atomic_load(&u->sock.opt.peek_off);

    if (off < 0)
        return;
    int moved = (int)r->done;
    atomic_store(&u->sock.opt.peek_off, r->peek ? off + moved : max(off - moved, 0));
}

ssize_t unix_stream_recv(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_of(s);
    struct reading r = { .m = m, .peek = m->flags & MSG_PEEK };
    int more, off = atomic_load(&s->opt.peek_off);

    mutex_lock(&u->lock);
    bool connected = u->state == UNIX_CONNECTED;
    mutex_unlock(&u->lock);
    if (!connected)
        return -EINVAL;
    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (r.peek && off > 0)
        r.skip = (size_t)off;
    mutex_lock(&u->read_lock);
    do {
        more = m->io->left > 0 ? read_one(u, &r) : 0;
    } while (more > 0);
    if (r.done > 0)
        move_peek_off(u, &r);
    mutex_unlock(&u->read_lock);
    return r.done > 0 ? (ssize_t)r.done : more;
}

const struct sock_ops unix_stream_ops = {
    .name = "UNIX-STREAM",
    .bind = unix_bind,
    .connect = unix_stream_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .pair = unix_pair,
    .getname = unix_getname,
    .send = unix_stream_send,
    .recv = unix_stream_recv,
    .shutdown = unix_shutdown,
    .poll = unix_stream_poll,
    .getopt = unix_getopt,
    .setopt = unix_setopt,
    .ioctl = unix_ioctl,
    .release = unix_release,
};
