/* SPDX-License-Identifier: Apache-2.0 */
/* Heapsort: n log n at worst, which an untrusted guest may choose. */
#include "base/sort.h"

static void swap(char *a, char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = a[i];
        a[i] = b[i];
        b[i] = c;
    }
}

/* Lets the element at `root` sink until none of its children comes after it. */
static void sink(char *array, size_t root, size_t count, size_t size,
                 int (*compare)(const void *, const void *))
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && compare(array + child * size, array + (child + 1) * size) < 0)
            child++;
        if (compare(array + root * size, array + child * size) >= 0)
            return;
        swap(array + root * size, array + child * size, size);
        root = child;
    }
}

void sort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    char *a = array;

    for (size_t root = count / 2; root-- > 0;)
        sink(a, root, count, size, compare);
    for (size_t left = count; left > 1; left--) {
        swap(a, a + (left - 1) * size, size);
        sink(a, 0, left - 1, size, compare);
    }
}
