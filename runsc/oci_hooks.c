/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: hooks. */
#include <errno.h>
#include <stdlib.h>

#include "runsc/oci.h"

static int parse_hook(const struct node *n, struct oci_hook *h, struct err *e)
{
    struct node path = node_get(n, "path"), args = node_get(n, "args"), env = node_get(n, "env");
    struct node timeout = node_get(n, "timeout");
    int err = node_object(n, e);

    if (!err)
        err = node_text(&path, &h->path, e);
    if (!err && (!h->path || h->path[0] != '/'))
        err = node_error(&path, e, -EINVAL, "must be an absolute path");
    if (!err)
        err = node_texts(&args, &h->argv, e);
    if (!err)
        err = node_texts(&env, &h->envp, e);
    if (!err)
        err = node_int(&timeout, 0, INT32_MAX, &h->timeout, e);
    return err;
}

static int parse_kind(const struct node *n, struct oci_hook **out, size_t *count, struct err *e)
{
    size_t total;
    int err = node_array(n, &total, e);

    if (err)
        return err;
    *out = calloc(total + 1, sizeof **out);
    if (!*out)
        abort();
    for (size_t i = 0; i < total && !err; i++) {
        struct node one = node_at(n, i);
        *count = i + 1;
        err = parse_hook(&one, &(*out)[i], e);
    }
    return err;
}

int oci_parse_hooks(const struct node *n, struct oci_spec *out, struct err *e)
{
    static const char *const names[HOOK_KINDS] = {
        [HOOK_PRESTART] = "prestart",
        [HOOK_CREATE_RUNTIME] = "createRuntime",
        [HOOK_CREATE_CONTAINER] = "createContainer",
        [HOOK_START_CONTAINER] = "startContainer",
        [HOOK_POSTSTART] = "poststart",
        [HOOK_POSTSTOP] = "poststop",
    };
    int err = node_object(n, e);

    for (unsigned i = 0; i < HOOK_KINDS && !err; i++) {
        struct node kind = node_get(n, names[i]);
        err = parse_kind(&kind, &out->hooks[i], &out->nhooks[i], e);
    }
    return err;
}
