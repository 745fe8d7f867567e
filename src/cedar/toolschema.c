#include "cedar/toolschema.h"

#include "cedar/lex.h"
#include "cedar/schema_priv.h"
#include "cedar/toolschema_priv.h"

#include <stdlib.h>

struct plan {
	span server, name;
	const struct input_type *input;
};

struct cedar_toolschema {
	uint32_t refs;
	struct cedar_schema *schema;    /* its arena holds the plans and gaps */
	struct plan *plans;             /* sorted by server, name */
	size_t n_plans;
	struct gap_list gaps;
};

static int
S_cmp_plans(const void *a, const void *b)
{
	const struct plan *x = a, *y = b;
	int c = span_cmp(x->server, y->server);
	return c ? c : span_cmp(x->name, y->name);
}

struct cedar_toolschema *
cedar_toolschema_ref(struct cedar_toolschema *t)
{
	__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

struct cedar_toolschema *
cedar_toolschema_unref(struct cedar_toolschema *t)
{
	if (t && __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		cedar_schema_unref(t->schema);
		free(t->gaps.items);
		free(t);
	}
	return NULL;
}

void
cedar_toolschema_unrefp(struct cedar_toolschema **t)
{
	*t = cedar_toolschema_unref(*t);
}

struct cedar_schema *
cedar_toolschema_schema(const struct cedar_toolschema *t)
{
	return t->schema;
}

const struct cedar_tool_gap *
cedar_toolschema_gaps(const struct cedar_toolschema *t, size_t *ret_n)
{
	*ret_n = t->gaps.n;
	return t->gaps.items;
}

/* ---- declarations ---- */

/* The part that is the same for every catalogue. */
static const char S_base[] =
	"entity Team, Tier, Group, Server;\n"
	"entity Agent in [Team, Tier] { owner: String, tier: String, team: String, purpose: String };\n"
	"entity User in [Group];\n"
	"entity Tool in [Server] { effect: String, sensitivity: Long, server: String };\n"
	"type AmbitTask = { id: String, purpose: String, workflow: String, environment: String, depth: Long, calls: Long,\n"
	"  age_seconds: Long, sensitivity: Long, labels: Set<String>, user: String, user_proven: Bool };\n"
	"type AmbitApproval = { granted: Bool, by: Set<String> };\n"
	"type AmbitChannel = { kind: String, attested: Bool };\n"
	"action all;\n"
	"action \"effect:read\", \"effect:write\", \"effect:destructive\", \"effect:egress\" in [all];\n";

static const char *const S_effects[] = { "read", "write", "destructive", "egress" };

/* attribute name -> type, beside `input` */
static const struct { const char *name, *type; } S_context[] = {
	{ "task", "AmbitTask" }, { "approval", "AmbitApproval" }, { "environment", "String" }, { "channel", "AmbitChannel" },
	{ "now", "datetime" }, { "risk", "Long" },
};

static span
S_join(struct arena *a, const char *first, span second, const char *third, span last)
{
	size_t n1 = strlen(first), n3 = strlen(third), n = n1 + second.n + n3 + last.n;
	uint8_t *p = arena_alloc(a, n ? n : 1);
	if (!p)
		return (span){ 0 };
	memcpy(p, first, n1);
	if (second.n)
		memcpy(p + n1, second.p, second.n);
	memcpy(p + n1 + second.n, third, n3);
	if (last.n)
		memcpy(p + n1 + second.n + n3, last.p, last.n);
	return span_make(p, n);
}

static status
S_add_ref(struct arena *a, struct raw_ref **list, span type, span id)
{
	struct raw_ref *f = ARENA_NEW(a, struct raw_ref);
	ENSURE(f, E_NO_MEMORY);
	f->type = type;
	f->id = id;
	f->next = *list;
	*list = f;
	return OK;
}

static struct raw_attr *
S_attr(struct arena *a, span name, struct raw_type *type, struct raw_attr *next)
{
	struct raw_attr *attr = ARENA_NEW(a, struct raw_attr);
	if (attr)
		*attr = (struct raw_attr){ .next = next, .name = name, .type = type, .required = true };
	return type ? attr : NULL;
}

static struct raw_type *
S_named(struct arena *a, const char *name)
{
	struct raw_type *t = ARENA_NEW(a, struct raw_type);
	if (t)
		*t = (struct raw_type){ .kind = RAW_NAME, .name = span_str(name) };
	return t;
}

static struct raw_type *
S_context_type(struct arena *a, struct raw_type *input)
{
	struct raw_attr *attrs = NULL;
	for (size_t i = ARRAY_LEN(S_context); i-- > 0;) {
		attrs = S_attr(a, span_str(S_context[i].name), S_named(a, S_context[i].type), attrs);
		if (!attrs)
			return NULL;
	}
	attrs = S_attr(a, SPAN("input"), input, attrs);
	struct raw_type *t = attrs ? ARENA_NEW(a, struct raw_type) : NULL;
	if (t)
		*t = (struct raw_type){ .kind = RAW_RECORD, .attrs = attrs };
	return t;
}

static status
S_bad(struct cedar_diag *d, const char *what, span name, span also)
{
	return cedar_diag_set(d, E_BAD_SCHEMA, (struct cedar_pos){ 0 }, NULL, "%s: %.*s%s%.*s", what, SPAN_ARG(name),
	                      also.n ? "/" : "", SPAN_ARG(also));
}

/* Declared already, as one of the base or an earlier kind. */
static bool
S_has_entity(const struct raw_namespace *ns, span name)
{
	for (const struct raw_entity *e = ns->entities; e; e = e->next)
		if (span_eq(e->name, name))
			return true;
	return false;
}

static bool
S_base_entity(span name)
{
	static const char *const names[] = { "Team", "Tier", "Group", "Server", "Agent", "User", "Tool", "Action" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_is(name, names[i]))
			return true;
	return false;
}

/* entity KIND in [KIND] { sensitivity: Long }: things of a kind may hold one another, as folders do. */
static status
S_add_kind(struct raw_schema *r, struct raw_namespace *ns, span kind, struct cedar_diag *d)
{
	if (!cedar_word_ok(kind) || cedar_word_reserved(kind) || raw_common_reserved(kind) || S_base_entity(kind))
		return S_bad(d, "a resource mapping may not use this kind", kind, SPAN(""));
	if (S_has_entity(ns, kind))
		return OK;
	struct raw_entity *e = ARENA_NEW(r->arena, struct raw_entity);
	struct raw_type *shape = ARENA_NEW(r->arena, struct raw_type);
	ENSURE(e && shape, E_NO_MEMORY);
	e->name = arena_copy(r->arena, kind);
	*shape = (struct raw_type){ .kind = RAW_RECORD };
	shape->attrs = S_attr(r->arena, SPAN("sensitivity"), S_named(r->arena, "Long"), NULL);
	ENSURE(shape->attrs, E_NO_MEMORY);
	e->shape = shape;
	TRY(S_add_ref(r->arena, &e->parents, e->name, (span){ 0 }));
	*ns->entities_end = e;
	ns->entities_end = &e->next;
	return OK;
}

static bool
S_has_action(const struct raw_namespace *ns, span id)
{
	for (const struct raw_action *a = ns->actions; a; a = a->next)
		if (span_eq(a->id, id))
			return true;
	return false;
}

static status
S_add_server(struct raw_schema *r, struct raw_namespace *ns, span server, struct cedar_diag *d)
{
	if (server.n == 0 || server.n > 64 || span_find(server, '/') < server.n)
		return S_bad(d, "not a server's name", server, SPAN(""));
	span id = S_join(r->arena, "server:", server, "", (span){ 0 });
	if (S_has_action(ns, id))
		return OK;
	struct raw_action *a = ARENA_NEW(r->arena, struct raw_action);
	ENSURE(a && id.n, E_NO_MEMORY);
	a->id = id;
	TRY(S_add_ref(r->arena, &a->parents, (span){ 0 }, SPAN("all")));
	*ns->actions_end = a;
	ns->actions_end = &a->next;
	return OK;
}

static status
S_add_tool(struct raw_schema *r, struct raw_namespace *ns, const struct cedar_tool *t, const struct input_type *input,
           struct cedar_diag *d)
{
	struct arena *arena = r->arena;
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(S_effects); i++)
		known |= span_is(t->effect, S_effects[i]);
	if (!known)
		return S_bad(d, "the effect must be read, write, destructive or egress", t->server, t->name);
	struct raw_action *a = ARENA_NEW(arena, struct raw_action);
	ENSURE(a, E_NO_MEMORY);
	a->id = S_join(arena, "", t->server, "/", t->name);
	a->applies = true;
	TRY(S_add_ref(arena, &a->parents, (span){ 0 }, S_join(arena, "server:", t->server, "", (span){ 0 })));
	TRY(S_add_ref(arena, &a->parents, (span){ 0 }, S_join(arena, "effect:", t->effect, "", (span){ 0 })));
	TRY(S_add_ref(arena, &a->principals, SPAN("Agent"), (span){ 0 }));
	for (size_t i = 0; i < t->n_kinds; i++)
		TRY(S_add_ref(arena, &a->resources, arena_copy(arena, t->kinds[i]), (span){ 0 }));
	if (t->n_kinds == 0)
		TRY(S_add_ref(arena, &a->resources, SPAN("Tool"), (span){ 0 }));
	struct raw_type *raw = input_type_raw(arena, input);
	a->context = raw ? S_context_type(arena, raw) : NULL;
	ENSURE(a->context, E_NO_MEMORY);
	*ns->actions_end = a;
	ns->actions_end = &a->next;
	return OK;
}

