/* SPDX-License-Identifier: Apache-2.0 */
/* Eight threads that want the same mutex: each holds it for a moment; one lock and unlock. */
#include "bench/rows/row.h"

#include <pthread.h>

enum { THREADS = 8, HOLD = 200 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t shared;

static void *locks(void *arg)
{
    for (uint64_t times = *(uint64_t *)arg; times > 0; times--) {
        pthread_mutex_lock(&mutex);
        for (int i = 0; i < HOLD; i++)
            shared++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void contend(uint64_t times)
{
    pthread_t threads[THREADS];
    uint64_t each = times / THREADS + 1;

    for (int i = 0; i < THREADS; i++)
        must(pthread_create(&threads[i], NULL, locks, &each) == 0, "pthread_create");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    row(contend);
    return 0;
}
