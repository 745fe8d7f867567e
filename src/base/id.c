#include "base/id.h"

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford: no I, L, O, U */

const char *
id_prefix(unsigned kind)
{
	switch (kind) {
#define X(name, number, prefix, what) case number: return prefix;
#include "base/ids.def"
#undef X
	}
	return NULL;
}

void
id_text(uint64_t id, char out[static ID_TEXT + 1])
{
	const char *prefix = id_prefix(id_kind(id));
	memcpy(out, prefix ? prefix : "???", 3);
	out[3] = '_';
	uint64_t v = id_bits(id);
	for (size_t j = 12; j-- > 0; v >>= 5)
		out[4 + j] = digits[v & 31];
	out[ID_TEXT] = '\0';
}

bool
id_parse(span s, uint64_t *ret)
{
	unsigned kind = ID_NONE;
	if (s.n != ID_TEXT || s.p[3] != '_')
		return false;
#define X(name, number, prefix, what)          \
	if (memcmp(s.p, prefix, 3) == 0)       \
		kind = number;
#include "base/ids.def"
#undef X
	if (kind == ID_NONE)
		return false;
	uint64_t v = 0;
	for (size_t j = 0; j < 12; j++) {
		const char *d = memchr(digits, s.p[4 + j], sizeof digits - 1);
		if (!d)
			return false;
		v = v << 5 | (uint64_t)(d - digits);
	}
	*ret = id_make((enum id_kind)kind, v);
	return true;
}

bool
id_parse_kind(span s, enum id_kind kind, uint64_t *ret)
{
	uint64_t id;
	if (!id_parse(s, &id) || id_kind(id) != kind)
		return false;
	*ret = id;
	return true;
}
