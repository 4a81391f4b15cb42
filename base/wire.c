/* SPDX-License-Identifier: Apache-2.0 */
/* All of it rests on wire_get_span() and wire_put_span(), where the bounds are. */
#include "base/wire.h"

#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they are");

void wire_reader_init(struct wire_reader *r, const void *p, size_t size)
{
    /* A span of nothing is not NULL, so an empty message needs some address. */
    const uint8_t *at = p ? (const uint8_t *)p : (const uint8_t *)"";

    assert(p || size == 0);
    *r = (struct wire_reader){ .at = at, .end = at + size };
}

const void *wire_get_span(struct wire_reader *r, size_t size)
{
    const uint8_t *span = r->at;

    if (r->failed || size > wire_left(r)) {
        r->failed = true;
        r->at = r->end;
        return NULL;
    }
    r->at += size;
    return span;
}

void wire_get_bytes(struct wire_reader *r, void *out, size_t size)
{
    const void *span = wire_get_span(r, size);

    if (size == 0)
        return;
    if (span)
        memcpy(out, span, size);
    else
        memset(out, 0, size);
}

uint8_t wire_get_u8(struct wire_reader *r)
{
    uint8_t v;

    wire_get_bytes(r, &v, sizeof v);
    return v;
}

uint16_t wire_get_u16(struct wire_reader *r)
{
    uint16_t v;

    wire_get_bytes(r, &v, sizeof v);
    return v;
}

uint32_t wire_get_u32(struct wire_reader *r)
{
    uint32_t v;

    wire_get_bytes(r, &v, sizeof v);
    return v;
}

uint64_t wire_get_u64(struct wire_reader *r)
{
    uint64_t v;

    wire_get_bytes(r, &v, sizeof v);
    return v;
}

size_t wire_get_string(struct wire_reader *r, char *out, size_t size)
{
    size_t len = wire_get_u16(r);
    const void *span = wire_get_span(r, len);

    assert(size > 0);
    out[0] = '\0';
    if (!span || len >= size || memchr(span, '\0', len)) {
        r->failed = true;
        r->at = r->end;
        return 0;
    }
    memcpy(out, span, len);
    out[len] = '\0';
    return len;
}

size_t wire_left(const struct wire_reader *r)
{
    return (size_t)(r->end - r->at);
}

bool wire_reader_ok(const struct wire_reader *r)
{
    return !r->failed;
}

bool wire_reader_done(const struct wire_reader *r)
{
    return !r->failed && r->at == r->end;
}

void wire_writer_init(struct wire_writer *w, void *p, size_t size)
{
    *w = (struct wire_writer){ .start = p, .at = p, .end = (uint8_t *)p + size };
}

void *wire_put_span(struct wire_writer *w, size_t size)
{
    uint8_t *span = w->at;

    if (w->failed || size > (size_t)(w->end - w->at)) {
        w->failed = true;
        return NULL;
    }
    w->at += size;
    return span;
}

void wire_put_bytes(struct wire_writer *w, const void *p, size_t size)
{
    void *span = wire_put_span(w, size);

    if (span && size)
        memcpy(span, p, size);
}

void wire_put_u8(struct wire_writer *w, uint8_t v)
{
    wire_put_bytes(w, &v, sizeof v);
}

void wire_put_u16(struct wire_writer *w, uint16_t v)
{
    wire_put_bytes(w, &v, sizeof v);
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
    wire_put_bytes(w, &v, sizeof v);
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
    wire_put_bytes(w, &v, sizeof v);
}

void wire_put_string_n(struct wire_writer *w, const char *s, size_t len)
{
    if (len > UINT16_MAX) {
        w->failed = true;
        return;
    }
    wire_put_u16(w, (uint16_t)len);
    wire_put_bytes(w, s, len);
}

void wire_put_string(struct wire_writer *w, const char *s)
{
    wire_put_string_n(w, s, strlen(s));
}

size_t wire_written(const struct wire_writer *w)
{
    return w->failed ? 0 : (size_t)(w->at - w->start);
}

bool wire_writer_ok(const struct wire_writer *w)
{
    return !w->failed;
}
