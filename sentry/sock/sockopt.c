/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of level SOL_SOCKET: one row each in sockopt.def.
 *
 * What a family does not act on is stored and given back all the same, as Linux does:
 * programs set SO_KEEPALIVE on AF_UNIX sockets and expect to find it set.
 *
 *   source    socket(7); net/core/sock.c of Linux 6.6 for sizes, clamps and errors
 */
#include <limits.h>
#include <string.h>

#include "sentry/core/refused.h"
#include "sentry/sock/socket.h"

#define CAP_NET_ADMIN 12

#define BUF_MAX    212992 /* net.core.wmem_max and rmem_max: twice that is what is kept */
#define SNDBUF_MIN 4608
#define RCVBUF_MIN 2304

enum kind { KIND_FLAG, KIND_INT, KIND_TIMEO, KIND_OTHER };

struct option {
    int name;
    enum kind kind;
    uint16_t field; /* in struct sock_options */
    /* Writes at most *size bytes to `value` and sets *size. */
    int (*get)(struct socket *s, const struct option *o, void *value, size_t *size,
               const struct actor *who);
    /* `n` is the first int of `value`. */
    int (*set)(struct socket *s, const struct option *o, int n, const void *value, size_t size,
               const struct actor *who);
};

static void *field_of(struct socket *s, const struct option *o)
{
    return (char *)&s->opt + o->field;
}

static int give(const void *from, size_t have, void *value, size_t *size)
{
    *size = min(*size, have);
    memcpy(value, from, *size);
    return 0;
}

static int give_int(int n, void *value, size_t *size)
{
    return give(&n, sizeof n, value, size);
}

/* ---- get ---- */

#define GETTER(name)                                                                           \
    static int get_##name(struct socket *s, const struct option *o, void *value, size_t *size, \
                          const struct actor *who)

GETTER(plain)
{
    void *field = field_of(s, o);

    (void)who;
    return give_int(o->kind == KIND_FLAG ? *(_Atomic bool *)field : *(_Atomic int *)field, value,
                    size);
}

GETTER(none)
{
    (void)s, (void)o, (void)value, (void)size, (void)who;
    return -ENOPROTOOPT;
}

GETTER(family)
{
    return s->ops->getopt ? s->ops->getopt(s, SOL_SOCKET, o->name, value, size, who) : -ENOPROTOOPT;
}

GETTER(type)
{
    (void)o, (void)who;
    return give_int(s->type, value, size);
}

GETTER(error)
{
    (void)o, (void)who;
    return give_int(-socket_take_error(s), value, size);
}

GETTER(protocol)
{
    (void)o, (void)who;
    return give_int(s->protocol, value, size);
}

GETTER(domain)
{
    (void)o, (void)who;
    return give_int(s->family, value, size);
}

GETTER(acceptconn)
{
    (void)o, (void)who;
    return give_int(atomic_load(&s->listening), value, size);
}

GETTER(one)
{
    (void)s, (void)o, (void)who;
    return give_int(1, value, size);
}

GETTER(zerocopy)
{
    (void)o, (void)who;
    return give_int(atomic_load(&s->opt.zerocopy), value, size);
}

GETTER(linger)
{
    int seconds = atomic_load(&s->opt.linger);
    struct linger l = { .l_onoff = seconds >= 0, .l_linger = atomic_load(&s->opt.linger_seconds) };

    (void)o, (void)who;
    return give(&l, sizeof l, value, size);
}

GETTER(timeo)
{
    _Atomic int64_t *field = field_of(s, o);
    struct timeval tv = nsec_to_timeval(atomic_load(field));

    (void)who;
    return give(&tv, sizeof tv, value, size);
}

GETTER(peek_off)
{
    (void)o, (void)who;
    if (s->family != AF_UNIX)
        return -EOPNOTSUPP;
    return give_int(atomic_load(&s->opt.peek_off), value, size);
}

GETTER(peername)
{
    struct sock_addr addr = { .size = 0 };

    (void)o, (void)who;
    if (!s->ops->getname || s->ops->getname(s, true, &addr) < 0)
        return -ENOTCONN;
    if (addr.size < *size)
        return -EINVAL;
    return give(addr.bytes, addr.size, value, size);
}

static int give_u64(uint64_t n, void *value, size_t *size)
{
    if (*size < sizeof n)
        return -EINVAL;
    return give(&n, sizeof n, value, size);
}

GETTER(cookie)
{
    (void)o, (void)who;
    return give_u64(s->cookie, value, size);
}

GETTER(netns)
{
    (void)s, (void)o, (void)who;
    return give_u64(1, value, size);
}

/* ---- set ---- */

#define SETTER(name)                                                                          \
    static int set_##name(struct socket *s, const struct option *o, int n, const void *value, \
                          size_t size, const struct actor *who)

SETTER(plain)
{
    void *field = field_of(s, o);

    (void)value, (void)size, (void)who;
    if (o->kind == KIND_FLAG)
        *(_Atomic bool *)field = n != 0;
    else
        *(_Atomic int *)field = n;
    return 0;
}

SETTER(none)
{
    (void)s, (void)o, (void)n, (void)value, (void)size, (void)who;
    return -ENOPROTOOPT;
}

SETTER(family)
{
    (void)n;
    return s->ops->setopt ? s->ops->setopt(s, SOL_SOCKET, o->name, value, size, who) : -ENOPROTOOPT;
}

SETTER(debug)
{
    if (n && !cred_root_capable(who->cred, CAP_NET_ADMIN))
        return -EACCES;
    return set_plain(s, o, n, value, size, who);
}

