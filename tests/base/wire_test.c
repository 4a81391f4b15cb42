/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(wire, what_is_written_is_read)
{
    char buf[64], text[16];
    struct wire_writer w;
    struct wire_reader r;

    wire_writer_init(&w, buf, sizeof buf);
    wire_put_u8(&w, 0x12);
    wire_put_u16(&w, 0x3456);
    wire_put_u32(&w, 0x789abcde);
    wire_put_u64(&w, UINT64_MAX - 1);
    wire_put_string(&w, "name");
    wire_put_bytes(&w, "raw", 3);
    cr_assert(wire_writer_ok(&w));
    cr_assert_eq(wire_written(&w), 1 + 2 + 4 + 8 + 2 + 4 + 3);

    wire_reader_init(&r, buf, wire_written(&w));
    cr_assert_eq(wire_get_u8(&r), 0x12);
    cr_assert_eq(wire_get_u16(&r), 0x3456);
    cr_assert_eq(wire_get_u32(&r), 0x789abcde);
    cr_assert_eq(wire_get_u64(&r), UINT64_MAX - 1);
    cr_assert_eq(wire_get_string(&r, text, sizeof text), 4);
    cr_assert_str_eq(text, "name");
    cr_assert_not(wire_reader_done(&r));
    cr_assert_eq(wire_left(&r), 3);
    cr_assert_arr_eq(wire_get_span(&r, 3), "raw", 3);
    cr_assert(wire_reader_done(&r));
}

Test(wire, numbers_are_little_endian)
{
    uint8_t buf[4];
    struct wire_writer w;

    wire_writer_init(&w, buf, sizeof buf);
    wire_put_u32(&w, 0x01020304);
    cr_assert_eq(buf[0], 4);
    cr_assert_eq(buf[3], 1);
}

Test(wire, a_short_read_gives_zero_and_sticks)
{
    const uint8_t buf[3] = { 1, 2, 3 };
    struct wire_reader r;

    wire_reader_init(&r, buf, sizeof buf);
    cr_assert_eq(wire_get_u32(&r), 0);
    cr_assert_not(wire_reader_ok(&r));
    cr_assert_eq(wire_get_u8(&r), 0);
    cr_assert_null(wire_get_span(&r, 0));
    cr_assert_not(wire_reader_done(&r));
}

Test(wire, an_empty_message_is_fine)
{
    struct wire_reader r;

    wire_reader_init(&r, NULL, 0);
    cr_assert_not_null(wire_get_span(&r, 0));
    cr_assert(wire_reader_done(&r));
    cr_assert_eq(wire_get_u8(&r), 0);
    cr_assert_not(wire_reader_ok(&r));
}

Test(wire, a_size_cannot_overflow)
{
    const uint8_t buf[8] = { 0 };
    struct wire_reader r;
    struct wire_writer w;

    wire_reader_init(&r, buf, sizeof buf);
    cr_assert_null(wire_get_span(&r, SIZE_MAX));
    wire_writer_init(&w, (void *)(uintptr_t)buf, sizeof buf);
    cr_assert_null(wire_put_span(&w, SIZE_MAX));
    cr_assert_eq(wire_written(&w), 0);
}

static struct row {
    const char *what;
    const char *bytes;
    size_t size, room;
    bool ok;
} rows[] = {
  /* clang-format off */
    { "fits with its zero",       "\3\0abc",  5, 4, true },
    { "has no room for its zero", "\3\0abc",  5, 3, false },
    { "ends early",               "\4\0abc",  5, 9, false },
    { "has half a length",        "\3",       1, 9, false },
    { "holds a zero byte",        "\3\0a\0c", 5, 9, false },
    { "is empty",                 "\0\0",     2, 1, true },
  /* clang-format on */
};

Test(wire, strings_are_bounded)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_reader r;
        char text[16] = "unset";
        wire_reader_init(&r, rows[i].bytes, rows[i].size);
        size_t len = wire_get_string(&r, text, rows[i].room);
        cr_assert_eq(wire_reader_ok(&r), rows[i].ok, "a string that %s", rows[i].what);
        cr_assert_eq(strlen(text), len, "a string that %s", rows[i].what);
        cr_assert(rows[i].ok || len == 0, "a string that %s", rows[i].what);
    }
}

Test(wire, a_full_writer_fails_and_sticks)
{
    uint8_t buf[4];
    struct wire_writer w;

    wire_writer_init(&w, buf, sizeof buf);
    wire_put_u16(&w, 1);
    wire_put_u32(&w, 1);
    wire_put_u8(&w, 1);
    cr_assert_not(wire_writer_ok(&w));
    cr_assert_eq(wire_written(&w), 0);
}

Test(wire, a_string_too_long_for_its_length_is_refused)
{
    static char buf[UINT16_MAX + 8], text[UINT16_MAX + 1];
    struct wire_writer w;

    wire_writer_init(&w, buf, sizeof buf);
    wire_put_string_n(&w, text, sizeof text);
    cr_assert_not(wire_writer_ok(&w));
}

Test(wire, a_room_of_nothing_is_our_mistake, .signal = SIGABRT)
{
    struct wire_reader r;
    char text[1];

    wire_reader_init(&r, NULL, 0);
    wire_get_string(&r, text, 0);
}
