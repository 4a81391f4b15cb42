/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: linux. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "runsc/oci.h"
#include "runsc/report.h"

static int parse_namespace(const struct node *n, struct oci_spec *out, struct err *e)
{
    static const char *const names[NS_KINDS] = {
        [NS_USER] = "user", [NS_PID] = "pid",   [NS_NET] = "network",   [NS_IPC] = "ipc",
        [NS_UTS] = "uts",   [NS_MNT] = "mount", [NS_CGROUP] = "cgroup", [NS_TIME] = "time",
    };
    struct node type = node_get(n, "type"), path = node_get(n, "path");
    const char *name = "", *where = NULL;
    int err = node_text(&type, &name, e);

    if (!err)
        err = node_text(&path, &where, e);
    if (err)
        return err;
    if (where && !*where)
        where = NULL;
    if (where && where[0] != '/')
        return node_error(&path, e, -EINVAL, "must be an absolute path");
    for (unsigned i = 0; i < NS_KINDS; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        if (out->ns[i].wanted)
            return node_error(&type, e, -EINVAL, "%s stands here twice", name);
        out->ns[i] = (struct oci_namespace){ .wanted = true, .path = where };
        return 0;
    }
    return node_error(&type, e, -EINVAL, "there is no namespace \"%s\"", name);
}

int oci_parse_map(const struct node *n, struct option_id_range **out, size_t *count, struct err *e)
{
    size_t total;
    int err = node_array(n, &total, e);

    if (err)
        return err;
    if (total > OPTIONS_RANGES_MAX)
        return node_error(n, e, -E2BIG, "more than %d ranges", OPTIONS_RANGES_MAX);
    *out = calloc(total + 1, sizeof **out);
    if (!*out)
        abort();
    for (size_t i = 0; i < total && !err; i++) {
        struct node one = node_at(n, i), inside = node_get(&one, "containerID");
        struct node outside = node_get(&one, "hostID"), size = node_get(&one, "size");

        err = node_u32(&inside, &(*out)[i].inside, e);
        if (!err)
            err = node_u32(&outside, &(*out)[i].outside, e);
        if (!err)
            err = node_u32(&size, &(*out)[i].count, e);
        *count = i + 1;
    }
    return err;
}

static void warn_ignored(const struct node *n)
{
    static const struct {
        const char *name, *why;
    } ignored[] = {
        {"intelRdt",     "has no effect in a sandbox"},
        { "mountLabel",  "has no effect in a sandbox"},
        { "timeOffsets", "has no effect in a sandbox"},
    };

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        struct node one = node_get(n, ignored[i].name);
        if (node_is(&one) && !(json_is_string(one.v) && !*json_string_value(one.v)) &&
            !(json_is_object(one.v) && !json_object_size(one.v)))
            report_warning("%s: %s", one.path, ignored[i].why);
    }
}

/* What asks for a share of a cache or of the memory's bus cannot have it, as with runc where the
 * host has no resctrl. */
static int refuse_share(const struct node *n, const char *name, const char *what, struct err *e)
{
    return node_error(n, e, -EINVAL,
                      "intelRdt.%s is specified in config, but Intel RDT/%s is not enabled", name,
                      what);
}

static int parse_rdt(const struct node *n, struct err *e)
{
    static const char *const texts[][2] = {
        {"closID",         NULL }, /* a name asks for nothing */
        { "l3CacheSchema", "CAT"},
        { "memBwSchema",   "MBA"},
    };
    static const char *const switches[] = { "enableCMT", "enableMBM", "enableMonitoring" };
    struct node schemata = node_get(n, "schemata");
    const char **lines = NULL;
    bool on;
    int err = node_object(n, e);

    for (size_t i = 0; i < ARRAY_LEN(texts) && !err; i++) {
        struct node one = node_get(n, texts[i][0]);
        const char *text = "";
        err = node_text(&one, &text, e);
        if (!err && *text && texts[i][1])
            err = refuse_share(&one, texts[i][0], texts[i][1], e);
    }
    for (size_t i = 0; i < ARRAY_LEN(switches) && !err; i++) {
        struct node one = node_get(n, switches[i]);
        err = node_bool(&one, &on, e);
    }
    if (!err)
        err = node_texts(&schemata, &lines, e);
    if (!err && lines && *lines)
        err = refuse_share(&schemata, "schemata", "CAT", e);
    free(lines);
    return err;
}

