/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "runsc/namespaces.h"

int sandbox_program(const char *name, char *out, size_t size, struct err *e)
{
    static const char *const places[] = { "", "../libexec/runsc/" };
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n < 0)
        return err_set(e, -errno, "cannot find my own program: /proc/self/exe: %s",
                       strerror(errno));
    self[n] = 0;
    *(strrchr(self, '/') + 1) = 0;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (snprintf(out, size, "%s%s%s", self, places[i], name) >= (int)size)
            continue;
        if (access(out, X_OK) == 0)
            return 0;
    }
    return err_set(e, -ENOENT, "%s is neither in %s nor in %s../libexec/runsc: run `make install`",
                   name, self, self);
}

/* In a child: the descriptor becomes number 3 and is kept by exec. */
static void keep_as_three(int fd)
{
    if (fd == 3)
        fcntl(fd, F_SETFD, 0);
    else
        dup2(fd, 3);
}

/* "rw:shared,alone:/path": given. */
static char *tree_spec(const struct view_tree *t)
{
    char mount[32] = "", *spec;

    if (t->mount)
        snprintf(mount, sizeof mount, ",fd=%d", t->mount);
    if (asprintf(&spec, "%s:%s%s%s%s%s%s:%s", t->writable ? "rw" : "ro",
                 t->exclusive ? "exclusive" : "shared", t->connect ? ",connect" : "",
                 t->alone ? ",alone" : "", t->no_uid ? ",no-uid" : "", t->no_gid ? ",no-gid" : "",
                 mount, t->path) < 0)
        abort();
    return spec;
}

/* In the child that becomes it. */
static _Noreturn void gofer_main(char **argv, const struct view *v, int ring)
{
    for (uint32_t i = 0; i < v->ntrees; i++)
        if (v->trees[i].mount)
            fcntl(v->trees[i].mount, F_SETFD, 0);
    keep_as_three(ring);
    execv(argv[0], argv);
    _exit(127);
}

static pid_t spawn_gofer(const struct sandbox_options *o, const struct view *v, int ring,
                         struct err *e)
{
    char program[PATH_MAX];
    char *argv[4 + 2 * OPTIONS_MOUNTS_MAX], ids[32], *specs[OPTIONS_MOUNTS_MAX];
    size_t n = 0;

    if (sandbox_program("runsc-gofer", program, sizeof program, e))
        return -1;
    argv[n++] = program;
    /* What is the caller's on the host is the command's inside. */
    snprintf(ids, sizeof ids, "%u:%u", o->uid, o->gid);
    argv[n++] = (char *)"--ids";
    argv[n++] = ids;
    for (uint32_t i = 0; i < v->ntrees; i++) {
        specs[i] = tree_spec(&v->trees[i]);
        argv[n++] = (char *)"--tree";
        argv[n++] = specs[i];
    }
    argv[n] = NULL;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_FAILURE);
        gofer_main(argv, v, ring);
    }
    for (uint32_t i = 0; i < v->ntrees; i++)
        free(specs[i]);
    if (pid < 0)
        err_set(e, -errno, "cannot start the gofer: %s", strerror(errno));
    return pid;
}

struct sentry_start {
    char program[PATH_MAX];
    int control;
};

/* In the new namespaces. */
static int sentry_main(void *arg)
{
    struct sentry_start *s = arg;
    char *const argv[] = { s->program, NULL };
    char *const nothing[] = { NULL };

    keep_as_three(s->control);
    /* Sanitizers take their options from the environment. */
    execve(s->program, argv, DEBUG ? environ : nothing);
    return 127;
}

int sandbox_send_options(int control, enum control_kind kind, const struct sandbox_options *o,
                         struct err *e)
{
    struct control_msg msg = { .kind = kind };
    int fds[OPTION_FD_COUNT + 1], memfd = memfd_create("options", MFD_CLOEXEC);
    size_t n = 0, room = OPTIONS_SIZE_MAX;

