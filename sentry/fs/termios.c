/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminal settings: the four forms in which programs get and set them.
 *
 *   source    termios(3), ioctl_tty(2); drivers/tty/tty_ioctl.c of Linux 6.6
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <signal.h>
#include <string.h>

#include "sentry/fs/tty_priv.h"

#define CTRL(c) ((c)&0x1f)

void termios_init(struct abi_termios2 *t)
{
    *t = (struct abi_termios2){
        .iflag = ICRNL | IXON,
        .oflag = OPOST | ONLCR,
        .cflag = B38400 | CS8 | CREAD,
        .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        .cc = {[VINTR] = CTRL('C'),
               [VQUIT] = CTRL('\\'),
               [VERASE] = 0x7f,
               [VKILL] = CTRL('U'),
               [VEOF] = CTRL('D'),
               [VMIN] = 1,
               [VSTART] = CTRL('Q'),
               [VSTOP] = CTRL('S'),
               [VSUSP] = CTRL('Z'),
               [VREPRINT] = CTRL('R'),
               [VDISCARD] = CTRL('O'),
               [VWERASE] = CTRL('W'),
               [VLNEXT] = CTRL('V')},
        .ispeed = 38400,
        .ospeed = 38400,
    };
}

/* Is ^S and ^Q what stops and starts output? Packet mode tells of changes. */
static bool usual_flow(const struct abi_termios2 *t)
{
    return t->iflag & IXON && t->cc[VSTOP] == CTRL('S') && t->cc[VSTART] == CTRL('Q');
}

static void tell_packet_locked(struct tty *tty, const struct abi_termios2 *old) HOLDS(tty->lock);
static void tell_packet_locked(struct tty *tty, const struct abi_termios2 *old)
{
    const struct abi_termios2 *now = &tty->termios;
    uint8_t news = tty->pktnews;

    if (!tty->packet)
        return;
    if (usual_flow(old) != usual_flow(now)) {
        news &= (uint8_t) ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
        news |= usual_flow(now) ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
    }
    if ((old->lflag ^ now->lflag) & EXTPROC || now->lflag & EXTPROC)
        news |= TIOCPKT_IOCTL;
    if (news == tty->pktnews)
        return;
    tty->pktnews = news;
    tty->todo |= TODO_OUTPUT;
}

/* A pty has eight bits and no parity, whatever it is told. */
static void set_locked(struct tty *tty, const struct abi_termios2 *t) HOLDS(tty->lock);
static void set_locked(struct tty *tty, const struct abi_termios2 *t)
{
    struct abi_termios2 old = tty->termios;

    tty->termios = *t;
    tty->termios.cflag &= ~(uint32_t)(CSIZE | PARENB);
    tty->termios.cflag |= CS8 | CREAD;
    if ((old.lflag ^ t->lflag) & (ICANON | EXTPROC))
        ldisc_mode_changed_locked(tty);
    if (!(t->iflag & IXON) && old.iflag & IXON)
        ldisc_start_locked(tty);
    tell_packet_locked(tty, &old);
    /* What waited in `raw` may mean something else now; readers look again at VMIN. */
    ldisc_receive_locked(tty);
    tty->todo |= TODO_READERS | TODO_WRITERS;
}

/* The baud rate that the bits of cflag name, for those who read it as a number. */
static uint32_t speed_of(uint32_t cflag, uint32_t given)
{
    static const uint32_t low[] = { 0,   50,   75,   110,  134,  150,  200,   300,
                                    600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
    static const uint32_t high[] = { 0,       57600,   115200,  230400,  460800,  500000,
                                     576000,  921600,  1000000, 1152000, 1500000, 2000000,
                                     2500000, 3000000, 3500000, 4000000 };
    uint32_t bits = cflag & CBAUD;

    if (bits == BOTHER)
        return given;
    return bits & CBAUDEX ? high[bits & 0xf] : low[bits & 0xf];
}

/* Which form a command has. */
enum form { FORM_TERMIOS, FORM_TERMIOS2, FORM_TERMIO };

static int get(struct tty *tty, const struct ioctl *c, enum form form)
{
    tty_lock(tty);
    struct abi_termios2 t = tty->termios;
    tty_unlock(tty);
    if (form == FORM_TERMIOS2)
        return copy_out_struct(c->mm, uptr(c->arg), &t);
    if (form == FORM_TERMIOS)
        return copy_out(c->mm, uptr(c->arg), &t, sizeof(struct abi_termios));
    struct abi_termio old = { .iflag = (uint16_t)t.iflag,
                              .oflag = (uint16_t)t.oflag,
                              .cflag = (uint16_t)t.cflag,
                              .lflag = (uint16_t)t.lflag,
                              .line = t.line };
    memcpy(old.cc, t.cc, sizeof old.cc);
    return copy_out_struct(c->mm, uptr(c->arg), &old);
}

static int read_form(struct tty *tty, const struct ioctl *c, enum form form, struct abi_termios2 *t)
{
    struct abi_termio old;

    tty_lock(tty);
    *t = tty->termios;
    tty_unlock(tty);
    if (form == FORM_TERMIOS2)
        return copy_in_struct(c->mm, t, uptr(c->arg));
    if (form == FORM_TERMIOS)
        return copy_in(c->mm, t, uptr(c->arg), sizeof(struct abi_termios));
    int err = copy_in_struct(c->mm, &old, uptr(c->arg));
    if (err)
        return err;
    t->iflag = (t->iflag & 0xffff0000) | old.iflag;
    t->oflag = (t->oflag & 0xffff0000) | old.oflag;
    t->cflag = (t->cflag & 0xffff0000) | old.cflag;
    t->lflag = (t->lflag & 0xffff0000) | old.lflag;
    t->line = old.line;
    memcpy(t->cc, old.cc, sizeof old.cc);
    return 0;
}

/* Output is with the far side as soon as it is written, so there is no wait for it to drain. */
static int set(struct tty *tty, const struct ioctl *c, enum form form, bool flush)
{
    struct abi_termios2 t;
    int err = tty_check(tty, c->who->task, SIGTTOU);

    if (!err)
        err = read_form(tty, c, form, &t);
    if (err)
        return err;
    t.ospeed = speed_of(t.cflag, t.ospeed);
    t.ispeed = (t.cflag & CIBAUD) ? speed_of(t.cflag >> IBSHIFT, t.ispeed) : t.ospeed;
    tty_lock(tty);
    if (flush)
        ldisc_flush_input_locked(tty);
    set_locked(tty, &t);
    tty_unlock(tty);
    return 0;
}

long termios_ioctl(struct tty *tty, const struct ioctl *c)
{
    switch (c->cmd) {
    case TCGETS:
        return get(tty, c, FORM_TERMIOS);
    case TCSETS:
    case TCSETSW:
        return set(tty, c, FORM_TERMIOS, false);
    case TCSETSF:
        return set(tty, c, FORM_TERMIOS, true);
    case TCGETS2:
        return get(tty, c, FORM_TERMIOS2);
    case TCSETS2:
    case TCSETSW2:
        return set(tty, c, FORM_TERMIOS2, false);
    case TCSETSF2:
        return set(tty, c, FORM_TERMIOS2, true);
    case TCGETA:
        return get(tty, c, FORM_TERMIO);
    case TCSETA:
    case TCSETAW:
        return set(tty, c, FORM_TERMIO, false);
    case TCSETAF:
        return set(tty, c, FORM_TERMIO, true);
    case TIOCGLCKTRMIOS:
    case TIOCSLCKTRMIOS:
        return -EINVAL;
    default:
        return -ENOIOCTL;
    }
}
