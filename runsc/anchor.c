/* SPDX-License-Identifier: Apache-2.0 */
/* What a create does with the anchor; what that does itself is in anchor_main.c. */
#include "runsc/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc/anchor_priv.h"
#include "runsc/id_map.h"
#include "runsc/peer.h"

#define SCANT (UINT64_C(16) << 20) /* with so little memory the host may kill it */

static pid_t fork_into(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
}

/* ---- ids ---- */

/* What the host lets set-uid programs do for who has no rights of his own: subuid(5). */
static int run_mapper(const char *program, pid_t pid, const struct option_id_range *map, size_t n)
{
    char *argv[2 + 3 * 16 + 1], text[1 + 3 * 16][16];
    size_t used = 0;
    int status;

    if (n > 16)
        return -E2BIG;
    argv[used++] = (char *)program;
    snprintf(text[0], sizeof text[0], "%d", (int)pid);
    argv[used++] = text[0];
    for (size_t i = 0; i < n; i++) {
        const uint32_t v[] = { map[i].inside, map[i].outside, map[i].count };
        for (size_t j = 0; j < 3; j++) {
            snprintf(text[1 + 3 * i + j], sizeof text[0], "%u", v[j]);
            argv[used++] = text[1 + 3 * i + j];
        }
    }
    argv[used] = NULL;
    pid_t child = fork();
    if (child == 0) {
        execvp(program, argv);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status)
        return -EPERM;
    return 0;
}

static int write_maps(const struct anchor *a, struct err *e)
{
    const struct oci_spec *s = a->spec;
    int err = id_map_write(a->pid, "uid_map", s->uid_map, s->nuid_map);

    if (err == -EPERM)
        err = run_mapper("newuidmap", a->pid, s->uid_map, s->nuid_map);
    if (err)
        return err_set(e, err, "config.json: linux.uidMappings: %s", strerror(-err));
    err = id_map_write(a->pid, "gid_map", s->gid_map, s->ngid_map);
    if (err == -EPERM && run_mapper("newgidmap", a->pid, s->gid_map, s->ngid_map) == 0)
        err = 0;
    if (err == -EPERM) {
        /* One's own group can be mapped where setgroups(2) is given up. */
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/setgroups", (int)a->pid);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, "deny", 4) == 4)
            err = id_map_write(a->pid, "gid_map", s->gid_map, s->ngid_map);
        if (fd >= 0)
            close(fd);
    }
    return err ? err_set(e, err, "config.json: linux.gidMappings: %s", strerror(-err)) : 0;
}

/* ---- steps ---- */

/* A pid namespace that is joined takes in children only. */
static int join_pid(const char *path, int *back, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *back = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    int err = fd < 0 || *back < 0 || setns(fd, CLONE_NEWPID) ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return err ? err_set(e, err, "cannot join the pid namespace %s: %s", path, strerror(-err)) : 0;
}

/* One that has died says nothing to what comes next, which is how we learn of it. */
static void go_on(const struct anchor *a)
{
    const struct control_msg go = { .kind = CONTROL_GO };

    (void)!send(a->sync, &go, sizeof go, MSG_NOSIGNAL);
}

int anchor_spawn(struct anchor *a, struct err *e)
{
    const struct oci_namespace *ns = a->spec->ns;
    unsigned long flags = 0;
    int pair[2], back = -1;

    if (ns[NS_USER].wanted && !ns[NS_USER].path)
        flags |= CLONE_NEWUSER;
    if (ns[NS_PID].wanted && !ns[NS_PID].path)
        flags |= CLONE_NEWPID;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_set(e, -errno, "cannot make sockets: %s", strerror(errno));
    int err = ns[NS_PID].path ? join_pid(ns[NS_PID].path, &back, e) : 0;
    pid_t pid = err ? -1 : fork_into(flags);
    if (pid == 0) {
        close(pair[0]);
        a->sync = pair[1];
        anchor_main(a);
    }
    if (!err && pid < 0)
        err = err_set(e, -errno, "cannot make the container's process: %s", strerror(errno));
    if (back >= 0) {
        (void)!setns(back, CLONE_NEWPID);
        close(back);
    }
    close(pair[1]);
    if (a->join >= 0)
        close(a->join); /* the container ends when that line does */
    a->join = -1;
    a->sync = pair[0];
    a->pid = err ? 0 : pid;
    if (!err && flags & CLONE_NEWUSER)
        err = write_maps(a, e);
    if (err)
        anchor_kill(a);
    else
        go_on(a); /* it settles while its cgroups are seen to */
    return err;
}

/* Hears how the step that it is at went. */
static int hear(struct anchor *a, struct control_msg *m, struct err *e)
{
    ssize_t n;

    do
        n = recv(a->sync, m, sizeof *m, 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof *m && a->options->mem && a->options->mem < SCANT)
        return err_set(e, -ENOMEM,
                       "config.json: linux.resources.memory.limit: the container's process died "
                       "while it was made: %llu bytes may be too little",
                       (unsigned long long)a->options->mem);
    if (n != sizeof *m)
        return err_set(e, -EPIPE, "the container's process died while it was made");
    m->text[sizeof m->text - 1] = 0;
    return 0;
}

int anchor_settle(struct anchor *a, struct err *e)
{
    struct control_msg m;
    int err = hear(a, &m, e);

    if (!err && m.kind != CONTROL_DONE)
        err = err_set(e, -(int)m.value, "%s", m.text);
    if (err)
        anchor_kill(a);
    return err;
}

int anchor_begin(struct anchor *a, struct err *e)
{
    struct control_msg m;

    go_on(a);
    int err = hear(a, &m, e);
    if (!err && m.kind == CONTROL_FAILED)
        err = peer_program_error(e, a->options->argv[0], &m);
    else if (!err && m.kind != CONTROL_CREATED)
        err = err_set(e, -EPROTO, "the sentry says %u", m.kind);
    if (err) {
        anchor_kill(a);
        return err;
    }
    close(a->sync);
    a->sync = -1;
    return 0;
}

void anchor_kill(struct anchor *a)
{
    if (a->sync >= 0)
        close(a->sync);
    a->sync = -1;
    if (a->pid <= 0)
        return;
    kill(a->pid, SIGKILL);
    while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    a->pid = 0;
}
