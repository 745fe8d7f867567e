/* Properties that hold for generated policies, entities and requests:
 *   the engine answers as the literal evaluator does, policy by policy;
 *   policies survive the way to JSON and back; entities too. */
#include "tests/test.h"

#include "cedar/entities_json.h"
#include "cedar/est.h"
#include "cedar/generate.h"
#include "cedar/reference_eval.h"

struct tally {
	unsigned yes, no, error, unparsed;
};

static const struct cedar_policy *
among(const struct cedar_policy *const *list, uint32_t n, const struct cedar_policy *p)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i] == p)
			return p;
	return NULL;
}

static enum cedar_verdict
engine_verdict(const struct cedar_answer *a, const struct cedar_policy *p)
{
	for (uint32_t i = 0; i < a->failure_n; i++)
		if (a->failures[i].policy == p)
			return CEDAR_VERDICT_ERROR;
	return among(a->permits, a->permit_n, p) || among(a->forbids, a->forbid_n, p) ? CEDAR_VERDICT_TRUE : CEDAR_VERDICT_FALSE;
}

static void
compare(const struct cedar_policies *set, const struct cedar_entities *entities, const struct cedar_request *r, struct arena *a,
        uint64_t seed, struct tally *t)
{
	struct cedar_answer ans;
	bool allow, permit = false, forbid = false;
	assert_ok(cedar_evaluate(set, entities, r, a, &ans));
	assert_ok(cedar_decide(set, entities, r, a, &allow));
	for (size_t i = 0; i < cedar_policies_count(set); i++) {
		const struct cedar_policy *p = cedar_policies_at(set, i);
		enum cedar_verdict want = cedar_reference_policy(p, entities, r, a), got = engine_verdict(&ans, p);
		if (want != got)
			fail_msg("seed %llu: %.*s is %d, should be %d:\n%.*s", (unsigned long long)seed, SPAN_ARG(p->id), got, want,
			         SPAN_ARG(span_sub(p->ast->text, p->pos.offset, p->end - p->pos.offset)));
		if (want == CEDAR_VERDICT_TRUE)
			*(p->effect == CEDAR_PERMIT ? &permit : &forbid) = true;
		*(want == CEDAR_VERDICT_TRUE ? &t->yes : want == CEDAR_VERDICT_FALSE ? &t->no : &t->error) += 1;
	}
	if (ans.allow != (permit && !forbid) || allow != ans.allow)
		fail_msg("seed %llu: decision", (unsigned long long)seed);
	size_t at = 0;
	for (uint32_t i = 0; i < ans.permit_n; i++, at++)
		while (cedar_policies_at(set, at) != ans.permits[i])
			assert_true(++at < cedar_policies_count(set));
}

static void
survives_json(const struct cedar_ast *ast, uint64_t seed)
{
	struct buf b, again;
	struct cedar_diag d;
	struct cedar_ast *back;
	buf_init(&b, 1u << 24);
	buf_init(&again, 1u << 24);
	struct json_writer w = json_w(&b);
	cedar_policies_to_json(ast, &w);
	assert_ok(buf_finish(&b));
	status s = cedar_parse_policies_json(buf_span(&b), (span){ 0 }, NULL, &back, &d);
	if (failed(s))
		fail_msg("seed %llu: %s in %.*s", (unsigned long long)seed, d.what, SPAN_ARG(buf_span(&b)));
	assert_int_equal(back->policy_n, ast->policy_n);
	for (uint32_t i = 0; i < ast->policy_n; i++)
		for (uint32_t k = 0; k < ast->policies[i]->condition_n; k++)
			assert_true(cedar_expr_eq(ast->policies[i]->conditions[k].body, back->policies[i]->conditions[k].body));
	w = json_w(&again);
	cedar_policies_to_json(back, &w);
	assert_true(span_eq(buf_span(&b), buf_span(&again)));
	cedar_ast_unref(back);
	buf_fini(&b);
	buf_fini(&again);
}

