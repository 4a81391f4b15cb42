/* SPDX-License-Identifier: Apache-2.0 */
#include "gofer/file/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static bool parse_number(const char *s, char end, const char **rest, uint32_t *out)
{
    char *stop;
    unsigned long n;

    if (*s < '0' || *s > '9')
        return false;
    errno = 0;
    n = strtoul(s, &stop, 10);
    if (n > UINT32_MAX || *stop != end)
        return false;
    *out = (uint32_t)n;
    if (rest)
        *rest = stop + 1;
    return true;
}

/* Takes the word up to the next of `ends` off; gives its length. */
static size_t take_word(const char **s, const char *ends, const char **word)
{
    size_t len = strcspn(*s, ends);

    *word = *s;
    *s += len;
    return len;
}

static bool is(const char *word, size_t len, const char *what)
{
    return strlen(what) == len && memcmp(word, what, len) == 0;
}

/* The word behind a tree's access. */
static bool parse_flag(const char *word, size_t len, struct tree_option *out)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } flags[] = {
        {"exclusive", 0                 },
        { "shared",   GOFER_TREE_SHARED },
        { "connect",  GOFER_TREE_CONNECT},
        { "alone",    GOFER_TREE_ALONE  },
        { "no-uid",   GOFER_TREE_NO_UID },
        { "no-gid",   GOFER_TREE_NO_GID },
    };
    uint32_t fd;

    if (len > 3 && memcmp(word, "fd=", 3) == 0) {
        if (!parse_number(word + 3, word[len], NULL, &fd) || fd <= 3 || fd > INT32_MAX)
            return false;
        out->fd = (int)fd;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (is(word, len, flags[i].name)) {
            out->flags |= flags[i].flag;
            return true;
        }
    }
    return false;
}

/* "ro:exclusive:/path", "rw:shared,connect,alone:/path". */
static bool parse_tree(const char *s, struct tree_option *out)
{
    const char *word;
    size_t len = take_word(&s, ":", &word);
    struct tree_option t = { .flags = is(word, len, "ro") ? GOFER_TREE_RO : 0 };

    if (!t.flags && !is(word, len, "rw"))
        return false;
    while (*s == ':' || *s == ',') {
        char before = *s++;
        if (before == ':' && *s == '/')
            break;
        len = take_word(&s, ",:", &word);
        if (!parse_flag(word, len, &t))
            return false;
    }
    t.path = s;
    *out = t;
    return *s == '/';
}

static bool parse_one(const char *name, const char *value, struct gofer_options *o)
{
    const char *rest;
    uint32_t n;

    if (strcmp(name, "--tree") == 0)
        return o->ntrees < GOFER_TREES_MAX && parse_tree(value, &o->trees[o->ntrees]) &&
               ++o->ntrees;
    if (strcmp(name, "--ids") == 0)
        return parse_number(value, ':', &rest, &o->uid) && parse_number(rest, '\0', NULL, &o->gid);
    if (strcmp(name, "--log-fd") == 0) {
        if (!parse_number(value, '\0', NULL, &n) || n > INT32_MAX)
            return false;
        o->log_fd = (int)n;
        return true;
    }
    if (strcmp(name, "--log-level") == 0) {
        if (!parse_number(value, '\0', NULL, &n) || n > LOG_DEBUG)
            return false;
        o->log_level = (int)n;
        return true;
    }
    return false;
}

int gofer_options_parse(int argc, char **argv, struct gofer_options *out, const char **why)
{
    *out = (struct gofer_options){ .log_fd = 2, .log_level = LOG_WARN };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--weak-ok") == 0) {
            out->weak_ok = true;
            continue;
        }
        *why = argv[i];
        if (i + 1 == argc || !parse_one(argv[i], argv[i + 1], out))
            return -EINVAL;
        i++;
    }
    *why = "no --tree was given";
    return out->ntrees ? 0 : -EINVAL;
}
