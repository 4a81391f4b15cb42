/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of the OCI runtime specification (1.2), checked: what a container is to be.
 *
 * Strings are borrowed from the JSON value, which the spec keeps.
 */
#pragma once

#include <jansson.h>

#include "runsc/err.h"
#include "runsc/id_map.h"
#include "runsc/json.h"
#include "sentry/options.h"

#define OCI_VERSION "1.2.0"

struct oci_process {
    bool terminal;
    uint16_t rows, cols; /* 0: not said */
    uint32_t uid, gid, umask, ngroups;
    uint32_t *groups;
    const char **argv, **envp; /* NULL-terminated; NULL: not said */
    const char *cwd;
    struct option_caps caps;
    bool no_new_privs;
    int oom_score_adj;
    bool has_oom_score_adj;
    struct option_sched sched;
    uint32_t limits_set;
    struct {
        uint64_t soft, hard;
    } limits[OPTION_LIMITS];
};

enum oci_idmap { IDMAP_NONE, IDMAP_TOP, IDMAP_BELOW }; /* the last: what is mounted below, too */

struct oci_mount {
    const char *target, *type, *source;
    bool bind, recursive; /* the latter: an rbind, which takes along what is mounted below */
    enum oci_idmap idmap; /* are owners to have other ids? */
    struct id_maps ids;   /* which; none: as the container's user namespace has them */
    unsigned long flags;  /* MS_* */
    char *data;           /* what is left of the options, joined by commas */
};

enum oci_hook_kind {
    HOOK_PRESTART,
    HOOK_CREATE_RUNTIME,
    HOOK_CREATE_CONTAINER,
    HOOK_START_CONTAINER,
    HOOK_POSTSTART,
    HOOK_POSTSTOP,
    HOOK_KINDS,
};

struct oci_hook {
    const char *path;
    const char **argv, **envp; /* NULL: {path}, empty */
    int64_t timeout;           /* seconds; 0: none */
};

enum oci_ns { NS_USER, NS_PID, NS_NET, NS_IPC, NS_UTS, NS_MNT, NS_CGROUP, NS_TIME, NS_KINDS };

struct oci_namespace {
    bool wanted;
    const char *path; /* join this one; NULL: a new one */
};

struct oci_spec {
    json_t *json; /* owned */
    const char *version, *hostname, *domainname;
    const char *root;
    bool readonly;
    bool has_process;
    struct oci_process process;
    struct oci_mount *mounts;
    size_t nmounts;
    struct oci_hook *hooks[HOOK_KINDS];
    size_t nhooks[HOOK_KINDS];
    struct oci_namespace ns[NS_KINDS];
    struct option_id_range *uid_map, *gid_map;
    size_t nuid_map, ngid_map;
    const char **masked, **readonly_paths; /* NULL: none */
    const char *cgroups_path;
    uint32_t personality;      /* as personality(2) has it */
    unsigned long propagation; /* MS_SHARED and its kin; 0: not said */
    struct option_node *nodes;
    struct option_sysctl *sysctls; /* the names are owned */
    uint32_t nnodes, nsysctls;
    bool seccomp; /* there is a profile */
    uint32_t seccomp_action, seccomp_error, nrules;
    struct option_rule *rules;
    struct node resources; /* linux.resources, for cgroup.c */
    json_t *annotations;   /* borrowed; NULL: none */
};

/*
 * Reads and checks a file. What is accepted but has no effect yet is told to the log
 * (report.h), a line for each.
 *
 *   out       oci_free(), also after a failure
 *   errors    with words that name the field
 */
must_use int oci_read(const char *path, struct oci_spec *out, struct err *e);
/* The same for what was read already: `json` is taken. */
must_use int oci_parse(json_t *json, const char *file, struct oci_spec *out, struct err *e);
void oci_free(struct oci_spec *s);

/* ---- the parts ---- */

/* oci_process.c; also what `exec --process` reads. oci_process_free(), also after a failure. */
must_use int oci_parse_process(const struct node *n, struct oci_process *out, struct err *e);
void oci_process_free(struct oci_process *p);
/* "CAP_KILL": its bit; 0: there is none of that name. */
uint64_t oci_cap(const char *name);

/* oci_sched.c: of a process, and linux.personality. */
must_use int oci_parse_sched(const struct node *n, struct option_sched *out, struct err *e);
must_use int oci_parse_personality(const struct node *n, uint32_t *out, struct err *e);

/* Ranges of ids: given, also after a failure. */
must_use int oci_parse_map(const struct node *n, struct option_id_range **out, size_t *count,
                           struct err *e);
must_use int oci_parse_mounts(const struct node *n, struct oci_spec *out, struct err *e);
must_use int oci_parse_linux(const struct node *n, struct oci_spec *out, struct err *e);
must_use int oci_parse_devices(const struct node *n, struct oci_spec *out, struct err *e);
/* After the namespaces. */
must_use int oci_parse_sysctl(const struct node *n, struct oci_spec *out, struct err *e);
must_use int oci_parse_seccomp(const struct node *n, struct oci_spec *out, struct err *e);
must_use int oci_parse_hooks(const struct node *n, struct oci_spec *out, struct err *e);

/* ---- the words there are, by number: for `features`. NULL behind the last ---- */

const char *oci_mount_option(size_t i);
const char *oci_cap_name(size_t i); /* without its "CAP_" */
const char *oci_seccomp_action(size_t i);
const char *oci_seccomp_operator(size_t i);
const char *oci_seccomp_flag(size_t i);
