#include "tests/test.h"

#include "base/buf.h"
#include "cedar/parse.h"

/* ok: parses; template: parses with slots; else what the message must contain, and where. */
static const struct { const char *text; bool ok, template; const char *what; uint32_t line, col; } policies[] = {
	{ "permit(principal, action, resource);", true },
	{ "permit(principal,action,resource,);", true },
	{ "", true },
	{ "// nothing\n", true },
	{ "// ends with a carriage return\rpermit(principal,action,resource);", true },
	{ "permit(principal,action,resource)\xc2\xa0;\xe2\x80\xa8", true },
	{ "@id(\"x\") @if @a(\"\") forbid(principal == U::\"a\", action in [Action::\"r\", A::Action::\"w\",], resource is A::B in G::\"g\");", true },
	{ "permit(principal == ((A::\"x\")), action in [], resource in A :: B // c\n ::\"x\");", true },
	{ "permit(principal, action in (([(Action::\"a\"), Action::\"b\"])), resource in (User::\"x\"));", true },
	{ "permit(principal == (?principal), action, resource);", true, true },
	{ "permit(principal == (A::\"x\", action, resource);", false, false, "expected `)`", 1, 28 },
	{ "permit(principal is U in ?principal, action, resource == ?resource);", true, true },
	{ "permit(principal,action,resource) when { true } unless { false };", true },
	{ "permit(principal,action,resource) when { permit::\"a\" == principal && context.when.unless };", true },
	{ "permit(principal,action,resource) when { {when: 1, \"if\": 2,} has \"if\" };", true },
	{ "permit(principal,action,resource) when { -9223372036854775808 < --9223372036854775808 };", true },
	{ "permit(principal,action,resource) when { !!!!true };", true },
	{ "permit(principal,action,resource) when { -1.isEmpty() };", true },
	{ "permit(principal,action,resource) when { principal has a.b.c && principal has \"__cedar\" };", true },
	{ "permit(principal,action,resource) when { context[\"__cedar\"] };", true },
	{ "permit(principal,action,resource) when { \"a\nb\" == \"\\x41\\u{1F_600}\\0\" };", true },
	{ "permit(principal,action,resource) when { ip() };", true },
	{ "\xef\xbb\xbfpermit(principal,action,resource);", false, false, "byte order mark", 1, 1 },
	{ "permit(principal,action,resource)\n  when { true }", false, false, "expected `when`, `unless` or `;`, found the end", 2, 16 },
	{ "allow(principal,action,resource);", false, false, "expected `permit` or `forbid`, found `allow`", 1, 1 },
	{ "permit(action,principal,resource);", false, false, "expected `principal`", 1, 8 },
	{ "permit(principal,action,resource,context);", false, false, "expected `)`", 1, 34 },
	{ "permit(principal = A::\"x\",action,resource);", false, false, "found `=`", 1, 18 },
	{ "permit(principal == ?resource,action,resource);", false, false, "must be ?principal", 1, 21 },
	{ "permit(principal,action == ?action,resource);", false, false, "can not be a slot", 1, 28 },
	{ "permit(principal,action in [?resource],resource);", false, false, "entity such as", 1, 29 },
	{ "permit(principal in [A::\"x\"],action,resource);", false, false, "takes a list", 1, 21 },
	{ "permit(principal,action == User::\"x\",resource);", false, false, "is not an action", 1, 28 },
	{ "permit(principal,action in ActionX::\"x\",resource);", false, false, "is not an action", 1, 28 },
	{ "permit(principal,action is Action,resource);", false, false, "`is` does not apply", 1, 25 },
	{ "permit(principal is A == A::\"x\",action,resource);", false, false, "expected `,`", 1, 23 },
	{ "permit(principal == if::\"x\",action,resource);", false, false, "reserved word", 1, 21 },
	{ "permit(principal,action,resource) when { };", false, false, "an expression, found `}`", 1, 42 },
	{ "permit(principal,action,resource) when true;", false, false, "expected `{`", 1, 40 },
	{ "permit(principal,action,resource) when { principal == ?principal };", false, false, "slots", 1, 55 },
	{ "@a @a permit(principal,action,resource);", false, false, "occurs twice", 1, 4 },
	{ "@a(\"\\q\") permit(principal,action,resource);", false, false, "invalid escape", 1, 5 },
	{ "permit(principal,action,resource) when { 1 < 2 < 3 };", false, false, "found `<`", 1, 48 },
	{ "permit(principal,action,resource) when { !-1 };", false, false, "found `-`", 1, 43 },
	{ "permit(principal,action,resource) when { !!!!!true };", false, false, "more than four", 1, 46 },
	{ "permit(principal,action,resource) when { true && if true then true else true };", false, false, "`if` can not", 1, 50 },
	{ "permit(principal,action,resource) when { {a:1,\"a\":2} == 1 };", false, false, "occurs twice", 1, 47 },
	{ "permit(principal,action,resource) when { {if:1} == 1 };", false, false, "reserved", 1, 43 },
	{ "permit(principal,action,resource) when { [,] };", false, false, "an expression", 1, 43 },
	{ "permit(principal,action,resource) when { context.__cedar };", false, false, "reserved", 1, 50 },
	{ "permit(principal,action,resource) when { principal has \"a\".b };", false, false, "found `.`", 1, 59 },
	{ "permit(principal,action,resource) when { principal has a[\"b\"] };", false, false, "found `[`", 1, 57 },
	{ "permit(principal,action,resource) when { principal is \"T\" };", false, false, "type name", 1, 55 },
	{ "permit(principal,action,resource) when { \"a\" like (\"b\") };", false, false, "pattern in quotes", 1, 51 },
	{ "permit(principal,action,resource) when { context[1] };", false, false, "attribute name in quotes", 1, 50 },
	{ "permit(principal,action,resource) when { isIpv4(context.a) };", false, false, "is a method", 1, 42 },
	{ "permit(principal,action,resource) when { \"1.0\".decimal() };", false, false, "is a function", 1, 48 },
	{ "permit(principal,action,resource) when { \"1.0\".containAll() };", false, false, "no method `containAll`", 1, 48 },
	{ "permit(principal,action,resource) when { [1].contains() };", false, false, "takes 1 argument", 1, 46 },
	{ "permit(principal,action,resource) when { [1].isEmpty(1) };", false, false, "takes 0 arguments", 1, 46 },
	{ "permit(principal,action,resource) when { princpal };", false, false, "no variable `princpal`", 1, 42 },
	{ "permit(principal,action,resource) when { 9223372036854775808 };", false, false, "too large", 1, 42 },
	{ "permit(principal,action,resource) when { -(9223372036854775808) };", false, false, "too large", 1, 44 },
	{ "permit(principal,action,resource) when { 18446744073709551616 };", false, false, "too large", 1, 42 },
	{ "permit(principal,action,resource) when { 1 / 2 };", false, false, "found `/`", 1, 44 },
	{ "permit(principal,action,resource) when { \"a\\*b\" };", false, false, "invalid escape", 1, 44 },
	{ "permit(principal,action,resource) when { \"\\u{_41}\" };", false, false, "invalid escape", 1, 43 },
	{ "permit(principal,action,resource) when { \"\\u{d800}\" };", false, false, "invalid escape", 1, 43 },
	{ "permit(principal,action,resource) when { \"\\x80\" };", false, false, "invalid escape", 1, 43 },
	{ "permit(principal,action,resource) when { \"a\rb\" };", false, false, "carriage return", 1, 44 },
	{ "permit(principal,action,resource) when { \"a\\\nb\" };", false, false, "backslash", 1, 45 },
	{ "permit(principal,action,resource) when { \"a };", false, false, "never ends", 1, 42 },
	{ "permit(principal,action,resource) when { \"\xc3\xa9\xc3\xa9\" # };", false, false, "unexpected character `#`", 1, 47 },
	{ "permit(principal,action,resource) when { 'a' };", false, false, "unexpected character `'`", 1, 42 },
	{ "permit(principal,action,resource) when { \"\xed\xa0\x80\" };", false, false, "not valid UTF-8", 1, 43 },
	{ "permit(principal,action,resource) when { \"\xe0\x80\x80\" };", false, false, "not valid UTF-8", 1, 43 },
	{ "permit(principal,action,resource) when { \"\xf4\x90\x80\x80\" };", false, false, "not valid UTF-8", 1, 43 },
	{ "permit(principal,action,resource) when { \"\xc3\" };", false, false, "not valid UTF-8", 1, 43 },
	{ "permit(principal,action,resource) when { -9223372036854775809 };", false, false, "too small", 1, 42 },
	{ "permit(principal,\naction,resource) when \xff { true };", false, false, "not valid UTF-8", 2, 23 },
};

