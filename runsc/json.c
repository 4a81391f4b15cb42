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

int node_int(const struct node *n, int64_t least, int64_t most, int64_t *out, struct err *e)
{
    if (!n->v)
        return 0;
    /* Some write infinity as the largest unsigned number, which jansson reads as a real one. */
    if (json_is_real(n->v) && json_real_value(n->v) >= 0x1p63 && most == INT64_MAX) {
        *out = INT64_MAX;
        return 0;
    }
    if (!json_is_integer(n->v))
        return node_error(n, e, -EINVAL, "must be a whole number");
    int64_t v = json_integer_value(n->v);
    if (v < least || v > most)
        return node_error(n, e, -ERANGE, "%lld is not from %lld to %lld", (long long)v,
                          (long long)least, (long long)most);
    *out = v;
    return 0;
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
    json_t *json = n == 0 ? json_loadb(text, used, JSON_REJECT_DUPLICATES, why) : NULL;
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
