/* SPDX-License-Identifier: Apache-2.0 */
/* All verbs under the sentry's own filter, and without a capability. */
#define PLATFORM platform_systrap
#include "tests/platform/jail.h"
