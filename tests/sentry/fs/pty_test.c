/* SPDX-License-Identifier: Apache-2.0 */
/* The line discipline, byte by byte; what a guest can see is in tests/guest/pty_test.c. */
#include "sentry/fs/pty.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/tty_priv.h"
#include "tests/lib/fs_world.h"

static struct fs_world w;
static struct file *m, *s;
static struct tty *tty;

static void start(void)
{
    struct dentry *root;

    fs_world_start(&w);
    cr_assert_eq(vfs_mkdir(&w.vfs.root, NULL, "/pts", 0755), 0);
    cr_assert_eq(
        devpts_create(w.arena, "devpts", "mode=620,gid=5,ptmxmode=666", &w.vfs.root, &root), 0);
    cr_assert_eq(world_mount(&w.vfs.root, "/pts", root, 0), 0);
    cr_assert_eq(world_open(&w.vfs.root, "/pts/ptmx", O_RDWR, 0, &m), 0);
    cr_assert_eq(world_open(&w.vfs.root, "/pts/0", O_RDWR | O_NOCTTY, 0, &s), -EIO);
    struct path at;
    cr_assert_eq(walk(&w.vfs.root, NULL, "/pts/0", 0, &at), 0);
    path_put(&at);
}

/* The guest would unlock by an ioctl with a pointer; here there is no guest. */
static void unlock(void)
{
    struct mm_world *mm = &w.vfs.mm;
    int64_t at = mm_world_map(mm, mm->mm, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    int zero = 0;

    cr_assert_gt(at, 0);
    cr_assert_eq(copy_out_struct(mm->mm, uptr((uint64_t)at), &zero), 0);
    cr_assert_eq(fs_ioctl_value(&w, m, TIOCSPTLCK, (uint64_t)at), 0);
    cr_assert_eq(mm_unmap(mm->mm, uptr((uint64_t)at), PAGE_SIZE), 0);
    cr_assert_eq(world_open(&w.vfs.root, "/pts/0", O_RDWR | O_NOCTTY, 0, &s), 0);
    tty = tty_of_file(s);
    cr_assert_not_null(tty);
}

static void stop(void)
{
    file_put(s);
    file_put(m);
    cr_expect_eq(world_open(&w.vfs.root, "/pts/0", O_RDWR, 0, &s), -ENOENT);
    cr_assert_eq(slab_live(w.arena, SLAB_pty), 0);
    struct path at;
    cr_assert_eq(walk(&w.vfs.root, NULL, "/pts", 0, &at), 0);
    cr_assert_eq(vfs_umount(&w.vfs.root, &at, MNT_DETACH), 0);
    path_put(&at);
    fs_world_stop(&w);
}

TestSuite(pty, .init = start, .fini = stop, .timeout = 20);

static void set_mode(uint32_t iflag, uint32_t oflag, uint32_t lflag)
{
    tty_lock(tty);
    uint32_t was = tty->termios.lflag;
    tty->termios.iflag = iflag;
    tty->termios.oflag = oflag;
    tty->termios.lflag = lflag;
    if ((was ^ lflag) & ICANON)
        ldisc_mode_changed_locked(tty);
    tty_unlock(tty);
}

#define COOKED (ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN | ISIG)

static const struct row {
    const char *claim;
    uint32_t iflag, oflag, lflag;
    const char *typed, *echo, *read;
} rows[] = {
    {"a line",                          ICRNL,  OPOST | ONLCR, COOKED,                     "ab\r",             "ab\r\n",            "ab\n"            },
    { "erase",                          0,      0,             COOKED,                     "ab\177c\n",        "ab\b \bc\n",        "ac\n"            },
    { "erase of nothing",               0,      0,             COOKED,                     "\177\177a\n",      "a\n",               "a\n"             },
    { "erase stops at the line before", 0,      0,             COOKED,                     "a\n\177b\n",       "a\nb\n",            "a\n"             },
    { "kill",                           0,      0,             COOKED,                     "ab\025c\n",        "ab\b \b\b \bc\n",   "c\n"             },
    { "kill without ECHOKE",            0,      0,             COOKED & ~(uint32_t)ECHOKE, "ab\025c\n",        "ab^U\nc\n",         "c\n"             },
    { "word erase",                     0,      0,             COOKED,                     "a bc\027d\n",      "a bc\b \b\b \bd\n", "a d\n"           },
    { "literal next",                   0,      0,             COOKED,                     "\026\177\n",       "^\b^?\n",           "\177\n"          },
    { "a control key is shown",         0,      0,             COOKED,                     "\001\n",           "^A\n",              "\001\n"          },
    { "and rubbed out as two",          0,      0,             COOKED,                     "\001\177\n",       "^A\b \b\b \b\n",    "\n"              },
    { "no echo",                        0,      0,             ICANON,                     "ab\n",             "",                  "ab\n"            },
    { "echo of the newline alone",      0,      0,             ICANON | ECHONL,            "ab\n",             "\n",                "ab\n"            },
    { "an end of file inside",          0,      0,             ICANON,                     "ab\004cd\n",       "",                  "ab"              },
    { "case is folded",                 IUCLC,  0,             ICANON | IEXTEN,            "AbC\n",            "",                  "abc\n"           },
    { "bits are stripped",              ISTRIP, 0,             0,                          "\341b",            "",                  "ab"              },
    { "marks are doubled",              PARMRK, 0,             0,                          "a\377b",           "",                  "a\377\377b"      },
    { "raw is raw",                     0,      0,             0,                          "\003\004\r\n\177", "",                  "\003\004\r\n\177"},
    { "echo in raw",                    0,      OPOST | ONLCR, ECHO,                       "a\n",              "a\r\n",             "a\n"             },
};

Test(pty, edits)
{
    unlock();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        set_mode(r->iflag, r->oflag, r->lflag);
        cr_expect_eq(fs_write_text(m, r->typed), (ssize_t)strlen(r->typed), "%s", r->claim);
        cr_expect_str_eq(fs_read_text(m), r->echo, "%s: echo", r->claim);
        cr_expect_str_eq(fs_read_text(s), r->read, "%s: read", r->claim);
        tty_lock(tty);
        ldisc_flush_input_locked(tty);
        ldisc_flush_output_locked(tty);
        tty_unlock(tty);
    }
}

