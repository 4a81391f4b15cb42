/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/profile.h"

#include <string.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/seccomp.h"

/* A name has at most one number: there is one architecture. */
static int find_call(const char *name)
{
    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++) {
        const struct sysent *e = sysent_get(nr);
        if (e && strcmp(e->name, name) == 0)
            return (int)nr;
    }
    return -1;
}

static void add(struct seccomp_profile *p, const struct option_rule *r)
{
    struct seccomp_verdict v = { .action = (uint8_t)r->action, .error = (uint16_t)r->error };
    struct seccomp_arg args[6];
    int nr = find_call(r->call);

    if (nr < 0)
        return;
    for (uint32_t i = 0; i < r->nargs; i++)
        args[i] = (struct seccomp_arg){ .value = r->args[i].value,
                                        .two = r->args[i].two,
                                        .index = (uint8_t)r->args[i].index,
                                        .op = (uint8_t)r->args[i].op };
    seccomp_add(p, (uint32_t)nr, v, args, (uint8_t)r->nargs);
}

int profile_create(struct arena *a, const struct sandbox_options *o, struct seccomp_profile **out)
{
    struct seccomp_verdict otherwise = { .action = (uint8_t)o->seccomp_action,
                                         .error = (uint16_t)o->seccomp_error };
    uint32_t args = 0;

    static_assert((int)OPTION_ALLOW == SECCOMP_ALLOW &&
                      (int)OPTION_KILL_PROCESS == SECCOMP_KILL_PROCESS,
                  "actions are numbered alike");
    static_assert((int)OPTION_NE == SECCOMP_NE && (int)OPTION_MASKED_EQ == SECCOMP_MASKED_EQ,
                  "so are comparisons");
    *out = NULL;
    if (!o->seccomp)
        return 0;
    for (uint32_t i = 0; i < o->nrules; i++)
        args += o->rules[i].nargs;
    int err = seccomp_create(a, otherwise, SYSCALL_COUNT, o->nrules, args, out);
    for (uint32_t i = 0; i < o->nrules && !err; i++)
        add(*out, &o->rules[i]);
    return err;
}
