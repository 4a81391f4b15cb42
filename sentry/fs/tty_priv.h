/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make up terminals share.
 *
 *     guest program                                              far side
 *     (near end)                                            (pty master, console)
 *       read  ←── read_buf ←── ldisc_in.c ←── raw ←──────────── tty_input()
 *       write ──→ ldisc_out.c ──→ out ────────────────────────→ tty_output…()
 *                      ↑ echo
 *
 * `read_buf` holds what has been edited; `raw` what the far side sent and there was no
 * room for; `out` what has not been taken by the far side; `held` echoes while output is
 * stopped. Each is bounded, and a full one makes the writer before it wait.
 *
 * Positions in `read_buf` count up for ever, and lie in it modulo READ_SIZE:
 *
 *     read_tail            canon_head            read_head      read_tail + READ_SIZE
 *         │    whole lines     │  edited still        │      free       │
 *
 * They are in this order whenever the lock is given up (ldisc_is_sound). A reader moves
 * read_tail: by lines up to canon_head, by bytes up to read_head, with canon_head. Input
 * moves read_head, and back while it edits, but not behind canon_head; the end of a line
 * moves canon_head up to it. A change of mode moves canon_head alone, to either end.
 *
 * Everything is under one lock. What must be done outside it (signals, wakes of the far
 * side) is noted in `todo` and done by tty_unlock().
 */
#pragma once

#include "sentry/core/slab.h"
#include "sentry/core/timer.h"
#include "sentry/fs/byteq.h"
#include "sentry/fs/tty.h"

#define READ_SIZE  4096u /* N_TTY_BUF_SIZE */
#define QUEUE_SIZE 8192u /* what may be on its way in either direction */
#define ECHO_SIZE  8192u /* echoes may go past that */

/* The far side. */
struct tty_ops {
    /* There is output, or news of packet mode. No lock is held. */
    void (*output)(struct tty *tty);
    /* There is room for input again. No lock is held. */
    void (*room)(struct tty *tty);
    /* Frees what embeds the tty; nobody has it any more. */
    void (*release)(struct tty *tty);
};

enum {
    TODO_READERS = 1, /* near ends may read */
    TODO_WRITERS = 2, /* near ends may write */
    TODO_OUTPUT = 4,  /* the far side has something to take */
    TODO_ROOM = 8,    /* the far side may send */
};

/* [I] never changes   [l] under lock */
struct tty {
    struct ctty ctty; /* of the task layer */
    struct ref ref;
    struct mutex lock;         /* RANK_TTY */
    const struct tty_ops *ops; /* [I] register it in the owner's slab_type */
    struct console *console;   /* [I] whose far end is the host's; NULL: it is a master */
    unsigned todo;             /* [l] TODO_*, for tty_unlock() */
    uint64_t signals;          /* [l] bits of signals to the foreground, for tty_unlock() */

    struct abi_termios2 termios; /* [l] */
    struct abi_winsize winsize;  /* [l] */
    bool exclusive;              /* [l] TIOCEXCL */
    bool locked;                 /* [l] TIOCSPTLCK: cannot be opened */
    bool hung_up;                /* [l] the far end is gone for good */
    bool stopped;                /* [l] output waits: ^S, TCOOFF */
    uint32_t opens;              /* [l] near ends */
    bool closed;                 /* [l] the last near end was closed, and none opened since */
    struct list ends;            /* [l] of struct tty_end */

    bool packet;     /* [l] TIOCPKT: the master is told of what happens */
    uint8_t pktnews; /* [l] TIOCPKT_* */

    /* The line discipline, all [l]. */
    uint8_t *read_buf;                  /* READ_SIZE bytes */
    uint64_t line_ends[READ_SIZE / 64]; /* bits: a line ends with this byte */
    uint32_t read_head;                 /* where the next byte goes */
    uint32_t canon_head;                /* up to here there are whole lines */
    uint32_t read_tail;                 /* where the next read begins */
    bool lnext;                         /* ^V: the next byte means itself */
    bool erasing;                       /* ECHOPRT: between \ and / */
    bool push;                          /* what was there when ICANON was set is a line */
    uint32_t column, canon_column;      /* of the cursor; where the line being edited began */
    nsec_t input_at;                    /* when the last byte came: VTIME */
    struct byteq raw, out, held;
};

/* One open near end. */
struct tty_end {
    struct file file;
    struct tty *tty;    /* [I] a reference */
    struct list node;   /* [tty] in tty.ends */
    bool hung_up;       /* [tty] by TIOCVHANGUP: reads as ended, cannot be written */
    struct timer timer; /* wakes a reader whose VTIME has passed */
};

/* Fills what embeds a tty. The reference is the caller's. Errors: ENOMEM. */
must_use int tty_init(struct tty *tty, struct arena *a, const struct tty_ops *ops, uint64_t rdev);
void tty_destroy(struct tty *tty);

void tty_lock(struct tty *tty) ACQUIRES(tty->lock);
/* Gives the lock up, then does what was noted meanwhile. */
void tty_unlock(struct tty *tty) RELEASES(tty->lock);

