/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sentry/fs/gofer_calls.h"
#include "tests/lib/gofer_pair.h"

static struct gofer_pair pair;
static struct gofer_found root, found_dir;

static void start(uint32_t tree_flags)
{
    struct gofer_attached at;

    gofer_pair_start(&pair, tree_flags);
    cr_assert_eq(gofer_attach(pair.client, 0, &at), 0);
    cr_assert_eq(at.flags, tree_flags);
    root = at.root;
}

static void rw(void)
{
    start(0);
}

static void ro(void)
{
    start(GOFER_TREE_RO);
}

static void connectable(void)
{
    start(GOFER_TREE_CONNECT);
}

static void unowned(void)
{
    start(GOFER_TREE_NO_UID | GOFER_TREE_NO_GID);
}

static void stop(void)
{
    gofer_pair_stop(&pair);
}

/* The last step of a walk is kept. */
struct steps {
    struct gofer_walk_sink sink;
    unsigned count;
    struct gofer_found last;
    char text[GOFER_LINK_MAX + 1];
};

static void found(struct gofer_walk_sink *s, const struct gofer_found *f, const char *text,
                  size_t len)
{
    struct steps *steps = (struct steps *)s;

    steps->count++;
    steps->last = *f;
    memcpy(steps->text, text, len + 1);
}

/* Walks a path of names; the reason it ended, or 0. */
static int walk_to(const char *path, struct steps *out)
{
    char copy[1024], *save;
    const char *names[GOFER_WALK_MAX];
    unsigned n = 0;
    int why = 0;

    snprintf(copy, sizeof copy, "%s", path);
    for (char *p = strtok_r(copy, "/", &save); p; p = strtok_r(NULL, "/", &save))
        names[n++] = p;
    *out = (struct steps){ .sink.found = found };
    int err = gofer_walk(pair.client, root.handle, names, n, &out->sink, &why);
    return err ? err : why;
}

static gofer_handle_t handle_of(const char *path)
{
    struct steps s;

    cr_assert_eq(walk_to(path, &s), 0, "%s", path);
    return s.last.handle;
}

TestSuite(serve, .init = rw, .fini = stop);
TestSuite(serve_connect, .init = connectable, .fini = stop);
TestSuite(serve_ro, .init = ro, .fini = stop);
TestSuite(serve_unowned, .init = unowned, .fini = stop);

Test(serve, one_walk_takes_many_steps)
{
    char path[256];
    struct steps s;
    cr_assert_eq(mkdir(gofer_pair_path(&pair, "a", path), 0755), 0);
    cr_assert_eq(mkdir(gofer_pair_path(&pair, "a/b", path), 0755), 0);
    gofer_pair_put(&pair, "a/b/f", "hello", 5);
    uint64_t before = gofer_client_requests(pair.client);

    cr_expect_eq(walk_to("a/b/f", &s), 0);
    cr_expect_eq(s.count, 3);
    cr_expect_eq(s.last.attr.size, 5);
    cr_expect_eq(gofer_client_requests(pair.client), before + 1);
    cr_expect_eq(walk_to("a/x/f", &s), -ENOENT);
    cr_expect_eq(s.count, 1);
}

Test(serve, a_walk_ends_at_a_link_and_says_where_it_leads)
{
    char path[256];
    struct steps s;
    cr_assert_eq(symlink("../../etc/passwd", gofer_pair_path(&pair, "l", path)), 0);

    cr_expect_eq(walk_to("l/x", &s), 0);
    cr_expect_eq(s.count, 1);
    cr_expect(S_ISLNK(s.last.attr.mode));
    cr_expect_str_eq(s.text, "../../etc/passwd");
}

Test(serve, names_that_are_no_names_are_refused)
{
    struct steps s = { .sink.found = found };
    const char *const bad[] = { "..", ".", "", "a/b" };
    int why;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_eq(gofer_walk(pair.client, root.handle, &bad[i], 1, &s.sink, &why), -EPROTO);
}

Test(serve, an_open_file_is_donated)
{
    char buf[8];
    struct gofer_attr attr;
    int fd;
    gofer_pair_put(&pair, "f", "hello", 5);

    cr_assert_eq(gofer_open(pair.client, handle_of("f"), GOFER_OPEN_READ, &attr, &fd), 0);
    cr_expect_eq(pread(fd, buf, sizeof buf, 0), 5);
    cr_expect_eq(attr.size, 5);
    cr_expect_eq(write(fd, "x", 1), -1);
    close(fd);
}

