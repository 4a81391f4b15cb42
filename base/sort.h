/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cc.h"

/*
 * Sorts an array in place, as qsort(3), but without memory and without host calls: the
 * library's asks the host how much memory there is when the array is large, which a
 * jailed process may not. Not stable.
 *
 *   compare   < 0, 0, > 0, as its first element comes before, beside or after the second
 */
void sort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *));
