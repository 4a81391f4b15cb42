/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded cursors over bytes, for all that crosses a process: numbers are little
 * endian and need no alignment; nothing is ever cast.
 *
 * Errors stick: after the first thing that does not fit, reads give zeroes and
 * writes do nothing, so a parser reads all its fields and asks once at the end.
 *
 * All of it rests on wire_get_span() and wire_put_span(), where the bounds are. They and
 * the numbers are here, since a listing of a directory is some hundreds of them.
 */
#pragma once

#include <string.h>

#include "base/cc.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they are");

struct wire_reader {
    const uint8_t *at, *end;
    bool failed;
};

/* Reads from `size` bytes at `p`, borrowed while the reader is used. */
void wire_reader_init(struct wire_reader *r, const void *p, size_t size);

/* What is not read yet. */
static inline size_t wire_left(const struct wire_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Whether all went well so far; `_done`: and nothing is left. */
static inline must_use bool wire_reader_ok(const struct wire_reader *r)
{
    return !r->failed;
}

static inline must_use bool wire_reader_done(const struct wire_reader *r)
{
    return !r->failed && r->at == r->end;
}

/* The next `size` bytes where they are; NULL where there are not as many. Never NULL else. */
static inline const void *wire_get_span(struct wire_reader *r, size_t size)
{
    const uint8_t *span = r->at;

    if (unlikely(r->failed || size > wire_left(r))) {
        r->failed = true;
        r->at = r->end;
        return NULL;
    }
    r->at += size;
    return span;
}

/* Copies `size` bytes out; zeroes where there are not as many. */
static inline void wire_get_bytes(struct wire_reader *r, void *out, size_t size)
{
    const void *span = wire_get_span(r, size);

    if (size == 0)
        return;
    if (likely(span))
        memcpy(out, span, size);
    else
        memset(out, 0, size);
}

static inline uint8_t wire_get_u8(struct wire_reader *r)
{
    uint8_t v;

    wire_get_bytes(r, &v, sizeof v);
    return v;
}

static inline uint16_t wire_get_u16(struct wire_reader *r)
{
    uint16_t v;

    wire_get_bytes(r, &v, sizeof v);
    return v;
}

static inline uint32_t wire_get_u32(struct wire_reader *r)
{
    uint32_t v;

    wire_get_bytes(r, &v, sizeof v);
    return v;
}

static inline uint64_t wire_get_u64(struct wire_reader *r)
{
    uint64_t v;

    wire_get_bytes(r, &v, sizeof v);
    return v;
}

/*
 * A string: its length as u16, then its bytes. It must hold no zero byte.
 *
 *   out       ends with a zero; empty after a failure
 *   size      of `out`; a string that does not fit with its zero is a failure
 *   returns   its length
 */
size_t wire_get_string(struct wire_reader *r, char *out, size_t size);

struct wire_writer {
    uint8_t *start, *at, *end;
    bool failed;
};

/* Writes to `size` bytes at `p`, borrowed while the writer is used. */
void wire_writer_init(struct wire_writer *w, void *p, size_t size);

/* How many bytes were written; 0 after a failure. */
static inline size_t wire_written(const struct wire_writer *w)
{
    return w->failed ? 0 : (size_t)(w->at - w->start);
}

static inline must_use bool wire_writer_ok(const struct wire_writer *w)
{
    return !w->failed;
}

/* Room for `size` bytes that the caller fills; NULL where there is not as much. */
static inline void *wire_put_span(struct wire_writer *w, size_t size)
{
    uint8_t *span = w->at;

    if (unlikely(w->failed || size > (size_t)(w->end - w->at))) {
        w->failed = true;
        return NULL;
    }
    w->at += size;
    return span;
}

static inline void wire_put_bytes(struct wire_writer *w, const void *p, size_t size)
{
    void *span = wire_put_span(w, size);

    if (span && size)
        memcpy(span, p, size);
}

static inline void wire_put_u8(struct wire_writer *w, uint8_t v)
{
    wire_put_bytes(w, &v, sizeof v);
}

static inline void wire_put_u16(struct wire_writer *w, uint16_t v)
{
    wire_put_bytes(w, &v, sizeof v);
}

static inline void wire_put_u32(struct wire_writer *w, uint32_t v)
{
    wire_put_bytes(w, &v, sizeof v);
}

static inline void wire_put_u64(struct wire_writer *w, uint64_t v)
{
    wire_put_bytes(w, &v, sizeof v);
}

void wire_put_string(struct wire_writer *w, const char *s);
void wire_put_string_n(struct wire_writer *w, const char *s, size_t len);
