/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: what all families share.
 *
 * A family embeds struct socket in its own and gives it operations. Like files, they
 * never block: what would have to wait answers -EAGAIN and wakes the file's queue (or
 * the one in sock_call.wait) when that may have changed.
 *
 *   source    socket(2), socket(7)
 */
#pragma once

#include <sys/socket.h>

#include "sentry/sock/cmsg.h"
#include "sentry/vfs/file.h"

struct socket;

#define SOCK_ADDR_MAX 128 /* sizeof(struct sockaddr_storage) */

struct sock_addr {
    uint32_t size; /* bytes; 0: none */
    union {
        uint16_t family;
        uint8_t bytes[SOCK_ADDR_MAX];
    };
};

/* A second queue to wait on for one call: of somebody else's socket. It joins at most one. */
struct sock_wait {
    struct waiter waiter;
    struct socket *self; /* whose queue is woken */
    struct waitq *q;     /* NULL: it joined none */
    void *of;            /* of the family: whose `q` is */
    void (*put)(void *of);
};

/* One connect, send or receive on its way. Lives on the stack of the call. */
struct sock_call {
    const struct actor *who; /* borrowed; NULL for read(2) and write(2) and the sentry's own */
    struct task *task;       /* borrowed, opaque: whose credentials go along; may be NULL */
    bool nonblock;         /* O_NONBLOCK or MSG_DONTWAIT: only decides which errno says "not now" */
    struct sock_wait wait; /* put away by sock_call_end() */
};

/* A message. `flags` are MSG_* of the call; a receive adds those of msghdr.msg_flags to `got`. */
struct sock_msg {
    struct sock_call call;
    struct io *io;
    unsigned flags;
    unsigned got;
    struct sock_addr addr; /* send: where to, or size 0; receive: where from */
    struct scm scm;        /* send: taken where the first byte went; receive: given */
    bool stop;             /* receive: no more may be added to it (a stream's message had files) */
};

/* NULL members answer EOPNOTSUPP. Addresses are checked for size but not for family. */
struct sock_ops {
    const char *name; /* of the protocol, for traces */
    int (*bind)(struct socket *s, const struct sock_addr *addr, const struct actor *who);
    /* -EAGAIN until it is made; with c->nonblock the family's own answer, such as EINPROGRESS. */
    int (*connect)(struct socket *s, const struct sock_addr *to, struct sock_call *c);
    int (*listen)(struct socket *s, int backlog, const struct actor *who);
    /* A new connection as a file with `flags` (O_NONBLOCK): given. -EAGAIN where there is none. */
    int (*accept)(struct socket *s, int flags, const struct actor *who, struct file **out);
    /* Two sockets that were just made become each other's peers: socketpair(2). */
    int (*pair)(struct socket *a, struct socket *b, const struct actor *who);
    int (*getname)(struct socket *s, bool peer, struct sock_addr *out);
    /* As file_ops.write and read. -EPIPE: the caller decides about SIGPIPE (see FILE_NO_SIGPIPE).
     */
    ssize_t (*send)(struct socket *s, struct sock_msg *m);
    ssize_t (*recv)(struct socket *s, struct sock_msg *m);
    int (*shutdown)(struct socket *s, int how);
    unsigned (*poll)(struct socket *s);
    /*
     * Options of levels other than SOL_SOCKET, and those of SOL_SOCKET that the table of
     * sockopt.def leaves to the family.
     *
     *   value, size   in: room or what the guest gave; get sets *size to what it wrote
     *   errors        ENOPROTOOPT for an unknown one
     */
    int (*getopt)(struct socket *s, int level, int name, void *value, size_t *size,
                  const struct actor *who);
    int (*setopt)(struct socket *s, int level, int name, const void *value, size_t size,
                  const struct actor *who);
    /* A generic option has a new value: SO_SNDBUF and the like. NULL: nothing to do. */
    void (*option_changed)(struct socket *s, int name);
    long (*ioctl)(struct socket *s, const struct ioctl *c); /* NULL: ENOTTY */
    /* Ends what refers to the socket; file_destroy() and the memory are the family's to see to. */
    void (*release)(struct socket *s);
};

