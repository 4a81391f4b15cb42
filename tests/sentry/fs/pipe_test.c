/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/fs/pipe.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "tests/lib/fs_world.h"

static struct fs_world w;
static struct file *p[2];
static char page[PAGE_SIZE];

static void start(void)
{
    fs_world_start(&w);
    cr_assert_eq(pipe_create(w.arena, w.vfs.root_cred, 0, p), 0);
}

static void stop(void)
{
    file_put(p[0]);
    file_put(p[1]);
    fs_world_stop(&w);
}

TestSuite(pipe, .init = start, .fini = stop, .timeout = 20);

Test(pipe, a_write_and_a_read_allocate_nothing)
{
    char c;

    cr_assert_eq(fs_write(p[1], "a", 1), 1);
    uint64_t pages = slab_live(w.arena, SLAB_pipe_page);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(fs_read(p[0], &c, 1), 1);
        cr_assert_eq(fs_write(p[1], "a", 1), 1);
    }
    cr_assert_eq(slab_live(w.arena, SLAB_pipe_page), pages);
}

Test(pipe, each_side_wakes_the_other_and_not_itself)
{
    struct listener reader, writer;
    char c;

    listen_to(&reader, p[0]);
    listen_to(&writer, p[1]);
    cr_assert_eq(fs_write(p[1], "a", 1), 1);
    cr_assert_eq(listen_count(&reader), 1);
    cr_assert_eq(listen_count(&writer), 0);
    cr_assert_eq(fs_read(p[0], &c, 1), 1);
    cr_assert_eq(listen_count(&reader), 0);
    cr_assert_eq(listen_count(&writer), 1);
    cr_assert_eq(fs_read(p[0], &c, 1), -EAGAIN);
    cr_assert_eq(listen_count(&writer), 0);
    listen_end(&writer);
    file_put(keep(p[1]));
    cr_assert_eq(listen_count(&reader), 1);
    cr_assert(reader.bits & POLLHUP);
    listen_end(&reader);
}

Test(pipe, a_ring_that_grows_keeps_its_order)
{
    char b[8];

    for (int i = 0; i < 10; i++) {
        page[0] = (char)i;
        cr_assert_eq(fs_write(p[1], page, sizeof page), (ssize_t)sizeof page);
        if (i < 5)
            cr_assert_eq(fs_read(p[0], page, sizeof page), (ssize_t)sizeof page);
    }
    cr_assert_eq(pipe_set_size(p[0], 32 * PAGE_SIZE, w.vfs.root_cred), 32 * (long)PAGE_SIZE);
    cr_assert_eq(pipe_set_size(p[0], 2 * PAGE_SIZE, w.vfs.root_cred), -EBUSY);
    cr_assert_eq(pipe_set_size(p[0], 8 * PAGE_SIZE, w.vfs.root_cred), 8 * (long)PAGE_SIZE);
    for (int i = 5; i < 10; i++) {
        cr_assert_eq(fs_read(p[0], page, sizeof page), (ssize_t)sizeof page);
        cr_assert_eq(page[0], i);
    }
    cr_assert_eq(fs_read(p[0], b, 1), -EAGAIN);
}

Test(pipe, only_the_mighty_pass_the_limit)
{
    cr_assert_eq(pipe_set_size(p[0], 2 << 20, w.vfs.user_cred), -EPERM);
    cr_assert_eq(pipe_set_size(p[0], 2 << 20, w.vfs.root_cred), 2 << 20);
    cr_assert_eq(pipe_set_size(p[0], 1 << 20, w.vfs.user_cred), 1 << 20);
    cr_assert_eq(pipe_set_size(p[0], UINT64_C(1) << 32, w.vfs.root_cred), -EINVAL);
}

/* ---- splice ---- */

static void fill(struct pipe_chunk *c, const char *text)
{
    struct iovec vecs[PIPE_CHUNK];

    cr_assert_eq(pipe_chunk_create(w.arena, strlen(text), c, vecs), 0);
    memcpy(vecs[0].iov_base, text, strlen(text));
}

Test(pipe, a_chunk_goes_in_without_a_copy)
{
    struct pipe_chunk c;

    cr_assert_eq(pipe_room(p[1]), 16 * (ssize_t)PAGE_SIZE);
    fill(&c, "hello");
    cr_assert_eq(pipe_append(p[1], &c), 5);
    cr_assert_eq(c.count, 0u);
    cr_assert_eq(pipe_room(p[1]), 15 * (ssize_t)PAGE_SIZE);
    cr_assert_str_eq(fs_read_text(p[0]), "hello");
}

Test(pipe, what_is_not_used_comes_back_in_front)
{
    struct pipe_chunk c;

    cr_assert_eq(fs_write_text(p[1], "abcdef"), 6);
    cr_assert_eq(pipe_detach(p[0], 4, &c), 4);
    cr_assert_eq(fs_write_text(p[1], "gh"), 2);
    pipe_unread(p[0], &c, 1);
    cr_assert_str_eq(fs_read_text(p[0]), "bcdefgh");
    cr_assert_eq(pipe_detach(p[0], 4, &c), -EAGAIN);
    file_put(keep(p[1]));
    cr_assert_eq(pipe_detach(p[0], 4, &c), 0);
}

