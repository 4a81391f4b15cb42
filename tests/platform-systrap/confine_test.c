/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest can reach by jumping into the stub. */
#define PLATFORM platform_systrap
#include "tests/platform/confine.h"
