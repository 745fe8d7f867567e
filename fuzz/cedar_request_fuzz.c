/* Requests and contexts in JSON, with and without a schema: what is accepted conforms or is refused, is answered by every way of asking, and by
 * all of them alike. */
#include "cedar/conform.h"
#include "cedar/nearest.h"
#include "cedar/partial.h"
#include "cedar/value_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char schema_text[] =
	"entity G; entity E enum [\"x\", \"y\"];"
	"entity U in [G] { n?: Long };"
	"action v in [grp] appliesTo { principal: [U, E], resource: U, context: { n?: Long, s?: String, ip?: ipaddr, d?: decimal, t?: datetime, u?: U, l?: Set<Long>, r?: { b: Bool } } };"
	"action grp;";
static const char policies_text[] =
	"permit(principal == U::\"a\", action, resource) when { context has n && context.n + 1 > 2 };"
	"permit(principal, action in Action::\"grp\", resource is U) when { context.s like \"a*\" };"
	"forbid(principal is E, action, resource) when { context has r.b && context.r.b };"
	"forbid(principal, action == Action::\"v\", resource in G::\"g\") unless { context has l && context.l.containsAny([1, 2]) };"
	"permit(principal, action, resource) when { context has ip && context.ip.isInRange(ip(\"10.0.0.0/8\")) && context.d.lessThan(decimal(\"1.5\")) };"
	"permit(principal, action, resource) when { context has t && context.t.toTime() < duration(\"1h\") || context has u && context.u in principal };";

static struct cedar_schema *schema;
static const struct cedar_policies *set;
static struct cedar_partial_set *partial;
static struct cedar_entities *store;

static void
init(void)
{
	struct cedar_ast *ast;
	struct cedar_diag d;
	must(!failed(cedar_schema_parse(span_str(schema_text), &d, &schema)));
	must(!failed(cedar_parse_policies(span_str(policies_text), (span){ 0 }, 0, NULL, &ast, &d)));
	must(!failed(cedar_policies_new(&ast, 1, &set, &d)));
	must(!failed(cedar_partial_new(set, schema, NULL, NULL, &partial)));
	cedar_ast_unref(ast);
	must((store = cedar_entities_new(1)) != NULL);
}

static void
ask(const struct cedar_request *r, struct arena *a, bool typed)
{
	struct cedar_answer whole, twice[2];
	struct cedar_near near[3];
	struct cedar_partial_answer part;
	const struct cedar_request two[] = { *r, *r };
	bool allow, each[2];
	uint32_t n;
	if (failed(cedar_evaluate(set, store, r, a, &whole)) || failed(cedar_decide(set, store, r, a, &allow)) ||
	    failed(cedar_evaluate_many(set, store, two, 2, a, twice)) ||
	    failed(cedar_decide_each(set, store, r, (const struct cedar_uid *[]){ r->resource, r->resource }, 2, a, each)))
		return;
	must(allow == whole.allow && twice[0].allow == allow && twice[1].allow == allow && each[0] == allow && each[1] == allow);
	must(twice[1].permit_n == whole.permit_n && twice[1].forbid_n == whole.forbid_n && twice[1].failure_n == whole.failure_n);
	IGNORE(cedar_nearest_permits(set, store, r, NULL, NULL, a, near, 3, &n));
	struct cedar_partial_request q = { .action = r->action, .principal_type = r->principal->type.text, .resource_type = r->resource->type.text,
	                                   .context = r->context, .context_whole = true, .entities_whole = true };
	if (failed(cedar_partial_evaluate(partial, store, &q, a, &part)) || !typed)
		return;
	must(part.decision != CEDAR_PARTIAL_ALLOW || allow);
	must(part.decision != CEDAR_PARTIAL_DENY || !allow);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	const struct json *v;
	struct cedar_request r;
	struct cedar_diag d = { 0 };
	if (n < 1)
		return 0;
	if (!schema)
		init();
	arena_init(&a, 64u << 20);
	bool typed = p[0] & 1;
	if (!failed(cedar_json_parse(span_make(p + 1, n - 1), 0, &a, &v, &d))) {
		status s = cedar_request_from_json(v, typed ? schema : NULL, &a, &r, &d);
		must(!failed(s) || s.code == E_NO_MEMORY || d.what[0]);
		if (!failed(s))
			ask(&r, &a, !failed(cedar_request_conforms(schema, &r, &d)));
	}
	arena_fini(&a);
	return 0;
}
