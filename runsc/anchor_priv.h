/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "runsc/anchor.h"

/* The child's whole life. */
_Noreturn void anchor_main(struct anchor *a);
