/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots, bells and descriptors.
 *
 * A thread that has rung the bell goes to sleep at once: the gofer that it woke
 * then most likely runs on this CPU, which is the cheapest hand-over there is. Where
 * the gofer was awake it is on another CPU, and the thread spins for a while, as long
 * as that has been paying.
 *
 * A sleeper wakes ten times a second to look whether the gofer is still there. So an
 * idle sandbox has no wake-ups from here (nobody waits), and a dead gofer hangs nobody.
 */
#include "sentry/fs/gofer_client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fdpass.h"
#include "base/host.h"
#include "base/lock.h"
#include "base/ref.h"

#define ALL_SLOTS    ((UINT64_C(1) << GOFER_SLOTS) - 1)
#define NO_SLOT      GOFER_SLOTS
#define LOOK_EVERY   (100 * NSEC_PER_MSEC)
#define SPIN_MAX     (30 * NSEC_PER_USEC)
#define TRY_AGAIN    64
#define CLUNKS_MAX   4096
#define REPLY_STRIDE ((size_t)GOFER_SLOT_SIZE)
#define NO_GIFT      (-1)
#define GIFT_LOST    (-2) /* it came, and we had no descriptor free for it */

/* [I] never changes   [l] under lock   [a] atomic */
struct gofer_client {
    struct ref ref;
    int sock;                /* [I] */
    struct gofer_ring *ring; /* [I] */
    uint8_t *replies;        /* [I] a private copy for each slot; its user's */
    uint32_t handles, trees; /* [I] */
    _Atomic bool dead;
    _Atomic uint64_t free;             /* [a] a bit for each slot that nobody has */
    _Atomic uint32_t released;         /* [a] counts slots let go: a futex */
    _Atomic uint32_t hungry;           /* [a] threads that wait for a slot */
    _Atomic uint64_t requests;         /* [a] */
    _Atomic uint32_t spin_ns;          /* [a] */
    struct mutex lock;                 /* RANK_GOFER */
    int gifts[GOFER_SLOTS];            /* [l] came, and not yet fetched; or as above */
    uint32_t nclunks;                  /* [l] */
    gofer_handle_t clunks[CLUNKS_MAX]; /* [l] */
};

#define CLIENT_SIZE ((sizeof(struct gofer_client) + 4095) & ~(size_t)4095)

static int map_ring(int fd, struct gofer_ring **out)
{
    const int need = F_SEAL_SHRINK | F_SEAL_GROW;
    struct stat st;
    void *ring;
    int seals = host_fcntl(fd, F_GET_SEALS, 0);

    if (seals < 0 || (seals & need) != need)
        return -EPROTO;
    if (host_fstat(fd, &st) < 0 || st.st_size != (int64_t)GOFER_RING_SIZE)
        return -EPROTO;
    int err = host_mmap(NULL, GOFER_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &ring);
    if (!err)
        *out = ring;
    return err;
}

static int greet(struct gofer_client *c)
{
    struct gofer_hello hello;
    size_t nfds = 0;
    ssize_t n;
    scoped_fd int fd = -1;

    do {
        struct pollfd p = { .fd = c->sock, .events = POLLIN };
        n = host_ppoll(&p, 1, NSEC_NEVER);
        if (n > 0)
            n = fd_recv(c->sock, &hello, sizeof hello, &fd, 1, &nfds, NULL);
    } while (n == -EINTR);
    if (n <= 0)
        return -EIO;
    if (n != sizeof hello || nfds != 1 || hello.magic != GOFER_MAGIC ||
        hello.version != GOFER_VERSION || hello.trees > GOFER_TREES_MAX)
        return -EPROTO;
    c->handles = hello.handles;
    c->trees = hello.trees;
    int err = map_ring(fd, &c->ring);
    /* From here on only what is known to be there is received. */
    if (!err && !(host_fcntl(c->sock, F_GETFL, 0) & O_NONBLOCK))
        err = host_fcntl(c->sock, F_SETFL, O_NONBLOCK);
    return err;
}

