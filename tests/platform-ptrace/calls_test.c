/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a guest makes by all means reach the sentry, and no host. */
#define PLATFORM platform_ptrace
#include "tests/platform/calls.h"