static void
parses_or_explains(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		struct cedar_ast *ast = NULL;
		struct cedar_diag d;
		status s = cedar_parse_policies(span_str(policies[i].text), SPAN("t.cedar"), 0, NULL, &ast, &d);
		if (failed(s) == policies[i].ok)
			fail_msg("%s: %s (%s)", policies[i].text, failed(s) ? "refused" : "accepted", failed(s) ? d.what : "");
		if (failed(s)) {
			if (!strstr(d.what, policies[i].what) || d.line != policies[i].line || d.col != policies[i].col)
				fail_msg("%s: %u:%u %s", policies[i].text, d.line, d.col, d.what);
			continue;
		}
		for (uint32_t k = 0; k < ast->policy_n; k++)
			assert_int_equal(cedar_policy_is_template(ast->policies[k]), policies[i].template);
		cedar_ast_unref(ast);
	}
}

static void
suggests(void **)
{
	static const struct { const char *text, *hint; } cases[] = {
		{ "premit(principal,action,resource);", "did you mean `permit`?" },
		{ "permit(principal,action,resource) when { princpal == 1 };", "did you mean `principal`?" },
		{ "permit(principal,action,resource) when { [1].containsall([1]) };", "did you mean `containsAll`?" },
		{ "permit(principal,action,resource) when { datetme(\"2024-01-01\") };", "did you mean `datetime`?" },
		{ "permit(principal,action,resource) when { isIpv4(1) };", "write value.isIpv4(…)" },
		{ "permit(principal,action,resource) when { \"x\".ip() };", "write ip(…)" },
		{ "permit(principal,action,resource) when { somethingelse };", "entities are Type::" },
		{ "permit(principal = U::\"x\",action,resource);", "equality is written ==" },
		{ "xyz(principal,action,resource);", "a policy starts with" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cedar_ast *ast = NULL;
		struct cedar_diag d;
		assert_fails(cedar_parse_policies(span_str(cases[i].text), (span){ 0 }, 0, NULL, &ast, &d), E_BAD_POLICY);
		if (!strstr(d.hint, cases[i].hint))
			fail_msg("%s: %s (%s)", cases[i].text, d.what, d.hint);
	}
}

static void
keeps_what_was_written(void **)
{
	struct cedar_ast *ast;
	struct cedar_diag d;
	span v;
	assert_ok(cedar_parse_policies(SPAN("permit(principal,action,resource);\n\n@id(\"a\\tb\")@if\nforbid(principal is A :: B in C::\"c\",\n"
	          "action in [Action::\"x\",Action::\"y\"],resource) unless { 1 >= 2 && 3 != 4 && principal is T in [A::\"\"] };"),
	          SPAN("x.cedar"), 7, NULL, &ast, &d));
	assert_int_equal(ast->policy_n, 2);
	const struct cedar_policy *p = ast->policies[1];
	assert_span(p->id, "policy8");
	assert_int_equal(p->effect, CEDAR_FORBID);
	assert_int_equal(p->pos.line, 3);
	assert_int_equal(p->pos.col, 1);
	assert_int_equal(p->pos.offset, 36);
	assert_true(cedar_policy_annotation(p, SPAN("id"), &v));
	assert_span(v, "a\tb");
	assert_true(cedar_policy_annotation(p, SPAN("if"), &v));
	assert_span(v, "");
	assert_false(p->annotations[1].has_value);
	assert_false(cedar_policy_annotation(p, SPAN("nope"), &v));
	assert_span(p->scope[0].type->text, "A::B");
	assert_int_equal(p->scope[0].op, CEDAR_SCOPE_IS_IN);
	assert_span(p->scope[0].uids[0]->id, "c");
	assert_true(p->scope[1].list);
	assert_int_equal(p->scope[1].n, 2);
	assert_int_equal(p->condition_n, 1);
	assert_true(p->conditions[0].unless);
	const struct cedar_expr *x = p->conditions[0].body;
	assert_int_equal(x->kind, CEDAR_X_AND);
	assert_int_equal(x->n, 3);
	assert_int_equal(x->list.items[0]->kind, CEDAR_X_GE);
	assert_int_equal(x->list.items[1]->kind, CEDAR_X_NE);
	assert_int_equal(x->list.items[2]->kind, CEDAR_X_IS);
	assert_int_equal(x->list.items[2]->is.container->kind, CEDAR_X_SET);
	assert_int_equal(x->depth, 4);
	cedar_ast_unref(ast);
}

/* `deep` repetitions inside one condition. */
static status
nested(const char *head, const char *open, const char *mid, const char *close, const char *tail, unsigned deep)
{
	char *text = calloc(1, 200 + deep * (strlen(open) + strlen(close)));
	struct cedar_ast *ast = NULL;
	struct cedar_diag d;
	assert_non_null(text);
	char *o = stpcpy(text, "permit(principal,action,resource) when {");
	o = stpcpy(o, head);
	for (unsigned i = 0; i < deep; i++)
		o = stpcpy(o, open);
	o = stpcpy(o, mid);
	for (unsigned i = 0; i < deep; i++)
		o = stpcpy(o, close);
	o = stpcpy(stpcpy(o, tail), "};");
	status s = cedar_parse_policies(span_str(text), (span){ 0 }, 0, &(struct cedar_limits){ .text = 1u << 24 }, &ast, &d);
	if (s.code == E_LIMIT)
		assert_true(strstr(d.what, "deeper") || strstr(d.what, "longer"));
	cedar_ast_unref(ast);
	free(text);
	return s;
}

static void
limits_nesting(void **)
{
	assert_ok(nested("", "(", "true", ")", "", 990));
	assert_fails(nested("", "(", "true", ")", "", 1001), E_LIMIT);
	assert_fails(nested("", "[", "", "]", "", 200000), E_LIMIT);
	assert_fails(nested("", "if true then true else ", "true", "", "", 1001), E_LIMIT);
	assert_fails(nested("context", ".a", "", "", "", 1001), E_LIMIT);
	assert_fails(nested("1", "+1", "", "", "", 1001), E_LIMIT);
	assert_fails(nested("context has a", ".a", "", "", "", 1001), E_LIMIT);
	/* Chains are wide, not deep. */
	assert_ok(nested("true", "&&true", "", "", "", 100000));
	assert_ok(nested("true", "||true", "", "", "", 100000));
}

/* `n` annotations, or a record of n attributes. */
static status
many(bool record, unsigned n)
{
	struct buf b;
	struct cedar_ast *ast = NULL;
	struct cedar_diag d;
	buf_init(&b, 1u << 20);
	buf_put_str(&b, record ? "permit(principal,action,resource) when { {" : "");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, record ? "a%u:1," : "@a%u ", i);
	buf_put_str(&b, record ? "} == 1 };" : "permit(principal,action,resource);");
	status s = cedar_parse_policies(buf_span(&b), (span){ 0 }, 0, NULL, &ast, &d);
	cedar_ast_unref(ast);
	buf_fini(&b);
	return s;
}

