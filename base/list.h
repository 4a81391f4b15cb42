/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Circular, doubly linked lists whose nodes live inside what they link.
 *
 * A head and a node are the same struct. A node that is on no list points at
 * itself, so each node must be initialized once, with list_init().
 */
#pragma once

#include "base/cc.h"
#include "base/macro.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* Whether `node` is on some list. */
static inline bool list_is_linked(const struct list *node)
{
    return node->next != node;
}

/* Puts `node`, which is on no list, between two neighbours. */
static inline void list_link(struct list *node, struct list *prev, struct list *next)
{
    assert_slow(!list_is_linked(node));
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_link(node, head, head->next);
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_link(node, head->prev, head);
}

/* Puts `node` just before, or just after, `at`, which is on a list or is its head. */
static inline void list_insert_before(struct list *at, struct list *node)
{
    list_link(node, at->prev, at);
}

static inline void list_insert_after(struct list *at, struct list *node)
{
    list_link(node, at, at->next);
}

/* Takes `node` off its list, if it is on one. */
static inline void list_del(struct list *node)
{
    assert_slow(node->next->prev == node && node->prev->next == node);
    node->next->prev = node->prev;
    node->prev->next = node->next;
    list_init(node);
}

/* Moves all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* Takes off the first node. NULL where there is none. */
static inline struct list *list_pop_front_node(struct list *head)
{
    struct list *node = head->next;

    if (node == head)
        return NULL;
    list_del(node);
    return node;
}

static inline size_t list_len(const struct list *head)
{
    size_t n = 0;

    for (const struct list *l = head->next; l != head; l = l->next)
        n++;
    return n;
}

#define list_entry(node, type, member) container_of(node, type, member)

/* A `type *`, or NULL where `node` is the head. */
#define list_entry_or_null(head, node, type, member)                      \
    ({                                                                    \
        struct list *node_ = (node);                                      \
        node_ == (head) ? (type *)NULL : list_entry(node_, type, member); \
    })
#define list_first(head, type, member) list_entry_or_null(head, (head)->next, type, member)
#define list_last(head, type, member)  list_entry_or_null(head, (head)->prev, type, member)

/* The neighbours of `pos`, or NULL at the ends. */
#define list_next(head, pos, member) \
    list_entry_or_null(head, (pos)->member.next, __typeof__(*(pos)), member)
#define list_prev(head, pos, member) \
    list_entry_or_null(head, (pos)->member.prev, __typeof__(*(pos)), member)

/* Takes the first off and gives it as a `type *`, or NULL. */
#define list_pop_front(head, type, member)                          \
    ({                                                              \
        struct list *popped_ = list_pop_front_node(head);           \
        popped_ ? list_entry(popped_, type, member) : (type *)NULL; \
    })

/*
 * Goes over a list, in order. `pos` is the caller's variable, a pointer to what
 * holds the nodes; after the last turn it stays at the last. In the _safe one the
 * body may take `pos` off the list and destroy it; `tmp` is a `struct list *`.
 */
#define list_for_each(pos, head, member) list_for_each_(pos, head, member, CAT(list_at_, __LINE__))
#define list_for_each_(pos, head, member, at)                                        \
    for (struct list *at = (head)->next;                                             \
         at != (head) && ((pos) = list_entry(at, __typeof__(*(pos)), member), true); \
         at = at->next)

#define list_for_each_safe(pos, tmp, head, member) \
    list_for_each_safe_(pos, tmp, head, member, CAT(list_at_, __LINE__))
#define list_for_each_safe_(pos, tmp, head, member, at)                                \
    for (struct list *at = (head)->next;                                               \
         at != (head) &&                                                               \
         ((tmp) = at->next, (pos) = list_entry(at, __typeof__(*(pos)), member), true); \
         at = (tmp))
