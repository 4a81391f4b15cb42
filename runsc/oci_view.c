/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/oci_view.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runsc/cgroup.h"
#include "runsc/report.h"
#include "runsc/tree.h"

#define PLAIN (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* A path of the host: relative ones start at the bundle. Given. */
static char *host_path(const char *bundle, const char *path)
{
    char joined[2 * PATH_MAX];

    snprintf(joined, sizeof joined, "%s%s%s", path[0] == '/' ? "" : bundle,
             path[0] == '/' ? "" : "/", path);
    return realpath(joined, NULL);
}

/* ---- the root ---- */

static int add_root(const struct oci_spec *s, const char *bundle, struct view *v, char **rootfs,
                    struct err *e)
{
    char *real = host_path(bundle, s->root);
    struct stat st;

    if (!real || stat(real, &st)) {
        int err = -errno;
        free(real);
        return err_set(e, err, "invalid rootfs: stat %s: %s", s->root, strerror(-err));
    }
    if (!S_ISDIR(st.st_mode)) {
        free(real);
        return err_set(e, -ENOTDIR, "invalid rootfs: %s is not a directory", s->root);
    }
    *rootfs = strdup(real);
    /* Others change it, too: `cp` of an engine. */
    struct option_mount m = { .kind = MOUNT_GOFER,
                              .target = strdup("/"),
                              .source = "rootfs",
                              .flags = (s->readonly ? MS_RDONLY : 0) | s->propagation,
                              .data = "" };
    /* Also where it is read-only inside: places of mounts are made in it. */
    struct view_tree t = { .path = real, .writable = true };
    host_mount_find(real, &t.of);
    if (t.of.type) {
        m.source = t.of.source;
        m.host_type = t.of.type;
        m.host_options = t.of.options; /* and not where it lies: that is the engine's affair */
    }
    m.tree = view_export(v, t);
    return view_mount(v, m, e);
}

/* ---- mounts ---- */

/* Where in config.json it stands, with what is wrong there. */
static int mount_error(const struct oci_spec *s, const struct oci_mount *om, struct err *e, int err,
                       const char *why)
{
    return err_set(e, err, "config.json: mounts[%zu]: %s", (size_t)(om - s->mounts), why);
}

/* Owners of what is in `t` are to have other ids. */
static int map_ids(const struct oci_spec *s, const struct oci_mount *om, struct view_tree *t,
                   struct err *e)
{
    const struct oci_namespace *user = &s->ns[NS_USER];
    const struct id_maps own = { s->uid_map, s->gid_map, s->nuid_map, s->ngid_map };
    struct tree_ids ids = { .maps = &om->ids, .below = om->idmap == IDMAP_BELOW };
    struct err why;

    if (!om->idmap)
        return 0;
    if (!om->ids.nuids && !user->wanted)
        return mount_error(s, om, e, -EINVAL,
                           "id-mapped mounts need mappings, or a user namespace to take them from");
    if (!om->ids.nuids) {
        ids.maps = user->path ? NULL : &own;
        ids.ns = user->path;
    }
    /* The gofer is the container's root, or that of a user namespace that is joined. */
    if (user->wanted && !user->path &&
        (!id_map_out(own.uids, own.nuids, 0, &ids.uid) ||
         !id_map_out(own.gids, own.ngids, 0, &ids.gid)))
        return mount_error(s, om, e, -EINVAL,
                           "id-mapped mounts need a root in the container's user namespace");
    int err = tree_idmapped(t->path, !t->alone, &ids, &t->mount, &why);
    t->no_uid = ids.no_uid;
    t->no_gid = ids.no_gid;
    return err ? mount_error(s, om, e, err, why.text) : 0;
}

