/* SPDX-License-Identifier: Apache-2.0 */
/* Files of /proc/PID that show what lies in its memory: cmdline, environ, mem, auxv. */
#include <errno.h>
#include <string.h>

#include "sentry/proc/tables.h"

#define CHUNK         ((size_t)2048)
#define AUXV_MAX_SIZE 512

/* Moves [at, end) of a process's memory, from `*pos` in it on, as far as it can be read. */
static ssize_t read_range(struct mm *mm, uint64_t at, uint64_t end, struct io *io, uint64_t *pos)
{
    ssize_t done = 0;
    char buf[CHUNK];

    while (io->left && *pos < end - at) {
        size_t size = min(min(io->left, sizeof buf), (size_t)(end - at - *pos));
        ssize_t n = mm_access(mm, uptr(at + *pos), buf, size, false);
        if (n <= 0)
            break;
        n = io_put(io, buf, (size_t)n);
        if (n <= 0)
            return done ? done : n;
        *pos += (uint64_t)n;
        done += n;
    }
    return done;
}

/*
 * Where the command line ends: programs write over it, and where they have written over
 * the NUL of the last argument the text goes on into the environment, up to a NUL.
 */
static uint64_t end_of_cmdline(struct mm *mm, const struct mm_layout *l)
{
    char last = 0, buf[CHUNK];

    if (l->arg_start >= l->arg_end || mm_access(mm, uptr(l->arg_end - 1), &last, 1, false) != 1 ||
        last == '\0')
        return l->arg_end;
    uint64_t end = max(l->env_end, l->arg_end), at = l->arg_start;
    while (at < end) {
        ssize_t n = mm_access(mm, uptr(at), buf, min(sizeof buf, (size_t)(end - at)), false);
        if (n <= 0)
            break;
        const char *nul = memchr(buf, '\0', (size_t)n);
        if (nul)
            return at + (uint64_t)(nul - buf) + 1;
        at += (uint64_t)n;
    }
    return at;
}

ssize_t proc_read_cmdline(struct proc_view *v, struct io *io, uint64_t *pos)
{
    scoped(mm) struct mm *mm = task_mm_get(v->task);
    struct mm_layout l;

    if (!mm)
        return 0;
    mm_get_layout(mm, &l);
    return read_range(mm, l.arg_start, end_of_cmdline(mm, &l), io, pos);
}

ssize_t proc_read_environ(struct proc_view *v, struct io *io, uint64_t *pos)
{
    scoped(mm) struct mm *mm = task_mm_get(v->task);
    struct mm_layout l;

    if (!mm)
        return 0;
    mm_get_layout(mm, &l);
    return read_range(mm, l.env_start, max(l.env_end, l.env_start), io, pos);
}

ssize_t proc_read_mem(struct proc_view *v, struct io *io, uint64_t *pos)
{
    scoped(mm) struct mm *mm = task_mm_get(v->task);

    if (!mm || !io->left)
        return 0;
    ssize_t n = read_range(mm, 0, mm_task_size(mm), io, pos);
    return n ? n : -EIO;
}

ssize_t proc_write_mem(struct proc_view *v, struct io *io, uint64_t *pos)
{
    scoped(mm) struct mm *mm = task_mm_get(v->task);
    ssize_t done = 0;
    char buf[CHUNK];

    if (!mm || !io->left)
        return 0;
    while (io->left) {
        ssize_t n = io_take(io, buf, min(io->left, sizeof buf));
        if (n <= 0)
            return done ? done : n;
        n = mm_access(mm, uptr(*pos), buf, (size_t)n, true);
        if (n <= 0)
            return done ? done : -EIO;
        *pos += (uint64_t)n;
        done += n;
    }
    return done;
}

int proc_show_auxv(struct proc_view *v, struct text *t)
{
    scoped(mm) struct mm *mm = task_mm_get(v->task);
    char buf[AUXV_MAX_SIZE];

    if (mm)
        text_bytes(t, buf, mm_get_auxv(mm, buf, sizeof buf));
    return 0;
}
