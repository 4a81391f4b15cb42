/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the vDSO's numbers are made.
 *
 * A sample is one reading of the processor's counter and of the host's
 * CLOCK_MONOTONIC. Two samples give the pace; the latest gives the time. The
 * vDSO extends that straight line until `horizon` has gone by, then it asks, and
 * a new line is made from a new sample.
 *
 * Three units meet here: counts of the processor's counter (tick, ticks, valid),
 * nanoseconds (nsec_t: monotonic, span, horizon, error), and fractions (vvar_frac),
 * by which the one becomes the other: a pace is nanoseconds in a tick.
 *
 *     horizon   At first twice as long as we have measured so far: an error of the
 *               pace has grown no larger by then than the error of a sample (some
 *               ten nanoseconds). Then it doubles while the line, when it is
 *               replaced, was off by less than ERROR_MAX, and halves where it was
 *               off by more: a host that slews its clock is followed closely.
 *     no way    A new line starts at or above the end of the old one. Where the old
 *     back      one was ahead of the host, the new one is a little slower and meets
 *               the host's time at its horizon. The sample is taken while `seq` is
 *               odd, so no reader has used the old line beyond it.
 *     realtime  Its distance from monotonic changes only when somebody sets the
 *               clock; less than STEP_MIN is the noise of reading two clocks.
 */
#include "sentry/load/vdso_priv.h"

#define HORIZON_MAX  (2 * NSEC_PER_SEC)
#define HORIZON_MIN  NSEC_PER_MSEC
#define AGE_MAX      NSEC_PER_SEC       /* whoever calls us renews what is older */
#define MEASURE_MIN  (NSEC_PER_SEC / 2) /* a pace measured for so long is good */
#define ERROR_MAX    ((nsec_t)250)
#define STEP_MIN     NSEC_PER_USEC
#define SAMPLE_TRIES 5

static nsec_t host_now(struct arena *a, enum clock_id id)
{
    return clock_now(arena_host(a, HOST_CLOCK), id);
}

/* The best of a few: the one whose two readings of the counter are nearest. */
static void sample(struct arena *a, struct vdso_sample *out)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < SAMPLE_TRIES; i++) {
        uint64_t before = vvar_ticks();
        nsec_t now = host_now(a, CLOCK_ID_MONOTONIC);
        uint64_t took = vvar_ticks() - before;
        if (took < best) {
            best = took;
            *out = (struct vdso_sample){ before + took / 2, now };
        }
    }
}

static nsec_t offset_of(struct arena *a, enum clock_id id, nsec_t old)
{
    nsec_t before = host_now(a, CLOCK_ID_MONOTONIC), then = host_now(a, id);
    nsec_t off = then - (before + (host_now(a, CLOCK_ID_MONOTONIC) - before) / 2);

    return off - old < STEP_MIN && old - off < STEP_MIN ? old : off;
}

/* What the line that is in use says at `tick`, or said at its end: 0 where there is none. */
static nsec_t line_at(const struct vvar *p, uint64_t tick)
{
    return p->valid ? p->monotonic + vvar_span(min(tick - p->tick, p->valid), p->pace) : 0;
}

/* How far the line, gone on with, is off; 0 where it is too old to tell. */
static nsec_t error_at(const struct vvar *p, const struct vdso_sample *s)
{
    uint64_t ticks = s->tick - p->tick;

    return ticks < 2 * p->valid ? p->monotonic + vvar_span(ticks, p->pace) - s->monotonic : 0;
}

/* What `part` is of `whole`: of ticks it is a pace, of nanoseconds a share. */
static vvar_frac frac_of(nsec_t part, uint64_t whole)
{
    return (vvar_frac)(((unsigned __int128)(uint64_t)part << VVAR_FRAC_SHIFT) / whole);
}

/* The ticks that go by in `horizon`. */
static uint64_t valid_of(nsec_t horizon, vvar_frac pace)
{
    return (uint64_t)(((unsigned __int128)(uint64_t)horizon << VVAR_FRAC_SHIFT) / pace);
}

/* How long the next line may be believed, whose pace was measured for `span`. */
static nsec_t next_horizon(const struct vdso *v, nsec_t span, nsec_t error) HOLDS(v->lock);
static nsec_t next_horizon(const struct vdso *v, nsec_t span, nsec_t error)
{
    bool was_good = error < ERROR_MAX && error > -ERROR_MAX;
    nsec_t next = !v->settled ? 2 * span : was_good ? v->horizon * 2 : v->horizon / 2;

    return min(max(next, HORIZON_MIN), HORIZON_MAX);
}

