/* SPDX-License-Identifier: Apache-2.0 */
/* Where cursors begin, and strings; the rest is in the header. */
#include "base/wire.h"

void wire_reader_init(struct wire_reader *r, const void *p, size_t size)
{
    /* A span of nothing is not NULL, so an empty message needs some address. */
    const uint8_t *at = p ? (const uint8_t *)p : (const uint8_t *)"";

    assert(p || size == 0);
    *r = (struct wire_reader){ .at = at, .end = at + size };
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

void wire_writer_init(struct wire_writer *w, void *p, size_t size)
{
    *w = (struct wire_writer){ .start = p, .at = p, .end = (uint8_t *)p + size };
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