    void *buf = memfd >= 0 && ftruncate(memfd, (off_t)room) == 0
                    ? mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0)
                    : MAP_FAILED;
    if (buf == MAP_FAILED)
        return err_set(e, -errno, "cannot make a memfd: %s", strerror(errno));
    ssize_t size = options_encode(o, buf, room);
    munmap(buf, room);
    if (size < 0)
        err_set(e, -E2BIG, "the arguments and the environment are larger than %zu bytes", room);
    msg.value = (uint64_t)size;
    for (unsigned i = 0; i < OPTION_FD_COUNT; i++) {
        if (o->fds[i] < 0)
            continue;
        msg.extra |= UINT64_C(1) << i;
        fds[n++] = o->fds[i];
    }
    fds[n++] = memfd;
    if (size >= 0 && fd_send(control, &msg, sizeof msg, fds, n) < 0)
        size = err_set(e, -EPIPE, "the sentry died while it started");
    close(memfd);
    return size < 0 ? (int)size : 0;
}

/* The gofer, and the start: all but the sentry, which is there. */
static int start_gofer(struct sandbox_options *o, const struct view *v, struct sandbox *s,
                       struct err *e)
{
    int ring[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ring))
        return err_set(e, -errno, "cannot make sockets: %s", strerror(errno));
    /* A sentry in its jail has no right to say so. */
    (void)!fcntl(ring[0], F_SETFL, O_NONBLOCK);
    o->mounts = v->mounts;
    o->nmounts = v->nmounts;
    o->fds[OPTION_FD_GOFER] = ring[0];
    s->gofer = spawn_gofer(o, v, ring[1], e);
    close(ring[1]);
    int err = s->gofer > 0 ? sandbox_send_options(s->control, CONTROL_START, o, e) : e->code;
    close(ring[0]);
    o->fds[OPTION_FD_GOFER] = -1;
    return err;
}

int sandbox_start(struct sandbox_options *o, const struct view *v, struct sandbox *out,
                  struct err *e)
{
    struct sandbox s = { .control = -1 };
    struct sentry_start start;
    int control[2];

    if (sandbox_program("runsc-sentry", start.program, sizeof start.program, e))
        return e->code;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control))
        return err_set(e, -errno, "cannot make sockets: %s", strerror(errno));
    s.control = control[0];
    start.control = control[1];
    s.sentry = namespaces_spawn(sentry_main, &start, e);
    close(control[1]);
    int err = s.sentry > 0 ? start_gofer(o, v, &s, e) : e->code;
    if (err)
        sandbox_end(&s);
    else
        *out = s;
    return err;
}

int sandbox_join(struct sandbox_options *o, const struct view *v, int control, struct sandbox *out,
                 struct err *e)
{
    struct sandbox s = { .control = control };
    int err = start_gofer(o, v, &s, e);

    if (err)
        sandbox_end(&s);
    else
        *out = s;
    return err;
}

static void send_message(const struct sandbox *s, struct control_msg msg)
{
    (void)!send(s->control, &msg, sizeof msg, MSG_NOSIGNAL);
}

void sandbox_send(const struct sandbox *s, enum control_kind kind, uint64_t value)
{
    send_message(s, (struct control_msg){ .kind = kind, .value = value });
}

void sandbox_send_job(const struct sandbox *s, int sig)
{
    send_message(
        s, (struct control_msg){ .kind = CONTROL_SIGNAL, .extra = 1, .value = (uint64_t)sig });
}

int sandbox_receive(const struct sandbox *s, struct control_msg *out)
{
    ssize_t n = recv(s->control, out, sizeof *out, 0);

    if (n < 0)
        return errno == EINTR ? -EINTR : 0;
    if (n == 0)
        return 0;
    if (n != sizeof *out)
        return -EPROTO;
    out->text[sizeof out->text - 1] = 0;
    return 1;
}

static void wait_for(pid_t *pid)
{
    while (*pid > 0 && waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *pid = 0;
}

void sandbox_end(struct sandbox *s)
{
    /* Both are killed before either is waited for: each takes the host about a millisecond. */
    if (s->sentry > 0)
        kill(s->sentry, SIGKILL);
    if (s->gofer > 0)
        kill(s->gofer, SIGKILL);
    wait_for(&s->sentry);
    wait_for(&s->gofer);
    if (s->control >= 0)
        close(s->control);
    s->control = -1;
}
