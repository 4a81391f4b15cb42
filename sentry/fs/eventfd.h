/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sentry/vfs/file.h"

/*
 * Makes an eventfd.
 *
 *   count     where it starts
 *   flags     EFD_SEMAPHORE (a read takes one, not all), EFD_NONBLOCK; others are ignored
 *   cred      of the caller: borrowed
 *   out       given
 *   errors    ENOMEM
 *   source    eventfd(2)
 */
must_use int eventfd_create(struct arena *a, const struct cred *cred, uint32_t count, int flags,
                            struct file **out);

/* Is it an eventfd? For those who signal one: io_uring, aio. */
bool file_is_eventfd(const struct file *f);
/* Adds as write(2) does, from the sentry. Errors: EAGAIN where the counter would overflow. */
must_use int eventfd_add(struct file *f, uint64_t n);
