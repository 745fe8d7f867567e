#include "text/schema_table.h"
#include "text/json_priv.h"
#include "text/suggest.h"
#include "text/time.h"

enum { MAX_FAULTS = 20, MAX_DEPTH = 32 };

/* The way from the root to the value at hand. */
struct step {
	const struct step *up;
	const char *key;        /* NULL: item i */
	size_t i;
};

struct reading {
	const struct yaml *y;
	struct arena *a;
	struct buf *err;
	unsigned faults, depth;
};

static void
put_pointer(const struct step *s, struct buf *out)
{
	if (!s)
		return;
	put_pointer(s->up, out);
	buf_put_u8(out, '/');
	if (s->key)
		buf_put_str(out, s->key);
	else
		buf_put_udec(out, s->i);
}

void
schema_where(const struct yaml *y, uint32_t at, struct buf *out)
{
	buf_printf(out, "%s:%u:%u: ", y->file, yaml_line(at), yaml_column(at));
}

/* Begins the line of a fault; false when enough were shown. The caller ends it. */
static bool
fault(struct reading *r, const struct step *s, uint32_t at)
{
	if (r->faults++ >= MAX_FAULTS || !r->err)
		return false;
	if (r->y) {
		schema_where(r->y, at, r->err);
	} else {
		put_pointer(s, r->err);
		buf_put_str(r->err, ": ");
	}
	return true;
}

static void
put_bound(struct buf *b, const struct schema_field *f, int64_t v)
{
	if (f->kind == SCHEMA_DURATION)
		duration_put(v, b);
	else
		buf_put_dec(b, v);
}

/* "from 1 to 9", "at least 1", "at most 9". */
static void
put_bounds(struct buf *b, const struct schema_field *f)
{
	if (!f->max)
		buf_put_str(b, "at least ");
	else
		buf_put_str(b, f->min ? "from " : f->kind == SCHEMA_INT || f->kind == SCHEMA_DURATION ? "from " : "at most ");
	if (!f->max || f->min || f->kind == SCHEMA_INT || f->kind == SCHEMA_DURATION)
		put_bound(b, f, f->min);
	if (f->max && (f->min || f->kind == SCHEMA_INT || f->kind == SCHEMA_DURATION))
		buf_put_str(b, " to ");
	if (f->max)
		put_bound(b, f, f->max);
}

static bool
bounded(struct reading *r, const struct step *s, const struct json *v, const struct schema_field *f, int64_t n, const char *unit)
{
	if ((!f->min && !f->max) || (n >= f->min && (!f->max || n <= f->max)))
		return true;
	if (fault(r, s, v->at)) {
		buf_printf(r->err, "%s must be ", f->key);
		put_bounds(r->err, f);
		buf_printf(r->err, "%s\n", unit);
	}
	return false;
}

/* `must` reads on from the key: "a string". */
static void
wrong_kind(struct reading *r, const struct step *s, const struct json *v, const char *key, const char *wanted)
{
	if (fault(r, s, v->at))
		buf_printf(r->err, "%s must be %s, not %s\n", key, wanted, json_kind_name(v->kind));
}

static status read_struct(struct reading *r, const struct schema *s, const struct json *v, const struct step *at, void *ret);

static void
read_word(struct reading *r, const struct schema_field *f, const struct json *v, const struct step *at, void *ret)
{
	struct suggest near = { .given = v->kind == JSON_STR ? v->str : (span){ 0 } };
	if (v->kind == JSON_STR) {
		for (int i = 0; f->words[i]; i++) {
			if (span_is(v->str, f->words[i])) {
				memcpy(ret, &i, sizeof i);
				return;
			}
			suggest_offer(&near, span_str(f->words[i]));
		}
	}
	if (!fault(r, at, v->at))
		return;
	buf_printf(r->err, "%s must be one of", f->key);
	for (int i = 0; f->words[i]; i++)
		buf_printf(r->err, "%s %s", i ? "," : "", f->words[i]);
	if (near.best.p)
		buf_printf(r->err, "; did you mean \"%.*s\"?", SPAN_ARG(near.best));
	buf_put_u8(r->err, '\n');
}

static status
read_list(struct reading *r, const struct schema_field *f, const struct json *v, const struct step *at, void *ret)
{
	size_t size = f->kind == SCHEMA_STRS ? sizeof(span) : f->sub->size;
	struct schema_list list = { 0 };
	if (v->kind != JSON_ARR) {
		wrong_kind(r, at, v, f->key, "a list");
		return OK;
	}
	if (!bounded(r, at, v, f, (int64_t)v->arr.n, " items"))
		return OK;
	list.n = v->arr.n;
	list.items = arena_array(r->a, list.n, size);
	if (list.n && !list.items)
		return FAIL(json_arena_error(r->a, list.n * size));
	for (size_t i = 0; i < list.n; i++) {
		const struct json *item = &v->arr.items[i];
		uint8_t *to = (uint8_t *)list.items + i * size;
		struct step here = { at, NULL, i };
		if (f->kind == SCHEMA_OBJS) {
			if (f->sub->init)
				memcpy(to, f->sub->init, size);
			TRY(read_struct(r, f->sub, item, &here, to));
		} else if (item->kind != JSON_STR) {
			wrong_kind(r, &here, item, f->key, "a list of strings");
		} else {
			memcpy(to, &item->str, sizeof item->str);
		}
	}
	memcpy(ret, &list, sizeof list);
	return OK;
}

