/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp profile of a container: which calls its programs may make of the sentry. It
 * holds for all of them and never changes.
 *
 * Filters of guests' own, as seccomp(2) installs them, are another thing, and not there yet.
 *
 *   source    the OCI runtime specification, "seccomp"; seccomp(2) for the actions
 */
#pragma once

#include "sentry/task/container.h"
#include "sentry/task/group.h"

enum seccomp_action {
    SECCOMP_ALLOW,
    SECCOMP_ERRNO,
    SECCOMP_TRAP,
    SECCOMP_KILL_THREAD,
    SECCOMP_KILL_PROCESS,
    SECCOMP_ACTIONS,
};

enum seccomp_op {
    SECCOMP_NE,
    SECCOMP_LT,
    SECCOMP_LE,
    SECCOMP_EQ,
    SECCOMP_GE,
    SECCOMP_GT,
    SECCOMP_MASKED_EQ, /* the argument under `value` is `two` */
    SECCOMP_OPS,
};

struct seccomp_arg {
    uint64_t value, two;
    uint8_t index, op;
};

/* What is to be done where all arguments are like that. */
struct seccomp_verdict {
    uint8_t action;
    uint16_t error; /* SECCOMP_ERRNO */
};

/*
 * Makes the profile.
 *
 *   otherwise what is to be done where no rule says anything
 *   calls     how many numbers of calls there are
 *   rules     how many rules will be added, and how many arguments they look at
 *   out       given: to its container
 *   errors    ENOMEM
 */
must_use int seccomp_create(struct arena *a, struct seccomp_verdict otherwise, uint32_t calls,
                            uint32_t rules, uint32_t args, struct seccomp_profile **out);
/* NULL is fine. */
void seccomp_destroy(struct seccomp_profile *p);
/* Adds a rule behind those of the same call: the first that fits counts. */
void seccomp_add(struct seccomp_profile *p, uint32_t nr, struct seccomp_verdict verdict,
                 const struct seccomp_arg *args, uint8_t nargs);

static inline bool seccomp_on(const struct task *t)
{
    return t->group->container->profile != NULL;
}

/* Whether it may make this call with any arguments, and nobody has to be asked. */
bool seccomp_is_free(const struct task *t, uint64_t nr);

/*
 * May `t` make this call? Where not, what is to come has been seen to.
 *
 *   result    what the call gives, where it may not be made
 */
must_use bool seccomp_allows(struct task *t, uint64_t nr, const uint64_t regs[6], long *result);
