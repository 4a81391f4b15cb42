/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/maps, smaps and smaps_rollup: the ranges of an address space. */
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "sentry/proc/tables.h"
#include "sentry/vfs/path_ref.h"

#define NAME_COLUMN 73

/* A range as it is remembered while the address space is locked. */
struct walk {
    struct proc_view *v;
    struct text *t;
    bool counts;
    struct vma_info sum; /* smaps_rollup */
    uint64_t first;
};

static bool is_path_hidden(const char *s)
{
    static const char unreachable[] = "(unreachable)";

    return strncmp(s, unreachable, sizeof unreachable - 1) == 0;
}

static void show_name(struct walk *w, const struct vma_info *i, size_t from)
{
    char path[PATH_MAX];
    const char *name = i->name;

    if (i->path && w->v->who) {
        const char *p = path;
        if (path_print(w->v->who, path_ref_path(i->path), path, sizeof path) < 0)
            return;
        if (is_path_hidden(p))
            p = strchr(p, '/');
        name = p;
    }
    if (!name)
        return;
    text_pad(w->t, from, NAME_COLUMN);
    text_escaped(w->t, name, "\n");
}

static void show_line(struct walk *w, const struct vma_info *i)
{
    size_t from = w->t->size;

    text_printf(w->t, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %" PRIu64 " ",
                i->start, i->end, i->prot & PROT_READ ? 'r' : '-', i->prot & PROT_WRITE ? 'w' : '-',
                i->prot & PROT_EXEC ? 'x' : '-', i->shared ? 's' : 'p', i->off, major(i->dev),
                minor(i->dev), i->ino);
    show_name(w, i, from);
    text_char(w->t, '\n');
}

static void show_kb(struct text *t, const char *name, uint64_t bytes)
{
    size_t from = t->size;

    text_printf(t, "%s:", name);
    text_pad(t, from, 16);
    text_printf(t, "%8" PRIu64 " kB\n", bytes >> 10);
}

static void show_counts(struct text *t, const struct vma_info *i)
{
    uint64_t clean = i->rss - min(i->rss, i->shared_clean + i->private_dirty);

    show_kb(t, "Rss", i->rss);
    show_kb(t, "Pss", i->pss);
    show_kb(t, "Pss_Dirty", i->private_dirty);
    show_kb(t, "Shared_Clean", i->shared_clean);
    show_kb(t, "Shared_Dirty", 0);
    show_kb(t, "Private_Clean", clean);
    show_kb(t, "Private_Dirty", i->private_dirty);
    show_kb(t, "Referenced", i->rss);
    show_kb(t, "Anonymous", i->anonymous);
    show_kb(t, "KSM", 0);
    show_kb(t, "LazyFree", 0);
    show_kb(t, "AnonHugePages", 0);
    show_kb(t, "ShmemPmdMapped", 0);
    show_kb(t, "FilePmdMapped", 0);
    show_kb(t, "Shared_Hugetlb", 0);
    show_kb(t, "Private_Hugetlb", 0);
    show_kb(t, "Swap", 0);
    show_kb(t, "SwapPss", 0);
    show_kb(t, "Locked", i->locked ? i->pss : 0);
}

/* In the order of the bits in Linux. */
static void show_flags(struct text *t, const struct vma_info *i)
{
    const struct {
        bool is;
        const char *word;
    } words[] = {
        {i->prot & PROT_READ,                                   "rd"},
        { i->prot & PROT_WRITE,                                 "wr"},
        { i->prot & PROT_EXEC,                                  "ex"},
        { i->shared,                                            "sh"},
        { i->may & PROT_READ,                                   "mr"},
        { i->may & PROT_WRITE,                                  "mw"},
        { i->may & PROT_EXEC,                                   "me"},
        { i->shared,                                            "ms"},
        { i->grows_down,                                        "gd"},
        { i->locked,                                            "lo"},
        { i->io,                                                "io"},
        { i->sequential,                                        "sr"},
        { i->random,                                            "rr"},
        { i->dont_fork,                                         "dc"},
        { !i->shared && !i->no_reserve && i->prot & PROT_WRITE, "ac"},
        { i->no_reserve,                                        "nr"},
        { i->wipe_on_fork,                                      "wf"},
        { i->dont_dump,                                         "dd"},
        { i->huge,                                              "hg"},
        { i->no_huge,                                           "nh"},
    };

    text_string(t, "VmFlags: ");
    for (size_t n = 0; n < ARRAY_LEN(words); n++)
        if (words[n].is)
            text_printf(t, "%s ", words[n].word);
    text_char(t, '\n');
}

static int see_map(const struct vma_info *i, void *arg)
{
    struct walk *w = arg;

    show_line(w, i);
    if (!w->counts)
        return 0;
    show_kb(w->t, "Size", i->end - i->start);
    show_kb(w->t, "KernelPageSize", PAGE_SIZE);
    show_kb(w->t, "MMUPageSize", PAGE_SIZE);
    show_counts(w->t, i);
    text_string(w->t, "THPeligible:           0\n");
    show_flags(w->t, i);
    return 0;
}

static int see_sum(const struct vma_info *i, void *arg)
{
    struct walk *w = arg;

    if (!w->first)
        w->first = i->start;
    w->sum.end = i->end;
    w->sum.rss += i->rss;
    w->sum.pss += i->pss;
    w->sum.shared_clean += i->shared_clean;
    w->sum.private_dirty += i->private_dirty;
    w->sum.anonymous += i->anonymous;
    w->sum.locked |= i->locked;
    return 0;
}

static int visit(struct walk *w, int (*see)(const struct vma_info *i, void *arg))
{
    scoped(mm) struct mm *mm = task_mm_get(w->v->task);

    return mm ? mm_visit(mm, 0, w->counts, see, w) : 0;
}

int proc_show_maps(struct proc_view *v, struct text *t)
{
    struct walk w = { .v = v, .t = t };

    return visit(&w, see_map);
}

int proc_show_smaps(struct proc_view *v, struct text *t)
{
    struct walk w = { .v = v, .t = t, .counts = true };

    return visit(&w, see_map);
}

int proc_show_smaps_rollup(struct proc_view *v, struct text *t)
{
    struct walk w = { .v = v, .t = t, .counts = true };

    visit(&w, see_sum);
    if (!w.first)
        return -ESRCH;
    size_t from = t->size;
    text_printf(t, "%08" PRIx64 "-%08" PRIx64 " ---p 00000000 00:00 0 ", w.first, w.sum.end);
    text_pad(t, from, NAME_COLUMN);
    text_string(t, "[rollup]\n");
    show_counts(t, &w.sum);
    return 0;
}
