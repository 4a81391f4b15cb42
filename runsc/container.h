/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one container: a directory of its own under the root of states, which
 * whoever changes it locks.
 *
 *     ROOT/ID/state.json     who it is and how far it has come; replaced as a whole
 *     ROOT/ID/config.json    what it was made from, for hooks and exec
 *     ROOT/ID/control        the socket of its process on the host
 *
 * Whether it still runs is never written down: it is asked of the host, by the number of
 * its process and the moment that began. So a killed runsc leaves nothing untrue behind.
 */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "runsc/err.h"

enum container_stage {
    STAGE_CREATING, /* a create is at it, or died there */
    STAGE_CREATED,
    STAGE_RUNNING, /* it was started */
};

enum container_status {
    STATUS_CREATING,
    STATUS_CREATED,
    STATUS_RUNNING,
    STATUS_PAUSED,
    STATUS_STOPPED,
};

struct container {
    char *id, *bundle;
    char *root;   /* of states */
    int dir;      /* its directory; the lock is on it; -1: none */
    json_t *json; /* state.json; NULL: there is none yet */
    enum container_stage stage;
    pid_t pid;               /* of its process on the host; 0: not yet */
    unsigned long long born; /* when that began, in ticks since the host's boot */
};

/*
 * Makes the directory of a new one, locked. What a create that died has left is taken over.
 *
 *   errors    EEXIST, EINVAL of the id, EROFS, EACCES, ENOSPC …, with words
 */
must_use int container_create(const char *root, const char *id, struct container *out,
                              struct err *e);

/*
 * Opens one that is there.
 *
 *   lock      wait for whoever changes it, and keep others out
 *   errors    ENOENT with runc's words
 */
must_use int container_open(const char *root, const char *id, bool lock, struct container *out,
                            struct err *e);
/* Lets go of it, and of the lock. Safe for one that was never opened but is zeroed, dir -1. */
void container_close(struct container *c);

/* Writes state.json from the fields above, over what `extra` (taken) says on top. */
must_use int container_save(struct container *c, json_t *extra, struct err *e);
/* Keeps a copy of what it was made from. */
must_use int container_save_config(struct container *c, const json_t *config, struct err *e);
/* The directory goes, with all in it. */
void container_remove(struct container *c);

/* How things stand now. */
enum container_status container_status(const struct container *c);
const char *container_status_name(enum container_status s);
/* The state as `runsc state` prints it and hooks get it: given, json_decref(). */
json_t *container_state(const struct container *c, const char *status);
/* A string, and an array of strings, of state.json: borrowed. */
const char *container_text(const struct container *c, const char *name);
const json_t *container_get(const struct container *c, const char *name);

/* A path to a file in its directory, however long the root's own path is. */
void container_path(const struct container *c, const char *name, char out[64]);

/* When a process began: what tells it from a later one of the same number. 0: it is gone. */
unsigned long long process_born(pid_t pid);
