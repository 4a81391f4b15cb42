/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces that have ended and begin again: who gets them, and what is left in them. */
#define PLATFORM platform_ptrace
#include "tests/platform/spare.h"
