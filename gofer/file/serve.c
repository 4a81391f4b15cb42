/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gofer's side of the ring.
 *
 * Asleep, it reads the socket. Before that it says so (`asleep`) and then looks at
 * `pending` once more; the sentry sets its bit in `pending` and then looks at
 * `asleep`. Both orders are sequentially consistent, so one of the two sees the
 * other, and no request is left lying.
 *
 * After a request it watches `pending` for a short while before it sleeps, for a
 * wake-up costs more than most requests; but only as long as that has been paying
 * (see spin_for), and never when it was woken for nothing.
 */
#include "gofer/file/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fdpass.h"
#include "base/host.h"
#include "gofer/file/request.h"

#define SPIN_MAX  (30 * NSEC_PER_USEC) /* about what a wake-up costs both sides */
#define TRY_AGAIN 64

int serve_hello(struct gofer *g)
{
    struct gofer_hello hello = {
        .magic = GOFER_MAGIC, .version = GOFER_VERSION, .trees = g->ntrees, .handles = g->nodes.max
    };
    void *ring;
    scoped_fd int fd = host_memfd_create("gofer-ring", MFD_ALLOW_SEALING);

    if (fd < 0)
        return fd;
    int err = host_ftruncate(fd, (int64_t)GOFER_RING_SIZE);
    /* Neither side can make the other fault by cutting it short. */
    if (!err)
        err = host_fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    if (!err)
        err = host_mmap(NULL, GOFER_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &ring);
    if (err)
        return err;
    g->ring = ring;
    ssize_t sent = fd_send(g->sock, &hello, sizeof hello, &fd, 1);
    return sent < 0 ? (int)sent : 0;
}

/* Sends the descriptor ahead of the reply. Where that fails, the reply is the failure. */
static size_t send_gift(struct gofer *g, uint32_t slot, int fd, uint8_t *body, size_t size)
{
    struct gofer_gift gift = { .slot = slot };
    struct wire_writer w;
    ssize_t n = fd_send(g->sock, &gift, sizeof gift, &fd, 1);

    host_close(fd);
    if (n >= 0)
        return size;
    wire_writer_init(&w, body, GOFER_REPLY_HEAD);
    wire_put_u32(&w, (uint32_t)(n == -ETOOMANYREFS ? -ENFILE : -EIO));
    wire_put_u8(&w, 0);
    return wire_written(&w);
}

static void serve_slot(struct gofer *g, uint32_t index)
{
    struct gofer_slot *slot = &g->ring->slots[index];
    uint32_t size = atomic_load_explicit(&slot->size, memory_order_relaxed);
    int gift;

    if (size > GOFER_BODY_SIZE)
        size = 0; /* malformed, as an empty request is */
    memcpy(g->request, slot->body, size);
    size_t out = gofer_answer(g, g->request, size, slot->body, &gift);
    if (gift >= 0)
        out = send_gift(g, index, gift, slot->body, out);
    atomic_store_explicit(&slot->size, (uint32_t)out, memory_order_relaxed);
    if (atomic_exchange_explicit(&slot->state, SLOT_ANSWERED, memory_order_acq_rel) == SLOT_AWAITED)
        host_futex_wake_shared(&slot->state, 1);
}

static bool serve_pending(struct gofer *g)
{
    uint64_t bits = atomic_exchange(&g->ring->pending, 0);

    for (uint64_t left = bits & ((UINT64_C(1) << GOFER_SLOTS) - 1); left; left &= left - 1)
        serve_slot(g, (uint32_t)__builtin_ctzll(left));
    return bits != 0;
}

/* Waits for a request without sleeping. False: none came for `span`. */
static bool spin(struct gofer *g, nsec_t span)
{
    nsec_t end;

    if (span == 0)
        return false;
    end = host_clock_gettime(CLOCK_MONOTONIC) + span;
    do {
        for (int i = 0; i < 32; i++) {
            if (atomic_load_explicit(&g->ring->pending, memory_order_relaxed))
                return true;
            __builtin_ia32_pause();
        }
    } while (host_clock_gettime(CLOCK_MONOTONIC) < end);
    return false;
}

/*
 * How long to watch next time: as long as it may where that paid, else half of it, down to
 * nothing. Where the sentry's thread waits for our CPU, watching is what keeps it from
 * asking; so it is tried again only now and then.
 */
static nsec_t spin_for(nsec_t span, bool paid, unsigned turn)
{
    return paid || turn % TRY_AGAIN == 0 ? SPIN_MAX : span / 2;
}

/* Sleeps until the bell. 1, 0 at the end, -errno. */
static ssize_t sleep_for_bell(struct gofer *g)
{
    char bell;
    ssize_t n = 1;

    atomic_store(&g->ring->asleep, 1);
    if (atomic_load(&g->ring->pending) == 0)
        do
            n = host_read(g->sock, &bell, sizeof bell);
        while (n == -EINTR);
    atomic_store(&g->ring->asleep, 0);
    return n;
}

int serve(struct gofer *g)
{
    nsec_t span = SPIN_MAX;

    for (unsigned turn = 1;; turn++) {
        bool paid = true;
        while (paid && serve_pending(g)) {
            paid = spin(g, span);
            span = spin_for(span, paid, turn);
        }
        ssize_t n = sleep_for_bell(g);
        if (n <= 0)
            return n == -ECONNRESET ? 0 : (int)n;
    }
}
