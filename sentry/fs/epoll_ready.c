/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which items of an epoll may be ready.
 *
 * A wake of a file puts its item on the list, with no look at the file. Whoever collects
 * takes items off, asks each file what is true now, and reports that; a level-triggered
 * item that was ready goes back to the end of the list. So a wait costs what is ready,
 * and an item that has ceased to be ready costs one look.
 */
#include "sentry/fs/epoll_priv.h"

#define BATCH 32 /* events that go to the guest in one copy */

/* Returns whether it was not there yet. */
static bool enlist(struct epoll_item *i)
{
    struct epoll *ep = i->epoll;

    mutex_lock(&ep->ready_lock);
    bool is_new = !list_is_linked(&i->ready_node);
    if (is_new) {
        list_push_back(&ep->ready, &i->ready_node);
        ep->ready_count++;
    }
    mutex_unlock(&ep->ready_lock);
    return is_new;
}

void item_make_ready(struct epoll_item *i)
{
    enlist(i);
    waitq_wake_one_nested(&i->epoll->file.waitq, POLLIN | POLLRDNORM);
}

void item_forget_ready(struct epoll_item *i)
{
    struct epoll *ep = i->epoll;

    mutex_lock(&ep->ready_lock);
    if (list_is_linked(&i->ready_node)) {
        list_del(&i->ready_node);
        ep->ready_count--;
    }
    mutex_unlock(&ep->ready_lock);
}

static struct epoll_item *pop(struct epoll *ep)
{
    mutex_lock(&ep->ready_lock);
    struct epoll_item *i = list_pop_front(&ep->ready, struct epoll_item, ready_node);
    if (i)
        ep->ready_count--;
    mutex_unlock(&ep->ready_lock);
    return i;
}

static uint32_t count_ready(struct epoll *ep)
{
    mutex_lock(&ep->ready_lock);
    uint32_t n = ep->ready_count;
    mutex_unlock(&ep->ready_lock);
    return n;
}

static void item_wake(struct waiter *w, unsigned bits)
{
    struct epoll_item *i = container_of(w, struct epoll_item, waiter);
    uint32_t wanted = atomic_load(&i->events) & ~HOW_BITS;

    if (wanted && (bits == 0 || bits & wanted))
        item_make_ready(i);
}

const struct waiter_ops epoll_waiter_ops = { .wake = item_wake };

uint32_t item_poll_locked(struct epoll *ep, struct epoll_item *i, struct task *t)
{
    (void)ep;
    return file_poll_for(i->file, t) & item_events(i) & ~HOW_BITS;
}

/* Looks through what may be ready until one is, which stays where it is. */
static bool any_ready_locked(struct epoll *ep) HOLDS(ep->lock);
static bool any_ready_locked(struct epoll *ep)
{
    for (uint32_t n = count_ready(ep); n > 0; n--) {
        struct epoll_item *i = pop(ep);
        if (!i)
            break;
        if (item_poll_locked(ep, i, NULL)) {
            enlist(i);
            return true;
        }
    }
    return false;
}

unsigned epoll_poll(struct file *f)
{
    struct epoll *ep = epoll_of(f);

    if (count_ready(ep) == 0)
        return 0;
    mutex_lock_nested(&ep->lock);
    bool ready = any_ready_locked(ep);
    mutex_unlock(&ep->lock);
    return ready ? POLLIN | POLLRDNORM : 0;
}

/* Events on their way out, and whose they are. */
struct batch {
    struct epoll_event events[BATCH];
    struct epoll_item *items[BATCH];
    int count;
};

/* Fills a batch from at most *budget items, with what they have for `t`. */
static void fill_locked(struct epoll *ep, struct task *t, struct batch *b, int max,
                        uint32_t *budget) HOLDS(ep->lock);
static void fill_locked(struct epoll *ep, struct task *t, struct batch *b, int max,
                        uint32_t *budget)
{
    b->count = 0;
    for (; b->count < BATCH && b->count<max && * budget> 0; --*budget) {
        struct epoll_item *i = pop(ep);
        if (!i)
            break;
        uint32_t ready = item_poll_locked(ep, i, t);
        if (!ready)
            continue;
        b->items[b->count] = i;
        b->events[b->count++] = (struct epoll_event){ .events = ready, .data.u64 = i->data };
    }
}

static void reported_locked(struct epoll *ep, struct epoll_item *i) HOLDS(ep->lock);
static void reported_locked(struct epoll *ep, struct epoll_item *i)
{
    (void)ep;
    uint32_t events = item_events(i);

    if (events & EPOLLONESHOT)
        atomic_store(&i->events, events & HOW_BITS);
    else if (!(events & EPOLLET))
        enlist(i);
}

/* Returns how many went over, or -EFAULT. */
static int flush_locked(struct epoll *ep, struct batch *b, struct io *io) HOLDS(ep->lock);
static int flush_locked(struct epoll *ep, struct batch *b, struct io *io)
{
    ssize_t size = io_put(io, b->events, (size_t)b->count * sizeof b->events[0]);
    int went = size < 0 ? 0 : (int)((size_t)size / sizeof b->events[0]);

    for (int k = 0; k < went; k++)
        reported_locked(ep, b->items[k]);
    for (int k = went; k < b->count; k++)
        enlist(b->items[k]);
    return went < b->count && went == 0 ? -EFAULT : went;
}

static long collect_locked(struct epoll *ep, struct io *io, int max) HOLDS(ep->lock);
static long collect_locked(struct epoll *ep, struct io *io, int max)
{
    /* Items that go back to the list are not met again in this round. */
    uint32_t budget = count_ready(ep);
    long done = 0;
    struct batch b;

    while (done < max && budget > 0) {
        fill_locked(ep, io->task, &b, (int)(max - done), &budget);
        if (b.count == 0)
            break;
        int went = flush_locked(ep, &b, io);
        if (went < 0)
            return done ? done : went;
        done += went;
        if (went < b.count)
            break;
    }
    return done ? done : -EAGAIN;
}

long epoll_collect(struct file *f, struct io *io, int max)
{
    struct epoll *ep = epoll_of(f);

    if (count_ready(ep) == 0)
        return -EAGAIN;
    mutex_lock(&ep->lock);
    long n = collect_locked(ep, io, max);
    mutex_unlock(&ep->lock);
    /* Each wake wakes one waiter: what this one left, or could not take, is for the next. */
    if (n != -EAGAIN && count_ready(ep) > 0)
        waitq_wake_one(&f->waitq, POLLIN | POLLRDNORM);
    return n;
}
