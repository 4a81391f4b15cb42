/* SPDX-License-Identifier: Apache-2.0 */
/* The message that carries struct sandbox_options. Both ends are of one build: no versions. */
#include "sentry/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/host.h"
#include "base/panic.h"
#include "base/wire.h"

#define MAGIC 0x72756e73u

/* Strings are written with their zero, so that the reader can use them where they are. */
static void put_text(struct wire_writer *w, const char *s)
{
    size_t size = strlen(s ?: "") + 1;

    wire_put_u32(w, (uint32_t)size);
    wire_put_bytes(w, s ?: "", size);
}

static void put_texts(struct wire_writer *w, const char *const *list)
{
    uint32_t n = 0;

    while (list[n])
        n++;
    wire_put_u32(w, n);
    for (uint32_t i = 0; i < n; i++)
        put_text(w, list[i]);
}

static void put_mount(struct wire_writer *w, const struct option_mount *m)
{
    wire_put_u32(w, m->kind);
    wire_put_u32(w, m->tree);
    wire_put_u8(w, m->exclusive);
    wire_put_u8(w, m->is_file);
    wire_put_u64(w, m->flags);
    put_text(w, m->target);
    put_text(w, m->source);
    put_text(w, m->data);
    put_text(w, m->host_type);
    put_text(w, m->host_options);
    put_text(w, m->host_root);
}

static void put_nodes(struct wire_writer *w, const struct sandbox_options *o)
{
    wire_put_u32(w, o->nnodes);
    for (uint32_t i = 0; i < o->nnodes; i++) {
        put_text(w, o->nodes[i].path);
        wire_put_u32(w, o->nodes[i].mode);
        wire_put_u32(w, o->nodes[i].major);
        wire_put_u32(w, o->nodes[i].minor);
        wire_put_u32(w, o->nodes[i].uid);
        wire_put_u32(w, o->nodes[i].gid);
    }
}

static void put_sysctls(struct wire_writer *w, const struct sandbox_options *o)
{
    wire_put_u32(w, o->nsysctls);
    for (uint32_t i = 0; i < o->nsysctls; i++) {
        put_text(w, o->sysctls[i].name);
        put_text(w, o->sysctls[i].value);
    }
}

static void put_caps(struct wire_writer *w, const struct option_caps *c)
{
    wire_put_u64(w, c->bounding);
    wire_put_u64(w, c->permitted);
    wire_put_u64(w, c->effective);
    wire_put_u64(w, c->inheritable);
    wire_put_u64(w, c->ambient);
}

static void put_limits(struct wire_writer *w, const struct sandbox_options *o)
{
    wire_put_u32(w, o->limits_set);
    for (unsigned i = 0; i < OPTION_LIMITS; i++) {
        wire_put_u64(w, o->limits[i].soft);
        wire_put_u64(w, o->limits[i].hard);
    }
}

static void put_sched(struct wire_writer *w, const struct option_sched *s)
{
    wire_put_u32(w, s->policy);
    wire_put_u32(w, (uint32_t)s->nice);
    wire_put_u8(w, s->reset_on_fork);
    wire_put_u32(w, s->ioprio);
    for (unsigned i = 0; i < ARRAY_LEN(s->exec_cpus); i++)
        wire_put_u64(w, s->exec_cpus[i]);
}

static void put_profile(struct wire_writer *w, const struct sandbox_options *o)
{
    wire_put_u8(w, o->seccomp);
    wire_put_u32(w, o->seccomp_action);
    wire_put_u32(w, o->seccomp_error);
    wire_put_u32(w, o->nrules);
    for (uint32_t i = 0; i < o->nrules; i++) {
        const struct option_rule *r = &o->rules[i];

        put_text(w, r->call);
        wire_put_u32(w, r->action);
        wire_put_u32(w, r->error);
        wire_put_u32(w, r->nargs);
        for (uint32_t j = 0; j < r->nargs; j++) {
            wire_put_u32(w, r->args[j].index);
            wire_put_u32(w, r->args[j].op);
            wire_put_u64(w, r->args[j].value);
            wire_put_u64(w, r->args[j].two);
        }
    }
}

static void put_ranges(struct wire_writer *w, const struct option_id_range *map, uint32_t n)
{
    wire_put_u32(w, n);
    for (uint32_t i = 0; i < n; i++) {
        wire_put_u32(w, map[i].inside);
        wire_put_u32(w, map[i].outside);
        wire_put_u32(w, map[i].count);
    }
}

