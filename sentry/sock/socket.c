/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as files, and the families that there are. */
#include "sentry/sock/socket.h"

#include <fcntl.h>

#include "sentry/core/refused.h"
#include "sentry/core/slab.h"
#include "sentry/sock/sock_priv.h"

#define SOCK_TYPE_MASK 0xf
#define BUF_DEFAULT    212992 /* net.core.wmem_default and rmem_default */

static const struct slab_type sock_state_slab =
    SLAB_TYPE(sock_state, struct sock_state, .const_ptrs = { PTR_AT(struct sock_state, hooks) });

int sock_create_state(struct arena *a, const struct sock_hooks *hooks)
{
    struct sock_state *s = slab_alloc(a, &sock_state_slab);

    if (!s)
        return -ENOMEM;
    mutex_init(&s->lock, RANK_SOCK_NAMES);
    htab_init(&s->names, s->buckets, SOCK_NAME_BUCKETS);
    mutex_init(&s->gc_lock, RANK_SOCK_GC);
    list_init(&s->inflight);
    list_init(&s->graveyard);
    s->hooks = hooks;
    s->limits = (struct sock_limits){ .backlog = 4096, .dgrams = 10 };
    arena_set_root(a, ROOT_SOCK, s);
    return 0;
}

void sock_destroy_state(struct arena *a)
{
    slab_free(sock_state_of(a));
    arena_set_root(a, ROOT_SOCK, NULL);
}

struct sock_limits *sock_limits(struct arena *a)
{
    return &sock_state_of(a)->limits;
}

static const struct family {
    int family;
    int (*create)(int type, int protocol, int flags, const struct actor *who, struct file **out);
} families[] = {
    {AF_UNIX, unix_create},
};

int socket_create(int family, int type, int protocol, const struct actor *who, struct file **out)
{
    int flags = type & ~SOCK_TYPE_MASK, kind = type & SOCK_TYPE_MASK;

    if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    if (family < 0 || family >= AF_MAX)
        return -EAFNOSUPPORT;
    if (kind < SOCK_STREAM || kind > SOCK_PACKET)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        if (families[i].family == family)
            return families[i].create(kind, protocol, flags & SOCK_NONBLOCK, who, out);
    }
    refused_count(who->arena, REFUSED_SOCKET, (uint64_t)family << 16 | (unsigned)kind);
    return -EAFNOSUPPORT;
}

/* ---- as a file ---- */

static struct socket *of(struct file *f)
{
    return container_of(f, struct socket, file);
}

static struct sock_msg plain_message(struct file *f, struct io *io)
{
    return (struct sock_msg){
        .call = {.task = io->task, .nonblock = file_nonblock(f)},
          .io = io
    };
}

static ssize_t socket_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct sock_msg m = plain_message(f, io);

    (void)pos;
    if (!of(f)->ops->recv)
        return -EOPNOTSUPP;
    ssize_t n = of(f)->ops->recv(of(f), &m);
    /* Nobody can be told of files that came along: they are closed, as in Linux. */
    scm_destroy(&m.scm);
    assert(!m.call.wait.q);
    return n;
}

static ssize_t socket_write(struct file *f, struct io *io, uint64_t *pos)
{
    struct sock_msg m = plain_message(f, io);

    (void)pos;
    if (!of(f)->ops->send)
        return -EOPNOTSUPP;
    ssize_t n = of(f)->ops->send(of(f), &m);
    assert(!m.call.wait.q);
    return n;
}

static unsigned socket_poll(struct file *f)
{
    return of(f)->ops->poll(of(f));
}

static long socket_ioctl(struct file *f, const struct ioctl *c)
{
    return of(f)->ops->ioctl ? of(f)->ops->ioctl(of(f), c) : -ENOTTY;
}

static nsec_t socket_patience(struct file *f, bool write)
{
    const struct sock_options *o = &of(f)->opt;

    return atomic_load_explicit(write ? &o->sndtimeo : &o->rcvtimeo, memory_order_relaxed);
}

static void socket_release(struct file *f)
{
    of(f)->ops->release(of(f));
}

static const struct file_ops socket_file_ops = {
    .name = "socket",
    .read = socket_read,
    .write = socket_write,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
    .patience = socket_patience,
    .release = socket_release,
};

struct socket *socket_of(struct file *f)
{
    return f->ops == &socket_file_ops ? of(f) : NULL;
}

int socket_init(struct socket *s, struct arena *a, const struct sock_ops *ops, int family, int type,
                int protocol, int flags, const struct cred *cred)
{
    scoped(inode) struct inode *inode = NULL;
    int err = anon_inode_create(a, S_IFSOCK | 0777, cred, &inode);

    if (err)
        return err;
    int file_flags = O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);
    file_init(&s->file, a, &socket_file_ops, NULL, inode, file_flags, cred);
    s->file.kind |= FILE_STREAM | FILE_POLLABLE | FILE_ASYNC;
    s->ops = ops;
    s->family = family;
    s->type = type;
    s->protocol = protocol;
    s->cookie = atomic_fetch_add(&sock_state_of(a)->cookies, 1) + 1;
    atomic_init(&s->opt.sndbuf, BUF_DEFAULT);
    atomic_init(&s->opt.rcvbuf, BUF_DEFAULT);
    atomic_init(&s->opt.rcvlowat, 1);
    atomic_init(&s->opt.peek_off, -1);
    atomic_init(&s->opt.linger, -1);
    return 0;
}

/* ---- calls that wait for another's queue ---- */

static void wake_self(struct waiter *w, unsigned bits)
{
    struct sock_wait *wait = container_of(w, struct sock_wait, waiter);

    waitq_wake_nested(&wait->self->file.waitq, bits);
}

static const struct waiter_ops wait_ops = { .wake = wake_self };

void sock_call_join(struct sock_call *c, struct socket *self, struct waitq *q, void *what,
                    void (*put)(void *of))
{
    assert(!c->wait.q);
    c->wait = (struct sock_wait){ { .ops = &wait_ops }, self, q, what, put };
    waitq_add(q, &c->wait.waiter);
}

void sock_call_end(struct sock_call *c)
{
    struct sock_wait *w = &c->wait;

    if (!w->q)
        return;
    waitq_del(w->q, &w->waiter);
    w->put(w->of);
    *w = (struct sock_wait){ .q = NULL };
}

void socket_cred(struct arena *a, struct task *t, struct sock_cred *out)
{
    const struct sock_hooks *hooks = sock_state_of(a)->hooks;

    *out = (struct sock_cred){ 0, 0, 0 };
    if (hooks && t)
        hooks->cred(t, out);
}

struct ucred socket_cred_out(struct arena *a, const struct sock_cred *c, const struct actor *who)
{
    const struct sock_hooks *hooks = sock_state_of(a)->hooks;
    const struct user_ns *ns = who->cred->user_ns;

    return (struct ucred){
        .pid = hooks && who->task ? hooks->pid_out(a, c->pid, who->task) : (int)c->pid,
        .uid = user_ns_uid_out(ns, c->uid),
        .gid = user_ns_gid_out(ns, c->gid),
    };
}
