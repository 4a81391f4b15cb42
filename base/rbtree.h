/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Red-black trees whose nodes live inside what they order.
 *
 * rb_insert() and rb_first()/rb_next() are enough for most. A tree with a
 * descent of its own (a search by address; a lookup that inserts where it
 * misses) walks `left` and `right` itself, then calls rb_link() and rb_fixup().
 * The owner's lock guards all of it.
 */
#pragma once

#include "base/cc.h"

struct rb_node {
    uintptr_t parent_color; /* the parent's address, and RB_RED in its lowest bit */
    struct rb_node *left, *right;
};

struct rb_root {
    struct rb_node *node;
};

#define RB_ROOT_INIT \
    {                \
        NULL         \
    }

#define rb_entry(node, type, member) container_of(node, type, member)

/* A `type *`, or NULL for NULL. */
#define rb_entry_or_null(node, type, member)                  \
    ({                                                        \
        struct rb_node *node_ = (node);                       \
        node_ ? rb_entry(node_, type, member) : (type *)NULL; \
    })

typedef bool rb_less(const struct rb_node *a, const struct rb_node *b);

static inline bool rb_empty(const struct rb_root *root)
{
    return !root->node;
}

/* Puts `node` in, behind those that are equal to it. */
void rb_insert(struct rb_root *root, struct rb_node *node, rb_less *less);

/*
 * Puts `node` into an empty place that a descent has found; rb_fixup() must follow.
 *
 *   parent    NULL where the tree is empty
 *   slot      &parent->left, &parent->right or &root->node
 */
void rb_link(struct rb_node *node, struct rb_node *parent, struct rb_node **slot);
void rb_fixup(struct rb_root *root, struct rb_node *node);

/* Takes out `node`, which is in this tree. */
void rb_erase(struct rb_root *root, struct rb_node *node);

/* Puts `node` in the place of `old`. Their order must be the same. */
void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *node);

/* The ends and the neighbours, or NULL. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

/*
 * Whether all is as it must be: links agree, the root is black, no red node has a
 * red child, every path has as many black nodes, and, with `less`, the order holds.
 */
must_use bool rb_check(const struct rb_root *root, rb_less *less);

#define rb_for_each(node, root) for ((node) = rb_first(root); (node); (node) = rb_next(node))
