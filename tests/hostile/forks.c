/* SPDX-License-Identifier: Apache-2.0 */
/* flags: --mem=256m --pids=150 --timeout=10s */
/* ends: 0 124 137 */
/* A fork bomb of processes and threads, in new sessions, deaf to signals, that ends by --timeout
 * only. */
#include <pthread.h>

#include "lib.h"

static _Noreturn void *also(void *arg)
{
    (void)arg;
    for (;;)
        if (fork() < 0)
            sleep_ms(1);
}

int main(void)
{
    for (int s = 1; s < 65; s++)
        signal(s, SIG_IGN);
    for (;;) {
        pthread_t t;

        if (fork() == 0)
            setsid();
        pthread_create(&t, NULL, also, NULL);
        if (vfork() == 0)
            _exit(0);
    }
}
