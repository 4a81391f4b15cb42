/* SPDX-License-Identifier: Apache-2.0 */
/* Who a new program runs as: capabilities(7), "Transformation of capabilities during execve()". */
#pragma once

#include "sentry/load/load.h"
#include "sentry/task/task.h"

struct exec_cred {
    struct cred *cred; /* given by exec_cred_make() */
    bool set_id;       /* a set-user-ID or set-group-ID bit was obeyed */
    bool gained;       /* the program has rights that its caller did not: AT_SECURE */
};

/* What personality(2) bits a set-id program loses: PER_CLEAR_ON_SETID. */
#define PERSONALITY_UNSAFE (0x0400000u | 0x0040000u | 0x0200000u | 0x0100000u)

/* `file` is what runs: not a script. Errors: ENOMEM, EPERM where file capabilities cannot be had.
 */
must_use int exec_cred_make(struct task *t, struct file *file, struct exec_cred *out);
void exec_cred_ids(const struct exec_cred *e, struct load_ids *out);
