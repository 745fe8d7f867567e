/* buf: an owned, growing run of bytes with a hard maximum and a sticky error.
 *
 * Appends return nothing: after the first failure (maximum reached or no memory) they do nothing, and buf_finish()
 * is the one check. */
#ifndef AMBIT_BASE_BUF_H
#define AMBIT_BASE_BUF_H

#include "base/span.h"

#include <endian.h>
#include <stdarg.h>

struct buf {
	uint8_t *p;
	size_t n, cap;
	size_t max;      /* INVARIANT: n <= cap, n <= max */
	uint16_t err;    /* 0, E_LIMIT or E_NO_MEMORY */
};

/* An empty buffer that will never hold more than `max` bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buffer is empty and usable again with the same maximum. Takes an initialised or zeroed b. */
void buf_fini(struct buf *b);
/* Keeps the memory, drops contents and error. */
void buf_reset(struct buf *b);

/* What the inline ones do when there is no room yet, or never will be. */
bool buf_grow(struct buf *b, size_t n);

/* Makes room for n more bytes without counting them; false on the sticky error. */
static inline bool
buf_reserve(struct buf *b, size_t n)
{
	/* cap - n is at most what the maximum leaves, but for the NUL of buf_finish_str. */
	return !b->err && n <= b->cap - b->n && n <= b->max - b->n ? true : buf_grow(b, n);
}

/* n writable bytes at the end, already counted in b->n, or NULL on the sticky error. */
static inline uint8_t *
buf_extend(struct buf *b, size_t n)
{
	if (!buf_reserve(b, n))
		return NULL;
	/* Nothing asked of an empty buffer: there is no array to point into. */
	uint8_t *p = b->p ? b->p + b->n : NULL;
	b->n += n;
	return p;
}

static inline void
buf_put(struct buf *b, span s)
{
	uint8_t *p = s.n ? buf_extend(b, s.n) : NULL;
	if (p)
		memcpy(p, s.p, s.n);
}

static inline void buf_put_str(struct buf *b, const char *s) { buf_put(b, span_str(s)); }

static inline void
buf_put_u8(struct buf *b, uint8_t v)
{
	uint8_t *p = buf_extend(b, 1);
	if (p)
		*p = v;
}

/* Big-endian, as all below. */
static inline void buf_put_u16(struct buf *b, uint16_t v) { v = htobe16(v); buf_put(b, span_make(&v, sizeof v)); }
static inline void buf_put_u32(struct buf *b, uint32_t v) { v = htobe32(v); buf_put(b, span_make(&v, sizeof v)); }
static inline void buf_put_u64(struct buf *b, uint64_t v) { v = htobe64(v); buf_put(b, span_make(&v, sizeof v)); }

void buf_put_vec16(struct buf *b, span s);        /* u16 length, bytes; longer is E_LIMIT */
void buf_put_vec32(struct buf *b, span s);
void buf_put_dec(struct buf *b, int64_t v);       /* decimal text */
void buf_put_udec(struct buf *b, uint64_t v);
void buf_put_hex(struct buf *b, span s);          /* lower case */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Drops the first n (<= b->n) bytes. */
void buf_consume(struct buf *b, size_t n);
/* Shortens to n (<= b->n) bytes. */
void buf_truncate(struct buf *b, size_t n);

static inline span
buf_span(const struct buf *b)
{
	return (span){ b->p, b->n };
}

/* OK, or the first thing that went wrong. */
status buf_finish(const struct buf *b);
/* buf_finish, then a NUL after the end (not counted in n), so that b->p may be used as a C string. */
status buf_finish_str(struct buf *b, const char **ret);

#endif
