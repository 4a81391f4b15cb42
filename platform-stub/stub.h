/* SPDX-License-Identifier: Apache-2.0 */
/* The code in stub.S, and what clone(2) is told when stubs are made. */
#pragma once

#include <sched.h>
#include <sys/types.h>

#include "base/cc.h"
#include "platform-stub/layout.h"

/* The page that stubs have at STUB_CODE, as it lies in our own text. */
extern const char stub_code[], stub_use_tiles[];

/*
 * Makes the zygote, by way of a short-lived child.
 *
 *   cmd_fd    memory file of the command areas; the zygote's is at offset 0
 *   fpu       FPU state that all stubs begin with: an XSAVE area, 64-byte aligned
 *   xsave     whether it is one; else it is an FXSAVE area
 *   zygote    set to its pid, or to -errno
 *   returns   the pid of the short-lived child, to be waited for (__WALL), or -errno
 */
pid_t stub_launch(int cmd_fd, const void *fpu, bool xsave, pid_t *zygote);

/*
 * The current directory and the like are never used, and sharing them is cheapest.
 * Signal actions are not shared: each traced stop takes their lock.
 */
#define STUB_CLONE_AGENT  (CLONE_PARENT | CLONE_FILES | CLONE_FS)
#define STUB_CLONE_THREAD (CLONE_PARENT | CLONE_FILES | CLONE_FS | CLONE_VM)
