/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: mounts. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "runsc/oci.h"
#include "runsc/report.h"

/* clang-format off */
static const struct word {
    const char *name;
    unsigned long set, clear;
} words[] = {
    { "defaults",      0, 0 },
    { "ro",            MS_RDONLY, 0 },       { "rro",         MS_RDONLY, 0 },
    { "rw",            0, MS_RDONLY },       { "rrw",         0, MS_RDONLY },
    { "nosuid",        MS_NOSUID, 0 },       { "suid",        0, MS_NOSUID },
    { "rnosuid",       MS_NOSUID, 0 },       { "rsuid",       0, MS_NOSUID },
    { "nodev",         MS_NODEV, 0 },        { "dev",         0, MS_NODEV },
    { "rnodev",        MS_NODEV, 0 },        { "rdev",        0, MS_NODEV },
    { "noexec",        MS_NOEXEC, 0 },       { "exec",        0, MS_NOEXEC },
    { "rnoexec",       MS_NOEXEC, 0 },       { "rexec",       0, MS_NOEXEC },
    { "sync",          MS_SYNCHRONOUS, 0 },  { "async",       0, MS_SYNCHRONOUS },
    { "dirsync",       MS_DIRSYNC, 0 },
    { "noatime",       MS_NOATIME, 0 },      { "atime",       0, MS_NOATIME },
    { "rnoatime",      MS_NOATIME, 0 },      { "ratime",      0, MS_NOATIME },
    { "rnodiratime",   MS_NODIRATIME, 0 },   { "rdiratime",   0, MS_NODIRATIME },
    { "nodiratime",    MS_NODIRATIME, 0 },   { "diratime",    0, MS_NODIRATIME },
    { "relatime",      MS_RELATIME, 0 },     { "norelatime",  0, MS_RELATIME },
    { "rrelatime",     MS_RELATIME, 0 },     { "rnorelatime", 0, MS_RELATIME },
    { "strictatime",   MS_STRICTATIME, 0 },  { "nostrictatime", 0, MS_STRICTATIME },
    { "rstrictatime",  MS_STRICTATIME, 0 },  { "rnostrictatime", 0, MS_STRICTATIME },
    { "silent",        MS_SILENT, 0 },       { "loud",        0, MS_SILENT },
    { "lazytime",      0, 0 },               { "nolazytime",  0, 0 },
    { "iversion",      0, 0 },               { "noiversion",  0, 0 },
    { "mand",          0, 0 },               { "nomand",      0, 0 },
    { "acl",           0, 0 },               { "noacl",       0, 0 },
    { "bind",          MS_BIND, 0 },         { "rbind",       MS_BIND | MS_REC, 0 },
    { "remount",       0, 0 },
    { "private",       MS_PRIVATE, 0 },      { "rprivate",    MS_PRIVATE | MS_REC, 0 },
    { "shared",        MS_SHARED, 0 },       { "rshared",     MS_SHARED | MS_REC, 0 },
    { "slave",         MS_SLAVE, 0 },        { "rslave",      MS_SLAVE | MS_REC, 0 },
    { "unbindable",    MS_UNBINDABLE, 0 },   { "runbindable", MS_UNBINDABLE | MS_REC, 0 },
    { "tmpcopyup",     0, 0 },               { "copy-symlink", 0, 0 },
};
/* clang-format on */

static const struct word *find_word(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    return NULL;
}

const char *oci_mount_option(size_t i)
{
    static const char *const others[] = { "idmap", "ridmap", NULL };

    return i < ARRAY_LEN(words) ? words[i].name : others[i - ARRAY_LEN(words)];
}

static void add_data(char **data, const char *option)
{
    size_t have = strlen(*data), more = strlen(option);
    char *grown = realloc(*data, have + more + 2);

    if (!grown)
        abort();
    if (have)
        grown[have++] = ',';
    memcpy(grown + have, option, more + 1);
    *data = grown;
}

/* "0-1000-10#20-2000-5", which is cut up: inside, outside, how many. */
static int parse_ranges(char *text, struct option_id_range **out, size_t *n)
{
    char *save, *end;

    free(*out); /* the later of two wins */
    *n = 0;
    *out = calloc(OPTIONS_RANGES_MAX, sizeof **out);
    if (!*out)
        abort();
    for (char *one = strtok_r(text, "#", &save); one; one = strtok_r(NULL, "#", &save)) {
        unsigned long v[3];

        for (size_t i = 0; i < 3; i++, one = end + (*end != 0)) {
            if (!isdigit((unsigned char)*one))
                return -EINVAL;
            v[i] = strtoul(one, &end, 10);
            if (v[i] > UINT32_MAX || *end != (i < 2 ? '-' : 0))
                return -EINVAL;
        }
        if (*n == OPTIONS_RANGES_MAX)
            return -E2BIG;
        (*out)[(*n)++] = (struct option_id_range){ (uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2] };
    }
    return *n ? 0 : -EINVAL;
}

