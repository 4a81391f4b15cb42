/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls cost inside the sentry, in nanoseconds each: no guest, no platform, and a gofer that
 * is asked once. What bench/rows measures on top of this is the way to the sentry and back. Of
 * many short rounds the best counts, so that it can be told on a machine that is busy otherwise.
 *
 *     make MODE=release build/release/bench/sentry_calls && build/release/bench/sentry_calls
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/host.h"
#include "sentry/fs/gofer.h"
#include "sentry/fs/overlay.h"
#include "sentry/mm/copy.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/vfs/mount.h"
#include "tests/lib/gofer_pair.h"
#include "tests/lib/task_world.h"

#define ROUNDS 200
#define TIMES  500
#define NAME   (WORLD_STACK)
#define BYTES  (WORLD_STACK + 0x1000)
#define PAGES  (WORLD_STACK + 0x4000)

static struct task_world w;
static struct gofer_pair pair;

static long call(long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return task_world_call(w.init, nr, a0, a1, a2);
}

static long must(long r)
{
    assert(r >= 0);
    return r;
}

/* One thing that is measured, and what it is done to. */
static long fd, ends[2];

static void getppid_once(void)
{
    must(call(SYS_getppid, 0, 0, 0));
}

static void write_once(void)
{
    must(call(SYS_write, (uint64_t)fd, BYTES, 64));
}

static void read_once(void)
{
    must(call(SYS_read, (uint64_t)fd, BYTES, 64));
}

static void pread_once(void)
{
    long n =
        syscall_dispatch(w.init, SYS_pread64, (uint64_t[6]){ (uint64_t)fd, PAGES, 4096, 4096 });
    must(n == 4096 ? 0 : -1);
}

static void lseek_once(void)
{
    must(call(SYS_lseek, (uint64_t)fd, 0, SEEK_SET));
}

static void fstat_once(void)
{
    must(call(SYS_fstat, (uint64_t)fd, BYTES, 0));
}

static void stat_once(void)
{
    must(call(SYS_stat, NAME, BYTES, 0));
}

static void open_once(void)
{
    must(call(SYS_close, (uint64_t)must(call(SYS_open, NAME, O_RDONLY | O_CLOEXEC, 0)), 0, 0));
}

static void creat_once(void)
{
    long made = must(call(SYS_open, NAME, O_WRONLY | O_CREAT | O_EXCL, 0600));

    must(call(SYS_close, (uint64_t)made, 0, 0));
    must(call(SYS_unlink, NAME, 0, 0));
}

/* What tar does with each file. */
static void unpack_once(void)
{
    long made = must(call(SYS_open, NAME, O_WRONLY | O_CREAT | O_EXCL, 0600));

    must(syscall_dispatch(w.init, SYS_utimensat, (uint64_t[6]){ (uint64_t)made, 0, 0, 0 }));
    must(call(SYS_fchown, (uint64_t)made, 0, 0));
    must(call(SYS_fchmod, (uint64_t)made, 0644, 0));
    must(call(SYS_close, (uint64_t)made, 0, 0));
    must(call(SYS_unlink, NAME, 0, 0));
}

static void pipe_once(void)
{
    must(call(SYS_write, (uint64_t)ends[1], BYTES, 1));
    must(call(SYS_read, (uint64_t)ends[0], BYTES, 1));
}

static void measure(const char *what, void (*once)(void))
{
    nsec_t best = NSEC_NEVER;

    for (int r = 0; r < ROUNDS; r++) {
        nsec_t since = host_clock_gettime(CLOCK_MONOTONIC);
        for (int i = 0; i < TIMES; i++)
            once();
        best = min(best, host_clock_gettime(CLOCK_MONOTONIC) - since);
    }
    printf("%-36s %8.1f ns\n", what, (double)best / TIMES);
}

static void put_name(const char *name)
{
    must(copy_out(w.init->mm, uptr(NAME), name, strlen(name) + 1));
}

static long open_name(const char *name, int flags)
{
    put_name(name);
    return must(call(SYS_open, NAME, (uint64_t)flags, 0600));
}

static void in_memory(void)
{
    measure("getppid", getppid_once);
    fd = open_name("/file", O_RDWR | O_CREAT);
    measure("write 64 B", write_once);
    call(SYS_lseek, (uint64_t)fd, 0, SEEK_SET);
    measure("read 64 B", read_once);
    measure("lseek", lseek_once);
    measure("fstat", fstat_once);
    measure("stat", stat_once);
    measure("open + close", open_once);
    put_name("/new");
    measure("creat + close + unlink", creat_once);
    call(SYS_close, (uint64_t)fd, 0, 0);
    must(call(SYS_pipe, BYTES, 0, 0));
    int got[2];
    must(copy_in(w.init->mm, got, uptr(BYTES), sizeof got));
    ends[0] = got[0];
    ends[1] = got[1];
    measure("pipe, write + read 1 B", pipe_once);
}

/* A tree of the host, as a sandbox sees it: under an overlay, mounted somewhere. */
static void mount_overlay(void)
{
    struct arena *a = w.vfs.mm.arena;
    struct dentry *lower, *root;
    struct path at;

    gofer_pair_start(&pair, GOFER_TREE_RO);
    arena_set_host(a, HOST_GOFER, pair.client);
    char path[256] = "", bytes[3 * 4096] = "";
    const char *dirs[] = { "d1", "d1/d2", "d1/d2/d3", "d1/d2/d3/d4" };
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        must(mkdir(gofer_pair_path(&pair, dirs[i], path), 0755));
    gofer_pair_put(&pair, "d1/d2/d3/d4/file", bytes, sizeof bytes);
    must(gofer_fs_create(a, NULL, 0, true, &lower));
    must(overlay_create_discardable(lower, NULL, &w.vfs.root, &root));
    put_name("/over");
    must(call(SYS_mkdir, NAME, 0755, 0));
    must(walk(&w.vfs.root, NULL, "/over", 0, &at));
    must(mount_attach(root, "over", 0, &at));
    path_put(&at);
}

static void in_overlay(void)
{
    mem_catch_faults();
    mount_overlay();
    fd = open_name("/over/d1/d2/d3/d4/file", O_RDONLY);
    measure("overlay: fstat", fstat_once);
    measure("overlay: stat, six names", stat_once);
    measure("overlay: open + close, six names", open_once);
    measure("overlay: pread 4 KiB", pread_once);
    put_name("/over/new");
    measure("overlay: creat + close + unlink", creat_once);
    measure("overlay: the same + times, owner, mode", unpack_once);
    call(SYS_close, (uint64_t)fd, 0, 0);
}

int main(void)
{
    task_world_start(&w, NULL, NULL);
    in_memory();
    in_overlay();
    task_world_stop(&w);
    gofer_pair_stop(&pair);
    return 0;
}
