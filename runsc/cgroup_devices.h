/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources.devices: which devices of the host a container's processes may open.
 *
 * The guest has none of them: its devices are the sentry's. These rules hold for our own
 * processes, so that one that is broken into opens no disk either, and for what engines
 * run in the container's cgroup.
 *
 * The last rule that speaks of a device decides, for each of read, write and mknod by
 * itself; what no rule speaks of is denied. Behind those of config.json come runc's: the
 * devices that each container has, and mknod of any.
 */
#pragma once

#include <jansson.h>
#include <linux/bpf.h>

#include "runsc/json.h"

#define DEVICE_ANY UINT32_MAX /* of major and minor: any number */

struct device_rule {
    char type; /* 'c', 'b', or 'a' for both, and then for all numbers */
    bool allow;
    uint32_t major, minor;
    unsigned access; /* BPF_DEVCG_ACC_* */
};

/*
 * Reads linux.resources.devices, and puts the common rules behind.
 *
 *   out, count  given: free(*out)
 *   errors      EINVAL, ERANGE with words that name the field; ENOMEM
 */
must_use int devices_read(const struct node *resources, struct device_rule **out, size_t *count,
                          struct err *e);

/*
 * The rules as a program for BPF_CGROUP_DEVICE.
 *
 *   out      room for DEVICE_PROGRAM_MAX(count) instructions
 *   returns  how many they are
 */
size_t devices_program(const struct device_rule *rules, size_t count, struct bpf_insn *out);
#define DEVICE_PROGRAM_MAX(count) (8 * (count) + 9)

/*
 * Sets the rules: on v1 by the files, on v2 by a program, which goes with the directory. Where we
 * have no right to, or the host no means, a warning.
 *
 *   cgroups  as cgroup_create() gives it
 *   errors   EINVAL, ERANGE with words that name the field; ENOMEM
 */
must_use int cgroup_devices(const json_t *cgroups, const struct node *resources, struct err *e);
