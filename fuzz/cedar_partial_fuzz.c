/* First byte: what is known. Policies that are valid for a small schema are evaluated with that known, and whatever is said then must be what the
 * whole request gives; and what validation lets through never fails by type. */
#include "cedar/entities_json.h"
#include "cedar/partial.h"
#include "cedar/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char schema_text[] =
	"entity G; entity E enum [\"x\", \"y\"];"
	"entity U in [G, U] { n: Long, o?: String, ip?: ipaddr, u?: U, s: Set<U>, r?: { d?: datetime, b: Bool }, e?: E } tags Long;"
	"action v in [grp] appliesTo { principal: U, resource: [U, G], context: { n: Long, ip?: ipaddr, u?: U, t?: duration } }; action grp;";
static const char world[] =
	"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"o\":\"abc\",\"s\":[{\"type\":\"U\",\"id\":\"b\"}],\"u\":{\"type\":\"U\",\"id\":\"b\"},\"r\":{\"b\":true}},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],\"tags\":{\"k\":3}},"
	"{\"uid\":{\"type\":\"U\",\"id\":\"b\"},\"attrs\":{\"n\":9223372036854775807,\"s\":[]},\"parents\":[{\"type\":\"U\",\"id\":\"c\"}]}]";
static const char request_text[] =
	"{\"principal\":{\"type\":\"U\",\"id\":\"a\"},\"action\":{\"type\":\"Action\",\"id\":\"v\"},\"resource\":{\"type\":\"U\",\"id\":\"b\"},\"context\":{\"n\":3,\"ip\":\"10.0.0.1\"}}";

static struct cedar_schema *schema;
static struct cedar_entities *store;
static struct cedar_request request;

static void
init(void)
{
	static struct arena a;
	struct cedar_diag d;
	const struct json *v;
	arena_init(&a, 1u << 20);
	must(!failed(cedar_schema_parse(span_str(schema_text), &d, &schema)));
	must((store = cedar_entities_new(1)) && !failed(cedar_entities_parse(store, span_str(world), schema, &d)));
	must(!failed(cedar_json_parse(span_str(request_text), 0, &a, &v, &d)) && !failed(cedar_request_from_json(v, schema, &a, &request, &d)));
}

static enum cedar_partial_state
state_of(const struct cedar_answer *a, const struct cedar_policy *p)
{
	for (uint32_t i = 0; i < a->failure_n; i++)
		if (a->failures[i].policy == p)
			return CEDAR_PARTIAL_ERROR;
	for (uint32_t i = 0; i < a->permit_n; i++)
		if (a->permits[i] == p)
			return CEDAR_PARTIAL_TRUE;
	for (uint32_t i = 0; i < a->forbid_n; i++)
		if (a->forbids[i] == p)
			return CEDAR_PARTIAL_TRUE;
	return CEDAR_PARTIAL_FALSE;
}

static void
hold(const struct cedar_partial *list, uint32_t n, const struct cedar_answer *whole, struct arena *a)
{
	for (uint32_t i = 0; i < n; i++) {
		enum cedar_partial_state got = list[i].state;
		if (got == CEDAR_PARTIAL_UNKNOWN && failed(cedar_partial_finish(list[i].residual, store, &request, a, &got)))
			continue;
		must(got == state_of(whole, list[i].policy));
		must(!list[i].never || got != CEDAR_PARTIAL_TRUE);
	}
}

static void
compare(struct cedar_ast *ast, uint8_t known, struct arena *a)
{
	const struct cedar_policies *set;
	struct cedar_partial_set *partial;
	struct cedar_answer whole;
	struct cedar_partial_answer part;
	struct cedar_diag d;
	struct cedar_partial_request q = {
		.action = request.action, .principal = known & 1 ? request.principal : NULL, .resource = known & 2 ? request.resource : NULL,
		.principal_type = SPAN("U"), .resource_type = SPAN("U"), .context = known & 4 ? request.context : NULL, .context_whole = known & 4,
		.entities_whole = known & 8,
	};
	must(!failed(cedar_policies_new(&ast, 1, &set, &d)) && !failed(cedar_partial_new(set, schema, NULL, NULL, &partial)));
	if (!failed(cedar_evaluate(set, store, &request, a, &whole))) {
		for (uint32_t i = 0; i < whole.failure_n; i++)
			must(whole.failures[i].kind != CEDAR_FAILED_TYPE && whole.failures[i].kind != CEDAR_FAILED_ATTRIBUTE && whole.failures[i].kind != CEDAR_FAILED_TAG);
		if (!failed(cedar_partial_evaluate(partial, store, &q, a, &part))) {
			hold(part.permits, part.permit_n, &whole, a);
			hold(part.forbids, part.forbid_n, &whole, a);
			must(part.decision != CEDAR_PARTIAL_ALLOW || whole.allow);
			must(part.decision != CEDAR_PARTIAL_DENY || !whole.allow);
		}
	}
	cedar_partial_free(partial);
	cedar_policies_unref(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cedar_ast *ast;
	struct cedar_diag d;
	struct cedar_report r;
	struct arena a;
	if (n < 1 || n > 4096)
		return 0;
	if (!schema)
		init();
	if (failed(cedar_parse_policies(span_make(p + 1, n - 1), (span){ 0 }, 0, NULL, &ast, &d)))
		return 0;
	cedar_report_init(&r, 8);
	arena_init(&a, 64u << 20);
	status s = cedar_validate(schema, ast, &(struct cedar_validate_opts){ .max_steps = 1000000, .max_memory = (size_t)16 << 20 }, &r);
	if (!failed(s) && r.errors == 0)
		compare(ast, p[0], &a);
	arena_fini(&a);
	cedar_report_fini(&r);
	cedar_ast_unref(ast);
	return 0;
}
