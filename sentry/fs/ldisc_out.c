/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline, outwards: OPOST, and where the cursor is.
 *
 * The column is followed so that a tab can be erased and ONOCR obeyed. Writers wait when
 * QUEUE_SIZE is on its way; echoes may go ECHO_SIZE further and are lost beyond that.
 *
 *   source    termios(3); drivers/tty/n_tty.c of Linux 6.6
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <ctype.h>

#include "sentry/fs/tty_priv.h"

#define TAB 8

static void put_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void put_locked(struct tty *tty, uint8_t c)
{
    byteq_put(tty->ctty.arena, tty->stopped ? &tty->held : &tty->out, &c, 1);
    tty->todo |= TODO_OUTPUT;
}

void ldisc_output_raw_locked(struct tty *tty, uint8_t c)
{
    put_locked(tty, c);
}

static void newline_locked(struct tty *tty) HOLDS(tty->lock);
static void newline_locked(struct tty *tty)
{
    if (tty_oflag(tty, ONLRET))
        tty->column = 0;
    if (tty_oflag(tty, ONLCR)) {
        put_locked(tty, '\r');
        tty->column = 0;
    }
    tty->canon_column = tty->column;
    put_locked(tty, '\n');
}

static void carriage_return_locked(struct tty *tty) HOLDS(tty->lock);
static void carriage_return_locked(struct tty *tty)
{
    if (tty_oflag(tty, ONOCR) && tty->column == 0)
        return;
    if (tty_oflag(tty, OCRNL)) {
        if (tty_oflag(tty, ONLRET))
            tty->canon_column = tty->column = 0;
        put_locked(tty, '\n');
        return;
    }
    tty->canon_column = tty->column = 0;
    put_locked(tty, '\r');
}

static void tab_locked(struct tty *tty) HOLDS(tty->lock);
static void tab_locked(struct tty *tty)
{
    uint32_t spaces = TAB - tty->column % TAB;

    tty->column += spaces;
    if ((tty->termios.oflag & TABDLY) != XTABS) {
        put_locked(tty, '\t');
        return;
    }
    while (spaces-- > 0)
        put_locked(tty, ' ');
}

static void plain_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void plain_locked(struct tty *tty, uint8_t c)
{
    if (!iscntrl(c)) {
        if (tty_oflag(tty, OLCUC))
            c = (uint8_t)toupper(c);
        if (!ldisc_is_continuation(tty, c))
            tty->column++;
    }
    put_locked(tty, c);
}

void ldisc_output_locked(struct tty *tty, uint8_t c)
{
    if (!tty_oflag(tty, OPOST)) {
        put_locked(tty, c);
        return;
    }
    switch (c) {
    case '\n':
        newline_locked(tty);
        break;
    case '\r':
        carriage_return_locked(tty);
        break;
    case '\t':
        tab_locked(tty);
        break;
    case '\b':
        if (tty->column > 0)
            tty->column--;
        put_locked(tty, c);
        break;
    default:
        plain_locked(tty, c);
    }
}

static uint32_t room_locked(struct tty *tty) HOLDS(tty->lock);
static uint32_t room_locked(struct tty *tty)
{
    uint32_t len = byteq_len(&tty->out);

    return tty->stopped || len >= QUEUE_SIZE ? 0 : QUEUE_SIZE - len;
}

bool ldisc_can_write_locked(struct tty *tty)
{
    return room_locked(tty) >= TAB;
}

/* Returns how many of the bytes went out. */
static size_t process_locked(struct tty *tty, const uint8_t *bytes, size_t n) HOLDS(tty->lock);
static size_t process_locked(struct tty *tty, const uint8_t *bytes, size_t n)
{
    size_t done = 0;

    if (!tty_oflag(tty, OPOST)) {
        tty->todo |= TODO_OUTPUT;
        return byteq_put(tty->ctty.arena, &tty->out, bytes, min(n, (size_t)room_locked(tty)));
    }
    /* No byte becomes more than a tab's worth. */
    while (done < n && room_locked(tty) >= TAB)
        ldisc_output_locked(tty, bytes[done++]);
    return done;
}

ssize_t ldisc_write_locked(struct tty *tty, struct io *io)
{
    uint8_t bytes[256];
    size_t done = 0;

    while (io->left > 0 && ldisc_can_write_locked(tty)) {
        struct io before = *io;
        ssize_t n = io_take(io, bytes, sizeof bytes);
        if (n < 0)
            return done ? (ssize_t)done : n;
        size_t went = process_locked(tty, bytes, (size_t)n);
        done += went;
        if (went < (size_t)n) {
            *io = before;
            io_skip(io, went);
            break;
        }
    }
    return done || io->left == 0 ? (ssize_t)done : -EAGAIN;
}

static void tell_packet_locked(struct tty *tty, uint8_t set, uint8_t clear) HOLDS(tty->lock);
static void tell_packet_locked(struct tty *tty, uint8_t set, uint8_t clear)
{
    if (!tty->packet)
        return;
    tty->pktnews = (uint8_t)((tty->pktnews & ~clear) | set);
    tty->todo |= TODO_OUTPUT;
}

void ldisc_stop_locked(struct tty *tty)
{
    if (tty->stopped)
        return;
    tty->stopped = true;
    tell_packet_locked(tty, TIOCPKT_STOP, TIOCPKT_START);
}

void ldisc_start_locked(struct tty *tty)
{
    const uint8_t *bytes;
    size_t n;

    if (!tty->stopped)
        return;
    tty->stopped = false;
    while ((n = byteq_peek(&tty->held, &bytes)) > 0) {
        byteq_put(tty->ctty.arena, &tty->out, bytes, n);
        byteq_drop(&tty->held, n);
    }
    tell_packet_locked(tty, TIOCPKT_START, TIOCPKT_STOP);
    tty->todo |= TODO_OUTPUT | TODO_WRITERS;
}

void ldisc_flush_output_locked(struct tty *tty)
{
    byteq_drop(&tty->out, byteq_len(&tty->out));
    byteq_drop(&tty->held, byteq_len(&tty->held));
    tell_packet_locked(tty, TIOCPKT_FLUSHWRITE, 0);
    tty->todo |= TODO_WRITERS;
}
