/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that does nothing, made and joined. */
#include "bench/rows/row.h"

#include <pthread.h>

static void *nothing(void *arg)
{
    return arg;
}

static void threads(uint64_t times)
{
    while (times--) {
        pthread_t thread;

        must(pthread_create(&thread, NULL, nothing, NULL) == 0, "pthread_create");
        must(pthread_join(thread, NULL) == 0, "pthread_join");
    }
}

int main(void)
{
    row(threads);
    return 0;
}