Test(pty, both_directions_are_bounded)
{
    static char big[100000];

    unlock();
    set_mode(0, 0, 0);
    memset(big, 'x', sizeof big);
    ssize_t there = fs_write(m, big, sizeof big);
    cr_assert_eq(there, READ_SIZE - 1 + QUEUE_SIZE);
    cr_assert_eq(fs_write(m, big, 1), -EAGAIN);
    cr_assert_eq(fs_write(s, big, sizeof big), QUEUE_SIZE);
    cr_assert_eq(fs_write(s, big, 1), -EAGAIN);
    ssize_t got = 0, n;
    while ((n = fs_read(s, big, sizeof big)) > 0)
        got += n;
    cr_assert_eq(got, there);
}

Test(pty, who_waits_is_woken)
{
    struct listener near, far;
    static char big[20000];

    unlock();
    set_mode(0, 0, 0);
    listen_to(&near, s);
    listen_to(&far, m);
    cr_assert_eq(fs_write_text(m, "x"), 1);
    cr_assert(listen_count(&near) && near.bits & POLLIN);
    cr_assert_str_eq(fs_read_text(s), "x");
    cr_assert_eq(fs_write_text(s, "y"), 1);
    cr_assert(listen_count(&far) && far.bits & POLLIN);
    near.bits = 0;
    cr_assert_str_eq(fs_read_text(m), "y");
    cr_assert(near.bits & POLLOUT);
    while (fs_write(m, big, sizeof big) > 0)
        continue;
    listen_count(&far);
    far.bits = 0;
    cr_assert(fs_read(s, big, sizeof big) > 0);
    cr_assert(far.bits & POLLOUT);
    listen_end(&near);
    listen_end(&far);
}

