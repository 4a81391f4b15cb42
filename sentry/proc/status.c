/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/status: what people read of a process. */
#include <inttypes.h>

#include "sentry/core/user.h"
#include "sentry/proc/ids.h"
#include "sentry/proc/tables.h"
#include "sentry/task/seccomp.h"
#include "sentry/task/sighand.h"
#include "sentry/task/tasks.h"

#define UNTAGGED "0xffffffffffffffff"

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'D':
        return "D (disk sleep)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "X (dead)";
    }
}

static void show_cred(struct proc_view *v, struct text *t, const struct cred *c)
{
    const struct user_ns *ns = v->viewer ? v->viewer->cred->user_ns : c->user_ns;

    text_printf(t, "Uid:\t%u\t%u\t%u\t%u\n", user_ns_uid_out(ns, c->ruid),
                user_ns_uid_out(ns, c->euid), user_ns_uid_out(ns, c->suid),
                user_ns_uid_out(ns, c->fsuid));
    text_printf(t, "Gid:\t%u\t%u\t%u\t%u\n", user_ns_gid_out(ns, c->rgid),
                user_ns_gid_out(ns, c->egid), user_ns_gid_out(ns, c->sgid),
                user_ns_gid_out(ns, c->fsgid));
    struct fdtable *files = task_files_get(v->task);
    text_printf(t, "FDSize:\t%d\nGroups:\t", files ? fdtable_size(files) : 0);
    if (files)
        fdtable_put(files, v->who);
    for (uint32_t i = 0; i < c->ngroups; i++)
        text_printf(t, "%u ", user_ns_gid_out(ns, c->groups[i]));
    text_string(t, c->ngroups ? "\n" : " \n");
}

/* The numbers in this /proc's namespace and in all inside of it. */
static void show_numbers(struct text *t, const char *name, const struct proc_numbers *n)
{
    text_printf(t, "%s:", name);
    for (uint32_t i = 0; i < n->count; i++)
        text_printf(t, "\t%d", n->nr[i]);
    text_char(t, '\n');
}

static void show_kb(struct text *t, const char *name, uint64_t bytes)
{
    text_printf(t, "%s:\t%8" PRIu64 " kB\n", name, bytes >> 10);
}

static void show_memory(struct proc_view *v, struct text *t)
{
    struct mm *mm = task_mm_get(v->task);
    struct mm_usage u;

    if (!mm)
        return;
    mm_usage(mm, &u);
    bool huge = !mm_thp_disabled(mm);
    mm_put(mm);
    show_kb(t, "VmPeak", u.peak_total);
    show_kb(t, "VmSize", u.total);
    show_kb(t, "VmLck", u.locked);
    show_kb(t, "VmPin", u.pinned);
    show_kb(t, "VmHWM", u.peak_rss);
    show_kb(t, "VmRSS", u.rss_anon + u.rss_file + u.rss_shmem);
    show_kb(t, "RssAnon", u.rss_anon);
    show_kb(t, "RssFile", u.rss_file);
    show_kb(t, "RssShmem", u.rss_shmem);
    show_kb(t, "VmData", u.data);
    show_kb(t, "VmStk", u.stack);
    show_kb(t, "VmExe", u.text);
    show_kb(t, "VmLib", u.lib);
    show_kb(t, "VmPTE", u.page_tables);
    show_kb(t, "VmSwap", u.swap);
    show_kb(t, "HugetlbPages", 0);
    text_printf(t, "CoreDumping:\t0\nTHP_enabled:\t%d\nuntag_mask:\t" UNTAGGED "\n", huge);
}

static void show_signals(struct proc_view *v, struct text *t, const struct cred *c)
{
    struct thread_group *g = v->task->group;
    struct proc_signals s;

    proc_signals(v->task, &s);
    text_printf(t, "Threads:\t%u\nSigQ:\t%" PRIu64 "/%" PRIu64 "\n", group_task_count(g),
                user_in_use(v->arena, c->ruid, USER_SIGNALS),
                limit_soft(&g->limits, RLIMIT_SIGPENDING));
    text_printf(t,
                "SigPnd:\t%016" PRIx64 "\nShdPnd:\t%016" PRIx64 "\nSigBlk:\t%016" PRIx64
                "\nSigIgn:\t%016" PRIx64 "\nSigCgt:\t%016" PRIx64 "\n",
                s.pending, s.shared, s.blocked, s.ignored, s.caught);
}