Test(serve, what_is_no_regular_file_is_never_opened)
{
    char path[256];
    int fd;
    struct gofer_attr attr;
    cr_assert_eq(mkfifo(gofer_pair_path(&pair, "fifo", path), 0644), 0);
    cr_assert_eq(symlink("f", gofer_pair_path(&pair, "l", path)), 0);

    cr_expect_eq(gofer_open(pair.client, handle_of("fifo"), GOFER_OPEN_READ, &attr, &fd), -ENXIO);
    cr_expect_eq(gofer_open(pair.client, handle_of("l"), GOFER_OPEN_READ, &attr, &fd), -ELOOP);
    cr_expect_eq(gofer_open(pair.client, root.handle, GOFER_OPEN_READ, &attr, &fd), -EISDIR);
}

Test(serve, a_tree_that_begins_inside_procfs_has_nothing_in_it)
{
    struct gofer_attached at;
    struct steps s;
    int fd = open("/proc/self", O_PATH | O_CLOEXEC);
    cr_assert_eq(gofer_add_tree(&pair.gofer, fd, GOFER_TREE_RO), 0);

    cr_assert_eq(gofer_attach(pair.client, 1, &at), 0);
    root = at.root;
    cr_expect_eq(walk_to("status", &s), -ENOENT);
}

Test(serve, a_handle_that_was_given_back_is_stale)
{
    struct gofer_attr attr;
    gofer_pair_put(&pair, "f", "", 0);
    gofer_handle_t h = handle_of("f");

    cr_expect_eq(gofer_getattr(pair.client, h, &attr), 0);
    gofer_client_clunk(pair.client, h);
    cr_expect_eq(gofer_getattr(pair.client, h, &attr), -ESTALE);
    gofer_handle_t again = handle_of("f");
    cr_expect_neq(again, h, "the place is taken again, the number is not");
    cr_expect_eq(gofer_getattr(pair.client, h, &attr), -ESTALE);
    cr_expect_eq(gofer_getattr(pair.client, again, &attr), 0);
    cr_expect_eq(gofer_getattr(pair.client, 12345678, &attr), -ESTALE);
}

struct names {
    struct gofer_dir_sink sink;
    unsigned count, with_attr;
    uint64_t last;
};

static int count_entry(struct gofer_dir_sink *s, const struct gofer_entry *e)
{
    struct names *n = (struct names *)s;

    n->count++;
    n->with_attr += e->attr && e->attr->ino == e->ino;
    n->last = e->next;
    return 0;
}

Test(serve, a_directory_comes_in_batches)
{
    char name[32];
    struct names n = { .sink.entry = count_entry };
    int end = 0;
    unsigned batches = 0;
    for (int i = 0; i < 1500; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        gofer_pair_put(&pair, name, "", 0);
    }

    for (; end == 0; batches++)
        end = gofer_readdir(pair.client, root.handle, NULL,
                            (struct gofer_batch){ .cookie = n.last, .attrs = GOFER_ATTRS_ALL },
                            &n.sink, &found_dir);
    cr_expect_eq(end, 1);
    cr_expect_eq(n.count, 1500);
    cr_expect_eq(n.with_attr, 1500);
    cr_expect_leq(batches, 5);
    /* And from the middle, after the end has been seen. */
    n.count = 0;
    cr_expect_geq(gofer_readdir(pair.client, root.handle, NULL, (struct gofer_batch){ 0 }, &n.sink,
                                &found_dir),
                  0);
    cr_expect_eq(n.count, 1500);
}

Test(serve, a_directory_below_another_is_listed_at_once)
{
    struct names n = { .sink.entry = count_entry };
    struct gofer_attr attr;
    char path[256];
    cr_assert_eq(mkdir(gofer_pair_path(&pair, "d", path), 0755), 0);
    gofer_pair_put(&pair, "d/f", "x", 1);

    cr_expect_eq(gofer_readdir(pair.client, root.handle, "d",
                               (struct gofer_batch){ .attrs = GOFER_ATTRS_ALL }, &n.sink,
                               &found_dir),
                 1);
    cr_expect_eq(n.count, 1);
    cr_expect_eq(gofer_getattr(pair.client, found_dir.handle, &attr), 0);
    cr_expect_eq(attr.ino, found_dir.attr.ino);
    cr_expect_eq(gofer_readdir(pair.client, root.handle, "e",
                               (struct gofer_batch){ .attrs = GOFER_ATTRS_ALL }, &n.sink,
                               &found_dir),
                 -ENOENT);
    cr_expect_eq(gofer_readdir(pair.client, found_dir.handle, "f",
                               (struct gofer_batch){ .attrs = GOFER_ATTRS_ALL }, &n.sink,
                               &found_dir),
                 -ESTALE);
    gofer_pair_put(&pair, "f", "x", 1);
    cr_expect_eq(gofer_readdir(pair.client, root.handle, "f",
                               (struct gofer_batch){ .attrs = GOFER_ATTRS_ALL }, &n.sink,
                               &found_dir),
                 -ENOTDIR);
}

