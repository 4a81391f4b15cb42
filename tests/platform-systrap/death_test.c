/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing survives the sentry. */
#define PLATFORM platform_systrap
#include "tests/platform/death.h"