static void
limits_sizes(void **)
{
	assert_ok(many(false, 256));
	assert_fails(many(false, 257), E_LIMIT);
	assert_ok(many(true, 1024));
	assert_fails(many(true, 1025), E_LIMIT);
	struct cedar_ast *ast;
	struct cedar_diag d;
	span two = SPAN("permit(principal,action,resource);permit(principal,action,resource);");
	assert_fails(cedar_parse_policies(two, (span){ 0 }, 0, &(struct cedar_limits){ .text = 20 }, &ast, &d), E_LIMIT);
	assert_fails(cedar_parse_policies(two, (span){ 0 }, 0, &(struct cedar_limits){ .policies = 1 }, &ast, &d), E_LIMIT);
	assert_fails(cedar_parse_policies(two, (span){ 0 }, 0, &(struct cedar_limits){ .memory = 400 }, &ast, &d), E_NO_MEMORY);
}

static void
links_templates(void **)
{
	struct cedar_ast *ast;
	struct cedar_diag d;
	struct cedar_uid u;
	const struct cedar_policy *p;
	cedar_uid_init(&u, SPAN("U"), SPAN("x"));
	assert_ok(cedar_parse_policies(SPAN("permit(principal in ?principal,action,resource) when {true};permit(principal,action,resource);"),
	          SPAN("t"), 0, NULL, &ast, &d));
	assert_fails(cedar_ast_link(ast, ast->policies[0], SPAN("l"), NULL, NULL, &p, &d), E_BAD_POLICY);
	assert_fails(cedar_ast_link(ast, ast->policies[0], SPAN("l"), &u, &u, &p, &d), E_BAD_POLICY);
	assert_fails(cedar_ast_link(ast, ast->policies[1], SPAN("l"), NULL, NULL, &p, &d), E_BAD_POLICY);
	assert_fails(cedar_ast_link(ast, ast->policies[0], SPAN("policy1"), &u, NULL, &p, &d), E_EXISTS);
	assert_ok(cedar_ast_link(ast, ast->policies[0], SPAN("l"), &u, NULL, &p, &d));
	assert_int_equal(ast->policy_n, 3);
	assert_false(cedar_policy_is_template(p));
	assert_ptr_equal(p->link->template, ast->policies[0]);
	assert_true(cedar_uid_eq(p->scope[0].uids[0], &u));
	assert_true(cedar_policy_is_template(ast->policies[0]));
	cedar_ast_unref(ast);
}

TEST_MAIN(T(parses_or_explains), T(suggests), T(keeps_what_was_written), T(limits_nesting), T(limits_sizes), T(links_templates))
