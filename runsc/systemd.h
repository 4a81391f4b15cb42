/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --systemd-cgroup: a container's cgroup is a scope that systemd makes and knows, so that
 * its own tidying does not undo our limits. What is inside the scope is ours (Delegate).
 *
 *   source    systemd.scope(5), systemd.resource-control(5), org.freedesktop.systemd1(5)
 */
#pragma once

#include <sys/types.h>

#include "runsc/json.h"

/* What cgroupsPath names: "slice:prefix:name". */
struct scope {
    char slice[256]; /* "machine.slice" */
    char unit[512];  /* "libpod-ID.scope" */
    bool user;       /* the caller's own systemd, not the machine's */
};

/*
 * Reads cgroupsPath as engines write it for systemd.
 *
 *   spec      or NULL: runsc-ID.scope in the common slice
 *   errors    EINVAL with words
 */
must_use int scope_parse(const char *spec, const char *id, bool user, struct scope *out,
                         struct err *e);

/*
 * Where its directory is below a hierarchy's mount point: "/a.slice/a-b.slice/x.scope".
 *
 *   manager   the cgroup of the systemd that has it; "" for the machine's
 *   errors    ENAMETOOLONG with words
 */
must_use int scope_path(const struct scope *s, const char *manager, char *out, size_t size,
                        struct err *e);

/*
 * Has systemd make the scope, with what linux.resources says, and a process of ours in it that
 * does nothing: without one a scope would end at once.
 *
 *   manager   room for `size` bytes: as scope_path() wants it
 *   holder    that process: scope_release() it when there is another
 *   errors    ENOTCONN with words where no systemd answers; what systemd says, with its words
 *   blocks    until systemd has done it, half a minute at most
 */
must_use int scope_start(const struct scope *s, const struct node *resources, bool v2,
                         char *manager, size_t size, pid_t *holder, struct err *e);
void scope_release(pid_t *holder);

/* Tells systemd of new limits of a scope that runs. Errors: as scope_start(). */
must_use int scope_limit(const char *unit, bool user, const struct node *resources, bool v2,
                         struct err *e);
