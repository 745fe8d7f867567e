/* Every entry point with the n-th allocation failing, for n = 1, 2, … until it succeeds: a clear error, nothing leaked (ASan),
 * nothing half done. */
#include "tests/test.h"

#include "cedar/entities_json.h"
#include "cedar/est.h"

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

TEST_MAIN(T(nothing_is_lost))