static int add_bind(const struct oci_spec *s, const struct oci_mount *om, const char *bundle,
                    char *target, struct view *v, struct err *e)
{
    char *real = host_path(bundle, om->source);
    struct stat st;

    if (!real || stat(real, &st)) {
        int err = -errno;
        free(real);
        free(target);
        return err_set(e, err, "error mounting \"%s\" to rootfs at \"%s\": stat %s: %s", om->source,
                       om->target, om->source, strerror(-err));
    }
    /* Who mounts a socket wants it connected to; in a directory of them we do not know. */
    struct view_tree t = { .path = real,
                           .writable = !(om->flags & MS_RDONLY),
                           .connect = S_ISSOCK(st.st_mode),
                           .alone = !om->recursive };
    int err = map_ids(s, om, &t, e);
    if (err) {
        free(real);
        free(target);
        return err;
    }
    host_mount_find(real, &t.of);
    struct option_mount m = { .kind = MOUNT_GOFER,
                              .target = target,
                              .source = t.of.source ?: real,
                              .tree = view_export(v, t),
                              .is_file = !S_ISDIR(st.st_mode),
                              .flags = om->flags,
                              .data = "",
                              .host_type = t.of.type,
                              .host_options = t.of.options,
                              .host_root = t.of.root };
    return view_mount(v, m, e);
}

/* Does a list of options have one that begins so? */
static bool has_option(const char *options, const char *name)
{
    for (const char *o = options; o; o = strchr(o, ','), o += o != NULL)
        if (strncmp(o, name, strlen(name)) == 0)
            return true;
    return false;
}

/* One of the host's, as the engine's tools know it: what is removed in it is marked as they do. */
static int add_overlay(const struct oci_mount *om, const char *rootfs, char *target, struct view *v,
                       struct err *e)
{
    struct view_tree t = { .path = target,
                           .writable =
                               has_option(om->data, "upperdir=") && !(om->flags & MS_RDONLY),
                           .alone = true };
    struct err why;
    int err = tree_overlay(om->data, rootfs, &t.mount, &why);

    if (err) {
        err_set(e, err, "error mounting \"overlay\" to rootfs at \"%s\": %s", om->target, why.text);
        free(target);
        return err;
    }
    t.path = strdup(target);
    t.of = (struct host_mount){ .type = strdup("overlay"),
                                .options = host_mount_options(om->data, true) };
    struct option_mount m = { .kind = MOUNT_GOFER,
                              .target = target,
                              .source = om->source[0] ? om->source : om->type,
                              .tree = view_export(v, t),
                              .flags = om->flags,
                              .data = "",
                              .host_type = t.of.type,
                              .host_options = t.of.options };
    return view_mount(v, m, e);
}

/* File systems that the sentry has, and those that something else stands for. */
static const struct kind {
    const char *type;
    enum mount_kind kind;
    const char *data; /* in place of the mount's own; NULL: that */
} kinds[] = {
    {"tmpfs",     MOUNT_TMPFS,  NULL},
    { "ramfs",    MOUNT_TMPFS,  NULL},
    { "proc",     MOUNT_PROC,   NULL},
    { "sysfs",    MOUNT_SYSFS,  NULL},
    { "devpts",   MOUNT_DEVPTS, NULL},
    { "devtmpfs", MOUNT_DEV,    NULL},
    { "mqueue",   MOUNT_MQUEUE, ""  },
    { "cgroup",   MOUNT_CGROUP, ""  }, /* of the version that the host's are */
    { "cgroup2",  MOUNT_CGROUP, ""  },
};

/* As runtimes do it on such a host: a file system for each, and something for them to be in. */
static int add_cgroup_v1(const struct oci_mount *om, char *target, struct view *v, struct err *e)
{
    static const char *const controllers[] = { "cpuset", "cpu,cpuacct", "memory", "pids" };
    struct option_mount places = { .kind = MOUNT_CGROUP_PLACES,
                                   .target = target,
                                   .source = "tmpfs",
                                   .flags = om->flags,
                                   .data = "" };
    int err = view_mount(v, places, e);

    for (size_t i = 0; i < ARRAY_LEN(controllers) && !err; i++) {
        char *place;
        if (asprintf(&place, "%s/%s", target, controllers[i]) < 0)
            abort();
        struct option_mount m = { .kind = MOUNT_CGROUP_V1,
                                  .target = place,
                                  .source = "cgroup",
                                  .flags = om->flags,
                                  .data = controllers[i] };
        err = view_mount(v, m, e);
    }
    return err;
}