static status
S_plan(struct cedar_toolschema *ts, const struct cedar_tool *t, struct plan *plan)
{
	struct arena *arena = cedar_schema_raw(ts->schema)->arena;
	struct input_reader r = { .arena = arena, .gaps = &ts->gaps, .root = t->input, .untyped = t->untyped,
	                          .server = t->server, .name = t->name, .left = 20000 };
	buf_init(&r.pointer, 1 << 16);
	plan->server = arena_copy(arena, t->server);
	plan->name = arena_copy(arena, t->name);
	plan->input = input_type_read(&r);
	buf_fini(&r.pointer);
	if (!plan->input || !arena_ok(arena))
		return raw_oom(cedar_schema_raw(ts->schema));
	return OK;
}

static status
S_build(struct cedar_toolschema *ts, const struct cedar_tool *tools, size_t n_tools, const span *servers, size_t n_servers,
        const span *kinds, size_t n_kinds, struct cedar_diag *d)
{
	struct raw_schema *r = cedar_schema_raw(ts->schema);
	r->diag = d;
	TRY(raw_parse_cedar(r, span_make(S_base, sizeof S_base - 1)));
	struct raw_namespace *ns = raw_namespace_get(r, (span){ 0 }, 0, NULL);
	ts->plans = arena_array(r->arena, n_tools + 1, sizeof *ts->plans);
	if (!ns || !ts->plans)
		return raw_oom(r);
	for (size_t i = 0; i < n_servers; i++)
		TRY(S_add_server(r, ns, servers[i], d));
	for (size_t i = 0; i < n_kinds; i++)
		TRY(S_add_kind(r, ns, kinds[i], d));
	for (size_t i = 0; i < n_tools; i++) {
		TRY(S_add_server(r, ns, tools[i].server, d));
		for (size_t k = 0; k < tools[i].n_kinds; k++)
			TRY(S_add_kind(r, ns, tools[i].kinds[k], d));
	}
	for (size_t i = 0; i < n_tools; i++) {
		TRY(S_plan(ts, &tools[i], &ts->plans[ts->n_plans]));
		TRY(S_add_tool(r, ns, &tools[i], ts->plans[ts->n_plans++].input, d));
	}
	if (!arena_ok(r->arena))
		return raw_oom(r);
	qsort(ts->plans, ts->n_plans, sizeof *ts->plans, S_cmp_plans);
	for (size_t i = 1; i < ts->n_plans; i++)
		if (S_cmp_plans(&ts->plans[i - 1], &ts->plans[i]) == 0)
			return S_bad(d, "a tool is there twice", ts->plans[i].server, ts->plans[i].name);
	TRY(cedar_schema_resolve(ts->schema));
	r->diag = NULL;
	return OK;
}

