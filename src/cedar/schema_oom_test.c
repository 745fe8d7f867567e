/* Schemas and what is built on them with the n-th allocation failing: a clear error or the full result, and nothing leaked (ASan). */
#include "cedar/entities_json.h"
#include "cedar/format.h"
#include "cedar/nearest.h"
#include "cedar/partial.h"
#include "cedar/toolschema.h"
#include "cedar/validate.h"
#define OOM_ARENA
#include "tests/oom.h"

static const char S_schema[] =
	"type T = { a: Set<Long>, b?: ipaddr }; @doc(\"x\") namespace N { entity A in [A] { t: T, u?: User } tags Set<T>; action x in Action::\"g\"; }"
	"entity Team; entity User in [Team] { n: Long, o?: String, t?: T }; entity Doc { owner: User }; entity E enum [\"a\", \"b\"]; action g;"
	"action v, w in [g] appliesTo { principal: User, resource: [Doc, E], context: { k?: Long, t: T } };";

static const char S_policies[] =
	"permit(principal in Team::\"t\", action in [Action::\"v\", Action::\"g\"], resource is Doc)\n"
	"when { principal has o && principal.o like \"a*\" && resource.owner == principal && context has t.b } // why\n"
	"unless { [1, 2, principal.n].contains(3) || {a: 1, b: \"x\"}.a == 2 };\n"
	"permit(principal, action, resource) when { principal.x == 1 || [1, \"x\"] == [2] };";

static status
S_from_text(void *)
{
	struct cedar_schema *s = NULL;
	struct cedar_diag d;
	status st = cedar_schema_parse(span_str(S_schema), &d, &s);
	cedar_schema_unref(s);
	return st;
}

static status
S_through_json(void *arg)
{
	struct cedar_schema *back = NULL;
	struct buf b;
	buf_init(&b, 1u << 20);
	cedar_schema_to_json(arg, &b);
	status st = buf_finish(&b);
	if (!failed(st))
		st = cedar_schema_parse_json(buf_span(&b), NULL, &back);
	cedar_schema_unref(back);
	buf_reset(&b);
	if (!failed(st))
		st = cedar_schema_to_cedar(arg, &b);
	buf_fini(&b);
	return st;
}

struct world {
	struct cedar_schema *schema;
	struct cedar_ast *ast;
	const struct cedar_policies *set;
	struct cedar_entities *entities;
	uint32_t errors;
};

static status
S_validate(void *arg)
{
	struct world *w = arg;
	struct cedar_report r;
	cedar_report_init(&r, 0);
	status st = cedar_validate(w->schema, w->ast, &(struct cedar_validate_opts){ .check_level = true, .level = 1 }, &r);
	/* INVARIANT: lack of memory never makes a bad policy good */
	if (!failed(st) && w->errors)
		assert_int_equal(r.errors, w->errors);
	if (!failed(st))
		w->errors = r.errors;
	cedar_report_fini(&r);
	return st;
}

static status
S_permissive(void *arg)
{
	struct world *w = arg;
	struct cedar_report r;
	cedar_report_init(&r, 0);
	status st = cedar_validate(w->schema, w->ast, &(struct cedar_validate_opts){ .permissive = true }, &r);
	if (!failed(st))
		assert_true(r.errors > 0);
	cedar_report_fini(&r);
	return st;
}

static status
S_format(void *)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	status st = cedar_format(span_str(S_policies), &b, NULL);
	if (failed(st))
		assert_int_equal(b.n, 0);
	buf_fini(&b);
	return st;
}

