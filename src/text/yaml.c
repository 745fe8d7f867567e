/* libyaml's events, made into a tree. The only file that knows libyaml. */
#include "text/yaml.h"
#include "text/json_priv.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <yaml.h>

enum { MAX_BYTES = 1 << 20, MAX_DEPTH = 64, MAX_NODES = 131072 };

/* Where the keys of one mapping stand; the newest mapping first. */
struct yaml_marks {
	const struct yaml_marks *older;
	const struct json_member *members;
	const uint32_t *key_at;
	size_t n;
};

struct entry {
	struct json_member m;
	uint32_t key_at;
};

struct loader {
	yaml_parser_t parser;
	struct arena *arena;
	const char *file;
	struct buf *err;
	struct entry *st;       /* children of open containers, as in json.c */
	size_t n, cap;
	uint32_t nodes, depth;
	const struct yaml_marks *marks;
};

static uint32_t
place(yaml_mark_t m)
{
	/* MAX_BYTES keeps lines within 20 bits. */
	return (uint32_t)(m.line + 1) << 12 | (uint32_t)(m.column + 1 < 4095 ? m.column + 1 : 4095);
}

static status
bad(struct loader *l, uint16_t code, uint32_t at, const char *why, span what)
{
	if (l->err) {
		buf_printf(l->err, "%s:%u:%u: %s", l->file, yaml_line(at), yaml_column(at), why);
		if (what.p)
			buf_printf(l->err, " \"%.*s\"", (int)(what.n < 80 ? what.n : 80), (const char *)what.p);
		buf_put_u8(l->err, '\n');
	}
	return FAIL(code);
}

static status
no_room(struct loader *l, uint32_t at, size_t n)
{
	uint16_t code = json_arena_error(l->arena, n);
	return code == E_LIMIT ? bad(l, code, at, "the document is too large", (span){ 0 }) : FAIL(code);
}

/* The parser's own complaint. */
static status
syntax_error(struct loader *l)
{
	yaml_mark_t m = l->parser.problem_mark;
	if (l->parser.error == YAML_MEMORY_ERROR)
		return FAIL(E_NO_MEMORY);
	return bad(l, E_BAD_CONFIG, place(m), l->parser.problem ? l->parser.problem : "not readable as YAML", (span){ 0 });
}

static status
next(struct loader *l, yaml_event_t *e)
{
	memset(e, 0, sizeof *e);
	return yaml_parser_parse(&l->parser, e) ? OK : syntax_error(l);
}

/* JSON's integers, and nothing else that YAML ever took for a number. */
static bool
plain_value(span s, struct json *v)
{
	int64_t i;
	if (s.n == 0 || span_is(s, "null"))
		*v = (struct json){ .kind = JSON_NULL };
	else if (span_is(s, "true") || span_is(s, "false"))
		*v = json_make_bool(s.p[0] == 't');
	else if (span_to_i64(s, &i))
		*v = json_make_int(i);
	else
		return false;
	return true;
}

static status
scalar_text(struct loader *l, const yaml_event_t *e, span *ret)
{
	span s = span_make(e->data.scalar.value, e->data.scalar.length);
	if (!utf8_ok(s) || span_find(s, 0) != s.n)
		return bad(l, E_BAD_CONFIG, place(e->start_mark), "NUL or bad UTF-8 in text", (span){ 0 });
	*ret = arena_copy(l->arena, s);
	return s.n && !ret->p ? no_room(l, place(e->start_mark), s.n) : OK;
}

/* Refuses what makes one text mean another. */
static status
no_magic(struct loader *l, const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	if (e->type == YAML_ALIAS_EVENT)
		return bad(l, E_BAD_CONFIG, place(e->start_mark), "aliases are not supported", (span){ 0 });
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	if (anchor)
		return bad(l, E_BAD_CONFIG, place(e->start_mark), "anchors are not supported", (span){ 0 });
	if (tag)
		return bad(l, E_BAD_CONFIG, place(e->start_mark), "tags are not supported", (span){ 0 });
	return OK;
}

static status
push(struct loader *l, struct entry e)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct entry *st = realloc(l->st, cap * sizeof *st);
		ENSURE(st, E_NO_MEMORY);
		l->st = st;
		l->cap = cap;
	}
	l->st[l->n++] = e;
	return OK;
}

static status node(struct loader *l, yaml_event_t *e, struct json *ret);

/* Entries from `base` on become the array's items. */
static status
sequence(struct loader *l, uint32_t at, struct json *ret)
{
	size_t base = l->n;
	for (;;) {
		yaml_event_t e;
		struct entry item = { 0 };
		TRY(next(l, &e));
		bool end = e.type == YAML_SEQUENCE_END_EVENT;
		status s = end ? OK : node(l, &e, &item.m.value);
		yaml_event_delete(&e);
		TRY(s);
		if (end)
			break;
		TRY(push(l, item));
	}
	size_t n = l->n - base;
	struct json *items = arena_alloc(l->arena, n * sizeof *items + 1);
	if (!items)
		return no_room(l, at, n * sizeof *items);
	for (size_t i = 0; i < n; i++)
		items[i] = l->st[base + i].m.value;
	l->n = base;
	*ret = json_make_arr(items, n);
	return OK;
}

