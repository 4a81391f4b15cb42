/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON that others wrote: values with their place in the file, so that what is wrong
 * with one can be said in a line that names it.
 *
 * A value that is not there is no error: readers leave what they were to fill as it is.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "runsc/err.h"

struct node {
    json_t *v;      /* borrowed; NULL: not there */
    char path[192]; /* "config.json: process.rlimits[2].type" */
};

/* The top of a file. */
struct node node_top(json_t *v, const char *file);
/* A member of an object. Null is as good as not there. */
struct node node_get(const struct node *object, const char *name);
/* An element of an array. */
struct node node_at(const struct node *array, size_t i);
static inline bool node_is(const struct node *n)
{
    return n->v;
}

/* All but node_error: 0, or EINVAL with words. Strings are borrowed from the value. */
must_use int node_text(const struct node *n, const char **out, struct err *e);
must_use int node_bool(const struct node *n, bool *out, struct err *e);
must_use int node_int(const struct node *n, int64_t least, int64_t most, int64_t *out,
                      struct err *e);
must_use int node_u32(const struct node *n, uint32_t *out, struct err *e);
/* An array: its length, 0 where it is not there. */
must_use int node_array(const struct node *n, size_t *count, struct err *e);
must_use int node_object(const struct node *n, struct err *e);
/* An array of strings, with a NULL behind: given, free() it. NULL where it is not there. */
must_use int node_texts(const struct node *n, const char ***out, struct err *e);

/* Sets "PATH: words". */
int node_error(const struct node *n, struct err *e, int code, const char *format, ...)
    printf_like(4, 5);

#define JSON_SIZE_MAX ((size_t)64 << 20)

/* The same as jansson's own by descriptor, which ask the host for each byte. */
json_t *json_load_whole(int fd, json_error_t *why);
must_use int json_save_whole(int fd, const json_t *json);

/* Reads a file: given, json_decref(). Errors: with words that name it, and the line. */
must_use int json_read(const char *path, json_t **out, struct err *e);