/* As what is mounted later at the root and below spreads: MS_SHARED and its kin. */
static int parse_propagation(const struct node *n, unsigned long *out, struct err *e)
{
    static const struct {
        const char *name;
        unsigned long flags;
    } words[] = {
        {"",             0                     },
        { "shared",      MS_SHARED             },
        { "rshared",     MS_SHARED | MS_REC    },
        { "slave",       MS_SLAVE              },
        { "rslave",      MS_SLAVE | MS_REC     },
        { "private",     MS_PRIVATE            },
        { "rprivate",    MS_PRIVATE | MS_REC   },
        { "unbindable",  MS_UNBINDABLE         },
        { "runbindable", MS_UNBINDABLE | MS_REC},
    };
    const char *name = "";
    int err = node_text(n, &name, e);

    for (size_t i = 0; i < ARRAY_LEN(words) && !err; i++) {
        if (strcmp(words[i].name, name) == 0) {
            *out = words[i].flags;
            return 0;
        }
    }
    return err ? err : node_error(n, e, -EINVAL, "there is no propagation \"%s\"", name);
}

static int parse_maps(const struct node *n, struct oci_spec *out, struct err *e)
{
    struct node uids = node_get(n, "uidMappings"), gids = node_get(n, "gidMappings");
    int err = oci_parse_map(&uids, &out->uid_map, &out->nuid_map, e);

    if (!err)
        err = oci_parse_map(&gids, &out->gid_map, &out->ngid_map, e);
    if (!err && out->nuid_map && !out->ns[NS_USER].wanted)
        err = node_error(&uids, e, -EINVAL, "there is no user namespace to map ids in");
    if (!err && out->ns[NS_USER].wanted && !out->ns[NS_USER].path &&
        (!out->nuid_map || !out->ngid_map))
        err = node_error(&uids, e, -EINVAL, "a new user namespace needs maps of ids");
    return err;
}

int oci_parse_linux(const struct node *n, struct oci_spec *out, struct err *e)
{
    struct node spaces = node_get(n, "namespaces"), masked = node_get(n, "maskedPaths");
    struct node readonly = node_get(n, "readonlyPaths"), cgroups = node_get(n, "cgroupsPath");
    struct node devices = node_get(n, "devices"), propagation = node_get(n, "rootfsPropagation");
    struct node seccomp = node_get(n, "seccomp"), sysctl = node_get(n, "sysctl");
    struct node persona = node_get(n, "personality"), rdt = node_get(n, "intelRdt");
    size_t count;
    int err = node_object(n, e);

    if (!err)
        err = node_array(&spaces, &count, e);
    for (size_t i = 0; !err && i < count; i++) {
        struct node one = node_at(&spaces, i);
        err = parse_namespace(&one, out, e);
    }
    if (!err)
        err = parse_maps(n, out, e);
    if (!err)
        err = node_texts(&masked, &out->masked, e);
    if (!err)
        err = node_texts(&readonly, &out->readonly_paths, e);
    if (!err)
        err = node_text(&cgroups, &out->cgroups_path, e);
    if (!err)
        err = parse_propagation(&propagation, &out->propagation, e);
    if (!err)
        err = oci_parse_personality(&persona, &out->personality, e);
    if (!err)
        err = parse_rdt(&rdt, e);
    if (!err)
        err = oci_parse_seccomp(&seccomp, out, e);
    if (!err)
        err = oci_parse_devices(&devices, out, e);
    if (!err)
        err = oci_parse_sysctl(&sysctl, out, e);
    if (err)
        return err;
    out->resources = node_get(n, "resources");
    err = node_object(&out->resources, e);
    if (!err)
        warn_ignored(n);
    return err;
}
