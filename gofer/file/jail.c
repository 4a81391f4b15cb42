/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages, in order. Essential ones end the gofer where the host refuses them;
 * the others leave a line in the log.
 *
 *   stage        essential   where it cannot be
 *   descriptors  yes
 *   namespaces   yes         unless --weak-ok and Landlock stands: then only the file system's
 *                            names are open to us, and Landlock and the filter hold
 *   root         yes         as above
 *   landlock     no          needs Linux 5.13, 5.19 for a tree that is written
 *   rights       yes
 *   filter       yes
 */
#include "gofer/file/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/filter.h"
#include "base/host.h"
#include "base/host_jail.h"
#include "base/log.h"
#include "gofer/file/jail_priv.h"

#define SOCK_FD 3
#define CAP(c)  (UINT64_C(1) << (c))

static int by_number(const void *a, const void *b)
{
    const int *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/*
 * Stage "descriptors".
 *
 *   must      leave us the socket, the log, and the mounts that were made for us
 *   must not  leave us anything else of our parent's: its terminal least of all
 */
static int stage_descriptors(const struct gofer_options *o)
{
    int keep[2 + GOFER_TREES_MAX] = { SOCK_FD, o->log_fd }, err = 0;
    unsigned first = 0;
    size_t n = 2;

    for (uint32_t i = 0; i < o->ntrees; i++)
        if (o->trees[i].fd)
            keep[n++] = o->trees[i].fd;
    qsort(keep, n, sizeof *keep, by_number);
    for (size_t i = 0; i < n && !err; i++) {
        unsigned fd = (unsigned)keep[i];
        err = fd > first ? host_close_range(first, fd - 1) : 0;
        first = max(first, fd + 1);
    }
    if (!err)
        err = host_close_range(first, ~0u);
    /* Names are made with the modes that the sentry says. */
    host_umask(0);
    return err;
}

static int write_file(const char *path, const char *text)
{
    scoped_fd int fd = host_open(AT_FDCWD, path, O_WRONLY);

    if (fd < 0)
        return keep_fd(&fd);
    ssize_t n = host_write(fd, text, strlen(text));
    return n < 0 ? (int)n : 0;
}

static int write_map(const char *path, uint32_t inside, uint32_t outside)
{
    char map[64];

    snprintf(map, sizeof map, "%u %u 1", inside, outside);
    return write_file(path, map);
}

/* Numbered as the guest does, but not like those that have no number. */
static struct own_id own_id(uint32_t shown)
{
    return (struct own_id){ .here = shown == OWN_ID_OVERFLOW ? 0 : shown, .shown = shown };
}

static int new_user_ns(struct jail *j)
{
    uid_t uid = host_geteuid();
    gid_t gid = host_getegid();
    int err = host_unshare(CLONE_NEWUSER | CLONE_NEWNS);

    if (err)
        return err;
    /* Without a privilege outside, a group map wants setgroups(2) given up. */
    err = write_file("/proc/self/setgroups", "deny");
    j->gofer->uid = own_id(j->options->uid);
    j->gofer->gid = own_id(j->options->gid);
    if (!err)
        err = write_map("/proc/self/gid_map", j->gofer->gid.here, gid);
    if (!err)
        err = write_map("/proc/self/uid_map", j->gofer->uid.here, uid);
    j->user_ns = true;
    j->gofer->overflow_is_root = true;
    return err;
}

/* The others cost little and are no one's loss where they are refused. */
static void leave_other_ns(void)
{
    static const struct {
        int flag;
        const char *name;
    } others[] = {
        {CLONE_NEWIPC,     "ipc"   },
        { CLONE_NEWUTS,    "uts"   },
        { CLONE_NEWCGROUP, "cgroup"}
    };

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        int err = host_unshare(others[i].flag);
        if (err)
            log_info("stays in the host's %s namespace: %s", others[i].name, strerror(-err));
    }
}

