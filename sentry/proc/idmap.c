/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/uid_map, gid_map and setgroups: how a user namespace's ids relate to
 * those of its parent. A map is written once, whole, and never changes again.
 *
 *   source    user_namespaces(7), "User and group ID mappings"
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/proc/tables.h"
#include "sentry/task/tasks.h"

#define CAP_SETGID    6
#define CAP_SETUID    7
#define CAP_SYS_ADMIN 21

static struct user_ns *ns_of(struct proc_view *v)
{
    const struct cred *c = task_cred_get(v->task);
    struct user_ns *ns = user_ns_get(c->user_ns);

    cred_put((struct cred *)c);
    return ns;
}

static uint32_t map_count(const struct id_map *m)
{
    return __atomic_load_n(&m->n, __ATOMIC_ACQUIRE);
}

/* Outside ids are shown as the reader's namespace has them, or the parent's if it is this one. */
static int show_map(struct proc_view *v, struct text *t, bool groups)
{
    scoped(user_ns) struct user_ns *ns = ns_of(v);
    const struct user_ns *reader = v->viewer ? v->viewer->cred->user_ns : ns;
    const struct id_map *m = groups ? &ns->gids : &ns->uids;
    const struct id_map *shown = groups ? &ns->shown_gids : &ns->shown_uids;

    if (shown->n)
        m = shown;
    uint32_t n = map_count(m);
    if (reader == ns && ns->parent)
        reader = ns->parent;
    for (uint32_t i = 0; i < n; i++) {
        const struct id_extent *e = &m->extents[i];
        uint32_t outside = e->outside;
        if (ns->parent) {
            uint32_t k = groups ? user_ns_gid_in(ns, e->inside) : user_ns_uid_in(ns, e->inside);
            outside = groups ? user_ns_gid_out(reader, k) : user_ns_uid_out(reader, k);
        }
        text_printf(t, "%10u %10u %10u\n", e->inside, outside, e->count);
    }
    return 0;
}

int proc_show_uid_map(struct proc_view *v, struct text *t)
{
    return show_map(v, t, false);
}

int proc_show_gid_map(struct proc_view *v, struct text *t)
{
    return show_map(v, t, true);
}

/* "inside outside count". */
static bool parse_line(char *line, struct id_extent *e)
{
    unsigned long n[3];
    char *at = line;

    for (int i = 0; i < 3; i++) {
        char *end;
        at += strspn(at, " \t");
        if (*at < '0' || *at > '9')
            return false;
        n[i] = strtoul(at, &end, 10);
        if (n[i] > UINT32_MAX || (*end && !strchr(" \t", *end)))
            return false;
        at = end;
    }
    *e = (struct id_extent){ (uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2] };
    return at[strspn(at, " \t")] == '\0';
}

static bool overlap(uint32_t a, uint32_t an, uint32_t b, uint32_t bn)
{
    return (uint64_t)a + an > b && (uint64_t)b + bn > a;
}

static bool is_sound(const struct id_extent *all, uint32_t n, const struct id_extent *e)
{
    if (e->inside == ID_NONE || e->outside == ID_NONE || e->count == 0 ||
        (uint64_t)e->inside + e->count > UINT32_MAX || (uint64_t)e->outside + e->count > UINT32_MAX)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (overlap(all[i].inside, all[i].count, e->inside, e->count) ||
            overlap(all[i].outside, all[i].count, e->outside, e->count))
            return false;
    return true;
}

static int parse(char *s, struct id_extent *out, uint32_t *count)
{
    uint32_t n = 0;
    char *line;

    while ((line = strsep(&s, "\n"))) {
        if (!*line && !s)
            break;
        if (n == ID_EXTENTS_MAX || !parse_line(line, &out[n]) || !is_sound(out, n, &out[n]))
            return -EINVAL;
        n++;
    }
    *count = n;
    return n ? 0 : -EINVAL;
}

/*
 * May the writer make this map? Either it rules over the ids in the parent, or it maps
 * just itself.
 */
