/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentry's side of the ring to the gofer: one request, one reply.
 *
 * Any number of threads ask at once, each in a slot of its own. A client lives
 * outside the arena and holds host state only: the sandbox's first at HOST_GOFER, those of
 * other containers of a pod for as long as anything of their trees is in use.
 */
#pragma once

#include "base/cc.h"
#include "include/gofer_wire.h"

struct gofer_client;

/*
 * Greets a gofer that has been started.
 *
 *   sock      the socket to it: taken. Behind the sentry's filter it must be non-blocking already
 *   out       given: gofer_client_put(), or HOST_GOFER's
 *   errors    EIO where it is gone; EPROTO where it is none of ours; ENOMEM
 *   blocks    until the gofer has its jail and says so: call it as late as you can
 */
must_use int gofer_client_create(int sock, struct gofer_client **out);
struct gofer_client *gofer_client_get(struct gofer_client *c);
/* With the last one, the gofer ends; no request may be under way then. NULL is fine. */
void gofer_client_put(struct gofer_client *c);

/*
 * The gofer is gone (somebody saw its end, or the socket's): all requests, now and
 * from now on, give EIO. Requests find that out by themselves within a tenth of a
 * second, too.
 */
void gofer_client_dead(struct gofer_client *c);
bool gofer_client_is_dead(const struct gofer_client *c);
/* The socket, for those who watch for its end: borrowed. */
int gofer_client_sock(const struct gofer_client *c);

/* How many nodes the gofer holds for us at most, and how many trees it has. */
uint32_t gofer_client_handles(const struct gofer_client *c);
uint32_t gofer_client_trees(const struct gofer_client *c);

/* Requests so far: for tests, and for those who count what a cache saves. */
uint64_t gofer_client_requests(const struct gofer_client *c);

/* Gives a node back, with one of the next requests. 0 is nothing. Any lock may be held. */
void gofer_client_clunk(struct gofer_client *c, gofer_handle_t h);

/*
 * One request:
 *
 *     struct gofer_call call;
 *     gofer_call_begin(c, GOFER_GETATTR, &call);
 *     wire_put_u64(&call.args, handle);
 *     int err = gofer_call(&call);
 *     if (!err)
 *         gofer_get_attr(&call.results, &attr);
 *     err = gofer_call_end(&call, err);
 */
struct gofer_call {
    struct gofer_client *client;
    unsigned slot;
    struct wire_writer args;
    struct wire_reader results; /* of our private copy of the reply */
    int fd;                     /* what was donated, or -1: whoever takes it puts -1 here */
};

/* Takes a slot. Blocks while all are in use. */
void gofer_call_begin(struct gofer_client *c, enum gofer_op op, struct gofer_call *out);
/*
 * Asks, and waits for the reply.
 *
 *   returns   0 or -errno; `_len`: of a call that gives a length, that
 *   errors    EIO where the gofer is gone; E2BIG where the arguments do not fit; ENFILE where
 *             we have no descriptor free for the one that came: the results are there
 *   locks     none may be held
 *   blocks    for the gofer; no signal ends it
 */
must_use int gofer_call(struct gofer_call *call);
must_use int gofer_call_len(struct gofer_call *call);
/*
 * Lets the slot go, and closes what was donated and not taken.
 *
 *   result    of gofer_call() or gofer_call_len()
 *   returns   it, or -EIO where the results that were read were not all there
 */
must_use int gofer_call_end(struct gofer_call *call, int result);