struct ahead {
    struct names names; /* of all directories */
    unsigned came;      /* bits: which */
};

static int count_ahead(struct gofer_dir_sink *s, unsigned which, const struct gofer_found *found)
{
    struct ahead *a = container_of(container_of(s, struct names, sink), struct ahead, names);

    cr_expect_neq(found->handle, 0);
    cr_expect(S_ISDIR(found->attr.mode));
    a->came |= 1u << which;
    return 0;
}

Test(serve, directories_that_will_be_asked_for_come_along)
{
    const char *const next[] = { "d2", "none", "f", "d3", "link", "big", "d4" };
    struct gofer_batch batch = { .count = ARRAY_LEN(next), .ahead = next };
    struct ahead a = {
        .names.sink = {.entry = count_entry, .ahead = count_ahead}
    };
    char path[256], name[64];
    for (int i = 1; i <= 4; i++) {
        snprintf(name, sizeof name, "d%d", i);
        cr_assert_eq(mkdir(gofer_pair_path(&pair, name, path), 0755), 0);
        for (int k = 0; k < i; k++) {
            snprintf(name, sizeof name, "d%d/f%d", i, k);
            gofer_pair_put(&pair, name, "x", 1);
        }
    }
    gofer_pair_put(&pair, "f", "x", 1);
    cr_assert_eq(symlink("d1", gofer_pair_path(&pair, "link", path)), 0);
    cr_assert_eq(mkdir(gofer_pair_path(&pair, "big", path), 0755), 0);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "big/one-of-many-files-%d", i);
        gofer_pair_put(&pair, name, "", 0);
    }

    cr_expect_eq(gofer_readdir(pair.client, root.handle, "d1", batch, &a.names.sink, &found_dir),
                 1);
    cr_expect_eq(a.came, 1u << 0 | 1u << 3, "up to what does not fit: %x", a.came);
    cr_expect_eq(a.names.count, 1 + 2 + 3);
    /* Nothing comes along where the directory itself is not all there. */
    a.came = 0;
    cr_expect_eq(gofer_readdir(pair.client, root.handle, "big", batch, &a.names.sink, &found_dir),
                 0);
    cr_expect_eq(a.came, 0);
    /* They lie beside it: where it is not named there is no beside. */
    cr_expect_eq(gofer_readdir(pair.client, root.handle, NULL, batch, &a.names.sink, &found_dir),
                 -EPROTO);
}

Test(serve, everything_can_be_made_and_unmade)
{
    const uint32_t types[] = { S_IFREG, S_IFDIR, S_IFIFO, S_IFSOCK, S_IFLNK };
    struct gofer_found made, kept;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct gofer_new what = { .name = "n", .mode = types[i] | 0711, .text = "t" };
        what.uid = getuid();
        what.gid = getgid();
        cr_assert_eq(gofer_make(pair.client, root.handle, &what, &made, NULL), 0);
        cr_expect_eq(made.attr.mode & S_IFMT, types[i]);
        if (types[i] != S_IFLNK)
            cr_expect_eq(made.attr.mode & 07777, 0711);
        cr_expect_eq(gofer_make(pair.client, root.handle, &what, &made, NULL), -EEXIST);
        unsigned flags = types[i] == S_IFDIR ? GOFER_UNLINK_DIR : 0;
        cr_expect_eq(gofer_unlink(pair.client, root.handle, "n", flags | GOFER_UNLINK_KEEP, &kept),
                     0);
        cr_expect_eq(kept.attr.ino, made.attr.ino);
        cr_expect_eq(kept.attr.nlink, 0);
    }
    struct gofer_new device = { .name = "d", .mode = S_IFCHR | 0666 };
    cr_expect_eq(gofer_make(pair.client, root.handle, &device, &made, NULL), -EPERM);
}

