/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anchor's life: wait, settle into the namespaces, start the sandbox, then a loop over
 * the sentry, the socket of peers, the gofer and signals.
 *
 * In the loop it has no capability any more, and for its root the container's; but it is
 * who its caller was. So it reads next to nothing. Of the sentry, messages of one fixed shape; of
 * peers, nothing at all: their sockets are handed on unread.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "runsc/anchor_priv.h"
#include "runsc/cmd.h"
#include "runsc/rootfs.h"

/* ---- talking to the create ---- */

static _Noreturn void give_up(const struct anchor *a, const struct err *e)
{
    struct control_msg m = { .kind = CONTROL_FAILED, .value = (uint64_t)-e->code };

    snprintf(m.text, sizeof m.text, "%.239s", e->text);
    (void)!send(a->sync, &m, sizeof m, MSG_NOSIGNAL);
    _exit(EXIT_OURS);
}

/* The create says "go on". One that has died takes us with it. */
static void await(const struct anchor *a)
{
    struct control_msg m;

    if (recv(a->sync, &m, sizeof m, 0) != sizeof m)
        _exit(EXIT_OURS);
}

static void tell(const struct anchor *a, const struct control_msg *m)
{
    if (send(a->sync, m, sizeof *m, MSG_NOSIGNAL) != sizeof *m)
        _exit(EXIT_OURS);
}

/* ---- settling ---- */

static const struct {
    unsigned long flag;
    const char *name;
} spaces[NS_KINDS] = {
    [NS_USER] = {CLONE_NEWUSER,    "user"   },
      [NS_PID] = { CLONE_NEWPID,    "pid"    },
    [NS_NET] = { CLONE_NEWNET,    "network"},
      [NS_IPC] = { CLONE_NEWIPC,    "ipc"    },
    [NS_UTS] = { CLONE_NEWUTS,    "uts"    },
      [NS_MNT] = { CLONE_NEWNS,     "mount"  },
    [NS_CGROUP] = { CLONE_NEWCGROUP, "cgroup" },
};

static void join(const struct anchor *a, enum oci_ns which, int fd)
{
    struct err e;

    if (fd >= 0 && setns(fd, (int)spaces[which].flag) == 0) {
        close(fd);
        return;
    }
    err_set(&e, -errno, "cannot join the %s namespace %s: %s", spaces[which].name,
            a->spec->ns[which].path, strerror(errno));
    give_up(a, &e);
}

/* In a user namespace of its own, its root is who we are. */
static void become_root(const struct anchor *a)
{
    struct err e;

    (void)!setgroups(0, NULL); /* may have been given up for good */
    if (setresgid(0, 0, 0) || setresuid(0, 0, 0)) {
        err_set(&e, -errno, "config.json: linux.uidMappings: there is no root among them: %s",
                strerror(errno));
        give_up(a, &e);
    }
    /* The change of ids took our files in /proc from us, and the maps of children with them. */
    prctl(PR_SET_DUMPABLE, 1);
}

/*
 * User first, for it rules the others. The mount namespace is our own while the sandbox is
 * made; what is to be joined, or kept, is entered after that.
 */
static void enter_namespaces(struct anchor *a)
{
    const struct oci_namespace *ns = a->spec->ns;
    unsigned long fresh = CLONE_NEWNS;
    int fds[NS_KINDS];
    struct err e;

    for (unsigned i = 0; i < NS_KINDS; i++)
        fds[i] = ns[i].path && spaces[i].flag ? open(ns[i].path, O_RDONLY | O_CLOEXEC) : -1;
    if (ns[NS_MNT].path && fds[NS_MNT] < 0)
        join(a, NS_MNT, -1);
    a->mnt_ns = ns[NS_MNT].wanted ? fds[NS_MNT] : open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (ns[NS_USER].path)
        join(a, NS_USER, fds[NS_USER]);
    if (ns[NS_USER].wanted)
        become_root(a);
    for (unsigned i = NS_NET; i < NS_KINDS; i++) {
        if (!ns[i].wanted || !spaces[i].flag || i == NS_MNT || (i == NS_CGROUP && !ns[i].path))
            continue;
        if (ns[i].path)
            join(a, (enum oci_ns)i, fds[i]);
        else
            fresh |= spaces[i].flag;
    }
    if (unshare((int)fresh) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) {
        err_set(&e, -errno, "cannot make the container's namespaces: %s", strerror(errno));
        give_up(a, &e);
    }
    /* So that hooks and who joins see it; where we may not, only the guest does. */
    if (fresh & CLONE_NEWUTS && a->spec->hostname)
        (void)!sethostname(a->spec->hostname, strlen(a->spec->hostname));
    if (fresh & CLONE_NEWUTS && a->spec->domainname)
        (void)!setdomainname(a->spec->domainname, strlen(a->spec->domainname));
}

