/* Every line is one policy and what the reference implementation (4.13) says of it under the schema below. */
#include "cedar/parse.h"
#include "cedar/validate.h"
#include "tests/test.h"

static const char S_schema[] =
	"entity G; entity User in [G] { n: Long, o?: String, m?: User, r?: {a?: Long, b: Long}, set: Set<Long> } tags String;"
	"entity Doc in [Doc] { owner: User, pub?: Bool }; entity E enum [\"x\",\"y\"]; entity NoTag;"
	"action v, w in [grp] appliesTo {principal: User, resource: [Doc,E], context: {k?: Long, u?: User, req: Bool}};"
	"action grp; action del appliesTo {principal: User, resource: Doc, context: {req: Bool}};";

enum { OK_ = 0, BAD = 1, IMPOSSIBLE = 2, INAPPLICABLE = 4 };

static const struct {
	unsigned flags;
	const char *text;
} policies[] = {
	{ BAD, "permit(principal,action,resource) when { principal == Nope::\"x\" };" },
	{ BAD, "permit(principal,action,resource) when { Nope::\"x\" == principal };" },
	{ BAD, "permit(principal,action,resource) when { Action::\"nope\" == principal };" },
	{ BAD, "permit(principal,action,resource) when { principal == Action::\"nope\" };" },
	{ BAD, "permit(principal,action,resource) when { principal in Nope::\"x\" };" },
	{ BAD | INAPPLICABLE, "permit(principal in Nope::\"x\",action,resource);" },
	{ BAD | INAPPLICABLE, "permit(principal == Nope::\"x\",action,resource);" },
	{ BAD | IMPOSSIBLE | INAPPLICABLE, "permit(principal is Nope,action,resource);" },
	{ BAD | IMPOSSIBLE | INAPPLICABLE, "permit(principal is Nope in G::\"x\",action,resource);" },
	{ BAD | INAPPLICABLE, "permit(principal is User in Nope::\"x\",action,resource);" },
	{ BAD | IMPOSSIBLE | INAPPLICABLE, "permit(principal,action == Action::\"nope\",resource);" },
	{ BAD | INAPPLICABLE, "permit(principal,action in Action::\"nope\",resource);" },
	{ BAD | INAPPLICABLE, "permit(principal,action in [Action::\"nope\", Action::\"v\"],resource);" },
	{ BAD | INAPPLICABLE, "permit(principal,action in [],resource);" },
	{ IMPOSSIBLE | INAPPLICABLE, "permit(principal is Doc,action in [],resource);" },
	{ BAD, "permit(principal,action in [Action::\"v\"],resource is Doc) when { action in [] };" },
	{ BAD, "permit(principal,action,resource) when { Nope::\"x\" == Nope::\"x\" };" },
	{ BAD | IMPOSSIBLE, "permit(principal,action,resource) when { Nope::\"x\" == 1 };" },
	{ BAD, "permit(principal,action,resource) when { Nope::\"x\" has a };" },
	{ BAD, "permit(principal,action,resource) when { Nope::\"x\".a };" },
	{ BAD, "permit(principal,action,resource) when { Nope::\"x\" is Nope };" },
	{ BAD, "permit(principal,action,resource) when { Nope::\"x\" is User };" },
	{ BAD, "permit(principal,action,resource) when { [Nope::\"x\"].contains(principal) };" },
	{ OK_, "permit(principal,action,resource) when { User::\"x\" in User::\"x\" };" },
	{ OK_, "permit(principal,action,resource) when { User::\"x\" in User::\"y\" };" },
	{ OK_, "permit(principal,action,resource) when { User::\"x\" in G::\"y\" };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { G::\"x\" in User::\"y\" };" },
	{ BAD, "permit(principal,action,resource) when { User::\"x\" in [G::\"y\",User::\"z\"] };" },
	{ BAD, "permit(principal,action,resource) when { principal in [User::\"z\", Doc::\"x\"] };" },
	{ BAD, "permit(principal,action,resource) when { action in [Action::\"grp\", User::\"x\"] };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { action in User::\"x\" };" },
	{ OK_, "permit(principal,action,resource) when { Action::\"v\" in Action::\"grp\" };" },
	{ OK_, "permit(principal,action,resource) when { Action::\"v\" in [Action::\"grp\"] };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { Action::\"grp\" in [Action::\"v\"] };" },
	{ OK_, "permit(principal,action,resource) when { action == action };" },
	{ OK_, "permit(principal,action,resource) when { principal == principal };" },
	{ OK_, "permit(principal,action,resource) when { action in action };" },
	{ OK_, "permit(principal,action,resource) when { principal in principal };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { principal in action };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { action in principal };" },
	{ OK_, "permit(principal,action,resource) when { action in [action] };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { principal in [action] };" },
	{ OK_, "permit(principal,action,resource) when { action is Action };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { action is User };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { action is Foo::Action };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { action has x };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { action.hasTag(\"x\") };" },
	{ BAD, "permit(principal,action,resource) when { action.getTag(\"x\") == \"a\" };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { 1 == \"x\" };" },
	{ BAD, "permit(principal,action,resource) when { 1 == principal };" },
	{ OK_, "permit(principal,action,resource) when { \"a\" == \"a\" };" },
	{ OK_, "permit(principal,action,resource) when { true };" },
	{ BAD, "permit(principal,action,resource) when { 1 };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) unless { true };" },
	{ OK_, "permit(principal,action,resource) unless { false };" },
	{ BAD, "permit(principal,action,resource) when { true } when { 1 };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { false } when { 1 };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { false && 1 };" },
	{ OK_, "permit(principal,action,resource) when { true || 1 };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { (1 == 2) && 1 };" },
	{ BAD, "permit(principal,action,resource) when { 1 && false };" },
	{ OK_, "permit(principal,action,resource) when { if true then true else 1 };" },
	{ BAD, "permit(principal,action,resource) when { if principal.n == 1 then true else 1 };" },
	{ OK_, "permit(principal,action,resource) when { if principal.n == 1 then true else false };" },
	{ OK_, "permit(principal,action,resource) when { if false then 1 else true };" },
	{ BAD, "permit(principal,action,resource) when { if 1 then true else false };" },
	{ BAD, "permit(principal,action,resource) when { [] == [] };" },
	{ BAD, "permit(principal,action,resource) when { [1,\"a\"] == [1] };" },
	{ BAD, "permit(principal,action,resource) when { [1].contains(\"a\") };" },
	{ OK_, "permit(principal,action,resource) when { [true].contains(false) };" },
	{ OK_, "permit(principal,action,resource) when { [1].containsAll([2]) };" },
	{ BAD, "permit(principal,action,resource) when { [1].containsAll([\"x\"]) };" },
	{ OK_, "permit(principal,action,resource) when { [1].isEmpty() };" },
	{ BAD, "permit(principal,action,resource) when { \"a\".isEmpty() };" },
	{ BAD, "permit(principal,action,resource) when { \"a\" < \"b\" };" },
	{ BAD, "permit(principal,action,resource) when { decimal(\"1.0\") < decimal(\"2.0\") };" },
	{ OK_, "permit(principal,action,resource) when { datetime(\"2020-01-01\") < datetime(\"2021-01-01\") };" },
	{ BAD, "permit(principal,action,resource) when { datetime(\"2020-01-01\") < duration(\"1d\") };" },
	{ OK_, "permit(principal,action,resource) when { duration(\"1d\") < duration(\"2d\") };" },
	{ OK_, "permit(principal,action,resource) when { decimal(\"1.0\") == decimal(\"2.0\") };" },
	{ BAD, "permit(principal,action,resource) when { decimal(\"1.0\", \"2.0\") == decimal(\"2.0\") };" },
	{ BAD, "permit(principal,action,resource) when { decimal(1) == decimal(\"2.0\") };" },
	{ BAD, "permit(principal,action,resource) when { \"a\".lessThan(\"b\") };" },
	{ OK_, "permit(principal,action,resource) when { User::\"x\".n == 1 };" },
	{ BAD | IMPOSSIBLE, "permit(principal,action,resource) when { E::\"q\" == E::\"x\" };" },
	{ BAD | IMPOSSIBLE, "permit(principal,action,resource) when { false && E::\"q\" == E::\"x\" };" },
	{ BAD | IMPOSSIBLE, "permit(principal,action,resource) when { false && principal is Nope };" },
	{ BAD | IMPOSSIBLE, "permit(principal,action,resource) when { false && Action::\"zz\" == action };" },
	{ OK_, "permit(principal,action,resource) when { {a: 1, b: principal}.b.n == 1 };" },
	{ OK_, "permit(principal,action,resource) when { {a: 1}[\"a\"] == 1 };" },
	{ BAD, "permit(principal,action,resource) when { {a: 1}.b == 1 };" },
	{ OK_, "permit(principal,action,resource) when { {a: 1} has a };" },
	{ OK_, "permit(principal,action,resource) when { {a: true} has a && {a: true}.a };" },
	{ BAD, "permit(principal,action,resource) when { 1 has a };" },
	{ BAD, "permit(principal,action,resource) when { \"x\".foo };" },
	{ OK_, "permit(principal,action,resource) when { context.req };" },
	{ OK_, "permit(principal,action,resource) when { context has k && context.k == 1 };" },
	{ BAD, "permit(principal,action == Action::\"v\",resource) when { context[\"k\"] == 1 || context has k };" },
	{ OK_, "permit(principal,action == Action::\"v\",resource) when { context has \"k\" && context[\"k\"] == 1 };" },
	{ OK_, "permit(principal,action,resource) when { principal.hasTag(\"a\") && principal.getTag(\"a\") == \"x\" };" },
	{ BAD, "permit(principal,action,resource) when { principal.hasTag(\"a\") && principal.getTag(\"b\") == \"x\" };" },
	{ OK_, "permit(principal,action,resource) when { principal has o && principal.hasTag(principal.o) && principal.getTag(principal.o) == \"x\" };" },
	{ BAD, "permit(principal,action,resource) when { principal.getTag(\"a\") == \"x\" };" },
	{ OK_, "permit(principal,action,resource) when { (principal has o || principal has o) && principal.o == \"x\" };" },
	{ BAD, "permit(principal,action,resource) when { (principal has o || principal.n == 1) && principal.o == \"x\" };" },
	{ BAD, "permit(principal,action,resource) when { (if principal has o then true else false) && principal.o == \"x\" };" },
	{ OK_, "permit(principal,action,resource) when { (if principal has o then principal.n == 1 else principal has o) && principal.o == \"x\" };" },
	{ OK_, "permit(principal,action,resource) when { (if principal.n == 1 then principal has o else principal has o) && principal.o == \"x\" };" },
	{ BAD, "permit(principal,action,resource) when { !(!(principal has o)) && principal.o == \"x\" };" },
	{ BAD, "permit(principal,action,resource) when { [principal has o].contains(true) && principal.o == \"x\" };" },
	{ OK_, "permit(principal,action,resource) when { principal has o } when { principal.o == \"x\" };" },
	{ BAD, "permit(principal,action,resource) unless { !(principal has o) } when { principal.o == \"x\" };" },
	{ OK_, "permit(principal,action,resource) when { principal has m.m.m && principal.m.m.m.n == 1 };" },
	{ OK_, "permit(principal,action,resource) when { principal has m && principal.m has m && principal[\"m\"].m.n == 1 };" },
	{ OK_, "permit(principal,action,resource) when { principal has n && principal.n == 1 };" },
	{ OK_, "permit(principal,action,resource) when { principal is User in User::\"x\" };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { principal is Doc in 1 };" },
	{ BAD, "permit(principal,action,resource) when { principal is User in 1 };" },
	{ BAD, "permit(principal,action,resource) when { principal like \"a\" };" },
	{ OK_, "permit(principal,action,resource) when { -principal.n == 1 };" },
	{ BAD, "permit(principal,action,resource) when { -\"a\" == 1 };" },
	{ OK_, "permit(principal,action,resource) when { principal.n * 2 - 1 >= 3 };" },
	{ BAD, "permit(principal,action,resource) when { principal.n != \"x\" };" },
	{ OK_, "permit(principal,action,resource) when { principal != Doc::\"x\" };" },
	{ BAD, "permit(principal,action,resource) when { 1 in principal };" },
	{ BAD, "permit(principal,action,resource) when { principal in 1 };" },
	{ BAD, "permit(principal,action,resource) when { principal in [1] };" },
	{ OK_, "permit(principal,action,resource) when { resource in [Doc::\"a\", Doc::\"b\"] };" },
	{ OK_, "permit(principal,action,resource == E::\"x\");" },
	{ IMPOSSIBLE | INAPPLICABLE, "permit(principal,action,resource == NoTag::\"x\");" },
	{ OK_, "permit(principal == User::\"x\",action,resource in Doc::\"x\");" },
	{ OK_, "permit(principal in User::\"x\",action,resource);" },
	{ IMPOSSIBLE | INAPPLICABLE, "permit(principal in Doc::\"x\",action,resource);" },
	{ IMPOSSIBLE | INAPPLICABLE, "permit(principal,action == Action::\"grp\",resource);" },
	{ OK_, "permit(principal,action in Action::\"grp\",resource is E);" },
	{ IMPOSSIBLE | INAPPLICABLE, "permit(principal,action in Action::\"del\",resource is E);" },
	{ OK_, "permit(principal is User in G::\"x\",action,resource);" },
	{ IMPOSSIBLE | INAPPLICABLE, "permit(principal is Doc in G::\"x\",action,resource);" },
	{ BAD, "permit(principal,action,resource) when { principal.m == principal };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { principal has m && principal.m == resource };" },
	{ OK_, "permit(principal,action,resource) when { (principal has r && principal.r has a) && principal.r.a == 1 };" },
	{ BAD, "permit(principal,action,resource) when { principal has r && principal.r == {a: 1, b: 2} };" },
	{ BAD, "permit(principal,action,resource) when { principal has r && principal.r == {b: 2} };" },
	{ OK_, "permit(principal,action,resource) when { [{a:1},{a:2}].contains({a:3}) };" },
	{ OK_, "permit(principal,action,resource) when { [{a:true},{a:false}].contains({a:true}) };" },
	{ BAD, "permit(principal,action,resource) when { if principal.n == 1 then principal else resource };" },
	{ BAD, "permit(principal,action,resource) when { (if principal.n == 1 then principal else resource) == principal };" },
	{ BAD, "permit(principal,action,resource) when { [principal, resource].contains(principal) };" },
	{ BAD, "permit(principal,action,resource) when { \"a\" < 1 };" },
	{ BAD, "permit(principal,action,resource) when { 1 < \"a\" };" },
	{ BAD, "permit(principal,action,resource) when { principal.nope < 1 };" },
	{ BAD, "permit(principal,action,resource) when { principal.nope.isEmpty() };" },
	{ BAD, "permit(principal,action,resource) when { principal.nope is User };" },
	{ BAD, "permit(principal,action,resource) when { principal.nope in User::\"x\" };" },
	{ BAD, "permit(principal,action,resource) when { principal in principal.nope };" },
	{ BAD, "permit(principal,action,resource) when { !principal.nope };" },
	{ BAD, "permit(principal,action,resource) when { !1 };" },
	{ BAD, "permit(principal,action,resource) when { -principal.nope == 1 };" },
	{ BAD, "permit(principal,action,resource) when { principal.nope has x };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { principal has nope.x };" },
	{ BAD, "permit(principal,action,resource) when { principal has n.x };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { principal has r.nope };" },
	{ OK_, "permit(principal,action,resource) when { principal has m.r.a && principal.m.r.a == 1 };" },
	{ BAD, "permit(principal,action,resource) when { principal.nope.hasTag(\"a\") };" },
	{ BAD, "permit(principal,action,resource) when { principal.hasTag(1) };" },
	{ BAD, "permit(principal,action,resource) when { 1.hasTag(\"x\") };" },
	{ BAD, "permit(principal,action,resource) when { \"a\".contains(\"a\") };" },
	{ BAD, "permit(principal,action,resource) when { [1].containsAll(1) };" },
	{ BAD, "permit(principal,action,resource) when { [principal.nope].contains(1) };" },
	{ BAD, "permit(principal,action,resource) when { {a: principal.nope}.a == 1 };" },
	{ BAD, "permit(principal,action,resource) when { [principal.nope, 1, \"x\"] == [1] };" },
	{ BAD, "permit(principal,action,resource) when { if principal.nope then true else false };" },
	{ BAD, "permit(principal,action,resource) when { if true then principal.nope else false };" },
	{ BAD, "permit(principal,action,resource) when { if principal.n == 1 then principal.nope else true };" },
	{ BAD, "permit(principal,action,resource) when { principal.nope && true };" },
	{ BAD, "permit(principal,action,resource) when { principal.nope || true };" },
	{ BAD, "permit(principal,action,resource) when { principal.n == 1 || principal.nope };" },
	{ OK_, "permit(principal,action,resource) when { principal.n == 1 || false || principal.n == 2 };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { false || false };" },
	{ OK_, "permit(principal,action,resource) when { principal.n == 1 || true };" },
	{ OK_, "permit(principal,action,resource) when { true && true };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { principal.n == 1 && false };" },
	{ BAD, "permit(principal,action,resource) when { ip(\"1.1.1.1\").isInRange(1) };" },
	{ BAD, "permit(principal,action,resource) when { ip(principal.nope).isIpv4() };" },
	{ BAD, "permit(principal,action,resource) when { ip(\"1.1.1.1\").isIpv4(1) };" },
	{ OK_, "permit(principal,action,resource) when { datetime(\"2024-01-01\").offset(duration(\"1d\")) > datetime(\"2020-01-01\") };" },
	{ OK_, "permit(principal,action,resource) when { datetime(\"2024-01-01\").durationSince(datetime(\"2020-01-01\")).toDays() > 1 };" },
	{ BAD, "permit(principal,action,resource) when { datetime(\"x\") > datetime(\"2020-01-01\") };" },
	{ BAD, "permit(principal,action,resource) when { duration(\"x\") > duration(\"1d\") };" },
	{ BAD, "permit(principal,action,resource) when { decimal(\"x\").lessThan(decimal(\"1.0\")) };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { action in [principal] };" },
	{ OK_, "permit(principal,action,resource) when { action in [action, Action::\"grp\"] };" },
	{ OK_, "permit(principal,action,resource) when { [Action::\"v\", action].contains(action) };" },
	{ BAD, "permit(principal,action,resource) when { Action::\"v\" in principal.set };" },
	{ OK_, "permit(principal,action,resource) when { principal in [principal] };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { resource in [principal, principal] };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { principal == action };" },
	{ OK_, "permit(principal,action,resource) when { principal is User in [User::\"a\", User::\"b\"] };" },
	{ BAD, "permit(principal,action,resource) when { principal is User in [User::\"a\", Doc::\"b\"] };" },
	{ OK_, "permit(principal,action,resource) when { context == context };" },
	{ BAD, "permit(principal,action,resource) when { context == {} };" },
	{ OK_, "permit(principal,action,resource) when { context has req && context.req };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { context has nope };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { {} has nope };" },
	{ OK_, "permit(principal,action,resource) when { {} == {} };" },
	{ IMPOSSIBLE, "permit(principal,action,resource) when { true == false };" },
	{ OK_, "permit(principal,action,resource) when { (principal.n == 1) == true };" },
	{ OK_, "permit(principal,action,resource) when { principal.set.containsAny(principal.set) };" },
	{ BAD, "permit(principal,action,resource) when { \"a\" == principal.n };" },
	{ IMPOSSIBLE | INAPPLICABLE, "permit(principal is User in User::\"x\",action,resource is E in Doc::\"x\");" },
	{ OK_, "permit(principal == User::\"x\",action in [Action::\"v\", Action::\"del\"],resource == Doc::\"x\") when { principal == User::\"y\" };" },
};

