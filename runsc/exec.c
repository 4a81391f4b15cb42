/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/exec.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runsc/cmd.h"
#include "runsc/peer.h"
#include "runsc/sandbox.h"

#define ALL_CAPS (((uint64_t)1 << 41) - 1)

static const int passed_on[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1,
                                 SIGUSR2, SIGALRM, SIGCONT, SIGWINCH };

static void watched(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
        sigaddset(set, passed_on[i]);
}

void exec_prepare(void)
{
    sigset_t set;

    watched(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int exec_begin(const struct container *c, const struct sandbox_options *o, int *peer, struct err *e)
{
    struct control_msg m;
    int err = peer_connect(c, peer, e);

    if (err)
        return err;
    err = sandbox_send_options(*peer, CONTROL_EXEC, o, e);
    int got = -EINTR;
    while (!err && got == -EINTR)
        got = peer_receive(*peer, -1, &m);
    if (!err && got == 0)
        err = err_set(e, -EPIPE, "container %s ended", c->id);
    else if (!err && m.kind == CONTROL_FAILED)
        err = peer_program_error(e, o->argv[0], &m);
    else if (!err && m.kind != CONTROL_RUNNING)
        err = err_set(e, -EPROTO, "the sentry of container %s says %u", c->id, m.kind);
    if (err)
        close(*peer);
    return err;
}

static void send_to(int peer, enum control_kind kind, uint64_t value)
{
    const struct control_msg m = { .kind = kind, .value = value };

    (void)!send(peer, &m, sizeof m, MSG_NOSIGNAL);
}

static void on_signal(int sigfd, int peer, int console)
{
    struct signalfd_siginfo si;
    struct winsize size;

    if (read(sigfd, &si, sizeof si) != sizeof si)
        return;
    if (si.ssi_signo != SIGWINCH)
        send_to(peer, CONTROL_SIGNAL, si.ssi_signo);
    else if (console >= 0 && ioctl(console, TIOCGWINSZ, &size) == 0)
        send_to(peer, CONTROL_RESIZE, (uint64_t)size.ws_row << 16 | size.ws_col);
}

int exec_wait(int peer, int console)
{
    struct control_msg m;
    sigset_t set;

    watched(&set);
    struct pollfd fds[] = {
        {.fd = peer,    .events = POLLIN},
        { .fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN },
    };
    for (;;) {
        if (poll(fds, ARRAY_LEN(fds), -1) < 0)
            continue;
        if (fds[1].revents && !fds[0].revents)
            on_signal(fds[1].fd, peer, console);
        if (!fds[0].revents)
            continue;
        int got = peer_receive(peer, -1, &m);
        if (got == -EINTR || (got > 0 && m.kind != CONTROL_EXIT))
            continue;
        close(fds[1].fd);
        if (got <= 0)
            return EXIT_SIGNAL + SIGKILL; /* the container ended, and with it all in it */
        int status = (int)m.value;
        return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
    }
}

/* How it ended; -ETIMEDOUT where it takes too long: it ends with the line to it. */
static int hook_wait(int peer, int64_t seconds)
{
    struct control_msg m = { .kind = CONTROL_RUNNING };
    struct timespec now;
    int got = -EINTR;

    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t end = now.tv_sec * 1000 + now.tv_nsec / 1000000 + seconds * 1000;
    while (got == -EINTR || (got > 0 && m.kind != CONTROL_EXIT)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t left = end - now.tv_sec * 1000 - now.tv_nsec / 1000000;
        got = peer_receive(peer, !seconds ? -1 : (int)min(max(left, INT64_C(0)), INT64_C(1000000)),
                           &m);
        if (got == -ETIMEDOUT && left > 1000000)
            got = -EINTR;
    }
    return got > 0 ? (int)m.value : got < 0 ? got : SIGKILL; /* the container has ended */
}

int exec_hook(const struct container *c, const struct oci_hook *h, const char *state, struct err *e)
{
    static const char *const nothing[] = { NULL };
    const char *const alone[] = { h->path, NULL };
    struct sandbox_options o = {
        .platform = "",
        .hostname = "",
        .domainname = "",
        .trace_set = "",
        .cwd = "/",
        .argv = h->argv ? (const char *const *)h->argv : alone,
        .envp = h->envp ? (const char *const *)h->envp : nothing,
        .caps = {.bounding = ALL_CAPS, .permitted = ALL_CAPS, .effective = ALL_CAPS},
        .umask = 022,
    };
    int peer, in = memfd_create("state", MFD_CLOEXEC);

    for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
        o.fds[i] = -1;
    if (in < 0 || write(in, state, strlen(state)) < 0 || lseek(in, 0, SEEK_SET) < 0)
        return err_set(e, -errno, "cannot make a memfd: %s", strerror(errno));
    o.fds[OPTION_FD_STDIN] = in;
    int err = exec_begin(c, &o, &peer, e);
    close(in);
    if (err)
        return err;
    const char *what = "error running startContainer hook: error running hook";
    int status = hook_wait(peer, h->timeout);
    close(peer);
    if (status < 0)
        return err_set(e, status, "%s: hook ran past specified timeout of %llds", what,
                       (long long)h->timeout);
    if (WIFSIGNALED(status))
        return err_set(e, -EIO, "%s: signal: %s", what, strsignal(WTERMSIG(status)));
    return status ? err_set(e, -EIO, "%s: exit status %d", what, WEXITSTATUS(status)) : 0;
}