int gofer_client_create(int sock, struct gofer_client **out)
{
    struct gofer_client *c;
    void *at;
    int err = host_mmap(NULL, CLIENT_SIZE + GOFER_SLOTS * REPLY_STRIDE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &at);
    if (err) {
        host_close(sock);
        return err;
    }
    c = at;
    ref_init(&c->ref);
    c->sock = sock;
    c->replies = (uint8_t *)at + CLIENT_SIZE;
    c->free = ALL_SLOTS;
    c->spin_ns = SPIN_MAX;
    mutex_init(&c->lock, RANK_GOFER);
    for (unsigned i = 0; i < GOFER_SLOTS; i++)
        c->gifts[i] = NO_GIFT;
    err = greet(c);
    if (err) {
        gofer_client_put(c);
        return err;
    }
    *out = c;
    return 0;
}

struct gofer_client *gofer_client_get(struct gofer_client *c)
{
    ref_get(&c->ref);
    return c;
}

void gofer_client_put(struct gofer_client *c)
{
    int err = 0;

    if (!c || !ref_put(&c->ref))
        return;
    for (unsigned i = 0; i < GOFER_SLOTS; i++)
        host_close(c->gifts[i]);
    host_close(c->sock);
    if (c->ring)
        err = host_munmap(c->ring, GOFER_RING_SIZE);
    if (!err)
        err = host_munmap(c, CLIENT_SIZE + GOFER_SLOTS * REPLY_STRIDE);
    assert(err == 0);
}

void gofer_client_dead(struct gofer_client *c)
{
    atomic_store(&c->dead, true);
    for (unsigned i = 0; i < GOFER_SLOTS; i++)
        host_futex_wake_shared(&c->ring->slots[i].state, INT32_MAX);
    atomic_fetch_add(&c->released, 1);
    host_futex_wake(&c->released, INT32_MAX);
}

bool gofer_client_is_dead(const struct gofer_client *c)
{
    return atomic_load_explicit(&c->dead, memory_order_relaxed);
}

int gofer_client_sock(const struct gofer_client *c)
{
    return c->sock;
}

uint32_t gofer_client_handles(const struct gofer_client *c)
{
    return c->handles;
}

uint32_t gofer_client_trees(const struct gofer_client *c)
{
    return c->trees;
}

uint64_t gofer_client_requests(const struct gofer_client *c)
{
    return atomic_load_explicit(&c->requests, memory_order_relaxed);
}

/* ---- handles to give back ---- */

static bool queue_clunk(struct gofer_client *c, gofer_handle_t h)
{
    mutex_lock(&c->lock);
    bool room = c->nclunks < CLUNKS_MAX;
    if (room)
        c->clunks[c->nclunks++] = h;
    mutex_unlock(&c->lock);
    return room;
}

void gofer_client_clunk(struct gofer_client *c, gofer_handle_t h)
{
    struct gofer_call call;

    if (h == 0)
        return;
    while (!queue_clunk(c, h) && !gofer_client_is_dead(c)) {
        /* A great many went without a request between: make one. It cannot deadlock,
           for the gofer needs nothing of ours. */
        gofer_call_begin(c, GOFER_NOP, &call);
        if (gofer_call_end(&call, gofer_call(&call)) < 0)
            return;
    }
}

static void put_clunks(struct gofer_client *c, struct wire_writer *w)
{
    mutex_lock(&c->lock);
    uint32_t n = min(c->nclunks, (uint32_t)GOFER_CLUNK_MAX);
    wire_put_u8(w, (uint8_t)n);
    for (uint32_t i = 0; i < n; i++)
        wire_put_u64(w, c->clunks[--c->nclunks]);
    mutex_unlock(&c->lock);
}

/* ---- slots ---- */

static bool try_take_slot(struct gofer_client *c, unsigned *out)
{
    uint64_t free = atomic_load_explicit(&c->free, memory_order_relaxed);

    while (free) {
        /* The lowest: so that few are ever touched. */
        if (atomic_compare_exchange_weak_explicit(&c->free, &free, free & (free - 1),
                                                  memory_order_acquire, memory_order_relaxed)) {
            *out = (unsigned)__builtin_ctzll(free);
            return true;
        }
    }
    return false;
}