ssize_t options_encode(const struct sandbox_options *o, void *buf, size_t size)
{
    struct wire_writer w;

    wire_writer_init(&w, buf, size);
    wire_put_u32(&w, MAGIC);
    put_text(&w, o->platform);
    put_text(&w, o->hostname);
    put_text(&w, o->domainname);
    put_text(&w, o->cwd);
    put_text(&w, o->trace_set);
    wire_put_u32(&w, o->uid);
    wire_put_u32(&w, o->gid);
    put_caps(&w, &o->caps);
    wire_put_u8(&w, o->no_new_privs);
    wire_put_u32(&w, o->umask);
    wire_put_u32(&w, (uint32_t)o->oom_score_adj);
    wire_put_u32(&w, o->personality);
    put_sched(&w, &o->sched);
    wire_put_u8(&w, o->hold);
    wire_put_u8(&w, o->shielded);
    wire_put_u8(&w, o->pts);
    wire_put_u8(&w, o->make_cwd);
    wire_put_u8(&w, o->owned);
    wire_put_u16(&w, o->rows);
    wire_put_u16(&w, o->cols);
    wire_put_u64(&w, o->mem);
    wire_put_u64(&w, o->pids);
    wire_put_u8(&w, o->pod);
    wire_put_u64(&w, o->pid_ns);
    wire_put_u64(&w, o->uts_ns);
    wire_put_u64(&w, o->cpu_quota);
    wire_put_u64(&w, o->cpu_period);
    wire_put_u64(&w, o->cpu_shares);
    wire_put_u8(&w, o->cgroup_v1);
    wire_put_u32(&w, o->cpus);
    wire_put_u64(&w, o->nofile);
    wire_put_u64(&w, o->fsize);
    put_limits(&w, o);
    wire_put_u8(&w, o->summary);
    wire_put_u8(&w, o->trace);
    wire_put_u8(&w, o->timing);
    wire_put_u8(&w, o->no_spin);
    wire_put_u8(&w, o->no_patch);
    wire_put_u8(&w, o->no_libos);
    wire_put_u32(&w, (uint32_t)o->log_level);
    wire_put_u32(&w, o->ngroups);
    for (uint32_t i = 0; i < o->ngroups; i++)
        wire_put_u32(&w, o->groups[i]);
    put_ranges(&w, o->uid_map, o->nuid_map);
    put_ranges(&w, o->gid_map, o->ngid_map);
    put_profile(&w, o);
    wire_put_u32(&w, o->nmounts);
    for (uint32_t i = 0; i < o->nmounts; i++)
        put_mount(&w, &o->mounts[i]);
    put_nodes(&w, o);
    put_sysctls(&w, o);
    put_texts(&w, o->argv);
    put_texts(&w, o->envp);
    return wire_writer_ok(&w) ? (ssize_t)wire_written(&w) : -E2BIG;
}

/* A string where it stands; NULL after a failure or where it does not end with its only zero. */
static const char *get_text(struct wire_reader *r)
{
    uint32_t size = wire_get_u32(r);
    const char *s = size ? wire_get_span(r, size) : NULL;

    return s && memchr(s, 0, size) == s + size - 1 ? s : NULL;
}

/* What decoding allocates, all at once at the start of each list. */
struct options_storage {
    uint32_t *groups;
    struct option_mount *mounts;
    struct option_node *nodes;
    struct option_sysctl *sysctls;
    struct option_rule *rules;
    struct option_id_range *uid_map, *gid_map;
    const char **argv, **envp;
    void *text; /* a mapping of ours, or NULL */
    size_t text_size;
};

void options_own_text(struct options_storage *s, void *msg, size_t size)
{
    s->text = msg;
    s->text_size = size;
}

void options_free(struct options_storage *s)
{
    if (!s)
        return;
    free(s->groups);
    free(s->mounts);
    free(s->nodes);
    free(s->sysctls);
    free(s->rules);
    free(s->uid_map);
    free(s->gid_map);
    free(s->argv);
    free(s->envp);
    if (s->text && host_munmap(s->text, s->text_size))
        panic("the options are not mapped");
    free(s);
}

static bool get_texts(struct wire_reader *r, const char ***out)
{
    uint32_t n = wire_get_u32(r);

    if (n > OPTIONS_STRINGS_MAX)
        return false;
    *out = calloc(n + 1, sizeof **out);
    if (!*out)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        (*out)[i] = get_text(r);
        if (!(*out)[i])
            return false;
    }
    return true;
}

static bool get_mount(struct wire_reader *r, struct option_mount *m)
{
    m->kind = wire_get_u32(r);
    m->tree = wire_get_u32(r);
    m->exclusive = wire_get_u8(r);
    m->is_file = wire_get_u8(r);
    m->flags = wire_get_u64(r);
    m->target = get_text(r);
    m->source = get_text(r);
    m->data = get_text(r);
    m->host_type = get_text(r);
    m->host_options = get_text(r);
    m->host_root = get_text(r);
    return m->kind < MOUNT_KINDS && m->target && m->source && m->data && m->host_type &&
           m->host_options && m->host_root && m->target[0] == '/';
}

