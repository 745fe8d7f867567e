/* span: a borrowed run of bytes. reader: consumes one, with a sticky error.
 *
 * A span owns nothing and is valid as long as what it points into. The empty span may have p == NULL. */
#ifndef AMBIT_BASE_SPAN_H
#define AMBIT_BASE_SPAN_H

#include "base/status.h"

#include <endian.h>
#include <string.h>

typedef struct span {
	const uint8_t *p;
	size_t n;
} span;

#define SPAN(lit)      ((span){ (const uint8_t *)("" lit), sizeof(lit) - 1 })  /* string literals only */
#define SPAN_OF(arr)   ((span){ (const uint8_t *)(arr), sizeof(arr) })         /* arrays only */
#define SPAN_ARG(s)    (int)(s).n, (const char *)(s).p                          /* for "%.*s" */

static inline span
span_make(const void *p, size_t n)
{
	return (span){ (const uint8_t *)p, n };
}

static inline span
span_str(const char *s)
{
	return (span){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

static inline bool
span_eq(span a, span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
span_is(span a, const char *lit)
{
	return span_eq(a, span_str(lit));
}

static inline bool
span_empty(span a)
{
	return a.n == 0;
}

static inline bool
span_starts(span a, span prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

static inline bool
span_ends(span a, span suffix)
{
	return a.n >= suffix.n && (suffix.n == 0 || memcmp(a.p + a.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* a[from, from+n), clipped to a. */
static inline span
span_sub(span a, size_t from, size_t n)
{
	if (from > a.n)
		from = a.n;
	if (n > a.n - from)
		n = a.n - from;
	return (span){ a.p ? a.p + from : NULL, n };
}

/* Index of the first byte `c`, or a.n. */
static inline size_t
span_find(span a, uint8_t c)
{
	const uint8_t *q = a.n ? memchr(a.p, c, a.n) : NULL;
	return q ? (size_t)(q - a.p) : a.n;
}

/* Byte order: memcmp, then length. */
static inline int
span_cmp(span a, span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool span_eq_nocase(span a, span b);             /* ASCII case folding */
/* Equal in time independent of the contents (not of the lengths). */
bool span_eq_consttime(span a, span b);
/* Decimal, no sign, no blanks, no leading zero but "0" itself, fits uint64_t. */
bool span_to_u64(span a, uint64_t *ret);
/* Optional '-', then as span_to_u64; fits int64_t; "-0" refused. */
bool span_to_i64(span a, int64_t *ret);
/* NUL-terminated copy, malloc'd; NULL on no memory or when `a` holds a NUL. Caller frees. */
[[gnu::malloc]] char *span_dup(span a);

/* reader: every take checks; after the first short read `ok` is false, all takes give zero, and rd_end fails. Check
 * once, at the end. All integers are big-endian. */
struct reader {
	const uint8_t *p, *end;
	bool ok;
};

static inline struct reader
rd_make(span s)
{
	return (struct reader){ s.p, s.p ? s.p + s.n : NULL, true };
}

static inline size_t
rd_left(const struct reader *r)
{
	return r->p ? (size_t)(r->end - r->p) : 0;
}

static inline span
rd_take(struct reader *r, size_t n)
{
	if (!r->ok || rd_left(r) < n) {
		r->ok = false;
		return (span){ 0 };
	}
	span s = { r->p, n };
	if (n)
		r->p += n;
	return s;
}

static inline uint8_t
rd_u8(struct reader *r)
{
	span s = rd_take(r, 1);
	return s.n ? s.p[0] : 0;
}

static inline uint16_t
rd_u16(struct reader *r)
{
	span s = rd_take(r, 2);
	uint16_t v = 0;
	if (s.n)
		memcpy(&v, s.p, sizeof v);
	return be16toh(v);
}

static inline uint32_t
rd_u32(struct reader *r)
{
	span s = rd_take(r, 4);
	uint32_t v = 0;
	if (s.n)
		memcpy(&v, s.p, sizeof v);
	return be32toh(v);
}

static inline uint64_t
rd_u64(struct reader *r)
{
	span s = rd_take(r, 8);
	uint64_t v = 0;
	if (s.n)
		memcpy(&v, s.p, sizeof v);
	return be64toh(v);
}

static inline span rd_vec16(struct reader *r) { return rd_take(r, rd_u16(r)); }   /* u16 length, bytes */
static inline span rd_vec32(struct reader *r) { return rd_take(r, rd_u32(r)); }   /* u32 length, bytes */
/* OK only if nothing went short and every byte was consumed; else E_BAD_MESSAGE. */
status rd_end(const struct reader *r);

#endif
