/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that are on their way, so that the program links: each goes when the real one lands. */
#include "base/host.h"
#include "sentry/core/hostfd.h"
#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs.h"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define W __attribute__((weak))
#include "sentry/vfs/mount.h"