SETTER(mark)
{
    if (!cred_root_capable(who->cred, CAP_NET_ADMIN))
        return -EPERM;
    return set_plain(s, o, n, value, size, who);
}

SETTER(priority)
{
    if ((n < 0 || n > 6) && !cred_root_capable(who->cred, CAP_NET_ADMIN))
        return -EPERM;
    return set_plain(s, o, n, value, size, who);
}

SETTER(busy_poll)
{
    if (n < 0)
        return -EINVAL;
    if (n > atomic_load(&s->opt.busy_poll) && !cred_root_capable(who->cred, CAP_NET_ADMIN))
        return -EPERM;
    return set_plain(s, o, n, value, size, who);
}

/* Twice what was asked for: Linux counts its own overhead in, and says so in socket(7). */
static void set_buf(_Atomic int *field, int n, int most, int least)
{
    n = min(n < 0 ? most : n, most);
    atomic_store(field, max(n * 2, least));
}

SETTER(sndbuf)
{
    (void)o, (void)value, (void)size, (void)who;
    /* Linux compares unsigned: a negative size is a huge one. */
    set_buf(&s->opt.sndbuf, n, BUF_MAX, SNDBUF_MIN);
    return 0;
}

SETTER(rcvbuf)
{
    (void)o, (void)value, (void)size, (void)who;
    set_buf(&s->opt.rcvbuf, n, BUF_MAX, RCVBUF_MIN);
    return 0;
}

SETTER(sndbufforce)
{
    (void)o, (void)value, (void)size;
    if (!cred_root_capable(who->cred, CAP_NET_ADMIN))
        return -EPERM;
    set_buf(&s->opt.sndbuf, max(n, 0), INT_MAX / 2, SNDBUF_MIN);
    return 0;
}

SETTER(rcvbufforce)
{
    (void)o, (void)value, (void)size;
    if (!cred_root_capable(who->cred, CAP_NET_ADMIN))
        return -EPERM;
    set_buf(&s->opt.rcvbuf, max(n, 0), INT_MAX / 2, RCVBUF_MIN);
    return 0;
}

SETTER(rcvlowat)
{
    (void)o, (void)value, (void)size, (void)who;
    atomic_store(&s->opt.rcvlowat, n < 0 ? INT_MAX : n ? n : 1);
    return 0;
}

SETTER(peek_off)
{
    if (s->family != AF_UNIX)
        return -EOPNOTSUPP;
    return set_plain(s, o, n, value, size, who);
}

SETTER(linger)
{
    struct linger l;

    (void)o, (void)n, (void)who;
    if (size < sizeof l)
        return -EINVAL;
    memcpy(&l, value, sizeof l);
    atomic_store(&s->opt.linger, l.l_onoff ? (l.l_linger < 0 ? INT_MAX : l.l_linger) : -1);
    if (l.l_onoff)
        atomic_store(&s->opt.linger_seconds, l.l_linger);
    return 0;
}

SETTER(timeo)
{
    _Atomic int64_t *field = field_of(s, o);
    struct timeval tv;

    (void)n, (void)who;
    if (size < sizeof tv)
        return -EINVAL;
    memcpy(&tv, value, sizeof tv);
    if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
        return -EDOM;
    /* Negative seconds: do not wait at all; zero: for ever. */
    nsec_t span = tv.tv_sec < 0 ? 1 : nsec_make(tv.tv_sec, tv.tv_usec * NSEC_PER_USEC);
    atomic_store(field, span == NSEC_NEVER ? 0 : span);
    return 0;
}

/* ---- the table ---- */

#define FIELD_FLAG(field)  offsetof(struct sock_options, field)
#define FIELD_INT(field)   offsetof(struct sock_options, field)
#define FIELD_TIMEO(field) offsetof(struct sock_options, field)
#define FIELD_OTHER(field) 0

static const struct option options[] = {
#define SOCKOPT(name, kind, field, get, set) \
    { name, KIND_##kind, FIELD_##kind(field), get_##get, set_##set },
#include "sentry/sock/sockopt.def"
#undef SOCKOPT
};

static const struct option *find(struct socket *s, int name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (options[i].name == name)
            return &options[i];
    }
    refused_count(s->file.arena, REFUSED_SOCKOPT, (uint64_t)SOL_SOCKET << 16 | (uint16_t)name);
    return NULL;
}

int socket_getopt(struct socket *s, int level, int name, void *value, size_t *size,
                  const struct actor *who)
{
    if (level == SOL_SOCKET) {
        const struct option *o = find(s, name);
        return o ? o->get(s, o, value, size, who) : -ENOPROTOOPT;
    }
    if (!s->ops->getopt)
        return -EOPNOTSUPP;
    return s->ops->getopt(s, level, name, value, size, who);
}

int socket_setopt(struct socket *s, int level, int name, const void *value, size_t size,
                  const struct actor *who)
{
    int n;

    if (level != SOL_SOCKET)
        return s->ops->setopt ? s->ops->setopt(s, level, name, value, size, who) : -EOPNOTSUPP;
    const struct option *o = find(s, name);
    if (name == SO_BINDTODEVICE)
        return o->set(s, o, 0, value, size, who);
    if (size < sizeof n)
        return -EINVAL;
    memcpy(&n, value, sizeof n);
    int err = o ? o->set(s, o, n, value, size, who) : -ENOPROTOOPT;
    if (!err && s->ops->option_changed)
        s->ops->option_changed(s, name);
    return err;
}