static void get_caps(struct wire_reader *r, struct option_caps *c)
{
    c->bounding = wire_get_u64(r);
    c->permitted = wire_get_u64(r);
    c->effective = wire_get_u64(r);
    c->inheritable = wire_get_u64(r);
    c->ambient = wire_get_u64(r);
}

static void get_limits(struct wire_reader *r, struct sandbox_options *o)
{
    o->limits_set = wire_get_u32(r);
    for (unsigned i = 0; i < OPTION_LIMITS; i++) {
        o->limits[i].soft = wire_get_u64(r);
        o->limits[i].hard = wire_get_u64(r);
    }
}

static void get_sched(struct wire_reader *r, struct option_sched *s)
{
    s->policy = wire_get_u32(r);
    s->nice = (int)wire_get_u32(r);
    s->reset_on_fork = wire_get_u8(r);
    s->ioprio = wire_get_u32(r);
    for (unsigned i = 0; i < ARRAY_LEN(s->exec_cpus); i++)
        s->exec_cpus[i] = wire_get_u64(r);
}

static bool get_groups(struct wire_reader *r, struct sandbox_options *o, struct options_storage *s)
{
    o->ngroups = wire_get_u32(r);
    if (o->ngroups > OPTIONS_GROUPS_MAX)
        return false;
    s->groups = calloc(o->ngroups + 1, sizeof *s->groups);
    for (uint32_t i = 0; s->groups && i < o->ngroups; i++)
        s->groups[i] = wire_get_u32(r);
    o->groups = s->groups;
    return s->groups;
}

static bool get_ranges(struct wire_reader *r, struct option_id_range **out, uint32_t *n)
{
    *n = wire_get_u32(r);
    if (*n > OPTIONS_RANGES_MAX)
        return false;
    *out = calloc(*n + 1, sizeof **out);
    for (uint32_t i = 0; *out && i < *n; i++) {
        (*out)[i].inside = wire_get_u32(r);
        (*out)[i].outside = wire_get_u32(r);
        (*out)[i].count = wire_get_u32(r);
    }
    return *out;
}

static bool get_maps(struct wire_reader *r, struct sandbox_options *o, struct options_storage *s)
{
    if (!get_ranges(r, &s->uid_map, &o->nuid_map) || !get_ranges(r, &s->gid_map, &o->ngid_map))
        return false;
    o->uid_map = s->uid_map;
    o->gid_map = s->gid_map;
    return true;
}

static bool get_rule(struct wire_reader *r, struct option_rule *rule)
{
    rule->call = get_text(r);
    rule->action = wire_get_u32(r);
    rule->error = wire_get_u32(r);
    rule->nargs = wire_get_u32(r);
    if (!rule->call || rule->action >= OPTION_ACTIONS || rule->error > 4095 ||
        rule->nargs > ARRAY_LEN(rule->args))
        return false;
    for (uint32_t i = 0; i < rule->nargs; i++) {
        rule->args[i].index = wire_get_u32(r);
        rule->args[i].op = wire_get_u32(r);
        rule->args[i].value = wire_get_u64(r);
        rule->args[i].two = wire_get_u64(r);
        if (rule->args[i].index >= ARRAY_LEN(rule->args) || rule->args[i].op >= OPTION_OPS)
            return false;
    }
    return true;
}

static bool get_profile(struct wire_reader *r, struct sandbox_options *o, struct options_storage *s)
{
    o->seccomp = wire_get_u8(r);
    o->seccomp_action = wire_get_u32(r);
    o->seccomp_error = wire_get_u32(r);
    o->nrules = wire_get_u32(r);
    if (o->nrules > OPTIONS_RULES_MAX || o->seccomp_action >= OPTION_ACTIONS ||
        o->seccomp_error > 4095)
        return false;
    s->rules = calloc(o->nrules + 1, sizeof *s->rules);
    for (uint32_t i = 0; s->rules && i < o->nrules; i++)
        if (!get_rule(r, &s->rules[i]))
            return false;
    o->rules = s->rules;
    return s->rules;
}

static bool get_mounts(struct wire_reader *r, struct sandbox_options *o, struct options_storage *s)
{
    o->nmounts = wire_get_u32(r);
    if (o->nmounts > OPTIONS_MOUNTS_MAX)
        return false;
    s->mounts = calloc(o->nmounts + 1, sizeof *s->mounts);
    for (uint32_t i = 0; s->mounts && i < o->nmounts; i++)
        if (!get_mount(r, &s->mounts[i]))
            return false;
    o->mounts = s->mounts;
    return s->mounts;
}

