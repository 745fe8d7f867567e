/* What extension.c takes from the files of the single types. */
#ifndef AMBIT_CEDAR_EXTENSION_PRIV_H
#define AMBIT_CEDAR_EXTENSION_PRIV_H

#include "cedar/extension.h"

void cedar_decimal_print(int64_t v, char out[64]);

/* Is every address of `a` also one of `range`? IPv4 and IPv6 never meet. */
bool cedar_ip_within(const struct cedar_ip *a, const struct cedar_ip *range);
void cedar_ip_print(const struct cedar_ip *ip, char out[64]);

/* Midnight before; false when that does not fit. */
bool cedar_datetime_date(int64_t ms, int64_t *ret);
/* Milliseconds since that midnight, never negative. */
int64_t cedar_datetime_time(int64_t ms);
/* False for years outside 0000-9999. */
bool cedar_datetime_print(int64_t ms, char out[64]);

#endif
