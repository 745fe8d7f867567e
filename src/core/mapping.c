#include "core/mapping.h"

#include "text/url.h"

static bool
alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
type_ok(span s)
{
	if (!s.n || (s.p[0] >= '0' && s.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]) && s.p[i] != '_')
			return false;
	return true;
}

/* `name:input.a.b` or `path:input./a/b`; gives the pointer "/a/b". */
static status
hole_parse(span s, struct arena *a, struct mapping_part *ret)
{
	size_t colon = span_find(s, ':');
	span kind = span_sub(s, 0, colon), rest = span_sub(s, colon + 1, s.n);
	ret->hole = span_is(kind, "name") ? HOLE_NAME : span_is(kind, "path") ? HOLE_PATH : span_is(kind, "url") ? HOLE_URL : HOLE_NONE;
	ENSURE(ret->hole != HOLE_NONE && span_starts(rest, SPAN("input.")) && rest.n > 6, E_BAD_REQUEST);
	rest = span_sub(rest, 6, rest.n);
	uint8_t *p = arena_alloc(a, rest.n + 1);
	ENSURE(p, E_NO_MEMORY);
	size_t n = 0;
	if (rest.p[0] != '/')
		p[n++] = '/';
	bool dotted = rest.p[0] != '/';
	for (size_t i = 0; i < rest.n; i++)
		p[n++] = dotted && rest.p[i] == '.' ? '/' : rest.p[i];
	ret->text = span_make(p, n);
	return OK;
}

status
mapping_parse(span text, struct arena *a, struct mapping **ret)
{
	struct mapping *m = ARENA_NEW(a, struct mapping);
	ENSURE(m, E_NO_MEMORY);
	span s = arena_copy(a, text);
	ENSURE(arena_ok(a), E_NO_MEMORY);
	size_t at = 0;
	while (at + 3 <= s.n && memcmp(s.p + at, "::\"", 3) != 0)
		at++;
	ENSURE(at + 4 <= s.n && s.p[s.n - 1] == '"', E_BAD_REQUEST);
	m->type = span_sub(s, 0, at);
	ENSURE(type_ok(m->type), E_BAD_REQUEST);
	span body = span_sub(s, at + 3, s.n - at - 4);
	while (body.n) {
		ENSURE(m->n < ARRAY_LEN(m->parts), E_LIMIT);
		struct mapping_part *part = &m->parts[m->n++];
		if (body.p[0] == '{') {
			size_t end = span_find(body, '}');
			ENSURE(end < body.n, E_BAD_REQUEST);
			TRY(hole_parse(span_sub(body, 1, end - 1), a, part));
			body = span_sub(body, end + 1, body.n);
			continue;
		}
		size_t end = span_find(body, '{');
		part->text = span_sub(body, 0, end);
		ENSURE(span_find(part->text, '"') == end && span_find(part->text, '}') == end && span_find(part->text, '\\') == end,
		       E_BAD_REQUEST);
		body = span_sub(body, end, body.n);
	}
	*ret = m;
	return OK;
}

bool
mapping_name_ok(span s)
{
	if (!s.n || span_is(s, ".") || span_is(s, ".."))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '_' && s.p[i] != '-')
			return false;
	return true;
}

bool
mapping_path_ok(span s)
{
	if (!s.n || s.p[0] != '/')
		return false;
	if (s.n == 1)
		return true;
	size_t from = 1;
	for (size_t i = 1; i <= s.n; i++) {
		if (i < s.n && (s.p[i] == 0 || s.p[i] == '\\'))
			return false;
		if (i < s.n && s.p[i] != '/')
			continue;
		span seg = span_sub(s, from, i - from);
		if (!seg.n || span_is(seg, ".") || span_is(seg, ".."))
			return false;
		from = i + 1;
	}
	return true;
}

status
mapping_url(span s, struct arena *a, span *ret)
{
	struct url u;
	status st = url_parse(s, a, &u, NULL);
	if (failed(st))
		return FAIL(st.code == E_NO_MEMORY ? E_NO_MEMORY : E_BAD_ARGUMENTS);
	/* An empty segment ("//") is read in two ways by servers. */
	for (size_t i = 0; i + 1 < u.path.n; i++)
		ENSURE(u.path.p[i] != '/' || u.path.p[i + 1] != '/', E_BAD_ARGUMENTS);
	size_t n = u.origin.n + u.path.n + (u.query.p ? u.query.n + 1 : 0);
	uint8_t *out = arena_alloc(a, n + 1);
	ENSURE(out, E_NO_MEMORY);
	memcpy(out, u.origin.p, u.origin.n);
	memcpy(out + u.origin.n, u.path.p, u.path.n);
	if (u.query.p) {
		out[u.origin.n + u.path.n] = '?';
		if (u.query.n)
			memcpy(out + u.origin.n + u.path.n + 1, u.query.p, u.query.n);
	}
	*ret = span_make(out, n);
	return OK;
}

status
mapping_apply(const struct mapping *m, const struct json *args, struct arena *a, span *ret_id)
{
	span value[ARRAY_LEN(m->parts)];
	size_t total = 0;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct mapping_part *part = &m->parts[i];
		value[i] = part->text;
		if (part->hole != HOLE_NONE) {
			const struct json *v = json_pointer(args, part->text);
			ENSURE(json_is_str(v), E_BAD_ARGUMENTS);
			value[i] = v->str;
			if (part->hole == HOLE_NAME)
				ENSURE(mapping_name_ok(v->str), E_BAD_ARGUMENTS);
			if (part->hole == HOLE_PATH)
				ENSURE(mapping_path_ok(v->str), E_BAD_ARGUMENTS);
			if (part->hole == HOLE_URL)
				TRY(mapping_url(v->str, a, &value[i]));
		}
		total += value[i].n;
	}
	ENSURE(total <= 4096, E_BAD_ARGUMENTS);
	uint8_t *p = arena_alloc(a, total + 1);
	ENSURE(p, E_NO_MEMORY);
	size_t n = 0;
	for (uint32_t i = 0; i < m->n; i++) {
		if (value[i].n)
			memcpy(p + n, value[i].p, value[i].n);
		n += value[i].n;
	}
	*ret_id = span_make(p, n);
	return OK;
}
