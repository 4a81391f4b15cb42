/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Red-black trees after Cormen et al., "Introduction to Algorithms", chapter 13,
 * with NULL for the leaves, which count as black.
 */
#include "base/rbtree.h"

#define RB_RED ((uintptr_t)1)

static struct rb_node *parent_of(const struct rb_node *n)
{
    return (struct rb_node *)(n->parent_color & ~RB_RED);
}

static bool is_red(const struct rb_node *n)
{
    return n && (n->parent_color & RB_RED);
}

static void set_parent(struct rb_node *n, struct rb_node *parent)
{
    n->parent_color = (uintptr_t)parent | (n->parent_color & RB_RED);
}

static void set_red(struct rb_node *n, bool red)
{
    n->parent_color = (n->parent_color & ~RB_RED) | (red ? RB_RED : 0);
}

/* The pointer that leads to `n`. */
static struct rb_node **slot_of(struct rb_root *root, const struct rb_node *n)
{
    struct rb_node *p = parent_of(n);

    return !p ? &root->node : p->left == n ? &p->left : &p->right;
}

/*
 *      n              r
 *     / \    left    / \
 *    a   r   --->   n   c      (and the mirror image)
 *       / \        / \
 *      b   c      a   b
 */
static void rotate(struct rb_root *root, struct rb_node *n, bool left)
{
    struct rb_node **slot = slot_of(root, n);
    struct rb_node *r = left ? n->right : n->left;
    struct rb_node *b = left ? r->left : r->right;

    *slot = r;
    set_parent(r, parent_of(n));
    *(left ? &n->right : &n->left) = b;
    if (b)
        set_parent(b, n);
    *(left ? &r->left : &r->right) = n;
    set_parent(n, r);
}

void rb_link(struct rb_node *node, struct rb_node *parent, struct rb_node **slot)
{
    assert_slow(!*slot);
    node->parent_color = (uintptr_t)parent | RB_RED;
    node->left = node->right = NULL;
    *slot = node;
}

void rb_fixup(struct rb_root *root, struct rb_node *n)
{
    struct rb_node *p;

    /* Only n and its parent can both be red; each turn moves that up or ends it. */
    while (is_red(p = parent_of(n))) {
        struct rb_node *g = parent_of(p); /* a red node is not the root */
        bool left = p == g->left;
        struct rb_node *uncle = left ? g->right : g->left;

        if (is_red(uncle)) {
            set_red(p, false);
            set_red(uncle, false);
            set_red(g, true);
            n = g;
            continue;
        }
        if (n == (left ? p->right : p->left)) {
            rotate(root, p, left);
            p = n;
        }
        set_red(p, false);
        set_red(g, true);
        rotate(root, g, !left);
        break;
    }
    set_red(root->node, false);
}

void rb_insert(struct rb_root *root, struct rb_node *node, rb_less *less)
{
    struct rb_node **slot = &root->node, *parent = NULL;

    while (*slot) {
        parent = *slot;
        slot = less(node, parent) ? &parent->left : &parent->right;
    }
    rb_link(node, parent, slot);
    rb_fixup(root, node);
}

/* Below `p`, on the side of `n` (which may be NULL), each path lacks one black node. */
static void fixup_erase(struct rb_root *root, struct rb_node *p, struct rb_node *n)
{
    while (p && !is_red(n)) {
        bool left = n == p->left;
        struct rb_node *s = left ? p->right : p->left; /* not NULL: its side has more black */

        if (is_red(s)) {
            set_red(s, false);
            set_red(p, true);
            rotate(root, p, left);
            s = left ? p->right : p->left;
        }
        if (!is_red(s->left) && !is_red(s->right)) {
            set_red(s, true);
            n = p;
            p = parent_of(n);
            continue;
        }
        if (!is_red(left ? s->right : s->left)) {
            set_red(left ? s->left : s->right, false);
            set_red(s, true);
            rotate(root, s, !left);
            s = left ? p->right : p->left;
        }
        set_red(s, is_red(p));
        set_red(p, false);
        set_red(left ? s->right : s->left, false);
        rotate(root, p, left);
        return;
    }
    if (n)
        set_red(n, false);
}

void rb_erase(struct rb_root *root, struct rb_node *node)
{
    struct rb_node *child, *parent;
    bool was_red;

    if (node->left && node->right) {
        /* The next in order has no left child: take it out and put it here. */
        struct rb_node *next = node->right;
        while (next->left)
            next = next->left;
        child = next->right;
        parent = parent_of(next);
        was_red = is_red(next);
        *slot_of(root, next) = child;
        if (child)
            set_parent(child, parent);
        if (parent == node)
            parent = next;
        rb_replace(root, node, next);
    } else {
        child = node->left ? node->left : node->right;
        parent = parent_of(node);
        was_red = is_red(node);
        *slot_of(root, node) = child;
        if (child)
            set_parent(child, parent);
    }
    if (!was_red)
        fixup_erase(root, parent, child);
    *node = (struct rb_node){ 0 };
}

void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *node)
{
    *slot_of(root, old) = node;
    *node = *old;
    if (node->left)
        set_parent(node->left, node);
    if (node->right)
        set_parent(node->right, node);
}

struct rb_node *rb_first(const struct rb_root *root)
{
    struct rb_node *n = root->node;

    while (n && n->left)
        n = n->left;
    return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
    struct rb_node *n = root->node;

    while (n && n->right)
        n = n->right;
    return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
    if (n->right) {
        n = n->right;
        while (n->left)
            n = n->left;
        return (struct rb_node *)n;
    }
    struct rb_node *p = parent_of(n);
    while (p && n == p->right) {
        n = p;
        p = parent_of(n);
    }
    return p;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
    if (n->left) {
        n = n->left;
        while (n->right)
            n = n->right;
        return (struct rb_node *)n;
    }
    struct rb_node *p = parent_of(n);
    while (p && n == p->left) {
        n = p;
        p = parent_of(n);
    }
    return p;
}

/* The number of black nodes on each path below `n`, or -1 where something is wrong. */
static int black_height(const struct rb_node *n, const struct rb_node *parent)
{
    if (!n)
        return 0;
    if (parent_of(n) != parent || (is_red(n) && is_red(parent)))
        return -1;
    int left = black_height(n->left, n), right = black_height(n->right, n);
    if (left < 0 || left != right)
        return -1;
    return left + !is_red(n);
}

bool rb_check(const struct rb_root *root, rb_less *less)
{
    if (is_red(root->node) || black_height(root->node, NULL) < 0)
        return false;
    const struct rb_node *last = NULL;
    for (const struct rb_node *n = rb_first(root); less && n; n = rb_next(n)) {
        if (last && less(n, last))
            return false;
        last = n;
    }
    return true;
}
