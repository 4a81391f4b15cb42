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
/* A number above INT64_MAX is INT64_MAX, where that is allowed. */
must_use int node_int(const struct node *n, int64_t least, int64_t most, int64_t *out,
                      struct err *e);
/* A number of 64 bits. What is below zero, down to `least`, stands for the bits that it has. */
must_use int node_u64(const struct node *n, int64_t least, uint64_t *out, struct err *e);
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

/*
 * Reads JSON as it is in config.json, whose numbers go up to UINT64_MAX, where jansson's end at
 * INT64_MAX. One above that becomes a string of its digits, which node_int() and node_u64() know.
 *
 *   size      in bytes; nothing needs to be behind them
 *   returns   given; NULL with `why`
 */
json_t *json_load_text(const char *text, size_t size, json_error_t *why);
/* The same from a descriptor. (jansson's own ask the host for each byte.) */
json_t *json_load_whole(int fd, json_error_t *why);
must_use int json_save_whole(int fd, const json_t *json);

/* Reads a file: given, json_decref(). Errors: with words that name it, and the line. */
must_use int json_read(const char *path, json_t **out, struct err *e);
