/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal that we were started on, while a sandbox's own terminal stands behind it. */
#pragma once

#include <stdint.h>
#include <termios.h>

#include "base/cc.h"

struct terminal {
    int fd; /* -1: none */
    struct termios saved;
    bool raw;
};

/*
 * The terminal that both stdin and stdout are, where we are in its foreground; fd -1
 * where that is not so. Descriptors stay borrowed.
 */
void terminal_find(struct terminal *t);

/* Every key goes to the sandbox from now on. */
void terminal_raw(struct terminal *t);
/* Are we in its foreground? In the background, to touch its modes would stop us. */
bool terminal_is_ours(const struct terminal *t);
/* As it was. Safe to call twice, and in a signal handler. */
void terminal_restore(struct terminal *t);

void terminal_size(const struct terminal *t, uint16_t *rows, uint16_t *cols);
