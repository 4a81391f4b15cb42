/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal under any keys and any settings. The input is a program: set modes, type,
 * write, read, flush. Whatever it does, the positions of the line discipline stay in
 * order, its queues keep their limits, and no byte comes out that did not go in.
 */
#include <asm/termbits.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/fs/tty_priv.h"
#include "tests/lib/fs_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fs_world w;
static struct tty tty;

static void nothing(struct tty *t)
{
    (void)t;
}

static const struct tty_ops ops = { .output = nothing, .room = nothing, .release = nothing };

static void check(void)
{
    assert(ldisc_is_sound(&tty));
    assert(byteq_len(&tty.raw) <= QUEUE_SIZE);
    assert(byteq_len(&tty.out) <= QUEUE_SIZE + ECHO_SIZE);
    assert(byteq_len(&tty.held) <= ECHO_SIZE);
    assert(ldisc_unread_locked(&tty) <= tty.read_head - tty.read_tail);
}

static uint32_t word(const uint8_t *data)
{
    uint32_t n;

    memcpy(&n, data, sizeof n);
    return n;
}

static void set_modes(const uint8_t *data)
{
    uint32_t was = tty.termios.lflag;

    tty.termios.iflag = word(data);
    tty.termios.oflag = word(data + 4);
    tty.termios.lflag = word(data + 8);
    tty.termios.cc[data[12] % ABI_NCCS] = data[13];
    if ((was ^ tty.termios.lflag) & (ICANON | EXTPROC))
        ldisc_mode_changed_locked(&tty);
    ldisc_receive_locked(&tty);
}

static void take_output(size_t n)
{
    byteq_drop(&tty.out, min(n, (size_t)byteq_len(&tty.out)));
}

static void read_some(size_t n)
{
    uint8_t bytes[512];
    struct io io;
    nsec_t wake_at = NSEC_NEVER;

    n = min(n, sizeof bytes);
    io_kernel(&io, bytes, n);
    ssize_t got = ldisc_read_locked(&tty, &io, true, &wake_at);
    assert(got == -EAGAIN || (got >= 0 && (size_t)got <= n));
}

/* Does one step; returns what it used of the input. */
static size_t step(const uint8_t *data, size_t size)
{
    size_t n = data[1];
    struct io io;

    switch (data[0] % 8) {
    case 0:
        if (size < 16)
            break;
        set_modes(data + 2);
        return 16;
    case 1:
    case 2:
    case 3:
        n = min(n, size - 2);
        io_kernel(&io, (void *)(uintptr_t)(data + 2), n);
        (void)!tty_input_locked(&tty, &io);
        return 2 + n;
    case 4:
        n = min(n, size - 2);
        io_kernel(&io, (void *)(uintptr_t)(data + 2), n);
        (void)!ldisc_write_locked(&tty, &io);
        return 2 + n;
    case 5:
        read_some(n * 2);
        break;
    case 6:
        take_output(n * 64);
        break;
    default:
        if (n & 1)
            ldisc_flush_input_locked(&tty);
        if (n & 2)
            ldisc_flush_output_locked(&tty);
        if (n & 4)
            ldisc_start_locked(&tty);
        if (n & 8)
            ldisc_stop_locked(&tty);
    }
    return 2;
}

static void stop(void)
{
    fs_world_stop(&w);
}

static void start(void)
{
    fs_world_start(&w);
    atexit(stop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!w.arena)
        start();
    memset(&tty, 0, sizeof tty);
    int err = tty_init(&tty, w.arena, &ops, 0);
    assert(!err);
    mutex_lock(&tty.lock);
    while (size >= 2) {
        size_t used = step(data, size);
        check();
        data += used;
        size -= used;
    }
    mutex_unlock(&tty.lock);
    tty_destroy(&tty);
    return 0;
}