static bool get_node(struct wire_reader *r, struct option_node *n)
{
    n->path = get_text(r);
    n->mode = wire_get_u32(r);
    n->major = wire_get_u32(r);
    n->minor = wire_get_u32(r);
    n->uid = wire_get_u32(r);
    n->gid = wire_get_u32(r);
    return n->path && n->path[0] == '/' &&
           (S_ISCHR(n->mode) || S_ISBLK(n->mode) || S_ISFIFO(n->mode));
}

static bool get_nodes(struct wire_reader *r, struct sandbox_options *o, struct options_storage *s)
{
    o->nnodes = wire_get_u32(r);
    if (o->nnodes > OPTIONS_NODES_MAX)
        return false;
    s->nodes = calloc(o->nnodes + 1, sizeof *s->nodes);
    for (uint32_t i = 0; s->nodes && i < o->nnodes; i++)
        if (!get_node(r, &s->nodes[i]))
            return false;
    o->nodes = s->nodes;
    return s->nodes;
}

static bool get_sysctls(struct wire_reader *r, struct sandbox_options *o, struct options_storage *s)
{
    o->nsysctls = wire_get_u32(r);
    if (o->nsysctls > OPTIONS_SYSCTLS_MAX)
        return false;
    s->sysctls = calloc(o->nsysctls + 1, sizeof *s->sysctls);
    for (uint32_t i = 0; s->sysctls && i < o->nsysctls; i++) {
        s->sysctls[i].name = get_text(r);
        s->sysctls[i].value = get_text(r);
        if (!s->sysctls[i].name || !s->sysctls[i].value)
            return false;
    }
    o->sysctls = s->sysctls;
    return s->sysctls;
}

static bool decode(struct wire_reader *r, struct sandbox_options *o, struct options_storage *s)
{
    if (wire_get_u32(r) != MAGIC)
        return false;
    o->platform = get_text(r);
    o->hostname = get_text(r);
    o->domainname = get_text(r);
    o->cwd = get_text(r);
    o->trace_set = get_text(r);
    o->uid = wire_get_u32(r);
    o->gid = wire_get_u32(r);
    get_caps(r, &o->caps);
    o->no_new_privs = wire_get_u8(r);
    o->umask = wire_get_u32(r);
    o->oom_score_adj = (int)wire_get_u32(r);
    o->personality = wire_get_u32(r);
    get_sched(r, &o->sched);
    o->hold = wire_get_u8(r);
    o->shielded = wire_get_u8(r);
    o->pts = wire_get_u8(r);
    o->make_cwd = wire_get_u8(r);
    o->owned = wire_get_u8(r);
    o->rows = wire_get_u16(r);
    o->cols = wire_get_u16(r);
    o->mem = wire_get_u64(r);
    o->pids = wire_get_u64(r);
    o->pod = wire_get_u8(r);
    o->pid_ns = wire_get_u64(r);
    o->uts_ns = wire_get_u64(r);
    o->cpu_quota = wire_get_u64(r);
    o->cpu_period = wire_get_u64(r);
    o->cpu_shares = wire_get_u64(r);
    o->cgroup_v1 = wire_get_u8(r);
    o->cpus = wire_get_u32(r);
    o->nofile = wire_get_u64(r);
    o->fsize = wire_get_u64(r);
    get_limits(r, o);
    o->summary = wire_get_u8(r);
    o->trace = wire_get_u8(r);
    o->timing = wire_get_u8(r);
    o->no_spin = wire_get_u8(r);
    o->no_patch = wire_get_u8(r);
    o->no_libos = wire_get_u8(r);
    o->log_level = (int)wire_get_u32(r);
    if (!get_groups(r, o, s) || !get_maps(r, o, s) || !get_profile(r, o, s) ||
        !get_mounts(r, o, s) || !get_nodes(r, o, s) || !get_sysctls(r, o, s))
        return false;
    if (!get_texts(r, &s->argv) || !get_texts(r, &s->envp))
        return false;
    o->argv = s->argv;
    o->envp = s->envp;
    return wire_reader_done(r) && o->platform && o->hostname && o->domainname && o->cwd &&
           o->trace_set && *o->argv;
}

int options_decode(const void *msg, size_t size, struct sandbox_options *out,
                   struct options_storage **storage)
{
    struct options_storage *s = calloc(1, sizeof *s);
    struct sandbox_options o = { 0 };
    struct wire_reader r;

    if (!s)
        return -ENOMEM;
    wire_reader_init(&r, msg, size);
    if (!decode(&r, &o, s)) {
        options_free(s);
        return -EPROTO;
    }
    for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
        o.fds[i] = -1;
    *out = o;
    *storage = s;
    return 0;
}
