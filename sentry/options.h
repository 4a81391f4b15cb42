/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox is to be: everything that runsc decides before it starts, and
 * that the sentry needs to build its kernel.
 *
 * runsc fills the struct, encodes it into one message, and sends it with the
 * descriptors over the control socket (include/control_wire.h). All strings are
 * borrowed from whoever filled it; after decoding, from the message.
 */
#pragma once

#include <sys/types.h>

#include "base/cc.h"

#define OPTIONS_SIZE_MAX \
    ((size_t)4 << 20) /* bytes of an encoded message: arguments and environment */
#define OPTIONS_MOUNTS_MAX  256
#define OPTIONS_STRINGS_MAX 131072 /* arguments, or variables */
#define OPTIONS_GROUPS_MAX  65536
#define OPTIONS_RULES_MAX   16384
#define OPTIONS_RANGES_MAX  340 /* as many as Linux takes */
#define OPTIONS_NODES_MAX   1024
#define OPTIONS_SYSCTLS_MAX 1024

#define OPTION_CPUS_MAX 1024 /* as many as an affinity mask can name */

#define OPTION_CGROUPS 6
#define OPTION_EXTRAS  50 /* with the others, as many as a word has bits */

enum mount_kind {
    MOUNT_GOFER,   /* the gofer's tree as it is: read-only, or written through */
    MOUNT_OVERLAY, /* the gofer's tree under a layer that is thrown away at the end */
    MOUNT_TMPFS,
    MOUNT_PROC,
    MOUNT_SYSFS,
    MOUNT_DEV,
    MOUNT_DEVPTS,
    MOUNT_CGROUP,        /* of version 2: the container's own limits */
    MOUNT_CGROUP_V1,     /* the same of version 1: `data` names the controllers */
    MOUNT_CGROUP_PLACES, /* what those are mounted in */
    MOUNT_MQUEUE,        /* names can be made; the calls are not there */
    MOUNT_HIDE,          /* an empty read-only directory, or /dev/null over a file */
    MOUNT_READONLY,      /* what is there already, read-only */
    MOUNT_KINDS,
};

enum option_action {
    OPTION_ALLOW,
    OPTION_ERRNO,
    OPTION_TRAP,
    OPTION_KILL_THREAD,
    OPTION_KILL_PROCESS,
    OPTION_ACTIONS,
};

enum option_op {
    OPTION_NE,
    OPTION_LT,
    OPTION_LE,
    OPTION_EQ,
    OPTION_GE,
    OPTION_GT,
    OPTION_MASKED_EQ, /* the argument under `value` is `two` */
    OPTION_OPS,
};

struct option_rule_arg {
    uint32_t index, op; /* 0 … 5; enum option_op */
    uint64_t value, two;
};

/* Of a seccomp profile: what is to be done with a call whose arguments are like that. */
struct option_rule {
    const char *call;
    uint32_t action, error; /* enum option_action; the errno of OPTION_ERRNO */
    uint32_t nargs;
    struct option_rule_arg args[6];
};

/* One range of a user namespace's ids, as /proc/PID/uid_map shows it. */
struct option_id_range {
    uint32_t inside, outside, count;
};

struct option_mount {
    enum mount_kind kind;
    const char *target;  /* absolute path in the sandbox; "/" is the first */
    const char *source;  /* as /proc/mounts shows it */
    uint32_t tree;       /* gofer kinds: the number of the exported tree */
    bool exclusive;      /* gofer kinds: nobody else changes it, cache everything */
    bool is_file;        /* gofer kinds: the tree is one file */
    unsigned long flags; /* MS_*, and how mounts propagate: MS_SHARED and its kin */
    const char *data;    /* options of the file system: "size=64m"; "" for none */
    /* gofer kinds: what it is on the host, to be shown; NULL or "": nothing is known of it */
    const char *host_type, *host_options, *host_root;
};

/* A device's node, a FIFO: made once all is mounted; what is there already stays as it is. */
struct option_node {
    const char *path; /* absolute */
    uint32_t mode;    /* with its type: S_IFCHR, S_IFBLK, S_IFIFO */
    uint32_t major, minor, uid, gid;
};

/* A setting of /proc/sys, by its path there: "net/ipv4/ip_forward". */
struct option_sysctl {
    const char *name, *value;
};

/*
 * Descriptors that go with the message, in this order; -1 where there is none. One of the
 * first three that is -1 is the console where there is one, and /dev/null where there is not.
 */
enum option_fd {
    OPTION_FD_STDIN,
    OPTION_FD_STDOUT,
    OPTION_FD_STDERR,
    OPTION_FD_CONSOLE, /* the host's terminal, raw: a pty of the sandbox stands before it */
    OPTION_FD_GOFER,   /* the socket to the file gofer */
    OPTION_FD_LOG,     /* lines for a person */
    OPTION_FD_TRACE,   /* --strace */
    OPTION_FD_SUMMARY, /* --summary */
    OPTION_FD_CGROUP,  /* of a pod's container: the files of processes of its cgroups */
    OPTION_FD_CGROUP_END = OPTION_FD_CGROUP + OPTION_CGROUPS,
    OPTION_FD_EXTRA = OPTION_FD_CGROUP_END, /* the process's descriptor 3, and those behind it */
    OPTION_FD_COUNT = OPTION_FD_EXTRA + OPTION_EXTRAS,
};

