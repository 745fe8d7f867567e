#include "core/envelope.h"

#include "core/pattern.h"

#include <assert.h>
#include <stdlib.h>

static const char *const effect_names[] = { "read", "write", "destructive", "egress" };
static const char *const sensitivity_names[] = { "public", "internal", "confidential", "restricted" };
static const char *const op_names[] = {
	"eq", "ne", "in", "not_in", "lt", "le", "gt", "ge", "prefix", "glob", "max_length", "absent", "present",
};
static_assert(ARRAY_LEN(effect_names) == EFFECT_COUNT);
static_assert(ARRAY_LEN(sensitivity_names) == SENS_COUNT);
static_assert(ARRAY_LEN(op_names) == CON_COUNT);

static bool
find_name(const char *const *names, unsigned n, span s, unsigned *ret)
{
	for (unsigned i = 0; i < n; i++)
		if (span_is(s, names[i])) {
			*ret = i;
			return true;
		}
	return false;
}

const char *effect_name(enum effect e) { return e < EFFECT_COUNT ? effect_names[e] : "?"; }
const char *sensitivity_name(enum sensitivity s) { return s < SENS_COUNT ? sensitivity_names[s] : "?"; }
const char *constraint_op_name(enum constraint_op op) { return op < CON_COUNT ? op_names[op] : "?"; }

bool
effect_from(span s, enum effect *ret)
{
	unsigned i;
	return find_name(effect_names, EFFECT_COUNT, s, &i) && (*ret = (enum effect)i, true);
}

bool
sensitivity_from(span s, enum sensitivity *ret)
{
	unsigned i;
	return find_name(sensitivity_names, SENS_COUNT, s, &i) && (*ret = (enum sensitivity)i, true);
}

static status
refuse(struct json_error *err, const char *key, const struct json *v, const char *reason)
{
	if (err)
		*err = (struct json_error){ v ? v->at : 0, key, reason };
	return FAIL(E_BAD_REQUEST);
}

static status
read_patterns(struct envelope *e, const struct json *v, const char *key, const span **ret, uint16_t *ret_n,
              struct json_error *err)
{
	const struct json *list = NULL;
	TRY(json_opt_arr(v, key, &list, err));
	if (!list)
		return OK;
	ENSURE(list->arr.n <= ENVELOPE_ITEMS, E_LIMIT);
	span *out = arena_array(&e->arena, list->arr.n + 1, sizeof *out);
	ENSURE(out, E_NO_MEMORY);
	json_for_items(it, list) {
		if (!json_is_str(it) || !it->str.n || it->str.n > PATTERN_MAX)
			return refuse(err, key, it, "must be a list of patterns");
		out[*ret_n] = it->str;
		++*ret_n;
	}
	*ret = out;
	return OK;
}

static status
read_effects(struct envelope *e, const struct json *v, struct json_error *err)
{
	const struct json *list = NULL;
	TRY(json_opt_arr(v, "effects", &list, err));
	if (!list) {
		e->effects = (1 << EFFECT_COUNT) - 1;
		return OK;
	}
	json_for_items(it, list) {
		enum effect f;
		if (!json_is_str(it) || !effect_from(it->str, &f))
			return refuse(err, "effects", it, "must be read, write, destructive or egress");
		e->effects = (uint8_t)(e->effects | 1 << f);
	}
	return OK;
}

/* "" or "/…", no malformed escape. */
static bool
pointer_ok(span p)
{
	if (p.n && p.p[0] != '/')
		return false;
	for (size_t i = 0; i < p.n; i++)
		if (p.p[i] == '~' && (i + 1 >= p.n || (p.p[i + 1] != '0' && p.p[i + 1] != '1')))
			return false;
	return true;
}

static bool
value_fits(enum constraint_op op, const struct json *value)
{
	switch (op) {
	case CON_EQ: case CON_NE: return value != NULL;
	case CON_IN: case CON_NOT_IN: return json_is_arr(value);
	case CON_LT: case CON_LE: case CON_GT: case CON_GE: return json_is_number(value);
	case CON_PREFIX: case CON_GLOB: return json_is_str(value) && value->str.n <= PATTERN_MAX;
	case CON_MAX_LENGTH: return json_is_int(value) && value->i >= 0;
	case CON_ABSENT: case CON_PRESENT: return value == NULL;
	case CON_COUNT: break;
	}
	return false;
}

static status
read_constraints(struct envelope *e, const struct json *v, struct json_error *err)
{
	static const char *const names[] = { "tool", "path", "op", "value", NULL };
	const struct json *list = NULL;
	TRY(json_opt_arr(v, "arguments", &list, err));
	if (!list)
		return OK;
	ENSURE(list->arr.n <= ENVELOPE_ITEMS, E_LIMIT);
	struct constraint *out = arena_array(&e->arena, list->arr.n + 1, sizeof *out);
	ENSURE(out, E_NO_MEMORY);
	json_for_items(it, list) {
		struct constraint *c = &out[e->constraint_n];
		span op;
		unsigned n;
		TRY(json_only(it, names, err));
		c->tool = SPAN("**");
		TRY(json_opt_str(it, "tool", &c->tool, err));
		TRY(json_get_str(it, "path", &c->path, err));
		TRY(json_get_str(it, "op", &op, err));
		if (!c->tool.n || c->tool.n > PATTERN_MAX || !pointer_ok(c->path))
			return refuse(err, "path", it, "must be a JSON pointer such as /path");
		if (!find_name(op_names, CON_COUNT, op, &n))
			return refuse(err, "op", it, "unknown comparison");
		c->op = (uint8_t)n;
		c->value = json_gets(it, "value");
		if (!value_fits((enum constraint_op)n, c->value))
			return refuse(err, "value", it, "does not fit the comparison");
		e->constraint_n++;
	}
	e->constraints = out;
	return OK;
}

