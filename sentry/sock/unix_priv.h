/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_UNIX sockets: what the files unix*.c share.
 *
 * A socket's memory outlives its file: peers, messages it sent, and callers on their way
 * hold references to the memory. Once `dead` is set nothing is queued to it any more. Who
 * holds the memory alone may use nothing of `sock.file` but its arena and its waitq: the rest
 * ends with the file.
 *
 * Who takes what, outermost first: read_lock, the table of names, the collector's lock,
 * the lock of one socket or of two (mutex_lock_two), wait queues.
 *
 *   source    unix(7); net/unix/af_unix.c of Linux 6.6 for the order of errors
 */
#pragma once

#include <sys/un.h>

#include "sentry/core/slab.h"
#include "sentry/sock/sock_priv.h"
#include "sentry/vfs/walk.h"

#define UNIX_CHUNK 12160u /* bytes of a stream in one message: with its head, a cached size */

enum unix_state { UNIX_CLOSED, UNIX_LISTENING, UNIX_CONNECTED };

enum { SHUT_READS = 1, SHUT_WRITES = 2, SHUT_BOTH = 3 };

/* A name, shared by a listener and what it accepted. [I] all, but `sock` under the table's lock. */
struct unix_addr {
    struct ref ref;
    struct hnode node;      /* abstract ones, in sock_state.names */
    struct unix_sock *sock; /* weak: who bound it, while it is in the table */
    struct path path;       /* of a name in the file system; a reference */
    struct inode *inode;    /* which it led to when it was made; a reference */
    uint32_t size;          /* bytes of `un` */
    struct sockaddr_un un;
};

/* Bytes on their way, and what goes along. Belongs to a queue, or to one thread. */
struct unix_skb {
    struct list node;
    struct unix_sock *sender; /* a reference to its memory; charged for it */
    uint32_t size, off;       /* bytes in all; of them already read */
    uint32_t charge;
    struct sock_cred cred;
    struct scm_files *files; /* in a queue: changed only under its socket's lock */
    uint32_t payer;          /* whose files in flight they are: kernel uid */
    uint8_t bytes[];
};

/* [I] never changes   [l] under lock   [r] under read_lock   [g] under sock_state.gc_lock   [a]
 * atomic */
struct unix_sock {
    struct socket sock;
    struct ref memory;
    struct mutex read_lock; /* RANK_SOCK_READ: its holder owns the head of `queue` */
    struct mutex lock;      /* RANK_SOCK */

    enum unix_state state;            /* [l] */
    unsigned shut;                    /* [l] SHUT_READS, SHUT_WRITES */
    bool dead;                        /* [l] its file is gone */
    bool binding;                     /* [l] a bind is under way */
    struct unix_sock *peer;           /* [l] a reference to its memory */
    _Atomic(struct unix_addr *) addr; /* [a] set once; a reference */

    struct list queue;     /* [l] of unix_skb, oldest first */
    uint32_t queue_len;    /* [l] */
    uint32_t queue_bytes;  /* [l] unread */
    _Atomic uint32_t wmem; /* [a] what is charged for messages of ours that nobody has read */

    struct list backlog;      /* [l] of unix_sock.backlog_node: connections not accepted yet */
    struct list backlog_node; /* [listener] its file reference is the backlog's */
    uint32_t backlog_len;     /* [l] */
    uint32_t backlog_max;     /* [l] connections, or datagrams, that may wait */

    struct waitq room;          /* woken when there may be room in queue or backlog */
    struct waiter relay;        /* in peer->room while a datagram socket is connected */
    struct unix_sock *relay_of; /* [r] the peer whose queue it is in */

    struct sock_cred cred;          /* [l] at creation or listen(2) */
    const struct cred *groups;      /* [l] the same, for SO_PEERGROUPS; a reference */
    bool has_peer_cred;             /* [l] */
    struct sock_cred peer_cred;     /* [l] */
    const struct cred *peer_groups; /* [l] */

    uint32_t inflight;         /* [g] messages that hold it */
    struct list inflight_node; /* [g] in sock_state.inflight while inflight > 0 */
    uint32_t gc_refs;          /* [g] used by one collection */
    enum { GC_OUT, GC_CANDIDATE, GC_LIVE } gc_state; /* [g] */
};

extern const struct slab_type unix_sock_slab;
extern const struct sock_ops unix_stream_ops, unix_dgram_ops, unix_seqpacket_ops;

static inline struct unix_sock *unix_of(struct socket *s)
{
    return container_of(s, struct unix_sock, sock);
}

/* The same where the file may be anything: NULL. */
struct unix_sock *unix_of_file(struct file *f);

static inline struct unix_sock *unix_get(struct unix_sock *u)
{
    ref_get(&u->memory);
    return u;
}
void unix_put(struct unix_sock *u);

static inline bool unix_has_connections(const struct unix_sock *u)
{
    return u->sock.type != SOCK_DGRAM;
}

static inline void unix_wake(struct unix_sock *u, unsigned bits)
{
    waitq_wake(&u->sock.file.waitq, bits);
}

/* ---- unix.c ---- */

/* A socket of the same kind for a new connection. Errors: ENOMEM. */
must_use int unix_alloc(struct arena *a, int type, int flags, const struct cred *cred,
                        struct unix_sock **out);
