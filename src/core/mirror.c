#include "core/mirror.h"

enum { MIRROR_DEPTH = 16, MIRROR_NAME = 128 };

/* As a number, in the one plain decimal form: no leading zeros. */
static bool
integer_is(span text, int64_t want)
{
	bool minus = text.n && text.p[0] == '-';
	uint64_t u, size = want < 0 ? 0 - (uint64_t)want : (uint64_t)want;
	return span_to_u64(span_sub(text, minus, text.n), &u) && u == size && (minus == (want < 0) || u == 0);
}

static bool
equals(const struct json *arg, span header)
{
	switch (arg->kind) {
	case JSON_STR: return span_eq(header, arg->str);
	case JSON_INT: return integer_is(header, arg->i);
	default: return json_is_bool(arg) && span_is(header, arg->truth ? "true" : "false");
	}
}

static bool
one_holds(span name, const struct json *arg, const struct json *headers, bool strict)
{
	uint8_t low[MIRROR_NAME];
	if (!name.n || name.n > sizeof low)
		return false;
	for (size_t i = 0; i < name.n; i++)
		low[i] = (uint8_t)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
	const struct json *header = json_get(headers, span_make(low, name.n));
	if (!arg || arg->kind == JSON_NULL)
		return !header;
	return header ? json_is_str(header) && equals(arg, header->str) : !strict;
}

/* Only chains of `properties` can carry the mark (2026-07-28, "Mcp-Param"). */
static bool
holds(const struct json *schema, const struct json *args, const struct json *headers, bool strict, unsigned depth)
{
	json_for_members(it, json_gets(schema, "properties")) {
		const struct json *arg = json_is_obj(args) ? json_get(args, it->key) : NULL, *mark = json_gets(&it->value, "x-mcp-header");
		if (json_is_str(mark) && !one_holds(mark->str, arg, headers, strict))
			return false;
		if (depth < MIRROR_DEPTH && !holds(&it->value, arg, headers, strict, depth + 1))
			return false;
	}
	return true;
}

bool
mirror_holds(const struct json *schema, const struct json *args, const struct json *headers, bool strict)
{
	return holds(schema, args, headers, strict, 0);
}
