/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runsc/oci.h"
#include "runsc/report.h"

static const char *const cap_names[] = {
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
};

uint64_t oci_cap(const char *name)
{
    if (strncmp(name, "CAP_", 4) != 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(cap_names); i++)
        if (strcmp(cap_names[i], name + 4) == 0)
            return UINT64_C(1) << i;
    return 0;
}

const char *oci_cap_name(size_t i)
{
    return i < ARRAY_LEN(cap_names) ? cap_names[i] : NULL;
}

static int parse_cap_set(const struct node *caps, const char *name, uint64_t *out, struct err *e)
{
    struct node set = node_get(caps, name);
    const char **names = NULL;
    int err = node_texts(&set, &names, e);

    for (size_t i = 0; names && names[i]; i++) {
        uint64_t bit = oci_cap(names[i]);
        if (!bit)
            report_warning("%s[%zu]: there is no capability \"%s\"", set.path, i, names[i]);
        *out |= bit;
    }
    free(names);
    return err;
}

static int parse_caps(const struct node *n, struct option_caps *out, struct err *e)
{
    struct node caps = node_get(n, "capabilities");
    int err = node_object(&caps, e);

    if (!err)
        err = parse_cap_set(&caps, "bounding", &out->bounding, e);
    if (!err)
        err = parse_cap_set(&caps, "permitted", &out->permitted, e);
    if (!err)
        err = parse_cap_set(&caps, "effective", &out->effective, e);
    if (!err)
        err = parse_cap_set(&caps, "inheritable", &out->inheritable, e);
    if (!err)
        err = parse_cap_set(&caps, "ambient", &out->ambient, e);
    return err;
}

static int parse_user(const struct node *n, struct oci_process *out, struct err *e)
{
    struct node user = node_get(n, "user"), uid = node_get(&user, "uid");
    struct node gid = node_get(&user, "gid"), mask = node_get(&user, "umask");
    struct node groups = node_get(&user, "additionalGids");
    size_t count;

    out->umask = 022;
    int err = node_object(&user, e);
    if (!err)
        err = node_u32(&uid, &out->uid, e);
    if (!err)
        err = node_u32(&gid, &out->gid, e);
    if (!err)
        err = node_u32(&mask, &out->umask, e);
    if (!err)
        err = node_array(&groups, &count, e);
    if (err)
        return err;
    if (count > OPTIONS_GROUPS_MAX)
        return node_error(&groups, e, -EINVAL, "more than %d groups", OPTIONS_GROUPS_MAX);
    out->groups = calloc(count + 1, sizeof *out->groups);
    if (!out->groups)
        abort();
    for (size_t i = 0; i < count && !err; i++) {
        struct node one = node_at(&groups, i);
        err = node_u32(&one, &out->groups[i], e);
    }
    out->ngroups = (uint32_t)count;
    return err;
}

static int find_limit(const struct node *n, const char *name, unsigned *out, struct err *e)
{
    static const char *const names[OPTION_LIMITS] = {
        [RLIMIT_CPU] = "CPU",           [RLIMIT_FSIZE] = "FSIZE",
        [RLIMIT_DATA] = "DATA",         [RLIMIT_STACK] = "STACK",
        [RLIMIT_CORE] = "CORE",         [RLIMIT_RSS] = "RSS",
        [RLIMIT_NPROC] = "NPROC",       [RLIMIT_NOFILE] = "NOFILE",
        [RLIMIT_MEMLOCK] = "MEMLOCK",   [RLIMIT_AS] = "AS",
        [RLIMIT_LOCKS] = "LOCKS",       [RLIMIT_SIGPENDING] = "SIGPENDING",
        [RLIMIT_MSGQUEUE] = "MSGQUEUE", [RLIMIT_NICE] = "NICE",
        [RLIMIT_RTPRIO] = "RTPRIO",     [RLIMIT_RTTIME] = "RTTIME",
    };

    for (unsigned i = 0; strncmp(name, "RLIMIT_", 7) == 0 && i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name + 7) == 0) {
            *out = i;
            return 0;
        }
    }
    return node_error(n, e, -EINVAL, "there is no limit \"%s\"", name);
}