Test(pty, a_read_with_vtime_ends_by_the_clock)
{
    struct listener l;
    struct io io;
    char b[8];

    unlock();
    set_mode(0, 0, 0);
    tty->termios.cc[VMIN] = 0;
    tty->termios.cc[VTIME] = 2;
    listen_to(&l, s);
    io_kernel(&io, b, sizeof b);
    cr_assert_eq(s->ops->read(s, &io, NULL), -EAGAIN);
    fs_pass(&w, NSEC_PER_SEC / 10);
    cr_assert_eq(listen_count(&l), 0);
    cr_assert_eq(s->ops->read(s, &io, NULL), -EAGAIN);
    fs_pass(&w, NSEC_PER_SEC / 10);
    cr_assert_eq(listen_count(&l), 1);
    cr_assert_eq(s->ops->read(s, &io, NULL), 0);
    /* The time between two bytes begins anew with each. */
    tty->termios.cc[VMIN] = 3;
    io_kernel(&io, b, sizeof b);
    cr_assert_eq(s->ops->read(s, &io, NULL), -EAGAIN);
    for (int i = 0; i < 2; i++) {
        fs_pass(&w, NSEC_PER_SEC / 10);
        cr_assert_eq(fs_write_text(m, "x"), 1);
        cr_assert_eq(s->ops->read(s, &io, NULL), -EAGAIN);
    }
    fs_pass(&w, NSEC_PER_SEC / 5);
    cr_assert_eq(s->ops->read(s, &io, NULL), 2);
    listen_end(&l);
}

Test(pty, numbers_are_used_again)
{
    struct file *more[3];
    char names[128];

    unlock();
    for (int i = 0; i < 3; i++)
        cr_assert_eq(world_open(&w.vfs.root, "/pts/ptmx", O_RDWR, 0, &more[i]), 0);
    cr_assert_eq(world_list(&w.vfs.root, "/pts", names, sizeof names), 0);
    cr_assert_str_eq(names, "0 1 2 3 ptmx");
    file_put(more[1]);
    cr_assert_eq(world_list(&w.vfs.root, "/pts", names, sizeof names), 0);
    cr_assert_str_eq(names, "0 1 3 ptmx");
    cr_assert_eq(world_open(&w.vfs.root, "/pts/ptmx", O_RDWR, 0, &more[1]), 0);
    cr_assert_eq(world_list(&w.vfs.root, "/pts", names, sizeof names), 0);
    cr_assert_str_eq(names, "0 1 2 3 ptmx");
    for (int i = 0; i < 3; i++)
        file_put(more[i]);
}

Test(pty, the_mount_options_are_kept)
{
    struct attr a;
    struct dentry *root;

    unlock();
    cr_assert_eq(world_stat(&w.vfs.root, "/pts/0", true, &a), 0);
    cr_assert_eq(a.mode, (uint32_t)(S_IFCHR | 0620));
    cr_assert_eq(a.gid, 5u);
    cr_assert_eq(world_stat(&w.vfs.root, "/pts/ptmx", true, &a), 0);
    cr_assert_eq(a.mode, (uint32_t)(S_IFCHR | 0666));
    cr_assert_eq(devpts_create(w.arena, "devpts", "mode=9", &w.vfs.root, &root), -EINVAL);
    cr_assert_eq(devpts_create(w.arena, "devpts", "what=1", &w.vfs.root, &root), -EINVAL);
}

Test(pty, a_hangup_ends_everything)
{
    char b[4];

    unlock();
    struct listener l;
    listen_to(&l, s);
    file_put(keep(m));
    cr_assert(listen_count(&l) > 0);
    cr_assert_eq(fs_read(s, b, 4), 0);
    cr_assert_eq(fs_write(s, b, 1), -EIO);
    listen_end(&l);
}