/* Learns from a sample how fast the counter runs, and how long that may be believed. */
static void learn(struct vdso *v, const struct vdso_sample *s, nsec_t error) HOLDS(v->lock);
static void learn(struct vdso *v, const struct vdso_sample *s, nsec_t error)
{
    nsec_t span = s->monotonic - v->from.monotonic;
    uint64_t ticks = s->tick - v->from.tick;
    bool long_enough = span >= MEASURE_MIN;

    if (span <= 0 || s->tick <= v->from.tick) {
        v->measuring = v->settled = false; /* the counter or the clock was set: begin anew */
        v->pace = 0;
        return;
    }
    v->horizon = next_horizon(v, span, error);
    if (!v->settled || long_enough)
        v->pace = frac_of(span, ticks);
    if (long_enough) {
        v->settled = true;
        v->from = *s;
    }
}

/*
 * The line that begins at the sample `s`, never below `at_least`, where the old one has come to.
 *
 *     old line   ___---o-__          o  at_least: by `ahead` above the host's time
 *                      :   --__      s  the sample
 *     host's     ___---s------+--    +  they meet, `horizon` later: the new line has left out
 *                                       `slower` of each nanosecond, at most a half
 */
static void draw(struct vdso *v, struct vvar *p, const struct vdso_sample *s, nsec_t at_least)
    HOLDS(v->lock);
static void draw(struct vdso *v, struct vvar *p, const struct vdso_sample *s, nsec_t at_least)
{
    nsec_t ahead = max(at_least - s->monotonic, (nsec_t)0);
    vvar_frac slower = frac_of(min(ahead, v->horizon / 2), (uint64_t)v->horizon);

    p->tick = s->tick;
    p->pace = v->pace - vvar_part(v->pace, slower);
    p->monotonic = s->monotonic + ahead;
    p->realtime = p->monotonic + v->real_off;
    p->boottime = p->monotonic + v->boot_off;
    p->valid = valid_of(v->horizon, v->pace);
}

static void renew_locked(struct arena *a, struct vdso *v, struct vvar *p) HOLDS(v->lock);
static void renew_locked(struct arena *a, struct vdso *v, struct vvar *p)
{
    uint32_t seq = atomic_load_explicit(&p->seq, memory_order_relaxed);
    struct vdso_sample s;

    atomic_store_explicit(&p->seq, seq + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    sample(a, &s);
    nsec_t line = line_at(p, s.tick);
    v->real_off = offset_of(a, CLOCK_ID_REALTIME, v->real_off);
    v->boot_off = offset_of(a, CLOCK_ID_BOOTTIME, v->boot_off);
    if (v->measuring)
        learn(v, &s, error_at(p, &s));
    if (v->measuring && v->pace) {
        draw(v, p, &s, line);
    } else {
        p->valid = 0;
        v->from = s;
        v->measuring = true;
    }
    atomic_store_explicit(&p->seq, seq + 2, memory_order_release);
}

static nsec_t place(const struct vvar *p, enum clock_id id)
{
    return id == CLOCK_ID_REALTIME   ? p->realtime
           : id == CLOCK_ID_BOOTTIME ? p->boottime
                                     : p->monotonic;
}

/* Are the numbers young enough for one who can renew them? */
static bool is_young(const struct vvar *p, uint64_t ticks)
{
    return ticks < p->valid && vvar_span(ticks, p->pace) < AGE_MAX;
}

nsec_t vdso_now(struct arena *a, enum clock_id id)
{
    struct vdso *v = vdso_of(a);

    if (!v || !v->tsc)
        return host_now(a, id);
    struct vvar *p = vdso_vvar(a, v);
    mutex_lock(&v->lock);
    uint64_t ticks = vvar_ticks() - p->tick;
    if (!is_young(p, ticks)) {
        renew_locked(a, v, p);
        ticks = vvar_ticks() - p->tick;
    }
    /* Also where renewing took so long that the new line is over already. */
    nsec_t now = ticks < p->valid ? place(p, id) + vvar_span(ticks, p->pace) : host_now(a, id);
    mutex_unlock(&v->lock);
    return now;
}

void vdso_reset(struct arena *a)
{
    struct vdso *v = vdso_of(a);

    if (!v)
        return;
    struct vvar *p = vdso_vvar(a, v);
    mutex_lock(&v->lock);
    v->measuring = v->settled = false;
    v->pace = 0;
    atomic_fetch_or_explicit(&p->seq, 1, memory_order_seq_cst);
    p->valid = 0;
    atomic_fetch_add_explicit(&p->seq, 1, memory_order_release);
    mutex_unlock(&v->lock);
}
