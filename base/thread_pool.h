/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host threads for bodies that come and go: one whose body has returned waits for the next, for
 * to make a thread, and to end it, costs more than most of what a short body does.
 */
#pragma once

#include "base/cc.h"

struct thread_pool;

/* An empty pool. NULL: no memory. */
must_use struct thread_pool *thread_pool_create(void);

/* Those that wait end soon; a body that still runs is the last of its thread. NULL is fine. */
void thread_pool_destroy(struct thread_pool *p);

/*
 * Runs body(arg) in a thread that runs nothing else meanwhile. What the thread has had of
 * processor time before is in its clock.
 *
 *   errors    EAGAIN as thread_start()
 *   locks     RANK_THREADS
 */
must_use int thread_pool_start(struct thread_pool *p, void (*body)(void *arg), void *arg);