status
cedar_toolschema_new(const struct cedar_tool *tools, size_t n_tools, const span *servers, size_t n_servers,
                     const span *kinds, size_t n_kinds, struct cedar_diag *d, struct cedar_toolschema **ret)
{
	CLEANUP(cedar_toolschema_unrefp) struct cedar_toolschema *ts = calloc(1, sizeof *ts);
	ENSURE(ts, E_NO_MEMORY);
	ts->refs = 1;
	ts->schema = cedar_schema_new((size_t)512 << 20);
	ENSURE(ts->schema, E_NO_MEMORY);
	TRY(S_build(ts, tools, n_tools, servers, n_servers, kinds, n_kinds, d));
	*ret = TAKE(ts);
	return OK;
}

/* ---- arguments ---- */

struct input_maker {
	struct arena *arena;
	struct cedar_diag *diag;
	const char *name;        /* of the argument, for messages: the nearest member's */
	int name_n;
};

static status
S_wrong(struct input_maker *m, const char *want)
{
	return cedar_diag_set(m->diag, E_BAD_ARGUMENTS, (struct cedar_pos){ 0 }, NULL, "argument `%.*s` must be %s", m->name_n,
	                      m->name ? m->name : "", want);
}

static status S_value(struct input_maker *m, const struct input_type *t, const struct json *v, struct cedar_value *ret);

