#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void
buf_reset(struct buf *b)
{
	b->n = 0;
	b->err = 0;
}

bool
buf_grow(struct buf *b, size_t n)
{
	if (b->err)
		return false;
	if (n > b->max - b->n) {
		b->err = E_LIMIT;
		return false;
	}
	if (n <= b->cap - b->n)
		return true;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < b->n + n)
		cap *= 2;
	/* One byte more than the maximum is enough: room for buf_finish_str's NUL. */
	if (cap > b->max && b->max < SIZE_MAX)
		cap = b->max + 1 > b->n + n ? b->max + 1 : b->n + n;
	uint8_t *p = realloc(b->p, cap);
	if (!p) {
		b->err = E_NO_MEMORY;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void
buf_put_vec16(struct buf *b, span s)
{
	if (s.n > UINT16_MAX) {
		if (!b->err)
			b->err = E_LIMIT;
		return;
	}
	buf_put_u16(b, (uint16_t)s.n);
	buf_put(b, s);
}

void
buf_put_vec32(struct buf *b, span s)
{
	if (s.n > UINT32_MAX) {
		if (!b->err)
			b->err = E_LIMIT;
		return;
	}
	buf_put_u32(b, (uint32_t)s.n);
	buf_put(b, s);
}

void
buf_put_udec(struct buf *b, uint64_t v)
{
	char t[20];
	size_t i = sizeof t;
	do
		t[--i] = (char)('0' + v % 10);
	while (v /= 10);
	buf_put(b, span_make(t + i, sizeof t - i));
}

void
buf_put_dec(struct buf *b, int64_t v)
{
	if (v < 0) {
		buf_put_u8(b, '-');
		buf_put_udec(b, 0 - (uint64_t)v);
	} else {
		buf_put_udec(b, (uint64_t)v);
	}
}

void
buf_put_hex(struct buf *b, span s)
{
	static const char d[] = "0123456789abcdef";
	if (s.n > SIZE_MAX / 2) {
		b->err = E_LIMIT;
		return;
	}
	uint8_t *p = buf_extend(b, 2 * s.n);
	for (size_t i = 0; p && i < s.n; i++) {
		p[2 * i] = (uint8_t)d[s.p[i] >> 4];
		p[2 * i + 1] = (uint8_t)d[s.p[i] & 15];
	}
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	/* vsnprintf writes a NUL too, so reserve it without counting it. */
	if (n >= 0 && buf_reserve(b, (size_t)n)) {
		char *t = malloc((size_t)n + 1);
		if (!t) {
			b->err = E_NO_MEMORY;
		} else {
			vsnprintf(t, (size_t)n + 1, fmt, again);
			buf_put(b, span_make(t, (size_t)n));
			free(t);
		}
	}
	va_end(again);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_consume(struct buf *b, size_t n)
{
	must(n <= b->n);
	if (n && n < b->n)
		memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

void
buf_truncate(struct buf *b, size_t n)
{
	must(n <= b->n);
	b->n = n;
}

status
buf_finish(const struct buf *b)
{
	return b->err ? FAIL(b->err) : OK;
}

status
buf_finish_str(struct buf *b, const char **ret)
{
	TRY(buf_finish(b));
	if (b->n == b->cap) {
		uint8_t *p = realloc(b->p, b->n + 1);
		ENSURE(p, E_NO_MEMORY);
		b->p = p;
		b->cap = b->n + 1;
	}
	b->p[b->n] = '\0';
	*ret = (const char *)b->p;
	return OK;
}
