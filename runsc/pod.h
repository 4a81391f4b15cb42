/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods: containers that an engine wants to live together, as Kubernetes does. The first of
 * them, the sandbox, holds the namespaces, and its sentry takes the others in.
 *
 * Engines say so by annotations: CRI's, and those of CRI-O, which podman sets, too. What
 * cannot be taken in (its sandbox is none of ours, or has other namespaces) gets a sentry of
 * its own, and nobody sees the difference but by what it costs.
 */
#pragma once

#include "runsc/container.h"
#include "runsc/oci.h"

/* Is it a pod's sandbox? */
bool pod_is_sandbox(const struct oci_spec *s);

/*
 * Which sandbox it belongs to, by id: borrowed; NULL where it is none of a pod's containers,
 * or cannot be taken in.
 */
const char *pod_sandbox(const struct oci_spec *s, const char *root);

/* The line to the sandbox's sentry that has agreed to take a container in. -1: it does not. */
int pod_join(const char *root, const char *sandbox);
