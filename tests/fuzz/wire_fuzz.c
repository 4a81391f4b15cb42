/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bytes are a program of reads over the rest. Whatever they are, no read
 * leaves the input, errors stick, and what was read can be written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cc.h"
#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPS 16

static void check_string(struct wire_reader *r, size_t room)
{
    char text[64], again[64];
    uint8_t wire[80];
    struct wire_writer w;
    struct wire_reader back;
    size_t len = wire_get_string(r, text, room);

    assert(len < room && strlen(text) == len);
    wire_writer_init(&w, wire, sizeof wire);
    wire_put_string(&w, text);
    wire_reader_init(&back, wire, wire_written(&w));
    assert(wire_get_string(&back, again, sizeof again) == len);
    assert(wire_reader_done(&back) && !strcmp(text, again));
}

static void step(struct wire_reader *r, uint8_t op)
{
    size_t before = wire_left(r), argument = op >> 3;
    bool was_ok = wire_reader_ok(r);
    uint8_t bytes[32];

    switch (op & 7) {
    case 0:
        wire_get_u8(r);
        break;
    case 1:
        wire_get_u16(r);
        break;
    case 2:
        wire_get_u32(r);
        break;
    case 3:
        wire_get_u64(r);
        break;
    case 4:
        wire_get_bytes(r, bytes, argument);
        break;
    case 5: {
        const uint8_t *span = wire_get_span(r, argument);
        for (size_t i = 0; span && i < argument; i++)
            bytes[i] = span[i]; /* the sanitizer watches this read */
        break;
    }
    default:
        check_string(r, argument + 1);
        break;
    }
    assert(wire_left(r) <= before);
    assert(was_ok || !wire_reader_ok(r));
    assert(wire_reader_ok(r) || wire_left(r) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_reader r;
    size_t ops = min(size, (size_t)OPS);

    wire_reader_init(&r, data + ops, size - ops);
    for (size_t i = 0; i < ops; i++)
        step(&r, data[i]);
    return 0;
}
