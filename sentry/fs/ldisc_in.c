/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline, inwards: what becomes of each byte that was typed.
 *
 * In the order of POSIX and of Linux: flow control and signals first, then CR and NL,
 * then (ICANON) the editing of the line that is not finished, then echo and the buffer.
 * A byte ends a line when its bit in `line_ends` is set; an end of file is a '\0' with
 * that bit, which no reader sees.
 *
 *   source    termios(3); drivers/tty/n_tty.c of Linux 6.6
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <ctype.h>
#include <signal.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "sentry/fs/tty_priv.h"

#define TAB 8

/* ---- echo ---- */

/* Control characters as ^X, where that is wanted. */
static void echo_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void echo_locked(struct tty *tty, uint8_t c)
{
    if (tty_lflag(tty, ECHOCTL) && iscntrl(c) && c != '\t') {
        ldisc_output_raw_locked(tty, '^');
        ldisc_output_raw_locked(tty, c ^ 0100);
        tty->column += 2;
        return;
    }
    ldisc_output_locked(tty, c);
}

static void echo_text_locked(struct tty *tty, const char *s) HOLDS(tty->lock);
static void echo_text_locked(struct tty *tty, const char *s)
{
    while (*s)
        ldisc_output_locked(tty, (uint8_t)*s++);
}

/* ECHOPRT: what was erased stands between \ and /. */
static void finish_erasing_locked(struct tty *tty) HOLDS(tty->lock);
static void finish_erasing_locked(struct tty *tty)
{
    if (!tty->erasing)
        return;
    ldisc_output_locked(tty, '/');
    tty->erasing = false;
}

/* ---- the buffer ---- */

static void put_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void put_locked(struct tty *tty, uint8_t c)
{
    /* Of a line that fills the buffer, the last byte makes room: its end can still come. */
    if (tty->read_head - tty->read_tail == READ_SIZE)
        tty->read_head--;
    bitmap_clear(tty->line_ends, tty->read_head % READ_SIZE);
    tty->read_buf[tty->read_head++ % READ_SIZE] = c;
}

/* A 0377 that was typed is doubled, where others mark errors. */
static void put_marked_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void put_marked_locked(struct tty *tty, uint8_t c)
{
    if (tty_iflag(tty, PARMRK) && c == 0xff)
        put_locked(tty, c);
    put_locked(tty, c);
}

static void end_line_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void end_line_locked(struct tty *tty, uint8_t c)
{
    put_locked(tty, c);
    bitmap_set(tty->line_ends, (tty->read_head - 1) % READ_SIZE);
    tty->canon_head = tty->read_head;
    tty->todo |= TODO_READERS;
}

void ldisc_flush_input_locked(struct tty *tty)
{
    tty->read_head = tty->canon_head = tty->read_tail = 0;
    memset(tty->line_ends, 0, sizeof tty->line_ends);
    tty->erasing = tty->lnext = tty->push = false;
    byteq_drop(&tty->raw, byteq_len(&tty->raw));
    if (tty->packet)
        tty->pktnews |= TIOCPKT_FLUSHREAD;
    tty->todo |= TODO_ROOM | TODO_OUTPUT;
}

void ldisc_mode_changed_locked(struct tty *tty)
{
    bool lines = tty_lflag(tty, ICANON) && tty->read_head != tty->read_tail;

    memset(tty->line_ends, 0, sizeof tty->line_ends);
    tty->canon_head = tty->read_tail;
    if (lines) {
        /* What was there is a line, though nothing ends it. */
        bitmap_set(tty->line_ends, (tty->read_head - 1) % READ_SIZE);
        tty->canon_head = tty->read_head;
    }
    tty->push = lines;
    tty->erasing = tty->lnext = false;
    tty->todo |= TODO_READERS;
}

/* ---- erasing ---- */

