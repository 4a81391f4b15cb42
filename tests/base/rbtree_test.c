/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rbtree.h"

#include <criterion/criterion.h>

#define LEN 512

struct item {
    int key, birth;
    struct rb_node node;
    bool in;
};

static struct rb_root root;
static struct item items[LEN];
static uint64_t random_state = 88172645463325252ULL;

/* xorshift64: the same numbers at each run. */
static unsigned draw(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % below);
}

static struct item *of(const struct rb_node *n)
{
    return rb_entry(n, struct item, node);
}

static bool less(const struct rb_node *a, const struct rb_node *b)
{
    return of(a)->key < of(b)->key;
}

static unsigned count(void)
{
    struct rb_node *n;
    unsigned len = 0;

    rb_for_each (n, &root)
        len++;
    return len;
}

Test(rbtree, an_empty_tree_has_no_ends)
{
    cr_assert(rb_empty(&root));
    cr_assert_null(rb_first(&root));
    cr_assert_null(rb_last(&root));
    cr_assert(rb_check(&root, less));
}

Test(rbtree, ascending_keys_come_out_in_order)
{
    for (int i = 0; i < LEN; i++) {
        items[i].key = i;
        rb_insert(&root, &items[i].node, less);
        cr_assert(rb_check(&root, less));
    }
    struct rb_node *n = rb_first(&root);
    for (int i = 0; i < LEN; i++, n = rb_next(n))
        cr_assert_eq(of(n)->key, i);
    cr_assert_null(n);
    n = rb_last(&root);
    for (int i = LEN; i--; n = rb_prev(n))
        cr_assert_eq(of(n)->key, i);
    cr_assert_null(n);
}

Test(rbtree, equal_keys_keep_the_order_of_birth)
{
    for (int i = 0; i < 64; i++) {
        items[i].key = i % 4;
        items[i].birth = i;
        rb_insert(&root, &items[i].node, less);
    }
    int last_key = -1, last_birth = -1;
    struct rb_node *n;
    rb_for_each (n, &root) {
        if (of(n)->key != last_key)
            last_birth = -1;
        cr_assert_gt(of(n)->birth, last_birth);
        last_key = of(n)->key;
        last_birth = of(n)->birth;
    }
}

Test(rbtree, stays_balanced_while_nodes_come_and_go)
{
    unsigned in = 0;

    for (int turn = 0; turn < 20000; turn++) {
        struct item *it = &items[draw(LEN)];
        if (it->in) {
            rb_erase(&root, &it->node);
            in--;
        } else {
            it->key = (int)draw(LEN / 4);
            rb_insert(&root, &it->node, less);
            in++;
        }
        it->in = !it->in;
        cr_assert(rb_check(&root, less));
        if (turn % 64 == 0)
            cr_assert_eq(count(), in);
    }
    for (int i = 0; i < LEN; i++) {
        if (items[i].in)
            rb_erase(&root, &items[i].node);
        cr_assert(rb_check(&root, less));
    }
    cr_assert(rb_empty(&root));
}

Test(rbtree, a_node_can_be_replaced)
{
    struct item other = { .key = 7 };

    for (int i = 0; i < 16; i++) {
        items[i].key = i;
        rb_insert(&root, &items[i].node, less);
    }
    rb_replace(&root, &items[7].node, &other.node);
    cr_assert(rb_check(&root, less));
    cr_assert_eq(rb_next(&items[6].node), &other.node);
    cr_assert_eq(count(), 16);
}

Test(rbtree, the_check_sees_a_wrong_order)
{
    for (int i = 0; i < 16; i++) {
        items[i].key = i;
        rb_insert(&root, &items[i].node, less);
    }
    items[3].key = 9;
    cr_assert_not(rb_check(&root, less));
    cr_assert(rb_check(&root, NULL));
}
