#include "cedar/generate.h"

uint32_t
cedar_gen_below(struct cedar_gen *g, uint32_t n)
{
	uint64_t v = 0;
	if (g->p) {
		for (unsigned i = 0; i < (n > 256 ? 2 : 1); i++)
			v = v << 8 | (g->p < g->end ? *g->p++ : 0);
		return (uint32_t)(v % n);
	}
	g->state ^= g->state << 13;
	g->state ^= g->state >> 7;
	g->state ^= g->state << 17;
	return (uint32_t)((g->state * 0x2545f4914f6cdd1du) >> 33) % n;
}

#define PICK(g, list) ((list)[cedar_gen_below(g, ARRAY_LEN(list))])
static bool one_in(struct cedar_gen *g, uint32_t n) { return cedar_gen_below(g, n) == n - 1; }

/* The world. Every kind of value has an attribute that holds it. */
static const char *const uids[] = { "User::\"a\"", "User::\"b\"", "User::\"c\"", "Team::\"t\"", "Team::\"u\"", "N::Team::\"t\"", "Doc::\"d\"", "Doc::\"e\"",
                                    "Dir::\"f\"", "Dir::\"\"", "User::\"ghost\"" };
static const char *const actions[] = { "Action::\"read\"", "Action::\"write\"", "Action::\"all\"", "N::Action::\"x\"" };
static const char *const types[] = { "User", "Team", "N::Team", "Doc", "Dir", "Action", "Nope" };
static const char *const longs[] = { "0", "1", "2", "-1", "3", "9223372036854775807", "-9223372036854775808", "100", "-2" };
static const char *const strings[] = { "", "a", "b", "abc", "a*c", "é", "日本", "x\\ny", "aXbXc", "t" };
static const char *const patterns[] = { "*", "", "a*", "*c", "a*c", "*b*", "a\\\\*c", "*é", "日*", "*X*X*", "ab", "**" };
static const char *const ips[] = { "10.0.0.1", "10.0.0.0/8", "::1", "ff02::1", "127.0.0.1", "10.1.0.0/16", "2001:db8::/32", "1.2.3", "224.0.0.5" };
static const char *const decimals[] = { "1.0", "-0.5", "0.0", "1.5", "922337203685477.5807", "-922337203685477.5808", "1.", "1.00" };
static const char *const datetimes[] = { "2024-01-01", "1969-12-31T23:59:59.999Z", "2024-02-29T12:00:00+0130", "9999-12-31", "0000-01-01", "2023-02-29" };
static const char *const durations[] = { "1d", "-1ms", "2h30m", "9223372036854775807ms", "-9223372036854775808ms", "5m", "5ms", "1x" };

static void bool_expr(struct cedar_gen *g, struct buf *b, unsigned depth);
static void long_expr(struct cedar_gen *g, struct buf *b, unsigned depth);
static void string_expr(struct cedar_gen *g, struct buf *b, unsigned depth);
static void entity_expr(struct cedar_gen *g, struct buf *b, unsigned depth);
static void record_expr(struct cedar_gen *g, struct buf *b, unsigned depth);

static void
holder(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	static const char *const vars[] = { "context", "principal", "context", "resource", "context.r" };
	if (depth && one_in(g, 6))
		entity_expr(g, b, depth - 1);
	else
		buf_put_str(b, PICK(g, vars));
}

/* holder.attr, where the attribute usually exists and usually has the wanted kind. */
static void
attribute(struct cedar_gen *g, struct buf *b, const char *name, unsigned depth)
{
	static const char *const any[] = { "n", "s", "l", "r", "e", "ip", "nope", "[\"if\"]", "dec", "dt", "du", "bo" };
	if (one_in(g, 12))
		name = PICK(g, any);
	holder(g, b, depth);
	buf_printf(b, name[0] == '[' ? "%s" : ".%s", name);
}

static void
call(struct cedar_gen *g, struct buf *b, const char *fn, const char *text)
{
	buf_printf(b, "%s(\"%s\")", fn, text);
}