static status
mapping_key(struct loader *l, const yaml_event_t *e, struct entry *ret)
{
	TRY(no_magic(l, e));
	ret->key_at = place(e->start_mark);
	if (e->type != YAML_SCALAR_EVENT)
		return bad(l, E_BAD_CONFIG, ret->key_at, "a key must be plain text", (span){ 0 });
	TRY(scalar_text(l, e, &ret->m.key));
	if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && span_is(ret->m.key, "<<"))
		return bad(l, E_BAD_CONFIG, ret->key_at, "merge keys are not supported", (span){ 0 });
	return OK;
}

static status
finish_mapping(struct loader *l, size_t base, uint32_t at, struct json *ret)
{
	size_t n = l->n - base, dup = 0;
	struct yaml_marks *marks = arena_alloc(l->arena, sizeof *marks);
	struct json_member *members = arena_alloc(l->arena, n * sizeof *members + 1);
	uint32_t *key_at = arena_alloc(l->arena, n * sizeof *key_at + 1);
	if (!marks || !members || !key_at)
		return no_room(l, at, n * sizeof *members);
	for (size_t i = 0; i < n; i++) {
		members[i] = l->st[base + i].m;
		key_at[i] = l->st[base + i].key_at;
	}
	*marks = (struct yaml_marks){ l->marks, members, key_at, n };
	l->marks = marks;
	l->n = base;
	status s = json_make_obj(l->arena, members, n, ret, &dup);
	return s.code == E_BAD_JSON ? bad(l, E_BAD_CONFIG, key_at[dup], "duplicate key", members[dup].key) : s;
}

static status
mapping(struct loader *l, uint32_t at, struct json *ret)
{
	size_t base = l->n;
	for (;;) {
		yaml_event_t e;
		struct entry m = { 0 };
		TRY(next(l, &e));
		bool end = e.type == YAML_MAPPING_END_EVENT;
		status s = end ? OK : mapping_key(l, &e, &m);
		yaml_event_delete(&e);
		TRY(s);
		if (end)
			return finish_mapping(l, base, at, ret);
		TRY(next(l, &e));
		s = node(l, &e, &m.m.value);
		yaml_event_delete(&e);
		TRY(s);
		TRY(push(l, m));
	}
}

static status
node(struct loader *l, yaml_event_t *e, struct json *ret)
{
	uint32_t at = place(e->start_mark);
	status s = OK;
	TRY(no_magic(l, e));
	if (l->nodes++ == MAX_NODES)
		return bad(l, E_LIMIT, at, "too many values", (span){ 0 });
	if (e->type == YAML_SCALAR_EVENT) {
		span text;
		TRY(scalar_text(l, e, &text));
		if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || !plain_value(text, ret))
			*ret = json_make_str(text);
	} else if (l->depth == MAX_DEPTH) {
		return bad(l, E_LIMIT, at, "nested too deeply", (span){ 0 });
	} else {
		l->depth++;
		s = e->type == YAML_SEQUENCE_START_EVENT ? sequence(l, at, ret) : mapping(l, at, ret);
		l->depth--;
	}
	ret->at = at;
	return s;
}

/* Stream: documents until its end. They are collected on the stack like items. */
static status
stream(struct loader *l)
{
	for (;;) {
		yaml_event_t e;
		struct entry doc = { 0 };
		status s = OK;
		TRY(next(l, &e));
		yaml_event_type_t type = e.type;
		if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT && type != YAML_DOCUMENT_START_EVENT &&
		    type != YAML_DOCUMENT_END_EVENT) {
			s = node(l, &e, &doc.m.value);
			if (!failed(s))
				s = push(l, doc);
		}
		yaml_event_delete(&e);
		TRY(s);
		if (type == YAML_STREAM_END_EVENT)
			return OK;
	}
}

static status
load(struct loader *l, struct yaml *ret)
{
	TRY(stream(l));
	struct json *docs = arena_alloc(l->arena, l->n * sizeof *docs + 1);
	if (!docs)
		return no_room(l, place((yaml_mark_t){ 0 }), l->n * sizeof *docs);
	for (size_t i = 0; i < l->n; i++)
		docs[i] = l->st[i].m.value;
	*ret = (struct yaml){ .file = l->file, .docs = docs, .n = l->n, .marks = l->marks };
	return OK;
}

status
yaml_parse(span text, const char *file, struct arena *a, struct yaml *ret, struct buf *reterr)
{
	struct loader l = { .arena = a, .file = file, .err = reterr };
	yaml_mark_t top = { 0 };
	if (text.n > MAX_BYTES)
		return bad(&l, E_LIMIT, place(top), "larger than 1 MiB", (span){ 0 });
	if (span_starts(text, SPAN("\xef\xbb\xbf")))
		return bad(&l, E_BAD_CONFIG, place(top), "begins with a byte order mark", (span){ 0 });
	size_t good = utf8_check(text);
	if (good != text.n) {
		for (size_t i = 0; i < good; i++)
			top.line += text.p[i] == '\n';
		return bad(&l, E_BAD_CONFIG, place(top), "is not UTF-8", (span){ 0 });
	}
	ENSURE(yaml_parser_initialize(&l.parser), E_NO_MEMORY);
	/* Else a leading FE FF would make it UTF-16. */
	yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.parser, text.p ? text.p : (const uint8_t *)"", text.n);
	status s = load(&l, ret);
	yaml_parser_delete(&l.parser);
	free(l.st);
	return s;
}

uint32_t
yaml_key_at(const struct yaml *y, const struct json *obj, size_t i)
{
	if (json_is_obj(obj))
		for (const struct yaml_marks *m = y->marks; m; m = m->older)
			if (m->members == obj->obj.members && i < m->n)
				return m->key_at[i];
	return 0;
}
