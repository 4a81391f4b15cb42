/* SPDX-License-Identifier: Apache-2.0 */
/* The page of code that guest threads have at STUB_PAGE. */
#pragma once

#include "platform-stub/xsave.h"

/* It, complete, in STUB_PAGE_SIZE bytes. */
void page_make(const struct xsave *x, void *out);
