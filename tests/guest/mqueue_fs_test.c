/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mqueue file system: mq_overview(7), "Mounting the message queue filesystem". In an ipc and
 * mount namespace of one's own, as root.
 */
#include <dirent.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "tests/guest/child.h"
#include "tests/guest/mq.h"

static struct mq_attr small = { .mq_maxmsg = 4, .mq_msgsize = MQ_SIZE };
static char place[] = "/tmp/runsc-mqueue-XXXXXX";

static int own_namespaces(void)
{
    REQUIRE(unshare(CLONE_NEWNS | CLONE_NEWIPC) == 0);
    REQUIRE(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    REQUIRE(mkdtemp(place) != NULL);
    REQUIRE(mount("none", place, "mqueue", 0, NULL) == 0);
    return 0;
}

static void leave(void)
{
    umount2(place, MNT_DETACH);
    rmdir(place);
}

static const char *at(const char *name)
{
    static char path[2][128];
    static int turn;

    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", place, name);
    return path[turn];
}

/* The names in it, sorted, with a blank behind each. */
static const char *names(void)
{
    static char text[256];
    struct dirent **list;
    int n = scandir(place, &list, NULL, alphasort);

    *text = 0;
    for (int i = 0; i < n; i++) {
        if (list[i]->d_type != DT_DIR)
            strcat(strcat(text, list[i]->d_name), " ");
        free(list[i]);
    }
    return text;
}

static int sees(void)
{
    struct stat st;
    struct statfs fs;
    char line[128] = "";

    REQUIRE(own_namespaces() == 0);
    REQUIRE(stat(place, &st) == 0 && S_ISDIR(st.st_mode));
    REQUIRE((st.st_mode & 07777) == 01777 && st.st_size == 40 && st.st_nlink == 2);
    REQUIRE(statfs(place, &fs) == 0 && fs.f_type == 0x19800202 && fs.f_namelen == 255);
    int a = mq_open_raw("b", O_RDWR | O_CREAT, 0640, &small);
    int b = mq_open_raw("a", O_RDWR | O_CREAT, 0600, NULL);
    REQUIRE(a >= 0 && b >= 0);
    REQUIRE(strcmp(names(), "a b ") == 0);
    REQUIRE(stat(place, &st) == 0 && st.st_size == 80);
    REQUIRE(stat(at("b"), &st) == 0 && (st.st_mode & 0777) == 0640 && st.st_size == 80);
    REQUIRE(mq_put(a, "four", 0) == 0);
    int f = open(at("b"), O_RDONLY);
    REQUIRE(f >= 0 && read(f, line, sizeof line) == 60);
    REQUIRE(strncmp(line, "QSIZE:5 ", 8) == 0);
    REQUIRE(mq_count(f) == 1 && strcmp(mq_got(f), "four") == 0);
    REQUIRE(chmod(at("b"), 0604) == 0 && chown(at("b"), 5, 6) == 0);
    REQUIRE(fstat(a, &st) == 0 && (st.st_mode & 0777) == 0604 && st.st_uid == 5 && st.st_gid == 6);
    REQUIRE(unlink(at("b")) == 0);
    REQUIRE_ERRNO(mq_open_raw("b", O_RDWR, 0, NULL), ENOENT);
    REQUIRE(mq_put(a, "still", 0) == 0 && strcmp(mq_got(f), "still") == 0);
    REQUIRE(mq_unlink_raw("a") == 0);
    REQUIRE(access(at("a"), F_OK) == -1 && errno == ENOENT);
    REQUIRE(strcmp(names(), "") == 0);
    leave();
    return 0;
}

TEST(a_mount_shows_the_queues)
{
    if (getuid() == 0)
        CHECK_CHILD(sees);
}

static int makes(void)
{
    struct mq_attr a;
    char buf[64];
    struct stat st;

    REQUIRE(own_namespaces() == 0);
    int f = open(at("made"), O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE(f >= 0 && mq_getattr(f, &a) == 0 && a.mq_maxmsg == 10 && a.mq_msgsize == 8192);
    int q = mq_open_raw("made", O_RDWR, 0, NULL);
    REQUIRE(q >= 0 && mq_put(q, "x", 0) == 0 && mq_count(f) == 1);
    REQUIRE_ERRNO(open(at("made"), O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    REQUIRE(mknod(at("node"), S_IFREG | 0600, 0) == 0);
    REQUIRE(mq_unlink_raw("node") == 0);
    REQUIRE_ERRNO(mkdir(at("dir"), 0700), EPERM);
    REQUIRE_ERRNO(symlink("made", at("link")), EPERM);
    REQUIRE_ERRNO(link(at("made"), at("link")), EPERM);
    REQUIRE_ERRNO(rename(at("made"), at("other")), EPERM);
    REQUIRE_ERRNO(mknod(at("fifo"), S_IFIFO | 0600, 0), EPERM);
    REQUIRE_ERRNO(write(f, "x", 1), EINVAL);
    REQUIRE_ERRNO(rmdir(at("made")), ENOTDIR);
    /* a size means nothing, and can be set */
    REQUIRE(truncate(at("made"), 5) == 0 && stat(at("made"), &st) == 0 && st.st_size == 5);
    REQUIRE(pread(f, buf, sizeof buf, 0) == 60 && mq_count(f) == 1);
    leave();
    return 0;
}

TEST(a_file_that_is_made_is_a_queue)
{
    if (getuid() == 0)
        CHECK_CHILD(makes);
}

static int parts(void)
{
    struct stat st, other;

    REQUIRE(own_namespaces() == 0);
    int q = mq_open_raw("q", O_RDWR | O_CREAT, 0600, &small);
    REQUIRE(q >= 0 && mq_put(q, "kept", 0) == 0);
    REQUIRE(mkdir(place, 0700) == -1 && errno == EEXIST);
    REQUIRE(stat(place, &st) == 0);
    /* the same again is the same */
    REQUIRE(mount("none", "/mnt", "mqueue", 0, NULL) == 0);
    REQUIRE(stat("/mnt", &other) == 0 && other.st_dev == st.st_dev && other.st_ino == st.st_ino);
    REQUIRE_ERRNO(mount("none", "/mnt", "mqueue", 0, NULL), EBUSY);
    REQUIRE(access("/mnt/q", F_OK) == 0);
    REQUIRE(umount("/mnt") == 0);
    /* read-only is the mount, not what all share */
    REQUIRE(mount("none", "/mnt", "mqueue", MS_RDONLY, NULL) == 0);
    REQUIRE_ERRNO(unlink("/mnt/q"), EROFS);
    REQUIRE(open(at("x"), O_RDWR | O_CREAT, 0600) >= 0 && mq_unlink_raw("x") == 0);
    REQUIRE(umount("/mnt") == 0);
    REQUIRE_ERRNO(mount("none", "/mnt", "mqueue", 0, "size=5"), EINVAL);
    /* another namespace, another file system; the old one and what is open of it stay */
    REQUIRE(unshare(CLONE_NEWIPC) == 0);
    REQUIRE_ERRNO(mq_open_raw("q", O_RDWR, 0, NULL), ENOENT);
    REQUIRE(strcmp(names(), "q ") == 0);
    REQUIRE(strcmp(mq_got(q), "kept") == 0);
    REQUIRE(mount("none", "/mnt", "mqueue", 0, NULL) == 0);
    REQUIRE(stat("/mnt", &other) == 0 && other.st_dev != st.st_dev);
    REQUIRE(access("/mnt/q", F_OK) == -1);
    /* nobody is left in the old one: nothing can be made there */
    REQUIRE_ERRNO(open(at("new"), O_RDWR | O_CREAT, 0600), EACCES);
    REQUIRE(unlink(at("q")) == 0);
    REQUIRE(umount("/mnt") == 0);
    leave();
    return 0;
}

TEST(each_ipc_namespace_has_its_own)
{
    if (getuid() == 0)
        CHECK_CHILD(parts);
}

static int set(const char *name, const char *value)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, value, strlen(value));
    int err = errno;
    close(fd);
    errno = err;
    return n < 0 ? -1 : 0;
}

static int user_at_limits(void)
{
    struct mq_attr a = { .mq_maxmsg = 4, .mq_msgsize = 256 }, got;

    REQUIRE(setgid(4244) == 0 && setuid(4244) == 0);
    int x = mq_open_raw("x", O_RDWR | O_CREAT, 0600, NULL);
    REQUIRE(x >= 0 && mq_getattr(x, &got) == 0 && got.mq_maxmsg == 3 && got.mq_msgsize == 200);
    int y = mq_open_raw("y", O_RDWR | O_CREAT, 0600, &a);
    REQUIRE(y >= 0);
    a.mq_maxmsg = 5;
    REQUIRE_ERRNO(mq_open_raw("z", O_RDWR | O_CREAT, 0600, &a), ENOSPC);
    REQUIRE(mq_unlink_raw("x") == 0 && close(x) == 0);
    REQUIRE_ERRNO(mq_open_raw("z", O_RDWR | O_CREAT, 0600, &a), EINVAL);
    a.mq_maxmsg = 4;
    a.mq_msgsize = 257;
    REQUIRE_ERRNO(mq_open_raw("z", O_RDWR | O_CREAT, 0600, &a), EINVAL);
    REQUIRE(mq_unlink_raw("y") == 0);
    return 0;
}

static int limits(void)
{
    REQUIRE(own_namespaces() == 0);
    REQUIRE(set("queues_max", "2\n") == 0);
    REQUIRE(set("msg_max", "4") == 0 && set("msg_default", " 3 \n") == 0);
    REQUIRE(set("msgsize_max", "256") == 0 && set("msgsize_default", "200") == 0);
    REQUIRE_ERRNO(set("msg_max", "0"), EINVAL);
    REQUIRE_ERRNO(set("msg_max", "65537"), EINVAL);
    REQUIRE_ERRNO(set("msgsize_max", "127"), EINVAL);
    REQUIRE_ERRNO(set("msgsize_max", "16777217"), EINVAL);
    REQUIRE_ERRNO(set("msg_max", "x"), EINVAL);
    REQUIRE(child_ok(user_at_limits));
    /* CAP_SYS_RESOURCE passes them, which not every root has */
    bool free = prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1;
    struct mq_attr a = { .mq_maxmsg = 5, .mq_msgsize = 1000 };
    for (int i = 0; i < 4; i++) {
        char name[] = { (char)('a' + i), 0 };
        REQUIRE((mq_open_raw(name, O_RDWR | O_CREAT, 0600, &a) >= 0) == free);
    }
    leave();
    return 0;
}

TEST(limits_are_those_of_proc)
{
    if (getuid() == 0)
        CHECK_CHILD(limits);
}

MAIN