/* How many columns a tab at `pos` may have taken: from the one before it, or the line's start. */
static uint32_t tab_width_locked(struct tty *tty, uint32_t pos) HOLDS(tty->lock);
static uint32_t tab_width_locked(struct tty *tty, uint32_t pos)
{
    uint32_t columns = 0;

    while (pos != tty->canon_head) {
        uint8_t c = ldisc_at(tty, --pos);
        if (c == '\t')
            return TAB - columns % TAB;
        if (iscntrl(c))
            columns += tty_lflag(tty, ECHOCTL) ? 2 : 0;
        else if (!ldisc_is_continuation(tty, c))
            columns++;
    }
    return TAB - (columns + tty->canon_column) % TAB;
}

static void erase_echo_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void erase_echo_locked(struct tty *tty, uint8_t c)
{
    if (c == '\t') {
        for (uint32_t n = tab_width_locked(tty, tty->read_head); n > 0; n--)
            ldisc_output_locked(tty, '\b');
        return;
    }
    if (iscntrl(c) && tty_lflag(tty, ECHOCTL))
        echo_text_locked(tty, "\b \b");
    if (!iscntrl(c) || tty_lflag(tty, ECHOCTL))
        echo_text_locked(tty, "\b \b");
}

/* ECHOPRT: the `size` bytes from `head` on are shown as they go. */
static void print_erased_locked(struct tty *tty, uint32_t head, uint32_t size) HOLDS(tty->lock);
static void print_erased_locked(struct tty *tty, uint32_t head, uint32_t size)
{
    if (!tty->erasing) {
        ldisc_output_locked(tty, '\\');
        tty->erasing = true;
    }
    echo_locked(tty, ldisc_at(tty, head));
    for (uint32_t i = 1; i < size; i++)
        ldisc_output_raw_locked(tty, ldisc_at(tty, head + i));
}

