/* SPDX-License-Identifier: Apache-2.0 */
/* Values and flags as a person writes them. */
#include "runsc/flags.h"
#include "runsc/parse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct err e;

Test(parse, sizes)
{
    static const struct {
        const char *text;
        uint64_t want; /* 0: refused */
    } rows[] = {
        {"4096",    4096      },
        { "64k",    65536     },
        { "1.5GiB", 3ull << 29},
        { "64M",    64 << 20  },
        { "",       0         },
        { "-1",     0         },
        { "1x",     0         },
        { "0",      0         },
        { "nan",    0         },
        { "0x10",   16        },
        { "1e30",   0         },
        { "m",      0         },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t got = 0;
        int err = parse_size(rows[i].text, "--mem", &got, &e);
        cr_expect_eq(err, rows[i].want ? 0 : -EINVAL, "\"%s\"", rows[i].text);
        cr_expect_eq(got, rows[i].want, "\"%s\"", rows[i].text);
    }
}

Test(parse, spans)
{
    nsec_t got = 0;

    cr_expect_eq(parse_span("1.5s", "--timeout", &got, &e), 0);
    cr_expect_eq(got, 1500 * NSEC_PER_MSEC);
    cr_expect_eq(parse_span("2m", "--timeout", &got, &e), 0);
    cr_expect_eq(got, 120 * NSEC_PER_SEC);
    cr_expect_eq(parse_span("0", "--timeout", &got, &e), -EINVAL);
    cr_expect_eq(parse_span("soon", "--timeout", &got, &e), -EINVAL);
}

struct seen {
    char text[128];
};

static int take(void *into, const char *value, struct err *err)
{
    struct seen *s = into;

    (void)err;
    strcat(s->text, value[0] ? value : "on");
    strcat(s->text, ";");
    return 0;
}

static const struct flag flags[] = {
    {"name",    'n', "VALUE", "", take, false},
    { "switch", 0,   NULL,    "", take, true },
    { "maybe",  0,   "[=V]",  "", take, false},
};

static int parse(const char *const *argv, struct seen *s, int *rest)
{
    return flags_parse(flags, ARRAY_LEN(flags), (char *const *)argv, s, rest, &e);
}

Test(flags, in_every_spelling)
{
    static const char *const argv[] = { "do",        "--name", "a",        "--name=b",    "-n",
                                        "c",         "-nd",    "--switch", "--no-switch", "--maybe",
                                        "--maybe=e", "--",     "-x",       NULL };
    struct seen s = { "" };
    int rest;

    cr_assert_eq(parse(argv, &s, &rest), 0, "%s", e.text);
    cr_assert_str_eq(s.text, "a;b;c;d;on;no;on;e;");
    cr_assert_str_eq(argv[rest], "-x");
}

Test(flags, end_at_the_first_word)
{
    static const char *const argv[] = { "do", "--switch", "ls", "--name", NULL };
    struct seen s = { "" };
    int rest;

    cr_assert_eq(parse(argv, &s, &rest), 0);
    cr_assert_eq(rest, 2);
}

Test(flags, that_are_wrong_are_named)
{
    static const char *const wrong[][3] = {
        {"do",  "--nane=x",   NULL},
        { "do", "--name",     NULL},
        { "do", "--switch=x", NULL},
        { "do", "-z",         NULL},
        { "do", "--no-name",  NULL},
    };
    struct seen s = { "" };
    int rest;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        cr_expect_eq(parse(wrong[i], &s, &rest), -EINVAL, "%s", wrong[i][1]);
    cr_assert_eq(parse(wrong[0], &s, &rest), -EINVAL);
    cr_assert(strstr(e.text, "did you mean --name"), "%s", e.text);
}
