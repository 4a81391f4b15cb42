/* SPDX-License-Identifier: Apache-2.0 */
/* The state of all sockets of a sandbox, and the families by name. */
#pragma once

#include "base/hash.h"
#include "sentry/sock/socket.h"

#define SOCK_NAME_BUCKETS 256

/* [I] never changes   [l] under lock   [g] under gc_lock   [a] atomic */
struct sock_state {
    const struct sock_hooks *hooks; /* [I] may be NULL */
    _Atomic uint64_t cookies;       /* [a] given out so far */
    struct mutex lock;              /* RANK_SOCK_NAMES */
    struct htab names;              /* [l] abstract AF_UNIX addresses: unix_name.c */
    uint32_t next_auto;             /* [l] where autobind looks next */
    struct mutex gc_lock;           /* RANK_SOCK_GC */
    struct list inflight;           /* [g] AF_UNIX sockets that are in messages: unix_gc.c */
    uint32_t inflight_count;        /* [g] descriptors in messages, of all kinds */
    uint32_t inflight_socks;        /* [g] of them AF_UNIX sockets, each once */
    uint32_t closes;                /* [g] of sockets, since the last collection */
    struct list graveyard;          /* [g] of unix_skb: to be freed */
    bool burying;                   /* [g] somebody frees them */
    struct sock_limits limits;      /* [I] once guests run */
    bool gc_wanted;                 /* [g] a socket was closed since the last collection */
    struct hnode *buckets[SOCK_NAME_BUCKETS]; /* [l] */
};

static inline struct sock_state *sock_state_of(struct arena *a)
{
    return arena_root(a, ROOT_SOCK);
}

must_use int unix_create(int type, int protocol, int flags, const struct actor *who,
                         struct file **out);