Test(pipe, unread_pages_fit_though_writers_were_quick)
{
    struct pipe_chunk c;

    for (int i = 0; i < 16; i++) {
        page[0] = (char)i;
        cr_assert_eq(fs_write(p[1], page, sizeof page), (ssize_t)sizeof page);
    }
    cr_assert_eq(pipe_detach(p[0], 16 * PAGE_SIZE, &c), 16 * (ssize_t)PAGE_SIZE);
    for (int i = 16; i < 32; i++) {
        page[0] = (char)i;
        cr_assert_eq(fs_write(p[1], page, sizeof page), (ssize_t)sizeof page);
    }
    pipe_unread(p[0], &c, 0);
    for (int i = 0; i < 32; i++) {
        cr_assert_eq(fs_read(p[0], page, sizeof page), (ssize_t)sizeof page);
        cr_assert_eq(page[0], i);
    }
}

/* However often that happens, writers have no more room than before. */
Test(pipe, unread_pages_make_no_room_for_writers)
{
    struct pipe_chunk c;

    while (fs_write(p[1], page, sizeof page) > 0)
        ;
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(pipe_detach(p[0], 16 * PAGE_SIZE, &c), 16 * (ssize_t)PAGE_SIZE);
        while (fs_write(p[1], page, sizeof page) > 0)
            ;
        pipe_unread(p[0], &c, 0);
        cr_assert_eq(pipe_size(p[0]), 16 * (long)PAGE_SIZE);
        cr_assert_eq(pipe_room(p[1]), -EAGAIN);
    }
    int pages = 0;
    while (fs_read(p[0], page, sizeof page) > 0)
        pages++;
    cr_assert_leq(pages, 32);
    cr_assert_eq(pipe_room(p[1]), 16 * (ssize_t)PAGE_SIZE);
}

Test(pipe, tee_leaves_what_it_copies)
{
    struct file *q[2];

    cr_assert_eq(pipe_create(w.arena, w.vfs.root_cred, 0, q), 0);
    cr_assert_eq(pipe_tee(p[0], q[1], 10), -EAGAIN);
    cr_assert_eq(fs_write_text(p[1], "abcdef"), 6);
    cr_assert_eq(pipe_tee(p[0], q[1], 4), 4);
    cr_assert_eq(pipe_tee(p[0], p[1], 4), -EINVAL);
    cr_assert_str_eq(fs_read_text(q[0]), "abcd");
    cr_assert_str_eq(fs_read_text(p[0]), "abcdef");
    file_put(q[0]);
    cr_assert_eq(fs_write_text(p[1], "x"), 1);
    cr_assert_eq(pipe_tee(p[0], q[1], 4), -EPIPE);
    cr_assert_eq(pipe_room(q[1]), -EPIPE);
    file_put(q[1]);
}

Test(pipe, a_chunk_is_cut_and_seen_in_part)
{
    struct iovec vecs[PIPE_CHUNK];
    struct pipe_chunk c;

    cr_assert_eq(pipe_chunk_create(w.arena, 3 * PAGE_SIZE, &c, vecs), 0);
    pipe_chunk_cut(&c, PAGE_SIZE + 10);
    cr_assert_eq(c.count, 2u);
    cr_assert_eq(pipe_chunk_vecs(&c, PAGE_SIZE + 4, vecs), 1);
    cr_assert_eq(vecs[0].iov_len, 6u);
    pipe_chunk_destroy(&c);
    cr_assert_eq(slab_live(w.arena, SLAB_pipe_page), 0);
}

Test(pipe, a_fifo_opens_in_two_steps)
{
    struct file *r, *wr, *second;

    cr_assert_eq(vfs_mknod(&w.vfs.root, NULL, "/f", S_IFIFO | 0600, 0), 0);
    cr_assert_eq(world_open(&w.vfs.root, "/f", O_WRONLY | O_NONBLOCK, 0, &wr), -ENXIO);
    cr_assert_eq(world_open(&w.vfs.root, "/f", O_RDONLY, 0, &r), 0);
    cr_assert_eq(r->ops->await_open(r), -EAGAIN);
    cr_assert_eq(world_open(&w.vfs.root, "/f", O_WRONLY | O_NONBLOCK, 0, &wr), 0);
    cr_assert_eq(r->ops->await_open(r), 0);
    cr_assert_eq(wr->ops->await_open(wr), 0);
    cr_assert_eq(fs_write_text(wr, "x"), 1);
    cr_assert_eq(world_open(&w.vfs.root, "/f", O_RDONLY, 0, &second), 0);
    cr_assert_eq(second->ops->await_open(second), 0);
    cr_assert_str_eq(fs_read_text(second), "x");
    file_put(wr);
    /* It has come and gone: whoever waited for it need not wait any more. */
    cr_assert_eq(r->ops->await_open(r), 0);
    cr_assert_eq(file_poll(r), (unsigned)POLLHUP);
    file_put(r);
    file_put(second);
}
