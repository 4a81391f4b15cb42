/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal of the host for a container's terminal to stand behind. */
#pragma once

#include <stdint.h>

#include "runsc/err.h"

/*
 * Makes a pty, sends its master to who listens at `socket`, and gives the other end, raw.
 *
 *   rows, cols  its size; 0: as it comes
 *   errors      with words
 */
must_use int console_make(const char *socket, uint16_t rows, uint16_t cols, int *out,
                          struct err *e);