static void
entities_survive(const struct cedar_entities *s)
{
	struct buf b, again;
	struct cedar_diag d;
	struct cedar_entities *back = cedar_entities_new(9);
	buf_init(&b, 1u << 24);
	buf_init(&again, 1u << 24);
	struct json_writer w = json_w(&b);
	assert_ok(cedar_entities_to_json(s, &w));
	assert_ok(cedar_entities_parse(back, buf_span(&b), NULL, &d));
	w = json_w(&again);
	assert_ok(cedar_entities_to_json(back, &w));
	assert_true(span_eq(buf_span(&b), buf_span(&again)));
	cedar_entities_free(back);
	buf_fini(&b);
	buf_fini(&again);
}

static void
one_world(uint64_t seed, struct tally *t)
{
	struct cedar_gen g = cedar_gen_seed(seed);
	struct buf b, b2;
	struct arena a;
	struct cedar_diag d = { 0 };
	struct cedar_ast *ast, *other;
	const struct cedar_policies *set;
	const struct json *v;
	struct cedar_entities *entities = cedar_entities_new(seed);
	arena_init(&a, 1u << 24);
	buf_init(&b, 1u << 20);
	cedar_gen_policies(&g, &b, 1 + cedar_gen_below(&g, 12));
	/* Every test twice in each of two programs: what is kept during a request must not leak between them. */
	buf_put(&b, arena_copy(&a, buf_span(&b)));
	buf_init(&b2, 1u << 20);
	cedar_gen_policies(&g, &b2, 1 + cedar_gen_below(&g, 6));
	buf_put(&b2, arena_copy(&a, buf_span(&b2)));
	status s = cedar_parse_policies(buf_span(&b), (span){ 0 }, 0, NULL, &ast, &d);
	if (failed(s)) {
		fail_msg("seed %llu: %u:%u %s in\n%.*s", (unsigned long long)seed, d.line, d.col, d.what, SPAN_ARG(buf_span(&b)));
	} else {
		assert_ok(cedar_parse_policies(buf_span(&b2), SPAN("other"), 0, NULL, &other, &d));
		assert_ok(cedar_policies_new((struct cedar_ast *[]){ ast, other }, 2, &set, &d));
		survives_json(ast, seed);
		cedar_ast_unref(ast);
		cedar_ast_unref(other);
		buf_reset(&b);
		cedar_gen_entities(&g, &b);
		s = cedar_entities_parse(entities, buf_span(&b), NULL, &d);
		if (failed(s))
			fail_msg("seed %llu: %s in %.*s", (unsigned long long)seed, d.what, SPAN_ARG(buf_span(&b)));
		entities_survive(entities);
		for (unsigned i = 0; i < 4; i++) {
			struct cedar_request r;
			buf_reset(&b);
			cedar_gen_request(&g, &b);
			assert_ok(cedar_json_parse(buf_span(&b), 0, &a, &v, &d));
			assert_ok(cedar_request_from_json(v, NULL, &a, &r, &d));
			compare(set, entities, &r, &a, seed, t);
			arena_reset(&a);
		}
		cedar_policies_unref(set);
	}
	cedar_entities_free(entities);
	buf_fini(&b);
	buf_fini(&b2);
	arena_fini(&a);
}

static void
engine_equals_reference(void **)
{
	const char *cases = getenv("CEDAR_CASES"), *first = getenv("CEDAR_SEED");
	uint64_t n = cases ? strtoull(cases, NULL, 10) : 1000, from = first ? strtoull(first, NULL, 10) : 1;
	struct tally t = { 0 };
	for (uint64_t i = 0; i < n; i++)
		one_world(from + i, &t);
	print_message("# %u satisfied, %u not, %u failed\n", t.yes, t.no, t.error);
	/* A generator that only makes one kind tests little. */
	if (!cases)
		assert_true(t.yes > 5000 && t.no > 5000 && t.error > 5000);
}

TEST_MAIN(T(engine_equals_reference))
