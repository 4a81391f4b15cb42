/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread gets its body and argument through a little struct, since a pthread's
 * body has another type. The C library keeps stacks of ended threads for the next.
 */
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/panic.h"

struct start {
    void (*body)(void *arg);
    void *arg;
};

static void *begin(void *p)
{
    struct start s = *(struct start *)p;

    free(p);
    s.body(s.arg);
    return NULL;
}

int thread_start(void (*body)(void *arg), void *arg)
{
    struct start *s = malloc(sizeof *s);
    pthread_attr_t attr;
    pthread_t thread;

    if (!s)
        return -EAGAIN;
    *s = (struct start){ .body = body, .arg = arg };
    int err = pthread_attr_init(&attr);
    if (err)
        panic("pthread_attr_init: %d", err);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, THREAD_STACK_SIZE);
    err = pthread_create(&thread, &attr, begin, s);
    pthread_attr_destroy(&attr);
    if (err)
        free(s);
    return err ? -EAGAIN : 0;
}
