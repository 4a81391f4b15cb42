/* SPDX-License-Identifier: Apache-2.0 */
/* Host threads that nobody joins. */
#pragma once

#include "base/cc.h"

#define THREAD_STACK_SIZE \
    ((size_t)(DEBUG ? 1024 : 192) << 10) /* sanitizers make frames several times as large */

/*
 * Runs body(arg) in a thread of its own, with the caller's signal mask.
 *
 *   errors    EAGAIN where the host has no thread or no stack for it
 */
must_use int thread_start(void (*body)(void *arg), void *arg);
