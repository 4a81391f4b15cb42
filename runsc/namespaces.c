/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child is cloned straight into all its namespaces. It waits on a pipe until we
 * have written its id maps, because root's map needs a capability that the child no
 * longer has outside.
 */
#include "runsc/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u

static const unsigned long all_namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
                                            CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                            CLONE_NEWCGROUP;

/* fork(2) with flags; the child goes on here too, on a copy of this stack. */
static pid_t fork_into(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
}

/*
 * Its number in /proc, which may belong to another pid namespace than ours: a pidfd shows
 * it as the one who mounted it sees it.
 */
static pid_t number_in_proc(pid_t pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    char path[64], line[128];
    int found = pid;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    FILE *f = pidfd < 0 ? NULL : fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Pid: %d", &found) == 1)
            break;
    if (f)
        fclose(f);
    if (pidfd >= 0)
        close(pidfd);
    return found;
}

static int write_file(pid_t pid, const char *name, const char *text)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, text, strlen(text));
    int err = n < 0 ? -errno : 0;
    close(fd);
    return err;
}

/* One id inside, 0. As root it is nobody outside: what escapes from the sentry owns nothing. */
static int write_maps(pid_t child)
{
    pid_t pid = number_in_proc(child);
    char map[32];
    int err;

    snprintf(map, sizeof map, "0 %u 1", geteuid() ? geteuid() : NOBODY);
    err = write_file(pid, "uid_map", map);
    if (err == -EPERM && geteuid() == 0) {
        /* Root of a container that has no nobody: its own root will do. */
        err = write_file(pid, "uid_map", "0 0 1");
    }
    if (err)
        return err;
    /* Where we have no CAP_SETGID, the host wants setgroups(2) given up first. */
    if (geteuid())
        (void)!write_file(pid, "setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", geteuid() ? getegid() : NOBODY);
    err = write_file(pid, "gid_map", map);
    if (err == -EPERM && geteuid() == 0) {
        (void)!write_file(pid, "setgroups", "deny");
        err = write_file(pid, "gid_map", "0 0 1");
    }
    return err;
}

static _Noreturn void child(int go, int (*body)(void *arg), void *arg)
{
    char c;

    /* Become the id that is mapped before anything else: changing ids forgets the death signal. */
    if (read(go, &c, 1) != 1)
        _exit(EXIT_FAILURE);
    (void)!setgroups(0, NULL); /* not ours to drop where setgroups is denied */
    if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
        _exit(EXIT_FAILURE);
    /* A parent that died before this line is missed by the sentry on its control socket. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(go);
    _exit(body(arg));
}

pid_t namespaces_spawn(int (*body)(void *arg), void *arg, struct err *e)
{
    int go[2];

    if (pipe2(go, O_CLOEXEC)) {
        err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
        return -1;
    }
    pid_t pid = fork_into(all_namespaces);
    if (pid == 0) {
        close(go[1]);
        child(go[0], body, arg);
    }
    int err = pid < 0 ? -errno : write_maps(pid);
    close(go[0]);
    if (!err && write(go[1], "g", 1) != 1)
        err = -errno;
    close(go[1]);
    if (!err)
        return pid;
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    err_set(e, err,
            "cannot make namespaces for the sandbox: %s; `runsc doctor` says what is missing",
            strerror(-err));
    return -1;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

int namespaces_probe(void)
{
    struct err e = { 0 };
    int status;
    pid_t pid = namespaces_spawn(nothing, NULL, &e);

    if (pid < 0)
        return e.code;
    waitpid(pid, &status, 0);
    return status ? -EPERM : 0;
}