static int add_mount(const struct oci_spec *s, size_t i, const char *bundle, const char *rootfs,
                     struct view *v, struct err *e)
{
    const struct oci_mount *om = &s->mounts[i];
    char relative[PATH_MAX];

    /* Old configurations have relative ones: from the root. */
    snprintf(relative, sizeof relative, "%s%s", om->target[0] == '/' ? "" : "/", om->target);
    char *target = view_clean_path(relative);
    if (!target)
        return err_set(e, -EINVAL, "config.json: mounts[%zu].destination: %s has \"..\" in it", i,
                       om->target);
    if (om->bind)
        return add_bind(s, om, bundle, target, v, e);
    if (strcmp(om->type, "overlay") == 0)
        return add_overlay(om, rootfs, target, v, e);
    if (strcmp(om->type, "cgroup") == 0 && !cgroup_host_is_v2())
        return add_cgroup_v1(om, target, v, e);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        if (strcmp(kinds[k].type, om->type) != 0)
            continue;
        struct option_mount m = { .kind = kinds[k].kind,
                                  .target = target,
                                  .source = om->source[0] ? om->source : om->type,
                                  .flags = om->flags,
                                  .data = kinds[k].data ?: om->data };
        if (m.kind == MOUNT_TMPFS && strcmp(target, "/dev") == 0)
            m.kind = MOUNT_DEV; /* with the devices in it that runtimes make there */
        return view_mount(v, m, e);
    }
    free(target);
    return err_set(e, -ENODEV,
                   "config.json: mounts[%zu].type: the sandbox has no file system \"%s\"", i,
                   om->type);
}

static bool has_mount(const struct view *v, const char *target)
{
    for (uint32_t i = 0; i < v->nmounts; i++)
        if (strcmp(v->mounts[i].target, target) == 0)
            return true;
    return false;
}

/* Devices have no other place to be: a rootfs cannot hold them. Before all that is below /dev. */
static int add_dev(const struct oci_spec *s, struct view *v, struct err *e)
{
    for (size_t i = 0; i < s->nmounts; i++)
        if (strcmp(s->mounts[i].target, "/dev") == 0)
            return 0;
    return view_mount(v,
                      (struct option_mount){ .kind = MOUNT_DEV,
                                             .target = strdup("/dev"),
                                             .source = "tmpfs",
                                             .flags = MS_NOSUID,
                                             .data = "mode=755" },
                      e);
}

/* A terminal needs a name. */
static int add_pts(struct view *v, struct err *e)
{
    if (has_mount(v, "/dev/pts"))
        return 0;
    return view_mount(v,
                      (struct option_mount){ .kind = MOUNT_DEVPTS,
                                             .target = strdup("/dev/pts"),
                                             .source = "devpts",
                                             .flags = MS_NOSUID | MS_NOEXEC,
                                             .data = "newinstance,ptmxmode=0666,mode=0620" },
                      e);
}

static int add_paths(const char **paths, enum mount_kind kind, const char *field, struct view *v,
                     struct err *e)
{
    int err = 0;

    for (size_t i = 0; paths && paths[i] && !err; i++) {
        char *target = view_clean_path(paths[i]);

        if (!target)
            return err_set(e, -EINVAL, "config.json: linux.%s[%zu]: must be an absolute path",
                           field, i);
        err = view_mount(v,
                         (struct option_mount){ .kind = kind,
                                                .target = target,
                                                .source = kind == MOUNT_HIDE ? "tmpfs" : "bind",
                                                .flags = kind == MOUNT_HIDE ? PLAIN : 0,
                                                .data = "" },
                         e);
    }
    return err;
}

int oci_view(const struct oci_spec *s, const char *bundle, struct view *v, char **rootfs,
             struct err *e)
{
    int err = add_root(s, bundle, v, rootfs, e);

