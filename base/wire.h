/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded cursors over bytes, for all that crosses a process: numbers are little
 * endian and need no alignment; nothing is ever cast.
 *
 * Errors stick: after the first thing that does not fit, reads give zeroes and
 * writes do nothing, so a parser reads all its fields and asks once at the end.
 */
#pragma once

#include "base/cc.h"

struct wire_reader {
    const uint8_t *at, *end;
    bool failed;
};

/* Reads from `size` bytes at `p`, borrowed while the reader is used. */
void wire_reader_init(struct wire_reader *r, const void *p, size_t size);

uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);

/* Copies `size` bytes out; zeroes where there are not as many. */
void wire_get_bytes(struct wire_reader *r, void *out, size_t size);

/* The next `size` bytes where they are; NULL where there are not as many. Never NULL else. */
const void *wire_get_span(struct wire_reader *r, size_t size);

/*
 * A string: its length as u16, then its bytes. It must hold no zero byte.
 *
 *   out       ends with a zero; empty after a failure
 *   size      of `out`; a string that does not fit with its zero is a failure
 *   returns   its length
 */
size_t wire_get_string(struct wire_reader *r, char *out, size_t size);

/* What is not read yet. */
size_t wire_left(const struct wire_reader *r);

/* Whether all went well so far; `_done`: and nothing is left. */
must_use bool wire_reader_ok(const struct wire_reader *r);
must_use bool wire_reader_done(const struct wire_reader *r);

struct wire_writer {
    uint8_t *start, *at, *end;
    bool failed;
};

/* Writes to `size` bytes at `p`, borrowed while the writer is used. */
void wire_writer_init(struct wire_writer *w, void *p, size_t size);

void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bytes(struct wire_writer *w, const void *p, size_t size);
void wire_put_string(struct wire_writer *w, const char *s);
void wire_put_string_n(struct wire_writer *w, const char *s, size_t len);

/* Room for `size` bytes that the caller fills; NULL where there is not as much. */
void *wire_put_span(struct wire_writer *w, size_t size);

/* How many bytes were written; 0 after a failure. */
size_t wire_written(const struct wire_writer *w);
must_use bool wire_writer_ok(const struct wire_writer *w);
