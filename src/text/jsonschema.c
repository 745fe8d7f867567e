/* The compiler. Subschemas that stand in place are compiled by descent; targets of $ref come from a list of work, so that a chain of
 * references takes no stack. */
#include "text/jsonschema_priv.h"
#include "text/json_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_SUBSCHEMAS = 10000, MAX_BYTES = 1 << 20, MAX_MEMORY = 16 << 20, MAX_REF = 1024 };

/* A target of $ref. */
struct target {
	const struct json *at;
	struct node *node;
	span ref;               /* for messages */
	struct target *next;
};

struct compiler {
	struct arena *a;
	const struct json *root;
	struct target *targets;
	struct target *todo;    /* the targets before this one in the list are new */
	unsigned count;
	struct jsonschema_error *err;
};

static size_t
put_step(const struct step *s, char *out, size_t room)
{
	size_t n = s->up ? put_step(s->up, out, room) : 0;
	char t[24];
	span key = s->key;
	if (s->item)
		key = span_make(t, (size_t)snprintf(t, sizeof t, "%zu", s->i));
	if (n < room)
		out[n++] = '/';
	for (size_t i = 0; i < key.n && n + 1 < room; i++) {
		uint8_t c = key.p[i];
		if (c == '~' || c == '/') {
			out[n++] = '~';
			c = c == '~' ? '0' : '1';
		}
		out[n++] = (char)c;
	}
	return n;
}

void
jsonschema_put_pointer(const struct step *s, struct jsonschema_error *e)
{
	size_t n = s ? put_step(s, e->pointer, sizeof e->pointer - 1) : 0;
	e->pointer[n] = '\0';
}

static status
bad(struct compiler *c, const struct step *at, uint16_t code, const char *key, const char *why)
{
	if (c->err) {
		jsonschema_put_pointer(at, c->err);
		snprintf(c->err->reason, sizeof c->err->reason, "%s%s%s", key ? key : "", key ? ": " : "", why);
	}
	return FAIL(code);
}

static status
take(struct compiler *c, size_t count, size_t size, void *ret)
{
	void *p = arena_array(c->a, count ? count : 1, size);
	ENSURE(p, json_arena_error(c->a, count * size));
	memcpy(ret, &p, sizeof p);
	return OK;
}

static status compile(struct compiler *c, const struct json *s, const struct step *at, struct node *n);

static status
new_node(struct compiler *c, const struct step *at, struct node **ret)
{
	struct node *n;
	if (c->count++ == MAX_SUBSCHEMAS)
		return bad(c, at, E_BAD_SCHEMA, NULL, "more than 10,000 subschemas");
	TRY(take(c, 1, sizeof *n, &n));
	for (int i = 0; i < SIZE_COUNT; i++)
		n->low[i] = n->high[i] = -1;
	*ret = n;
	return OK;
}

static status
subschema(struct compiler *c, const struct json *s, const struct step *up, span key, const struct node **ret)
{
	struct step at = { .up = up, .key = key };
	struct node *n;
	TRY(new_node(c, &at, &n));
	*ret = n;
	return compile(c, s, &at, n);
}

static status
opt_subschema(struct compiler *c, const struct json *s, const struct step *at, const char *key, const struct node **ret)
{
	const struct json *v = json_gets(s, key);
	return v ? subschema(c, v, at, span_str(key), ret) : OK;
}

/* An array of schemas. */
static status
schema_list(struct compiler *c, const struct json *v, const struct step *up, const char *key, struct node_list *ret)
{
	struct step at = { .up = up, .key = span_str(key) };
	if (v->kind != JSON_ARR)
		return bad(c, up, E_BAD_SCHEMA, key, "must be an array");
	TRY(take(c, v->arr.n, sizeof *ret->nodes, &ret->nodes));
	ret->n = v->arr.n;
	for (size_t i = 0; i < v->arr.n; i++) {
		struct step item = { .up = &at, .i = i, .item = true };
		struct node *n;
		TRY(new_node(c, &item, &n));
		ret->nodes[i] = n;
		TRY(compile(c, &v->arr.items[i], &item, n));
	}
	return OK;
}

static status
opt_list(struct compiler *c, const struct json *s, const struct step *at, const char *key, struct node_list *ret)
{
	const struct json *v = json_gets(s, key);
	if (v && v->kind == JSON_ARR && v->arr.n == 0)
		return bad(c, at, E_BAD_SCHEMA, key, "must not be empty");
	return v ? schema_list(c, v, at, key, ret) : OK;
}

