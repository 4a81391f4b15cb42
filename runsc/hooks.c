/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runsc/report.h"

static const char *const names[HOOK_KINDS] = { "prestart",       "createRuntime", "createContainer",
                                               "startContainer", "poststart",     "poststop" };

/* In the child: the namespaces of the container's process on the host. */
static void join(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0 || setns(fd, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS)) {
        fprintf(stderr, "cannot join the container's namespaces: %s\n", strerror(errno));
        _exit(127);
    }
    close(fd);
}

static _Noreturn void child(const struct oci_hook *h, int in, int out, pid_t where)
{
    char *const alone[] = { (char *)h->path, NULL }, *const nothing[] = { NULL };
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (where)
        join(where);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execve(h->path, h->argv ? (char *const *)h->argv : alone,
           h->envp ? (char *const *)h->envp : nothing);
    fprintf(stderr, "fork/exec %s: %s\n", h->path, strerror(errno));
    _exit(127);
}

/* What it writes, its end first of `size` bytes; -ETIMEDOUT where it takes too long. */
static int drain(int fd, char *text, size_t size, int64_t seconds)
{
    struct timespec now, end;
    size_t used = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char lost[512];
        int left = -1;

        if (seconds) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            int64_t ms = (end.tv_sec - now.tv_sec) * 1000 + (end.tv_nsec - now.tv_nsec) / 1000000;
            left = ms < 0 ? 0 : (int)(ms > 1000000 ? 1000000 : ms);
        }
        int got = poll(&p, 1, left);
        if (got == 0)
            return -ETIMEDOUT;
        if (got < 0)
            continue;
        bool room = used + 1 < size;
        ssize_t n = read(fd, room ? text + used : lost, room ? size - 1 - used : sizeof lost);
        if (n <= 0) {
            text[used] = 0;
            return 0;
        }
        used += room ? (size_t)n : 0;
    }
}

static int wait_for(const struct oci_hook *h, pid_t pid, int out, const char *what, struct err *e)
{
    char text[256] = "";
    int status = 0, err = drain(out, text, sizeof text, h->timeout);

    if (err)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    text[strcspn(text, "\n")] = 0;
    if (err)
        return err_set(e, err, "%s: hook ran past specified timeout of %llds", what,
                       (long long)h->timeout);
    if (WIFSIGNALED(status))
        return err_set(e, -EIO, "%s: signal: %s, %s", what, strsignal(WTERMSIG(status)), text);
    if (WEXITSTATUS(status))
        return err_set(e, -EIO, "%s: exit status %d, stdout: %s", what, WEXITSTATUS(status), text);
    return 0;
}

static int run_one(const struct oci_hook *h, const char *state, pid_t where, const char *what,
                   struct err *e)
{
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC))
        return err_set(e, -errno, "%s: %s", what, strerror(errno));
    if (pipe2(out, O_CLOEXEC)) {
        close(in[0]);
        close(in[1]);
        return err_set(e, -errno, "%s: %s", what, strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0)
        child(h, in[0], out[1], where);
    int err = pid < 0 ? err_set(e, -errno, "%s: %s", what, strerror(errno)) : 0;
    close(in[0]);
    close(out[1]);
    /* A state is shorter than a pipe is deep; a hook that does not read it may do so. */
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    if (!err)
        (void)!write(in[1], state, strlen(state));
    close(in[1]);
    if (!err)
        err = wait_for(h, pid, out[0], what, e);
    close(out[0]);
    return err;
}

int hooks_run(const struct oci_spec *s, enum oci_hook_kind kind, const struct container *c,
              const char *status, pid_t in, struct err *e)
{
    bool goes_on = kind == HOOK_POSTSTART || kind == HOOK_POSTSTOP;
    int err = 0;

    if (!s->nhooks[kind])
        return 0;
    json_t *state = container_state(c, status);
    char *text = state ? json_dumps(state, JSON_COMPACT) : NULL;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; text && i < s->nhooks[kind] && (!err || goes_on); i++) {
        char what[128];
        snprintf(what, sizeof what, "error running %s hook #%zu: error running hook", names[kind],
                 i);
        err = run_one(&s->hooks[kind][i], text, in, what, e);
        if (err && goes_on) {
            report_warning("%s", e->text);
            err = e->code = 0;
        }
    }
    free(text);
    json_decref(state);
    return err;
}
