/* SPDX-License-Identifier: Apache-2.0 */
/* The client beside a gofer that plays a script, where a real one cannot be made to do so. */
#include "sentry/fs/gofer_client.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/host.h"
#include "gofer/file/serve.h"

#define GIFTS_MAX 2

/* One request's answer: gifts for any slots first, then a reply that says one came. */
struct scene {
    size_t count;
    struct {
        uint32_t slot;
        int fd;
    } gifts[GIFTS_MAX];
};

struct script {
    struct gofer gofer;
    const struct scene *scenes;
    size_t count;
};

static void answer(struct gofer *g, uint32_t index)
{
    struct gofer_slot *slot = &g->ring->slots[index];
    struct wire_writer w;

    wire_writer_init(&w, slot->body, GOFER_BODY_SIZE);
    wire_put_u32(&w, 0);
    wire_put_u8(&w, 1);
    atomic_store(&slot->size, (uint32_t)wire_written(&w));
    if (atomic_exchange(&slot->state, SLOT_ANSWERED) == SLOT_AWAITED)
        host_futex_wake_shared(&slot->state, 1);
}

static void *play(void *arg)
{
    struct script *s = arg;

    for (size_t i = 0; i < s->count; i++) {
        const struct scene *now = &s->scenes[i];
        uint64_t asked;
        while ((asked = atomic_exchange(&s->gofer.ring->pending, 0)) == 0)
            sched_yield();
        for (size_t j = 0; j < now->count; j++) {
            struct gofer_gift gift = { .slot = now->gifts[j].slot };
            assert(fd_send(s->gofer.sock, &gift, sizeof gift, &now->gifts[j].fd, 1) > 0);
        }
        answer(&s->gofer, (uint32_t)__builtin_ctzll(asked));
    }
    return NULL;
}

/* No number is left for another descriptor, or as many as there were. */
static void leave_no_descriptor(bool none)
{
    static struct rlimit before;
    struct rlimit now;
    int lowest = dup(0);

    close(lowest);
    if (none) {
        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        now = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max };
    } else {
        now = before;
    }
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
}

static bool is_same(int a, int b)
{
    struct stat x, y;

    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

Test(gofer_client, a_lost_descriptor_is_lost_to_its_own_request_only)
{
    int fds[3], socks[2];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = memfd_create("gift", MFD_CLOEXEC);
    const struct scene scenes[] = {
        {2,  { { 1, fds[1] }, { 0, fds[0] } }},
        { 0, { { 0 } }                       },
        { 1, { { 0, fds[2] } }               },
    };
    struct script s = { .scenes = scenes, .count = ARRAY_LEN(scenes) };
    struct gofer_client *c;
    struct gofer_call first, second;
    pthread_t thread;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
    cr_assert_eq(gofer_create(socks[1], 16, &s.gofer), 0);
    cr_assert_eq(serve_hello(&s.gofer), 0);
    cr_assert_eq(gofer_client_create(socks[0], &c), 0);
    cr_assert_eq(pthread_create(&thread, NULL, play, &s), 0);
    gofer_call_begin(c, GOFER_OPEN, &first);
    gofer_call_begin(c, GOFER_OPEN, &second);
    cr_assert_eq(first.slot, 0);
    cr_assert_eq(second.slot, 1);

    leave_no_descriptor(true);
    cr_expect_eq(gofer_call_end(&first, gofer_call(&first)), -ENFILE);
    leave_no_descriptor(false);
    int err = gofer_call_end(&second, gofer_call(&second));
    cr_expect_eq(err, -ENFILE, "%d", err);
    gofer_call_begin(c, GOFER_OPEN, &first);
    cr_assert_eq(gofer_call(&first), 0);
    cr_expect(is_same(first.fd, fds[2]), "the next request gets what was sent for it");

    cr_expect_eq(gofer_call_end(&first, 0), 0);
    pthread_join(thread, NULL);
    gofer_client_put(c);
    gofer_destroy(&s.gofer);
    close(socks[1]);
}