/* ---- keywords ---- */

static const struct { const char *name; uint8_t bit; } type_names[] = {
	{ "null", TYPE_NULL }, { "boolean", TYPE_BOOL }, { "integer", TYPE_INTEGER }, { "number", TYPE_NUMBER | TYPE_INTEGER },
	{ "string", TYPE_STRING }, { "array", TYPE_ARRAY }, { "object", TYPE_OBJECT },
};

static uint8_t
type_bit(const struct json *v)
{
	for (size_t i = 0; v->kind == JSON_STR && i < ARRAY_LEN(type_names); i++)
		if (span_is(v->str, type_names[i].name))
			return type_names[i].bit;
	return 0;
}

static status
compile_types(struct compiler *c, const struct json *s, const struct step *at, struct node *n)
{
	const struct json *v = json_gets(s, "type");
	if (!v)
		return OK;
	n->types = type_bit(v);
	json_for_items(it, v) {
		uint8_t bit = type_bit(it);
		if (!bit)
			return bad(c, at, E_BAD_SCHEMA, "type", "unknown type");
		n->types |= bit;
	}
	return n->types ? OK : bad(c, at, E_BAD_SCHEMA, "type", "unknown type");
}

static status
compile_numbers(struct compiler *c, const struct json *s, const struct step *at, struct node *n)
{
	/* ORDER number_bound */
	static const char *const keys[] = { "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf" };
	for (int i = 0; i < NUMBER_BOUNDS; i++) {
		const struct json *v = json_gets(s, keys[i]);
		if (v && !json_is_number(v))
			return bad(c, at, E_BAD_SCHEMA, keys[i], "must be a number");
		if (v && i == MULTIPLE_OF && (v->kind == JSON_INT ? v->i <= 0 : v->num.d <= 0))
			return bad(c, at, E_BAD_SCHEMA, keys[i], "must be greater than zero");
		n->bound[i] = v;
	}
	return OK;
}

static status
compile_sizes(struct compiler *c, const struct json *s, const struct step *at, struct node *n)
{
	/* ORDER size_of */
	static const char *const low[] = { "minLength", "minItems", "minProperties" }, *const high[] = { "maxLength", "maxItems", "maxProperties" };
	for (int i = 0; i < 2 * SIZE_COUNT; i++) {
		const char *key = i < SIZE_COUNT ? low[i] : high[i - SIZE_COUNT];
		const struct json *v = json_gets(s, key);
		if (!v)
			continue;
		if (v->kind != JSON_INT || v->i < 0)
			return bad(c, at, E_BAD_SCHEMA, key, "must be a non-negative integer");
		*(i < SIZE_COUNT ? &n->low[i] : &n->high[i - SIZE_COUNT]) = v->i;
	}
	const struct json *v = json_gets(s, "uniqueItems");
	if (v && v->kind != JSON_BOOL)
		return bad(c, at, E_BAD_SCHEMA, "uniqueItems", "must be true or false");
	n->unique = v && v->truth;
	return OK;
}

static status
compile_pattern(struct compiler *c, span text, const struct step *at, const struct regex **ret)
{
	const char *why = NULL;
	status s = regex_compile(text, c->a, ret, &why);
	return failed(s) && s.code != E_NO_MEMORY ? bad(c, at, s.code == E_LIMIT ? E_LIMIT : E_BAD_SCHEMA, "pattern", why) : s;
}

static status
compile_properties(struct compiler *c, const struct json *s, const struct step *up, struct node *n)
{
	const struct json *v = json_gets(s, "properties");
	struct step at = { .up = up, .key = SPAN("properties") };
	if (!v)
		return OK;
	if (v->kind != JSON_OBJ)
		return bad(c, up, E_BAD_SCHEMA, "properties", "must be an object");
	TRY(take(c, v->obj.n, sizeof *n->property, &n->property));
	n->properties = v;
	for (size_t i = 0; i < v->obj.n; i++)
		TRY(subschema(c, &v->obj.members[i].value, &at, v->obj.members[i].key, &n->property[i]));
	return OK;
}

