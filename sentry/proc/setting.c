/* SPDX-License-Identifier: Apache-2.0 */
/* Files of /proc/sys that a container wants to say something else than the tables do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sentry/proc/node.h"
#include "sentry/proc/state.h"
#include "sentry/proc/tables.h"
#include "sentry/sock/socket.h"

struct proc_setting {
    struct proc_setting *next;
    uint64_t ino; /* the file's, which is the same in every instance of /proc */
    char text[];
};

const char *proc_setting(const struct arena *a, uint64_t ino)
{
    const struct proc_state *state = proc_state(a);

    for (const struct proc_setting *s = state ? state->settings : NULL; s; s = s->next)
        if (s->ino == ino)
            return s->text;
    return NULL;
}

static const struct proc_entry *child(const struct proc_entry *table, const char *name, size_t size)
{
    for (; table && table->name; table++)
        if (strlen(table->name) == size && memcmp(table->name, name, size) == 0)
            return table;
    return NULL;
}

/* The file that a path leads to, and its number. */
static const struct proc_entry *find(const char *path, uint64_t *ino)
{
    const struct proc_entry *table = proc_sys, *e = NULL;

    *ino = proc_ino(PROC_ROOT_INO, "sys");
    do {
        size_t size = strcspn(path, "/");
        e = child(table, path, size);
        if (!e)
            return NULL;
        *ino = proc_ino(*ino, e->name);
        table = e->children;
        path += size;
    } while (*path++);
    return e;
}

/* Those that are more than shown: whoever keeps the limit is told. */
static int tell(struct arena *a, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint32_t *where;
    } numbers[] = {
        {"net/core/somaxconn",       &sock_limits(a)->backlog},
        { "net/unix/max_dgram_qlen", &sock_limits(a)->dgrams },
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (strcmp(numbers[i].name, name) != 0)
            continue;
        int64_t n = proc_number(value);
        if (n < 0)
            return -EINVAL;
        *numbers[i].where = (uint32_t)n;
    }
    return 0;
}

/* A file that can be written is, as if somebody in there did. */
static int write_now(struct arena *a, const struct proc_entry *e, const char *value)
{
    struct proc_view v = { .arena = a };
    size_t size = strlen(value);
    char *copy = arena_strndup(a, value, size);

    if (!copy)
        return -ENOMEM;
    ssize_t n = e->write(&v, copy, size);
    arena_free(copy);
    return n < 0 ? (int)n : 0;
}

int proc_set(struct arena *a, const char *name, const char *value)
{
    size_t size = strlen(value) + 2;
    uint64_t ino;
    const struct proc_entry *e = find(name, &ino);

    if (!e)
        return -ENOENT;
    if (e->children)
        return -EISDIR;
    if (e->write)
        return write_now(a, e, value);
    if (!e->text)
        return -EPERM;
    int err = proc_state_create(a);
    if (!err)
        err = tell(a, name, value);
    if (err)
        return err;
    struct proc_setting *s = arena_alloc(a, sizeof *s + size);
    if (!s)
        return -ENOMEM;
    /* The one that was set last is found first. */
    *s = (struct proc_setting){ .next = proc_state(a)->settings, .ino = ino };
    snprintf(s->text, size, "%s\n", value);
    proc_state(a)->settings = s;
    return 0;
}