/* -1 and the largest numbers that there are, signed or not, are the same: no limit. */
static int parse_limit_value(const struct node *n, uint64_t *out, struct err *e)
{
    uint64_t v = 0;
    int err = node_u64(n, -1, &v, e);

    *out = v == INT64_MAX ? UINT64_MAX : v;
    return err;
}

static int parse_limit(const struct node *n, struct oci_process *out, struct err *e)
{
    struct node type = node_get(n, "type"), soft = node_get(n, "soft"), hard = node_get(n, "hard");
    const char *name = "";
    unsigned which = 0;
    int err = node_text(&type, &name, e);

    if (!err)
        err = find_limit(&type, name, &which, e);
    if (err)
        return err;
    if (out->limits_set >> which & 1)
        return node_error(&type, e, -EINVAL, "%s stands here twice", name);
    err = parse_limit_value(&soft, &out->limits[which].soft, e);
    if (!err)
        err = parse_limit_value(&hard, &out->limits[which].hard, e);
    if (!err && out->limits[which].soft > out->limits[which].hard)
        err = node_error(n, e, -EINVAL, "the soft limit is above the hard one");
    out->limits_set |= 1u << which;
    return err;
}

static int parse_limits(const struct node *n, struct oci_process *out, struct err *e)
{
    struct node limits = node_get(n, "rlimits");
    size_t count;
    int err = node_array(&limits, &count, e);

    for (size_t i = 0; i < count && !err; i++) {
        struct node one = node_at(&limits, i);
        err = parse_limit(&one, out, e);
    }
    return err;
}

static int parse_size(const struct node *n, struct oci_process *out, struct err *e)
{
    struct node size = node_get(n, "consoleSize");
    struct node height = node_get(&size, "height"), width = node_get(&size, "width");
    int64_t rows = 0, cols = 0;
    int err = node_object(&size, e);

    if (!err)
        err = node_int(&height, 0, UINT16_MAX, &rows, e);
    if (!err)
        err = node_int(&width, 0, UINT16_MAX, &cols, e);
    out->rows = (uint16_t)rows;
    out->cols = (uint16_t)cols;
    return err;
}

/* What the specification has, and has no effect yet. */
static void warn_ignored(const struct node *n)
{
    static const char *const names[] = { "apparmorProfile", "selinuxLabel" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct node one = node_get(n, names[i]);
        if (node_is(&one) && !(json_is_string(one.v) && !*json_string_value(one.v)))
            report_warning("%s: has no effect in a sandbox", one.path);
    }
}

static int parse_rest(const struct node *n, struct oci_process *out, struct err *e)
{
    struct node terminal = node_get(n, "terminal"), nnp = node_get(n, "noNewPrivileges");
    struct node oom = node_get(n, "oomScoreAdj");
    int64_t score = 0;
    int err = node_bool(&terminal, &out->terminal, e);

    if (!err)
        err = node_bool(&nnp, &out->no_new_privs, e);
    if (!err)
        err = node_int(&oom, -1000, 1000, &score, e);
    out->oom_score_adj = (int)score;
    out->has_oom_score_adj = node_is(&oom);
    return err;
}

int oci_parse_process(const struct node *n, struct oci_process *out, struct err *e)
{
    struct node cwd = node_get(n, "cwd"), args = node_get(n, "args"), env = node_get(n, "env");

    *out = (struct oci_process){ .cwd = NULL };
    int err = node_object(n, e);
    if (!err)
        err = node_text(&cwd, &out->cwd, e);
    if (!err && (!out->cwd || out->cwd[0] != '/'))
        err = node_error(&cwd, e, -EINVAL, "Cwd must be an absolute path");
    if (!err)
        err = node_texts(&args, &out->argv, e);
    if (!err)
        err = node_texts(&env, &out->envp, e);
    if (!err)
        err = parse_user(n, out, e);
    if (!err)
        err = parse_caps(n, &out->caps, e);
    if (!err)
        err = parse_limits(n, out, e);
    if (!err)
        err = parse_size(n, out, e);
    if (!err)
        err = oci_parse_sched(n, &out->sched, e);
    if (!err)
        err = parse_rest(n, out, e);
    if (!err)
        warn_ignored(n);
    return err;
}

void oci_process_free(struct oci_process *p)
{
    free(p->groups);
    free(p->argv);
    free(p->envp);
    *p = (struct oci_process){ .cwd = NULL };
}