static struct cedar_schema *
S_make(const char *text)
{
	struct cedar_schema *s = NULL;
	struct cedar_diag d = { 0 };
	status st = cedar_schema_parse(span_str(text), &d, &s);
	if (failed(st))
		fail_msg("%s", d.what);
	return s;
}

static unsigned
S_flags(const struct cedar_schema *s, const char *text, const struct cedar_validate_opts *o, struct cedar_report *r)
{
	struct cedar_ast *ast;
	struct cedar_diag d = { 0 };
	status st = cedar_parse_policies(span_str(text), (span){ 0 }, 0, NULL, &ast, &d);
	if (failed(st))
		fail_msg("%s: %s", text, d.what);
	cedar_report_init(r, 0);
	assert_ok(cedar_validate(s, ast, o, r));
	unsigned flags = r->errors ? BAD : OK_;
	for (uint32_t i = 0; i < r->n; i++) {
		flags |= r->items[i].kind == CEDAR_FIND_IMPOSSIBLE ? IMPOSSIBLE : 0;
		flags |= r->items[i].kind == CEDAR_FIND_INAPPLICABLE ? INAPPLICABLE : 0;
		r->items[i].policy = NULL;
	}
	cedar_ast_unref(ast);
	return flags;
}

static void
agrees_with_the_reference(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make(S_schema);
	struct cedar_validate_opts o = { .inapplicable_warns = true };
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		struct cedar_report r;
		unsigned got = S_flags(s, policies[i].text, &o, &r);
		if (got != policies[i].flags)
			fail_msg("%s: got %u, want %u (%s)", policies[i].text, got, policies[i].flags, r.n ? r.items[0].diag.what : "");
		cedar_report_fini(&r);
	}
}

