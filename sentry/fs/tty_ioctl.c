/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked of a terminal, beside its settings.
 *
 *   source    ioctl_tty(2)
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <signal.h>

#include "sentry/fs/tty_priv.h"

#define CAP_SYS_ADMIN 21

static int put_int(const struct ioctl *c, int n)
{
    return copy_out_struct(c->mm, uptr(c->arg), &n);
}

static int check(struct tty *tty, const struct ioctl *c)
{
    return tty_check(tty, c->who->task, SIGTTOU);
}

/* ---- queues ---- */

static long flush(struct tty *tty, const struct ioctl *c)
{
    int err = check(tty, c);

    if (err)
        return err;
    if (c->arg > TCIOFLUSH)
        return -EINVAL;
    tty_lock(tty);
    if (c->arg != TCOFLUSH)
        ldisc_flush_input_locked(tty);
    if (c->arg != TCIFLUSH)
        ldisc_flush_output_locked(tty);
    tty_unlock(tty);
    return 0;
}

/* A special character to the far side, at once. */
static void send_cc_locked(struct tty *tty, int which) HOLDS(tty->lock);
static void send_cc_locked(struct tty *tty, int which)
{
    if (tty->termios.cc[which])
        ldisc_output_raw_locked(tty, tty->termios.cc[which]);
}

static long flow(struct tty *tty, const struct ioctl *c)
{
    int err = check(tty, c);

    if (err)
        return err;
    if (c->arg > TCION)
        return -EINVAL;
    tty_lock(tty);
    switch (c->arg) {
    case TCOOFF:
        ldisc_stop_locked(tty);
        break;
    case TCOON:
        ldisc_start_locked(tty);
        break;
    case TCIOFF:
        send_cc_locked(tty, VSTOP);
        break;
    case TCION:
        send_cc_locked(tty, VSTART);
        break;
    }
    tty_unlock(tty);
    return 0;
}

static long unread(struct tty *tty, const struct ioctl *c)
{
    tty_lock(tty);
    uint32_t n = ldisc_unread_locked(tty);
    tty_unlock(tty);
    return put_int(c, (int)n);
}

/* ---- the rest ---- */

static long get_size(struct tty *tty, const struct ioctl *c)
{
    tty_lock(tty);
    struct abi_winsize size = tty->winsize;
    tty_unlock(tty);
    return copy_out_struct(c->mm, uptr(c->arg), &size);
}

static long set_size(struct tty *tty, const struct ioctl *c)
{
    struct abi_winsize size;
    int err = copy_in_struct(c->mm, &size, uptr(c->arg));

    if (!err)
        tty_resize(tty, &size);
    return err;
}

static void set_exclusive(struct tty *tty, bool on)
{
    tty_lock(tty);
    tty->exclusive = on;
    tty_unlock(tty);
}

static long get_exclusive(struct tty *tty, const struct ioctl *c)
{
    tty_lock(tty);
    bool on = tty->exclusive;
    tty_unlock(tty);
    return put_int(c, on);
}

/* TIOCGDEV: as new_encode_dev() packs it. */
static long get_dev(struct tty *tty, const struct ioctl *c)
{
    return put_int(c, (int)tty->ctty.rdev);
}

static long set_discipline(const struct ioctl *c)
{
    int nr, err = copy_in_struct(c->mm, &nr, uptr(c->arg));

    return err ? err : nr == 0 ? 0 : -EINVAL;
}

static long misc_ioctl(struct tty *tty, const struct ioctl *c)
{
    switch (c->cmd) {
    case TIOCGWINSZ:
        return get_size(tty, c);
    case TIOCSWINSZ:
        return set_size(tty, c);
    case TIOCEXCL:
        set_exclusive(tty, true);
        return 0;
    case TIOCNXCL:
        set_exclusive(tty, false);
        return 0;
    case TIOCGEXCL:
        return get_exclusive(tty, c);
    case TIOCGETD:
        return put_int(c, 0);
    case TIOCSETD:
        return set_discipline(c);
    case TIOCGDEV:
        return get_dev(tty, c);
    case TIOCOUTQ:
        return put_int(c, 0);
    case TIOCSTI: /* dev.tty.legacy_tiocsti is 0 */
        return -EIO;
    case TCSBRK:
    case TCSBRKP:
        return check(tty, c);
    case TIOCSBRK:
    case TIOCCBRK:
        return 0;
    case TIOCVHANGUP:
        if (!cred_root_capable(c->who->cred, CAP_SYS_ADMIN))
            return -EPERM;
        tty_hang_up_ends(tty);
        return 0;
    default:
        return -ENOTTY;
    }
}

long tty_ioctl_both(struct tty *tty, struct file *f, const struct ioctl *c, bool master)
{
    long r = termios_ioctl(tty, c);

    if (r != -ENOIOCTL)
        return r;
    switch (c->cmd) {
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID:
        return ctty_hooks(tty->ctty.arena)->ioctl(&tty->ctty, f, master, c);
    default:
        return misc_ioctl(tty, c);
    }
}

long tty_ioctl(struct file *f, const struct ioctl *c)
{
    struct tty *tty = tty_of_file(f);

    if (tty_end_is_hung_up(f))
        return c->cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (c->cmd) {
    case TCFLSH:
        return flush(tty, c);
    case TCXONC:
        return flow(tty, c);
    case FIONREAD:
        return unread(tty, c);
    default:
        return tty_ioctl_both(tty, f, c, false);
    }
}
