/* SPDX-License-Identifier: Apache-2.0 */
/* Moving between namespaces: unshare(2), setns(2), and CLONE_NEWUSER. */
#pragma once

#include "sentry/task/task.h"

/*
 * A copy of the caller's credentials in a user namespace of its own, with all capabilities there.
 *
 *   errors    EPERM where the ids have no mapping, or the caller is in a chroot; ENOSPC; ENOMEM
 */
must_use int user_ns_enter_new(struct task *t, struct cred **out);

/* unshare(2). Errors: EINVAL, EPERM, ENOMEM, ENOSPC. */
must_use int task_unshare(struct task *t, uint64_t flags);

/* One of a task's namespaces, as a file of /proc/PID/ns or a pidfd leads to it. */
struct ns_ref {
    int type; /* CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNS */
    union {
        struct user_ns *user;
        struct pid_ns *pid;
        struct uts_ns *uts;
        struct ipc_ns *ipc;
        struct mnt_ns *mnt;
    };
};
/* `children`: what pid_for_children shows. Given: ns_ref_put(). Errors: ESRCH; EINVAL for another
 * type. */
must_use int ns_ref_of(struct task *t, int type, bool children, struct ns_ref *out);
void ns_ref_get(const struct ns_ref *from, struct ns_ref *out);
void ns_ref_put(struct ns_ref *ns);
uint64_t ns_ref_ino(const struct ns_ref *ns);
/* The user namespace whose rights count there: borrowed; NULL above the sandbox's own. */
struct user_ns *ns_ref_owner(const struct ns_ref *ns);
/* setns(2) to one namespace. Errors: EPERM, EINVAL, ENOMEM. */
must_use int ns_ref_enter(struct task *t, const struct ns_ref *ns);
