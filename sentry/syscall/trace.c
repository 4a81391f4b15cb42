/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of --strace: who, the call, its arguments, what came of it, how long it took.
 *
 * A call is printed when it returns, in one write(2), so that lines of several
 * threads never mix. Arguments that the call reads are printed before it runs,
 * because it may change them; what it fills is printed after.
 */
#include "sentry/syscall/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/host.h"
#include "sentry/syscall/block.h"
#include "sentry/task/task.h"

void line_add(struct line *l, const char *format, ...)
{
    va_list ap;
    size_t room = sizeof l->text - l->len;

    va_start(ap, format);
    int n = vsnprintf(l->text + l->len, room, format, ap);
    va_end(ap);
    if (n > 0)
        l->len += min((size_t)n, room - 1);
}

static bool is_filled_by_call(enum print_kind kind)
{
    return kind == PRINT_BYTES_OUT || kind == PRINT_INT_OUT;
}

/* Arguments [from, nargs) that can be printed now; returns where it stopped. */
static unsigned print_args(struct line *l, struct task *t, const struct sysent *e,
                           const uint64_t regs[6], unsigned from, bool before)
{
    for (unsigned i = from; i < e->nargs; i++) {
        if (before && is_filled_by_call(e->print[i]))
            return i;
        if (i)
            line_add(l, ", ");
        trace_arg(l, t, e->print[i], regs[i], i < 5 ? regs[i + 1] : 0, -1);
    }
    return e->nargs;
}

static void print_rest(struct line *l, struct task *t, const struct sysent *e,
                       const uint64_t regs[6], unsigned from, long result)
{
    for (unsigned i = from; i < e->nargs; i++) {
        if (i)
            line_add(l, ", ");
        trace_arg(l, t, e->print[i], regs[i], i < 5 ? regs[i + 1] : 0, result);
    }
}

static void print_result(struct line *l, long r, nsec_t spent)
{
    if (r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK)
        line_add(l, ") = ? %s", errno_name((int)-r));
    else if (r < 0 && r >= -4095)
        line_add(l, ") = -1 %s (%s)", errno_name((int)-r), strerrordesc_np((int)-r) ?: "?");
    else if (r > 4096)
        line_add(l, ") = 0x%lx", r);
    else
        line_add(l, ") = %ld", r);
    line_add(l, " <%lld.%06lld>", (long long)(spent / NSEC_PER_SEC),
             (long long)(spent % NSEC_PER_SEC / NSEC_PER_USEC));
}

static void line_write(struct task *t, struct syscall_stats *s, struct line *l)
{
    int fd = hostfd_get(t->arena, s->trace_out);

    if (l->len == sizeof l->text - 1)
        memcpy(l->text + l->len - 3, "...", 3);
    l->text[l->len] = '\n';
    /* Whoever reads the trace may have gone: that is no reason to stop the guest. */
    if (fd >= 0)
        (void)!host_write(fd, l->text, l->len + 1);
}

static void line_start(struct line *l, struct task *t)
{
    l->len = 0;
    line_add(l, "[%5d] ", task_tid(t, t));
}

static bool is_traced(const struct syscall_stats *s, uint64_t nr)
{
    uint64_t at = min(nr, (uint64_t)SYSCALL_COUNT - 1);

    return s->trace_out.n && (s->traced[at / 64] >> at % 64 & 1);
}

/* A call that does not come back would have no line: print its start. */
static bool may_not_return(uint64_t nr)
{
    return nr == SYS_exit || nr == SYS_exit_group;
}

long syscall_watched(struct task *t, struct syscall_stats *s, uint64_t nr, const uint64_t regs[6],
                     long (*call)(struct task *t, uint64_t nr, const uint64_t regs[6]))
{
    static const struct sysent unknown = { .name = "?", .nargs = 6 };
    const struct sysent *e = sysent_get(nr) ?: &unknown;
    bool traced = is_traced(s, nr);
    unsigned printed = 0;
    struct line l;

    if (traced) {
        line_start(&l, t);
        if (e == &unknown)
            line_add(&l, "syscall_%llu(", (unsigned long long)nr);
        else
            line_add(&l, "%s(", e->name);
        printed = print_args(&l, t, e, regs, 0, true);
        if (may_not_return(nr)) {
            line_add(&l, ") = ?");
            line_write(t, s, &l);
            traced = false;
        }
    }
    if (s->counting && may_not_return(nr))
        syscall_count(s, nr, 0, 0);
    nsec_t start = task_now(t, CLOCK_ID_MONOTONIC);
    long r = call(t, nr, regs);
    nsec_t spent = task_now(t, CLOCK_ID_MONOTONIC) - start;

    if (s->counting)
        syscall_count(s, nr, r, spent);
    if (traced) {
        print_rest(&l, t, e, regs, printed, r);
        print_result(&l, r, spent);
        line_write(t, s, &l);
    }
    return r;
}

void trace_first_exec(struct task *t, const char *path, const char *const *argv)
{
    struct syscall_stats *s = syscall_stats(t->arena);
    struct line l;

    if (!is_traced(s, SYS_execve))
        return;
    line_start(&l, t);
    line_add(&l, "execve(");
    line_add_text(&l, path, strlen(path));
    for (unsigned i = 0; argv[i]; i++) {
        line_add(&l, i ? ", " : ", [");
        line_add_text(&l, argv[i], strlen(argv[i]));
    }
    line_add(&l, "]) = 0");
    line_write(t, s, &l);
}

void trace_event(struct task *t, const char *format, ...)
{
    struct syscall_stats *s = syscall_stats(t->arena);
    char text[256];
    struct line l;
    va_list ap;

    if (!s || !s->trace_out.n)
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    line_start(&l, t);
    line_add(&l, "--- %s ---", text);
    line_write(t, s, &l);
}
