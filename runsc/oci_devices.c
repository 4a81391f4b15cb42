/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json: linux.devices.
 *
 * The nodes are made, with their numbers and owners. Behind those of the sentry's own devices
 * is the device; behind others there is none, as on a host that has no driver for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runsc/oci.h"
#include "runsc/report.h"

/* Those that every sandbox has of its own. */
static bool is_ours(const char *path)
{
    static const char *const names[] = { "null",    "zero", "full",    "random",
                                         "urandom", "tty",  "console", "ptmx" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strncmp(path, "/dev/", 5) == 0 && strcmp(path + 5, names[i]) == 0)
            return true;
    return false;
}

static int parse_type(const struct node *n, uint32_t *out, struct err *e)
{
    const char *type = "";
    int err = node_text(n, &type, e);

    if (err)
        return err;
    if (strcmp(type, "c") == 0 || strcmp(type, "u") == 0)
        *out = S_IFCHR;
    else if (strcmp(type, "b") == 0)
        *out = S_IFBLK;
    else if (strcmp(type, "p") == 0)
        *out = S_IFIFO;
    else
        return node_error(n, e, -EINVAL, "there is no kind of device \"%s\"", type);
    return 0;
}

static int parse_device(const struct node *n, struct option_node *d, struct err *e)
{
    struct node path = node_get(n, "path"), type = node_get(n, "type");
    struct node major = node_get(n, "major"), minor = node_get(n, "minor");
    struct node mode = node_get(n, "fileMode"), uid = node_get(n, "uid"), gid = node_get(n, "gid");
    int64_t high = 0, low = 0, bits = 0666;
    int err = node_text(&path, &d->path, e);

    if (!err && (!d->path || d->path[0] != '/'))
        err = node_error(&path, e, -EINVAL, "must be an absolute path");
    if (!err)
        err = parse_type(&type, &d->mode, e);
    if (!err)
        err = node_int(&major, -1, 0xfff, &high, e); /* what mknod(2) has room for */
    if (!err)
        err = node_int(&minor, -1, 0xfffff, &low, e);
    if (!err)
        err = node_int(&mode, 0, 0177777, &bits, e); /* some write the type, too */
    if (!err)
        err = node_u32(&uid, &d->uid, e);
    if (!err)
        err = node_u32(&gid, &d->gid, e);
    d->mode |= (uint32_t)bits & 07777;
    d->major = high < 0 ? 0 : (uint32_t)high;
    d->minor = low < 0 ? 0 : (uint32_t)low;
    if (!err && (d->mode & S_IFMT) != S_IFIFO && !is_ours(d->path))
        report_warning(
            "%s: %s: the sandbox has no devices of the host: the node has none behind "
            "it",
            path.path, d->path);
    return err;
}

int oci_parse_devices(const struct node *n, struct oci_spec *out, struct err *e)
{
    size_t count;
    int err = node_array(n, &count, e);

    if (err)
        return err;
    if (count > OPTIONS_NODES_MAX)
        return node_error(n, e, -E2BIG, "more than %d devices", OPTIONS_NODES_MAX);
    out->nodes = calloc(count + 1, sizeof *out->nodes);
    if (!out->nodes)
        abort();
    for (size_t i = 0; i < count && !err; i++) {
        struct node one = node_at(n, i);
        err = parse_device(&one, &out->nodes[out->nnodes++], e);
    }
    return err;
}