/* Values of SOL_SOCKET options, as they were set. Each is read and written whole. */
struct sock_options {
    _Atomic int sndbuf, rcvbuf, rcvlowat, priority, mark, peek_off, incoming_cpu, busy_poll;
    _Atomic bool debug, reuseaddr, reuseport, keepalive, broadcast, oobinline, dontroute, passcred,
        passsec, timestamp, timestampns, no_check, zerocopy, select_err_queue, wifi_status,
        rxq_ovfl;
    _Atomic int64_t rcvtimeo, sndtimeo; /* nsec_t; 0: none */
    _Atomic int linger;                 /* seconds; -1: off */
    _Atomic int linger_seconds;         /* as given, while it is off too */
};

/* [I] never changes   [a] atomic */
struct socket {
    struct file file;
    const struct sock_ops *ops; /* [I] register it in the slab_type, with file.ops */
    int family, type, protocol; /* [I] */
    uint64_t cookie;            /* [I] SO_COOKIE */
    _Atomic int error;          /* positive; SO_ERROR takes it */
    _Atomic bool listening;     /* SO_ACCEPTCONN */
    struct sock_options opt;    /* [a] */
};

/* Who sent or connected: kernel ids, and the number in the root pid namespace. */
struct sock_cred {
    uint32_t pid, uid, gid;
};

/* How sockets ask about tasks, which lie above. A constant of our code. */
struct sock_hooks {
    /* All zero for NULL. */
    void (*cred)(struct task *t, struct sock_cred *out);
    /* The number by which `viewer` knows a process; 0 where it is invisible. */
    int (*pid_out)(struct arena *a, uint32_t pid, struct task *viewer);
};

/*
 * Makes the state of sockets at ROOT_SOCK. Once, at start.
 *
 *   hooks     may be NULL in tests: everybody is process 0
 *   errors    ENOMEM
 */
must_use int sock_create_state(struct arena *a, const struct sock_hooks *hooks);
void sock_destroy_state(struct arena *a);

struct sock_limits {
    uint32_t backlog; /* connections that a listener keeps: net.core.somaxconn */
    uint32_t dgrams;  /* of AF_UNIX, in one queue: net.unix.max_dgram_qlen */
};
/* For who sets them, before guests run. */
struct sock_limits *sock_limits(struct arena *a);

/*
 * socket(2): by family.
 *
 *   type      SOCK_*, with SOCK_NONBLOCK; SOCK_CLOEXEC is the caller's affair
 *   errors    EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EPERM, ENOMEM
 */
must_use int socket_create(int family, int type, int protocol, const struct actor *who,
                           struct file **out);

/* Fills the common part. `flags`: O_NONBLOCK. Errors: ENOMEM (nothing is left to undo). */
must_use int socket_init(struct socket *s, struct arena *a, const struct sock_ops *ops, int family,
                         int type, int protocol, int flags, const struct cred *cred);

/* The socket behind a file, or NULL: ENOTSOCK. */
struct socket *socket_of(struct file *f);

/* From now on `q` wakes the queue of `self` too. `of` keeps `q` in place, and is taken: put(of). */
void sock_call_join(struct sock_call *c, struct socket *self, struct waitq *q, void *of,
                    void (*put)(void *of));
/* Leaves the queue. Whoever makes a sock_call ends it. */
void sock_call_end(struct sock_call *c);

/* Takes the pending error: 0 or -errno. */
static inline int socket_take_error(struct socket *s)
{
    if (likely(atomic_load_explicit(&s->error, memory_order_relaxed) == 0))
        return 0;
    return -atomic_exchange(&s->error, 0);
}

/* getsockopt(2), setsockopt(2), once the bytes are in the sentry. */
must_use int socket_getopt(struct socket *s, int level, int name, void *value, size_t *size,
                           const struct actor *who);
must_use int socket_setopt(struct socket *s, int level, int name, const void *value, size_t size,
                           const struct actor *who);

void socket_cred(struct arena *a, struct task *t, struct sock_cred *out);
/* As struct ucred for a guest. */
struct ucred socket_cred_out(struct arena *a, const struct sock_cred *c, const struct actor *who);