/* As crun has it: "uids=RANGES;gids=RANGES", each from what files have to what they become. */
static int parse_idmap(const char *text, struct oci_mount *m, const struct node *why, struct err *e)
{
    char *copy = strdup(text), *save;
    int err = copy ? 0 : -ENOMEM;

    for (char *one = err ? NULL : strtok_r(copy, ";", &save); one && !err;
         one = strtok_r(NULL, ";", &save)) {
        if (strncmp(one, "uids=", 5) == 0)
            err = parse_ranges(one + 5, &m->ids.uids, &m->ids.nuids);
        else if (strncmp(one, "gids=", 5) == 0)
            err = parse_ranges(one + 5, &m->ids.gids, &m->ids.ngids);
        else
            err = -EINVAL;
    }
    free(copy);
    return err ? node_error(why, e, err, "write idmap=uids=FROM-TO-COUNT#…;gids=FROM-TO-COUNT#…")
               : 0;
}

static bool is_idmap(const char *option)
{
    const char *name = option[0] == 'r' ? option + 1 : option;

    return strncmp(name, "idmap", 5) == 0 && (!name[5] || name[5] == '=');
}

static int parse_options(const struct node *n, struct oci_mount *m, struct err *e)
{
    struct node options = node_get(n, "options");
    const char **names = NULL;
    int err = node_texts(&options, &names, e);

    for (size_t i = 0; names && names[i] && !err; i++) {
        const struct word *w = find_word(names[i]);

        if (is_idmap(names[i])) {
            const char *ranges = strchr(names[i], '=');
            struct node one = node_at(&options, i);

            m->idmap = names[i][0] == 'r' ? IDMAP_BELOW : IDMAP_TOP;
            err = ranges ? parse_idmap(ranges + 1, m, &one, e) : 0;
            continue;
        }
        if (!w) {
            add_data(&m->data, names[i]);
            continue;
        }
        if (w->set & MS_BIND)
            m->recursive = w->set & MS_REC;
        m->flags = (m->flags | w->set) & ~w->clear;
    }
    free(names);
    m->bind = m->flags & MS_BIND;
    m->flags &= ~(unsigned long)MS_BIND;
    return err;
}

/* How owners are called, where that is said. */
static int parse_ids(const struct node *n, struct oci_mount *m, struct err *e)
{
    struct node uids = node_get(n, "uidMappings"), gids = node_get(n, "gidMappings");
    int err = 0;

    if ((node_is(&uids) || node_is(&gids)) && m->ids.uids)
        return node_error(n, e, -EINVAL, "has maps of ids, and its options have others");
    if (node_is(&uids))
        err = oci_parse_map(&uids, &m->ids.uids, &m->ids.nuids, e);
    if (!err && node_is(&gids))
        err = oci_parse_map(&gids, &m->ids.gids, &m->ids.ngids, e);
    if (err)
        return err;
    if (m->ids.nuids && !m->idmap)
        m->idmap = IDMAP_TOP;
    if (!m->ids.nuids != !m->ids.ngids)
        return node_error(m->ids.nuids ? &gids : &uids, e, -EINVAL,
                          "id-mapped mounts must have both uid and gid mappings specified");
    if (m->idmap && !m->bind)
        return node_error(n, e, -EINVAL, "id-mapped mounts are only supported for bind-mounts");
    return 0;
}

static int parse_mount(const struct node *n, struct oci_mount *m, struct err *e)
{
    struct node target = node_get(n, "destination"), type = node_get(n, "type");
    struct node source = node_get(n, "source");
    int err = node_object(n, e);

    m->type = m->source = "";
    m->data = calloc(1, 1);
    if (!m->data)
        abort();
    if (!err)
        err = node_text(&target, &m->target, e);
    if (!err && (!m->target || !m->target[0]))
        err = node_error(&target, e, -EINVAL, "is not there");
    if (!err)
        err = node_text(&type, &m->type, e);
    if (!err)
        err = node_text(&source, &m->source, e);
    if (!err)
        err = parse_options(n, m, e);
    if (strcmp(m->type, "bind") == 0 || strcmp(m->type, "rbind") == 0) {
        m->recursive |= m->type[0] == 'r';
        m->bind = true;
    }
    if (!err && m->bind && !m->source[0])
        err = node_error(&source, e, -EINVAL, "is not there");
    return err ? err : parse_ids(n, m, e);
}

int oci_parse_mounts(const struct node *n, struct oci_spec *out, struct err *e)
{
    size_t count;
    int err = node_array(n, &count, e);

    if (err)
        return err;
    if (count > OPTIONS_MOUNTS_MAX / 2)
        return node_error(n, e, -E2BIG, "more than %d mounts", OPTIONS_MOUNTS_MAX / 2);
    out->mounts = calloc(count + 1, sizeof *out->mounts);
    if (!out->mounts)
        abort();
    for (size_t i = 0; i < count && !err; i++) {
        struct node one = node_at(n, i);
        out->nmounts++;
        err = parse_mount(&one, &out->mounts[i], e);
    }
    return err;
}
