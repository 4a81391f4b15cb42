/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processes agree on by a key or a name instead of a descriptor: ipc_namespaces(7).
 *
 * A namespace owns all of it, and all of it goes when the last task has left: nothing in it
 * holds a reference of its namespace.
 *
 * Each kind is a member with a file of its own in this folder. What the kind needs to begin
 * with is made in ipc_ns_create(), which makes members in the order in which they stand here;
 * what is left of it goes in ipc_ns_put(), in the opposite order. A new namespace is always
 * empty: clone(2) and unshare(2) copy nothing, not even limits.
 */
#pragma once

#include "base/ref.h"
#include "sentry/core/cred.h"
#include "sentry/ipc/mqueue.h"
#include "sentry/ipc/msg.h"
#include "sentry/ipc/sem.h"
#include "sentry/ipc/shm.h"

/* [I] never changes */
struct ipc_ns {
    struct ref ref;
    struct user_ns *user_ns;          /* [I] a reference: whose capabilities count */
    uint64_t ino;                     /* [I] /proc/PID/ns/ipc */
    const struct ipc_pid_hooks *pids; /* [I] */
    struct shm_table *shm;            /* [I] a reference */
    struct sem_table sem;
    struct msg_table msg;
    struct mqueue_ns mqueue; /* POSIX message queues */
};

/*
 * An empty one.
 *
 *   owner     referenced
 *   ino       no other namespace has it
 *   pids      a constant; NULL where no task is known
 *   errors    ENOMEM
 */
must_use int ipc_ns_create(struct arena *a, struct user_ns *owner, uint64_t ino,
                           const struct ipc_pid_hooks *pids, struct ipc_ns **out);
struct ipc_ns *ipc_ns_get(struct ipc_ns *ns);
/* The last one takes everything in it along. NULL is fine. Locks: none may be held. */
void ipc_ns_put(struct ipc_ns *ns);
DEFINE_SCOPED(ipc_ns)