/* Who joins others' names, or is given none, has what the namespace says. */
static void take_names(struct anchor *a)
{
    struct utsname names;

    if ((a->spec->hostname && !a->spec->ns[NS_UTS].path) || uname(&names))
        return;
    snprintf(a->hostname, sizeof a->hostname, "%s", names.nodename);
    a->options->hostname = a->hostname;
}

/* Its root is where we are by then. Where it cannot be, the guest sees none of it anyway. */
static void enter_cgroup_ns(const struct anchor *a)
{
    const struct oci_namespace *ns = &a->spec->ns[NS_CGROUP];

    if (ns->wanted && !ns->path)
        (void)!unshare(CLONE_NEWCGROUP);
}

static void set_oom_score(const struct oci_process *p)
{
    char text[16];
    int fd = p->has_oom_score_adj ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    /* Below what it was needs a right that we may not have: then it stays. */
    (void)!write(fd, text, (size_t)snprintf(text, sizeof text, "%d", p->oom_score_adj));
    close(fd);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Pipes of the engine must end when its command does, and the lock of the state, too. */
static void close_others(const struct anchor *a)
{
    int keep[6 + OPTION_FD_COUNT + OPTIONS_MOUNTS_MAX] = { STDERR_FILENO, a->sync,   a->control,
                                                           a->log,        a->mnt_ns, a->join };
    size_t n = 6;

    for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
        keep[n++] = a->options->fds[i];
    for (uint32_t i = 0; i < a->view->ntrees; i++)
        keep[n++] = a->view->trees[i].mount;
    qsort(keep, n, sizeof *keep, by_number);
    for (size_t i = 0; i < n; i++) {
        int next = i + 1 < n ? keep[i + 1] : INT_MAX;
        if (keep[i] >= STDERR_FILENO && next > keep[i] + 1)
            syscall(SYS_close_range, (unsigned)keep[i] + 1, (unsigned)next - 1, 0);
    }
}

/*
 * Nothing that we have of the create's caller goes on to our children but what is donated.
 * Stdio moves up, and the log takes its place.
 */
static void tidy_descriptors(struct anchor *a)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (unsigned i = 0; i < 3; i++) {
        int *fd = &a->options->fds[OPTION_FD_STDIN + i];
        *fd = *fd < 0 ? -1 : fcntl((int)i, F_DUPFD_CLOEXEC, 3);
    }
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(a->log >= 0 ? a->log : null, STDERR_FILENO);
    a->options->fds[OPTION_FD_LOG] = STDERR_FILENO;
    close_others(a);
    syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
}

/* ---- the loop ---- */

struct life {
    struct sandbox sandbox;
    int control; /* the socket of peers */
    int console; /* the host's terminal; -1: none */
};

static void watched(sigset_t *set)
{
    static const int signals[] = { SIGCHLD, SIGWINCH, SIGTERM, SIGINT,  SIGHUP,
                                   SIGQUIT, SIGUSR1,  SIGUSR2, SIGPIPE, SIGALRM };

    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaddset(set, signals[i]);
}

static void resize(const struct life *l)
{
    struct winsize size;

    if (l->console >= 0 && ioctl(l->console, TIOCGWINSZ, &size) == 0)
        sandbox_send(&l->sandbox, CONTROL_RESIZE, (uint64_t)size.ws_row << 16 | size.ws_col);
}

/* We are the init of a pid namespace, maybe: whoever is left to us is reaped. The sentry and
 * the gofer are waited for by name. */
static void reap(struct life *l)
{
    siginfo_t si = { .si_pid = 0 };

    while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid) {
        if (si.si_pid == l->sandbox.sentry || si.si_pid == l->sandbox.gofer)
            return;
        waitpid(si.si_pid, NULL, 0);
        si.si_pid = 0;
    }
}

static void on_signal(struct life *l, int fd)
{
    struct signalfd_siginfo si;

    if (read(fd, &si, sizeof si) != sizeof si)
        return;
    if (si.ssi_signo == SIGCHLD)
        reap(l);
    else if (si.ssi_signo == SIGWINCH)
        resize(l);
    else if (si.ssi_signo != SIGPIPE && si.ssi_signo != SIGHUP)
        sandbox_send(&l->sandbox, CONTROL_SIGNAL, si.ssi_signo);
}