static unsigned take_slot(struct gofer_client *c)
{
    unsigned slot = NO_SLOT;

    while (!gofer_client_is_dead(c) && !try_take_slot(c, &slot)) {
        uint32_t seen = atomic_load(&c->released);
        atomic_fetch_add(&c->hungry, 1);
        if (!try_take_slot(c, &slot) && !gofer_client_is_dead(c) &&
            host_futex_wait(&c->released, seen, NSEC_NEVER) < 0)
            slot = NO_SLOT; /* EAGAIN or EINTR: look again */
        atomic_fetch_sub(&c->hungry, 1);
        if (slot != NO_SLOT)
            break;
    }
    return slot;
}

static void release_slot(struct gofer_client *c, unsigned slot)
{
    atomic_fetch_or(&c->free, UINT64_C(1) << slot);
    atomic_fetch_add(&c->released, 1);
    if (atomic_load(&c->hungry))
        host_futex_wake(&c->released, 1);
}

/* ---- asking ---- */

/* Makes the request visible; rings where the gofer sleeps. Gives whether it did. */
static bool submit(struct gofer_client *c, unsigned slot, size_t size)
{
    struct gofer_slot *s = &c->ring->slots[slot];

    atomic_fetch_add_explicit(&c->requests, 1, memory_order_relaxed);
    atomic_store_explicit(&s->size, (uint32_t)size, memory_order_relaxed);
    atomic_store_explicit(&s->state, SLOT_ASKED, memory_order_relaxed);
    atomic_fetch_or(&c->ring->pending, UINT64_C(1) << slot);
    if (!atomic_load(&c->ring->asleep) || !atomic_exchange(&c->ring->asleep, 0))
        return false;
    /* EAGAIN: it has bells enough to wake by. EPIPE: found out while waiting. */
    ssize_t n = host_write(c->sock, "", 1);
    (void)n;
    return true;
}

static bool answered(const struct gofer_slot *s)
{
    return atomic_load_explicit(&s->state, memory_order_acquire) == SLOT_ANSWERED;
}

/* Watches for the answer for a while. */
static bool spin(struct gofer_client *c, const struct gofer_slot *s)
{
    uint32_t span = atomic_load_explicit(&c->spin_ns, memory_order_relaxed);
    nsec_t end = host_clock_gettime(CLOCK_MONOTONIC) + span;
    bool done = answered(s);

    while (!done && host_clock_gettime(CLOCK_MONOTONIC) < end) {
        for (int i = 0; i < 32 && !answered(s); i++)
            __builtin_ia32_pause();
        done = answered(s);
    }
    return done;
}

/* As long as it may where watching paid, else half of it; now and then it is tried again. */
static void adapt(struct gofer_client *c, bool paid)
{
    uint32_t span = atomic_load_explicit(&c->spin_ns, memory_order_relaxed);
    uint64_t turn = atomic_load_explicit(&c->requests, memory_order_relaxed);

    span = paid || turn % TRY_AGAIN == 0 ? SPIN_MAX : span / 2;
    atomic_store_explicit(&c->spin_ns, span, memory_order_relaxed);
}

