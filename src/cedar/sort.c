#include "cedar/sort.h"

#include "base/span.h"

void
cedar_sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	uint8_t *p = base;
	uint8_t tmp[CEDAR_SORT_MAX];
	must(size <= sizeof tmp);
	if (n < 2)
		return;
	if (n <= 12) {
		for (size_t i = 1; i < n; i++)
			for (size_t j = i; j > 0 && cmp(p + (j - 1) * size, p + j * size) > 0; j--) {
				memcpy(tmp, p + j * size, size);
				memcpy(p + j * size, p + (j - 1) * size, size);
				memcpy(p + (j - 1) * size, tmp, size);
			}
		return;
	}
	for (size_t start = n / 2, end = n; end > 1;) {
		if (start > 0) {
			start--;
		} else {
			end--;
			memcpy(tmp, p + end * size, size);
			memcpy(p + end * size, p, size);
			memcpy(p, tmp, size);
		}
		for (size_t root = start, child; (child = 2 * root + 1) < end; root = child) {
			if (child + 1 < end && cmp(p + child * size, p + (child + 1) * size) < 0)
				child++;
			if (cmp(p + root * size, p + child * size) >= 0)
				break;
			memcpy(tmp, p + root * size, size);
			memcpy(p + root * size, p + child * size, size);
			memcpy(p + child * size, tmp, size);
		}
	}
}