static status
read_limits(struct envelope *e, const struct json *v, struct json_error *err)
{
	static const char *const names[] = { "calls", "calls_per_minute", "depth", "amounts", NULL };
	static const char *const amount_names[] = { "tool", "path", "max", NULL };
	const struct json *limits = NULL, *list = NULL;
	TRY(json_opt_obj(v, "limits", &limits, err));
	if (!limits)
		return OK;
	int64_t calls = -1, rate = -1, depth = -1;
	TRY(json_only(limits, names, err));
	TRY(json_opt_int(limits, "calls", 0, 1000000000, &calls, err));
	TRY(json_opt_int(limits, "calls_per_minute", 0, 1000000, &rate, err));
	TRY(json_opt_int(limits, "depth", 0, 64, &depth, err));
	TRY(json_opt_arr(limits, "amounts", &list, err));
	e->max_calls = (int32_t)calls;
	e->calls_per_minute = (int32_t)rate;
	e->depth = (int16_t)depth;
	if (!list)
		return OK;
	ENSURE(list->arr.n <= 32, E_LIMIT);
	struct amount *out = arena_array(&e->arena, list->arr.n + 1, sizeof *out);
	ENSURE(out, E_NO_MEMORY);
	json_for_items(it, list) {
		struct amount *a = &out[e->amount_n];
		TRY(json_only(it, amount_names, err));
		a->tool = SPAN("**");
		TRY(json_opt_str(it, "tool", &a->tool, err));
		TRY(json_get_str(it, "path", &a->path, err));
		TRY(json_get_int(it, "max", 0, INT64_MAX, &a->max, err));
		if (!a->tool.n || !pointer_ok(a->path) || span_find(a->path, '*') != a->path.n)
			return refuse(err, "path", it, "must be a JSON pointer such as /amount");
		e->amount_n++;
	}
	e->amounts = out;
	return OK;
}

static status
read_all(struct envelope *e, const struct json *v, struct json_error *err)
{
	static const char *const names[] = { "tools", "effects", "resources", "environment", "arguments", "limits",
	                                     "credentials", NULL };
	TRY(json_only(v, names, err));
	if (!json_gets(v, "tools"))
		return refuse(err, "tools", v, "is required");
	TRY(read_patterns(e, v, "tools", &e->tools, &e->tool_n, err));
	TRY(read_patterns(e, v, "resources", &e->resources, &e->resource_n, err));
	TRY(read_patterns(e, v, "credentials", &e->credentials, &e->credential_n, err));
	e->has_resources = json_gets(v, "resources") != NULL;
	TRY(json_opt_str(v, "environment", &e->environment, err));
	TRY(read_effects(e, v, err));
	TRY(read_constraints(e, v, err));
	return read_limits(e, v, err);
}

void envelopes_init(struct envelopes *es, uint64_t k0, uint64_t k1) { map_init(&es->map, k0, k1); }

void
envelopes_fini(struct envelopes *es)
{
	must(es->map.count == 0);
	map_fini(&es->map);
}

static bool
text_is(const struct map_node *n, const void *key)
{
	return span_eq(container_of(n, struct envelope, node)->text, *(const span *)key);
}

static void
envelope_free(struct envelope *e)
{
	if (!e)
		return;
	arena_fini(&e->arena);
	free(e);
}

static status
build(struct envelope *e, span text, struct json_error *err)
{
	const struct json_opts opts = { .max_bytes = ENVELOPE_MAX, .copy = true };
	const struct json *v;
	e->text = arena_copy(&e->arena, text);
	ENSURE(arena_ok(&e->arena), E_NO_MEMORY);
	TRY(json_parse(e->text, &opts, &e->arena, &v, err));
	e->refs = 1;
	e->max_calls = e->calls_per_minute = -1;
	e->depth = -1;
	return read_all(e, v, err);
}

status
envelope_from_text(struct envelopes *es, span text, struct envelope **ret)
{
	struct json_error err = { 0 };
	uint64_t h = map_hash_bytes(&es->map, text);
	struct map_node *n = map_find(&es->map, h, text_is, &text);
	if (n) {
		*ret = envelope_ref(container_of(n, struct envelope, node));
		return OK;
	}
	struct envelope *e = calloc(1, sizeof *e);
	ENSURE(e, E_NO_MEMORY);
	arena_init(&e->arena, 1 << 20);
	status s = build(e, text, &err);
	if (!failed(s))
		s = map_add(&es->map, h, &e->node);
	if (failed(s)) {
		envelope_free(e);
		return s;
	}
	*ret = e;
	return OK;
}

status
envelope_get(struct envelopes *es, const struct json *v, struct envelope **ret, struct json_error *err)
{
	/* The check reads the caller's tree first, so that errors point into the caller's text. */
	struct envelope probe = { 0 };
	arena_init(&probe.arena, 1 << 20);
	status s = read_all(&probe, v, err);
	arena_fini(&probe.arena);
	TRY(s);
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, ENVELOPE_MAX);
	TRY(json_canonical(v, &b));
	TRY(buf_finish(&b));
	return envelope_from_text(es, buf_span(&b), ret);
}

void
envelope_unref(struct envelopes *es, struct envelope *e)
{
	if (!e || --e->refs)
		return;
	map_del(&es->map, &e->node);
	envelope_free(e);
}
