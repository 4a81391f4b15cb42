/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: what a guest sees of what the sentry maps. */
#define PLATFORM platform_ptrace
#include "tests/platform/aspace.h"
