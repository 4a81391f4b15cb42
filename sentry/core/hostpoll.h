/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for host descriptors: one host thread, asleep in ppoll(2).
 *
 * A watch tells once that its descriptor is ready, and is then no longer armed. The
 * thread is started by the first watch that is armed; while nothing happens to what
 * is watched, it makes no wake-up.
 */
#pragma once

#include "base/list.h"
#include "sentry/core/hostfd.h"

struct hostpoll;
struct hostpoll_watch;

struct hostpoll_ops {
    /*
     * It is ready; it may be armed again here. No lock is held.
     *
     *   bits      POLL* that came true; 0 where what was armed cannot be told, so look
     */
    void (*ready)(struct hostpoll_watch *w, unsigned bits);
};

/* In an object of the arena. */
struct hostpoll_watch {
    struct list node;               /* [its lock] */
    const struct hostpoll_ops *ops; /* [I] register it in the owner's slab_type */
    struct hostpoll *armed_by;      /* [its lock] a host object: register it; NULL: not armed */
    hostfd_t fd;                    /* [its lock] */
    unsigned events;                /* [its lock] POLL* */
};

/* Makes it, and puts it at HOST_POLL. Before the sentry's filter. Errors: ENOMEM, EMFILE. */
must_use int hostpoll_create(struct arena *a);
/* No watch is armed any more. Ends the thread. */
void hostpoll_destroy(struct arena *a);

void hostpoll_watch_init(struct hostpoll_watch *w, const struct hostpoll_ops *ops);

/*
 * Wants to know when `fd` is ready for any of `events` (POLLERR and POLLHUP always
 * are among them). Armed already: for these, too.
 *
 *   locks     takes RANK_HOSTPOLL
 *   errors    EAGAIN where the host has no thread; ENOSPC past HOSTPOLL_MAX watches
 */
must_use int hostpoll_arm(struct arena *a, struct hostpoll_watch *w, hostfd_t fd, unsigned events);

/*
 * Is not interested any more; fine where it is not armed.
 *
 *   blocks    until a ready() that is under way has returned, unless called from it
 */
void hostpoll_disarm(struct arena *a, struct hostpoll_watch *w);

#define HOSTPOLL_MAX 4095
