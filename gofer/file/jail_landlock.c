/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage "landlock": a second lock on what the mounts already keep us from.
 *
 *   must      hold where our own code is wrong: what is outside the trees cannot be
 *             opened, what is in a read-only one not written, abstract sockets of the
 *             host not connected to
 *   must not  be the only thing that holds, unless --weak-ok was given
 */
#include <errno.h>
#include <linux/landlock.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/host.h"
#include "base/host_jail.h"
#include "base/log.h"
#include "gofer/file/jail_priv.h"

/* As linux/landlock.h of Linux 6.12 has it; older headers know less. */
struct ruleset_attr {
    uint64_t fs, net, scoped;
};

#define ACCESS_READ     (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_ALL      ((UINT64_C(1) << 13) - 1) /* of version 1 */
#define ACCESS_REFER    (UINT64_C(1) << 13) /* version 2: names that move to another directory */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14) /* version 3 */
#define SCOPED_ABSTRACT UINT64_C(1)         /* version 6 */
#define ACCESS_NEVER \
    (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_EXECUTE)
#define ACCESS_OF_FILE \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE)

static bool any_written(const struct gofer_options *o)
{
    for (uint32_t i = 0; i < o->ntrees; i++)
        if (!(o->trees[i].flags & GOFER_TREE_RO))
            return true;
    return false;
}

static uint64_t known_access(int abi)
{
    return ACCESS_ALL | (abi >= 2 ? ACCESS_REFER : 0) | (abi >= 3 ? ACCESS_TRUNCATE : 0);
}

static int allow_trees(struct jail *j, int ruleset, uint64_t known)
{
    for (uint32_t i = 0; i < j->options->ntrees; i++) {
        bool ro = j->options->trees[i].flags & GOFER_TREE_RO;
        uint64_t access = ro ? ACCESS_READ : known & ~(uint64_t)ACCESS_NEVER;
        struct stat st;
        int err = host_fstat(j->roots[i], &st);
        if (!err && !S_ISDIR(st.st_mode))
            access &= ACCESS_OF_FILE;
        if (!err)
            err = host_landlock_allow(ruleset, j->roots[i], access);
        if (err)
            return err;
    }
    return 0;
}

/* Abstract sockets belong to the network namespace; a new one is the dearest of all to make. */
static void leave_network(struct jail *j, int abi)
{
    if (abi >= 6 || !j->mount_ns)
        return;
    int err = host_unshare(CLONE_NEWNET);
    if (err)
        log_info("stays in the host's net namespace: %s", strerror(-err));
}

int jail_landlock(struct jail *j)
{
    int abi = host_landlock_abi();
    struct ruleset_attr attr;

    leave_network(j, abi);
    /* Version 1 would forbid names to move between directories. */
    if (abi < 1 || (abi < 2 && any_written(j->options))) {
        log_info("no Landlock that could be used: version %d", abi);
        return 0;
    }
    attr =
        (struct ruleset_attr){ .fs = known_access(abi), .scoped = abi >= 6 ? SCOPED_ABSTRACT : 0 };
    scoped_fd int ruleset = host_landlock_create(&attr, abi >= 6 ? sizeof attr : sizeof attr.fs);
    if (ruleset < 0)
        return keep_fd(&ruleset);
    int err = allow_trees(j, ruleset, attr.fs);
    if (!err)
        err = host_prctl(PR_SET_NO_NEW_PRIVS, 1);
    if (!err)
        err = host_landlock_restrict(ruleset);
    j->landlock = !err;
    return err ? err : 1;
}
