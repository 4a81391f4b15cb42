/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of calls, which are traced, and the summary at the end. */
#include "sentry/syscall/stats.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/host.h"
#include "base/sort.h"
#include "sentry/core/platform_ref.h"
#include "sentry/core/refused.h"
#include "sentry/fs/gofer_client.h"
#include "sentry/mm/patch.h"
#include "sentry/syscall/trace.h"

/* One line to a descriptor; whoever reads the summary may have gone. */
static void printf_like(2, 3) print(int fd, const char *format, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (n > 0)
        (void)!host_write(fd, text, min((size_t)n, sizeof text - 1));
}

/* strace's classes, by what a call's first arguments are or what its name says. */
static bool takes_kind(const struct sysent *e, enum print_kind kind)
{
    for (unsigned i = 0; i < e->nargs; i++)
        if (e->print[i] == kind)
            return true;
    return false;
}

static bool name_has(const struct sysent *e, const char *const *parts)
{
    for (; *parts; parts++)
        if (strstr(e->name, *parts))
            return true;
    return false;
}

static bool in_class(const struct sysent *e, const char *class)
{
    static const char *const memory[] = { "mmap",  "munmap",  "mprotect", "mremap",
                                          "brk",   "madvise", "mlock",    "munlock",
                                          "msync", "mincore", NULL };
    static const char *const process[] = { "clone", "fork", "exec", "exit", "wait", "kill", NULL };
    static const char *const network[] = { "sock", "bind", "listen",   "accept",   "connect",
                                           "send", "recv", "peername", "shutdown", NULL };
    static const char *const signal[] = { "sig", "kill", "pause", NULL };

    if (strcmp(class, "%file") == 0)
        return takes_kind(e, PRINT_STRING) && strcmp(e->name, "sethostname") != 0;
    if (strcmp(class, "%desc") == 0)
        return e->nargs && e->args[0] && strstr(e->args[0], "fd");
    if (strcmp(class, "%memory") == 0)
        return name_has(e, memory);
    if (strcmp(class, "%process") == 0)
        return name_has(e, process);
    if (strcmp(class, "%network") == 0 || strcmp(class, "%net") == 0)
        return name_has(e, network);
    if (strcmp(class, "%signal") == 0)
        return name_has(e, signal);
    return strcmp(class, e->name) == 0 || strcmp(class, "all") == 0;
}

/* Sets or clears the bits of one word of the list. False: it names nothing. */
static bool choose(struct syscall_stats *s, const char *word, bool on)
{
    bool found = false;

    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++) {
        const struct sysent *e = sysent_get(nr);

        if (!e || !in_class(e, word))
            continue;
        found = true;
        if (on)
            s->traced[nr / 64] |= (uint64_t)1 << nr % 64;
        else
            s->traced[nr / 64] &= ~((uint64_t)1 << nr % 64);
    }
    return found;
}

static int parse_set(struct syscall_stats *s, const char *list)
{
    bool negated = list && *list == '!';

    if (!list || !*list || negated)
        memset(s->traced, 0xff, sizeof s->traced);
    if (negated)
        list++;
    while (list && *list) {
        char word[64];
        size_t len = strcspn(list, ",");

        if (len >= sizeof word)
            return -EINVAL;
        memcpy(word, list, len);
        word[len] = 0;
        if (len && !choose(s, word, !negated))
            return -EINVAL;
        list += len + (list[len] == ',');
    }
    return 0;
}

int syscall_stats_create(struct arena *a, const struct syscall_watch *w)
{
    struct syscall_stats *s = arena_alloc(a, sizeof *s);

    if (!s)
        return -ENOMEM;
    s->counting = w->summary_fd >= 0;
    s->watching = s->counting || w->trace_fd >= 0;
    int err = parse_set(s, w->trace);
    if (!err && s->counting)
        err = hostfd_add(a, w->summary_fd, &s->summary_out);
    if (!err && w->trace_fd >= 0)
        err = hostfd_add(a, w->trace_fd, &s->trace_out);
    if (err) {
        arena_free(s);
        return err;
    }
    arena_set_root(a, ROOT_SYSCALL, s);
    return 0;
}

/* ---- counting ---- */

static void count_error(struct syscall_stats *s, uint64_t nr, int err)
{
    uint32_t key = (uint32_t)nr << 16 | (uint32_t)err;
    uint32_t at = key * 2654435761u >> 16;

    for (unsigned probe = 0; probe < ERROR_KINDS; probe++) {
        struct error_count *e = &s->kinds[(at + probe) % ERROR_KINDS];
        uint32_t there = 0;

        if (atomic_compare_exchange_strong(&e->key, &there, key) || there == key) {
            atomic_fetch_add_explicit(&e->count, 1, memory_order_relaxed);
            return;
        }
    }
}

