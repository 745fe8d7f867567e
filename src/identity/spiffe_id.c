#include "identity/spiffe_id.h"

#define NEED(cond, why)                           \
	do {                                      \
		if (!(cond)) {                    \
			if (ret_why)              \
				*ret_why = (why); \
			return FAIL(E_BAD_REQUEST); \
		}                                 \
	} while (0)

static bool
domain_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool
domain_ok(span d)
{
	if (d.n == 0 || d.n > SPIFFE_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < d.n; i++)
		if (!domain_char(d.p[i]))
			return false;
	return true;
}

static bool
segment_ok(span s)
{
	if (s.n == 0 || span_is(s, ".") || span_is(s, ".."))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!domain_char(s.p[i]) && !(s.p[i] >= 'A' && s.p[i] <= 'Z'))
			return false;
	return true;
}

static bool
path_ok(span path)
{
	while (path.n) {
		span rest = span_sub(path, 1, path.n);
		size_t n = span_find(rest, '/');
		if (!segment_ok(span_sub(rest, 0, n)))
			return false;
		path = span_sub(rest, n, rest.n);
	}
	return true;
}

status
spiffe_id_parse(span text, struct spiffe_id *ret, const char **ret_why)
{
	span scheme = SPAN("spiffe://");

	NEED(text.n <= SPIFFE_ID_MAX, "longer than 2048 bytes");
	NEED(span_starts(text, scheme), "does not begin with spiffe://");
	span rest = span_sub(text, scheme.n, text.n);
	size_t n = span_find(rest, '/');
	struct spiffe_id id = { text, span_sub(rest, 0, n), span_sub(rest, n, rest.n) };
	NEED(domain_ok(id.domain), "a trust domain is 1 to 255 of a-z 0-9 . - _");
	NEED(path_ok(id.path), "a path is segments of A-Z a-z 0-9 . - _, none of them empty, \".\" or \"..\"");
	*ret = id;
	return OK;
}

status
spiffe_domain_parse(span text, span *ret)
{
	struct spiffe_id id;

	if (span_starts(text, SPAN("spiffe://"))) {
		TRY(spiffe_id_parse(text, &id, NULL));
		ENSURE(id.path.n == 0, E_BAD_REQUEST);
		text = id.domain;
	}
	ENSURE(domain_ok(text), E_BAD_REQUEST);
	*ret = text;
	return OK;
}

static bool
is_prefix_pattern(span p)
{
	return span_ends(p, SPAN("/*"));
}

bool
spiffe_pattern_ok(span pattern)
{
	struct spiffe_id id;

	if (is_prefix_pattern(pattern))
		return !failed(spiffe_id_parse(span_sub(pattern, 0, pattern.n - 2), &id, NULL));
	return !failed(spiffe_id_parse(pattern, &id, NULL)) && id.path.n;
}

bool
spiffe_pattern_matches(span pattern, const struct spiffe_id *id)
{
	if (!spiffe_pattern_ok(pattern))
		return false;
	if (!is_prefix_pattern(pattern))
		return span_eq(pattern, id->text);
	/* With the slash, so that agent/a is not a prefix of agent/ab, nor one trust domain of another. */
	span prefix = span_sub(pattern, 0, pattern.n - 1);
	return id->text.n > prefix.n && span_starts(id->text, prefix);
}