/* The five sets of the first process. */
struct option_caps {
    uint64_t bounding, permitted, effective, inheritable, ambient;
};

/* How a process is scheduled from its start; all zero is Linux's default. */
struct option_sched {
    uint32_t policy; /* SCHED_OTHER, SCHED_BATCH, SCHED_IDLE */
    int nice;
    bool reset_on_fork;
    uint32_t ioprio;                          /* as ioprio_set(2) has it */
    uint64_t exec_cpus[OPTION_CPUS_MAX / 64]; /* of an exec: where it may run; none: anywhere */
};

#define OPTION_LIMITS 16 /* RLIMIT_RTTIME is the last */

/* What of a container's limits can be changed while it runs: CONTROL_LIMIT. */
enum option_limit {
    OPTION_LIMIT_MEMORY,
    OPTION_LIMIT_PIDS,
    OPTION_LIMIT_QUOTA,
    OPTION_LIMIT_PERIOD,
    OPTION_LIMIT_SHARES,
};

/*
 * What `runsc exec` asks for is the same, without what belongs to the sandbox as a whole:
 * platform, hostname, mem, pids, cpus, mounts, and the watch on calls.
 */
struct sandbox_options {
    const char *platform; /* "systrap", "ptrace", or "auto" */
    const char *hostname, *domainname;
    const char *cwd;
    const char *const *argv, *const *envp; /* NULL-terminated */
    uint32_t uid, gid;
    uint32_t ngroups;
    const uint32_t *groups;
    struct option_caps caps;
    bool no_new_privs;
    uint32_t umask;
    int oom_score_adj;
    uint32_t personality; /* as personality(2) has it */
    struct option_sched sched;
    bool hold;     /* wait for CONTROL_GO before the first instruction */
    bool shielded; /* an init: signals from inside that it has no handler for are lost on it */
    bool pts;      /* the console is the first terminal of /dev/pts, not /dev/console */
    bool make_cwd; /* where it is not there */
    bool owned;    /* a shell outside looks after the command: what stops it stops runsc, too */
    uint16_t rows, cols;            /* of the console */
    uint64_t mem;                   /* bytes of guest RAM; 0: as much as the host has */
    uint64_t pids;                  /* tasks at most; 0: the default */
    bool pod;                       /* others may be taken in beside it: see CONTROL_JOIN */
    uint64_t pid_ns, uts_ns;        /* the host's numbers of the namespaces that stand for it there:
                                       containers of one number share one */
    uint64_t cpu_quota, cpu_period; /* µs: the host keeps them; 0: none */
    uint64_t cpu_shares;            /* of cgroups v1; 0: the default */
    bool cgroup_v1;                 /* which version of cgroups it is shown */
    uint32_t cpus;                  /* shown to the guest; 0: the host's */
    uint64_t nofile;                /* RLIMIT_NOFILE; 0: the default */
    uint64_t fsize;                 /* RLIMIT_FSIZE; 0: infinite */
    uint32_t limits_set;            /* bit n: limits[n] says what RLIMIT_n is */
    struct {
        uint64_t soft, hard;
    } limits[OPTION_LIMITS];
    bool tsc; /* set by the sentry itself: the host's clock is RDTSC */
    bool summary, trace, timing;
    bool no_spin;  /* systrap: who waits sleeps at once */
    bool no_patch; /* call sites stay as they are, though they trap */
    bool no_libos; /* systrap: no call is answered in the guest's process */
    const char *trace_set;
    int log_level;
    uint32_t nuid_map, ngid_map; /* shown, no more: files have their ids from the gofer */
    const struct option_id_range *uid_map, *gid_map;
    bool seccomp; /* there is a profile: what it says where no rule does, and its rules */
    uint32_t seccomp_action, seccomp_error, nrules;
    const struct option_rule *rules;
    uint32_t nmounts;
    const struct option_mount *mounts;
    uint32_t nnodes;
    const struct option_node *nodes;
    uint32_t nsysctls;
    const struct option_sysctl *sysctls;
    int fds[OPTION_FD_COUNT];
};

/*
 * Encodes all but the descriptors.
 *
 *   buf, size   where to; OPTIONS_SIZE_MAX is always enough for what the sentry accepts
 *   returns     bytes, or -E2BIG
 */
must_use ssize_t options_encode(const struct sandbox_options *o, void *buf, size_t size);

/* The arrays that a decoded struct points into. */
struct options_storage;

/*
 * Decodes a message.
 *
 *   msg, size   stays borrowed by `out`, whose strings lie in it
 *   out         descriptors are all -1
 *   storage     given: options_free(), when `out` is no longer used
 *   errors      EPROTO where the message is none of ours; ENOMEM
 */
must_use int options_decode(const void *msg, size_t size, struct sandbox_options *out,
                            struct options_storage **storage);
/* The message is a mapping, and goes with the storage: `size` bytes from its first page on. */
void options_own_text(struct options_storage *s, void *msg, size_t size);
/* NULL is fine. */
void options_free(struct options_storage *s);
