/* SPDX-License-Identifier: Apache-2.0 */
/* The other containers of a pod: how each comes into the sandbox, and how it leaves. */
#pragma once

struct kernel;

/*
 * Takes one in: see CONTROL_JOIN.
 *
 *   sock      its control socket: taken. What goes wrong is told there
 */
void join_start(struct kernel *k, int sock);
