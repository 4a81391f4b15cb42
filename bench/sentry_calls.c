/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls cost inside the sentry, in nanoseconds each: no guest, no platform, no gofer. What
 * bench/rows measures on top of this is the way to the sentry and back.
 *
 *     make MODE=release build/release/bench/sentry_calls && build/release/bench/sentry_calls
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/host.h"
#include "sentry/mm/copy.h"
#include "tests/lib/task_world.h"

#define TIMES 200000
#define NAME  (WORLD_STACK)
#define BYTES (WORLD_STACK + 0x1000)

static struct task_world w;

static long call(long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return task_world_call(w.init, nr, a0, a1, a2);
}

static void report(const char *what, nsec_t since, int times)
{
    printf("%-28s %8.1f ns\n", what, (double)(host_clock_gettime(CLOCK_MONOTONIC) - since) / times);
}

static void measure(const char *what, long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    nsec_t since = host_clock_gettime(CLOCK_MONOTONIC);

    for (int i = 0; i < TIMES; i++) {
        long r = call(nr, a0, a1, a2);
        assert(r >= 0);
    }
    report(what, since, TIMES);
}

static void put_name(const char *name)
{
    int err = copy_out(w.init->mm, uptr(NAME), name, strlen(name) + 1);
    assert(!err);
}

static void opens(int flags, bool unlink, const char *what)
{
    nsec_t since = host_clock_gettime(CLOCK_MONOTONIC);

    for (int i = 0; i < TIMES / 4; i++) {
        long fd = call(SYS_open, NAME, (uint64_t)flags, 0600);
        assert(fd >= 0);
        call(SYS_close, (uint64_t)fd, 0, 0);
        if (unlink)
            call(SYS_unlink, NAME, 0, 0);
    }
    report(what, since, TIMES / 4);
}

static void pipes(void)
{
    int ends[2];

    long r = call(SYS_pipe, BYTES, 0, 0);
    assert(r == 0);
    int err = copy_in(w.init->mm, ends, uptr(BYTES), sizeof ends);
    assert(!err);
    nsec_t since = host_clock_gettime(CLOCK_MONOTONIC);
    for (int i = 0; i < TIMES; i++) {
        call(SYS_write, (uint64_t)ends[1], BYTES, 1);
        call(SYS_read, (uint64_t)ends[0], BYTES, 1);
    }
    report("pipe, write + read 1 B", since, TIMES);
}

int main(void)
{
    task_world_start(&w, NULL, NULL);
    measure("getppid", SYS_getppid, 0, 0, 0);
    put_name("/file");
    long fd = call(SYS_open, NAME, O_RDWR | O_CREAT, 0600);
    assert(fd >= 0);
    measure("write 64 B", SYS_write, (uint64_t)fd, BYTES, 64);
    call(SYS_lseek, (uint64_t)fd, 0, SEEK_SET);
    measure("read 64 B", SYS_read, (uint64_t)fd, BYTES, 64);
    measure("lseek", SYS_lseek, (uint64_t)fd, 0, SEEK_SET);
    measure("fstat", SYS_fstat, (uint64_t)fd, BYTES, 0);
    measure("stat", SYS_stat, NAME, BYTES, 0);
    opens(O_RDONLY, false, "open + close");
    put_name("/new");
    opens(O_RDWR | O_CREAT | O_EXCL, true, "creat + close + unlink");
    pipes();
    call(SYS_close, (uint64_t)fd, 0, 0);
    task_world_stop(&w);
    return 0;
}
