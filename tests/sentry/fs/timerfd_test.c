/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/timerfd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/timerfd.h>

#include "tests/lib/fs_world.h"

static struct fs_world w;
static struct file *f;

static void start(void)
{
    fs_world_start(&w);
    cr_assert_eq(timerfd_file_create(w.arena, w.vfs.root_cred, CLOCK_MONOTONIC, 0, &f), 0);
}

static void stop(void)
{
    file_put(f);
    fs_world_stop(&w);
}

TestSuite(timerfd, .init = start, .fini = stop, .timeout = 20);

static void set(int flags, nsec_t value, nsec_t interval)
{
    struct itimerspec it = { nsec_to_timespec(interval), nsec_to_timespec(value) };

    cr_assert_eq(timerfd_set(f, flags, &it, NULL), 0);
}

static nsec_t left(void)
{
    struct itimerspec it;

    timerfd_get(f, &it);
    return nsec_make(it.it_value.tv_sec, it.it_value.tv_nsec);
}

/* The ticks, or -errno. */
static int64_t ticks(void)
{
    uint64_t n = 0;
    ssize_t r = fs_read(f, &n, 8);

    return r < 0 ? r : (int64_t)n;
}

Test(timerfd, fires_when_its_time_has_come)
{
    struct listener l;

    listen_to(&l, f);
    set(0, 100, 0);
    fs_pass(&w, 99);
    cr_assert_eq(ticks(), -EAGAIN);
    cr_assert_eq(left(), 1);
    fs_pass(&w, 1);
    cr_assert_eq(listen_count(&l), 1);
    cr_assert_eq(file_poll(f), (unsigned)POLLIN);
    cr_assert_eq(ticks(), 1);
    cr_assert_eq(ticks(), -EAGAIN);
    cr_assert_eq(left(), 0);
    listen_end(&l);
}

Test(timerfd, an_unread_interval_fires_once_and_is_counted_later)
{
    struct listener l;

    listen_to(&l, f);
    set(0, 10, 10);
    for (int i = 0; i < 100; i++)
        fs_pass(&w, 10);
    cr_assert_eq(listen_count(&l), 1);
    fs_pass(&w, 5);
    cr_assert_eq(ticks(), 100);
    cr_assert_eq(left(), 5);
    fs_pass(&w, 5);
    cr_assert_eq(listen_count(&l), 1);
    cr_assert_eq(ticks(), 1);
    listen_end(&l);
}

Test(timerfd, to_ask_counts_too)
{
    set(0, 10, 10);
    fs_pass(&w, 35);
    cr_assert_eq(left(), 5);
    cr_assert_eq(ticks(), 3);
}

Test(timerfd, setting_it_forgets_what_was)
{
    struct itimerspec it = { .it_value.tv_nsec = 50 }, old;

    set(0, 10, 7);
    fs_pass(&w, 10);
    cr_assert_eq(timerfd_set(f, 0, &it, &old), 0);
    cr_assert_eq(old.it_interval.tv_nsec, 7);
    cr_assert_eq(ticks(), -EAGAIN);
    set(0, 0, 0);
    fs_pass(&w, 1000);
    cr_assert_eq(ticks(), -EAGAIN);
    cr_assert_eq(left(), 0);
}

Test(timerfd, absolute_times_are_by_its_own_clock)
{
    struct itimerspec it = { .it_interval.tv_sec = 0 };
    struct file *real;
    uint64_t n;

    cr_assert_eq(timerfd_file_create(w.arena, w.vfs.root_cred, CLOCK_REALTIME, 0, &real), 0);
    nsec_t now = clock_now(&w.vfs.clock.clock, CLOCK_ID_REALTIME);
    it.it_value = nsec_to_timespec(now + 100);
    cr_assert_eq(timerfd_set(real, TFD_TIMER_ABSTIME, &it, NULL), 0);
    fs_pass(&w, 99);
    cr_assert_eq(fs_read(real, &n, 8), -EAGAIN);
    fs_pass(&w, 1);
    cr_assert_eq(fs_read(real, &n, 8), 8);
    file_put(real);
    cr_assert_eq(timerfd_file_create(w.arena, w.vfs.root_cred, 77, 0, &real), -EINVAL);
}
