/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gofer that has gone mad may say to the sentry: a thread answers each request
 * with the bytes of the input, whatever was asked. Every call of the client must take
 * that as an error, or as a result within its bounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/host.h"
#include "sentry/fs/gofer_calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) assert((x) >= 0)

static struct {
    struct gofer_ring *ring;
    struct gofer_client *client;
    int sock, null;
    pthread_mutex_t lock; /* the two below: of the ring's order, ThreadSanitizer sees one mapping */
    const uint8_t *data;
    size_t size;
} mad = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void say(const uint8_t *data, size_t size)
{
    pthread_mutex_lock(&mad.lock);
    mad.data = data;
    mad.size = size;
    pthread_mutex_unlock(&mad.lock);
}

/* What any request gets: the first byte says whether a descriptor comes, and for which slot. */
static void put_answer(struct gofer_slot *s, unsigned index)
{
    size_t size = mad.size ? mad.size - 1 : 0;
    struct gofer_gift gift = { .slot = mad.size && mad.data[0] > 1 ? mad.data[0] : index };

    /* Without waiting: those that nobody fetches fill the socket. */
    if (mad.size && mad.data[0] > 0 && fd_send(mad.sock, &gift, sizeof gift, &mad.null, 1) < 0)
        assert(mad.size);
    memcpy(s->body, mad.data + 1, min(size, (size_t)GOFER_BODY_SIZE));
    /* One input in eight lies about its size, too. */
    atomic_store(&s->size,
                 size % 8 == 7 ? UINT32_MAX : (uint32_t)min(size, (size_t)GOFER_BODY_SIZE));
}

static void answer(unsigned index)
{
    struct gofer_slot *s = &mad.ring->slots[index];

    pthread_mutex_lock(&mad.lock);
    put_answer(s, index);
    pthread_mutex_unlock(&mad.lock);
    if (atomic_exchange(&s->state, SLOT_ANSWERED) == SLOT_AWAITED)
        host_futex_wake_shared(&s->state, 1);
}

static void *body(void *arg)
{
    char bell;

    (void)arg;
    for (;;) {
        atomic_store(&mad.ring->asleep, 1);
        struct pollfd p = { .fd = mad.sock, .events = POLLIN };
        if (atomic_load(&mad.ring->pending) == 0 && poll(&p, 1, -1) > 0 &&
            read(mad.sock, &bell, 1) == 0)
            return NULL;
        uint64_t bits = atomic_exchange(&mad.ring->pending, 0);
        for (; bits; bits &= bits - 1)
            answer((unsigned)__builtin_ctzll(bits));
    }
}

static void set_up(void)
{
    struct gofer_hello hello = { GOFER_MAGIC, GOFER_VERSION, 1, 100 };
    int socks[2], fd = host_memfd_create("ring", MFD_ALLOW_SEALING);
    pthread_t thread;

    MUST(fd);
    MUST(ftruncate(fd, (off_t)GOFER_RING_SIZE));
    MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    mad.ring = mmap(NULL, GOFER_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert(mad.ring != MAP_FAILED);
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, socks));
    MUST(fd_send(socks[1], &hello, sizeof hello, &fd, 1));
    close(fd);
    mad.sock = socks[1];
    mad.null = open("/dev/null", O_RDONLY);
    MUST(mad.null);
    MUST(fcntl(mad.sock, F_SETFL, O_NONBLOCK));
    MUST(gofer_client_create(socks[0], &mad.client));
    assert(pthread_create(&thread, NULL, body, NULL) == 0);
}

static void found(struct gofer_walk_sink *s, const struct gofer_found *f, const char *text,
                  size_t len)
{
    (void)s, (void)f;
    assert(len <= GOFER_LINK_MAX && strlen(text) == len);
}

static int entry(struct gofer_dir_sink *s, const struct gofer_entry *e)
{
    (void)s;
    assert(e->len > 0 && e->len <= GOFER_NAME_MAX && strlen(e->name) == e->len);
    assert(!strchr(e->name, '/'));
    return 0;
}

static int ahead(struct gofer_dir_sink *s, unsigned which, const struct gofer_found *f)
{
    (void)s;
    assert(which < 2 && S_ISDIR(f->attr.mode));
    return 0;
}

static void close_if(int err, int fd)
{
    if (!err)
        close(fd);
}

static void call_all(struct gofer_client *c)
{
    const char *const names[] = { "a", "b", "c" };
    struct gofer_walk_sink walk = { found };
    struct gofer_dir_sink dir = { entry, ahead };
    struct gofer_batch batch = { .attrs = GOFER_ATTRS_ALL, .count = 2, .ahead = names };
    struct gofer_new what = { .name = "n", .mode = 0100644 };
    struct attr_change change = { .which = ATTR_MODE };
    struct gofer_attached at;
    struct gofer_found f;
    struct gofer_attr attr;
    struct statfs fs;
    char buf[64], text[GOFER_LINK_MAX + 1];
    int fd = -1, err, why;

    err = gofer_attach(c, 0, &at);
    err = gofer_walk(c, 1, names, 3, &walk, &why);
    err = gofer_getattr(c, 1, &attr);
    err = gofer_setattr(c, 1, &change, &attr);
    err = gofer_open(c, 1, 1, &attr, &fd);
    close_if(err, fd);
    err = gofer_make(c, 1, &what, &f, &fd);
    close_if(err, fd);
    err = gofer_tmpfile(c, 1, &what, &f, &fd);
    close_if(err, fd);
    err = gofer_link(c, 1, 2, "n", &attr);
    err = gofer_unlink(c, 1, "n", 0, &f);
    err = gofer_rename(c, 1, "a", 2, "b", 0);
    err = gofer_readdir(c, 1, "n", batch, &dir, &f);
    err = gofer_statfs(c, 1, &fs);
    err = gofer_setxattr(c, 1, "a", "b", 1, 0);
    err = gofer_removexattr(c, 1, "a");
    err = gofer_fsync(c, 1, false);
    err = gofer_connect(c, 1, SOCK_STREAM, &fd);
    close_if(err, fd);
    ssize_t n = gofer_readlink(c, 1, text);
    assert(n < 0 || (size_t)n == strlen(text));
    n = gofer_getxattr(c, 1, "a", buf, sizeof buf);
    n = gofer_listxattr(c, 1, buf, sizeof buf);
    (void)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t none[1];

    if (!mad.ring)
        set_up();
    say(size ? data : none, size);
    call_all(mad.client);
    say(none, 0);
    return 0;
}
