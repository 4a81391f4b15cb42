/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers argv and envp, within Linux's limits. Other threads may change the
 * strings while we read: each is read once, and what was read is what counts.
 */
#include "sentry/load/args.h"

#include <string.h>

#define POINTERS_AT_ONCE 64
#define ROOM_FIRST       4096u
#define LIMIT_LEAST      ((uint64_t)128 << 10)
#define LIMIT_MOST       ((uint64_t)6 << 20) /* three quarters of the default stack */

/* Makes room for `more` bytes behind what is in use. */
static int reserve(struct load_args *a, size_t more)
{
    size_t room = a->bytes ? arena_usable(a->bytes) : 0;

    if (room - a->size >= more)
        return 0;
    size_t want = max(room * 2, a->size + more);
    want = max(want, (size_t)ROOM_FIRST);
    char *bytes = arena_alloc(a->arena, want);
    if (!bytes)
        return -ENOMEM;
    if (a->bytes)
        memcpy(bytes, a->bytes, a->size);
    arena_free(a->bytes);
    a->bytes = bytes;
    return 0;
}

static void start(struct load_args *a, struct arena *arena, const struct limits *limits,
                  const char *filename)
{
    uint64_t limit = min(limit_soft(limits, RLIMIT_STACK) / 4, LIMIT_MOST);

    *a = (struct load_args){ .arena = arena, .filename_size = strlen(filename) + 1 };
    a->limit = max(limit, LIMIT_LEAST);
}

/* Whether strings, pointers and filename are still within the limit. */
static int check_size(const struct load_args *a)
{
    size_t pointers = ((size_t)max(a->argc, 1u) + a->envc) * sizeof(uint64_t);

    return a->size + a->filename_size + pointers > a->limit ? -E2BIG : 0;
}

/* Reads one string, making room until it fits or is too long for anybody. */
static int add_guest_string(struct load_args *a, struct mm *mm, uptr_t from)
{
    size_t room = 256;

    for (;;) {
        int err = reserve(a, room);
        if (err)
            return err;
        room = min(arena_usable(a->bytes) - a->size, (size_t)ARG_STRING_MAX);
        ssize_t len = copy_in_string(mm, a->bytes + a->size, from, room);
        if (len >= 0) {
            a->size += (size_t)len + 1;
            return check_size(a);
        }
        if (len != -ENAMETOOLONG)
            return (int)len;
        if (room == ARG_STRING_MAX)
            return -E2BIG;
        room = min(room * 4, (size_t)ARG_STRING_MAX);
    }
}

/* Reads an array of strings up to its null pointer. */
static int add_guest_strings(struct load_args *a, struct mm *mm, uptr_t at, uint32_t *count)
{
    uint64_t pointers[POINTERS_AT_ONCE];

    if (uptr_is_null(at))
        return 0;
    for (;;) {
        ssize_t got = copy_in_some(mm, pointers, at, sizeof pointers);
        if (got < (ssize_t)sizeof pointers[0])
            return -EFAULT;
        size_t n = (size_t)got / sizeof pointers[0];
        for (size_t i = 0; i < n; i++) {
            if (!pointers[i])
                return 0;
            (*count)++;
            int err = add_guest_string(a, mm, uptr(pointers[i]));
            if (err)
                return err;
        }
        int err = uptr_add(at, n * sizeof pointers[0], &at);
        if (err)
            return err;
    }
}

/* A program never gets an empty argv: Linux puts "" there since 5.18. */
static int end_of_arguments(struct load_args *a)
{
    if (a->argc == 0) {
        int err = load_args_prepend(a, "");
        if (err)
            return err;
    }
    a->args_size = a->size;
    return 0;
}

int load_args_from_guest(struct load_args *a, struct arena *arena, const struct limits *limits,
                         const char *filename, struct mm *mm, uptr_t argv, uptr_t envp)
{
    start(a, arena, limits, filename);
    int err = add_guest_strings(a, mm, argv, &a->argc);
    if (!err)
        err = end_of_arguments(a);
    if (!err)
        err = add_guest_strings(a, mm, envp, &a->envc);
    return err ? err : check_size(a);
}

static int add_own_strings(struct load_args *a, const char *const *strings, uint32_t *count)
{
    for (; strings && *strings; strings++) {
        size_t size = strlen(*strings) + 1;
        if (size > ARG_STRING_MAX)
            return -E2BIG;
        int err = reserve(a, size);
        if (err)
            return err;
        memcpy(a->bytes + a->size, *strings, size);
        a->size += size;
        (*count)++;
        err = check_size(a);
        if (err)
            return err;
    }
    return 0;
}

int load_args_from_sentry(struct load_args *a, struct arena *arena, const struct limits *limits,
                          const char *filename, const char *const *argv, const char *const *envp)
{
    start(a, arena, limits, filename);
    int err = add_own_strings(a, argv, &a->argc);
    if (!err)
        err = end_of_arguments(a);
    if (!err)
        err = add_own_strings(a, envp, &a->envc);
    return err ? err : check_size(a);
}

void load_args_drop_first(struct load_args *a)
{
    assert(a->argc > 0);
    size_t size = strlen(a->bytes) + 1;
    memmove(a->bytes, a->bytes + size, a->size - size);
    a->size -= size;
    a->args_size -= size;
    a->argc--;
}

int load_args_prepend(struct load_args *a, const char *s)
{
    size_t size = strlen(s) + 1;
    int err = reserve(a, size);

    if (err)
        return err;
    memmove(a->bytes + size, a->bytes, a->size);
    memcpy(a->bytes, s, size);
    a->size += size;
    a->args_size += size;
    a->argc++;
    return check_size(a);
}

void load_args_destroy(struct load_args *a)
{
    arena_free(a->bytes);
    *a = (struct load_args){ 0 };
}