static bool may_map(struct task *t, const struct user_ns *ns, const struct id_extent *e, uint32_t n,
                    bool groups)
{
    const struct cred *c = t->cred;
    int cap = groups ? CAP_SETGID : CAP_SETUID;

    if (n == 1 && e->count == 1 && c->euid == ns->owner) {
        uint32_t outside = groups ? user_ns_gid_in(ns->parent, e->outside)
                                  : user_ns_uid_in(ns->parent, e->outside);
        if (outside == (groups ? c->egid : c->euid) && (!groups || ns->setgroups_denied))
            return true;
    }
    return cred_ns_capable(c, ns->parent, cap) && cred_ns_capable(c, ns, cap);
}

/* All of the outside ids must be known in the parent, each range by one of its own. */
static bool parent_has(const struct user_ns *parent, const struct id_extent *e, bool groups)
{
    uint32_t first =
        groups ? user_ns_gid_in(parent, e->outside) : user_ns_uid_in(parent, e->outside);
    uint32_t end = e->outside + e->count - 1;
    uint32_t last = groups ? user_ns_gid_in(parent, end) : user_ns_uid_in(parent, end);

    return first != ID_NONE && last != ID_NONE && last - first == e->count - 1;
}

static int set_map(struct proc_view *v, struct user_ns *ns, const struct id_extent *e, uint32_t n,
                   bool groups)
{
    struct id_map *m = groups ? &ns->gids : &ns->uids;
    struct tasks *ts = tasks_of(v->arena);
    struct id_extent *kept = arena_alloc(v->arena, n * sizeof *kept);

    if (!kept)
        return -ENOMEM;
    memcpy(kept, e, n * sizeof *kept);
    mutex_lock(&ts->lock);
    bool first = m->n == 0;
    if (first) {
        m->extents = kept;
        __atomic_store_n(&m->n, n, __ATOMIC_RELEASE);
    }
    mutex_unlock(&ts->lock);
    if (first)
        return 0;
    arena_free(kept);
    return -EPERM;
}

static int write_map(struct proc_view *v, char *s, bool groups)
{
    scoped(user_ns) struct user_ns *ns = ns_of(v);
    struct id_extent extents[ID_EXTENTS_MAX];
    struct task *t = v->viewer;
    uint32_t n;

    if (!t || !ns->parent || map_count(groups ? &ns->gids : &ns->uids) ||
        (t->cred->user_ns != ns && t->cred->user_ns != ns->parent) ||
        !cred_ns_capable(t->cred, ns, CAP_SYS_ADMIN))
        return -EPERM;
    int err = parse(s, extents, &n);
    if (err)
        return err;
    if (!may_map(t, ns, extents, n, groups))
        return -EPERM;
    for (uint32_t i = 0; i < n; i++)
        if (!parent_has(ns->parent, &extents[i], groups))
            return -EPERM;
    return set_map(v, ns, extents, n, groups);
}

ssize_t proc_write_uid_map(struct proc_view *v, char *s, size_t size)
{
    int err = write_map(v, s, false);

    return err ? err : (ssize_t)size;
}

ssize_t proc_write_gid_map(struct proc_view *v, char *s, size_t size)
{
    int err = write_map(v, s, true);

    return err ? err : (ssize_t)size;
}

int proc_show_setgroups(struct proc_view *v, struct text *t)
{
    scoped(user_ns) struct user_ns *ns = ns_of(v);

    text_string(t, ns->setgroups_denied ? "deny\n" : "allow\n");
    return 0;
}

ssize_t proc_write_setgroups(struct proc_view *v, char *s, size_t size)
{
    scoped(user_ns) struct user_ns *ns = ns_of(v);
    struct tasks *ts = tasks_of(v->arena);
    size_t len = strcspn(s, "\n");
    bool deny = len == 4 && strncmp(s, "deny", 4) == 0;
    int err = 0;

    if (!deny && !(len == 5 && strncmp(s, "allow", 5) == 0))
        return -EINVAL;
    if (!v->viewer || !cred_ns_capable(v->viewer->cred, ns, CAP_SYS_ADMIN))
        return -EPERM;
    mutex_lock(&ts->lock);
    if (deny ? ns->gids.n != 0 && !ns->setgroups_denied : ns->setgroups_denied)
        err = -EPERM;
    else
        ns->setgroups_denied = deny;
    mutex_unlock(&ts->lock);
    return err ? err : (ssize_t)size;
}
