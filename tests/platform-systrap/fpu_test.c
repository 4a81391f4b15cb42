/* SPDX-License-Identifier: Apache-2.0 */
/* FPU state: where it is kept, and that it is nobody else's. */
#define PLATFORM platform_systrap
#include "tests/platform/fpu.h"
