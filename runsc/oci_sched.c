/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: how a process is scheduled, and what kind of machine it is told it runs on. */
#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

#include "runsc/oci.h"
#include "runsc/report.h"

/* A word out of a list; `out` stays as it is where there is none. */
struct choice {
    const char *name;
    uint32_t value;
};

static int choose(const struct node *n, const char *what, const struct choice *all, size_t count,
                  uint32_t *out, struct err *e)
{
    const char *name = NULL;
    int err = node_text(n, &name, e);

    if (err || !name)
        return err;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].name, name) == 0) {
            *out = all[i].value;
            return 0;
        }
    }
    return node_error(n, e, -EINVAL, "there is no %s \"%s\"", what, name);
}

/* ---- process.scheduler ---- */

#define POLICY_ISO      4u /* reserved, and in no kernel */
#define POLICY_DEADLINE 6u
#define FLAG_RESET      1u

static const struct choice policies[] = {
    {"SCHED_OTHER",     SCHED_OTHER    },
    { "SCHED_FIFO",     SCHED_FIFO     },
    { "SCHED_RR",       SCHED_RR       },
    { "SCHED_BATCH",    SCHED_BATCH    },
    { "SCHED_ISO",      POLICY_ISO     },
    { "SCHED_IDLE",     SCHED_IDLE     },
    { "SCHED_DEADLINE", POLICY_DEADLINE},
};

static const struct choice flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK",   FLAG_RESET},
    { "SCHED_FLAG_RECLAIM",        0         },
    { "SCHED_FLAG_DL_OVERRUN",     0         },
    { "SCHED_FLAG_KEEP_POLICY",    0         },
    { "SCHED_FLAG_KEEP_PARAMS",    0         },
    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0         },
    { "SCHED_FLAG_UTIL_CLAMP_MAX", 0         },
};

static int parse_flags(const struct node *n, struct option_sched *out, struct err *e)
{
    struct node all = node_get(n, "flags");
    size_t count;
    int err = node_array(&all, &count, e);

    for (size_t i = 0; i < count && !err; i++) {
        struct node one = node_at(&all, i);
        uint32_t flag = 0;
        err = choose(&one, "flag", flags, ARRAY_LEN(flags), &flag, e);
        out->reset_on_fork |= flag == FLAG_RESET;
    }
    return err;
}

static bool is_real_time(uint32_t policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR || policy == POLICY_DEADLINE;
}

static int parse_scheduler(const struct node *n, struct option_sched *out, struct err *e)
{
    struct node s = node_get(n, "scheduler"), policy = node_get(&s, "policy");
    struct node nice = node_get(&s, "nice"), priority = node_get(&s, "priority");
    int64_t nicer = 0, above = 0;
    int err = node_object(&s, e);

    if (err || !node_is(&s))
        return err;
    if (!node_is(&policy))
        return node_error(&policy, e, -EINVAL, "is not there");
    err = choose(&policy, "policy", policies, ARRAY_LEN(policies), &out->policy, e);
    if (!err)
        err = node_int(&nice, -20, 19, &nicer, e);
    if (!err)
        err = node_int(&priority, 0, 99, &above, e);
    if (!err && above && out->policy != SCHED_FIFO && out->policy != SCHED_RR)
        err =
            node_error(&priority, e, -EINVAL,
                       "scheduler.priority can only be specified for SchedFIFO or SchedRR policy");
    if (!err)
        err = parse_flags(&s, out, e);
    out->nice = (int)nicer;
    if (err || (!is_real_time(out->policy) && out->policy != POLICY_ISO))
        return err;
    report_warning("%s: the sandbox has none such: SCHED_OTHER", policy.path);
    out->policy = SCHED_OTHER;
    return 0;
}

/* ---- process.ioPriority ---- */

static int parse_io(const struct node *n, struct option_sched *out, struct err *e)
{
    static const struct choice classes[] = {
        {"IOPRIO_CLASS_RT",    IOPRIO_CLASS_RT  },
        { "IOPRIO_CLASS_BE",   IOPRIO_CLASS_BE  },
        { "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
    };
    struct node io = node_get(n, "ioPriority"), class = node_get(&io, "class");
    struct node priority = node_get(&io, "priority");
    uint32_t kind = IOPRIO_CLASS_NONE;
    int64_t level = 0;
    int err = node_object(&io, e);

    if (err || !node_is(&io))
        return err;
    if (!node_is(&class))
        return node_error(&class, e, -EINVAL, "is not there");
    err = choose(&class, "class", classes, ARRAY_LEN(classes), &kind, e);
    if (!err)
        err = node_int(&priority, 0, 7, &level, e);
    out->ioprio = (uint32_t)IOPRIO_PRIO_VALUE(kind, level);
    return err;
}

/* ---- process.execCPUAffinity ---- */

static bool parse_number(const char **s, unsigned *out)
{
    char *end;

    if (**s < '0' || **s > '9')
        return false;
    unsigned long n = strtoul(*s, &end, 10);
    *s = end;
    *out = (unsigned)n;
    return n < OPTION_CPUS_MAX;
}

/* "0-3,7", as in cpuset(7). */
static bool parse_cpus(const char *s, uint64_t *mask)
{
    for (;; s++) {
        unsigned first, last;

        if (!parse_number(&s, &first))
            return false;
        last = first;
        if (*s == '-' && (s++, !parse_number(&s, &last)))
            return false;
        if (last < first)
            return false;
        for (; first <= last; first++)
            mask[first / 64] |= UINT64_C(1) << first % 64;
        if (*s != ',')
            return !*s;
    }
}

/* `initial` is for the time before the process is in its cgroup: none of its own runs then. */
static int parse_affinity(const struct node *n, struct option_sched *out, struct err *e)
{
    struct node affinity = node_get(n, "execCPUAffinity");
    struct node ends[] = { node_get(&affinity, "initial"), node_get(&affinity, "final") };
    int err = node_object(&affinity, e);

    for (size_t i = 0; i < ARRAY_LEN(ends) && !err; i++) {
        uint64_t mask[OPTION_CPUS_MAX / 64] = { 0 };
        const char *list = "";

        err = node_text(&ends[i], &list, e);
        if (err || !*list)
            continue;
        if (!parse_cpus(list, mask))
            return node_error(&ends[i], e, -EINVAL, "\"%s\" is no list of processors", list);
        if (i == 1)
            memcpy(out->exec_cpus, mask, sizeof mask);
    }
    return err;
}

int oci_parse_sched(const struct node *n, struct option_sched *out, struct err *e)
{
    int err = parse_scheduler(n, out, e);

    if (!err)
        err = parse_io(n, out, e);
    return err ? err : parse_affinity(n, out, e);
}

/* ---- linux.personality ---- */

int oci_parse_personality(const struct node *n, uint32_t *out, struct err *e)
{
    static const struct choice domains[] = {
        {"LINUX",    PER_LINUX  },
        { "LINUX32", PER_LINUX32},
    };
    struct node domain = node_get(n, "domain"), extra = node_get(n, "flags");
    size_t count = 0;
    int err = node_object(n, e);

    if (!err && node_is(n) && !node_is(&domain))
        return node_error(&domain, e, -EINVAL, "is not there");
    if (!err)
        err = choose(&domain, "domain", domains, ARRAY_LEN(domains), out, e);
    if (!err)
        err = node_array(&extra, &count, e);
    if (!err && count)
        err = node_error(&extra, e, -EINVAL, "the specification has none yet");
    return err;
}