void syscall_count(struct syscall_stats *s, uint64_t nr, long r, nsec_t spent)
{
    uint64_t at = min(nr, (uint64_t)SYSCALL_COUNT - 1);

    atomic_fetch_add_explicit(&s->calls[at], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->spent[at], (uint64_t)spent, memory_order_relaxed);
    if (r < 0 && r >= -4095) {
        atomic_fetch_add_explicit(&s->errors[at], 1, memory_order_relaxed);
        count_error(s, at, (int)-r);
    }
}

/* ---- the summary ---- */

static const char *refused_kind_name(enum refused_kind kind)
{
    static const char *const names[] = {
        [REFUSED_SYSCALL] = "call",    [REFUSED_IOCTL] = "ioctl",   [REFUSED_PRCTL] = "prctl",
        [REFUSED_SOCKOPT] = "sockopt", [REFUSED_SOCKET] = "socket", [REFUSED_FCNTL] = "fcntl",
        [REFUSED_FLAG] = "flag",
    };
    return kind < ARRAY_LEN(names) ? names[kind] : "?";
}

static void print_refused(struct arena *a, int fd)
{
    struct refused rows[64];
    size_t n = min(refused_list(a, rows, ARRAY_LEN(rows)), ARRAY_LEN(rows));

    if (n)
        print(fd, "\nrefused because it is not there:\n");
    for (size_t i = 0; i < n; i++) {
        const struct sysent *e =
            rows[i].kind == REFUSED_SYSCALL ? sysent_get(rows[i].number) : NULL;

        const char *kind = refused_kind_name(rows[i].kind);
        unsigned long long count = rows[i].count, number = rows[i].number;

        if (e)
            print(fd, "%9llu  %-8s %s (%llu)\n", count, kind, e->name, number);
        else if (rows[i].kind == REFUSED_SYSCALL)
            print(fd, "%9llu  %-8s %llu\n", count, kind, number);
        else
            print(fd, "%9llu  %-8s %#llx\n", count, kind, number);
    }
}

/* The errnos of one call, each with its count where there are several: " (ENOENT 3, EACCES 1)". */
static void print_errors(struct syscall_stats *s, unsigned nr, int fd)
{
    const char *sep = " (";

    for (unsigned i = 0; i < ERROR_KINDS; i++) {
        uint32_t key = atomic_load(&s->kinds[i].key);

        if (key >> 16 != nr || !key)
            continue;
        print(fd, "%s%s %u", sep, errno_name((int)(key & 0xffff)), atomic_load(&s->kinds[i].count));
        sep = ", ";
    }
    print(fd, *sep == ',' ? ")\n" : "\n");
}

static void print_handovers(struct arena *a, int fd)
{
    const struct platform_tally *t = platform_tally(a);
    const struct gofer_client *gofer = arena_host(a, HOST_GOFER);

    print(fd,
          "\nmemory: %llu faults, %llu hand-overs with %llu changes, %llu address spaces copied\n"
          "files: %llu messages to the gofer\n",
          (unsigned long long)atomic_load(&t->faults), (unsigned long long)atomic_load(&t->batches),
          (unsigned long long)atomic_load(&t->changes), (unsigned long long)atomic_load(&t->forks),
          (unsigned long long)(gofer ? gofer_client_requests(gofer) : 0));
}

struct by_time {
    uint64_t spent;
    unsigned nr;
};

static int later_first(const void *x, const void *y)
{
    const struct by_time *a = x, *b = y;

    return a->spent < b->spent ? 1 : a->spent > b->spent ? -1 : (int)a->nr - (int)b->nr;
}

static void print_patches(struct arena *a, int fd)
{
    struct patch_stats p;

    if (patch_get_stats(a, &p))
        print(
            fd, "%9llu calls trapped; %llu call sites replaced, and %llu times for a new program\n",
            (unsigned long long)p.traps, (unsigned long long)p.sites, (unsigned long long)p.shared);
}

void syscall_summary(struct arena *a, int fd)
{
    struct syscall_stats *s = syscall_stats(a);
    struct by_time order[SYSCALL_COUNT];
    size_t n = 0;

    if (s) {
        for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++)
            if (atomic_load(&s->calls[nr]))
                order[n++] = (struct by_time){ atomic_load(&s->spent[nr]), nr };
        sort(order, n, sizeof *order, later_first);
        print(fd, "    calls    errors     seconds  µs/call  call (errors)\n");
    }
    for (size_t i = 0; i < n; i++) {
        const struct sysent *e = sysent_get(order[i].nr);
        uint64_t calls = atomic_load(&s->calls[order[i].nr]);

        print(fd, "%9llu %9llu %11.6f %8.1f  %s", (unsigned long long)calls,
              (unsigned long long)atomic_load(&s->errors[order[i].nr]),
              (double)order[i].spent / 1e9, (double)order[i].spent / 1e3 / (double)calls,
              e ? e->name : "unknown numbers");
        print_errors(s, order[i].nr, fd);
    }
    print_handovers(a, fd);
    print_patches(a, fd);
    print_refused(a, fd);
}