static void
extension_expr(struct cedar_gen *g, struct buf *b, unsigned kind, unsigned depth)
{
	static const char *const name[] = { "ip", "dec", "dt", "du" };
	if (one_in(g, 3)) {
		attribute(g, b, name[kind], depth);
	} else if (kind == 0) {
		call(g, b, "ip", PICK(g, ips));
	} else if (kind == 1) {
		call(g, b, "decimal", PICK(g, decimals));
	} else if (kind == 2) {
		call(g, b, "datetime", PICK(g, datetimes));
		if (depth && one_in(g, 3)) {
			buf_put_str(b, one_in(g, 2) ? ".toDate()" : ".offset(");
			if (b->n && b->p[b->n - 1] == '(') {
				extension_expr(g, b, 3, depth - 1);
				buf_put_u8(b, ')');
			}
		}
	} else {
		call(g, b, "duration", PICK(g, durations));
	}
}

static void
long_expr(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	static const char *const ops[] = { "+", "-", "*" }, *const parts[] = { "toDays", "toHours", "toMinutes", "toSeconds", "toMilliseconds" };
	switch (depth ? cedar_gen_below(g, 7) : cedar_gen_below(g, 2)) {
	case 0:
		buf_put_str(b, PICK(g, longs));
		break;
	case 1:
		attribute(g, b, "n", depth);
		break;
	case 2: case 3:
		buf_put_u8(b, '(');
		long_expr(g, b, depth - 1);
		buf_printf(b, " %s ", PICK(g, ops));
		long_expr(g, b, depth - 1);
		buf_put_u8(b, ')');
		break;
	case 4:
		buf_put_str(b, "-(");
		long_expr(g, b, depth - 1);
		buf_put_u8(b, ')');
		break;
	case 5:
		extension_expr(g, b, 3, depth - 1);
		buf_printf(b, ".%s()", PICK(g, parts));
		break;
	default:
		buf_put_str(b, "(if ");
		bool_expr(g, b, depth - 1);
		buf_put_str(b, " then ");
		long_expr(g, b, depth - 1);
		buf_put_str(b, " else ");
		cedar_gen_expr(g, b, depth - 1);
		buf_put_u8(b, ')');
		break;
	}
}

static void
string_expr(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	switch (cedar_gen_below(g, depth ? 4 : 3)) {
	case 0: case 1:
		buf_printf(b, "\"%s\"", PICK(g, strings));
		break;
	case 2:
		attribute(g, b, "s", depth);
		break;
	default:
		entity_expr(g, b, depth - 1);
		buf_put_str(b, ".getTag(");
		string_expr(g, b, depth - 1);
		buf_put_u8(b, ')');
		break;
	}
}

static void
entity_expr(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	static const char *const vars[] = { "principal", "resource", "action" };
	switch (cedar_gen_below(g, 5)) {
	case 0: case 1:
		buf_put_str(b, PICK(g, vars));
		break;
	case 2: case 3:
		buf_put_str(b, one_in(g, 8) ? PICK(g, actions) : PICK(g, uids));
		break;
	default:
		attribute(g, b, "e", depth ? depth - 1 : 0);
		break;
	}
}

static void
set_expr(struct cedar_gen *g, struct buf *b, unsigned depth, void (*item)(struct cedar_gen *, struct buf *, unsigned))
{
	if (one_in(g, 5)) {
		attribute(g, b, "l", depth);
		return;
	}
	buf_put_u8(b, '[');
	for (uint32_t n = cedar_gen_below(g, 5); n-- > 0;) {
		item(g, b, depth ? depth - 1 : 0);
		buf_put_u8(b, ',');
	}
	if (b->n && b->p[b->n - 1] == ',')
		buf_truncate(b, b->n - 1);
	buf_put_u8(b, ']');
}

