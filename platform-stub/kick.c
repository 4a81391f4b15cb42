/* SPDX-License-Identifier: Apache-2.0 */
#include "platform-stub/kick.h"

#include <errno.h>

#include "base/host.h"
#include "base/panic.h"

void kick(_Atomic uint32_t *state, const _Atomic pid_t *pid)
{
    if (atomic_exchange(state, THREAD_KICKED) != THREAD_IN)
        return;
    /*
     * The stub may have left by itself, even died: then nobody, or the next run(),
     * sees the signal. Its pid is not given to another process that soon.
     */
    pid_t to = atomic_load(pid);
    if (to && host_tgkill(to, to, KICK_SIGNAL) == -EAGAIN)
        panic("interrupt: no room for a signal");
}

nsec_t stub_time(pid_t pid)
{
    nsec_t now;

    return host_process_time(pid, &now) ? 0 : now;
}
