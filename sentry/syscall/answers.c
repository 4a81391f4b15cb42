/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each answer is what the call's own handler gives, where the container's profile has nothing
 * to say: a call that is answered is not judged, and its registers may hold any arguments.
 */
#include "sentry/syscall/answers.h"

#include <sys/syscall.h>

#include "sentry/syscall/stats.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/seccomp.h"
#include "sentry/task/task.h"

static const struct {
    uint16_t nr;
    bool is_id; /* of a user or group: a map may be given to a user namespace at any time */
    long (*ask)(struct task *t);
} calls[] = {
    {SYS_getpid,   false, sys_getpid },
    { SYS_gettid,  false, sys_gettid },
    { SYS_getppid, false, sys_getppid},
    { SYS_getuid,  true,  sys_getuid },
    { SYS_geteuid, true,  sys_geteuid},
    { SYS_getgid,  true,  sys_getgid },
    { SYS_getegid, true,  sys_getegid},
};
static_assert(ARRAY_LEN(calls) <= GUEST_ANSWERS_MAX, "room for each");

static bool may_answer(const struct task *t, uint16_t nr, bool is_id)
{
    return seccomp_is_free(t, nr) && (!is_id || !t->cred->user_ns->parent);
}

size_t syscall_answers(struct task *t, struct guest_answer out[GUEST_ANSWERS_MAX])
{
    const struct syscall_stats *s = syscall_stats(t->arena);
    size_t n = 0;

    if (s && s->watching)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (may_answer(t, calls[i].nr, calls[i].is_id))
            out[n++] = (struct guest_answer){ calls[i].nr, (uint32_t)calls[i].ask(t) };
    }
    return n;
}
