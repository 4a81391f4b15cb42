/* SPDX-License-Identifier: Apache-2.0 */
/* A process that wants to hear of a message queue: mq_notify(2). */
#pragma once

#include "include/abi/signal.h"
#include "sentry/ipc/mqueue.h"
#include "sentry/task/task.h"

/*
 * What mqueue_set_notice() takes, for the process of `t`.
 *
 *   ev        checked: SIGEV_NONE, or SIGEV_SIGNAL with 0 (no signal) or a signal's number
 *   out       given
 *   errors    ENOMEM
 */
must_use int mq_notice_create(struct task *t, const struct abi_sigevent *ev,
                              struct mqueue_notice **out);