    if (!err)
        err = add_dev(s, v, e);
    for (size_t i = 0; i < s->nmounts && !err; i++)
        err = add_mount(s, i, bundle, *rootfs, v, e);
    if (!err)
        err = add_pts(v, e);
    if (!err)
        err = add_paths(s->masked, MOUNT_HIDE, "maskedPaths", v, e);
    if (!err)
        err = add_paths(s->readonly_paths, MOUNT_READONLY, "readonlyPaths", v, e);
    return err;
}

/* ---- the rest ---- */

/* What an execve(2) of Linux would leave of the sets: capabilities(7). */
static void caps_after_exec(const struct oci_process *p, struct option_caps *c)
{
    *c = p->caps;
    if (p->uid == 0) {
        c->permitted = p->caps.inheritable | p->caps.bounding;
        if (p->no_new_privs)
            c->permitted &= p->caps.permitted;
    } else {
        c->permitted = p->caps.ambient;
    }
    c->effective = c->permitted;
}

void oci_process_options(const struct oci_process *p, struct sandbox_options *o)
{
    static const char *const nothing[] = { NULL };

    o->cwd = p->cwd;
    o->argv = (const char *const *)p->argv;
    o->envp = p->envp ? (const char *const *)p->envp : nothing;
    o->uid = p->uid;
    o->gid = p->gid;
    o->ngroups = p->ngroups;
    o->groups = p->groups;
    caps_after_exec(p, &o->caps);
    o->no_new_privs = p->no_new_privs;
    o->umask = p->umask;
    o->oom_score_adj = p->oom_score_adj;
    o->sched = p->sched;
    o->rows = p->rows ?: 24;
    o->cols = p->cols ?: 80;
    o->limits_set = p->limits_set;
    for (unsigned i = 0; i < OPTION_LIMITS; i++) {
        o->limits[i].soft = p->limits[i].soft;
        o->limits[i].hard = p->limits[i].hard;
    }
    o->pts = p->terminal;
    o->make_cwd = true;
}

static int resource(const struct oci_spec *s, const char *group, const char *field, uint64_t *out,
                    struct err *e)
{
    struct node g = node_get(&s->resources, group), n = node_get(&g, field);
    int64_t v = 0;
    int err = node_int(&n, INT64_MIN, INT64_MAX, &v, e);

    *out = v > 0 ? (uint64_t)v : 0;
    return err;
}

int oci_options(const struct oci_spec *s, struct sandbox_options *o, struct err *e)
{
    uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    int err = resource(s, "memory", "limit", &o->mem, e);

    if (!err)
        err = resource(s, "pids", "limit", &o->pids, e);
    if (!err)
        err = resource(s, "cpu", "quota", &o->cpu_quota, e);
    if (!err)
        err = resource(s, "cpu", "period", &o->cpu_period, e);
    if (!err)
        err = resource(s, "cpu", "shares", &o->cpu_shares, e);
    if (o->mem >= host)
        o->mem = 0;
    o->cgroup_v1 = !cgroup_host_is_v2();
    o->hostname = s->hostname ?: "";
    o->domainname = s->domainname ?: "";
    o->trace_set = "";
    o->uid_map = s->uid_map;
    o->nuid_map = (uint32_t)s->nuid_map;
    o->gid_map = s->gid_map;
    o->ngid_map = (uint32_t)s->ngid_map;
    o->nnodes = s->nnodes;
    o->nodes = s->nodes;
    o->nsysctls = s->nsysctls;
    o->sysctls = s->sysctls;
    o->seccomp = s->seccomp;
    o->seccomp_action = s->seccomp_action;
    o->seccomp_error = s->seccomp_error;
    o->nrules = s->nrules;
    o->rules = s->rules;
    oci_process_options(&s->process, o);
    memset(o->sched.exec_cpus, 0, sizeof o->sched.exec_cpus);
    o->personality = s->personality;
    o->shielded = true;
    return err;
}
