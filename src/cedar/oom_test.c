/* Every entry point with the n-th allocation failing, for n = 1, 2, … until it succeeds: a clear error, nothing leaked (ASan),
 * nothing half done. */
#include "tests/test.h"

#include "cedar/entities_json.h"
#include "cedar/est.h"
#include "cedar/program.h"

static unsigned long fail_after, calls;

static bool
fails_now(void)
{
	return fail_after && ++calls >= fail_after;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_reallocarray(void *, size_t, size_t);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

void *
__wrap_malloc(size_t n)
{
	return fails_now() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __real_realloc(p, n);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails_now() ? NULL : __real_reallocarray(p, n, size);
}

/* Runs `fn` until no allocation fails any more. It must give E_NO_MEMORY each time before. */
static void
sweep(status (*fn)(void *), void *arg)
{
	for (unsigned long n = 1;; n++) {
		fail_after = n;
		calls = 0;
		status s = fn(arg);
		fail_after = 0;
		if (!failed(s) && calls < n)
			return;
		if (s.code != E_NO_MEMORY)
			fail_msg("allocation %lu: %s at %s:%d", n, error_name(s.code), s.file ? s.file : "", s.line);
		assert_true(n < 100000);
	}
}

static const char text[] =
	"@id(\"a\\tb\") permit(principal == U::\"a\", action in [Action::\"x\", Action::\"y\"], resource is D in F :: \"f\")\n"
	"when { context.a.b has c.d.e.f.g && [1, 2, principal.n].contains(3) || \"x\\u{41}\" like \"a*b\" };\n"
	"forbid(principal in ?principal, action, resource) unless { {a: 1, \"b\": ip(\"1.2.3.4\")}.a == 1 && principal is U in G::\"g\" };"
	"permit(principal, action, resource) when { if true then [context.q, 4].isEmpty() else {x: [5]} == {x: [context.r]} };";

static status
parse(void *)
{
	struct cedar_ast *ast = NULL;
	struct cedar_diag d;
	status s = cedar_parse_policies(span_str(text), SPAN("f.cedar"), 0, NULL, &ast, &d);
	cedar_ast_unref(ast);
	return s;
}

static status
compile(void *arg)
{
	struct cedar_ast *ast = arg;
	const struct cedar_policies *set = NULL, *next = NULL;
	struct cedar_diag d;
	TRY(cedar_policies_new(&ast, 1, &set, &d));
	const struct cedar_policy *drop = cedar_policies_at(set, 0);
	status s = cedar_policies_edit(set, &drop, 1, NULL, &next, &d);
	cedar_policies_unref(set);
	cedar_policies_unref(next);
	return s;
}

static status
json_round_trip(void *arg)
{
	struct buf b;
	struct cedar_ast *back = NULL;
	struct cedar_diag d;
	buf_init(&b, 1u << 20);
	struct json_writer w = json_w(&b);
	cedar_policies_to_json(arg, &w);
	status s = buf_finish(&b);
	if (!failed(s))
		s = cedar_parse_policies_json(buf_span(&b), (span){ 0 }, NULL, &back, &d);
	cedar_ast_unref(back);
	buf_fini(&b);
	return s;
}

static const char entities_text[] =
	"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"s\":[1,\"x\",{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}],\"e\":{\"__entity\":{\"type\":\"U\",\"id\":\"b\"}}},"
	"\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],\"tags\":{\"t\":\"v\"}},"
	"{\"uid\":{\"type\":\"G\",\"id\":\"g\"},\"attrs\":{},\"parents\":[{\"type\":\"G\",\"id\":\"h\"}]}]";

static status
entities(void *)
{
	struct cedar_diag d;
	struct buf b;
	struct cedar_entities *s = cedar_entities_new(1);
	ENSURE(s, E_NO_MEMORY);
	buf_init(&b, 1u << 20);
	status st = cedar_entities_parse(s, span_str(entities_text), NULL, &d);
	struct json_writer w = json_w(&b);
	if (!failed(st))
		st = cedar_entities_to_json(s, &w);
	if (!failed(st))
		st = buf_finish(&b);
	buf_fini(&b);
	cedar_entities_free(s);
	return st;
}

/* One change of a store that stays: either it is done or nothing changed. */
static status
change(void *arg)
{
	struct cedar_entities *s = arg;
	struct cedar_uid u, g, h, leaf;
	cedar_uid_init(&u, SPAN("U"), SPAN("u"));
	cedar_uid_init(&g, SPAN("G"), SPAN("g"));
	cedar_uid_init(&h, SPAN("G"), SPAN("h"));
	cedar_uid_init(&leaf, SPAN("U"), SPAN("leaf"));
	size_t before = cedar_entities_count(s);
	const struct cedar_uid *one[] = { &g }, *two[] = { &h, &g }, *three[] = { &u };
	struct cedar_entity first = { .uid = &u, .parents = one, .parent_n = 1 }, second = { .uid = &g, .parents = two, .parent_n = 1 },
	                    third = { .uid = &leaf, .parents = three, .parent_n = 1 };
	bool found;
	status st = cedar_entities_put(s, &first, NULL);
	if (!failed(st))
		st = cedar_entities_put(s, &third, NULL);
	if (!failed(st))
		st = cedar_entities_put(s, &second, NULL);
	if (!failed(st))
		assert_true(cedar_entity_has_ancestor(cedar_entities_find(s, &leaf), &h));
	for (unsigned i = 0; i < 3; i++) {
		const struct cedar_uid *all[] = { &u, &leaf, &g };
		status r = cedar_entities_remove(s, all[i], &found);
		unsigned long n = fail_after;
		fail_after = 0;
		if (failed(r)) {
			assert_non_null(cedar_entities_find(s, all[i]));
			assert_ok(cedar_entities_remove(s, all[i], &found));
			st = r;
		}
		fail_after = n;
	}
	assert_int_equal(cedar_entities_count(s), before);
	return st;
}

static status
ask(void *arg)
{
	struct arena a;
	struct cedar_uid p, act, r;
	struct cedar_request req = { &p, &act, &r };
	struct cedar_response res;
	bool allow = true;
	cedar_uid_init(&p, SPAN("U"), SPAN("a"));
	cedar_uid_init(&act, SPAN("Action"), SPAN("x"));
	cedar_uid_init(&r, SPAN("D"), SPAN("d"));
	struct { const struct cedar_policies *set; struct cedar_entities *s; } *w = arg;
	arena_init(&a, 1u << 20);
	status st = cedar_is_authorized(w->set, w->s, &req, &a, &res);
	if (failed(st))
		assert_false(res.allow);
	status quick = cedar_decide(w->set, w->s, &req, &a, &allow);
	if (failed(quick))
		assert_false(allow);
	arena_fini(&a);
	return failed(st) ? st : quick;
}

static void
nothing_is_lost(void **)
{
	struct cedar_ast *ast;
	struct cedar_diag d;
	struct { const struct cedar_policies *set; struct cedar_entities *s; } w;
	sweep(parse, NULL);
	assert_ok(cedar_parse_policies(span_str(text), SPAN("f.cedar"), 0, NULL, &ast, &d));
	sweep(compile, ast);
	sweep(json_round_trip, ast);
	sweep(entities, NULL);
	assert_ok(cedar_policies_new(&ast, 1, &w.set, &d));
	w.s = cedar_entities_new(4);
	sweep(change, w.s);
	sweep(ask, &w);
	cedar_entities_free(w.s);
	cedar_policies_unref(w.set);
	cedar_ast_unref(ast);
}

/* ---- arenas of every size ---- */

/* Runs `fn` with more and more room until it succeeds; it must give E_NO_MEMORY each time before. */
static void
widen(status (*fn)(size_t room, void *), void *arg)
{
	for (size_t room = 0;; room += 16) {
		status s = fn(room, arg);
		if (!failed(s))
			return;
		if (s.code != E_NO_MEMORY && s.code != E_LIMIT)
			fail_msg("room %zu: %s at %s:%d", room, error_name(s.code), s.file ? s.file : "", s.line);
		assert_true(room < 1u << 20);
	}
}

static status
narrow_parse(size_t room, void *)
{
	struct cedar_ast *ast = NULL;
	struct cedar_diag d;
	/* 0 would be the default */
	status s = cedar_parse_policies(span_str(text), SPAN("f.cedar"), 0, &(struct cedar_limits){ .memory = room + 1 }, &ast, &d);
	cedar_ast_unref(ast);
	return s;
}

struct documents {
	struct arena arena;
	struct cedar_ast *ast;
	const struct json *policies, *entities, *request;
	const struct cedar_policies *set;
	struct cedar_entities *store;
};

static status
narrow_est(size_t room, void *arg)
{
	const struct documents *docs = arg;
	struct cedar_diag d;
	struct cedar_ast *ast = cedar_ast_new((span){ 0 }, room);
	char id[16] = "a";
	status s = ast ? OK : FAIL(E_NO_MEMORY);
	for (unsigned i = 0; i < 2 && !failed(s); i++)
		json_for_members(m, json_gets(docs->policies, i ? "templates" : "staticPolicies")) {
			id[0]++;
			if (!failed(s))
				s = cedar_policy_from_json(&m->value, span_str(id), ast, &d);
		}
	const struct cedar_policy *link;
	if (!failed(s))
		s = cedar_ast_link(ast, ast->policies[ast->policy_n - 1], SPAN("link"), docs->ast->policies[0]->scope[0].uids[0], NULL, &link, &d);
	cedar_ast_unref(ast);
	return s;
}

static status
narrow_values(size_t room, void *arg)
{
	const struct documents *docs = arg;
	struct arena a;
	struct cedar_entity e;
	struct cedar_request r;
	struct cedar_diag d;
	const struct json *again;
	arena_init(&a, room);
	status s = OK;
	json_for_items(v, docs->entities)
		if (!failed(s))
			s = cedar_entity_from_json(v, NULL, &a, &e, &d);
	if (!failed(s))
		s = cedar_request_from_json(docs->request, NULL, &a, &r, &d);
	if (!failed(s))
		s = cedar_json_parse(SPAN("[1,{\"a\":[2]}]"), 0, &a, &again, &d);
	arena_fini(&a);
	return s;
}

static status
narrow_compile(size_t room, void *arg)
{
	const struct documents *docs = arg;
	struct arena a;
	status s = OK;
	arena_init(&a, room);
	for (uint32_t i = 0; i < docs->ast->policy_n && !failed(s); i++)
		if (!cedar_compile_expr(&a, docs->ast->policies[i]->conditions[0].body))
			s = FAIL(E_NO_MEMORY);
	arena_fini(&a);
	return s;
}

static status
narrow_answer(size_t room, void *arg)
{
	const struct documents *docs = arg;
	struct arena a, b;
	struct cedar_answer ans;
	struct cedar_request r;
	struct cedar_diag d;
	bool allow = false;
	arena_init(&a, room);
	arena_init(&b, 1u << 20);
	assert_ok(cedar_request_from_json(docs->request, NULL, &b, &r, &d));
	const struct cedar_entity *extra[] = { cedar_entity_make(&a, docs->store, r.principal, NULL, NULL, &r.resource, 1) };
	status s = extra[0] ? OK : FAIL(E_NO_MEMORY);
	if (!failed(s)) {
		r.extra = extra;
		r.extra_n = 1;
		s = cedar_evaluate(docs->set, docs->store, &r, &a, &ans);
		if (failed(s))
			assert_false(ans.allow);
	}
	if (!failed(s))
		s = cedar_decide(docs->set, docs->store, &r, &a, &allow);
	if (failed(s))
		assert_false(allow);
	arena_fini(&a);
	arena_fini(&b);
	return s;
}

static void
narrow_arenas(void **)
{
	struct documents docs = { 0 };
	struct cedar_diag d;
	struct buf b;
	arena_init(&docs.arena, 1u << 24);
	buf_init(&b, 1u << 20);
	assert_ok(cedar_parse_policies(span_str(text), SPAN("f.cedar"), 0, NULL, &docs.ast, &d));
	struct json_writer w = json_w(&b);
	cedar_policies_to_json(docs.ast, &w);
	assert_ok(cedar_json_parse(buf_span(&b), 0, &docs.arena, &docs.policies, &d));
	assert_ok(cedar_json_parse(span_str(entities_text), 0, &docs.arena, &docs.entities, &d));
	assert_ok(cedar_json_parse(SPAN("{\"principal\":\"U::\\\"a\\\"\",\"action\":{\"type\":\"Action\",\"id\":\"x\"},\"resource\":{\"type\":\"G\",\"id\":\"g\"},"
	          "\"context\":{\"q\":1,\"r\":[1,{\"a\":2}]}}"), 0, &docs.arena, &docs.request, &d));
	docs.store = cedar_entities_new(1);
	assert_ok(cedar_entities_parse(docs.store, span_str(entities_text), NULL, &d));
	assert_ok(cedar_policies_new(&docs.ast, 1, &docs.set, &d));
	widen(narrow_parse, NULL);
	widen(narrow_est, &docs);
	widen(narrow_values, &docs);
	widen(narrow_compile, &docs);
	widen(narrow_answer, &docs);
	cedar_policies_unref(docs.set);
	cedar_entities_free(docs.store);
	cedar_ast_unref(docs.ast);
	buf_fini(&b);
	arena_fini(&docs.arena);
}

TEST_MAIN(T(nothing_is_lost), T(narrow_arenas))
