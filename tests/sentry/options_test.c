/* SPDX-License-Identifier: Apache-2.0 */
/* The message that carries the options: what goes in comes out, and nothing else is taken. */
#include "sentry/options.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char msg[65536];

static const char *const argv[] = { "prog", "an argument", "", NULL };
static const char *const envp[] = { "A=1", NULL };
static const uint32_t groups[] = { 4, 24 };
static const struct option_mount mounts[] = {
    {.kind = MOUNT_OVERLAY, .target = "/",    .source = "overlay", .exclusive = true, .data = ""         },
    { .kind = MOUNT_TMPFS,  .target = "/tmp", .source = "tmpfs",   .flags = 6,        .data = "mode=1777"},
};

static const struct option_node nodes[] = {
    {.path = "/dev/x", .mode = 0020660, .major = 10, .minor = 666, .uid = 5, .gid = 6}
};
static const struct option_sysctl sysctls[] = {
    {.name = "net/ipv4/ip_forward", .value = "1"}
};

static struct sandbox_options sample(void)
{
    return (struct sandbox_options){
        .platform = "auto",
        .hostname = "box",
        .cwd = "/home",
        .argv = argv,
        .envp = envp,
        .uid = 1000,
        .gid = 100,
        .ngroups = 2,
        .groups = groups,
        .caps = {.ambient = 1ull << 40     },
        .personality = 8,
        .sched = { .policy = 3, .nice = -5, .ioprio = 0x4001, .exec_cpus = { [15] = 1 } },
        .rows = 24,
        .cols = 80,
        .mem = 1 << 30,
        .pids = 7,
        .pod = true,
        .pid_ns = 4026531836,
        .uts_ns = 4026531838,
        .trace_set = "%file",
        .nmounts = 2,
        .mounts = mounts,
        .nnodes = 1,
        .nodes = nodes,
        .nsysctls = 1,
        .sysctls = sysctls,
        .timing = true,
        .no_patch = true,
        .no_libos = true,
    };
}

Test(options, survive_the_way)
{
    struct sandbox_options o = sample(), got;
    struct options_storage *storage;
    ssize_t n = options_encode(&o, msg, sizeof msg);

    cr_assert(n > 0);
    cr_assert_eq(options_decode(msg, (size_t)n, &got, &storage), 0);
    cr_assert_str_eq(got.hostname, "box");
    cr_assert_str_eq(got.argv[1], "an argument");
    cr_assert_str_eq(got.argv[2], "");
    cr_assert(got.argv[3] == NULL);
    cr_assert_str_eq(got.envp[0], "A=1");
    cr_assert_eq(got.groups[1], 24);
    cr_assert(got.pod && got.pid_ns == 4026531836 && got.uts_ns == 4026531838);
    cr_assert_eq(got.caps.ambient, 1ull << 40);
    cr_assert_eq(got.personality, 8);
    cr_assert(got.sched.policy == 3 && got.sched.nice == -5 && got.sched.ioprio == 0x4001);
    cr_assert_eq(got.sched.exec_cpus[15], 1);
    cr_assert_eq(got.nmounts, 2);
    cr_assert(got.mounts[0].exclusive);
    cr_assert_str_eq(got.mounts[1].data, "mode=1777");
    cr_assert_eq(got.mounts[1].flags, 6);
    cr_assert_eq(got.nnodes, 1);
    cr_assert_str_eq(got.nodes[0].path, "/dev/x");
    cr_assert_eq(got.nodes[0].minor, 666);
    cr_assert_eq(got.nodes[0].gid, 6);
    cr_assert_eq(got.nsysctls, 1);
    cr_assert_str_eq(got.sysctls[0].value, "1");
    cr_assert_eq(got.fds[OPTION_FD_GOFER], -1);
    options_free(storage);
}

Test(options, that_do_not_fit_are_refused)
{
    struct sandbox_options o = sample();

    cr_assert_eq(options_encode(&o, msg, 40), -E2BIG);
}

Test(options, cut_anywhere_are_refused)
{
    struct sandbox_options o = sample(), got;
    struct options_storage *storage;
    size_t n = (size_t)options_encode(&o, msg, sizeof msg);

    for (size_t cut = 0; cut < n; cut++) {
        /* In memory of its own, so that a sanitizer sees a byte too far. */
        char *part = malloc(cut + 1);
        memcpy(part, msg, cut);
        cr_assert_eq(options_decode(part, cut, &got, &storage), -EPROTO, "cut at %zu", cut);
        free(part);
    }
}

Test(options, with_something_behind_are_refused)
{
    struct sandbox_options o = sample(), got;
    struct options_storage *storage;
    size_t n = (size_t)options_encode(&o, msg, sizeof msg);

    cr_assert_eq(options_decode(msg, n + 1, &got, &storage), -EPROTO);
}
