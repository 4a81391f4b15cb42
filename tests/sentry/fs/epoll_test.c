/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/epoll.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/fs/eventfd.h"
#include "tests/lib/fs_world.h"

static struct fs_world w;
static struct file *ep;

static struct file *new_epoll(void)
{
    struct file *f;

    cr_assert_eq(epoll_file_create(w.arena, w.vfs.root_cred, &f), 0);
    return f;
}

static struct file *new_event(uint32_t count)
{
    struct file *f;

    cr_assert_eq(eventfd_create(w.arena, w.vfs.root_cred, count, 0, &f), 0);
    return f;
}

static void start(void)
{
    fs_world_start(&w);
    ep = new_epoll();
}

static void stop(void)
{
    file_put(ep);
    fs_world_stop(&w);
}

TestSuite(epoll, .init = start, .fini = stop, .timeout = 20);

static int ctl(struct file *e, int op, struct file *target, uint32_t events, uint64_t data)
{
    const struct epoll_event event = { events, { .u64 = data } };

    return epoll_change(e, op, 5, target, &event);
}

/* The data of the events, or -errno where there are none. */
static long collect(struct file *e, uint64_t *data, int max)
{
    struct epoll_event events[64];
    struct io io;

    io_kernel(&io, events, (size_t)max * sizeof events[0]);
    long n = epoll_collect(e, &io, max);
    for (long i = 0; i < n; i++)
        data[i] = events[i].data.u64;
    return n;
}

static void add_to(struct file *event, uint64_t n)
{
    cr_assert_eq(fs_write(event, &n, 8), 8);
}

Test(epoll, a_wait_costs_what_is_ready)
{
    struct file *f[200];
    uint64_t data[64];

    for (int i = 0; i < 200; i++) {
        f[i] = new_event(0);
        cr_assert_eq(ctl(ep, EPOLL_CTL_ADD, f[i], EPOLLIN, (uint64_t)i), 0);
    }
    cr_assert_eq(collect(ep, data, 64), -EAGAIN);
    add_to(f[150], 1);
    add_to(f[20], 1);
    cr_assert_eq(collect(ep, data, 64), 2);
    cr_assert_eq(data[0], 150u);
    cr_assert_eq(data[1], 20u);
    for (int i = 0; i < 200; i++)
        file_put(f[i]);
    cr_assert_eq(slab_live(w.arena, SLAB_epoll_item), 0);
}

/* What one cannot take is offered to the next: each event wakes only one. */
Test(epoll, a_fault_leaves_the_events_to_another)
{
    struct file *f = new_event(1);
    struct listener next;
    uint64_t data[1];
    struct io io;

    cr_assert_eq(ctl(ep, EPOLL_CTL_ADD, f, EPOLLIN, 7), 0);
    listen_to(&next, ep);
    io_kernel(&io, data, 1); /* no room for one */
    cr_assert_eq(epoll_collect(ep, &io, 1), -EFAULT);
    cr_assert_eq(listen_count(&next), 1);
    listen_end(&next);
    cr_assert_eq(collect(ep, data, 1), 1);
    cr_assert_eq(data[0], 7u);
    file_put(f);
}

Test(epoll, an_item_goes_with_its_file)
{
    struct file *f = new_event(1);
    uint64_t data[1];

    cr_assert_eq(ctl(ep, EPOLL_CTL_ADD, f, EPOLLIN, 1), 0);
    cr_assert_eq(collect(ep, data, 1), 1);
    file_put(f);
    cr_assert_eq(collect(ep, data, 1), -EAGAIN);
    cr_assert_eq(slab_live(w.arena, SLAB_epoll_item), 0);
}

Test(epoll, items_go_with_their_epoll)
{
    struct file *f = new_event(1), *e = new_epoll();

    cr_assert_eq(ctl(e, EPOLL_CTL_ADD, f, EPOLLIN, 1), 0);
    file_put(e);
    cr_assert_eq(slab_live(w.arena, SLAB_epoll_item), 0);
    add_to(f, 1);
    file_put(f);
}

