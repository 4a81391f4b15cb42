/* SPDX-License-Identifier: Apache-2.0 */
/* What runsc says while the sandbox runs: over the control socket, and over its peers. */
#pragma once

#include "base/lock.h"
#include "sentry/kernel.h"

struct gofer_client;
struct peer;

#define LISTEN_PEERS_MAX 256

struct listener {
    struct kernel *kernel;
    struct gofer_client *gofer;
    struct park go;                       /* wakes whoever waits for CONTROL_GO */
    _Atomic bool gone_on;                 /* it came, or was never to be waited for */
    struct peer *peers[LISTEN_PEERS_MAX]; /* its thread's own */
    size_t npeers;
};

/* Starts its thread. `l` lives as long as the process. Errors: EAGAIN. */
must_use int listen_start(struct listener *l);
/* Waits for CONTROL_GO. */
void listen_wait_go(struct listener *l);