static void show_caps(struct proc_view *v, struct text *t, const struct cred *c)
{
    text_printf(t,
                "CapInh:\t%016" PRIx64 "\nCapPrm:\t%016" PRIx64 "\nCapEff:\t%016" PRIx64
                "\nCapBnd:\t%016" PRIx64 "\nCapAmb:\t%016" PRIx64 "\n",
                c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding,
                c->cap_ambient);
    int filters = seccomp_on(v->task);

    text_printf(t, "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%d\n", c->no_new_privs,
                filters ? 2 : 0, filters);
}

/* Groups of 32 bits, the highest first: as %*pb of Linux. */
static void show_mask(struct text *t, const uint64_t *mask, uint32_t bits)
{
    for (int i = (int)(bits + 31) / 32 - 1; i >= 0; i--) {
        uint32_t word = (uint32_t)(mask[i / 2] >> (i % 2 ? 32 : 0));
        uint32_t digits = (uint32_t)i == (bits - 1) / 32 ? (bits - 1) % 32 / 4 + 1 : 8;
        text_printf(t, "%0*x%s", (int)digits, word, i ? "," : "\n");
    }
}

/* "0-3,7" */
static void show_list(struct text *t, const uint64_t *mask, uint32_t bits)
{
    const char *comma = "";

    for (uint32_t i = 0; i < bits; i++) {
        uint32_t first = i;
        if (!(mask[i / 64] >> i % 64 & 1))
            continue;
        while (i + 1 < bits && mask[(i + 1) / 64] >> (i + 1) % 64 & 1)
            i++;
        text_printf(t, i > first ? "%s%u-%u" : "%s%u", comma, first, i);
        comma = ",";
    }
    text_char(t, '\n');
}

static void show_cpus(struct proc_view *v, struct text *t)
{
    uint64_t mask[TASK_CPUS_MAX / 64];
    uint32_t cpus = tasks_of(v->arena)->cpus;

    mutex_lock(&v->task->lock);
    for (size_t i = 0; i < ARRAY_LEN(mask); i++)
        mask[i] = v->task->affinity[i];
    mutex_unlock(&v->task->lock);
    text_string(t, "Cpus_allowed:\t");
    show_mask(t, mask, cpus);
    text_string(t, "Cpus_allowed_list:\t");
    show_list(t, mask, cpus);
    text_string(t, "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
}

int proc_show_status(struct proc_view *v, struct text *t)
{
    scoped(cred) struct cred *c = (struct cred *)task_cred_get(v->task);
    struct fs_context *fs = task_fs_get(v->task);
    struct proc_ids ids;
    char name[16];

    proc_ids(v, &ids);
    task_get_name(v->task, name);
    text_string(t, "Name:\t");
    text_escaped(t, name, "\n");
    if (fs)
        text_printf(t, "\nUmask:\t%04o", fs_context_umask(fs));
    fs_context_put(fs);
    text_printf(t, "\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
                state_name(task_state(v->task)), ids.tgid, ids.tid, ids.ppid);
    show_cred(v, t, c);
    show_numbers(t, "NStgid", &ids.ns_tgid);
    show_numbers(t, "NSpid", &ids.ns_tid);
    show_numbers(t, "NSpgid", &ids.ns_pgid);
    show_numbers(t, "NSsid", &ids.ns_sid);
    text_string(t, "Kthread:\t0\n");
    show_memory(v, t);
    show_signals(v, t, c);
    show_caps(v, t, c);
    text_string(t,
                "Speculation_Store_Bypass:\tthread vulnerable\n"
                "SpeculationIndirectBranch:\tconditional enabled\n");
    show_cpus(v, t);
    text_printf(t,
                "voluntary_ctxt_switches:\t%" PRIu64 "\nnonvoluntary_ctxt_switches:\t%" PRIu64 "\n",
                atomic_load(&v->task->nvcsw), atomic_load(&v->task->nivcsw));
    return 0;
}
