/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "runsc/err.h"

/* --pid-file: whoever looks sees all of the number, or no file. Errors: with words. */
must_use int pid_file_write(const char *path, pid_t pid, struct err *e);