static status
S_tools(void *)
{
	struct arena a;
	struct cedar_toolschema *ts = NULL;
	const struct json *input = NULL;
	const struct cedar_record *r;
	const span kinds[] = { SPAN("Path") };
	arena_init(&a, 1u << 20);
	status st = json_parse(SPAN("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"b\":{\"type\":\"number\"}}}"),
	                       NULL, &a, &input, NULL);
	struct cedar_tool t = { SPAN("s"), SPAN("t"), SPAN("read"), input, true, kinds, 1 };
	if (!failed(st))
		st = cedar_toolschema_new(&t, 1, kinds, 0, kinds, 1, NULL, &ts);
	if (!failed(st))
		st = json_parse(SPAN("{\"a\":[\"x\"],\"b\":[1.5,{}]}"), NULL, &a, &input, NULL);
	if (!failed(st))
		st = cedar_toolschema_input(ts, SPAN("s"), SPAN("t"), input, &a, &r, NULL);
	cedar_toolschema_unref(ts);
	arena_fini(&a);
	return st;
}

static bool
S_found(const struct cedar_action *, enum cedar_partial_decision, void *arg)
{
	++*(unsigned *)arg;
	return true;
}

static status
S_partial(void *arg)
{
	struct world *w = arg;
	struct arena a;
	struct cedar_partial_set *ps = NULL;
	struct cedar_uid u, v;
	struct cedar_partial_answer answer;
	unsigned found = 0;
	cedar_uid_init(&u, SPAN("User"), SPAN("a"));
	cedar_uid_init(&v, SPAN("Action"), SPAN("v"));
	struct cedar_partial_request r = { .action = &v, .principal = &u, .resource_type = SPAN("Doc") };
	arena_init(&a, 1u << 20);
	status st = cedar_partial_new(w->set, w->schema, NULL, NULL, &ps);
	if (!failed(st))
		st = cedar_partial_evaluate(ps, w->entities, &r, &a, &answer);
	if (!failed(st))
		st = cedar_possible_actions(ps, w->entities, &u, NULL, &a, S_found, &found);
	if (!failed(st))
		assert_int_equal(found, 2);
	cedar_partial_free(ps);
	arena_fini(&a);
	return st;
}

static status
S_nearest(void *arg)
{
	struct world *w = arg;
	struct arena a;
	struct cedar_uid u, v, d;
	struct cedar_near near[2];
	uint32_t n;
	cedar_uid_init(&u, SPAN("User"), SPAN("a"));
	cedar_uid_init(&v, SPAN("Action"), SPAN("v"));
	cedar_uid_init(&d, SPAN("Doc"), SPAN("d"));
	struct cedar_request r = { &u, &v, &d };
	arena_init(&a, 1u << 20);
	status st = cedar_nearest_permits(w->set, w->entities, &r, NULL, NULL, &a, near, 2, &n);
	if (!failed(st))
		assert_int_equal(n, 2);
	arena_fini(&a);
	return st;
}

static void
S_sweep(const char *name, status (*fn)(void *), void *arg)
{
	oom_sweep(name, fn, arg);
	oom_arena_sweep(name, fn, arg);
}

static void
nothing_is_lost(void **)
{
	struct world w = { 0 };
	S_sweep("schema text", S_from_text, NULL);
	assert_ok(cedar_schema_parse(span_str(S_schema), NULL, &w.schema));
	S_sweep("schema JSON", S_through_json, w.schema);
	assert_ok(cedar_parse_policies(span_str(S_policies), (span){ 0 }, 0, NULL, &w.ast, NULL));
	S_sweep("validation", S_validate, &w);
	assert_true(w.errors > 0);
	S_sweep("permissive validation", S_permissive, &w);
	S_sweep("format", S_format, NULL);
	S_sweep("tools", S_tools, NULL);
	assert_ok(cedar_policies_new(&w.ast, 1, &w.set, NULL));
	w.entities = cedar_entities_new(1);
	S_sweep("partial", S_partial, &w);
	S_sweep("nearest", S_nearest, &w);
	cedar_policies_unref(w.set);
	cedar_entities_free(w.entities);
	cedar_ast_unref(w.ast);
	cedar_schema_unref(w.schema);
}

TEST_MAIN(T(nothing_is_lost))
