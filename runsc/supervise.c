/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop over the control socket, a signalfd and a timerfd.
 *
 * Signals that a user or a parent sends to us go to the first process of the
 * sandbox; what the host's terminal sends to us as a job goes to its whole process
 * group. In a raw terminal, ^C and its kin never become signals here: they are bytes,
 * and the sandbox's own terminal makes signals of them.
 *
 * Job control. Where the first process stops, so do we, and the job that we are with us:
 * the shell that started us has its terminal back, of which the sentry reads nothing any
 * more. SIGCONT continues both; the terminal is ours again where we have its foreground.
 */
#include "runsc/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc/cmd.h"

static const int passed_on[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1,
                                 SIGUSR2, SIGALRM, SIGTSTP, SIGCONT };

#define LOOK_MS 250 /* how often a job in the background looks whether it still is */

static void watched_signals(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
        sigaddset(set, passed_on[i]);
    sigaddset(set, SIGWINCH);
}

void supervise_prepare(void)
{
    sigset_t set;

    watched_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void resize(const struct supervision *s)
{
    uint16_t rows, cols;

    if (s->terminal->fd < 0)
        return;
    terminal_size(s->terminal, &rows, &cols);
    sandbox_send(s->sandbox, CONTROL_RESIZE, (uint64_t)rows << 16 | cols);
}

/* The terminal is the sandbox's again, where we are in its foreground. */
static void take_terminal(struct supervision *s)
{
    s->away = s->terminal->fd >= 0 && !terminal_is_ours(s->terminal);
    if (s->terminal->fd < 0 || s->away)
        return;
    terminal_raw(s->terminal);
    resize(s);
    sandbox_send(s->sandbox, CONTROL_RESUME, 0);
}

static void go_on(struct supervision *s)
{
    take_terminal(s);
    sandbox_send_job(s->sandbox, SIGCONT);
}

/* By `sig` as it would by default; nothing happens where no shell could continue us. */
static void stop_job(int sig)
{
    sigset_t set, old;

    sigemptyset(&set);
    sigaddset(&set, sig);
    kill(0, sig);
    sigprocmask(SIG_UNBLOCK, &set, &old);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/*
 * The first process has stopped. Without a terminal, and where nobody asked us to stop, that
 * is its own affair: else a guest could hold our --timeout up.
 */
static void suspend(struct supervision *s, uint64_t sig)
{
    bool asked = s->asked_to_stop;

    s->asked_to_stop = false;
    if (s->terminal->fd < 0 && !asked)
        return;
    terminal_restore(s->terminal);
    if (s->terminal->fd >= 0 && (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU))
        stop_job((int)sig);
    else
        raise(SIGSTOP);
    go_on(s);
}

static void on_signal(struct supervision *s, int sigfd)
{
    struct signalfd_siginfo si;

    if (read(sigfd, &si, sizeof si) != sizeof si)
        return;
    if (si.ssi_signo == SIGTSTP)
        s->asked_to_stop = true;
    if (si.ssi_signo == SIGWINCH)
        resize(s);
    else if (si.ssi_signo == SIGCONT)
        go_on(s);
    else if (si.ssi_code == SI_KERNEL)
        sandbox_send_job(s->sandbox, (int)si.ssi_signo);
    else
        sandbox_send(s->sandbox, CONTROL_SIGNAL, si.ssi_signo);
}

static double ms_since(nsec_t start, nsec_t at)
{
    return (double)(at - start) / (double)NSEC_PER_MSEC;
}

/* The status of a shell: what exited says its code, what was killed 128 and the signal. */
static int exit_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? EXIT_SIGNAL + WTERMSIG(wait_status)
                                    : WEXITSTATUS(wait_status);
}

/* It closed its socket; a little later the host knows why it died, if that is what it does. */
static int sentry_died(struct sandbox *s, struct err *e)
{
    int status = 0;
    pid_t got = 0;

    for (int i = 0; i < 100 && got == 0; i++) {
        if (i)
            usleep(1000);
        got = waitpid(s->sentry, &status, WNOHANG);
    }
    if (got == s->sentry)
        s->sentry = 0;
    if (got > 0 && WIFSIGNALED(status))
        err_set(e, -EPIPE, "the sentry died by signal %d (%s)", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        err_set(e, -EPIPE, "the sentry ended without a word");
    return EXIT_OURS;
}

/*
 * Without its gofer the guest has no files: that is the end of it. A gofer that ends by
 * itself does so because the sentry has left it. Gives -1 to go on.
 */
static int on_gofer(const struct supervision *s, struct err *e)
{
    int status = 0;

    if (waitpid(s->sandbox->gofer, &status, WNOHANG) != s->sandbox->gofer)
        return -1;
    s->sandbox->gofer = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return -1;
    terminal_restore(s->terminal);
    if (WIFSIGNALED(status))
        err_set(e, -EPIPE, "the gofer died by signal %d (%s)", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        err_set(e, -EPIPE, "the gofer ended with status %d", WEXITSTATUS(status));
    return EXIT_OURS;
}

/* One message. Gives -1 to go on, else what to exit with. */
static int on_message(struct supervision *s, struct err *e)
{
    struct control_msg m;
    int got = sandbox_receive(s->sandbox, &m);

    if (got == -EINTR)
        return -1;
    if (got <= 0) {
        terminal_restore(s->terminal);
        return sentry_died(s->sandbox, e);
    }
    switch (m.kind) {
    case CONTROL_EXIT:
        return exit_status((int)m.value);
    case CONTROL_FAILED:
        terminal_restore(s->terminal);
        err_set(e, -(int)m.value, "%s", m.text);
        return m.extra == EXIT_NOT_EXEC || m.extra == EXIT_NOT_FOUND ? (int)m.extra : EXIT_OURS;
    case CONTROL_STEP:
        if (s->timing)
            fprintf(stderr, "runsc: %8.3f ms  %s\n", ms_since(s->started, (nsec_t)m.value), m.text);
        return -1;
    case CONTROL_SUSPEND:
        suspend(s, m.value);
        return -1;
    default:
        return -1;
    }
}

static int open_timer(nsec_t span)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec when = { .it_value = nsec_to_timespec(span) };

    if (fd >= 0)
        timerfd_settime(fd, 0, &when, NULL);
    return fd;
}

/* Readable when the process has ended; -1 where the host has none. */
static int pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int supervise(struct supervision *s, struct err *e)
{
    sigset_t set;
    int status = -1;

    watched_signals(&set);
    struct pollfd fds[] = {
        {.fd = s->sandbox->control, .events = POLLIN},
        { .fd = signalfd(-1,        &set,             SFD_CLOEXEC), .events = POLLIN },
        { .fd = s->timeout == NSEC_NEVER ? -1 : open_timer(s->timeout),         .events = POLLIN                       },
        { .fd = pidfd(s->sandbox->gofer), .events = POLLIN},
    };
    while (status < 0) {
        int ready = poll(fds, ARRAY_LEN(fds), s->away ? LOOK_MS : -1);
        if (s->away) /* a shell that moves a running job to the foreground says nothing */
            take_terminal(s);
        if (ready <= 0)
            continue;
        if (fds[0].revents) {
            status = on_message(s, e);
        } else if (fds[2].revents) {
            status = EXIT_TIMEOUT;
        } else if (fds[3].revents) {
            status = on_gofer(s, e);
            close(fds[3].fd);
            fds[3].fd = -1;
        } else if (fds[1].revents) {
            on_signal(s, fds[1].fd);
        }
    }
    for (size_t i = 1; i < ARRAY_LEN(fds); i++)
        if (fds[i].fd >= 0)
            close(fds[i].fd);
    return status;
}
