/* SPDX-License-Identifier: Apache-2.0 */
/* Pid namespaces: who counts its own tasks from 1. */
#include "sentry/core/slab.h"
#include "sentry/task/pid.h"
#include "sentry/task/tasks.h"

static const struct slab_type pid_ns_slab = SLAB_TYPE(pid_ns, struct pid_ns);

int pid_ns_create(struct arena *a, struct pid_ns *parent, struct user_ns *owner,
                  struct pid_ns **out)
{
    if (parent && parent->level + 1 >= PID_NS_LEVELS)
        return -ENOSPC;
    struct pid_ns *ns = slab_alloc(a, &pid_ns_slab);
    if (!ns)
        return -ENOMEM;
    ref_init(&ns->ref);
    ns->arena = a;
    ns->parent = parent ? pid_ns_get(parent) : NULL;
    ns->level = parent ? parent->level + 1 : 0;
    ns->user_ns = user_ns_get(owner);
    ns->ino = tasks_ns_ino(a);
    *out = ns;
    return 0;
}

struct pid_ns *pid_ns_get(struct pid_ns *ns)
{
    ref_get(&ns->ref);
    return ns;
}

void pid_ns_put(struct pid_ns *ns)
{
    while (ns && ref_put(&ns->ref)) {
        struct pid_ns *parent = ns->parent;
        assert(rb_empty(&ns->numbers));
        user_ns_put(ns->user_ns);
        slab_free(ns);
        ns = parent;
    }
}

bool pid_ns_is_within(const struct pid_ns *ns, const struct pid_ns *ancestor)
{
    while (ns && ns->level > ancestor->level)
        ns = ns->parent;
    return ns == ancestor;
}
