/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and user namespaces.
 *
 * A cred never changes once others can see it: a change makes a copy. Ids in a
 * cred, an inode and everywhere inside are kernel ids (the sandbox's root user
 * namespace); user_ns_*() translate at the edge of a call.
 *
 *   source    credentials(7), capabilities(7), user_namespaces(7)
 */
#pragma once

#include <sys/types.h>

#include "base/ref.h"
#include "sentry/core/arena.h"

#define ID_NONE         ((uint32_t)-1)
#define ID_OVERFLOW     65534u
#define CAP_COUNT       41 /* CAP_CHECKPOINT_RESTORE is the last */
#define CAPS_ALL        (((uint64_t)1 << CAP_COUNT) - 1)
#define CRED_GROUPS_MAX 65536u

struct id_extent {
    uint32_t inside, outside, count; /* `outside` in the parent's ids */
};

#define ID_EXTENTS_MAX 340

struct id_map {
    uint32_t n;                /* 0: not written yet */
    struct id_extent *extents; /* arena */
};

struct user_ns {
    struct ref ref;
    struct user_ns *parent;               /* [I] NULL: the sandbox's own */
    uint32_t level;                       /* [I] */
    uint32_t owner, group;                /* [I] kernel ids of its creator */
    uint64_t ino;                         /* [I] for /proc/PID/ns/user */
    struct mutex *lock;                   /* reserved */
    struct id_map uids, gids;             /* written once */
    struct id_map shown_uids, shown_gids; /* [I] of the sandbox's own: what it is said to be */
    bool setgroups_denied;
};

struct cred {
    struct ref ref;
    uint32_t ruid, euid, suid, fsuid;
    uint32_t rgid, egid, sgid, fsgid;
    uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
    uint32_t securebits;
    bool no_new_privs; /* per task in Linux, and so here: a cred is never shared between tasks that
                          differ */
    uint32_t ngroups;
    uint32_t *groups; /* [I] arena; sorted; NULL where ngroups is 0 */
    struct user_ns *user_ns;
};

must_use int user_ns_create_root(struct arena *a, struct user_ns **out);
/*
 * What /proc/PID/uid_map says of the sandbox's own: it is in a user namespace of the host's,
 * whose ids it never sees. Before anybody else has it. Errors: ENOMEM.
 */
must_use int user_ns_show(struct user_ns *ns, bool groups, const struct id_extent *map, uint32_t n);
/*
 * A child of `parent`.
 *
 *   ino       its own, which no other namespace has: whoever tells them apart goes by it
 *   errors    ENOMEM; ENOSPC past 32 levels; EPERM where the creator's ids have no mapping in
 *             `parent`
 */
must_use int user_ns_create(struct user_ns *parent, const struct cred *creator, uint64_t ino,
                            struct user_ns **out);
struct user_ns *user_ns_get(struct user_ns *ns);
void user_ns_put(struct user_ns *ns);
DEFINE_SCOPED(user_ns)

/* An id as a guest in `ns` writes it → kernel id; ID_NONE where it maps to nothing (EINVAL). */
uint32_t user_ns_uid_in(const struct user_ns *ns, uint32_t uid);
uint32_t user_ns_gid_in(const struct user_ns *ns, uint32_t gid);
/* Kernel id → as shown in `ns`; ID_OVERFLOW where it maps to nothing. */
uint32_t user_ns_uid_out(const struct user_ns *ns, uint32_t kuid);
uint32_t user_ns_gid_out(const struct user_ns *ns, uint32_t kgid);
/* Has the namespace a name for it? (ID_OVERFLOW may be one.) */
bool user_ns_has_uid(const struct user_ns *ns, uint32_t kuid);
bool user_ns_has_gid(const struct user_ns *ns, uint32_t kgid);

/* A cred with all ids `uid`/`gid` and the given capabilities in permitted and effective. */
must_use int cred_create(struct arena *a, struct user_ns *ns, uint32_t uid, uint32_t gid,
                         uint64_t caps, struct cred **out);
/* A private copy that may be changed until it is published. */
must_use int cred_copy(const struct cred *c, struct cred **out);
struct cred *cred_get(const struct cred *c);
/* May the one all that the other may, and nothing else? */
bool cred_same(const struct cred *a, const struct cred *b);
void cred_put(struct cred *c);
DEFINE_SCOPED(cred)

/* Replaces the group list of a private copy. Kernel ids. Errors: ENOMEM, EINVAL. */
must_use int cred_set_groups(struct cred *c, const uint32_t *groups, uint32_t n);
/* Is `kgid` the fsgid or among the groups? */
bool cred_in_group(const struct cred *c, uint32_t kgid);
/* Has it `cap` in its own user namespace, or in `ns`, which may be a descendant
 * (user_namespaces(7))? */
bool cred_capable(const struct cred *c, int cap);
bool cred_ns_capable(const struct cred *c, const struct user_ns *ns, int cap);
/* capable() of Linux, for what is everybody's (limits, devices): in the sandbox's own namespace. */
bool cred_root_capable(const struct cred *c, int cap);
