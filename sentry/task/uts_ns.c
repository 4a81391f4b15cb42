/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the machine. */
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/task/ns.h"
#include "sentry/task/tasks.h"

static const struct slab_type uts_ns_slab = SLAB_TYPE(uts_ns, struct uts_ns);

static void set_name(struct uts_ns *ns, char *name, const char *to, size_t size)
{
    size = min(size, (size_t)UTS_NAME_MAX);
    mutex_lock(&ns->lock);
    memset(name, 0, UTS_NAME_MAX + 1);
    memcpy(name, to, size);
    mutex_unlock(&ns->lock);
}

int uts_ns_create(struct arena *a, struct user_ns *owner, const char *nodename, struct uts_ns **out)
{
    struct uts_ns *ns = slab_alloc(a, &uts_ns_slab);

    if (!ns)
        return -ENOMEM;
    ref_init(&ns->ref);
    mutex_init(&ns->lock, RANK_TASK);
    ns->user_ns = user_ns_get(owner);
    ns->ino = tasks_ns_ino(a);
    set_name(ns, ns->nodename, nodename, strlen(nodename));
    strcpy(ns->domainname, "(none)");
    *out = ns;
    return 0;
}

int uts_ns_copy(struct uts_ns *ns, struct user_ns *owner, struct uts_ns **out)
{
    char node[sizeof ns->nodename], domain[sizeof ns->domainname];

    mutex_lock(&ns->lock);
    memcpy(node, ns->nodename, sizeof node);
    memcpy(domain, ns->domainname, sizeof domain);
    mutex_unlock(&ns->lock);
    int err = uts_ns_create(arena_of(ns), owner, node, out);
    if (!err)
        memcpy((*out)->domainname, domain, sizeof domain);
    return err;
}

struct uts_ns *uts_ns_get(struct uts_ns *ns)
{
    ref_get(&ns->ref);
    return ns;
}

void uts_ns_put(struct uts_ns *ns)
{
    if (!ns || !ref_put(&ns->ref))
        return;
    user_ns_put(ns->user_ns);
    slab_free(ns);
}

void uts_ns_print(struct uts_ns *ns, struct utsname *out)
{
    *out = (struct utsname){
        .sysname = UTS_SYSNAME,
        .release = UTS_RELEASE,
        .version = UTS_VERSION,
        .machine = UTS_MACHINE,
    };
    mutex_lock(&ns->lock);
    memcpy(out->nodename, ns->nodename, sizeof ns->nodename);
    memcpy(out->domainname, ns->domainname, sizeof ns->domainname);
    mutex_unlock(&ns->lock);
}

void uts_ns_set_nodename(struct uts_ns *ns, const char *name, size_t size)
{
    set_name(ns, ns->nodename, name, size);
}

void uts_ns_set_domainname(struct uts_ns *ns, const char *name, size_t size)
{
    set_name(ns, ns->domainname, name, size);
}
