/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/core/arena.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/host.h"
#include "sentry/core/slab.h"

#define MIB   ((uint64_t)1 << 20)
#define SAVED "ARENA_TEST_SAVED" /* in the environment of the program that attaches */

struct thing_ops {
    int number;
};

struct thing {
    const struct thing_ops *ops;
    struct thing *next;
    void *host;
    char text[48];
};

static const struct thing_ops ops = { 42 };
static const struct slab_type thing_slab =
    SLAB_TYPE(kernel, struct thing, .const_ptrs = { PTR_AT(struct thing, ops) },
              .host_ptrs = { PTR_AT(struct thing, host) });

static struct arena *new_arena(uint64_t limit)
{
    struct arena *a;
    int err = arena_create(limit, &a);
    cr_assert_eq(err, 0);
    return a;
}

static bool all_zero(const char *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (p[i])
            return false;
    }
    return true;
}

Test(arena, objects_are_zeroed_and_know_their_arena)
{
    struct arena *a = new_arena(MIB);

    for (int round = 0; round < 3; round++) {
        struct thing *t = slab_alloc(a, &thing_slab);
        cr_assert_not_null(t);
        cr_assert_eq((uintptr_t)t % 64, 0);
        cr_assert(all_zero((char *)t, sizeof *t));
        cr_assert_eq(arena_of(t), a);
        cr_assert_eq(slab_live(a, SLAB_kernel), 1);
        memset(t, 0xff, sizeof *t);
        slab_free(t);
        cr_assert_eq(slab_live(a, SLAB_kernel), 0);
    }
    cr_assert_eq(arena_used(a), 0);
    arena_destroy(a);
}

Test(arena, bytes_of_every_size_come_zeroed_and_go_back)
{
    static const size_t sizes[] = { 0, 1, 16, 17, 100, 4096, 5000, 16384, 16385, 65536, 1000000 };
    struct arena *a = new_arena(64 * MIB);

    for (int round = 0; round < 2; round++) {
        char *p[ARRAY_LEN(sizes)];
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            p[i] = arena_alloc(a, sizes[i]);
            cr_assert_not_null(p[i]);
            cr_assert_eq((uintptr_t)p[i] % 16, 0);
            cr_assert_geq(arena_usable(p[i]), sizes[i]);
            cr_assert(all_zero(p[i], arena_usable(p[i])));
            memset(p[i], 0xa5, arena_usable(p[i]));
        }
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            arena_free(p[i]);
        cr_assert_eq(arena_used(a), 0);
    }
    arena_destroy(a);
}

Test(arena, many_objects_do_not_overlap)
{
    enum { COUNT = 5000 };
    static struct thing *t[COUNT];
    struct arena *a = new_arena(64 * MIB);

    for (int i = 0; i < COUNT; i++) {
        t[i] = slab_alloc(a, &thing_slab);
        cr_assert_not_null(t[i]);
        t[i]->host = (void *)(uintptr_t)i;
    }
    for (int i = 0; i < COUNT; i += 2)
        slab_free(t[i]);
    for (int i = 0; i < COUNT; i += 2) {
        t[i] = slab_alloc(a, &thing_slab);
        t[i]->host = (void *)(uintptr_t)i;
    }
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq((uintptr_t)t[i]->host, (uintptr_t)i);
        slab_free(t[i]);
    }
    cr_assert_eq(slab_live(a, SLAB_kernel), 0);
    arena_destroy(a);
}

Test(arena, the_limit_is_one)
{
    struct arena *a = new_arena(10 * sizeof(struct thing) + 64);
    int n = 0;

    while (slab_alloc(a, &thing_slab))
        n++;
    cr_assert_geq(n, 5);
    cr_assert_leq(n, 10);
    cr_assert_null(arena_alloc(a, MIB));
    cr_assert_leq(arena_used(a), arena_limit(a));
    arena_destroy(a);
}

Test(arena, reserved_tables_are_not_charged)
{
    struct arena *a = new_arena(MIB);
    char *table = arena_reserve(a, 256 * MIB);

    cr_assert_not_null(table);
    cr_assert_eq(arena_used(a), 0);
    table[200 * MIB] = 1;
    arena_free(table);
    char *again = arena_reserve(a, 256 * MIB);
    cr_assert_eq(again[200 * MIB], 0);
    arena_destroy(a);
}

