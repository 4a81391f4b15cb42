/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of config.json: up to UINT64_MAX, and nothing else becomes one. */
#include "runsc/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct err e;

/* A node of {"n": TEXT}; NULL inside where that is no JSON. */
static struct node node_of(const char *text)
{
    char json[256];
    json_error_t why;

    int n = snprintf(json, sizeof json, "{\"n\": %s}", text);
    json_t *object = json_load_text(json, (size_t)n, &why);
    return (struct node){ .v = json_incref(json_object_get(object, "n")), .path = "n" };
}

Test(json, a_number_of_64_bits_is_exact)
{
    static const struct {
        const char *text;
        uint64_t want;
    } rows[] = {
        {"0",                     0                           },
        { "9223372036854775807",  INT64_MAX                   },
        { "9223372036854775808",  UINT64_C(1) << 63           },
        { "9223372036854775809",  (UINT64_C(1) << 63) + 1     },
        { "18446744069414584320", UINT64_C(0xffffffff00000000)},
        { "18446744073709551614", UINT64_MAX - 1              },
        { "18446744073709551615", UINT64_MAX                  },
        { "-1",                   UINT64_MAX                  },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct node n = node_of(rows[i].text);
        uint64_t v = 7;
        cr_expect_eq(node_u64(&n, -1, &v, &e), 0, "%s: %s", rows[i].text, e.text);
        cr_expect_eq(v, rows[i].want, "%s is %#lx", rows[i].text, v);
    }
}

Test(json, what_is_no_number_of_64_bits_is_refused)
{
    static const char *const none[] = { "18446744073709551616", "99999999999999999999",
                                        "-9223372036854775809", "018446744073709551615",
                                        "18446744073709551615x" };
    static const char *const other[] = { "18446744073709551615.0",
                                         "18446744073709551615e0",
                                         "-2",
                                         "\"5\"",
                                         "\"18446744073709551616\"",
                                         "[]",
                                         "true" };

    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        cr_expect_null(node_of(none[i]).v, "%s", none[i]);
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        struct node n = node_of(other[i]);
        uint64_t v = 7;
        cr_expect_not_null(n.v, "%s", other[i]);
        cr_expect_lt(node_u64(&n, -1, &v, &e), 0, "%s", other[i]);
        cr_expect_eq(v, 7);
    }
}

Test(json, a_large_number_is_the_most_where_anything_is_allowed)
{
    struct node n = node_of("18446744073709551615");
    int64_t v = 7;

    cr_expect_eq(node_int(&n, -1, INT64_MAX, &v, &e), 0);
    cr_expect_eq(v, INT64_MAX);
    v = 7;
    cr_expect_eq(node_int(&n, -20, 19, &v, &e), -ERANGE);
    cr_expect_str_eq(e.text, "n: more than 9223372036854775807 is not from -20 to 19");
    cr_expect_eq(v, 7);
}

Test(json, what_is_in_strings_stays_as_it_is)
{
    static const char *const rows[] = { "18446744073709551615", "a 18446744073709551615,",
                                        "\\\"18446744073709551615\\\"", "\\\\",
                                        "18446744073709551615\\\\" };
    const char *text;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[64], again[64];
        snprintf(json, sizeof json, "[\"%s\", 1]", rows[i]);
        struct node n = node_of(json), one = node_at(&n, 0);
        cr_assert_eq(node_text(&one, &text, &e), 0, "%s", json);
        json_t *as_jansson = json_loads(json, 0, NULL);
        snprintf(again, sizeof again, "%s", json_string_value(json_array_get(as_jansson, 0)));
        cr_expect_str_eq(text, again);
    }
}