static status
compile_pattern_properties(struct compiler *c, const struct json *s, const struct step *up, struct node *n)
{
	const struct json *v = json_gets(s, "patternProperties");
	struct step at = { .up = up, .key = SPAN("patternProperties") };
	struct pattern_property *p;
	if (!v)
		return OK;
	if (v->kind != JSON_OBJ)
		return bad(c, up, E_BAD_SCHEMA, "patternProperties", "must be an object");
	TRY(take(c, v->obj.n, sizeof *p, &p));
	n->patterns = p;
	n->n_patterns = v->obj.n;
	for (size_t i = 0; i < v->obj.n; i++) {
		TRY(compile_pattern(c, v->obj.members[i].key, &at, &p[i].pattern));
		TRY(subschema(c, &v->obj.members[i].value, &at, v->obj.members[i].key, &p[i].node));
	}
	return OK;
}

static bool
all_strings(const struct json *v)
{
	json_for_items(it, v)
		if (it->kind != JSON_STR)
			return false;
	return v->kind == JSON_ARR;
}

static status
compile_required(struct compiler *c, const struct json *s, const struct step *at, struct node *n)
{
	n->required = json_gets(s, "required");
	if (n->required && !all_strings(n->required))
		return bad(c, at, E_BAD_SCHEMA, "required", "must be an array of strings");
	n->dependent = json_gets(s, "dependentRequired");
	if (n->dependent && n->dependent->kind != JSON_OBJ)
		return bad(c, at, E_BAD_SCHEMA, "dependentRequired", "must be an object");
	json_for_members(m, n->dependent)
		if (!all_strings(&m->value))
			return bad(c, at, E_BAD_SCHEMA, "dependentRequired", "must hold arrays of strings");
	return OK;
}

/* "items" as an array, and "additionalItems", are what 2020-12 calls prefixItems and items. */
static status
compile_items(struct compiler *c, const struct json *s, const struct step *at, struct node *n)
{
	const struct json *items = json_gets(s, "items");
	TRY(opt_list(c, s, at, "prefixItems", &n->prefix));
	if (!json_is_arr(items))
		return opt_subschema(c, s, at, "items", &n->items);
	if (n->prefix.n)
		return bad(c, at, E_BAD_SCHEMA, "items", "must not be an array beside prefixItems");
	TRY(schema_list(c, items, at, "items", &n->prefix));
	return opt_subschema(c, s, at, "additionalItems", &n->items);
}

static status
compile_combinations(struct compiler *c, const struct json *s, const struct step *at, struct node *n)
{
	TRY(opt_list(c, s, at, "allOf", &n->all));
	TRY(opt_list(c, s, at, "anyOf", &n->any));
	TRY(opt_list(c, s, at, "oneOf", &n->one));
	TRY(opt_subschema(c, s, at, "not", &n->not));
	TRY(opt_subschema(c, s, at, "if", &n->cond));
	TRY(opt_subschema(c, s, at, "then", &n->then));
	return opt_subschema(c, s, at, "else", &n->otherwise);
}

/* ---- references ---- */

/* The pointer of a URI fragment: RFC 6901 §6. */
static bool
percent_decoded(span s, char out[static MAX_REF], span *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned v;
		char hex[3] = { 0 };
		if (n == MAX_REF)
			return false;
		out[n++] = (char)s.p[i];
		if (s.p[i] != '%')
			continue;
		if (s.n - i < 3)
			return false;
		memcpy(hex, s.p + i + 1, 2);
		if (strspn(hex, "0123456789abcdefABCDEF") != 2 || sscanf(hex, "%x", &v) != 1)
			return false;
		out[n - 1] = (char)v;
		i += 2;
	}
	*ret = span_make(out, n);
	return true;
}

static status
compile_ref(struct compiler *c, const struct json *s, const struct step *at, struct node *n)
{
	const struct json *v = json_gets(s, "$ref");
	char room[MAX_REF];
	span pointer;
	struct target *t;
	if (!v)
		return OK;
	if (v->kind != JSON_STR)
		return bad(c, at, E_BAD_SCHEMA, "$ref", "must be a string");
	if (v->str.n == 0 || v->str.p[0] != '#' || (v->str.n > 1 && v->str.p[1] != '/'))
		return bad(c, at, E_BAD_SCHEMA, "$ref", "only references within the schema (\"#\", \"#/...\") are supported");
	if (!percent_decoded(span_sub(v->str, 1, v->str.n), room, &pointer))
		return bad(c, at, E_BAD_SCHEMA, "$ref", "malformed");
	const struct json *target = json_pointer(c->root, pointer);
	if (!target)
		return bad(c, at, E_BAD_SCHEMA, "$ref", "points to nothing");
	for (t = c->targets; t; t = t->next) {
		if (t->at == target) {
			n->ref = t->node;
			return OK;
		}
	}
	TRY(take(c, 1, sizeof *t, &t));
	TRY(new_node(c, at, &t->node));
	t->at = target;
	t->ref = span_sub(v->str, 2, v->str.n);
	t->next = c->targets;
	c->targets = t;
	n->ref = t->node;
	return OK;
}

