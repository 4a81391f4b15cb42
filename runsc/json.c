/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct node node_top(json_t *v, const char *file)
{
    struct node n = { .v = v };

    snprintf(n.path, sizeof n.path, "%s: ", file);
    return n;
}

struct node node_get(const struct node *object, const char *name)
{
    struct node n = { .v = json_object_get(object->v, name) };
    size_t len = strlen(object->path);
    bool top = len && object->path[len - 1] == ' ';

    if (json_is_null(n.v))
        n.v = NULL;
    snprintf(n.path, sizeof n.path, "%.*s%s%.63s", (int)sizeof n.path - 66, object->path,
             top ? "" : ".", name);
    return n;
}

struct node node_at(const struct node *array, size_t i)
{
    struct node n = { .v = json_array_get(array->v, i) };

    snprintf(n.path, sizeof n.path, "%.*s[%zu]", (int)sizeof n.path - 24, array->path, i);
    return n;
}

int node_error(const struct node *n, struct err *e, int code, const char *format, ...)
{
    char words[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(words, sizeof words, format, ap);
    va_end(ap);
    return err_set(e, code, "%s: %s", n->path, words);
}

int node_text(const struct node *n, const char **out, struct err *e)
{
    if (!n->v)
        return 0;
    if (!json_is_string(n->v))
        return node_error(n, e, -EINVAL, "must be a string");
    /* A zero inside would hide the rest from everybody who asks the host. */
    if (strlen(json_string_value(n->v)) != json_string_length(n->v))
        return node_error(n, e, -EINVAL, "has a zero byte in it");
    *out = json_string_value(n->v);
    return 0;
}

int node_bool(const struct node *n, bool *out, struct err *e)
{
    if (!n->v)
        return 0;
    if (!json_is_boolean(n->v))
        return node_error(n, e, -EINVAL, "must be true or false");
    *out = json_is_true(n->v);
    return 0;
}

/* Are these all the digits of a number above INT64_MAX, and not above UINT64_MAX? */
static bool is_large(const char *digits, size_t len, uint64_t *out)
{
    char text[21], *end;

    if (len >= sizeof text || !len || digits[0] < '1' || digits[0] > '9')
        return false;
    snprintf(text, sizeof text, "%.*s", (int)len, digits);
    errno = 0;
    uint64_t v = strtoull(text, &end, 10);
    if (errno || *end || v <= INT64_MAX)
        return false;
    *out = v;
    return true;
}

/* What json_load_text() made of one. */
static bool node_is_large(const struct node *n, uint64_t *out)
{
    return json_is_string(n->v) && is_large(json_string_value(n->v), json_string_length(n->v), out);
}

int node_int(const struct node *n, int64_t least, int64_t most, int64_t *out, struct err *e)
{
    uint64_t large;

    if (!n->v)
        return 0;
    bool is = node_is_large(n, &large);
    if (!is && !json_is_integer(n->v))
        return node_error(n, e, -EINVAL, "must be a whole number");
    int64_t v = is ? INT64_MAX : json_integer_value(n->v);
    if (v < least || v > most)
        return node_error(n, e, -ERANGE, "%s%lld is not from %lld to %lld", is ? "more than " : "",
                          (long long)v, (long long)least, (long long)most);
    *out = v;
    return 0;
}

int node_u64(const struct node *n, int64_t least, uint64_t *out, struct err *e)
{
    int64_t v = (int64_t)*out;

    if (node_is_large(n, out))
        return 0;
    int err = node_int(n, least, INT64_MAX, &v, e);
    *out = err ? *out : (uint64_t)v;
    return err;
}

int node_u32(const struct node *n, uint32_t *out, struct err *e)
{
    int64_t v = *out;
    int err = node_int(n, 0, UINT32_MAX, &v, e);

    *out = (uint32_t)v;
    return err;
}

int node_array(const struct node *n, size_t *count, struct err *e)
{
    *count = 0;
    if (!n->v)
        return 0;
    if (!json_is_array(n->v))
        return node_error(n, e, -EINVAL, "must be an array");
    *count = json_array_size(n->v);
    return 0;
}

int node_object(const struct node *n, struct err *e)
{
    if (n->v && !json_is_object(n->v))
        return node_error(n, e, -EINVAL, "must be an object");
    return 0;
}

int node_texts(const struct node *n, const char ***out, struct err *e)
{
    size_t count;
    int err = node_array(n, &count, e);

    if (err || !n->v)
        return err;
    const char **list = calloc(count + 1, sizeof *list);
    if (!list)
        abort();
    for (size_t i = 0; i < count && !err; i++) {
        struct node one = node_at(n, i);
        err = json_is_null(one.v) ? node_error(&one, e, -EINVAL, "must be a string")
                                  : node_text(&one, &list[i], e);
    }
    if (err)
        free(list);
    else
        *out = list;
    return err;
}

/* How many bytes belong to the number that begins here; 0: none does. */
static size_t number_len(const char *text, size_t size)
{
    size_t n = 0;

    while (n < size && text[n] && strchr("+-.0123456789eE", text[n]))
        n++;
    return n;
}

/* Copies JSON, with quotes around the large numbers. `out` has room: each makes 20 bytes 22. */
static size_t quote_large(const char *text, size_t size, char *out)
{
    bool in_string = false;
    uint64_t ignored;
    size_t used = 0, len;

    for (size_t i = 0; i < size; i += len) {
        len = in_string ? 0 : number_len(text + i, size - i);
        bool large = is_large(text + i, len, &ignored);
        if (!len)
            len = in_string && text[i] == '\\' && i + 1 < size ? 2 : 1;
        if (text[i] == '"')
            in_string = !in_string;
        if (large)
            out[used++] = '"';
        memcpy(out + used, text + i, len);
        used += len;
        if (large)
            out[used++] = '"';
    }
    return used;
}

json_t *json_load_text(const char *text, size_t size, json_error_t *why)
{
    char *quoted = malloc(size + size / 8 + 2);

    if (!quoted)
        abort();
    json_t *json = json_loadb(quoted, quote_large(text, size, quoted), JSON_REJECT_DUPLICATES, why);
    free(quoted);
    return json;
}

json_t *json_load_whole(int fd, json_error_t *why)
{
    size_t room = 65536, used = 0;
    char *text = malloc(room);
    ssize_t n = -1;

    why->line = 0;
    strcpy(why->text, "cannot be read");
    while (text && (n = read(fd, text + used, room - used)) > 0) {
        used += (size_t)n;
        if (used == room) {
            char *more = room < JSON_SIZE_MAX ? realloc(text, room *= 2) : NULL;
            if (!more)
                break;
            text = more;
        }
    }
    json_t *json = n == 0 ? json_load_text(text, used, why) : NULL;
    free(text);
    return json;
}

int json_save_whole(int fd, const json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2));
    size_t size = text ? strlen(text) : 0, done = 0;
    ssize_t n = 1;

    while (done < size && (n = write(fd, text + done, size - done)) > 0)
        done += (size_t)n;
    free(text);
    if (!size)
        return -EINVAL;
    return n > 0 ? 0 : errno ? -errno : -EIO;
}

int json_read(const char *path, json_t **out, struct err *e)
{
    json_error_t why;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(e, -errno, "open %s: %s", path, strerror(errno));
    *out = json_load_whole(fd, &why);
    close(fd);
    if (!*out)
        return err_set(e, -EINVAL, "%s: line %d: %s", path, why.line, why.text);
    return 0;
}
