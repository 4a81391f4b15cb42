/* SPDX-License-Identifier: Apache-2.0 */
/* Values of flags: sizes, times, counts, as a person writes them. */
#pragma once

#include "base/time.h"
#include "runsc/err.h"

/* "64m", "1.5GiB", "4096": bytes. `what` names the flag in the words. Errors: EINVAL. */
must_use int parse_size(const char *text, const char *what, uint64_t *out, struct err *e);
/* "5", "1.5s", "200ms", "2m", "1h": a span above zero. Errors: EINVAL. */
must_use int parse_span(const char *text, const char *what, nsec_t *out, struct err *e);
/* A whole number in [least, most]. Errors: EINVAL. */
must_use int parse_number(const char *text, const char *what, uint64_t least, uint64_t most,
                          uint64_t *out, struct err *e);
