/* SPDX-License-Identifier: Apache-2.0 */
/* From config.json to what the sentry and the gofer are told. */
#pragma once

#include "runsc/container.h"
#include "runsc/oci.h"
#include "runsc/view.h"

/*
 * The root and the mounts.
 *
 *   bundle    where relative paths start: real, absolute
 *   rootfs    the root's place on the host: given
 *   errors    with words; view_free() in any case
 */
must_use int oci_view(const struct oci_spec *s, const char *bundle, struct view *v, char **rootfs,
                      struct err *e);

/* All else. `o` points into `s`; its descriptors are left alone. */
must_use int oci_options(const struct oci_spec *s, struct sandbox_options *o, struct err *e);
/* What of it belongs to one process: also for exec. */
void oci_process_options(const struct oci_process *p, struct sandbox_options *o);