static void
record_expr(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	static const char *const keys[] = { "n", "\"if\"", "r" };
	unsigned mask = cedar_gen_below(g, 8);
	buf_put_u8(b, '{');
	for (unsigned i = 0; i < 3; i++)
		if (mask & (1u << i)) {
			buf_printf(b, "%s: ", keys[i]);
			cedar_gen_expr(g, b, depth ? depth - 1 : 0);
			buf_put_u8(b, ',');
		}
	buf_put_u8(b, '}');
}

void
cedar_gen_expr(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	switch (cedar_gen_below(g, 9)) {
	case 0: case 1: bool_expr(g, b, depth); break;
	case 2: long_expr(g, b, depth); break;
	case 3: string_expr(g, b, depth); break;
	case 4: entity_expr(g, b, depth); break;
	case 5: set_expr(g, b, depth, depth ? cedar_gen_expr : long_expr); break;
	case 6: if (depth) record_expr(g, b, depth - 1); else buf_put_str(b, "{}"); break;
	case 7: extension_expr(g, b, cedar_gen_below(g, 4), depth); break;
	default: buf_put_str(b, "context.r"); break;
	}
}

static void
compare_expr(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	static const char *const ops[] = { "<", "<=", ">", ">=", "==", "!=" };
	unsigned kind = cedar_gen_below(g, 4);
	for (unsigned side = 0; side < 2; side++) {
		if (kind < 2)
			long_expr(g, b, depth);
		else
			extension_expr(g, b, kind, depth);
		if (side == 0)
			buf_printf(b, " %s ", PICK(g, ops));
	}
}

static void
set_test(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	static const char *const fns[] = { "contains", "containsAll", "containsAny" };
	unsigned k = cedar_gen_below(g, 4);
	void (*item)(struct cedar_gen *, struct buf *, unsigned) = one_in(g, 2) ? long_expr : cedar_gen_expr;
	set_expr(g, b, depth, item);
	if (k == 3) {
		buf_put_str(b, ".isEmpty()");
		return;
	}
	buf_printf(b, ".%s(", fns[k]);
	if (k == 0)
		item(g, b, depth);
	else
		set_expr(g, b, depth, item);
	buf_put_u8(b, ')');
}

static void
entity_test(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	static const char *const paths[] = { "n", "nope", "r.n", "r.r.n", "e.n", "\"if\"", "s", "l", "r", "e.e.r", "n.x" };
	unsigned k = cedar_gen_below(g, 6);
	if (k == 3)
		holder(g, b, depth);
	else
		entity_expr(g, b, depth);
	switch (k) {
	case 0:
		buf_put_str(b, " in ");
		entity_expr(g, b, depth);
		break;
	case 1:
		buf_put_str(b, " in ");
		set_expr(g, b, depth, one_in(g, 8) ? cedar_gen_expr : entity_expr);
		break;
	case 2:
		buf_printf(b, " is %s", PICK(g, types));
		if (one_in(g, 2)) {
			buf_put_str(b, " in ");
			entity_expr(g, b, depth);
		}
		break;
	case 3:
		buf_printf(b, " has %s", PICK(g, paths));
		break;
	case 4:
		buf_put_str(b, ".hasTag(");
		string_expr(g, b, depth);
		buf_put_u8(b, ')');
		break;
	default:
		buf_put_str(b, " == ");
		entity_expr(g, b, depth);
		break;
	}
}

static void
extension_test(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	static const char *const dec[] = { "lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual" };
	static const char *const ip[] = { "isIpv4", "isIpv6", "isLoopback", "isMulticast" };
	unsigned kind = cedar_gen_below(g, 2);
	extension_expr(g, b, kind, depth);
	if (kind == 0 && one_in(g, 2)) {
		buf_printf(b, ".%s()", PICK(g, ip));
		return;
	}
	buf_printf(b, ".%s(", kind ? PICK(g, dec) : "isInRange");
	extension_expr(g, b, kind, depth);
	buf_put_u8(b, ')');
}