Test(epoll, what_is_not_wanted_wakes_nobody)
{
    struct file *f = new_event(0);
    struct listener l;
    uint64_t n, data[1];

    listen_to(&l, ep);
    cr_assert_eq(ctl(ep, EPOLL_CTL_ADD, f, EPOLLIN, 1), 0);
    cr_assert_eq(listen_count(&l), 0);
    add_to(f, 1);
    cr_assert_eq(listen_count(&l), 1);
    cr_assert_eq(fs_read(f, &n, 8), 8);
    cr_assert_eq(listen_count(&l), 0);
    cr_assert_eq(collect(ep, data, 1), -EAGAIN);
    listen_end(&l);
    file_put(f);
}

Test(epoll, a_disabled_item_wakes_nobody)
{
    struct file *f = new_event(1);
    struct listener l;
    uint64_t data[1];

    cr_assert_eq(ctl(ep, EPOLL_CTL_ADD, f, EPOLLIN | EPOLLONESHOT, 1), 0);
    cr_assert_eq(collect(ep, data, 1), 1);
    listen_to(&l, ep);
    add_to(f, 1);
    cr_assert_eq(listen_count(&l), 0);
    cr_assert_eq(ctl(ep, EPOLL_CTL_MOD, f, EPOLLIN | EPOLLONESHOT, 2), 0);
    cr_assert_eq(listen_count(&l), 1);
    cr_assert_eq(collect(ep, data, 1), 1);
    listen_end(&l);
    file_put(f);
}

Test(epoll, a_wake_goes_through_all_that_watch)
{
    struct file *chain[5], *f = new_event(0);
    uint64_t data[1];

    chain[0] = ep;
    for (int i = 1; i < 5; i++) {
        chain[i] = new_epoll();
        cr_assert_eq(ctl(chain[i], EPOLL_CTL_ADD, chain[i - 1], EPOLLIN, (uint64_t)i), 0);
    }
    cr_assert_eq(ctl(chain[0], EPOLL_CTL_ADD, f, EPOLLIN, 9), 0);
    add_to(f, 1);
    for (int i = 4; i > 0; i--) {
        cr_assert_eq(collect(chain[i], data, 1), 1);
        cr_assert_eq(data[0], (uint64_t)i);
    }
    struct file *one_more = new_epoll();
    cr_assert_eq(ctl(one_more, EPOLL_CTL_ADD, chain[4], EPOLLIN, 0), -ELOOP);
    cr_assert_eq(ctl(chain[0], EPOLL_CTL_ADD, one_more, EPOLLIN, 0), -ELOOP);
    cr_assert_eq(ctl(chain[0], EPOLL_CTL_ADD, chain[4], EPOLLIN, 0), -ELOOP);
    file_put(one_more);
    for (int i = 1; i < 5; i++)
        file_put(chain[i]);
    file_put(f);
}

Test(epoll, a_wide_graph_is_searched_once_each)
{
    enum { WIDE = 40 };
    struct file *layer[3][WIDE];

    for (int l = 0; l < 3; l++) {
        for (int i = 0; i < WIDE; i++)
            layer[l][i] = new_epoll();
    }
    /* WIDE^3 ways lead through it. */
    for (int l = 0; l < 2; l++) {
        for (int i = 0; i < WIDE; i++) {
            for (int j = 0; j < WIDE; j++) {
                const struct epoll_event e = { EPOLLIN, { .u64 = 0 } };
                cr_assert_eq(epoll_change(layer[l][i], EPOLL_CTL_ADD, j, layer[l + 1][j], &e), 0);
            }
        }
    }
    cr_assert_eq(ctl(layer[2][0], EPOLL_CTL_ADD, layer[0][0], EPOLLIN, 0), -ELOOP);
    for (int l = 0; l < 3; l++) {
        for (int i = 0; i < WIDE; i++)
            file_put(layer[l][i]);
    }
}
