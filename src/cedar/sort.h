/* sort: like qsort(3), which may call malloc; an evaluation must not. In place, O(n log n) at worst, not stable. Private. */
#ifndef AMBIT_CEDAR_SORT_H
#define AMBIT_CEDAR_SORT_H

#include <stddef.h>

#define CEDAR_SORT_MAX 96       /* bytes of an item, at most */

void cedar_sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *));

#endif
