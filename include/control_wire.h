/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between runsc and the sentry of one sandbox: messages over one
 * SOCK_SEQPACKET socket, which both hold for as long as the sandbox lives.
 *
 * The first message is CONTROL_START, from runsc; its descriptors come with it.
 * Its body does not fit in a packet of a socket and so stands in a sealed memfd,
 * which is the last of the descriptors. Every other message is one struct
 * control_msg. The end of the socket is the end of the sandbox: where runsc goes,
 * the sentry ends at once, and where the sentry goes without CONTROL_EXIT, it died.
 *
 * Trust: runsc believes nothing but the shape of what a sentry says; the worst it
 * can do is to lie about how its guest ended.
 *
 * A container has many commands that want something of its sentry: start, kill, exec. Each
 * has a socket of its own, a *peer*, which runsc's process in the container takes on and hands
 * in with CONTROL_PEER. Over it go CONTROL_GO, CONTROL_SIGNAL, CONTROL_SIGNAL_ALL, which are
 * answered by CONTROL_DONE, and CONTROL_EXEC, which is like CONTROL_START, for another process:
 * the answer is CONTROL_RUNNING or CONTROL_FAILED, and in the end CONTROL_EXIT. From then on the
 * peer is that process: signals and sizes go to it, and it is killed where the peer goes.
 *
 * A pod is one sandbox with several containers. CONTROL_JOIN, answered by CONTROL_DONE, makes of
 * a peer of the first container the control socket of another one, on which all goes as on the
 * sandbox's own, from CONTROL_START to CONTROL_EXIT: the start brings a gofer of its own. Where
 * that socket goes, that container is killed, and nothing else.
 */
#pragma once

#include <stdint.h>

#include "base/cc.h"

enum control_kind {
    /* runsc → sentry */
    CONTROL_START = 1,  /* value: bytes of the options in the memfd; extra: bit n set where fd n of
                           enum option_fd is among the descriptors */
    CONTROL_SIGNAL,     /* value: the signal for the sandbox's first process; extra, not to peers: 1
                           for its whole process group */
    CONTROL_RESIZE,     /* value: rows << 16 | columns */
    CONTROL_END,        /* kill everything now */
    CONTROL_PEER,       /* one descriptor: the sentry's end of a peer */
    CONTROL_GO,         /* peer: let the first process go, which the options said to hold */
    CONTROL_SIGNAL_ALL, /* peer: value: the signal for every process */
    CONTROL_LIMIT,      /* peer: value for the limit that extra names (enum option_limit) */
    CONTROL_EXEC,       /* peer: as CONTROL_START, without CONTROL_PEER's and the gofer's */
    CONTROL_RESUME,     /* after CONTROL_SUSPEND: the terminal may be read again */
    CONTROL_JOIN,       /* peer: it is to be another container's control socket */
    CONTROL_FREEZE,     /* peer: nothing of the container runs from now on; or, value 0, it does */
    /* sentry → runsc */
    CONTROL_CREATED, /* all is made and the program is found; CONTROL_GO is awaited */
    CONTROL_DONE,    /* to a peer: value is an errno, or 0 */
    CONTROL_RUNNING, /* the first guest instruction is next; value: nanoseconds since START came */
    CONTROL_FAILED,  /* it could not start: value is an errno, text says what */
    CONTROL_EXIT,    /* the first process ended: value is its wait status */
    CONTROL_STEP,    /* --timing: text names a step, value is its CLOCK_MONOTONIC time */
    CONTROL_SUSPEND, /* the first process has stopped, and the terminal is not read any more; value:
                        the signal that stopped it */
};

struct control_msg {
    uint32_t kind, unused;
    uint64_t extra;
    uint64_t value;
    char text[240]; /* ends with a zero */
};
static_assert(sizeof(struct control_msg) == 264, "the same for both programs");

#define CONTROL_FD 3 /* where the sentry finds the socket */
