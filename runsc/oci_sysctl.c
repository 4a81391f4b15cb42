/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json: linux.sysctl.
 *
 * As runc has it, a container may set what Linux keeps for each namespace, and only where it
 * has such a namespace of its own. What of that the sandbox has, the sentry knows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runsc/oci.h"

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static bool is_ipc(const char *name)
{
    static const char *const names[] = { "kernel/msgmax", "kernel/msgmnb",         "kernel/msgmni",
                                         "kernel/sem",    "kernel/shmall",         "kernel/shmmax",
                                         "kernel/shmmni", "kernel/shm_rmid_forced" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return starts(name, "fs/mqueue/");
}

static int check(const struct node *n, const char *name, const struct oci_spec *s, struct err *e)
{
    if (is_ipc(name))
        return s->ns[NS_IPC].wanted
                   ? 0
                   : node_error(n, e, -EINVAL, "is not allowed in the host's ipc namespace");
    if (starts(name, "net/"))
        return s->ns[NS_NET].wanted
                   ? 0
                   : node_error(n, e, -EINVAL, "is not allowed in the host's network namespace");
    if (strcmp(name, "kernel/hostname") == 0)
        return node_error(n, e, -EINVAL, "conflicts with the field \"hostname\"");
    if (strcmp(name, "kernel/domainname") == 0)
        return node_error(n, e, -EINVAL, "conflicts with the field \"domainname\"");
    return node_error(n, e, -EINVAL, "is not in a separate kernel namespace");
}

/* "net.ipv4.ip_forward": its path below /proc/sys, given. */
static char *path_of(const char *name)
{
    char *path = strdup(name);

    if (!path)
        abort();
    for (char *dot = path; (dot = strchr(dot, '.')) != NULL;)
        *dot = '/';
    return path;
}

int oci_parse_sysctl(const struct node *n, struct oci_spec *out, struct err *e)
{
    const char *name;
    json_t *value;
    int err = node_object(n, e);

    if (err || !node_is(n))
        return err;
    if (json_object_size(n->v) > OPTIONS_SYSCTLS_MAX)
        return node_error(n, e, -E2BIG, "more than %d settings", OPTIONS_SYSCTLS_MAX);
    out->sysctls = calloc(json_object_size(n->v) + 1, sizeof *out->sysctls);
    if (!out->sysctls)
        abort();
    json_object_foreach(n->v, name, value)
    {
        struct node one = node_get(n, name);
        struct option_sysctl *s = &out->sysctls[out->nsysctls++];

        s->value = "";
        s->name = path_of(name);
        err = node_text(&one, &s->value, e);
        if (!err)
            err = check(&one, s->name, out, e);
        if (err)
            return err;
    }
    return 0;
}
