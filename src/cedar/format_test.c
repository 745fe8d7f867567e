#include "cedar/format.h"
#include "cedar/parse.h"
#include "tests/test.h"

static const struct { const char *from, *to; } rows[] = {
	{ "permit(principal,action,resource);", "permit (principal, action, resource);\n" },
	{ "", "" },
	{ "// only a comment", "// only a comment\n" },
	{ "@id(\"a\")@b permit(principal,action,resource);forbid(principal,action,resource)when{true};",
	  "@id(\"a\")\n@b\npermit (principal, action, resource);\n\nforbid (principal, action, resource)\nwhen { true };\n" },
	{ "permit(principal==User::\"alice with a long name\",action in[Action::\"view\",Action::\"edit\"],resource in Folder::\"f\");",
	  "permit (\n  principal == User::\"alice with a long name\",\n  action in [Action::\"view\", Action::\"edit\"],\n  resource in Folder::\"f\"\n);\n" },
	{ "permit(principal,action,resource)when{context.a.b[\"c\"].contains(1)&&!(principal.x like\"a*\")||-1<context.n*2+3};",
	  "permit (principal, action, resource)\nwhen {\n  context.a.b[\"c\"].contains(1) && !(principal.x like \"a*\") ||\n  -1 < context.n * 2 + 3\n};\n" },
	{ "permit(principal,action,resource) unless{if context.a then{b:1,\"c d\":[1,2]}==context.b else ip(\"1.1.1.1\").isInRange(context.ip)};",
	  "permit (principal, action, resource)\nunless {\n  if context.a\n    then { b: 1, \"c d\": [1, 2] } == context.b\n    else ip(\"1.1.1.1\").isInRange(context.ip)\n};\n" },
	{ "// head\n\n// about\npermit(principal, // who\n action, // what\n // before\n resource);// tail\n\n\n// end",
	  "// head\n\n// about\npermit (\n  principal, // who\n  action, // what\n  // before\n  resource\n); // tail\n\n// end\n" },
	{ "forbid(principal,action,resource)// who\nwhen{true// one\n}; // end",
	  "forbid (principal, action, resource) // who\nwhen {\n  true // one\n}; // end\n" },
	{ "permit(principal,action,resource);//a\r//b", "permit (principal, action, resource); //a\n\n//b\n" },
	{ "permit(principal,action,resource)when{true//c\n&&false};",
	  "permit (principal, action, resource)\nwhen {\n  true //c\n  &&\n  false\n};\n" },
};

static void
lays_out(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b;
		struct cedar_diag d = { 0 };
		buf_init(&b, 1 << 20);
		status st = cedar_format(span_str(rows[i].from), &b, &d);
		if (failed(st))
			fail_msg("%s: %s %s", rows[i].from, error_name(st.code), d.what);
		assert_span(buf_span(&b), rows[i].to);
		buf_fini(&b);
	}
}

static void
S_stable(span text, const char *name)
{
	struct buf once, twice;
	struct cedar_diag d = { 0 };
	buf_init(&once, 1 << 24);
	buf_init(&twice, 1 << 24);
	status st = cedar_format(text, &once, &d);
	if (failed(st))
		fail_msg("%s: %s %s", name, error_name(st.code), d.what);
	assert_ok(cedar_format(buf_span(&once), &twice, NULL));
	if (!span_eq(buf_span(&once), buf_span(&twice)))
		fail_msg("%s: a second time differs:\n%.*s---\n%.*s", name, SPAN_ARG(buf_span(&once)), SPAN_ARG(buf_span(&twice)));
	buf_fini(&once);
	buf_fini(&twice);
}

static void
is_stable(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		S_stable(span_str(rows[i].from), rows[i].from);
}

static void
refuses_what_does_not_parse(void **)
{
	struct buf b;
	struct cedar_diag d = { 0 };
	buf_init(&b, 1 << 16);
	assert_fails(cedar_format(SPAN("permit(principal);"), &b, &d), E_BAD_POLICY);
	assert_true(d.what[0] != '\0');
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

TEST_MAIN(T(lays_out), T(is_stable), T(refuses_what_does_not_parse))
