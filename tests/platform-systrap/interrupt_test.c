/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt(): never lost, from any thread. */
#define PLATFORM platform_systrap
#include "tests/platform/interrupt.h"