Test(serve, a_new_file_comes_open_and_with_its_set_id_bits)
{
    struct gofer_new what = { .name = "n", .mode = S_IFREG | 06755 };
    struct gofer_found made;
    int fd;
    what.uid = getuid();
    what.gid = getgid();

    cr_assert_eq(gofer_make(pair.client, root.handle, &what, &made, &fd), 0);
    cr_expect_eq(made.attr.mode, S_IFREG | 06755);
    cr_expect_eq(pwrite(fd, "abc", 3, 0), 3);
    close(fd);
    cr_assert_eq(gofer_tmpfile(pair.client, root.handle, &what, &made, &fd), 0);
    cr_expect_eq(made.attr.nlink, 0);
    cr_expect_eq(gofer_link(pair.client, made.handle, root.handle, "t", &made.attr), 0);
    cr_expect_eq(made.attr.nlink, 1);
    close(fd);
}

Test(serve, attributes_change_as_asked)
{
    gofer_pair_put(&pair, "f", "hello", 5);
    gofer_handle_t h = handle_of("f");
    struct gofer_attr attr;
    struct attr_change c = {
        .which = ATTR_MODE | ATTR_SIZE | ATTR_MTIME, .mode = 0600, .size = 2, .mtime = {1000, 5}
    };

    cr_assert_eq(gofer_setattr(pair.client, h, &c, &attr), 0);
    cr_expect_eq(attr.mode, S_IFREG | 0600);
    cr_expect_eq(attr.size, 2);
    cr_expect_eq(attr.mtime.tv_sec, 1000);
    cr_expect_eq(attr.mtime.tv_nsec, 5);
    c = (struct attr_change){
        .which = ATTR_MTIME | ATTR_MTIME_NOW, .mtime = {0, -1}
    };
    cr_assert_eq(gofer_setattr(pair.client, h, &c, &attr), 0);
    cr_expect_gt(attr.mtime.tv_sec, 1000);
}

Test(serve, names_move_and_exchange)
{
    struct steps a, b;
    gofer_pair_put(&pair, "a", "1", 1);
    gofer_pair_put(&pair, "b", "22", 2);

    cr_expect_eq(gofer_rename(pair.client, root.handle, "a", root.handle, "b", 1), -EEXIST);
    cr_expect_eq(gofer_rename(pair.client, root.handle, "a", root.handle, "b", 2), 0);
    cr_expect_eq(walk_to("a", &a), 0);
    cr_expect_eq(walk_to("b", &b), 0);
    cr_expect_eq(a.last.attr.size, 2);
    cr_expect_eq(b.last.attr.size, 1);
    cr_expect_eq(gofer_rename(pair.client, root.handle, "a", root.handle, "b", 4), -EINVAL);
    cr_expect_eq(gofer_rename(pair.client, root.handle, "a", root.handle, "c", 0), 0);
    cr_expect_eq(walk_to("a", &a), -ENOENT);
}

Test(serve, named_attributes_are_set_listed_and_removed)
{
    char buf[256];
    gofer_pair_put(&pair, "f", "", 0);
    gofer_handle_t h = handle_of("f");
    int err = gofer_setxattr(pair.client, h, "user.x", "value", 5, 0);

    if (err == -EOPNOTSUPP)
        cr_skip_test("the file system has none");
    cr_assert_eq(err, 0);
    cr_expect_eq(gofer_getxattr(pair.client, h, "user.x", NULL, 0), 5);
    cr_expect_eq(gofer_getxattr(pair.client, h, "user.x", buf, sizeof buf), 5);
    cr_expect_eq(memcmp(buf, "value", 5), 0);
    cr_expect_eq(gofer_getxattr(pair.client, h, "user.x", buf, 2), -ERANGE);
    cr_expect_eq(gofer_setxattr(pair.client, h, "user.x", "", 0, XATTR_CREATE), -EEXIST);
    cr_expect_eq(gofer_listxattr(pair.client, h, buf, sizeof buf), 7);
    cr_expect_str_eq(buf, "user.x");
    cr_expect_eq(gofer_setxattr(pair.client, h, "trusted.x", "", 0, 0), -EPERM);
    cr_expect_eq(gofer_removexattr(pair.client, h, "user.x"), 0);
    cr_expect_eq(gofer_getxattr(pair.client, h, "user.x", NULL, 0), -ENODATA);
}

