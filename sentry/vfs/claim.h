/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: who is changing a name.
 *
 * A change of a directory asks its file system, which may ask the gofer, and no
 * lock may be held meanwhile. A claim is on a single name: others that want to
 * change the same name sleep, lookups and all other names go on. It is not part of
 * the lock order; whoever needs two takes them by address (name.c), and a file
 * system that lies over another (overlay) claims its own names before theirs.
 */
#pragma once

#include "base/cc.h"

/* Blocks until the word is free. No lock may be held. */
void claim_take(_Atomic uint32_t *claim);
must_use bool claim_try(_Atomic uint32_t *claim);
void claim_drop(_Atomic uint32_t *claim);
