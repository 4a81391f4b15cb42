/* SPDX-License-Identifier: Apache-2.0 */
/* runsc create, run: containers from a bundle. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/control_wire.h"
#include "runsc/cmd.h"
#include "runsc/create.h"
#include "runsc/exec.h"
#include "runsc/peer.h"
#include "runsc/terminal.h"

FLAG_TEXT(bundle, struct create_request, bundle)
FLAG_TEXT(pid_file, struct create_request, pid_file)
FLAG_TEXT(console, struct create_request, console_socket)
FLAG_SWITCH(detach, struct create_request, detach)
FLAG_SWITCH(keep, struct create_request, keep)

static int take_preserve(void *into, const char *value, struct err *e)
{
    return command_preserved(value, &((struct create_request *)into)->preserved, e);
}

/* clang-format off */
#define CREATE_FLAGS \
    { "bundle",         'b', "DIR",  "where config.json and the root are (default: here)", take_bundle, false }, \
    { "pid-file",       0,   "FILE", "write the number of the container's process", take_pid_file, false }, \
    { "console-socket", 0,   "PATH", "send the terminal's master there", take_console, false }, \
    { "no-pivot",       0,   NULL,   "accepted; the guest's root is the sentry's own", command_take_nothing, false }, \
    { "no-new-keyring", 0,   NULL,   "accepted; the sandbox has no keyrings", command_take_nothing, false }, \
    { "preserve-fds",   0,   "N",    "give it descriptors 3 to 2 + N of ours, too", take_preserve, false }, \
    COMMAND_FLAGS

static const struct flag create_flags[] = { CREATE_FLAGS };
static const struct flag run_flags[] = {
    { "detach",         'd', NULL,   "do not wait for its end", take_detach, false },
    { "keep",           0,   NULL,   "do not delete it when it has ended", take_keep, false },
    { "no-subreaper",   0,   NULL,   "accepted; we are none", command_take_nothing, false },
    CREATE_FLAGS
};
/* clang-format on */

int cmd_create(char *const argv[], struct err *e)
{
    struct create_request r = { .detach = true };
    struct container c = { .dir = -1 };
    char *const *rest;
    int err = command_parse(create_flags, ARRAY_LEN(create_flags), argv, &r,
                            "create [FLAGS] CONTAINER", 1, 1, &rest, e);

    if (err > 0)
        return 0;
    if (!err) {
        r.id = rest[0];
        err = container_make(&r, -1, &c, e);
    }
    if (err)
        err_prefix(e, "runsc create failed: ");
    container_close(&c);
    return err ? EXIT_FAILED : 0;
}

/* Waits for the anchor, which is our child; what is sent to us goes to the container. */
static int wait_anchor(const struct container *c, struct terminal *t)
{
    struct err ignored;
    sigset_t set;
    int status, sig;

    sigemptyset(&set);
    const int watched[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD };
    for (size_t i = 0; i < ARRAY_LEN(watched); i++)
        sigaddset(&set, watched[i]);
    while (waitpid(c->pid, &status, WNOHANG) == 0) {
        if (sigwait(&set, &sig))
            continue;
        if (sig == SIGWINCH && t->fd >= 0) {
            uint16_t rows, cols;
            terminal_size(t, &rows, &cols);
            (void)!peer_ask(c, CONTROL_RESIZE, (uint64_t)rows << 16 | cols, 1000, &ignored);
        } else if (sig != SIGCHLD && sig != SIGWINCH) {
            (void)!container_kill(c, sig, false, &ignored);
        }
    }
    return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const struct create_request *r, struct container *c, struct err *e)
{
    struct terminal t = { .fd = -1 };
    struct err ignored;
    sigset_t all;

    if (!r->detach && !r->console_socket)
        terminal_find(&t);
    if (!r->detach) {
        exec_prepare();
        sigemptyset(&all);
        sigaddset(&all, SIGCHLD);
        sigprocmask(SIG_BLOCK, &all, NULL);
    }
    if (container_make(r, t.fd, c, e))
        return EXIT_FAILED;
    terminal_raw(&t);
    int status = container_start(c, e) ? -1 : 0;
    if (!status && r->detach)
        return 0;
    /* Others may ask for its state, or kill it, while we wait. */
    const char *root = command_root(&r->c);
    pid_t pid = c->pid;
    container_close(c);
    if (container_open(root, r->id, false, c, &ignored) == 0) {
        c->pid = pid;
        status = status ? EXIT_FAILED : wait_anchor(c, &t);
        container_close(c);
        if (!r->keep && container_open(root, r->id, true, c, &ignored) == 0)
            (void)!container_delete(c, true, &ignored);
    }
    terminal_restore(&t);
    return status;
}

int cmd_run(char *const argv[], struct err *e)
{
    struct create_request r = { .detach = false };
    struct container c = { .dir = -1 };
    char *const *rest;
    int err = command_parse(run_flags, ARRAY_LEN(run_flags), argv, &r, "run [FLAGS] CONTAINER", 1,
                            1, &rest, e);

    if (err > 0)
        return 0;
    r.id = err ? NULL : rest[0];
    int status = err ? EXIT_FAILED : run(&r, &c, e);
    container_close(&c);
    return status;
}
