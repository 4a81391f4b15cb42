/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: the whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runsc/oci.h"

static int parse_version(const struct node *n, struct err *e)
{
    const char *version = NULL;
    int err = node_text(n, &version, e);

    if (err)
        return err;
    if (!version || !*version)
        return node_error(n, e, -EINVAL, "is not there");
    if (strncmp(version, "1.", 2) != 0)
        return node_error(n, e, -ENOTSUP, "%s is none of 1.0 to 1.2", version);
    return 0;
}

static int parse_root(const struct node *n, struct oci_spec *out, struct err *e)
{
    struct node path = node_get(n, "path"), readonly = node_get(n, "readonly");
    int err = node_object(n, e);

    if (!err)
        err = node_text(&path, &out->root, e);
    if (!err && (!out->root || !*out->root))
        err = node_error(&path, e, -EINVAL, "is not there");
    if (!err)
        err = node_bool(&readonly, &out->readonly, e);
    return err;
}

static int parse_names(const struct node *top, struct oci_spec *out, struct err *e)
{
    struct node host = node_get(top, "hostname"), domain = node_get(top, "domainname");
    int err = node_text(&host, &out->hostname, e);

    if (!err)
        err = node_text(&domain, &out->domainname, e);
    if (!err && out->hostname && strlen(out->hostname) > 64)
        err = node_error(&host, e, -ENAMETOOLONG, "has more than 64 characters");
    if (!err && out->domainname && strlen(out->domainname) > 64)
        err = node_error(&domain, e, -ENAMETOOLONG, "has more than 64 characters");
    return err;
}

int oci_parse(json_t *json, const char *file, struct oci_spec *out, struct err *e)
{
    struct node top = node_top(json, file), version = node_get(&top, "ociVersion");
    struct node process = node_get(&top, "process"), root = node_get(&top, "root");
    struct node mounts = node_get(&top, "mounts"), linux_part = node_get(&top, "linux");
    struct node hooks = node_get(&top, "hooks"), notes = node_get(&top, "annotations");

    *out = (struct oci_spec){ .json = json, .annotations = notes.v };
    if (!json_is_object(json))
        return err_set(e, -EINVAL, "%s: is no JSON object", file);
    int err = parse_version(&version, e);
    if (!err)
        err = parse_root(&root, out, e);
    if (!err && node_is(&process)) {
        out->has_process = true;
        err = oci_parse_process(&process, &out->process, e);
    }
    if (!err)
        err = parse_names(&top, out, e);
    if (!err)
        err = oci_parse_mounts(&mounts, out, e);
    if (!err)
        err = oci_parse_linux(&linux_part, out, e);
    if (!err)
        err = oci_parse_hooks(&hooks, out, e);
    if (!err)
        err = node_object(&notes, e);
    return err;
}

int oci_read(const char *path, struct oci_spec *out, struct err *e)
{
    json_t *json;

    *out = (struct oci_spec){ .json = NULL };
    int err = json_read(path, &json, e);
    return err ? err : oci_parse(json, "config.json", out, e);
}

void oci_free(struct oci_spec *s)
{
    oci_process_free(&s->process);
    for (size_t i = 0; i < s->nmounts; i++) {
        free(s->mounts[i].ids.uids);
        free(s->mounts[i].ids.gids);
        free(s->mounts[i].data);
    }
    free(s->mounts);
    for (unsigned k = 0; k < HOOK_KINDS; k++) {
        for (size_t i = 0; i < s->nhooks[k]; i++) {
            free(s->hooks[k][i].argv);
            free(s->hooks[k][i].envp);
        }
        free(s->hooks[k]);
    }
    for (uint32_t i = 0; i < s->nsysctls; i++)
        free((char *)s->sysctls[i].name);
    free(s->sysctls);
    free(s->nodes);
    free(s->rules);
    free(s->uid_map);
    free(s->gid_map);
    free(s->masked);
    free(s->readonly_paths);
    json_decref(s->json);
    *s = (struct oci_spec){ .json = NULL };
}
