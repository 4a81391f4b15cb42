/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that somebody else changes while they are served, and what lies in wait in them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sentry/fs/gofer_calls.h"
#include "tests/lib/gofer_pair.h"

static struct gofer_pair pair;
static struct gofer_found root;
static char outside[64];

static void start(void)
{
    struct gofer_attached at;

    gofer_pair_start(&pair, 0);
    cr_assert_eq(gofer_attach(pair.client, 0, &at), 0);
    root = at.root;
    snprintf(outside, sizeof outside, "/tmp/gofer-outside-XXXXXX");
    cr_assert(mkdtemp(outside));
}

static void stop(void)
{
    gofer_pair_stop(&pair);
    rmdir(outside);
}

TestSuite(hostile, .init = start, .fini = stop, .timeout = 60);

struct last {
    struct gofer_walk_sink sink;
    struct gofer_found found;
    unsigned count;
};

static void take(struct gofer_walk_sink *s, const struct gofer_found *f, const char *text,
                 size_t len)
{
    struct last *l = (struct last *)s;

    (void)text, (void)len;
    gofer_client_clunk(pair.client, l->found.handle);
    l->found = *f;
    l->count++;
}

static int walk(const char *const *names, unsigned n, struct last *out)
{
    int why = 0;

    *out = (struct last){ .sink.found = take };
    int err = gofer_walk(pair.client, root.handle, names, n, &out->sink, &why);
    return err ? err : why;
}

/* Somebody who changes the tree as fast as he can. */
struct mischief {
    pthread_t thread;
    _Atomic bool stop;
    void (*turn)(void);
};

static void *make_mischief(void *arg)
{
    struct mischief *m = arg;

    while (!atomic_load(&m->stop))
        m->turn();
    return NULL;
}

static void mischief_start(struct mischief *m, void (*turn)(void))
{
    *m = (struct mischief){ .turn = turn };
    pthread_create(&m->thread, NULL, make_mischief, m);
}

static void mischief_stop(struct mischief *m)
{
    atomic_store(&m->stop, true);
    pthread_join(m->thread, NULL);
}

/* "d" is now a directory, now a link to what is outside. */
static void swap_link(void)
{
    char d[256], real[256], link[256];

    gofer_pair_path(&pair, "d", d);
    gofer_pair_path(&pair, "real", real);
    gofer_pair_path(&pair, "link", link);
    rename(d, real);
    rename(link, d);
    rename(d, link);
    rename(real, d);
}

Test(hostile, a_link_in_the_place_of_a_directory_leads_nowhere)
{
    const char *const names[] = { "d", "secret" };
    struct mischief m;
    struct last l;
    char path[256], buf[16] = "";
    int fd, seen = 0;
    struct gofer_attr attr;
    snprintf(path, sizeof path, "%s/secret", outside);
    fd = open(path, O_CREAT | O_WRONLY, 0644);
    cr_assert_eq(write(fd, "outside", 7), 7);
    close(fd);
    cr_assert_eq(mkdir(gofer_pair_path(&pair, "d", path), 0755), 0);
    gofer_pair_put(&pair, "d/secret", "inside", 6);
    cr_assert_eq(symlink(outside, gofer_pair_path(&pair, "link", path)), 0);

    mischief_start(&m, swap_link);
    for (int i = 0; i < 3000; i++) {
        if (walk(names, 2, &l) == 0 && l.count == 2) {
            cr_expect_eq(l.found.attr.size, 6);
            if (gofer_open(pair.client, l.found.handle, GOFER_OPEN_READ, &attr, &fd) == 0) {
                cr_expect_eq(pread(fd, buf, 6, 0), 6);
                cr_expect_str_eq(buf, "inside");
                close(fd);
                seen++;
            }
        }
        gofer_client_clunk(pair.client, l.found.handle);
    }
    mischief_stop(&m);
    cr_expect_gt(seen, 0);
    snprintf(path, sizeof path, "%s/secret", outside);
    unlink(path);
}

/* The directory that is walked through goes out of the tree and comes back. */
static void carry_out(void)
{
    char inner[256], away[256];

    gofer_pair_path(&pair, "a/b", inner);
    snprintf(away, sizeof away, "%s/b", outside);
    rename(inner, away);
    rename(away, inner);
}

Test(hostile, a_directory_that_is_carried_away_takes_nobody_along)
{
    const char *const names[] = { "a", "b", "c" };
    struct mischief m;
    struct last l;
    char path[256];
    cr_assert_eq(mkdir(gofer_pair_path(&pair, "a", path), 0755), 0);
    cr_assert_eq(mkdir(gofer_pair_path(&pair, "a/b", path), 0755), 0);
    cr_assert_eq(mkdir(gofer_pair_path(&pair, "a/b/c", path), 0755), 0);

    mischief_start(&m, carry_out);
    for (int i = 0; i < 2000; i++) {
        int err = walk(names, 3, &l);
        cr_expect(err == 0 || err == -ENOENT, "%d", err);
        /* No name leads up, from wherever we stand now. */
        const char *up = "..";
        int why;
        struct last none = { .sink.found = take };
        if (l.count == 3)
            cr_expect_eq(gofer_walk(pair.client, l.found.handle, &up, 1, &none.sink, &why),
                         -EPROTO);
        gofer_client_clunk(pair.client, l.found.handle);
    }
    mischief_stop(&m);
}