/*
 * Stage "namespaces".
 *
 *   must      give us mounts of our own
 *   must not  give us ids that we do not have outside: root keeps the host's numbers
 *             (a tree that is written needs them), everybody else has one, his own
 *
 * There is no pid namespace: it would cost another process, and the filter lets no call
 * pass that takes the number of another one.
 */
static int stage_namespaces(struct jail *j)
{
    int err = host_geteuid() == 0 ? host_unshare(CLONE_NEWNS) : -EPERM;

    if (err)
        err = new_user_ns(j);
    if (err) {
        log_at(j->options->weak_ok ? LOG_WARN : LOG_ERROR,
               "the host refuses namespaces (%s): user.max_user_namespaces, an AppArmor profile or "
               "a container's seccomp filter may be why",
               strerror(-err));
        return err;
    }
    j->mount_ns = true;
    leave_other_ns();
    return 0;
}

/* Where there is no root of our own: the trees as they stand in the host's. */
static int open_in_place(struct jail *j)
{
    for (uint32_t i = 0; i < j->options->ntrees; i++) {
        const struct tree_option *t = &j->options->trees[i];
        j->roots[i] = t->fd ? t->fd : host_open(AT_FDCWD, t->path, O_PATH | O_NOFOLLOW);
        if (j->roots[i] < 0) {
            log_error("%s: %s", j->options->trees[i].path, strerror(-j->roots[i]));
            return j->roots[i];
        }
    }
    return 0;
}

/* What reading all, and where trees are written what giving files to others, needs. */
static uint64_t needed_caps(const struct gofer_options *o)
{
    uint64_t caps = CAP(CAP_DAC_READ_SEARCH);

    for (uint32_t i = 0; i < o->ntrees; i++)
        if (!(o->trees[i].flags & GOFER_TREE_RO))
            caps |= CAP(CAP_DAC_OVERRIDE) | CAP(CAP_CHOWN) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) |
                    CAP(CAP_SETFCAP);
    return caps;
}

/*
 * Stage "rights".
 *
 *   must      keep what serving the trees needs of the rights we have: of the host's
 *             where root started us, else of our own namespace, which rules our own
 *             files only
 *   must not  keep any other, or a way to more; nor outlive our parent; nor let
 *             somebody of our own user look into us
 */
static int stage_rights(struct jail *j)
{
    uint64_t have = 0;
    struct rlimit none = { 0, 0 };
    int err = host_capget(&have);

    if (!err)
        err = host_capset(have & needed_caps(j->options), 0);
    if (!err)
        err = host_prctl(PR_SET_NO_NEW_PRIVS, 1);
    if (!err)
        err = host_prctl(PR_SET_DUMPABLE, 0);
    if (!err)
        err = host_setrlimit(RLIMIT_CORE, &none);
    /* After the last change of credentials, which takes it away. Our parent's end before this
       line is the socket's, too. */
    if (!err)
        err = host_prctl(PR_SET_PDEATHSIG, SIGKILL);
    return err;
}

static int export(struct jail *j)
{
    int err = 0;

    for (uint32_t i = 0; i < j->options->ntrees && !err; i++)
        err = gofer_add_tree(j->gofer, j->roots[i], j->options->trees[i].flags);
    return err;
}

static int failed(const char *stage, int err)
{
    log_error("stage %s of the jail: %s", stage, strerror(-err));
    return err;
}

int jail_enter(const struct gofer_options *o, struct gofer *g)
{
    struct jail j = { .options = o, .gofer = g };
    int err = stage_descriptors(o);

    if (err)
        return failed("descriptors", err);
    err = stage_namespaces(&j);
    if (err && !o->weak_ok)
        return err;
    err = j.mount_ns ? jail_mounts(&j) : open_in_place(&j);
    if (err)
        return failed("root", err);
    err = jail_landlock(&j);
    if (err < 0)
        return failed("landlock", err);
    if (!j.mount_ns && !j.landlock)
        return failed("landlock", -EPERM);
    err = stage_rights(&j);
    return err ? failed("rights", err) : export(&j);
}

int jail_close(void)
{
    int err = filter_install(GOFER);

    return err ? failed("filter", err) : 0;
}
