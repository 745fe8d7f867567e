/* Shared by the json_*.c files only. */
#ifndef AMBIT_TEXT_JSON_PRIV_H
#define AMBIT_TEXT_JSON_PRIV_H

#include "text/json.h"

#include <endian.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Up to this many members an object is searched from front to back and has no `sorted`. */
#define JSON_SMALL_OBJ 16

/* The nearest double to a number in JSON's grammar. False when it is too large, too small but not zero, or (with *ret_oom)
 * there was no memory for a long text. */
bool json_read_double(span text, double *ret, bool *ret_oom);

/* Why an arena allocation of n bytes just failed: its cap (E_LIMIT) or the heap (E_NO_MEMORY). */
uint16_t json_arena_error(const struct arena *a, size_t n);

/* First byte that is a quote, a backslash, a control character or not ASCII. */
static inline const uint8_t *
json_plain_end(const uint8_t *p, const uint8_t *end)
{
#ifdef __SSE2__
	/* As signed bytes, what is not ASCII is below the blank too. */
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i hit = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
		                           _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
		uint32_t mask = (uint32_t)_mm_movemask_epi8(hit);
		if (mask)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#endif
	/* Each term marks the high bit of matching bytes; borrows can only mark bytes above a true match, and the
	 * lowest is what counts. */
	const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
	while (end - p >= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		w = le64toh(w);
		uint64_t q = w ^ (ones * '"'), b = w ^ (ones * '\\');
		uint64_t hit = (w | ((w - ones * 0x20) & ~w) | ((q - ones) & ~q) | ((b - ones) & ~b)) & highs;
		if (hit)
			return p + (__builtin_ctzll(hit) >> 3);
		p += 8;
	}
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

#endif
