/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gofer and its client in one process, over a fresh directory: the server runs in
 * a thread, without a jail. Everything else is as it is between two processes.
 */
#pragma once

#include <pthread.h>

#include "gofer/file/gofer.h"
#include "sentry/fs/gofer_client.h"

struct gofer_pair {
    char dir[64]; /* tree 0: made by gofer_pair_start(), removed by _stop() */
    uint32_t flags;
    int socks[2];
    struct gofer gofer;
    pthread_t thread;
    struct gofer_client *client;
};

/* `flags` are the tree's, GOFER_TREE_*. Ends the test where anything fails. */
void gofer_pair_start(struct gofer_pair *p, uint32_t flags);
/* The same with a gofer that holds `handles` nodes at most. */
void gofer_pair_start_with(struct gofer_pair *p, uint32_t flags, uint32_t handles);
/* Ends the gofer alone, as if it had died. */
void gofer_pair_kill(struct gofer_pair *p);
void gofer_pair_stop(struct gofer_pair *p);

/* Where `name` of the tree is on the host: in `buf`. */
const char *gofer_pair_path(const struct gofer_pair *p, const char *name, char buf[256]);
/* Makes or replaces a file of the tree, behind the client's back. */
void gofer_pair_put(const struct gofer_pair *p, const char *name, const void *bytes, size_t size);
