/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that do their worst. */
#define PLATFORM platform_ptrace
#include "tests/platform/hostile.h"
