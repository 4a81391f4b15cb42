/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing who a task is: the rules of setuid(2) and its kin.
 *
 * Ids are the guest's numbers; ID_NONE (-1) means "as it is" where the call allows it.
 * All give EINVAL for an id that the user namespace does not know, EPERM, ENOMEM.
 *
 *   source    credentials(7), capabilities(7); kernel/sys.c and security/commoncap.c, Linux 6.6
 */
#pragma once

#include "sentry/task/task.h"

must_use int ids_set_uid(struct task *t, uint32_t uid);
must_use int ids_set_reuid(struct task *t, uint32_t ruid, uint32_t euid);
must_use int ids_set_resuid(struct task *t, uint32_t ruid, uint32_t euid, uint32_t suid);
must_use int ids_set_gid(struct task *t, uint32_t gid);
must_use int ids_set_regid(struct task *t, uint32_t rgid, uint32_t egid);
must_use int ids_set_resgid(struct task *t, uint32_t rgid, uint32_t egid, uint32_t sgid);
/* These give the id that was there before, whether they change it or not. */
uint32_t ids_set_fsuid(struct task *t, uint32_t uid);
uint32_t ids_set_fsgid(struct task *t, uint32_t gid);
/* Kernel ids. Errors: EPERM, ENOMEM. */
must_use int ids_set_groups(struct task *t, const uint32_t *groups, uint32_t n);
/* May it call setgroups(2) at all? */
bool ids_may_set_groups(const struct task *t);
