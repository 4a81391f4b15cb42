/* SPDX-License-Identifier: Apache-2.0 */
/* covers: inotify_init1, inotify_rm_watch */
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "tests/guest/lib.h"

static char dir[] = "/tmp/inotify.XXXXXX";
static int in = -1;
static char text[4096]; /* events as words */

static const struct {
    uint32_t bit;
    const char *name;
} names[] = {
    {IN_ACCESS,         "access"    },
    { IN_MODIFY,        "modify"    },
    { IN_ATTRIB,        "attrib"    },
    { IN_CLOSE_WRITE,   "closew"    },
    { IN_CLOSE_NOWRITE, "closer"    },
    { IN_OPEN,          "open"      },
    { IN_MOVED_FROM,    "from"      },
    { IN_MOVED_TO,      "to"        },
    { IN_CREATE,        "create"    },
    { IN_DELETE,        "delete"    },
    { IN_DELETE_SELF,   "deleteself"},
    { IN_MOVE_SELF,     "moveself"  },
    { IN_IGNORED,       "ignored"   },
    { IN_ISDIR,         "dir"       },
};

/* All events as "wd:what:name ", or "" where there are none. */
static const char *events(void)
{
    static char buf[16384] __attribute__((aligned(8)));
    size_t at = 0;
    ssize_t n;

    text[0] = 0;
    while ((n = read(in, buf, sizeof buf)) > 0) {
        for (char *p = buf; p < buf + n;) {
            struct inotify_event *e = (void *)p;
            at += (size_t)snprintf(text + at, sizeof text - at, "%d", e->wd);
            for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (e->mask & names[i].bit)
                    at += (size_t)snprintf(text + at, sizeof text - at, ":%s", names[i].name);
            if (e->len)
                at += (size_t)snprintf(text + at, sizeof text - at, ":%s", e->name);
            at += (size_t)snprintf(text + at, sizeof text - at, " ");
            p += sizeof *e + e->len;
        }
    }
    return text;
}

static bool tells(const char *want)
{
    if (strcmp(events(), want) == 0)
        return true;
    printf("got: %s\n", text);
    return false;
}

static int make(const char *name)
{
    return open(name, O_RDWR | O_CREAT, 0644);
}

