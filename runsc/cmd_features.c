/* SPDX-License-Identifier: Apache-2.0 */
/* runsc features: what of the OCI runtime specification there is, for who asks by program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runsc/cmd.h"
#include "runsc/command.h"
#include "runsc/oci.h"
#include "runsc/version.h"

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

/* All words of one kind, in order: given. */
static json_t *sorted(const char *(*word)(size_t i))
{
    const char *all[128];
    json_t *out = json_array();
    size_t n = 0;

    while (n < ARRAY_LEN(all) && (all[n] = word(n)) != NULL)
        n++;
    qsort(all, n, sizeof *all, by_name);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(out, json_string(all[i]));
    return out;
}

/* In the order of their numbers. */
static json_t *capabilities(void)
{
    json_t *out = json_array();
    const char *name;

    for (size_t i = 0; (name = oci_cap_name(i)) != NULL; i++)
        json_array_append_new(out, json_sprintf("CAP_%s", name));
    return out;
}

static json_t *seccomp(void)
{
    return json_pack("{s:b, s:o, s:o, s:[s], s:o, s:o}", "enabled", 1, "actions",
                     sorted(oci_seccomp_action), "operators", sorted(oci_seccomp_operator), "archs",
                     "SCMP_ARCH_X86_64", "knownFlags", sorted(oci_seccomp_flag), "supportedFlags",
                     sorted(oci_seccomp_flag));
}

static json_t *linux_part(void)
{
    return json_pack(
        "{s:[s,s,s,s,s,s,s], s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b},"
        " s:{s:b}, s:{s:{s:b}}}",
        "namespaces", "cgroup", "ipc", "mount", "network", "pid", "user", "uts", "capabilities",
        capabilities(), "cgroup", "v1", 1, "v2", 1, "systemd", 1, "systemdUser", 1, "rdma", 0,
        "seccomp", seccomp(), "apparmor", "enabled", 0, "selinux", "enabled", 0, "intelRdt",
        "enabled", 0, "mountExtensions", "idmap", "enabled", 1);
}

/* Of annotations, those of a pod put a container into a sandbox that is there. */
static json_t *features(void)
{
    return json_pack("{s:s, s:s, s:[s,s,s,s,s,s], s:o, s:o, s:{s:s, s:s}, s:[s,s,s,s]}",
                     "ociVersionMin", "1.0.0", "ociVersionMax", OCI_VERSION, "hooks", "prestart",
                     "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
                     "mountOptions", sorted(oci_mount_option), "linux", linux_part(), "annotations",
                     "dev.runsc.version", RUNSC_VERSION,
                     "org.opencontainers.runc.checkpoint.enabled", "false",
                     "potentiallyUnsafeConfigAnnotations", "io.kubernetes.cri.container-type",
                     "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.ContainerType",
                     "io.kubernetes.cri-o.SandboxID");
}

int cmd_features(char *const argv[], struct err *e)
{
    static const struct flag flags[] = { COMMAND_FLAGS };
    struct command c = { .root = NULL };
    char *const *rest;
    int err = command_parse(flags, ARRAY_LEN(flags), argv, &c, "features", 0, 0, &rest, e);

    if (err > 0)
        return 0;
    if (err)
        return EXIT_FAILED;
    json_t *f = features();
    if (!f) {
        err_set(e, -1, "cannot print the features");
        return EXIT_FAILED;
    }
    json_dumpf(f, stdout, JSON_INDENT(4));
    putchar('\n');
    json_decref(f);
    return 0;
}
