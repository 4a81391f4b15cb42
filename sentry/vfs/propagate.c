/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared subtrees: which mounts hear of what is mounted in others.
 *
 * Mounts of one peer group are a ring. A slave hears its master, and may be in a
 * group of its own, whose members all hear it too. When a master leaves its group
 * another peer takes its slaves over; the last one leaves them to its own master.
 *
 *   source    mount_namespaces(7)
 */
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

void mount_join_group_locked(struct vfs *v, struct mount *m, struct mount *of)
{
    if (!of->group)
        of->group = v->next_group++;
    m->group = of->group;
    list_insert_after(&of->peers, &m->peers);
}

/* Whoever heard `m` hears `heir` from now on, NULL: nobody. */
static void bequeath_slaves_locked(struct mount *m, struct mount *heir)
{
    struct mount *s;

    while ((s = list_pop_front(&m->slaves, struct mount, slave_node))) {
        s->master = heir;
        if (heir)
            list_push_back(&heir->slaves, &s->slave_node);
    }
}

/* Out of the ring; the slaves stay with the ring if there is still one. */
static struct mount *leave_ring_locked(struct mount *m)
{
    struct mount *peer =
        list_is_linked(&m->peers) ? list_entry(m->peers.next, struct mount, peers) : NULL;

    list_del(&m->peers);
    m->group = 0;
    return peer;
}

static void forget_master_locked(struct mount *m)
{
    list_del(&m->slave_node);
    m->master = NULL;
}

void mount_leave_group_locked(struct mount *m)
{
    struct mount *peer = leave_ring_locked(m);

    bequeath_slaves_locked(m, peer ? peer : m->master);
    forget_master_locked(m);
}

void mount_set_propagation_locked(struct vfs *v, struct mount *m, unsigned long type)
{
    struct mount *peer;

    switch (type) {
    case MS_SHARED:
        if (!m->group)
            m->group = v->next_group++;
        m->unbindable = false;
        return;
    case MS_SLAVE:
        if (!m->group)
            return;
        peer = leave_ring_locked(m);
        if (peer) {
            bequeath_slaves_locked(m, peer);
            forget_master_locked(m);
            m->master = peer;
            list_push_back(&peer->slaves, &m->slave_node);
        } /* alone in its group: its master, if any, stays; its slaves too */
        m->unbindable = false;
        return;
    default:
        mount_leave_group_locked(m);
        m->unbindable = type == MS_UNBINDABLE;
    }
}

/* The next peer, NULL where the ring is back at `start`. */
static struct mount *next_peer(struct mount *m, const struct mount *start)
{
    struct mount *p = list_entry(m->peers.next, struct mount, peers);

    return p == start ? NULL : p;
}

struct mount *mount_next_receiver_locked(struct mount *m, struct mount *origin)
{
    /* Down to the slaves of this one first, then along the ring, then up again. */
    if (!list_empty(&m->slaves))
        return list_first(&m->slaves, struct mount, slave_node);
    for (;;) {
        /* A member of the ring that came in as a slave: its ring is gone round from it. */
        const struct mount *start = m;
        if (m->group == origin->group) {
            start = origin;
        } else {
            for (struct mount *p = m; p;) {
                if (p->master) {
                    start = p;
                    break;
                }
                p = next_peer(p, m);
            }
        }
        struct mount *peer = list_is_linked(&m->peers) ? next_peer(m, start) : NULL;
        if (peer)
            return peer;
        if (m->group == origin->group)
            return NULL;
        m = (struct mount *)start; /* the ring is done: on with its entrance's siblings */
        struct mount *master = m->master;
        if (!master)
            return NULL;
        struct mount *sibling = list_next(&master->slaves, m, slave_node);
        if (sibling)
            return sibling;
        m = master;
        if (m == origin && !list_is_linked(&m->peers))
            return NULL;
    }
}
