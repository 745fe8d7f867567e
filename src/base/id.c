#include "base/id.h"

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";   /* Crockford: no I, L, O, U */

const char *
id_prefix(uint8_t kind)
{
	switch (kind) {
#define X(name, number, prefix, what) case number: return prefix;
#include "base/ids.def"
#undef X
	}
	return NULL;
}

id
id_make(enum id_kind kind, const uint8_t random[static ID_RANDOM])
{
	id a = { .kind = (uint8_t)kind };
	memcpy(a.b, random, ID_RANDOM);
	return a;
}

bool
id_from_bytes(span s, id *ret)
{
	if (s.n != sizeof(id) || !id_prefix(s.p[0]))
		return false;
	memcpy(ret, s.p, sizeof *ret);
	return true;
}

void
id_text(id a, char out[static ID_TEXT])
{
	const char *prefix = id_prefix(a.kind);
	memcpy(out, prefix ? prefix : "???", 3);
	out[3] = '_';
	/* Five bytes are eight digits. */
	for (size_t i = 0; i < ID_RANDOM / 5; i++) {
		uint64_t v = 0;
		for (size_t j = 0; j < 5; j++)
			v = v << 8 | a.b[5 * i + j];
		for (size_t j = 8; j-- > 0; v >>= 5)
			out[4 + 8 * i + j] = digits[v & 31];
	}
}

bool
id_parse(span s, id *ret)
{
	id a = { 0 };
	if (s.n != ID_TEXT || s.p[3] != '_')
		return false;
#define X(name, number, prefix, what)          \
	if (memcmp(s.p, prefix, 3) == 0)       \
		a.kind = number;
#include "base/ids.def"
#undef X
	if (a.kind == ID_NONE)
		return false;
	for (size_t i = 0; i < ID_RANDOM / 5; i++) {
		uint64_t v = 0;
		for (size_t j = 0; j < 8; j++) {
			const char *d = memchr(digits, s.p[4 + 8 * i + j], sizeof digits - 1);
			if (!d)
				return false;
			v = v << 5 | (uint64_t)(d - digits);
		}
		for (size_t j = 5; j-- > 0; v >>= 8)
			a.b[5 * i + j] = (uint8_t)v;
	}
	*ret = a;
	return true;
}
