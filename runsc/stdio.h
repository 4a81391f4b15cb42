/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Fits one of our own stdio for a container's.
 *
 * Engines may give us /dev/null with one right only, for all three. As runc does, it is opened
 * again with both, under the same number, so that a guest may write what nobody reads.
 *
 *   fd       0, 1 or 2
 *   returns  fd; -1: it is closed
 */
int stdio_take(int fd);