static void
explains(void **)
{
	static const struct { const char *text, *what, *hint; enum cedar_finding_kind kind; uint32_t line, col; } rows[] = {
		{ "permit(principal is Usr, action, resource);", "unknown entity type `Usr`", "did you mean `User`?", CEDAR_FIND_UNKNOWN_TYPE, 1, 8 },
		{ "permit(principal, action == Action::\"dell\", resource);", "unknown action `Action::\"dell\"`", "did you mean `Action::\"del\"`?", CEDAR_FIND_UNKNOWN_ACTION, 1, 19 },
		{ "permit(principal, action, resource) when {\n  resource is Doc && resource.ownr == principal };", "attribute `ownr` not found on entity type `Doc`", "did you mean `owner`?", CEDAR_FIND_UNKNOWN_ATTR, 2, 22 },
		{ "permit(principal, action, resource) when { principal.o == \"x\" };", "optional attribute `o` on entity type `User` may be absent here", "test for it first: e has a && e.a …", CEDAR_FIND_UNSAFE_ATTR, 1, 44 },
		{ "permit(principal, action == Action::\"v\", resource) when { context.k > 1 };", "optional attribute `k` in the context of Action::\"v\" may be absent here", "test for it first: e has a && e.a …", CEDAR_FIND_UNSAFE_ATTR, 1, 59 },
		{ "permit(principal, action, resource) when { principal.n + \"1\" == 2 };", "expected Long, found String", "", CEDAR_FIND_TYPE, 1, 58 },
		{ "permit(principal, action, resource is NoTag);", "no action can meet this policy's scope", "compare the scope with the `appliesTo` of the actions", CEDAR_FIND_INAPPLICABLE, 1, 1 },
	};
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make(S_schema);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cedar_report r;
		assert_int_equal(S_flags(s, rows[i].text, NULL, &r) & BAD, BAD);
		const struct cedar_finding *f = &r.items[0];
		if (strcmp(f->diag.what, rows[i].what) || strcmp(f->diag.hint, rows[i].hint) || f->kind != rows[i].kind ||
		    f->diag.line != rows[i].line || f->diag.col != rows[i].col)
			fail_msg("%s: %s %u:%u \"%s\" \"%s\"", rows[i].text, cedar_finding_name(f->kind), f->diag.line, f->diag.col,
			         f->diag.what, f->diag.hint);
		cedar_report_fini(&r);
	}
}

