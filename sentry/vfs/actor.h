/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks: what the file systems may know of the caller.
 *
 * vfs lies below tasks. A task describes itself once per call; everything is borrowed.
 */
#pragma once

#include "sentry/core/cred.h"
#include "sentry/core/limits.h"

struct mm;
struct fs_context;
struct mnt_ns;
struct pid_ns;
struct task;

struct actor {
    struct arena *arena;
    const struct cred *cred; /* fsuid, fsgid and cap_effective decide */
    struct fs_context *fs;   /* root, cwd, umask; NULL in the sentry's own walks */
    const struct limits *limits;
    struct task
        *task; /* opaque to vfs and fs: procfs and ttys, which lie above, know it; may be NULL */
    struct pid_ns
        *pid_ns; /* the same: where there is no task, for a container that is being made */
};
