/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of ids, looked up from both sides. */
#include "runsc/id_map.h"

#include <criterion/criterion.h>

static const struct option_id_range map[] = {
    {.inside = 0,     .outside = 1000, .count = 10},
    { .inside = 1000, .outside = 0,    .count = 1 },
};

Test(id_map, from_inside)
{
    uint32_t out = 77;

    cr_expect(id_map_out(map, 2, 9, &out));
    cr_expect_eq(out, 1009);
    cr_expect(id_map_out(map, 2, 1000, &out));
    cr_expect_eq(out, 0);
    out = 77;
    cr_expect_not(id_map_out(map, 2, 10, &out));
    cr_expect_not(id_map_out(map, 0, 0, &out));
    cr_expect_eq(out, 77, "set though there is none");
}

Test(id_map, from_outside)
{
    cr_expect(id_map_has(map, 2, 1000));
    cr_expect(id_map_has(map, 2, 1009));
    cr_expect(id_map_has(map, 2, 0));
    cr_expect_not(id_map_has(map, 2, 1010));
    cr_expect_not(id_map_has(map, 2, 999));
    cr_expect_not(id_map_has(map, 1, 0));
}
