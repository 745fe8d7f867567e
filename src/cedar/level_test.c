/* Each policy with the lowest level that admits it (RFC 76); NEVER: none does. */
#include "cedar/parse.h"
#include "cedar/validate.h"
#include "tests/test.h"

#define NEVER 99

static const char S_schema[] =
	"entity Group; entity User in [User, Group] { user: User, bool: Bool, rec: { user: User, n: Long } } tags User; entity Doc in [Doc];"
	"action g; action view in [g] appliesTo { principal: User, resource: [User, Doc], context: { user: User, rec: { user: User } } };";

static const struct { unsigned level; const char *text; } rows[] = {
	{ 0, "permit(principal, action, resource);" },
	{ 0, "permit(principal == User::\"a\", action == Action::\"view\", resource is Doc);" },
	{ 1, "permit(principal in User::\"a\", action, resource);" },
	{ 1, "permit(principal, action in Action::\"g\", resource);" },
	{ 1, "permit(principal, action, resource in Doc::\"d\");" },
	{ 1, "permit(principal, action, resource is Doc in Doc::\"d\");" },
	{ 1, "permit(principal in ?principal, action, resource);" },
	{ 0, "permit(principal == ?principal, action, resource);" },
	{ 1, "permit(principal, action, resource) when { principal.bool };" },
	{ 2, "permit(principal, action, resource) when { principal.user.bool };" },
	{ 3, "permit(principal, action, resource) when { principal.user.user.bool };" },
	{ 3, "permit(principal, action, resource) when { principal.user.user.user == principal };" },
	{ 1, "permit(principal, action, resource) when { principal has bool };" },
	{ 2, "permit(principal, action, resource) when { principal.user has bool };" },
	{ 2, "permit(principal, action, resource) when { principal has user.user };" },
	{ 1, "permit(principal, action, resource) when { principal has rec.n };" },
	{ 2, "permit(principal, action, resource) when { principal has rec.user.bool };" },
	{ 1, "permit(principal, action, resource) when { principal in User::\"x\" };" },
	{ 2, "permit(principal, action, resource) when { principal.user in User::\"x\" };" },
	{ 1, "permit(principal, action, resource) when { principal in [principal.user] };" },
	{ 1, "permit(principal, action, resource) when { resource is Doc in Doc::\"x\" };" },
	{ 0, "permit(principal, action, resource) when { resource is Doc };" },
	{ 1, "permit(principal, action, resource) when { principal.hasTag(\"a\") };" },
	{ 2, "permit(principal, action, resource) when { principal.hasTag(\"a\") && principal.getTag(\"a\").bool };" },
	{ 1, "permit(principal, action, resource) when { context.user.bool };" },
	{ 0, "permit(principal, action, resource) when { context.user == principal };" },
	{ 1, "permit(principal, action, resource) when { context.rec.user.bool };" },
	{ 2, "permit(principal, action, resource) when { principal.rec.user.bool };" },
	{ 1, "permit(principal, action, resource) when { principal.rec.n > 1 };" },
	{ 1, "permit(principal, action, resource) when { {a: principal, b: principal.user}.a.bool };" },
	{ 2, "permit(principal, action, resource) when { {a: principal, b: principal.user.user}.a.bool };" },
	{ 2, "permit(principal, action, resource) when { {a: principal}.a.user.bool };" },
	{ 2, "permit(principal, action, resource) when { {a: {b: principal.user, c: User::\"x\"}}.a.b.bool };" },
	{ NEVER, "permit(principal, action, resource) when { {a: {b: principal.user, c: User::\"x\"}}.a.c.bool };" },
	{ 2, "permit(principal, action, resource) when { (if principal.bool then principal else principal.user).bool };" },
	{ NEVER, "permit(principal, action, resource) when { (if principal.bool then principal else User::\"x\").bool };" },
	{ NEVER, "permit(principal, action, resource) when { User::\"x\".bool };" },
	{ NEVER, "permit(principal, action, resource) when { User::\"x\" in User::\"y\" };" },
	{ 0, "permit(principal, action, resource) when { User::\"x\" == principal };" },
	{ 1, "permit(principal, action, resource) when { Action::\"view\" in Action::\"g\" };" },
	{ NEVER, "permit(principal, action, resource) when { Action::\"g\" in Action::\"g\" };" },
	{ 0, "permit(principal, action, resource) when { true || principal.user.user.bool };" },
	{ 0, "permit(principal, action, resource) when { false && principal.user.bool };" },
	{ 1, "permit(principal, action, resource) when { principal.bool && [principal.rec.n].contains(2) };" },
	{ 2, "permit(principal, action, resource) unless { !(principal.user.rec.n + 1 > 2) };" },
	{ 2, "permit(principal, action, resource) when { if principal.bool then principal.user.bool else true };" },
};

static uint32_t
S_errors(const struct cedar_schema *s, const struct cedar_ast *ast, unsigned level, bool check)
{
	struct cedar_report r;
	cedar_report_init(&r, 0);
	assert_ok(cedar_validate(s, ast, &(struct cedar_validate_opts){ .check_level = check, .level = level }, &r));
	for (uint32_t i = 0; i < r.n && check; i++)
		if (!r.items[i].warning)
			assert_int_equal(r.items[i].kind, CEDAR_FIND_LEVEL);
	uint32_t n = r.errors;
	cedar_report_fini(&r);
	return n;
}

static void
finds_the_level(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL;
	assert_ok(cedar_schema_parse(span_str(S_schema), NULL, &s));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cedar_ast *ast;
		struct cedar_diag d = { 0 };
		status st = cedar_parse_policies(span_str(rows[i].text), (span){ 0 }, 0, NULL, &ast, &d);
		if (failed(st))
			fail_msg("%s: %s", rows[i].text, d.what);
		if (S_errors(s, ast, 0, false))
			fail_msg("%s: does not validate", rows[i].text);
		for (unsigned level = 0; level < 6; level++)
			if ((S_errors(s, ast, level, true) == 0) != (level >= rows[i].level))
				fail_msg("%s: at level %u", rows[i].text, level);
		cedar_ast_unref(ast);
	}
}

TEST_MAIN(T(finds_the_level))
