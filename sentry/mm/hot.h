/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chunks of private memory that somebody writes to soon after a fork: stacks,
 * libc's data, what exit handlers touch. A fork copies them for the child at once.
 *
 * What was learnt is the family's: a child finds out what the next one will need, and
 * is gone before its parent forks again. Several address spaces look here with no lock
 * in common; it is advice, so words that do not belong together do no harm.
 */
#pragma once

#include "sentry/core/arena.h"

struct hot_set;

/* For a new program. Errors: NULL where there is no room. */
must_use struct hot_set *hot_create(struct arena *a);
struct hot_set *hot_get(struct hot_set *h);
void hot_put(struct hot_set *h);

/* The chunk that begins at `at` had to be copied. */
void hot_note(struct hot_set *h, uint64_t at);
bool hot_has(const struct hot_set *h, uint64_t at);
/* Is there one in [start, end)? */
bool hot_any(const struct hot_set *h, uint64_t start, uint64_t end);
/* Another fork: what was not noted for many is forgotten. */
void hot_age(struct hot_set *h);
