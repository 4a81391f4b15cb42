/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/gofer_pair.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gofer/file/serve.h"

#define MUST(x) assert((x) >= 0)

static void *body(void *arg)
{
    struct gofer_pair *p = arg;

    /* A client that went before it was greeted is an end like any other. */
    if (serve_hello(&p->gofer) == 0)
        MUST(serve(&p->gofer) <= 0 ? 0 : -1);
    return NULL;
}

void gofer_pair_start(struct gofer_pair *p, uint32_t flags)
{
    gofer_pair_start_with(p, flags, 4096);
}

void gofer_pair_start_with(struct gofer_pair *p, uint32_t flags, uint32_t handles)
{
    *p = (struct gofer_pair){ .flags = flags };
    snprintf(p->dir, sizeof p->dir, "/tmp/gofer-pair-XXXXXX");
    assert(mkdtemp(p->dir));
    umask(0);
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p->socks));
    MUST(gofer_create(p->socks[1], handles, &p->gofer));
    /* Who is not root cannot give files away: ours are shown as root's, as in a jail. */
    p->gofer.overflow_is_root = geteuid() != 0;
    p->gofer.uid = (struct own_id){ .here = geteuid() };
    p->gofer.gid = (struct own_id){ .here = getegid() };
    int root = open(p->dir, O_PATH | O_CLOEXEC);
    MUST(root);
    MUST(gofer_add_tree(&p->gofer, root, flags));
    assert(pthread_create(&p->thread, NULL, body, p) == 0);
    MUST(gofer_client_create(p->socks[0], &p->client));
}

void gofer_pair_kill(struct gofer_pair *p)
{
    if (p->socks[1] < 0)
        return;
    MUST(shutdown(p->socks[1], SHUT_RDWR));
    pthread_join(p->thread, NULL);
    close(p->socks[1]);
    p->socks[1] = -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void gofer_pair_stop(struct gofer_pair *p)
{
    gofer_pair_kill(p);
    gofer_client_put(p->client);
    gofer_destroy(&p->gofer);
    nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *gofer_pair_path(const struct gofer_pair *p, const char *name, char buf[256])
{
    snprintf(buf, 256, "%s/%s", p->dir, name);
    return buf;
}

void gofer_pair_put(const struct gofer_pair *p, const char *name, const void *bytes, size_t size)
{
    char path[256];
    int fd = open(gofer_pair_path(p, name, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    MUST(fd);
    assert(write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}
