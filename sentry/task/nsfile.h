/* SPDX-License-Identifier: Apache-2.0 */
/* Files that keep a namespace alive: what /proc/PID/ns/uts and its kin open. */
#pragma once

#include "sentry/task/nsproxy.h"

/* `ns` is borrowed; the file has a reference of its own. Errors: ENOMEM. */
must_use int nsfile_create(struct arena *a, const struct ns_ref *ns, const struct cred *cred,
                           struct file **out);
/* NULL where `f` is no such file. */
const struct ns_ref *nsfile_ref(const struct file *f);