enum erase { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

/* One character, of several bytes perhaps. False: nothing more is to be erased. */
static bool erase_one_locked(struct tty *tty, enum erase what, uint8_t by, bool *in_word)
    HOLDS(tty->lock);
static bool erase_one_locked(struct tty *tty, enum erase what, uint8_t by, bool *in_word)
{
    uint32_t head = tty->read_head, size;
    uint8_t c;

    do {
        c = ldisc_at(tty, --head);
    } while (ldisc_is_continuation(tty, c) && head != tty->canon_head);
    if (ldisc_is_continuation(tty, c))
        return false;
    if (what == ERASE_WORD) {
        if (isalnum(c) || c == '_')
            *in_word = true;
        else if (*in_word)
            return false;
    }
    size = tty->read_head - head;
    tty->read_head = head;
    if (!tty_lflag(tty, ECHO))
        return true;
    if (tty_lflag(tty, ECHOPRT))
        print_erased_locked(tty, head, size);
    else if (what == ERASE_CHAR && !tty_lflag(tty, ECHOE))
        echo_locked(tty, by);
    else
        erase_echo_locked(tty, c);
    return true;
}

/* KILL without the means to rub a line out: it is left standing, and a new one begun. */
static bool kill_plainly_locked(struct tty *tty, uint8_t by) HOLDS(tty->lock);
static bool kill_plainly_locked(struct tty *tty, uint8_t by)
{
    if (tty_lflag(tty, ECHO) && tty_lflag(tty, ECHOK) && tty_lflag(tty, ECHOKE) &&
        tty_lflag(tty, ECHOE))
        return false;
    tty->read_head = tty->canon_head;
    if (tty_lflag(tty, ECHO)) {
        finish_erasing_locked(tty);
        echo_locked(tty, by);
        if (tty_lflag(tty, ECHOK))
            ldisc_output_locked(tty, '\n');
    }
    return true;
}

static void erase_locked(struct tty *tty, enum erase what, uint8_t by) HOLDS(tty->lock);
static void erase_locked(struct tty *tty, enum erase what, uint8_t by)
{
    bool in_word = false;

    if (tty->read_head == tty->canon_head)
        return;
    if (what == ERASE_LINE && kill_plainly_locked(tty, by))
        return;
    while (tty->read_head != tty->canon_head) {
        if (!erase_one_locked(tty, what, by, &in_word) || what == ERASE_CHAR)
            break;
    }
    if (tty->read_head == tty->canon_head && tty_lflag(tty, ECHO))
        finish_erasing_locked(tty);
}

/* ---- one byte ---- */

static bool flow_control_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static bool flow_control_locked(struct tty *tty, uint8_t c)
{
    if (!tty_iflag(tty, IXON))
        return false;
    if (tty_is_cc(tty, c, VSTART)) {
        ldisc_start_locked(tty);
        return true;
    }
    if (tty_is_cc(tty, c, VSTOP)) {
        ldisc_stop_locked(tty);
        return true;
    }
    return false;
}

static int signal_of(const struct tty *tty, uint8_t c)
{
    if (!tty_lflag(tty, ISIG))
        return 0;
    if (tty_is_cc(tty, c, VINTR))
        return SIGINT;
    if (tty_is_cc(tty, c, VQUIT))
        return SIGQUIT;
    return tty_is_cc(tty, c, VSUSP) ? SIGTSTP : 0;
}

static bool signal_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static bool signal_locked(struct tty *tty, uint8_t c)
{
    int sig = signal_of(tty, c);

    if (!sig)
        return false;
    tty->signals |= UINT64_C(1) << sig;
    if (!tty_lflag(tty, NOFLSH)) {
        struct byteq rest = tty->raw; /* what was typed after it stays */
        ldisc_flush_output_locked(tty);
        ldisc_flush_input_locked(tty);
        tty->raw = rest;
    }
    if (tty_iflag(tty, IXON))
        ldisc_start_locked(tty);
    if (tty_lflag(tty, ECHO))
        echo_locked(tty, c);
    return true;
}

static void reprint_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void reprint_locked(struct tty *tty, uint8_t c)
{
    finish_erasing_locked(tty);
    echo_locked(tty, c);
    ldisc_output_locked(tty, '\n');
    for (uint32_t at = tty->canon_head; at != tty->read_head; at++)
        echo_locked(tty, ldisc_at(tty, at));
}

static bool edit_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static bool edit_locked(struct tty *tty, uint8_t c)
{
    bool extended = tty_lflag(tty, IEXTEN);

    if (tty_is_cc(tty, c, VERASE)) {
        erase_locked(tty, ERASE_CHAR, c);
    } else if (tty_is_cc(tty, c, VKILL)) {
        erase_locked(tty, ERASE_LINE, c);
    } else if (extended && tty_is_cc(tty, c, VWERASE)) {
        erase_locked(tty, ERASE_WORD, c);
    } else if (extended && tty_is_cc(tty, c, VLNEXT)) {
        tty->lnext = true;
        if (tty_lflag(tty, ECHO)) {
            finish_erasing_locked(tty);
            if (tty_lflag(tty, ECHOCTL))
                echo_text_locked(tty, "^\b");
        }
    } else if (extended && tty_lflag(tty, ECHO) && tty_is_cc(tty, c, VREPRINT)) {
        reprint_locked(tty, c);
    } else {
        return false;
    }
    return true;
}

static void begin_line_column(struct tty *tty)
{
    if (tty->canon_head == tty->read_head)
        tty->canon_column = tty->column;
}

static bool ends_line_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static bool ends_line_locked(struct tty *tty, uint8_t c)
{
    if (c == '\n') {
        if (tty_lflag(tty, ECHO) || tty_lflag(tty, ECHONL))
            ldisc_output_locked(tty, '\n');
        end_line_locked(tty, c);
        return true;
    }
    if (tty_is_cc(tty, c, VEOF)) {
        end_line_locked(tty, '\0');
        return true;
    }
    if (tty_is_cc(tty, c, VEOL) || (tty_lflag(tty, IEXTEN) && tty_is_cc(tty, c, VEOL2))) {
        if (tty_lflag(tty, ECHO)) {
            begin_line_column(tty);
            echo_locked(tty, c);
        }
        if (tty_iflag(tty, PARMRK) && c == 0xff)
            put_locked(tty, c);
        end_line_locked(tty, c);
        return true;
    }
    return false;
}

static void plain_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void plain_locked(struct tty *tty, uint8_t c)
{
    if (tty_lflag(tty, ECHO)) {
        finish_erasing_locked(tty);
        begin_line_column(tty);
        if (c == '\n')
            ldisc_output_locked(tty, '\n');
        else
            echo_locked(tty, c);
    }
    put_marked_locked(tty, c);
}

/* CR and NL by iflag. False: the byte is ignored. */
static bool map_newline(const struct tty *tty, uint8_t *c)
{
    if (*c == '\r') {
        if (tty_iflag(tty, IGNCR))
            return false;
        if (tty_iflag(tty, ICRNL))
            *c = '\n';
    } else if (*c == '\n' && tty_iflag(tty, INLCR)) {
        *c = '\r';
    }
    return true;
}

/* ^S is over at any key, under IXANY, but for those that mean something of their own. */
static bool restarts(const struct tty *tty, uint8_t c)
{
    return tty->stopped && tty_iflag(tty, IXON) && tty_iflag(tty, IXANY) &&
           !tty_is_cc(tty, c, VSTART) && !tty_is_cc(tty, c, VSTOP) && !signal_of(tty, c);
}

static void receive_one_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
static void receive_one_locked(struct tty *tty, uint8_t c)
{
    if (tty_iflag(tty, ISTRIP))
        c &= 0x7f;
    if (tty_iflag(tty, IUCLC) && tty_lflag(tty, IEXTEN))
        c = (uint8_t)tolower(c);
    if (tty_lflag(tty, EXTPROC)) {
        put_locked(tty, c);
        return;
    }
    if (tty->lnext) {
        tty->lnext = false;
        plain_locked(tty, c);
        return;
    }
    if (restarts(tty, c))
        ldisc_start_locked(tty);
    if (flow_control_locked(tty, c) || signal_locked(tty, c) || !map_newline(tty, &c))
        return;
    if (tty_lflag(tty, ICANON) && (edit_locked(tty, c) || ends_line_locked(tty, c)))
        return;
    plain_locked(tty, c);
}

/* Nothing is to be done with any byte: cfmakeraw(3). */
static bool is_raw(const struct tty *tty)
{
    return !(tty->termios.iflag &
             (ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK | IXANY)) &&
           !(tty->termios.lflag & (ICANON | ISIG | ECHO | EXTPROC)) && !tty->lnext;
}

/* ---- many bytes ---- */

/* How many bytes may be edited now. A line that is not finished takes any number: put_locked(). */
static uint32_t room_locked(struct tty *tty) HOLDS(tty->lock);
static uint32_t room_locked(struct tty *tty)
{
    uint32_t room = READ_SIZE - (tty->read_head - tty->read_tail);

    if (tty_iflag(tty, PARMRK))
        room = (room + 2) / 3;
    if (room > 1)
        return room - 1;
    return tty_is_canonical(tty) && tty->canon_head == tty->read_tail ? 1 : 0;
}

static void receive_some_locked(struct tty *tty, const uint8_t *bytes, size_t n) HOLDS(tty->lock);
static void receive_some_locked(struct tty *tty, const uint8_t *bytes, size_t n)
{
    if (is_raw(tty)) {
        for (size_t i = 0; i < n; i++)
            put_locked(tty, bytes[i]);
        return;
    }
    for (size_t i = 0; i < n; i++)
        receive_one_locked(tty, bytes[i]);
}

void ldisc_receive_locked(struct tty *tty)
{
    const uint8_t *bytes;
    size_t n;

    if (byteq_len(&tty->raw) == 0)
        return;
    while ((n = byteq_peek(&tty->raw, &bytes)) > 0) {
        uint32_t room = room_locked(tty);
        if (room == 0)
            break;
        uint8_t chunk[256];
        n = min(min(n, (size_t)room), sizeof chunk);
        memcpy(chunk, bytes, n);
        byteq_drop(&tty->raw, n);
        receive_some_locked(tty, chunk, n);
        tty->todo |= TODO_ROOM;
    }
    tty->input_at = clock_now(arena_host(tty->ctty.arena, HOST_CLOCK), CLOCK_ID_MONOTONIC);
    if (!tty_is_canonical(tty))
        tty->todo |= TODO_READERS;
}
