/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gofer in a process of its own, in its jail, with its filter: by root and by a user
 * who is nobody. What must hold inside is tried in that process, before the last stage.
 */
#include "gofer/file/jail.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/host_jail.h"
#include "gofer/file/serve.h"
#include "sentry/fs/gofer_calls.h"

/* ThreadSanitizer's own. */
#ifdef __has_feature
#define HAS_A_THREAD_MORE __has_feature(thread_sanitizer)
#else
#define HAS_A_THREAD_MORE false
#endif

#define SOCK_FD 3
#define NOBODY  65534

/* What the jailed process found out, in shared memory. */
struct probe {
    int jail;      /* of jail_enter() */
    int passwd;    /* open("/etc/passwd") */
    int up;        /* open("../../etc/passwd") from the working directory */
    int up_tree;   /* open("../../etc/passwd") from a tree's root */
    int write_ro;  /* making a file in the first tree, by hand */
    int null;      /* opening a device in it */
    int tree_file; /* opening a file in it: this one works */
    uint64_t caps;
    pid_t pid;
};

static int opens(int dir, const char *path, int flags)
{
    int fd = openat(dir, path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? -errno : 0;
}

static void look_around(struct gofer *g, struct probe *p)
{
    int root = g->trees[0].root;

    p->passwd = opens(AT_FDCWD, "/etc/passwd", O_RDONLY);
    p->up = opens(AT_FDCWD, "../../etc/passwd", O_RDONLY);
    p->up_tree = opens(root, "../../etc/passwd", O_RDONLY);
    p->write_ro = opens(root, "tmp/gofer-jail-test", O_WRONLY | O_CREAT);
    p->null = opens(root, "dev/null", O_RDONLY);
    p->tree_file = opens(root, "etc/passwd", O_RDONLY);
    if (host_capget(&p->caps))
        p->caps = ~UINT64_C(0);
}

static _Noreturn void gofer_main(int argc, char **argv, uid_t uid, int sock, struct probe *p)
{
    struct gofer_options o;
    struct gofer g;
    const char *why;

    signal(SIGABRT, SIG_DFL);
    dup2(sock, SOCK_FD);
    if (uid && (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
        _exit(2);
    prctl(PR_SET_DUMPABLE, 1); /* as exec would have made it: else /proc/self is root's */
    if (gofer_options_parse(argc, argv, &o, &why) || gofer_create(SOCK_FD, 1000, &g))
        _exit(3);
    p->jail = jail_enter(&o, &g);
    if (p->jail)
        _exit(4);
    look_around(&g, p);
    if (serve_hello(&g) || jail_close())
        _exit(5);
    _exit(serve(&g) ? 6 : 0);
}

struct jailed {
    pid_t pid;
    struct probe *probe;
    struct gofer_client *client;
    struct gofer_found root;
};

static void jail_start(struct jailed *j, uid_t uid, int argc, char **argv)
{
    int socks[2];

    j->probe =
        mmap(NULL, sizeof *j->probe, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
    j->pid = fork();
    if (j->pid == 0) {
        close(socks[0]);
        gofer_main(argc, argv, uid, socks[1], j->probe);
    }
    close(socks[1]);
    int err = gofer_client_create(socks[0], &j->client);
    if (j->probe->jail == -EPERM)
        cr_skip_test("the host gives no namespaces");
    if (HAS_A_THREAD_MORE && j->probe->jail == -EINVAL)
        cr_skip_test("who has threads gets no namespace of users");
    cr_assert_eq(err, 0, "hello: %d, jail: %d", err, j->probe->jail);
    struct gofer_attached at;
    cr_assert_eq(gofer_attach(j->client, 0, &at), 0);
    j->root = at.root;
}

static int jail_stop(struct jailed *j)
{
    int status;

    gofer_client_put(j->client);
    cr_assert_eq(waitpid(j->pid, &status, 0), j->pid);
    return status;
}

struct names {
    struct gofer_walk_sink sink;
    struct gofer_found last;
    unsigned count;
};

static void found(struct gofer_walk_sink *s, const struct gofer_found *f, const char *text,
                  size_t len)
{
    struct names *n = (struct names *)s;

    (void)text, (void)len;
    n->last = *f;
    n->count++;
}

static int walk_one(struct jailed *j, const char *name, struct gofer_found *out)
{
    struct names n = { .sink.found = found };
    int why = 0;
    int err = gofer_walk(j->client, j->root.handle, &name, 1, &n.sink, &why);

    *out = n.last;
    return err ? err : why;
}

static int any_entry(struct gofer_dir_sink *s, const struct gofer_entry *e)
{
    (void)s, (void)e;
    return -EEXIST;
}

static void check_read_only_root(uid_t uid)
{
    char *argv[] = { (char *)"gofer", (char *)"--tree", (char *)"ro:exclusive:/" };
    struct jailed j;
    struct gofer_found f;
    struct gofer_dir_sink sink = { .entry = any_entry };
    jail_start(&j, uid, 3, argv);

    cr_expect_eq(j.probe->passwd, -ENOENT);
    cr_expect_eq(j.probe->up, -ENOENT);
    cr_expect_eq(j.probe->up_tree, -ENOENT);
    cr_expect(j.probe->write_ro == -EROFS || j.probe->write_ro == -EACCES, "%d", j.probe->write_ro);
    cr_expect_neq(j.probe->null, 0);
    cr_expect_eq(j.probe->tree_file, 0);
    cr_expect_eq(j.probe->caps & ~(UINT64_C(1) << 2), 0, "CAP_DAC_READ_SEARCH at most");
    cr_expect_eq(walk_one(&j, "etc", &f), 0);
    cr_expect_eq(f.attr.uid, 0, "what is not ours is root's");
    cr_assert_eq(walk_one(&j, "proc", &f), 0);
    cr_expect_eq(gofer_readdir(j.client, f.handle, NULL,
                               (struct gofer_batch){ .attrs = GOFER_ATTRS_ALL }, &sink, &f),
                 1, "/proc is empty");
    cr_assert_eq(walk_one(&j, "sys", &f), 0);
    cr_expect_eq(gofer_readdir(j.client, f.handle, NULL,
                               (struct gofer_batch){ .attrs = GOFER_ATTRS_ALL }, &sink, &f),
                 1);
    cr_expect_eq(jail_stop(&j), 0, "it ends with the socket");
}

Test(jail, a_user_sees_the_tree_and_nothing_else)
{
    if (getuid())
        check_read_only_root(0);
    else
        check_read_only_root(NOBODY);
}

Test(jail, root_sees_the_tree_and_nothing_else)
{
    if (getuid())
        cr_skip_test("not root");
    check_read_only_root(0);
}

static void check_written(uid_t uid)
{
    char dir[] = "/tmp/gofer-jail-XXXXXX", tree[64];
    char *argv[] = { (char *)"gofer", (char *)"--tree", (char *)"ro:exclusive:/etc/passwd",
                     (char *)"--tree", tree };
    struct gofer_new what = { .name = "new", .mode = S_IFREG | 0640 };
    struct gofer_attached at;
    struct gofer_found made;
    struct gofer_attr attr;
    struct jailed j;
    int fd;
    cr_assert(mkdtemp(dir));
    if (uid)
        cr_assert_eq(chown(dir, uid, uid), 0);
    snprintf(tree, sizeof tree, "rw:shared:%s", dir);
    jail_start(&j, uid, 5, argv);

    /* Tree 0 is one file. */
    cr_expect(S_ISREG(j.root.attr.mode));
    cr_assert_eq(gofer_open(j.client, j.root.handle, GOFER_OPEN_READ, &attr, &fd), 0);
    close(fd);
    cr_expect_eq(gofer_open(j.client, j.root.handle, GOFER_OPEN_WRITE, &attr, &fd), -EROFS);
    /* Tree 1 is written. */
    cr_assert_eq(gofer_attach(j.client, 1, &at), 0);
    cr_assert_eq(gofer_make(j.client, at.root.handle, &what, &made, &fd), 0);
    cr_expect_eq(made.attr.mode, S_IFREG | 0640);
    cr_expect_eq(made.attr.uid, 0);
    cr_expect_eq(write(fd, "x", 1), 1);
    close(fd);
    what = (struct gofer_new){ .name = "dir", .mode = S_IFDIR | 0755 };
    cr_assert_eq(gofer_make(j.client, at.root.handle, &what, &made, NULL), 0);
    cr_expect_eq(gofer_rename(j.client, at.root.handle, "new", made.handle, "moved", 0), 0);
    struct attr_change c = { .which = ATTR_SIZE | ATTR_MODE, .size = 100, .mode = 0600 };
    const char *const names[] = { "dir", "moved" };
    struct names n = { .sink.found = found };
    int why = 0;
    cr_assert_eq(gofer_walk(j.client, at.root.handle, names, 2, &n.sink, &why), 0);
    cr_assert_eq(gofer_setattr(j.client, n.last.handle, &c, &attr), 0);
    cr_expect_eq(attr.size, 100);
    cr_expect_eq(gofer_unlink(j.client, made.handle, "moved", 0, NULL), 0);
    what = (struct gofer_new){ .name = "theirs", .mode = S_IFREG | 0640, .uid = 12345 };
    int err = gofer_make(j.client, at.root.handle, &what, &made, NULL);
    cr_expect_eq(err, uid || getuid() ? -EOVERFLOW : 0);
    cr_expect_eq(jail_stop(&j), 0);
}

Test(jail, a_user_writes_where_he_may)
{
    check_written(getuid() ? 0 : NOBODY);
}

Test(jail, root_writes_where_it_may)
{
    if (getuid())
        cr_skip_test("not root");
    check_written(0);
}

/* Whether the process is there, and not only what is left of it. */
static bool lives(pid_t pid)
{
    char path[64], stat[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);

    if (fd < 0 || read(fd, stat, sizeof stat - 1) <= 0)
        return false;
    close(fd);
    const char *state = strrchr(stat, ')');
    return state && state[2] != 'Z' && state[2] != 'X';
}

/* The socket stays open in us, so its end cannot be what ends the gofer. */
Test(jail, it_dies_with_its_parent)
{
    char *argv[] = { (char *)"gofer", (char *)"--tree", (char *)"ro:exclusive:/" };
    int socks[2], status;
    struct gofer_client *c;
    struct probe *p =
        mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, socks), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t pid = fork();
        if (pid == 0)
            gofer_main(3, argv, 0, socks[1], p);
        p->pid = pid;
        waitpid(pid, &status, 0);
        close(socks[1]);
        _exit(1);
    }
    close(socks[1]);
    int err = gofer_client_create(socks[0], &c);
    if (p->jail == -EPERM)
        cr_skip_test("the host gives no namespaces");
    cr_assert_eq(err, 0);
    cr_assert(lives(p->pid));
    kill(parent, SIGKILL);
    waitpid(parent, &status, 0);
    for (int i = 0; i < 100 && lives(p->pid); i++)
        usleep(10000);
    cr_expect(!lives(p->pid));
    gofer_client_put(c);
}
