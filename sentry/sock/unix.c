/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX sockets: their lives, and what all three types have in common. */
#include "sentry/sock/unix_priv.h"

#include <string.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

const struct slab_type unix_sock_slab = SLAB_TYPE(
    unix_sock, struct unix_sock,
    .const_ptrs = { PTR_AT(struct unix_sock, sock.file.ops), PTR_AT(struct unix_sock, sock.ops),
                    PTR_AT(struct unix_sock, relay.ops) });

static const struct sock_ops *ops_of(int type)
{
    switch (type) {
    case SOCK_STREAM:
        return &unix_stream_ops;
    case SOCK_DGRAM:
        return &unix_dgram_ops;
    case SOCK_SEQPACKET:
        return &unix_seqpacket_ops;
    default:
        return NULL;
    }
}

struct unix_sock *unix_of_file(struct file *f)
{
    struct socket *s = socket_of(f);

    return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

int unix_alloc(struct arena *a, int type, int flags, const struct cred *cred,
               struct unix_sock **out)
{
    struct unix_sock *u = slab_alloc(a, &unix_sock_slab);

    if (!u)
        return -ENOMEM;
    int err = socket_init(&u->sock, a, ops_of(type), AF_UNIX, type, 0, flags, cred);
    if (err) {
        slab_free(u);
        return err;
    }
    u->sock.file.kind |= type == SOCK_STREAM ? FILE_WRITE_ALL : FILE_NO_SIGPIPE;
    ref_init(&u->memory);
    mutex_init(&u->read_lock, RANK_SOCK_READ);
    mutex_init(&u->lock, RANK_SOCK);
    list_init(&u->queue);
    list_init(&u->backlog);
    list_init(&u->backlog_node);
    list_init(&u->inflight_node);
    waitq_init(&u->room);
    u->backlog_max = sock_limits(a)->dgrams;
    *out = u;
    return 0;
}

int unix_create(int type, int protocol, int flags, const struct actor *who, struct file **out)
{
    struct unix_sock *u;

    if (protocol && protocol != PF_UNIX)
        return -EPROTONOSUPPORT;
    /* As Linux, for the few that still believe in it. */
    if (type == SOCK_RAW)
        type = SOCK_DGRAM;
    if (!ops_of(type))
        return -ESOCKTNOSUPPORT;
    int err = unix_alloc(who->arena, type, flags, who->cred, &u);
    if (err)
        return err;
    mutex_lock(&u->lock);
    unix_own_cred_locked(u, who);
    mutex_unlock(&u->lock);
    *out = &u->sock.file;
    return 0;
}

void unix_own_cred_locked(struct unix_sock *u, const struct actor *who)
{
    socket_cred(who->arena, who->task, &u->cred);
    cred_put((struct cred *)u->groups);
    u->groups = cred_get(who->cred);
}

void unix_set_peer_cred_locked(struct unix_sock *u, const struct sock_cred *cred,
                               const struct cred *groups)
{
    struct cred *old = (struct cred *)u->peer_groups;

    u->peer_cred = *cred;
    u->peer_groups = groups ? cred_get(groups) : NULL;
    u->has_peer_cred = true;
    cred_put(old);
}

void unix_put(struct unix_sock *u)
{
    if (!u || !ref_put(&u->memory))
        return;
    unix_addr_put(atomic_load(&u->addr));
    cred_put((struct cred *)u->groups);
    cred_put((struct cred *)u->peer_groups);
    slab_free(u);
}

/* ---- the end ---- */

/* What a socket leaves behind when nobody can send to it any more. */
struct remains {
    struct unix_sock *peer; /* a reference */
    struct list messages, connections;
    bool reset; /* the peer sent what was never read */
};

static void die_locked(struct unix_sock *u, struct remains *r) HOLDS(u->lock);
static void die_locked(struct unix_sock *u, struct remains *r)
{
    u->dead = true;
    u->shut = SHUT_BOTH;
    u->state = UNIX_CLOSED;
    r->peer = keep(u->peer);
    r->reset = !list_empty(&u->queue);
    list_splice(&r->messages, &u->queue);
    list_splice(&r->connections, &u->backlog);
    u->queue_len = u->queue_bytes = u->backlog_len = 0;
}

/* The other end of a connection sees the end, or a reset. */
static void hang_up(struct unix_sock *peer, bool reset)
{
    mutex_lock(&peer->lock);
    peer->shut = SHUT_BOTH;
    if (reset)
        atomic_store(&peer->sock.error, ECONNRESET);
    mutex_unlock(&peer->lock);
    unix_wake(peer, 0);
}

/* Connections that were never accepted end as if their peers' first bytes had been lost. */
static void drop_connections(struct list *connections)
{
    struct unix_sock *embryo;

    while ((embryo = list_pop_front(connections, struct unix_sock, backlog_node))) {
        hang_up(embryo->peer, true);
        file_put(&embryo->sock.file);
    }
}

void unix_release(struct socket *s)
{
    struct unix_sock *u = unix_of(s);
    struct remains r = { .messages = LIST_INIT(r.messages),
                         .connections = LIST_INIT(r.connections) };

    unix_unbind(u);
    unix_relay_leave(u);
    mutex_lock(&u->lock);
    die_locked(u, &r);
    mutex_unlock(&u->lock);
    if (r.peer && unix_has_connections(u))
        hang_up(r.peer, r.reset);
    unix_put(r.peer);
    waitq_wake(&u->room, 0);
    drop_connections(&r.connections);
    unix_bury(s->file.arena, &r.messages, true);
    file_destroy(&s->file);
    unix_put(u);
}

int unix_shutdown(struct socket *s, int how)
{
    struct unix_sock *u = unix_of(s), *peer = NULL;
    unsigned mine = how == SHUT_RD ? SHUT_READS : how == SHUT_WR ? SHUT_WRITES : SHUT_BOTH;
    unsigned theirs = (mine & SHUT_READS ? SHUT_WRITES : 0) | (mine & SHUT_WRITES ? SHUT_READS : 0);

    mutex_lock(&u->lock);
    u->shut |= mine;
    if (u->peer && unix_has_connections(u))
        peer = unix_get(u->peer);
    mutex_unlock(&u->lock);
    if (peer) {
        mutex_lock(&peer->lock);
        peer->shut |= theirs;
        mutex_unlock(&peer->lock);
        unix_wake(peer, 0);
        unix_put(peer);
    }
    unix_wake(u, 0);
    waitq_wake(&u->room, 0);
    return 0;
}

/* ---- what it tells ---- */

static unsigned poll_locked(struct unix_sock *u) HOLDS(u->lock);
static unsigned poll_locked(struct unix_sock *u)
{
    unsigned ready = 0;

    if (atomic_load(&u->sock.error))
        ready |= POLLERR;
    if (u->shut == SHUT_BOTH)
        ready |= POLLHUP;
    if (u->shut & SHUT_READS)
        ready |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (!list_empty(&u->queue) || !list_empty(&u->backlog))
        ready |= POLLIN | POLLRDNORM;
    if (unix_has_connections(u) && u->state == UNIX_CLOSED)
        ready |= POLLHUP;
    if (u->state != UNIX_LISTENING && unix_is_writable(u))
        ready |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return ready;
}

unsigned unix_stream_poll(struct socket *s)
{
    struct unix_sock *u = unix_of(s);

    mutex_lock(&u->lock);
    unsigned ready = poll_locked(u);
    mutex_unlock(&u->lock);
    return ready;
}

unsigned unix_dgram_poll(struct socket *s)
{
    struct unix_sock *u = unix_of(s), *peer = NULL;

    mutex_lock(&u->lock);
    unsigned ready = poll_locked(u);
    if (u->peer)
        peer = unix_get(u->peer);
    mutex_unlock(&u->lock);
    if (!peer)
        return ready;
    mutex_lock(&peer->lock);
    if (unix_is_full_for_locked(peer, u))
        ready &= ~(unsigned)(POLLOUT | POLLWRNORM | POLLWRBAND);
    mutex_unlock(&peer->lock);
    unix_put(peer);
    return ready;
}

static int peer_groups(struct unix_sock *u, void *value, size_t *size, const struct actor *who)
{
    mutex_lock(&u->lock);
    const struct cred *c = u->peer_groups ? cred_get(u->peer_groups) : NULL;
    mutex_unlock(&u->lock);
    if (!c)
        return -ENODATA;
    size_t want = c->ngroups * sizeof(uint32_t);
    int err = *size < want ? -ERANGE : 0;
    for (uint32_t i = 0; i < c->ngroups && !err; i++) {
        uint32_t gid = user_ns_gid_out(who->cred->user_ns, c->groups[i]);
        memcpy((char *)value + i * sizeof gid, &gid, sizeof gid);
    }
    *size = want;
    cred_put((struct cred *)c);
    return err;
}

static void peer_cred(struct unix_sock *u, void *value, size_t *size, const struct actor *who)
{
    mutex_lock(&u->lock);
    struct sock_cred cred = u->peer_cred;
    bool has = u->has_peer_cred;
    mutex_unlock(&u->lock);
    struct ucred out = { .pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1 };
    if (has)
        out = socket_cred_out(u->sock.file.arena, &cred, who);
    *size = min(*size, sizeof out);
    memcpy(value, &out, *size);
}

int unix_getopt(struct socket *s, int level, int name, void *value, size_t *size,
                const struct actor *who)
{
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    switch (name) {
    case SO_PEERCRED:
        peer_cred(unix_of(s), value, size, who);
        return 0;
    case SO_PEERGROUPS:
        return peer_groups(unix_of(s), value, size, who);
    default:
        return -ENOPROTOOPT;
    }
}

int unix_setopt(struct socket *s, int level, int name, const void *value, size_t size,
                const struct actor *who)
{
    (void)s, (void)value, (void)size, (void)who;
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    switch (name) {
    case SO_ZEROCOPY:
        return -EOPNOTSUPP;
    case SO_DETACH_FILTER:
        return -ENOENT;
    default:
        return -ENOPROTOOPT;
    }
}

static int unread_locked(struct unix_sock *u, int *out) HOLDS(u->lock);
static int unread_locked(struct unix_sock *u, int *out)
{
    struct unix_skb *first = list_first(&u->queue, struct unix_skb, node);

    if (u->state == UNIX_LISTENING)
        return -EINVAL;
    *out = unix_has_connections(u) ? (int)u->queue_bytes : first ? (int)first->size : 0;
    return 0;
}

long unix_ioctl(struct socket *s, const struct ioctl *c)
{
    struct unix_sock *u = unix_of(s);
    int n = 0, err = 0;

    switch (c->cmd) {
    case SIOCINQ: /* also FIONREAD */
        mutex_lock(&u->lock);
        err = unread_locked(u, &n);
        mutex_unlock(&u->lock);
        break;
    case SIOCOUTQ:
        n = (int)atomic_load(&u->wmem);
        break;
    default:
        return -ENOTTY;
    }
    return err ? err : copy_out_struct(c->mm, uptr(c->arg), &n);
}