static void
bool_expr(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	if (!depth) {
		static const char *const leaf[] = { "true", "false", "context.bo", "principal.bo", "context has n" };
		buf_put_u8(b, '(');
		buf_put_str(b, PICK(g, leaf));
		buf_put_u8(b, ')');
		return;
	}
	depth--;
	buf_put_u8(b, '(');
	switch (cedar_gen_below(g, 10)) {
	case 0: case 1:
		for (unsigned n = 2 + cedar_gen_below(g, 2), op = cedar_gen_below(g, 2); n-- > 0;) {
			bool_expr(g, b, depth);
			buf_put_str(b, n ? (op ? " || " : " && ") : "");
		}
		break;
	case 2:
		buf_put_u8(b, '!');
		bool_expr(g, b, depth);
		break;
	case 3: case 4:
		compare_expr(g, b, depth);
		break;
	case 5:
		set_test(g, b, depth);
		break;
	case 6:
		entity_test(g, b, depth);
		break;
	case 7:
		extension_test(g, b, depth);
		break;
	case 8:
		string_expr(g, b, depth);
		buf_printf(b, " like \"%s\"", PICK(g, patterns));
		break;
	default:
		if (one_in(g, 8)) {
			cedar_gen_expr(g, b, depth);
		} else {
			cedar_gen_expr(g, b, depth);
			buf_put_str(b, " == ");
			cedar_gen_expr(g, b, depth);
		}
		break;
	}
	buf_put_u8(b, ')');
}

static void
head(struct cedar_gen *g, struct buf *b, const char *var)
{
	buf_put_str(b, var);
	switch (cedar_gen_below(g, 11)) {
	case 0: buf_printf(b, " == %s", PICK(g, uids)); break;
	case 1: buf_printf(b, " in %s", PICK(g, uids)); break;
	case 2: buf_printf(b, " is %s", PICK(g, types)); break;
	case 3: buf_printf(b, " is %s", PICK(g, types)); buf_printf(b, " in %s", PICK(g, uids)); break;
	default: break;
	}
}

void
cedar_gen_policies(struct cedar_gen *g, struct buf *b, unsigned n)
{
	for (; n-- > 0;) {
		buf_put_str(b, one_in(g, 3) ? "forbid(" : "permit(");
		head(g, b, "principal");
		buf_put_str(b, ", action");
		uint32_t k = cedar_gen_below(g, 5);
		if (k == 0) {
			buf_printf(b, " == %s", PICK(g, actions));
		} else if (k == 1) {
			buf_printf(b, " in %s", PICK(g, actions));
		} else if (k == 2) {
			buf_put_str(b, " in [");
			for (uint32_t m = cedar_gen_below(g, 4); m-- > 0;)
				buf_printf(b, "%s, ", PICK(g, actions));
			if (b->n && b->p[b->n - 1] == ' ')
				buf_truncate(b, b->n - 2);
			buf_put_u8(b, ']');
		}
		buf_put_str(b, ", ");
		head(g, b, "resource");
		buf_put_u8(b, ')');
		for (uint32_t m = cedar_gen_below(g, 3); m-- > 0;) {
			buf_put_str(b, one_in(g, 4) ? " unless { " : " when { ");
			bool_expr(g, b, 1 + cedar_gen_below(g, 4));
			buf_put_str(b, " }");
		}
		buf_put_str(b, ";\n");
	}
}

/* ---- JSON ---- */

static void
json_uid(struct buf *b, const char *uid)
{
	const char *quote = strchr(uid, '"');
	buf_printf(b, "{\"type\":\"%.*s\",\"id\":%s}", (int)(quote - uid) - 2, uid, quote);
}

static void
json_extension(struct buf *b, const char *fn, const char *arg)
{
	buf_printf(b, "{\"__extn\":{\"fn\":\"%s\",\"arg\":\"%s\"}}", fn, arg);
}

