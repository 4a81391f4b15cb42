/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an ipc namespace. */
#include "sentry/ipc/ipc_ns.h"

#include <errno.h>

#include "sentry/core/slab.h"

static const struct slab_type ipc_ns_slab =
    SLAB_TYPE(ipc_ns, struct ipc_ns, .const_ptrs = { PTR_AT(struct ipc_ns, pids) });

int ipc_ns_create(struct arena *a, struct user_ns *owner, uint64_t ino,
                  const struct ipc_pid_hooks *pids, struct ipc_ns **out)
{
    struct ipc_ns *ns = slab_alloc(a, &ipc_ns_slab);

    if (!ns)
        return -ENOMEM;
    ref_init(&ns->ref);
    ns->user_ns = user_ns_get(owner);
    ns->ino = ino;
    ns->pids = pids;
    sem_table_init(&ns->sem, a);
    msg_table_init(&ns->msg, a);
    mqueue_ns_init(&ns->mqueue);
    int err = shm_table_create(a, &ns->shm);
    if (err) {
        ipc_ns_put(ns);
        return err;
    }
    *out = ns;
    return 0;
}

struct ipc_ns *ipc_ns_get(struct ipc_ns *ns)
{
    ref_get(&ns->ref);
    return ns;
}

void ipc_ns_put(struct ipc_ns *ns)
{
    if (!ns || !ref_put(&ns->ref))
        return;
    mqueue_ns_destroy(&ns->mqueue);
    msg_table_end(&ns->msg);
    sem_table_end(&ns->sem);
    shm_table_end(ns->shm);
    user_ns_put(ns->user_ns);
    slab_free(ns);
}
