/* First byte: options. Policy text (or text generated from the bytes) is parsed, compiled and evaluated; the engine must agree with the
 * literal evaluator, and what was parsed must survive the way to JSON and back. */
#include "cedar/entities_json.h"
#include "cedar/est.h"
#include "cedar/generate.h"
#include "cedar/reference_eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char world[] =
	"[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"s\":\"abc\",\"bo\":true,\"l\":[1,2],\"r\":{\"n\":2,\"if\":1},\"e\":{\"__entity\":{\"type\":\"User\",\"id\":\"b\"}},"
	"\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.1\"}},\"dec\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"-0.5\"}},\"dt\":{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"2024-01-01\"}},"
	"\"du\":{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1h\"}}},\"parents\":[{\"type\":\"Team\",\"id\":\"t\"}],\"tags\":{\"a\":1}},"
	"{\"uid\":{\"type\":\"Team\",\"id\":\"t\"},\"attrs\":{},\"parents\":[{\"type\":\"Team\",\"id\":\"u\"}]},"
	"{\"uid\":{\"type\":\"Action\",\"id\":\"read\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"all\"}]},"
	"{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},\"attrs\":{\"n\":5},\"parents\":[{\"type\":\"Dir\",\"id\":\"f\"}]}]";
static const char request[] =
	"{\"principal\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"read\"},\"resource\":{\"type\":\"Doc\",\"id\":\"d\"},"
	"\"context\":{\"n\":3,\"s\":\"x\",\"bo\":true,\"r\":{\"n\":1},\"l\":[],\"e\":{\"__entity\":{\"type\":\"User\",\"id\":\"ghost\"}}}}";

static bool
listed(const struct cedar_policy *const *list, uint32_t n, const struct cedar_policy *p)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i] == p)
			return true;
	return false;
}

static void
compare(const struct cedar_policies *set, const struct cedar_entities *s, const struct cedar_request *r)
{
	struct arena a;
	struct cedar_answer ans;
	bool allow;
	arena_init(&a, 256u << 20);
	if (failed(cedar_evaluate(set, s, r, &a, &ans))) {
		arena_fini(&a);
		return;
	}
	must(!failed(cedar_decide(set, s, r, &a, &allow)) && allow == ans.allow);
	for (size_t i = 0; i < cedar_policies_count(set); i++) {
		const struct cedar_policy *p = cedar_policies_at(set, i);
		enum cedar_verdict want = cedar_reference_policy(p, s, r, &a);
		bool failed = false;
		for (uint32_t k = 0; k < ans.failure_n; k++)
			failed |= ans.failures[k].policy == p;
		bool satisfied = listed(ans.permits, ans.permit_n, p) || listed(ans.forbids, ans.forbid_n, p);
		if (arena_ok(&a))
			must(failed == (want == CEDAR_VERDICT_ERROR) && satisfied == (want == CEDAR_VERDICT_TRUE));
	}
	for (uint32_t k = 0; k < ans.failure_n; k++) {
		struct buf b;
		buf_init(&b, 1u << 20);
		cedar_failure_print(&ans.failures[k], &b);
		must(b.n > 0);
		buf_fini(&b);
	}
	arena_fini(&a);
}

static void
through_json(const struct cedar_ast *ast)
{
	struct buf b;
	struct cedar_ast *back;
	struct cedar_diag d;
	buf_init(&b, 64u << 20);
	struct json_writer w = json_w(&b);
	cedar_policies_to_json(ast, &w);
	/* A long chain nests deeper in JSON than JSON may. */
	if (!failed(buf_finish(&b)) && !failed(cedar_parse_policies_json(buf_span(&b), (span){ 0 }, &(struct cedar_limits){ .text = 64u << 20 }, &back, &d))) {
		must(back->policy_n == ast->policy_n);
		cedar_ast_unref(back);
	}
	buf_fini(&b);
}

/* The world is built once: the target is the policies. */
static void
evaluate(struct cedar_ast *ast)
{
	static struct cedar_entities *s;
	static struct cedar_request r;
	static struct arena a;
	const struct cedar_policies *set;
	const struct json *v;
	struct cedar_diag d;
	if (!s) {
		s = cedar_entities_new(1);
		arena_init(&a, 1u << 20);
		must(!failed(cedar_entities_parse(s, span_str(world), NULL, &d)));
		must(!failed(cedar_json_parse(span_str(request), 0, &a, &v, &d)) && !failed(cedar_request_from_json(v, NULL, &a, &r, &d)));
	}
	must(!failed(cedar_policies_new(&ast, 1, &set, &d)));
	compare(set, s, &r);
	cedar_policies_unref(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cedar_ast *ast;
	struct cedar_diag d = { 0 };
	struct buf text;
	if (n < 1)
		return 0;
	buf_init(&text, 1u << 18);
	if (p[0] & 1) {
		struct cedar_gen g = cedar_gen_bytes(span_make(p + 1, n - 1));
		cedar_gen_policies(&g, &text, 1 + p[0] / 32);
	} else {
		buf_put(&text, span_make(p + 1, n - 1));
	}
	struct cedar_limits limits = { .memory = p[0] & 2 ? 3000 : 0 };
	status s = cedar_parse_policies(buf_span(&text), SPAN("fuzz.cedar"), 0, &limits, &ast, &d);
	if (failed(s)) {
		must(s.code == E_NO_MEMORY || (d.what[0] && d.line && d.col && d.offset <= text.n));
	} else {
		through_json(ast);
		evaluate(ast);
		cedar_ast_unref(ast);
	}
	buf_fini(&text);
	return 0;
}