/* Targets found while compiling targets come to the front; until none is new. */
static status
compile_targets(struct compiler *c)
{
	while (c->targets != c->todo) {
		struct target *first = c->targets, *last = c->todo;
		c->todo = first;
		for (struct target *t = first; t != last; t = t->next) {
			struct step at = { .key = t->ref };
			TRY(compile(c, t->at, &at, t->node));
		}
	}
	return OK;
}

static status
compile(struct compiler *c, const struct json *s, const struct step *at, struct node *n)
{
	if (s->kind == JSON_BOOL) {
		n->never = !s->truth;
		return OK;
	}
	if (s->kind != JSON_OBJ)
		return bad(c, at, E_BAD_SCHEMA, NULL, "a schema must be an object, true or false");
	n->enums = json_gets(s, "enum");
	if (n->enums && n->enums->kind != JSON_ARR)
		return bad(c, at, E_BAD_SCHEMA, "enum", "must be an array");
	n->constant = json_gets(s, "const");
	const struct json *pattern = json_gets(s, "pattern");
	if (pattern && pattern->kind != JSON_STR)
		return bad(c, at, E_BAD_SCHEMA, "pattern", "must be a string");
	if (pattern)
		TRY(compile_pattern(c, pattern->str, at, &n->pattern));
	TRY(compile_types(c, s, at, n));
	TRY(compile_numbers(c, s, at, n));
	TRY(compile_sizes(c, s, at, n));
	TRY(compile_required(c, s, at, n));
	TRY(compile_properties(c, s, at, n));
	TRY(compile_pattern_properties(c, s, at, n));
	TRY(opt_subschema(c, s, at, "additionalProperties", &n->additional));
	TRY(opt_subschema(c, s, at, "propertyNames", &n->names));
	TRY(compile_items(c, s, at, n));
	TRY(compile_combinations(c, s, at, n));
	return compile_ref(c, s, at, n);
}

/* ---- the object ---- */

/* The schema through text, so that the copy shares nothing with the original. */
static status
copy_schema(struct compiler *c, const struct json *schema)
{
	CLEANUP(buf_fini) struct buf b;
	struct json_opts o = { .max_bytes = MAX_BYTES, .copy = true, .allow_nul = true };
	struct json_error e = { 0 };
	buf_init(&b, MAX_BYTES);
	struct json_writer w = json_w(&b);
	json_w_value(&w, schema);
	status s = buf_finish(&b);
	if (s.code == E_LIMIT)
		return bad(c, NULL, E_LIMIT, NULL, "larger than 1 MiB");
	TRY(s);
	s = json_parse(buf_span(&b), &o, c->a, &c->root, &e);
	return s.code == E_LIMIT ? bad(c, NULL, E_LIMIT, NULL, e.reason) : s;
}

status
jsonschema_compile(const struct json *schema, struct jsonschema **ret, struct jsonschema_error *reterr)
{
	CLEANUP(jsonschema_freep) struct jsonschema *s = malloc(sizeof *s);
	struct node *root;
	ENSURE(s, E_NO_MEMORY);
	arena_init(&s->arena, MAX_MEMORY);
	struct compiler c = { .a = &s->arena, .err = reterr };
	TRY(copy_schema(&c, schema));
	TRY(new_node(&c, NULL, &root));
	s->root = root;
	TRY(compile(&c, c.root, NULL, root));
	TRY(compile_targets(&c));
	*ret = TAKE(s);
	return OK;
}

struct jsonschema *
jsonschema_free(struct jsonschema *s)
{
	if (s)
		arena_fini(&s->arena);
	free(s);
	return NULL;
}

void
jsonschema_freep(struct jsonschema **s)
{
	*s = jsonschema_free(*s);
}