static void on_peer(const struct life *l)
{
    const struct control_msg m = { .kind = CONTROL_PEER };
    int fd = accept4(l->control, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    (void)!fd_send(l->sandbox.control, &m, sizeof m, &fd, 1);
    close(fd);
}

/* -1 to go on, else what to exit with. */
static int on_sentry(struct life *l)
{
    struct control_msg m;
    int got = sandbox_receive(&l->sandbox, &m);

    if (got == -EINTR)
        return -1;
    if (got <= 0)
        return EXIT_SIGNAL + SIGKILL; /* killed, or it killed itself: its log says why */
    if (m.kind != CONTROL_EXIT)
        return -1;
    int status = (int)m.value;
    return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static _Noreturn void live(struct life *l)
{
    enum { SENTRY, PEER, SIGNALS, GOFER, WATCHED };
    struct pollfd fds[WATCHED];
    sigset_t set;
    int status = -1;

    watched(&set);
    const int watch[WATCHED] = { [SENTRY] = l->sandbox.control,
                                 [PEER] = l->control,
                                 [SIGNALS] = signalfd(-1, &set, SFD_CLOEXEC),
                                 [GOFER] = (int)syscall(SYS_pidfd_open, l->sandbox.gofer, 0) };
    for (size_t i = 0; i < WATCHED; i++)
        fds[i] = (struct pollfd){ .fd = watch[i], .events = POLLIN };
    while (status < 0) {
        if (poll(fds, WATCHED, -1) < 0)
            continue;
        if (fds[SENTRY].revents)
            status = on_sentry(l);
        else if (fds[GOFER].revents)
            status = EXIT_SIGNAL + SIGKILL; /* no gofer, no files, no container */
        else if (fds[SIGNALS].revents)
            on_signal(l, fds[SIGNALS].fd);
        else if (fds[PEER].revents)
            on_peer(l);
    }
    sandbox_end(&l->sandbox);
    _exit(status);
}

/* ---- all together ---- */

/* What the sentry says of its start goes on to the create as it is. */
static void hear_created(const struct anchor *a, struct sandbox *s)
{
    struct control_msg m;
    int got;

    do
        got = sandbox_receive(s, &m);
    while (got == -EINTR || (got > 0 && m.kind == CONTROL_STEP));
    if (got <= 0) {
        struct err e;
        err_set(&e, -EPIPE, "the sentry died while it started");
        give_up(a, &e);
    }
    if (m.kind != CONTROL_CREATED) {
        tell(a, &m);
        _exit(EXIT_OURS);
    }
}

static void become_session(const struct anchor *a)
{
    int console = a->options->fds[OPTION_FD_CONSOLE];

    setsid();
    /* So that its changes of size reach us. */
    if (console >= 0)
        (void)!ioctl(console, TIOCSCTTY, 0);
}

/* By which the sentry sees who shares a namespace with whom. */
static uint64_t number_of(const char *space)
{
    struct stat st;
    char path[64];

    snprintf(path, sizeof path, "/proc/self/ns/%s", space);
    return stat(path, &st) ? 0 : st.st_ino;
}

static void begin(struct anchor *a, struct life *l)
{
    bool own_pids = a->spec->ns[NS_PID].wanted && !a->spec->ns[NS_PID].path;
    struct err e = { .code = 0 };

    a->options->pid_ns = number_of("pid");
    a->options->uts_ns = number_of("uts");
    if (a->join >= 0 ? sandbox_join(a->options, a->view, a->join, &l->sandbox, &e)
                     : sandbox_start(a->options, a->view, &l->sandbox, &e))
        give_up(a, &e);
    hear_created(a, &l->sandbox);
    int err = a->mnt_ns < 0 ? -EPERM : rootfs_join(a->mnt_ns, a->rootfs, &e);
    if (err == -EPERM) /* nor may we join what a user namespace of the host's owns */
        err = rootfs_enter(a->rootfs, a->view, own_pids, &e);
    if (err)
        give_up(a, &e);
    for (unsigned i = 0; i < OPTION_FD_COUNT; i++)
        if (a->options->fds[i] >= 0 && i != OPTION_FD_CONSOLE && i != OPTION_FD_LOG)
            close(a->options->fds[i]);
    for (uint32_t i = 0; i < a->view->ntrees; i++)
        if (a->view->trees[i].mount)
            close(a->view->trees[i].mount);
    l->control = a->control;
    l->console = a->options->fds[OPTION_FD_CONSOLE];
}

/*
 * What the loop does needs no right: the sentry's user namespace is owned by who we are,
 * which is enough to kill it.
 */
static void drop_rights(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)!syscall(SYS_capset, &head, none);
}

void anchor_main(struct anchor *a)
{
    const struct control_msg done = { .kind = CONTROL_DONE };
    const struct control_msg created = { .kind = CONTROL_CREATED };
    struct life l = { .console = -1 };
    sigset_t set;

    /* Those that come are kept for the loop: an init would lose them. */
    watched(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    umask(022);
    await(a);
    enter_namespaces(a);
    take_names(a);
    set_oom_score(&a->spec->process);
    become_session(a);
    tidy_descriptors(a);
    tell(a, &done);
    await(a);
    enter_cgroup_ns(a);
    begin(a, &l);
    drop_rights();
    tell(a, &created);
    close(a->sync);
    if (chdir("/"))
        _exit(EXIT_OURS);
    live(&l);
}
