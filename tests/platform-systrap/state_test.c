/* SPDX-License-Identifier: Apache-2.0 */
/* What guests can do to the processor. */
#define PLATFORM platform_systrap
#include "tests/platform/state.h"