static status
S_record_of(struct input_maker *m, const struct input_type *t, const struct json *v, const struct cedar_record **ret)
{
	struct cedar_member *members = arena_array(m->arena, t->n ? t->n : 1, sizeof *members);
	uint32_t n = 0, dup;
	ENSURE(members, E_NO_MEMORY);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct input_attr *a = &t->attrs[i];
		const struct json *part = json_get(v, a->name);
		m->name = (const char *)a->name.p;
		m->name_n = (int)a->name.n;
		if (!part && a->required)
			return cedar_diag_set(m->diag, E_BAD_ARGUMENTS, (struct cedar_pos){ 0 }, NULL, "argument `%.*s` is missing",
			                      m->name_n, m->name);
		if (!part)
			continue;
		members[n] = (struct cedar_member){ .key = a->name.p, .key_n = (uint32_t)a->name.n };
		TRY(S_value(m, a->type, part, &members[n++].value));
	}
	*ret = cedar_record_new(m->arena, members, n, &dup);
	ENSURE(*ret, E_NO_MEMORY);
	return OK;
}

static status
S_set_of(struct input_maker *m, const struct input_type *t, const struct json *v, struct cedar_value *ret)
{
	if (!json_is_arr(v))
		return S_wrong(m, "an array");
	struct cedar_value *items = arena_array(m->arena, v->arr.n ? v->arr.n : 1, sizeof *items);
	ENSURE(items, E_NO_MEMORY);
	for (size_t i = 0; i < v->arr.n; i++)
		TRY(S_value(m, t->elem, &v->arr.items[i], &items[i]));
	const struct cedar_set *set = cedar_set_new(m->arena, items, (uint32_t)v->arr.n);
	ENSURE(set, E_NO_MEMORY);
	*ret = cedar_set_value(set);
	return OK;
}

static status
S_opaque(struct input_maker *m, const struct json *v, struct cedar_value *ret)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16 << 20);
	TRY(json_canonical(v, &b));
	TRY(buf_finish(&b));
	*ret = cedar_string(arena_copy(m->arena, buf_span(&b)));
	ENSURE(arena_ok(m->arena), E_NO_MEMORY);
	return OK;
}

static status
S_value(struct input_maker *m, const struct input_type *t, const struct json *v, struct cedar_value *ret)
{
	switch (t->kind) {
	case INPUT_LONG:
		if (!json_is_int(v))
			return S_wrong(m, "an integer of at most 64 bits");
		*ret = cedar_long(v->i);
		return OK;
	case INPUT_STRING:
		if (!json_is_str(v))
			return S_wrong(m, "a string");
		*ret = cedar_string(v->str);
		return OK;
	case INPUT_BOOL:
		if (!json_is_bool(v))
			return S_wrong(m, "true or false");
		*ret = cedar_bool(v->truth);
		return OK;
	case INPUT_SET:
		return S_set_of(m, t, v, ret);
	case INPUT_RECORD: {
		if (!json_is_obj(v))
			return S_wrong(m, "an object");
		const struct cedar_record *r;
		TRY(S_record_of(m, t, v, &r));
		*ret = cedar_record_value(r);
		return OK;
	}
	case INPUT_OPAQUE:
		return S_opaque(m, v, ret);
	}
	return FAIL(E_INTERNAL);
}

status
cedar_toolschema_input(const struct cedar_toolschema *t, span server, span name, const struct json *args, struct arena *a,
                       const struct cedar_record **ret, struct cedar_diag *d)
{
	struct plan key = { .server = server, .name = name };
	const struct plan *p = t->n_plans ? bsearch(&key, t->plans, t->n_plans, sizeof key, S_cmp_plans) : NULL;
	ENSURE(p, E_TOOL_UNKNOWN);
	static const struct json none = { .kind = JSON_OBJ };
	struct input_maker m = { .arena = a, .diag = d };
	if (args && !json_is_obj(args))
		return cedar_diag_set(d, E_BAD_ARGUMENTS, (struct cedar_pos){ 0 }, NULL, "the arguments must be an object");
	return S_record_of(&m, p->input, args ? args : &none, ret);
}