TEST(arguments_are_checked)
{
    CHECK(mkdtemp(dir) && chdir(dir) == 0);
    CHECK_ERRNO(inotify_init1(1), EINVAL);
    in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(in >= 0);
    CHECK_EQ(fcntl(in, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(inotify_add_watch(in, ".", 0), EINVAL);
    CHECK_ERRNO(inotify_add_watch(in, "no", IN_OPEN), ENOENT);
    CHECK_ERRNO(inotify_add_watch(0, ".", IN_OPEN), EINVAL);
    CHECK_ERRNO(inotify_add_watch(999, ".", IN_OPEN), EBADF);
    CHECK_ERRNO(inotify_add_watch(in, "/etc/passwd", IN_OPEN | IN_ONLYDIR), ENOTDIR);
    CHECK_ERRNO(inotify_add_watch(in, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
    CHECK_ERRNO(inotify_rm_watch(in, 1), EINVAL);
    CHECK_ERRNO(inotify_rm_watch(0, 1), EINVAL);
    CHECK_ERRNO(write(in, "x", 1), EBADF);
    CHECK_ERRNO(read(in, text, 64), EAGAIN);
}

TEST(a_directory_hears_of_its_children)
{
    char b[4];
    int f, wd = inotify_add_watch(in, ".", IN_ALL_EVENTS);

    CHECK_EQ(wd, 1);
    f = make("a");
    CHECK(tells("1:create:a 1:open:a "));
    CHECK_EQ(write(f, "xy", 2), 2);
    CHECK_EQ(write(f, "xy", 2), 2);
    CHECK(tells("1:modify:a "));
    CHECK_EQ(pread(f, b, 4, 0), 4);
    CHECK(tells("1:access:a "));
    CHECK(ftruncate(f, 1) == 0);
    CHECK(tells("1:modify:a "));
    CHECK(fchmod(f, 0600) == 0);
    CHECK(tells("1:attrib:a "));
    close(f);
    CHECK(tells("1:closew:a "));
    close(open("a", O_RDONLY));
    CHECK(tells("1:open:a 1:closer:a "));
    CHECK(mkdir("d", 0755) == 0);
    CHECK(tells("1:create:dir:d "));
    CHECK(rename("a", "b") == 0);
    CHECK(tells("1:from:a 1:to:b "));
    CHECK(rename("b", "d/b") == 0);
    CHECK(tells("1:from:b "));
    CHECK(symlink("x", "l") == 0 && unlink("l") == 0);
    CHECK(tells("1:create:l 1:delete:l "));
    CHECK(unlink("d/b") == 0);
    CHECK(tells(""));
    CHECK(rmdir("d") == 0);
    CHECK(tells("1:delete:dir:d "));
    CHECK(inotify_rm_watch(in, wd) == 0);
    CHECK(tells("1:ignored "));
}

TEST(a_file_hears_of_its_end)
{
    close(make("a"));
    CHECK_EQ(inotify_add_watch(in, "a", IN_ALL_EVENTS), 2);
    CHECK(unlink("a") == 0);
    CHECK(tells("2:attrib 2:deleteself 2:ignored "));
    int f = make("a");
    CHECK_EQ(inotify_add_watch(in, "a", IN_ALL_EVENTS), 3);
    CHECK(unlink("a") == 0);
    CHECK(tells("3:attrib "));
    CHECK_EQ(write(f, "x", 1), 1);
    CHECK(tells("3:modify "));
    close(f);
    CHECK(tells("3:closew 3:deleteself 3:ignored "));
}

TEST(a_link_more_keeps_it)
{
    close(make("a"));
    CHECK(link("a", "b") == 0);
    CHECK_EQ(inotify_add_watch(in, "a", IN_ALL_EVENTS), 4);
    CHECK(unlink("a") == 0);
    CHECK(tells("4:attrib "));
    close(open("b", O_RDONLY));
    CHECK(tells("4:open 4:closer "));
    CHECK(unlink("b") == 0);
    CHECK(tells("4:attrib 4:deleteself 4:ignored "));
}

TEST(a_move_is_told_with_a_cookie)
{
    struct inotify_event *e = (void *)text;

    close(make("a"));
    CHECK_EQ(inotify_add_watch(in, "a", IN_MOVE_SELF), 5);
    CHECK_EQ(inotify_add_watch(in, ".", IN_MOVE), 6);
    CHECK(rename("a", "b") == 0);
    CHECK_EQ(read(in, text, sizeof text), 3 * 16 + 2 * 16);
    uint32_t cookie = e->cookie;
    CHECK(cookie != 0);
    CHECK_EQ(e->mask, IN_MOVED_FROM);
    e = (void *)(text + 32);
    CHECK_EQ(e->mask, IN_MOVED_TO);
    CHECK_EQ(e->cookie, cookie);
    e = (void *)(text + 64);
    CHECK_EQ(e->mask, IN_MOVE_SELF);
    CHECK_EQ(e->len, 0);
    close(make("c"));
    CHECK(rename("c", "b") == 0);
    CHECK(inotify_rm_watch(in, 6) == 0);
    events();
}

TEST(masks_add_up_or_replace)
{
    CHECK_EQ(inotify_add_watch(in, ".", IN_CREATE), 7);
    CHECK_ERRNO(inotify_add_watch(in, ".", IN_OPEN | IN_MASK_CREATE), EEXIST);
    CHECK_EQ(inotify_add_watch(in, ".", IN_DELETE | IN_MASK_ADD), 7);
    close(make("m"));
    CHECK(unlink("m") == 0);
    CHECK(tells("7:create:m 7:delete:m "));
    CHECK_EQ(inotify_add_watch(in, ".", IN_DELETE), 7);
    close(make("m"));
    CHECK(unlink("m") == 0);
    CHECK(tells("7:delete:m "));
    CHECK_EQ(inotify_add_watch(in, ".", IN_CREATE | IN_ONESHOT), 7);
    close(make("m"));
    CHECK(unlink("m") == 0);
    CHECK(tells("7:create:m 7:ignored "));
}

TEST(many_that_hear_one_event_each)
{
    struct inotify_event got[3];
    int fds[40];

    close(make("busy"));
    for (int i = 0; i < 40; i++) {
        fds[i] = inotify_init1(IN_NONBLOCK);
        CHECK_EQ(inotify_add_watch(fds[i], "busy", IN_ATTRIB | IN_ONESHOT), 1);
    }
    CHECK(chmod("busy", 0600) == 0 && chmod("busy", 0644) == 0);
    for (int i = 0; i < 40; i++) {
        CHECK_EQ(read(fds[i], got, sizeof got), 2 * sizeof got[0]);
        CHECK(got[0].mask == IN_ATTRIB && got[1].mask == IN_IGNORED);
        close(fds[i]);
    }
    unlink("busy");
}

TEST(reading_and_polling)
{
    struct pollfd p = { in, POLLIN, 0 };
    int n;

    CHECK_EQ(inotify_add_watch(in, ".", IN_CREATE), 8);
    CHECK_EQ(poll(&p, 1, 0), 0);
    close(make("abc"));
    close(make("a_name_of_more_than_sixteen_bytes"));
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK(ioctl(in, FIONREAD, &n) == 0);
    CHECK_EQ(n, 16 + 16 + 16 + 48);
    CHECK_ERRNO(read(in, text, 31), EINVAL);
    CHECK_EQ(read(in, text, 90), 32);
    CHECK_EQ(read(in, text, 90), 64);
    CHECK_ERRNO(read(in, text, 90), EAGAIN);
    unlink("abc");
    unlink("a_name_of_more_than_sixteen_bytes");
    unlink("b");
}

TEST(a_directory_hears_of_its_own_end)
{
    CHECK(mkdir("d", 0755) == 0);
    CHECK_EQ(inotify_rm_watch(in, 8), 0);
    events();
    CHECK_EQ(inotify_add_watch(in, "d", IN_ALL_EVENTS), 9);
    CHECK(rmdir("d") == 0);
    CHECK(tells("9:deleteself 9:ignored "));
    CHECK(chdir("/") == 0 && rmdir(dir) == 0);
    close(in);
}

MAIN