static void look_whether_alive(struct gofer_client *c)
{
    struct pollfd p = { .fd = c->sock };

    if (host_ppoll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
        gofer_client_dead(c);
}

static void sleep_until_answered(struct gofer_client *c, struct gofer_slot *s)
{
    while (!gofer_client_is_dead(c)) {
        uint32_t state = SLOT_ASKED;
        if (!atomic_compare_exchange_strong(&s->state, &state, SLOT_AWAITED) &&
            state != SLOT_AWAITED)
            return;
        int err = host_futex_wait_shared(&s->state, SLOT_AWAITED,
                                         host_clock_gettime(CLOCK_MONOTONIC) + LOOK_EVERY);
        if (answered(s))
            return;
        if (err == -ETIMEDOUT)
            look_whether_alive(c);
    }
}

/*
 * Receives one gift, for whoever's slot it is. One that is lost is lost to that slot only:
 * its message is used up, so nobody else may take the next one for it.
 */
static bool receive_gift_locked(struct gofer_client *c) HOLDS(c->lock);
static bool receive_gift_locked(struct gofer_client *c)
{
    struct gofer_gift gift = { .slot = NO_SLOT };
    size_t nfds;
    int came = NO_GIFT;
    ssize_t n = fd_recv(c->sock, &gift, sizeof gift, &came, 1, &nfds, NULL);

    if (n == -EINTR)
        return true;
    if (n == -EMSGSIZE)
        came = GIFT_LOST;
    else if (n != sizeof gift || nfds != 1)
        gift.slot = NO_SLOT;
    if (gift.slot >= GOFER_SLOTS) {
        host_close(came);
        return false;
    }
    host_close(c->gifts[gift.slot]);
    c->gifts[gift.slot] = came;
    return true;
}

/* The descriptor that came for `slot`: by us, or by another thread that was here before. */
static int fetch_gift(struct gofer_client *c, unsigned slot)
{
    mutex_lock(&c->lock);
    while (c->gifts[slot] == NO_GIFT && receive_gift_locked(c))
        ;
    int fd = c->gifts[slot];
    c->gifts[slot] = NO_GIFT;
    mutex_unlock(&c->lock);
    return fd == GIFT_LOST ? -ENFILE : fd < 0 ? -EIO : fd;
}

/* Copies the reply once and reads its head. */
static int receive(struct gofer_call *call)
{
    struct gofer_client *c = call->client;
    struct gofer_slot *s = &c->ring->slots[call->slot];
    uint8_t *copy = c->replies + call->slot * REPLY_STRIDE;
    uint32_t size = atomic_load_explicit(&s->size, memory_order_relaxed);

    if (size > GOFER_BODY_SIZE)
        return -EIO;
    memcpy(copy, s->body, size);
    wire_reader_init(&call->results, copy, size);
    int32_t result = (int32_t)wire_get_u32(&call->results);
    uint8_t gifts = wire_get_u8(&call->results);
    if (!wire_reader_ok(&call->results) || gifts > 1 || result < -4095)
        return -EIO;
    if (!gifts)
        return result;
    int fd = fetch_gift(c, call->slot);
    if (fd < 0)
        return fd;
    call->fd = fd;
    return result;
}

void gofer_call_begin(struct gofer_client *c, enum gofer_op op, struct gofer_call *out)
{
    unsigned slot = take_slot(c);

    *out = (struct gofer_call){ .client = c, .slot = slot, .fd = -1 };
    wire_reader_init(&out->results, NULL, 0);
    if (slot == NO_SLOT) {
        wire_writer_init(&out->args, NULL, 0);
        return;
    }
    wire_writer_init(&out->args, c->ring->slots[slot].body, GOFER_BODY_SIZE);
    wire_put_u16(&out->args, (uint16_t)op);
    put_clunks(c, &out->args);
}

int gofer_call_len(struct gofer_call *call)
{
    struct gofer_client *c = call->client;

    if (call->slot == NO_SLOT)
        return -EIO;
    if (!wire_writer_ok(&call->args))
        return -E2BIG;
    struct gofer_slot *s = &c->ring->slots[call->slot];
    bool rang = submit(c, call->slot, wire_written(&call->args));
    bool paid = !rang && spin(c, s);
    if (!rang)
        adapt(c, paid);
    if (!paid)
        sleep_until_answered(c, s);
    return answered(s) ? receive(call) : -EIO;
}

int gofer_call(struct gofer_call *call)
{
    int result = gofer_call_len(call);

    return result > 0 ? -EIO : result;
}

int gofer_call_end(struct gofer_call *call, int result)
{
    if (call->fd >= 0)
        host_close(call->fd);
    /* A slot of a gofer that never answered might still be written to: it stays taken. */
    if (call->slot != NO_SLOT && !gofer_client_is_dead(call->client))
        release_slot(call->client, call->slot);
    return result >= 0 && !wire_reader_ok(&call->results) ? -EIO : result;
}
