/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a tmpfs.
 *
 *   source    tmpfs(5); mm/shmem.c, Linux 6.12: shmem_parse_one()
 */
#include <errno.h>
#include <string.h>

#include "sentry/fs/tmpfs_priv.h"

/* A number with k, m, g, t, p or e behind it. Stops at the first other character. */
static int parse_size(const char **at, uint64_t *out)
{
    static const char units[] = "kmgtpe";
    uint64_t n = 0;

    if (**at < '0' || **at > '9')
        return -EINVAL;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(**at - '0'), &n))
            return -EINVAL;
    const char *unit = **at ? strchr(units, **at | 0x20) : NULL;
    if (unit) {
        (*at)++;
        if (__builtin_mul_overflow(n, (uint64_t)1 << (10 * (unit - units + 1)), &n))
            return -EINVAL;
    }
    *out = n;
    return 0;
}

static int parse_whole(const char *s, const char *end, uint64_t *out)
{
    int err = parse_size(&s, out);

    return err ? err : s == end ? 0 : -EINVAL;
}

static int parse_base(const char *s, const char *end, unsigned base, uint32_t max, uint32_t *out)
{
    uint64_t n = 0;

    if (s == end)
        return -EINVAL;
    for (; s < end; s++) {
        if (*s < '0' || *s >= (char)('0' + base))
            return -EINVAL;
        n = n * base + (uint64_t)(*s - '0');
        if (n > max)
            return -EINVAL;
    }
    *out = (uint32_t)n;
    return 0;
}

static int parse_bytes(const char *s, const char *end, uint64_t ram, struct tmpfs_options *o)
{
    uint64_t n;
    int err = parse_size(&s, &n);

    if (err)
        return err;
    if (*s == '%') {
        s++;
        if (__builtin_mul_overflow(ram / 100, n, &n))
            return -EINVAL;
    }
    if (s != end)
        return -EINVAL;
    o->max_blocks = n / PAGE_SIZE + (n % PAGE_SIZE != 0);
    o->has_blocks = true;
    return 0;
}

static bool is_key(const char *s, size_t len, const char *key)
{
    return strlen(key) == len && memcmp(s, key, len) == 0;
}

/* An id as it is in the user namespace of who mounts; one that is nobody there is refused. */
static int parse_id(const char *s, const char *end, const struct user_ns *ns, bool group,
                    uint32_t *out)
{
    uint32_t id;
    int err = parse_base(s, end, 10, UINT32_MAX - 1, &id);

    if (err)
        return err;
    *out = group ? user_ns_gid_in(ns, id) : user_ns_uid_in(ns, id);
    return *out == ID_NONE ? -EINVAL : 0;
}

static int parse_one(const char *s, const char *end, uint64_t ram, const struct user_ns *ns,
                     struct tmpfs_options *o)
{
    const char *eq = memchr(s, '=', (size_t)(end - s));
    size_t len = (size_t)((eq ? eq : end) - s);
    const char *value = eq ? eq + 1 : NULL;

    /* Of no meaning here, and accepted as Linux does. */
    if (!value)
        return is_key(s, len, "inode64") || is_key(s, len, "inode32") || is_key(s, len, "noswap")
                   ? 0
                   : -EINVAL;
    if (is_key(s, len, "huge") || is_key(s, len, "mpol"))
        return 0;
    if (is_key(s, len, "size"))
        return parse_bytes(value, end, ram, o);
    if (is_key(s, len, "nr_blocks")) {
        o->has_blocks = true;
        return parse_whole(value, end, &o->max_blocks);
    }
    if (is_key(s, len, "nr_inodes")) {
        o->has_inodes = true;
        return parse_whole(value, end, &o->max_inodes);
    }
    if (is_key(s, len, "mode")) {
        int err = parse_base(value, end, 8, UINT32_MAX, &o->mode);
        o->mode &= 07777;
        return err;
    }
    if (is_key(s, len, "uid"))
        return parse_id(value, end, ns, false, &o->uid);
    if (is_key(s, len, "gid"))
        return parse_id(value, end, ns, true, &o->gid);
    return -EINVAL;
}

int tmpfs_parse_options(const char *options, uint64_t ram, const struct user_ns *ns,
                        struct tmpfs_options *o)
{
    const char *s = options ? options : "";

    while (*s) {
        const char *end = strchrnul(s, ',');
        int err = end > s ? parse_one(s, end, ram, ns, o) : 0;
        if (err)
            return err;
        s = *end ? end + 1 : end;
    }
    return 0;
}
