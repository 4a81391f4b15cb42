/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Prints the table of calls for a person, to stdout. Returns an exit status. */
int syscalls_print(void);
