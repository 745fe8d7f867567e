/* Character classes shared by http.c and http1.c. */
#ifndef AMBIT_NET_HTTP_PRIV_H
#define AMBIT_NET_HTTP_PRIV_H

#include "base/span.h"

/* RFC 9110 §5.6.2 token. */
static const bool http_token_char[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,
	['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

/* -1 when c is no hexadecimal digit. */
static inline int
http_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
