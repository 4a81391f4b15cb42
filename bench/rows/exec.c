/* SPDX-License-Identifier: Apache-2.0 */
/* vfork, exec of /bin/true, wait: what a shell or make does for each command. */
#include "bench/rows/row.h"

#include <sys/wait.h>

static void execs(uint64_t times)
{
    static char *const argv[] = { "true", NULL }, *const envp[] = { NULL };

    while (times--) {
        int status;
        pid_t child = vfork();

        must(child >= 0, "vfork");
        if (child == 0) {
            execve("/bin/true", argv, envp);
            _exit(127);
        }
        must(waitpid(child, &status, 0) == child && status == 0, "/bin/true");
    }
}

int main(void)
{
    row(execs);
    return 0;
}
