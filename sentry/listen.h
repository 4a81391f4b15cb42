/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runsc says to a container while it runs: over its control socket, and over its peers.
 * Each container has a listener of its own.
 */
#pragma once

#include "base/lock.h"
#include "sentry/kernel.h"

struct gofer_client;
struct peer;

#define LISTEN_PEERS_MAX 256

struct listener {
    int sock; /* [I] the control socket */
    struct kernel *kernel;
    struct guest_container *container;
    struct gofer_client *gofer;           /* of its files */
    struct park go;                       /* wakes whoever waits for CONTROL_GO */
    _Atomic bool gone_on;                 /* it came, or was never to be waited for */
    _Atomic nsec_t started;               /* when it came; 0: it did not */
    _Atomic int ended;                    /* instead, this signal did */
    _Atomic bool over;                    /* the container has ended: whoever goes may go */
    struct peer *peers[LISTEN_PEERS_MAX]; /* its thread's own */
    size_t npeers;
};

/*
 * Listens until the other side of the control socket has gone; then all peers are let go.
 *
 *   blocks    all that time
 */
void listen_until_gone(struct listener *l);

/*
 * Does that on a thread of its own, at whose end the sandbox ends.
 *
 *   l         lives as long as the process
 *   errors    EAGAIN
 */
must_use int listen_start(struct listener *l);

/* Waits for CONTROL_GO. 0, or the signal that ended the container before it had begun. */
must_use int listen_wait_go(struct listener *l);
/* Whoever waits for it is told to go; `sig` not 0: to end of that. Errors: EALREADY. */
int listen_go(struct listener *l, int sig);
