/* SPDX-License-Identifier: Apache-2.0 */
/* getrandom(2). The generator is always seeded, so no flag makes it wait or fail. */
#include <sys/random.h>

#include "sentry/fs/device.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"

long sys_getrandom(struct task *t, uptr_t buf, size_t count, unsigned flags)
{
    struct io io;

    if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    int err = task_io(t, buf, count, &io);
    return err ? err : random_read(t->arena, &io);
}
