/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anchor: the one process of a container that the host knows as the container.
 *
 * Its number is what engines write down and wait for. It sits in the host's side of the
 * container's namespaces, is the parent of sentry and gofer, hands peers to the sentry, and
 * exits with the first process's code. It lives exactly as long as the container: when it
 * dies, sentry and gofer die with it.
 *
 * It is made by a create that then leaves, in three steps, between which the create does
 * what needs its rights:
 *
 *     anchor_spawn()     a child, with its ids
 *                            → cgroups
 *     anchor_settle()    it is in its namespaces
 *                            → hooks
 *     anchor_begin()     sentry and gofer made, the program found; stdio let go
 */
#pragma once

#include "include/control_wire.h"
#include "runsc/oci.h"
#include "runsc/sandbox.h"

struct anchor {
    const struct oci_spec *spec;
    struct sandbox_options *options; /* descriptors 0, 1, 2 and the console are set */
    const struct view *view;
    const char *rootfs;
    int control;       /* the listening socket of peers */
    int log;           /* where sentry and gofer complain; -1: nowhere */
    int mnt_ns;        /* the mount namespace that it is to end up in; -1: one of its own */
    int join;          /* of a pod: the line to the sentry that takes it in; -1: it gets its own */
    pid_t pid;         /* out */
    int sync;          /* out: our line to it */
    char hostname[65]; /* its own: of the namespace, where config.json has none */
};

/* Errors: with words; nothing is left. */
must_use int anchor_spawn(struct anchor *a, struct err *e);
must_use int anchor_settle(struct anchor *a, struct err *e);
/* `failed` tells of a program that could not be found: see peer_program_error(). */
must_use int anchor_begin(struct anchor *a, struct err *e);
/* Kills it, where it was made; waits until it is gone. */
void anchor_kill(struct anchor *a);