Test(arena, a_freed_object_is_freed_once, .signal = SIGABRT)
{
    struct arena *a = new_arena(MIB);
    struct thing *t = slab_alloc(a, &thing_slab), *u = slab_alloc(a, &thing_slab);

    (void)u;
    slab_free(t);
#if defined(__SANITIZE_ADDRESS__)
    abort(); /* the sanitizer would say it first */
#else
    slab_free(t);
#endif
}

Test(arena, a_pointer_that_leads_out_is_found)
{
    struct arena *a = new_arena(MIB);
    struct thing *t = slab_alloc(a, &thing_slab);
    char why[128];

    t->ops = &ops;
    t->next = t;
    t->host = &t;
    cr_assert(arena_check(a, why, sizeof why));
    t->next = (struct thing *)&t;
    cr_assert_not(arena_check(a, why, sizeof why));
    cr_assert_not_null(strstr(why, "kernel"));
    t->next = NULL;
    t->ops = (const struct thing_ops *)t;
    cr_assert_not(arena_check(a, why, sizeof why));
    arena_destroy(a);
}

static int save(struct arena *a, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    int err = arena_save(a, fd);
    close(fd);
    return err;
}

/* A list of things, one freed, and a block, reached from a root. */
static void fill(struct arena *a)
{
    struct thing *head = NULL;

    for (int i = 0; i < 2000; i++) {
        struct thing *t = slab_alloc(a, &thing_slab);
        t->ops = &ops;
        t->next = head;
        t->host = &head;
        snprintf(t->text, sizeof t->text, "%d", i);
        head = t;
    }
    slab_free(slab_alloc(a, &thing_slab));
    arena_set_root(a, ROOT_KERNEL, head);
    arena_set_root(a, ROOT_VFS, arena_strndup(a, "a text that goes along", 6));
    arena_set_host(a, HOST_CLOCK, &head);
}

static void check_filled(struct arena *a)
{
    struct thing *t = arena_root(a, ROOT_KERNEL);
    char text[48];

    cr_assert_str_eq(arena_root(a, ROOT_VFS), "a text");
    cr_assert_null(arena_host(a, HOST_CLOCK));
    for (int i = 1999; i >= 0; i--, t = t->next) {
        snprintf(text, sizeof text, "%d", i);
        cr_assert_str_eq(t->text, text);
        cr_assert_eq(t->ops, &ops);
        cr_assert_eq(t->ops->number, 42);
        cr_assert_null(t->host);
    }
    cr_assert_null(t);
    cr_assert_eq(slab_live(a, SLAB_kernel), 2000);
}

/* Runs in a program of its own, whose code lies elsewhere; by itself it does nothing. */
Test(arena, attaches_what_another_program_saved)
{
    const char *path = getenv(SAVED);
    struct arena *a;

    if (!path)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    int err = arena_attach(fd, &a);
    cr_assert_eq(err, 0);
    check_filled(a);
    struct thing *t = slab_alloc(a, &thing_slab);
    cr_assert(all_zero((char *)t, sizeof *t));
    /* The file is not changed by what happens in the arena: it can be attached again. */
    arena_destroy(a);
    err = arena_attach(fd, &a);
    cr_assert_eq(err, 0);
    check_filled(a);
    arena_destroy(a);
    close(fd);
}

Test(arena, goes_on_in_another_program)
{
    char path[] = "/tmp/arena_test.XXXXXX";
    struct arena *a = new_arena(16 * MIB), *b;

    if (getenv(SAVED))
        return;
    int fd = mkstemp(path);
    fill(a);
    cr_assert_eq(save(a, path), 0);
    cr_assert_eq(arena_attach(fd, &b), -ENOMEM); /* its place is taken */
    arena_destroy(a);

    pid_t pid = fork();
    if (pid == 0) {
        char saved[sizeof path + sizeof SAVED + 1];
        snprintf(saved, sizeof saved, "%s=%s", SAVED, path);
        execle("/proc/self/exe", "arena_test", "--filter",
               "arena/attaches_what_another_program_saved", NULL, (char *[]){ saved, NULL });
        _exit(127);
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    unlink(path);
    close(fd);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(arena, a_foreign_file_is_refused)
{
    struct arena *a;
    int fd = memfd_create("foreign", MFD_CLOEXEC);

    cr_assert_eq(arena_attach(fd, &a), -EINVAL);
    cr_assert_eq(ftruncate(fd, 1 << 20), 0);
    cr_assert_eq(arena_attach(fd, &a), -EINVAL);
    close(fd);
}