Test(hostile, nodes_that_are_no_files_are_shown_and_not_opened)
{
    struct last l;
    char path[256];
    struct gofer_attr attr;
    int fd;
    cr_assert_eq(mkfifo(gofer_pair_path(&pair, "fifo", path), 0666), 0);
    const char *fifo = "fifo", *null = "null";

    cr_assert_eq(walk(&fifo, 1, &l), 0);
    cr_expect(S_ISFIFO(l.found.attr.mode));
    cr_expect_eq(gofer_open(pair.client, l.found.handle, GOFER_OPEN_READ, &attr, &fd), -ENXIO);
    cr_expect_eq(gofer_fsync(pair.client, l.found.handle, false), -EINVAL);
    if (mknod(gofer_pair_path(&pair, "null", path), S_IFCHR | 0666, makedev(1, 3)))
        cr_skip_test("no devices can be made here");
    cr_assert_eq(walk(&null, 1, &l), 0);
    cr_expect(S_ISCHR(l.found.attr.mode));
    cr_expect_eq(gofer_open(pair.client, l.found.handle, GOFER_OPEN_READ, &attr, &fd), -ENXIO);
    struct attr_change c = { .which = ATTR_SIZE };
    cr_expect_eq(gofer_setattr(pair.client, l.found.handle, &c, &attr), -EINVAL);
}

/* A name that is now a file, now a FIFO, between the walk and the open. */
static void swap_fifo(void)
{
    char f[256], fifo[256], other[256];

    gofer_pair_path(&pair, "f", f);
    gofer_pair_path(&pair, "fifo", fifo);
    gofer_pair_path(&pair, "other", other);
    rename(f, other);
    rename(fifo, f);
    rename(f, fifo);
    rename(other, f);
}

Test(hostile, a_fifo_in_the_place_of_a_file_hangs_nobody)
{
    struct mischief m;
    struct last l;
    char path[256];
    const char *name = "f";
    struct gofer_attr attr;
    struct stat st;
    int fd;
    gofer_pair_put(&pair, "f", "x", 1);
    cr_assert_eq(mkfifo(gofer_pair_path(&pair, "fifo", path), 0666), 0);

    mischief_start(&m, swap_fifo);
    for (int i = 0; i < 3000; i++) {
        if (walk(&name, 1, &l) == 0 &&
            gofer_open(pair.client, l.found.handle, GOFER_OPEN_READ, &attr, &fd) == 0) {
            cr_assert_eq(fstat(fd, &st), 0);
            cr_expect(S_ISREG(st.st_mode));
            close(fd);
        }
        gofer_client_clunk(pair.client, l.found.handle);
    }
    mischief_stop(&m);
}

static _Atomic unsigned churned;

static void churn(void)
{
    char path[256], name[32];
    unsigned n = atomic_fetch_add(&churned, 1);

    snprintf(name, sizeof name, "churn-%u", n % 500);
    gofer_pair_path(&pair, name, path);
    if (n & 1)
        unlink(path);
    else
        close(open(path, O_CREAT | O_WRONLY, 0644));
}

struct names {
    struct gofer_dir_sink sink;
    unsigned stay, total;
    uint64_t last;
};

static int count(struct gofer_dir_sink *s, const struct gofer_entry *e)
{
    struct names *n = (struct names *)s;

    n->stay += strncmp(e->name, "stay", 4) == 0;
    n->total++;
    n->last = e->next;
    return 0;
}

Test(hostile, a_large_directory_that_changes_is_listed_to_its_end)
{
    char name[32];
    struct mischief m;
    struct gofer_found found;
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "stay-%d", i);
        gofer_pair_put(&pair, name, "", 0);
    }

    mischief_start(&m, churn);
    for (int round = 0; round < 3; round++) {
        struct names n = { .sink.entry = count };
        int end = 0;
        for (int batches = 0; end == 0 && batches < 1000; batches++)
            end = gofer_readdir(
                pair.client, root.handle, NULL,
                (struct gofer_batch){ .cookie = n.last,
                                      .attrs = round & 1 ? GOFER_ATTRS_ALL : GOFER_ATTRS_NONE },
                &n.sink, &found);
        cr_expect_eq(end, 1);
        cr_expect_eq(n.stay, 5000, "what was there all the time is listed once: %u", n.stay);
    }
    mischief_stop(&m);
}