static void
follows_4_12_or_4_13(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make(S_schema);
	struct cedar_report r;
	assert_int_equal(S_flags(s, "permit(principal, action, resource is NoTag);", NULL, &r), BAD | IMPOSSIBLE | INAPPLICABLE);
	cedar_report_fini(&r);
	struct cedar_validate_opts o = { .inapplicable_warns = true };
	assert_int_equal(S_flags(s, "permit(principal, action, resource is NoTag);", &o, &r), IMPOSSIBLE | INAPPLICABLE);
	cedar_report_fini(&r);
}

static void
permissive_is_weaker(void **)
{
	static const struct { unsigned flags; const char *text; } rows[] = {
		{ OK_, "permit(principal,action,resource) when { [].contains(1) };" },
		{ OK_, "permit(principal,action,resource) when { principal has o && ip(principal.o).isIpv4() };" },
		{ OK_, "permit(principal,action,resource) when { principal.n == \"x\" };" },
		{ OK_, "permit(principal,action,resource) when { [principal, resource].contains(principal) };" },
		{ OK_, "permit(principal,action,resource) when { (if principal.n == 1 then {a: 1} else {a: 2, b: 1}).a == 1 };" },
		{ BAD, "permit(principal,action,resource) when { (if principal.n == 1 then {a: 1} else {a: 2, b: 1}).b == 1 };" },
		{ OK_ | IMPOSSIBLE, "permit(principal,action,resource) when { principal in [] };" },
		{ OK_, "permit(principal,action,resource) when { (if principal.n == 1 then principal else resource) is User };" },
		{ OK_ | IMPOSSIBLE, "permit(principal,action,resource) when { (if principal.n == 1 then principal else resource) is NoTag };" },
		{ OK_, "permit(principal,action,resource) when { (if principal.n == 1 then principal else resource) is User in User::\"x\" };" },
		{ OK_, "permit(principal,action,resource is Doc) when { (if principal.n == 1 then principal else resource) in Doc::\"x\" };" },
		{ OK_, "permit(principal,action,resource) when { (if principal.n == 1 then principal else action) in Doc::\"x\" };" },
		{ OK_, "permit(principal,action,resource) when { (if principal.n == 1 then principal else action) has anything };" },
		{ BAD, "permit(principal,action,resource) when { (if principal.n == 1 then principal else action).anything };" },
		{ BAD, "permit(principal,action,resource) when { (if principal.n == 1 then principal else resource).n == 1 };" },
		{ OK_, "permit(principal,action,resource) when { (if principal.n == 1 then principal else User::\"x\").n == 1 };" },
		{ OK_, "permit(principal,action,resource is Doc) when { (if principal.n == 1 then principal else resource) has n };" },
		{ OK_, "permit(principal,action,resource is Doc) when { (if principal.n == 1 then principal else resource).hasTag(\"x\") };" },
		{ BAD, "permit(principal,action,resource is Doc) when { (if principal.n == 1 then principal else resource).getTag(\"x\") == \"a\" };" },
		{ OK_, "permit(principal,action,resource) when { (if principal.n == 1 then {a: 1} else {b: 2}) has c };" },
		{ BAD | IMPOSSIBLE | INAPPLICABLE, "permit(principal in User::\"x\",action in [],resource);" },
		{ BAD, "permit(principal,action,resource) when { principal.o == \"x\" };" },
		{ BAD, "permit(principal,action,resource) when { [1, \"x\"].contains(1) };" },
		{ BAD, "permit(principal,action,resource) when { ip(\"zz\").isIpv4() };" },
		{ BAD, "permit(principal,action,resource) when { [principal, resource].contains(1).foo };" },
	};
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make(S_schema);
	struct cedar_validate_opts o = { .permissive = true };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cedar_report r;
		unsigned got = S_flags(s, rows[i].text, &o, &r);
		if (got != rows[i].flags)
			fail_msg("%s: %u (%s)", rows[i].text, got, r.n ? r.items[0].diag.what : "");
		cedar_report_fini(&r);
	}
}

