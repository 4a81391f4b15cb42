/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a new address space with a program: the part of load_image() that follows the headers. */
#pragma once

#include "sentry/load/load.h"

/* Fills l->mm and l->regs from what load_find() found. Errors: as load_image(). */
must_use int image_build(struct load *l, const struct load_ids *ids);
