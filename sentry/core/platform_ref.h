/* SPDX-License-Identifier: Apache-2.0 */
/* What HOST_PLATFORM leads to: the platform that runs this sandbox's guests. */
#pragma once

#include "include/platform.h"
#include "sentry/core/arena.h"

struct platform_ref {
    const struct platform_ops *ops;
    struct platform *platform;
};

static inline const struct platform_ref *platform_of(const struct arena *a)
{
    return (const struct platform_ref *)arena_host(a, HOST_PLATFORM);
}