static void
json_attrs(struct cedar_gen *g, struct buf *b, unsigned depth)
{
	uint32_t mask = cedar_gen_below(g, 1024) | cedar_gen_below(g, 1024);
	buf_put_u8(b, '{');
	if (mask & 1)
		buf_printf(b, "\"n\":%s,", PICK(g, longs));
	if (mask & 2)
		buf_printf(b, "\"s\":\"%s\",", PICK(g, strings));
	if (mask & 4)
		buf_printf(b, "\"bo\":%s,", one_in(g, 2) ? "true" : "false");
	if (mask & 8) {
		buf_put_str(b, "\"e\":{\"__entity\":");
		json_uid(b, PICK(g, uids));
		buf_put_str(b, "},");
	}
	if (mask & 16) {
		buf_put_str(b, "\"ip\":");
		json_extension(b, "ip", ips[cedar_gen_below(g, 7)]);
		buf_put_u8(b, ',');
	}
	if (mask & 32) {
		buf_put_str(b, "\"dec\":");
		json_extension(b, "decimal", decimals[cedar_gen_below(g, 6)]);
		buf_put_u8(b, ',');
	}
	if (mask & 64) {
		buf_put_str(b, "\"dt\":");
		json_extension(b, "datetime", datetimes[cedar_gen_below(g, 5)]);
		buf_put_str(b, ",\"du\":");
		json_extension(b, "duration", durations[cedar_gen_below(g, 7)]);
		buf_put_u8(b, ',');
	}
	if (mask & 128) {
		buf_put_str(b, "\"l\":[");
		for (uint32_t n = cedar_gen_below(g, 4); n-- > 0;)
			buf_printf(b, n ? "%s," : "%s", PICK(g, longs));
		buf_put_str(b, "],");
	}
	if ((mask & 256) && depth) {
		buf_put_str(b, "\"r\":");
		json_attrs(g, b, depth - 1);
		buf_put_u8(b, ',');
	}
	buf_printf(b, "\"if\":%s}", one_in(g, 2) ? "1" : "true");
}

void
cedar_gen_entities(struct cedar_gen *g, struct buf *b)
{
	buf_put_u8(b, '[');
	for (unsigned i = 0; i + 1 < ARRAY_LEN(uids) + ARRAY_LEN(actions); i++) {
		bool action = i + 1 >= ARRAY_LEN(uids);
		unsigned k = action ? i + 1 - (unsigned)ARRAY_LEN(uids) : i, n = action ? ARRAY_LEN(actions) : ARRAY_LEN(uids);
		const char *const *list = action ? actions : uids;
		if (one_in(g, 6))
			continue;
		buf_put_str(b, b->n && b->p[b->n - 1] == '}' ? ",{\"uid\":" : "{\"uid\":");
		json_uid(b, list[k]);
		buf_put_str(b, ",\"attrs\":");
		if (action)
			buf_put_str(b, "{}");
		else
			json_attrs(g, b, 2);
		buf_put_str(b, ",\"parents\":[");
		/* Only later ones: no cycles. */
		uint32_t m = k + 1 < n ? cedar_gen_below(g, 3) : 0;
		for (; m-- > 0;) {
			json_uid(b, list[k + 1 + cedar_gen_below(g, n - k - 1)]);
			buf_put_str(b, m ? "," : "");
		}
		buf_put_str(b, "]");
		if (!action && one_in(g, 2))
			buf_printf(b, ",\"tags\":{\"a\":%s,\"t\":\"%s\"}", PICK(g, longs), PICK(g, strings));
		buf_put_u8(b, '}');
	}
	buf_put_u8(b, ']');
}

void
cedar_gen_request(struct cedar_gen *g, struct buf *b)
{
	buf_put_str(b, "{\"principal\":");
	json_uid(b, one_in(g, 3) ? PICK(g, uids) : uids[cedar_gen_below(g, 3)]);
	buf_put_str(b, ",\"action\":");
	json_uid(b, PICK(g, actions));
	buf_put_str(b, ",\"resource\":");
	json_uid(b, one_in(g, 3) ? PICK(g, uids) : uids[6 + cedar_gen_below(g, 2)]);
	buf_put_str(b, ",\"context\":");
	json_attrs(g, b, 3);
	buf_put_u8(b, '}');
}