void unix_own_cred_locked(struct unix_sock *u, const struct actor *who) HOLDS(u->lock);
/* `u` may tell who is at the other end. */
void unix_set_peer_cred_locked(struct unix_sock *u, const struct sock_cred *cred,
                               const struct cred *groups) HOLDS(u->lock);
int unix_shutdown(struct socket *s, int how);
unsigned unix_stream_poll(struct socket *s);
unsigned unix_dgram_poll(struct socket *s);
int unix_getopt(struct socket *s, int level, int name, void *value, size_t *size,
                const struct actor *who);
int unix_setopt(struct socket *s, int level, int name, const void *value, size_t size,
                const struct actor *who);
long unix_ioctl(struct socket *s, const struct ioctl *c);
void unix_release(struct socket *s);

/* ---- unix_name.c ---- */

void unix_addr_put(struct unix_addr *addr);
int unix_bind(struct socket *s, const struct sock_addr *addr, const struct actor *who);
/* Gives it a name of its own making, if it has none. Errors: ENOSPC, ENOMEM. */
must_use int unix_autobind(struct unix_sock *u);
/* Nobody finds it by its name any more. */
void unix_unbind(struct unix_sock *u);
/*
 * Who is bound to a name: a reference to its memory.
 *
 *   errors    EINVAL, ECONNREFUSED, EPROTOTYPE, and those of a walk
 *   blocks    for gofer requests
 */
must_use int unix_find(struct arena *a, const struct sock_addr *addr, int type,
                       const struct actor *who, struct unix_sock **out);
int unix_getname(struct socket *s, bool peer, struct sock_addr *out);
/* The name of `u` as a receiver is told it; size 0 where it has none. */
void unix_copy_name(struct unix_sock *u, struct sock_addr *out);

/* ---- unix_connect.c ---- */

int unix_listen(struct socket *s, int backlog, const struct actor *who);
int unix_stream_connect(struct socket *s, const struct sock_addr *to, struct sock_call *c);
int unix_accept(struct socket *s, int flags, const struct actor *who, struct file **out);
int unix_pair(struct socket *a, struct socket *b, const struct actor *who);
/* Makes a call wait for the room of `other`, instead of what it waited for before. */
void unix_wait_for_room(struct unix_sock *u, struct unix_sock *other, struct sock_call *c);

/* ---- unix_skb.c ---- */

/* May it send more: less than a quarter of its buffer is taken (poll), or not all of it (send)? */
bool unix_is_writable(struct unix_sock *u);
bool unix_has_room(struct unix_sock *u);
/*
 * A message of the next `size` bytes of m->io, with the files of m->scm, which are taken.
 *
 *   errors    ENOMEM, EFAULT, ETOOMANYREFS, EPERM for credentials that are not the sender's
 */
must_use int unix_skb_create(struct unix_sock *sender, struct sock_msg *m, size_t size,
                             struct unix_skb **out);
/* Gives files back to m->scm: the message could not be delivered, and will be tried again. */
void unix_skb_undo(struct unix_skb *skb, struct sock_msg *m);
void unix_skb_free(struct unix_skb *skb);
void unix_queue_locked(struct unix_sock *u, struct unix_skb *skb) HOLDS(u->lock);
void unix_dequeue_locked(struct unix_sock *u, struct unix_skb *skb) HOLDS(u->lock);
/* What a receiver is told beside the bytes: files (taken, or copied for a peek), credentials. */
must_use int unix_skb_tell(struct unix_sock *u, struct unix_skb *skb, struct sock_msg *m,
                           bool peek);

/* ---- unix_stream.c, unix_dgram.c ---- */

ssize_t unix_stream_send(struct socket *s, struct sock_msg *m);
ssize_t unix_stream_recv(struct socket *s, struct sock_msg *m);
int unix_dgram_connect(struct socket *s, const struct sock_addr *to, struct sock_call *c);
ssize_t unix_dgram_send(struct socket *s, struct sock_msg *m);
ssize_t unix_dgram_recv(struct socket *s, struct sock_msg *m);
ssize_t unix_seqpacket_send(struct socket *s, struct sock_msg *m);
ssize_t unix_seqpacket_recv(struct socket *s, struct sock_msg *m);
/* The receiver's queue has no room for one more of ours. */
bool unix_is_full_for_locked(struct unix_sock *to, const struct unix_sock *from) HOLDS(to->lock);
/* Takes the relay of a datagram socket out of its peer's queue. */
void unix_relay_leave(struct unix_sock *u);

/* ---- unix_gc.c ---- */

/* Files went into a message, or came out of it. They count as their sender's. Errors: ENOMEM. */
must_use int unix_inflight_add(struct arena *a, const struct scm_files *files, uint32_t payer);
void unix_inflight_sub(struct arena *a, const struct scm_files *files, uint32_t payer);
/* Has the sender's user too many in messages already? Errors: ETOOMANYREFS. */
must_use int unix_inflight_check(struct arena *a, const struct actor *who);
/*
 * Frees messages, now or as soon as another caller who is at it comes to them.
 *
 *   messages  taken; empty afterwards
 *   gc        a socket was closed: look for such as only messages in each other's queues
 *             refer to, if any are in messages
 *   locks     none held
 */
void unix_bury(struct arena *a, struct list *messages, bool gc);
void unix_gc_if_many(struct arena *a);
/* Waits for a collection that is under way. */
void unix_gc_barrier(struct arena *a);
