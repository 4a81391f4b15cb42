/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/flags.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct flag *by_letter(const struct flag *flags, size_t n, char letter)
{
    for (size_t i = 0; i < n; i++)
        if (letter && flags[i].letter == letter)
            return &flags[i];
    return NULL;
}

static const struct flag *by_name(const struct flag *flags, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

/* How many letters differ, roughly: enough to find what was meant by "--timout". */
static unsigned distance(const char *a, size_t la, const char *b)
{
    size_t lb = strlen(b);
    unsigned row[64];

    if (la >= ARRAY_LEN(row) || lb >= ARRAY_LEN(row))
        return 64;
    for (size_t j = 0; j <= lb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned up = row[j];
            unsigned change = diagonal + (a[i - 1] != b[j - 1]);

            row[j] = min(change, min(up, row[j - 1]) + 1);
            diagonal = up;
        }
    }
    return row[lb];
}

static int unknown(const struct flag *flags, size_t n, const char *name, size_t len, struct err *e)
{
    const char *nearest = NULL;
    unsigned best = 3;

    for (size_t i = 0; i < n; i++) {
        unsigned d = distance(name, len, flags[i].name);

        if (d < best) {
            best = d;
            nearest = flags[i].name;
        }
    }
    if (nearest)
        return err_set(e, -EINVAL, "there is no flag --%.*s; did you mean --%s?", (int)len, name,
                       nearest);
    return err_set(e, -EINVAL, "there is no flag --%.*s; `--help` lists them", (int)len, name);
}

static int take_long(const struct flag *flags, size_t n, char *const argv[], int *at, void *into,
                     struct err *e)
{
    const char *name = argv[*at] + (argv[*at][1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    const struct flag *f = by_name(flags, n, name, len);

    if (!f && len > 3 && memcmp(name, "no-", 3) == 0) {
        f = by_name(flags, n, name + 3, len - 3);
        if (f && f->negatable && !value)
            return f->take(into, "no", e);
        f = NULL;
    }
    if (!f)
        return unknown(flags, n, name, len, e);
    if (!f->value && value)
        return err_set(e, -EINVAL, "--%s takes no value", f->name);
    if (f->value && !value && f->value[0] != '[') {
        value = argv[*at + 1];
        if (!value || strcmp(value, "--") == 0)
            return err_set(e, -EINVAL, "--%s needs a value: --%s %s", f->name, f->name, f->value);
        ++*at;
    }
    return f->take(into, value ?: "", e);
}

static int take_short(const struct flag *flags, size_t n, char *const argv[], int *at, void *into,
                      struct err *e)
{
    const struct flag *f = by_letter(flags, n, argv[*at][1]);
    const char *value = argv[*at][2] ? argv[*at] + 2 : NULL;

    if (!f)
        return err_set(e, -EINVAL, "there is no flag %s; `--help` lists them", argv[*at]);
    if (!f->value && value)
        return err_set(e, -EINVAL, "write -%c and -%s apart", f->letter, value);
    if (f->value && !value) {
        value = argv[*at + 1];
        if (!value || strcmp(value, "--") == 0)
            return err_set(e, -EINVAL, "-%c needs a value: %s", f->letter, f->value);
        ++*at;
    }
    return f->take(into, value ?: "", e);
}

int flags_parse(const struct flag *flags, size_t n, char *const argv[], void *into, int *rest,
                struct err *e)
{
    int i = 1;

    for (; argv[i] && argv[i][0] == '-' && argv[i][1]; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        /* One dash is enough for a long name, too: engines write -no-subreaper. */
        size_t dashes = strspn(argv[i], "-"), len = strcspn(argv[i] + dashes, "=");
        bool is_long = dashes > 1 || (len > 1 && by_name(flags, n, argv[i] + dashes, len));
        int err = is_long ? take_long(flags, n, argv, &i, into, e)
                          : take_short(flags, n, argv, &i, into, e);
        if (err)
            return err;
    }
    *rest = i;
    return 0;
}

void flags_help(const struct flag *flags, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct flag *f = &flags[i];
        char left[64], letter[8] = "    ";

        if (f->letter)
            snprintf(letter, sizeof letter, "-%c, ", f->letter);
        snprintf(left, sizeof left, "%s--%s%s%s%s", letter, f->negatable ? "[no-]" : "", f->name,
                 f->value ? (f->value[0] == '[' ? "" : " ") : "", f->value ?: "");
        printf("  %-28s  %s\n", left, f->help);
    }
}
