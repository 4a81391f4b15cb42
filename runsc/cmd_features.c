/* SPDX-License-Identifier: Apache-2.0 */
/* runsc features: what of the OCI runtime specification there is, for who asks by program. */
#include <stdio.h>

#include "runsc/cmd.h"
#include "runsc/command.h"
#include "runsc/oci.h"
#include "runsc/version.h"

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
    json_t *f = json_pack(
        "{s:s, s:s, s:[s,s,s,s,s,s], s:[s,s,s,s,s,s,s,s,s,s,s,s,s,s,s,s,s,s],"
        " s:{s:[s,s,s,s,s,s,s], s:{s:b, s:b, s:b, s:b}, s:{s:b}, s:{s:b}, s:{s:b}},"
        " s:{s:s}}",
        "ociVersionMin", "1.0.0", "ociVersionMax", OCI_VERSION, "hooks", "prestart",
        "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
        "mountOptions", "bind", "dev", "exec", "noatime", "nodev", "noexec", "nosuid", "private",
        "rbind", "ro", "rprivate", "rslave", "rshared", "rw", "shared", "slave", "suid",
        "unbindable", "linux", "namespaces", "cgroup", "ipc", "mount", "network", "pid", "user",
        "uts", "cgroup", "v1", 1, "v2", 1, "systemd", 1, "systemdUser", 1, "seccomp", "enabled", 0,
        "apparmor", "enabled", 0, "selinux", "enabled", 0, "annotations", "dev.runsc.version",
        RUNSC_VERSION);
    if (!f) {
        err_set(e, -1, "cannot print the features");
        return EXIT_FAILED;
    }
    json_dumpf(f, stdout, JSON_INDENT(4));
    putchar('\n');
    json_decref(f);
    return 0;
}
