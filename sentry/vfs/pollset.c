/* SPDX-License-Identifier: Apache-2.0 */
/* Many files, one wait. Nothing here is in the arena: a set lives for one call. */
#include "sentry/vfs/pollset.h"

static void entry_wake(struct waiter *w, unsigned bits)
{
    struct poll_entry *e = container_of(w, struct poll_entry, waiter);

    if (bits == 0 || bits & e->events)
        waitq_wake_nested(&e->set->waitq, bits);
}

static const struct waiter_ops entry_waiter_ops = { .wake = entry_wake };

void pollset_init(struct pollset *s, struct task *t, struct poll_entry *entries, size_t count)
{
    *s = (struct pollset){ .task = t, .entries = entries, .count = count };
    waitq_init(&s->waitq);
}

static void join(struct pollset *s, struct poll_entry *e)
{
    e->set = s;
    e->waiter = (struct waiter){ .ops = &entry_waiter_ops };
    waitq_add(file_waitq_for(e->file, s->task), &e->waiter);
    e->joined = true;
}

long pollset_check(struct pollset *s)
{
    long ready = 0;
    bool wait = s->checks++ > 0;

    for (size_t i = 0; i < s->count; i++) {
        struct poll_entry *e = &s->entries[i];
        if (!e->file)
            continue;
        /* Join first, then look: a change in between is not lost. Once one is ready, nobody waits.
         */
        if (wait && ready == 0 && !e->joined)
            join(s, e);
        e->ready = (uint16_t)(file_poll_for(e->file, s->task) & e->events);
        ready += e->ready != 0;
    }
    return ready ? ready : -EAGAIN;
}

void pollset_destroy(struct pollset *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct poll_entry *e = &s->entries[i];
        if (e->joined)
            waitq_del(file_waitq_for(e->file, s->task), &e->waiter);
        file_put(e->file);
    }
    waitq_destroy(&s->waitq);
}