static status
read_field(struct reading *r, const struct schema_field *f, const struct json *v, const struct step *at, void *ret)
{
	int64_t d;
	switch ((enum schema_kind)f->kind) {
	case SCHEMA_STR:
		if (v->kind != JSON_STR)
			wrong_kind(r, at, v, f->key, "a string");
		else if (bounded(r, at, v, f, (int64_t)v->str.n, " bytes long"))
			memcpy(ret, &v->str, sizeof v->str);
		return OK;
	case SCHEMA_INT:
		if (v->kind != JSON_INT)
			wrong_kind(r, at, v, f->key, "an integer");
		else if (bounded(r, at, v, f, v->i, ""))
			memcpy(ret, &v->i, sizeof v->i);
		return OK;
	case SCHEMA_BOOL:
		if (v->kind != JSON_BOOL)
			wrong_kind(r, at, v, f->key, "true or false");
		else
			memcpy(ret, &v->truth, sizeof v->truth);
		return OK;
	case SCHEMA_DURATION:
		if (v->kind != JSON_STR || !duration_parse(v->str, &d)) {
			if (fault(r, at, v->at))
				buf_printf(r->err, "%s must be a duration such as 90s, 15m, 2h or 7d\n", f->key);
		} else if (bounded(r, at, v, f, d, "")) {
			memcpy(ret, &d, sizeof d);
		}
		return OK;
	case SCHEMA_WORD:
		read_word(r, f, v, at, ret);
		return OK;
	case SCHEMA_OBJ:
		return read_struct(r, f->sub, v, at, ret);
	case SCHEMA_STRS:
	case SCHEMA_OBJS:
		return read_list(r, f, v, at, ret);
	case SCHEMA_TREE:
		memcpy(ret, &v, sizeof v);
		return OK;
	}
	return FAIL(E_INTERNAL);
}

static void
unknown_key(struct reading *r, const struct schema *s, const struct json *v, size_t i, const struct step *at)
{
	span key = v->obj.members[i].key;
	struct suggest near = { .given = key };
	if (!fault(r, at, r->y ? yaml_key_at(r->y, v, i) : 0))
		return;
	for (size_t k = 0; k < s->n; k++)
		if (!json_gets(v, s->fields[k].key))
			suggest_offer(&near, span_str(s->fields[k].key));
	buf_printf(r->err, "unknown key \"%.*s\"", (int)(key.n < 80 ? key.n : 80), (const char *)key.p);
	if (near.best.p)
		buf_printf(r->err, ", did you mean \"%.*s\"?", SPAN_ARG(near.best));
	buf_put_u8(r->err, '\n');
}

static const struct schema_field *
field_named(const struct schema *s, span key)
{
	for (size_t i = 0; i < s->n; i++)
		if (span_is(key, s->fields[i].key))
			return &s->fields[i];
	return NULL;
}

static status
read_struct(struct reading *r, const struct schema *s, const struct json *v, const struct step *at, void *ret)
{
	if (v->kind != JSON_OBJ) {
		wrong_kind(r, at, v, s->name, "a mapping");
		return OK;
	}
	ENSURE(r->depth < MAX_DEPTH, E_LIMIT);
	r->depth++;
	for (size_t i = 0; i < v->obj.n; i++) {
		const struct schema_field *f = field_named(s, v->obj.members[i].key);
		if (!f) {
			unknown_key(r, s, v, i, at);
			continue;
		}
		struct step here = { at, f->key, 0 };
		TRY(read_field(r, f, &v->obj.members[i].value, &here, (uint8_t *)ret + f->offset));
		if (f->has)
			*(bool *)((uint8_t *)ret + f->has - 1) = true;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->fields[i].required && !json_gets(v, s->fields[i].key) && fault(r, at, v->at))
			buf_printf(r->err, "%s: %s is missing\n", s->name, s->fields[i].key);
	r->depth--;
	return OK;
}

status
schema_read(const struct schema *s, const struct json *v, const struct yaml *y, struct arena *a, void *ret, struct buf *reterr)
{
	struct reading r = { .y = y, .a = a, .err = reterr };
	TRY(read_struct(&r, s, v, NULL, ret));
	if (r.faults > MAX_FAULTS && r.err)
		buf_printf(r.err, "%u more\n", r.faults - MAX_FAULTS);
	ENSURE(!r.faults, E_BAD_CONFIG);
	return OK;
}

void
schema_doc(const struct schema *s, struct buf *out)
{
	/* ORDER schema_kind */
	static const char *const kinds[] = { "text", "integer", "true or false", "duration", "one of", "mapping", "list of text", "list of mappings", "any value" };
	buf_put_str(out, "| key | kind | meaning |\n|---|---|---|\n");
	for (size_t i = 0; i < s->n; i++) {
		const struct schema_field *f = &s->fields[i];
		buf_printf(out, "| `%s`%s | %s", f->key, f->required ? " (required)" : "", kinds[f->kind]);
		for (size_t k = 0; f->kind == SCHEMA_WORD && f->words[k]; k++)
			buf_printf(out, "%s `%s`", k ? "," : "", f->words[k]);
		if (f->sub)
			buf_printf(out, " %s", f->sub->name);
		if (f->min || f->max) {
			buf_put_str(out, ", ");
			put_bounds(out, f);
		}
		buf_printf(out, " | %s |\n", f->doc ? f->doc : "");
	}
}
