/* SPDX-License-Identifier: Apache-2.0 */
/* Stops: calls, faults, exceptions, and what must not be one. */
#define PLATFORM platform_ptrace
#include "tests/platform/run.h"
