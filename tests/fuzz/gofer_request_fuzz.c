/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile sentry may say to its gofer: the input is a sequence of requests, each
 * a u16 length and that many bytes. Two trees are attached before, one that may be
 * written and one that may not.
 *
 * Whatever comes: no access outside the buffers, every reply well formed, the nodes
 * counted right; nothing of the read-only tree changes, nothing outside the trees is
 * touched, no descriptor leaks, none is donated of what is no regular file.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gofer/file/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUESTS_MAX 32
#define MUST(x)      assert((x) >= 0)

static char top[] = "/tmp/gofer-fuzz-XXXXXX";
static char writable[64], frozen[64], outside[64];
static struct stat frozen_was, outside_was;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)type;
    if (S_ISDIR(st->st_mode))
        chmod(path, 0700);
    return at->level ? remove(path) : 0;
}

static void empty_dir(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put_file(const char *dir, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    MUST(fd);
    assert(write(fd, "hello", 5) == 5);
    close(fd);
}

/* What a tree holds at the start: one of each, and ways out. */
static void fill_dir(const char *dir)
{
    char path[128];

    put_file(dir, "f");
    snprintf(path, sizeof path, "%s/d", dir);
    MUST(mkdir(path, 0755));
    put_file(path, "g");
    snprintf(path, sizeof path, "%s/l", dir);
    MUST(symlink("../outside", path));
    snprintf(path, sizeof path, "%s/a", dir);
    MUST(symlink("/", path));
    snprintf(path, sizeof path, "%s/p", dir);
    MUST(mkfifo(path, 0644));
}

static void remove_top(void)
{
    empty_dir(top);
    rmdir(top);
}

static void set_up(void)
{
    umask(0);
    assert(mkdtemp(top));
    atexit(remove_top);
    snprintf(writable, sizeof writable, "%s/writable", top);
    snprintf(frozen, sizeof frozen, "%s/frozen", top);
    snprintf(outside, sizeof outside, "%s/outside", top);
    MUST(mkdir(writable, 0755));
    MUST(mkdir(frozen, 0755));
    MUST(mkdir(outside, 0755));
    fill_dir(frozen);
    put_file(outside, "secret");
    MUST(stat(frozen, &frozen_was));
    MUST(stat(outside, &outside_was));
}

static void add_tree(struct gofer *g, const char *dir, uint32_t flags)
{
    int fd = open(dir, O_PATH | O_CLOEXEC);

    MUST(fd);
    MUST(gofer_add_tree(g, fd, flags));
}

static void attach(struct gofer *g, uint32_t tree)
{
    static uint8_t reply[GOFER_BODY_SIZE];
    uint8_t ask[16];
    struct wire_writer w;
    int gift;

    wire_writer_init(&w, ask, sizeof ask);
    wire_put_u16(&w, GOFER_ATTACH);
    wire_put_u8(&w, 0);
    wire_put_u32(&w, tree);
    gofer_answer(g, ask, wire_written(&w), reply, &gift);
    assert(gift < 0);
}

/* A donated descriptor is of a regular file in a tree, and for reading only in the frozen one. */
static void check_gift(int fd)
{
    struct stat st;
    char link[64], path[256];

    MUST(fstat(fd, &st));
    assert(S_ISREG(st.st_mode));
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    MUST(n);
    path[n] = '\0';
    bool in_frozen = strncmp(path, frozen, strlen(frozen)) == 0;
    assert(in_frozen || strncmp(path, writable, strlen(writable)) == 0);
    assert(!in_frozen || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    close(fd);
}

static void check_reply(const uint8_t *reply, size_t size, int gift)
{
    struct wire_reader r;

    wire_reader_init(&r, reply, size);
    int32_t result = (int32_t)wire_get_u32(&r);
    uint8_t gifts = wire_get_u8(&r);
    assert(wire_reader_ok(&r) && size <= GOFER_BODY_SIZE && result > -4096);
    assert(gifts == (gift >= 0));
    assert(result >= 0 || size == GOFER_REPLY_HEAD);
    if (gift >= 0)
        check_gift(gift);
}

static void check_nodes(const struct gofer *g)
{
    uint32_t open_nodes = 0;

    for (uint32_t i = 0; i < g->nodes.used; i++)
        open_nodes += g->nodes.all[i].fd >= 0;
    assert(open_nodes == g->nodes.live);
}

/* The lowest free number: it is the same before and after where nothing leaks. */
static int lowest_fd(void)
{
    int fd = open("/", O_PATH);

    MUST(fd);
    close(fd);
    return fd;
}

static void ask_all(struct gofer *g, const uint8_t *data, size_t size)
{
    static uint8_t reply[GOFER_BODY_SIZE];

    for (int i = 0; i < REQUESTS_MAX && size >= 2; i++) {
        size_t len = min((size_t)(data[0] | data[1] << 8), size - 2);
        int gift;
        uint8_t *copy = malloc(len ? len : 1); /* so that a read behind its end is seen */
        assert(copy);
        memcpy(copy, data + 2, len);
        size_t n = gofer_answer(g, copy, len, reply, &gift);
        free(copy);
        check_reply(reply, n, gift);
        check_nodes(g);
        data += 2 + len;
        size -= 2 + len;
    }
}

static void check_untouched(const char *path, const struct stat *was)
{
    struct stat now;

    MUST(stat(path, &now));
    assert(now.st_ctim.tv_sec == was->st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == was->st_ctim.tv_nsec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gofer g;

    if (!writable[0])
        set_up();
    fill_dir(writable);
    int fd = lowest_fd();
    MUST(gofer_create(-1, 64, &g));
    add_tree(&g, writable, 0);
    add_tree(&g, frozen, GOFER_TREE_RO);
    attach(&g, 0);
    attach(&g, 1);
    ask_all(&g, data, size);
    gofer_destroy(&g);
    assert(lowest_fd() == fd);
    empty_dir(writable);
    check_untouched(frozen, &frozen_was);
    check_untouched(outside, &outside_was);
    return 0;
}
