/* SPDX-License-Identifier: Apache-2.0 */
/* A signal to oneself, and its handler's return. */
#include "bench/rows/row.h"

#include <signal.h>

static volatile sig_atomic_t handled;

static void handler(int signal)
{
    (void)signal;
    handled = 1;
}

static void signals(uint64_t times)
{
    pid_t self = getpid();

    while (times--) {
        handled = 0;
        must(kill(self, SIGUSR1) == 0 && handled, "kill");
    }
}

int main(void)
{
    must(signal(SIGUSR1, handler) != SIG_ERR, "signal");
    row(signals);
    return 0;
}