Test(serve_ro, nothing_is_written)
{
    struct gofer_found made;
    struct gofer_attr attr;
    struct gofer_new what = { .name = "n", .mode = S_IFREG | 0644 };
    struct attr_change c = { .which = ATTR_MODE, .mode = 0777 };
    int fd;
    gofer_pair_put(&pair, "f", "x", 1);
    gofer_handle_t h = handle_of("f");

    cr_expect_eq(gofer_make(pair.client, root.handle, &what, &made, NULL), -EROFS);
    cr_expect_eq(gofer_open(pair.client, h, GOFER_OPEN_WRITE, &attr, &fd), -EROFS);
    cr_expect_eq(gofer_open(pair.client, h, GOFER_OPEN_READ | GOFER_OPEN_WRITE, &attr, &fd),
                 -EROFS);
    cr_expect_eq(gofer_setattr(pair.client, h, &c, &attr), -EROFS);
    cr_expect_eq(gofer_unlink(pair.client, root.handle, "f", 0, NULL), -EROFS);
    cr_expect_eq(gofer_rename(pair.client, root.handle, "f", root.handle, "g", 0), -EROFS);
    cr_expect_eq(gofer_link(pair.client, h, root.handle, "g", &attr), -EROFS);
    cr_expect_eq(gofer_setxattr(pair.client, h, "user.x", "", 0, 0), -EROFS);
}

/* A socket that listens at "s" in the tree. */
static int listen_in_tree(void)
{
    char path[256];
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un at = { .sun_family = AF_UNIX };

    snprintf(at.sun_path, sizeof at.sun_path, "%s", gofer_pair_path(&pair, "s", path));
    cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(listener, 1), 0);
    return listener;
}

Test(serve, sockets_are_not_connected_to)
{
    int fd, listener = listen_in_tree();

    cr_expect_eq(gofer_connect(pair.client, handle_of("s"), SOCK_STREAM, &fd), -ECONNREFUSED);
    close(listener);
}

Test(serve_connect, sockets_are_connected_to_where_the_tree_lets)
{
    int fd, listener = listen_in_tree();

    cr_assert_eq(gofer_connect(pair.client, handle_of("s"), SOCK_STREAM, &fd), 0);
    cr_expect_eq(write(fd, "x", 1), 1);
    close(fd);
    gofer_pair_put(&pair, "f", "", 0);
    cr_expect_eq(gofer_connect(pair.client, handle_of("f"), SOCK_STREAM, &fd), -ECONNREFUSED);
    close(listener);
}

static void *ask_often(void *arg)
{
    struct gofer_attr attr;
    int *bad = arg, fd;

    for (int i = 0; i < 300; i++) {
        gofer_handle_t h = handle_of("f");
        *bad += gofer_getattr(pair.client, h, &attr) != 0;
        if (gofer_open(pair.client, h, GOFER_OPEN_READ, &attr, &fd) == 0)
            close(fd);
        else
            *bad += 1;
        gofer_client_clunk(pair.client, h);
    }
    return NULL;
}

Test(serve, many_threads_ask_at_once)
{
    pthread_t threads[40]; /* more than there are slots */
    int bad[40] = { 0 };
    gofer_pair_put(&pair, "f", "x", 1);

    for (int i = 0; i < 40; i++)
        pthread_create(&threads[i], NULL, ask_often, &bad[i]);
    for (int i = 0; i < 40; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(bad[i], 0);
    }
}

Test(serve, a_dead_gofer_hangs_nobody)
{
    struct gofer_attr attr;

    gofer_pair_kill(&pair);
    cr_expect_eq(gofer_getattr(pair.client, root.handle, &attr), -EIO);
    cr_expect(gofer_client_is_dead(pair.client));
    cr_expect_eq(gofer_getattr(pair.client, root.handle, &attr), -EIO);
}

/* As in an id-mapped mount that has no number for who we are. */
Test(serve_unowned, a_tree_in_which_nothing_may_be_ours)
{
    struct gofer_new what = { .name = "a", .mode = S_IFREG | 0644 };
    struct attr_change change = { .which = ATTR_UID };
    struct gofer_found made;
    struct gofer_attr attr;

    if (getuid())
        cr_skip_test("only root gives files away");
    cr_expect_eq(gofer_make(pair.client, root.handle, &what, &made, NULL), -EOVERFLOW);
    what.uid = 7;
    cr_expect_eq(gofer_make(pair.client, root.handle, &what, &made, NULL), -EOVERFLOW);
    what.gid = 7;
    cr_assert_eq(gofer_make(pair.client, root.handle, &what, &made, NULL), 0);
    cr_expect_eq(gofer_setattr(pair.client, made.handle, &change, &attr), -EOVERFLOW);
    change = (struct attr_change){ .which = ATTR_GID, .gid = 8 };
    cr_expect_eq(gofer_setattr(pair.client, made.handle, &change, &attr), 0);
    cr_expect_eq(attr.gid, 8);
    cr_expect_eq(attr.uid, 7);
}