static void
checks_one_policy(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make("entity U; action a appliesTo { principal: U, resource: U };"
		"namespace N { action b appliesTo { principal: U, resource: U }; }");
	struct cedar_ast *ast;
	struct cedar_report r;
	assert_ok(cedar_parse_policies(SPAN("permit(principal, action in [Action::\"a\", N::Action::\"b\"], resource);"
		"permit(principal, action in [N::Action::\"b\", N::Action::\"b\"], resource); permit(principal, action == Action::\"c\", resource);"),
		(span){ 0 }, 0, NULL, &ast, NULL));
	static const enum cedar_finding_kind want[] = { CEDAR_FIND_INCOMPATIBLE, CEDAR_FIND_COUNT, CEDAR_FIND_UNKNOWN_ACTION };
	for (uint32_t i = 0; i < ast->policy_n; i++) {
		cedar_report_init(&r, 0);
		assert_ok(cedar_validate_policy(s, ast->policies[i], NULL, &r));
		assert_int_equal(r.n ? r.items[0].kind : CEDAR_FIND_COUNT, want[i]);
		cedar_report_fini(&r);
	}
	cedar_ast_unref(ast);
}

static void
bounds_the_work(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = S_make(S_schema);
	struct buf b;
	struct cedar_ast *ast;
	struct cedar_report r;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "permit(principal,action,resource) when { true");
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, " && (principal has a%d || principal has o)", i);
	buf_put_str(&b, " };");
	assert_ok(cedar_parse_policies(buf_span(&b), (span){ 0 }, 0, NULL, &ast, NULL));
	cedar_report_init(&r, 0);
	assert_ok(cedar_validate(s, ast, NULL, &r));
	struct cedar_validate_opts o = { .max_steps = 1000 };
	assert_fails(cedar_validate(s, ast, &o, &r), E_LIMIT);
	/* INVARIANT: however little work is allowed, a bad policy is never found good */
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *one = S_make("entity U { n: Long }; action a appliesTo { principal: U, resource: U };");
	struct cedar_ast *bad;
	assert_ok(cedar_parse_policies(SPAN("permit(principal,action,resource) when { principal.n == 1 && principal.n == 2 && principal.n == \"x\" };"),
	                               (span){ 0 }, 0, NULL, &bad, NULL));
	bool limited = false, enough = false;
	for (unsigned steps = 1; !enough; steps++) {
		struct cedar_report found;
		cedar_report_init(&found, 0);
		o = (struct cedar_validate_opts){ .max_steps = steps };
		status st = cedar_validate(one, bad, &o, &found);
		limited |= st.code == E_LIMIT;
		enough = !failed(st);
		if (enough)
			assert_int_equal(found.errors, 1);
		cedar_report_fini(&found);
	}
	assert_true(limited);
	cedar_ast_unref(bad);
	o = (struct cedar_validate_opts){ .max_memory = 4096 };
	assert_true(failed(cedar_validate(s, ast, &o, &r)));
	cedar_report_fini(&r);
	cedar_ast_unref(ast);
	buf_fini(&b);
}

TEST_MAIN(T(agrees_with_the_reference), T(explains), T(follows_4_12_or_4_13), T(permissive_is_weaker), T(checks_one_policy), T(bounds_the_work))
