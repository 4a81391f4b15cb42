/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include <criterion/criterion.h>

struct item {
    struct list link;
    int value;
};

static struct list head = LIST_INIT(head);
static struct item items[5];

static void setup(void)
{
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        list_init(&items[i].link);
    }
}

/* The values in order, as the digits of a number with a leading 1. */
static int digits(struct list *l)
{
    struct item *it;
    int n = 1;

    list_for_each (it, l, link)
        n = n * 10 + it->value;
    return n;
}

Test(list, starts_empty, .init = setup)
{
    cr_assert(list_empty(&head));
    cr_assert_null(list_first(&head, struct item, link));
    cr_assert_null(list_last(&head, struct item, link));
    cr_assert_null(list_pop_front(&head, struct item, link));
    cr_assert_not(list_is_linked(&items[0].link));
    cr_assert_eq(digits(&head), 1);
}

Test(list, keeps_the_order_of_pushes, .init = setup)
{
    list_push_back(&head, &items[2].link);
    list_push_back(&head, &items[3].link);
    list_push_front(&head, &items[1].link);
    cr_assert_eq(digits(&head), 1123);
    cr_assert_eq(list_len(&head), 3);
    cr_assert_eq(list_first(&head, struct item, link)->value, 1);
    cr_assert_eq(list_last(&head, struct item, link)->value, 3);
    list_insert_before(&items[3].link, &items[0].link);
    list_insert_after(&items[3].link, &items[4].link);
    cr_assert_eq(digits(&head), 112034);
}

Test(list, neighbours_end_with_null, .init = setup)
{
    list_push_back(&head, &items[0].link);
    list_push_back(&head, &items[1].link);
    struct item *first = list_first(&head, struct item, link);
    struct item *second = list_next(&head, first, link);
    cr_assert_eq(second, &items[1]);
    cr_assert_eq(list_prev(&head, second, link), first);
    cr_assert_null(list_next(&head, second, link));
    cr_assert_null(list_prev(&head, first, link));
}

Test(list, a_node_may_be_taken_off_twice, .init = setup)
{
    list_push_back(&head, &items[0].link);
    list_push_back(&head, &items[1].link);
    list_del(&items[0].link);
    cr_assert_not(list_is_linked(&items[0].link));
    list_del(&items[0].link);
    cr_assert_eq(digits(&head), 11);
    cr_assert_eq(list_pop_front(&head, struct item, link), &items[1]);
    cr_assert(list_empty(&head));
}

Test(list, splice_moves_all_to_the_end, .init = setup)
{
    struct list other = LIST_INIT(other);

    list_splice(&head, &other);
    cr_assert(list_empty(&head));
    list_push_back(&other, &items[1].link);
    list_push_back(&other, &items[2].link);
    list_splice(&head, &other);
    list_push_back(&other, &items[3].link);
    list_splice(&head, &other);
    cr_assert_eq(digits(&head), 1123);
    cr_assert(list_empty(&other));
}

Test(list, the_safe_loop_lets_nodes_go, .init = setup)
{
    struct item *it;
    struct list *tmp;

    for (int i = 0; i < 5; i++)
        list_push_back(&head, &items[i].link);
    list_for_each_safe (it, tmp, &head, link) {
        if (it->value % 2 == 0) {
            list_del(&it->link);
            memset(it, 0xff, sizeof *it);
        }
    }
    cr_assert_eq(digits(&head), 113);
}

Test(list, loops_nest, .init = setup)
{
    struct item *a, *b;
    int pairs = 0;

    for (int i = 0; i < 3; i++)
        list_push_back(&head, &items[i].link);
    list_for_each (a, &head, link)
        list_for_each (b, &head, link)
            pairs += a->value < b->value;
    cr_assert_eq(pairs, 3);
}
