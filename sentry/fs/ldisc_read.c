/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline, to whoever reads: a line at a time, or by VMIN and VTIME.
 *
 * How long a read has waited stands in its io, and when the last byte came in the tty, so
 * a read that is tried again knows by the clock whether its time is over.
 *
 *   source    termios(3), "Canonical and noncanonical mode"
 */
#include <asm/termbits.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "sentry/fs/tty_priv.h"

#define TENTH (NSEC_PER_SEC / 10)

/* `n` bytes from the tail on. Returns bytes, or -EFAULT. */
static ssize_t copy_locked(struct tty *tty, struct io *io, uint32_t n) HOLDS(tty->lock);
static ssize_t copy_locked(struct tty *tty, struct io *io, uint32_t n)
{
    uint32_t at = tty->read_tail % READ_SIZE, first = min(n, READ_SIZE - at);
    ssize_t done = first ? io_put(io, tty->read_buf + at, first) : 0;

    if (done < (ssize_t)first || n == first)
        return done;
    ssize_t more = io_put(io, tty->read_buf, n - first);
    return more < 0 ? done : done + more;
}

static bool ends_line(const struct tty *tty, uint32_t pos)
{
    return bitmap_test(tty->line_ends, pos % READ_SIZE);
}

/* Up to the end of the first line, or what there is room for. */
static ssize_t read_line_locked(struct tty *tty, struct io *io) HOLDS(tty->lock);
static ssize_t read_line_locked(struct tty *tty, struct io *io)
{
    uint32_t have = tty->canon_head - tty->read_tail, n = 0, eof = 0;
    bool ended = false;

    while (n < have && n < io->left && !ended)
        ended = ends_line(tty, tty->read_tail + n++);
    /* An end of file is no byte; one just behind what was asked for goes along with it. */
    if (ended && ldisc_at(tty, tty->read_tail + n - 1) == '\0') {
        n--;
        eof = 1;
    } else if (!ended && n < have && ends_line(tty, tty->read_tail + n) &&
               ldisc_at(tty, tty->read_tail + n) == '\0') {
        eof = 1;
    }
    ssize_t done = n ? copy_locked(tty, io, n) : 0;
    if (done < 0)
        return done;
    if ((uint32_t)done < n)
        eof = 0;
    tty->read_tail += (uint32_t)done + eof;
    if (ended)
        tty->push = false;
    return done;
}

/* VMIN and VTIME: whether what is there may be given now, or nothing, or when to look again. */
static bool is_time_locked(struct tty *tty, struct io *io, bool nonblock, nsec_t *wake_at)
    HOLDS(tty->lock);
static bool is_time_locked(struct tty *tty, struct io *io, bool nonblock, nsec_t *wake_at)
{
    uint32_t have = tty->read_head - tty->read_tail;
    bool lines = tty_lflag(tty, ICANON); /* and EXTPROC: whatever is there */
    uint8_t least = lines ? 1 : tty->termios.cc[VMIN], tenths = lines ? 0 : tty->termios.cc[VTIME];
    nsec_t now = clock_now(arena_host(tty->ctty.arena, HOST_CLOCK), CLOCK_ID_MONOTONIC), since;

    if (have >= min((size_t)max(least, (uint8_t)1), io->left) || (nonblock && have > 0))
        return true;
    if (!tenths)
        return least == 0;
    if (nonblock)
        return false;
    if (io->since == 0)
        io->since = now;
    if (least == 0) {
        since = io->since; /* the whole read has so much time */
    } else {
        if (have == 0)
            return false; /* the time begins with the first byte */
        since = max(tty->input_at, io->since);
    }
    *wake_at = since + tenths * TENTH;
    return now >= *wake_at;
}

static ssize_t read_bytes_locked(struct tty *tty, struct io *io) HOLDS(tty->lock);
static ssize_t read_bytes_locked(struct tty *tty, struct io *io)
{
    uint32_t have = tty->read_head - tty->read_tail;
    ssize_t done = have ? copy_locked(tty, io, (uint32_t)min((size_t)have, io->left)) : 0;
    /* An end of file, where lines are edited elsewhere, comes as its character alone. */
    bool eof = done == 1 && have == 1 && tty_lflag(tty, ICANON) &&
               tty_is_cc(tty, ldisc_at(tty, tty->read_tail), VEOF);

    if (done > 0)
        tty->read_tail += (uint32_t)done;
    tty->canon_head = tty->read_tail;
    return eof ? 0 : done;
}

ssize_t ldisc_read_locked(struct tty *tty, struct io *io, bool nonblock, nsec_t *wake_at)
{
    ssize_t n;

    if (io->left == 0)
        return 0;
    if (tty_is_canonical(tty)) {
        if (tty->canon_head == tty->read_tail)
            return -EAGAIN;
        n = read_line_locked(tty, io);
    } else {
        if (!is_time_locked(tty, io, nonblock, wake_at))
            return -EAGAIN;
        n = read_bytes_locked(tty, io);
    }
    ldisc_receive_locked(tty);
    return n;
}

bool ldisc_can_read_locked(struct tty *tty)
{
    if (tty_is_canonical(tty))
        return tty->canon_head != tty->read_tail;
    uint8_t least = tty->termios.cc[VMIN], tenths = tty->termios.cc[VTIME];
    return tty->read_head - tty->read_tail >= (least && !tenths ? least : 1u);
}

uint32_t ldisc_unread_locked(struct tty *tty)
{
    uint32_t n = 0;

    if (!tty_is_canonical(tty))
        return tty->read_head - tty->read_tail;
    for (uint32_t at = tty->read_tail; at != tty->canon_head; at++)
        n += !(ends_line(tty, at) && ldisc_at(tty, at) == '\0');
    return n;
}