/* The far end is gone for good: readers see the end, the session hears SIGHUP. */
void tty_hang_up(struct tty *tty);
/* The same for all who have it open, as TIOCVHANGUP; whoever opens it next finds it as new. */
void tty_hang_up_ends(struct tty *tty);
/* Has one of these happened to this near end? */
bool tty_end_is_hung_up(struct file *f);

static inline struct tty *tty_of_ctty(struct ctty *c)
{
    return container_of(c, struct tty, ctty);
}

/* May `t` (NULL: the sentry may all) use the terminal now? As ctty_hooks.check. */
must_use int tty_check(struct tty *tty, struct task *t, int sig);

/* ---- the far side's half: tty.c ---- */

/* Takes input up to what there is room for. Returns bytes, or -EAGAIN, or the fault of `io`. */
must_use ssize_t tty_input_locked(struct tty *tty, struct io *io) HOLDS(tty->lock);

/* ---- ioctls: tty_ioctl.c, termios.c ---- */

/* Those that both ends of a pty know. `master`: asked through the far end. */
must_use long tty_ioctl_both(struct tty *tty, struct file *f, const struct ioctl *c, bool master);
long tty_ioctl(struct file *f, const struct ioctl *c);
/* TCGETS and its kin. -ENOIOCTL where it is none of them. */
#define ENOIOCTL 515
must_use long termios_ioctl(struct tty *tty, const struct ioctl *c);
void termios_init(struct abi_termios2 *t);

/* ---- the line discipline: ldisc_in.c, ldisc_out.c, ldisc_read.c ---- */

/* Flags as they are now. */
static inline bool tty_iflag(const struct tty *tty, uint32_t f)
{
    return tty->termios.iflag & f;
}
static inline bool tty_oflag(const struct tty *tty, uint32_t f)
{
    return tty->termios.oflag & f;
}
static inline bool tty_lflag(const struct tty *tty, uint32_t f)
{
    return tty->termios.lflag & f;
}
/* Do readers get lines? Under EXTPROC somebody at the far side edits them: bytes, as they come. */
static inline bool tty_is_canonical(const struct tty *tty)
{
    return (tty->termios.lflag & (0x2 /* ICANON */ | 0x10000 /* EXTPROC */)) == 0x2;
}
/* Is `c` that special character? '\0' is none. */
static inline bool tty_is_cc(const struct tty *tty, uint8_t c, int which)
{
    return c != 0 && c == tty->termios.cc[which];
}

/* Edits what is in `raw` for as long as there is room in `read_buf`. */
void ldisc_receive_locked(struct tty *tty) HOLDS(tty->lock);
/* Forgets what has not been read. */
void ldisc_flush_input_locked(struct tty *tty) HOLDS(tty->lock);
/* ICANON or EXTPROC has changed. */
void ldisc_mode_changed_locked(struct tty *tty) HOLDS(tty->lock);

/* Sends bytes of `io` through output processing. Returns bytes, or -EAGAIN, -EFAULT. */
must_use ssize_t ldisc_write_locked(struct tty *tty, struct io *io) HOLDS(tty->lock);
/* One byte as the program writes it; the column is kept. */
void ldisc_output_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
/* The same as it is. */
void ldisc_output_raw_locked(struct tty *tty, uint8_t c) HOLDS(tty->lock);
void ldisc_stop_locked(struct tty *tty) HOLDS(tty->lock);
void ldisc_start_locked(struct tty *tty) HOLDS(tty->lock);
void ldisc_flush_output_locked(struct tty *tty) HOLDS(tty->lock);
/* May a writer go on? */
bool ldisc_can_write_locked(struct tty *tty) HOLDS(tty->lock);

/*
 * A read by the rules of ICANON, or of VMIN and VTIME.
 *
 *   wake_at   set where -EAGAIN is not to last for ever: CLOCK_MONOTONIC
 *   returns   bytes; 0 at an end of file; -EAGAIN; -EFAULT
 */
must_use ssize_t ldisc_read_locked(struct tty *tty, struct io *io, bool nonblock, nsec_t *wake_at)
    HOLDS(tty->lock);
bool ldisc_can_read_locked(struct tty *tty) HOLDS(tty->lock);
/* FIONREAD. */
uint32_t ldisc_unread_locked(struct tty *tty) HOLDS(tty->lock);

/* For assertions: the order of the positions. */
static inline bool ldisc_is_sound(const struct tty *tty)
{
    uint32_t lines = tty->canon_head - tty->read_tail, all = tty->read_head - tty->read_tail;

    return lines <= all && all <= READ_SIZE;
}

static inline uint8_t ldisc_at(const struct tty *tty, uint32_t pos)
{
    return tty->read_buf[pos % READ_SIZE];
}
static inline bool ldisc_is_continuation(const struct tty *tty, uint8_t c)
{
    return (tty->termios.iflag & 0x4000 /* IUTF8 */) && (c & 0xc0) == 0x80;
}
