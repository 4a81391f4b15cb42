/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/host_mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mountinfo.h"

#define SHOWN_MAX 200 /* bytes of options */

/* What the number in /proc/self/mountinfo is; 0: not known. */
static unsigned long mount_id(const char *path)
{
    struct statx stx;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &stx) ||
        !(stx.stx_mask & STATX_MNT_ID))
        return 0;
    return stx.stx_mnt_id;
}

/* An overlay's layers are directories of the host that a container knows nothing of. */
static bool is_path(const char *option, size_t len)
{
    static const char *const names[] = { "lowerdir", "upperdir", "workdir", "datadir" };
    size_t name = strcspn(option, "+=");

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (name < len && strlen(names[i]) == name && memcmp(option, names[i], name) == 0)
            return true;
    return false;
}

char *host_mount_options(const char *list, bool paths)
{
    char *out = calloc(1, SHOWN_MAX + 1);
    size_t used = 0;

    if (!out)
        abort();
    for (const char *o = list; *o;) {
        size_t len = strcspn(o, ", \n");
        bool is_mode = len == 2 && (memcmp(o, "rw", 2) == 0 || memcmp(o, "ro", 2) == 0);

        if (len && !is_mode && (paths || !is_path(o, len)) && used + len + 1 <= SHOWN_MAX) {
            out[used++] = ',';
            memcpy(out + used, o, len);
            used += len;
        }
        o += len;
        if (*o != ',')
            break;
        o++;
    }
    return out;
}

static char *copy_field(char *field)
{
    char *out;

    mountinfo_cut(field);
    out = strdup(field);
    if (!out)
        abort();
    return out;
}

/* "/a" and "/b/c": "/a/b/c"; "/" is nothing beside another. */
static char *join(const char *a, const char *b)
{
    char *out;

    if (asprintf(&out, "%s%s", strcmp(a, "/") == 0 && *b ? "" : a, b) < 0)
        abort();
    return out;
}

/* Cuts the line up, from its end on. */
static void read_line(char *line, const char *path, struct host_mount *out)
{
    char *type = mountinfo_type(line), *source = mountinfo_field(type, 2);
    char *options = mountinfo_field(type, 3), *root = mountinfo_field(line, 4);
    char *point = mountinfo_field(line, 5);

    if (!options || !point)
        return;
    out->options = host_mount_options(options, false);
    out->source = copy_field(source);
    out->type = copy_field(type);
    mountinfo_cut(point);
    mountinfo_cut(root);
    size_t len = strcmp(point, "/") == 0 ? 0 : strlen(point);
    out->root =
        join(root,
             strncmp(path, point, len) == 0 && path[len] == '/' && path[len + 1] ? path + len : "");
}

void host_mount_find(const char *path, struct host_mount *out)
{
    unsigned long id = mount_id(path);
    FILE *f = id ? fopen("/proc/self/mountinfo", "re") : NULL;
    char *line = NULL;
    size_t room = 0;

    *out = (struct host_mount){ .type = NULL };
    while (f && !out->type && getline(&line, &room, f) > 0)
        if (strtoul(line, NULL, 10) == id)
            read_line(line, path, out);
    free(line);
    if (f)
        fclose(f);
}

void host_mount_free(struct host_mount *m)
{
    free(m->type);
    free(m->source);
    free(m->root);
    free(m->options);
}
