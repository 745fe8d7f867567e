#include "cedar/entities_json.h"
#include "cedar/partial.h"
#include "cedar/validate.h"
#include "tests/test.h"

static const char S_schema[] =
	"entity Team; entity Agent in [Team] { tier: String, limit: Long, boss?: Agent } tags String; entity Folder; entity File in [Folder] { secret: Bool };"
	"action all; action read, write in [all] appliesTo { principal: Agent, resource: [File, Folder], context: { task: { env: String }, n: Long, note?: String } };"
	"action admin appliesTo { principal: Agent, resource: Folder, context: { task: { env: String }, n: Long, note?: String } };";

static const char S_entities[] =
	"[{\"uid\":{\"type\":\"Agent\",\"id\":\"a\"},\"attrs\":{\"tier\":\"gold\",\"limit\":5,\"boss\":{\"__entity\":{\"type\":\"Agent\",\"id\":\"b\"}}},\"parents\":[{\"type\":\"Team\",\"id\":\"t\"}],\"tags\":{\"k\":\"v\"}},"
	"{\"uid\":{\"type\":\"File\",\"id\":\"f\"},\"attrs\":{\"secret\":true},\"parents\":[{\"type\":\"Folder\",\"id\":\"d\"}]}]";

struct fixture {
	struct cedar_schema *schema;
	struct cedar_entities *entities;
	struct arena arena;
	const struct cedar_uid *agent, *file, *folder, *read, *admin;
	const struct cedar_record *known, *whole;     /* contexts */
};

static void
S_setup(struct fixture *f)
{
	const struct json *v;
	*f = (struct fixture){ 0 };
	arena_init(&f->arena, 1 << 24);
	assert_ok(cedar_schema_parse(span_str(S_schema), NULL, &f->schema));
	f->entities = cedar_entities_new(1);
	assert_ok(cedar_entities_parse(f->entities, span_str(S_entities), f->schema, NULL));
	f->agent = cedar_uid_new(&f->arena, SPAN("Agent"), SPAN("a"));
	f->file = cedar_uid_new(&f->arena, SPAN("File"), SPAN("f"));
	f->folder = cedar_uid_new(&f->arena, SPAN("Folder"), SPAN("d"));
	f->read = cedar_uid_new(&f->arena, SPAN("Action"), SPAN("read"));
	f->admin = cedar_uid_new(&f->arena, SPAN("Action"), SPAN("admin"));
	assert_ok(cedar_json_parse(SPAN("{\"task\":{\"env\":\"dev\"}}"), 0, &f->arena, &v, NULL));
	assert_ok(cedar_record_from_json(v, NULL, &f->arena, &f->known, NULL));
	assert_ok(cedar_json_parse(SPAN("{\"task\":{\"env\":\"dev\"},\"n\":3}"), 0, &f->arena, &v, NULL));
	assert_ok(cedar_record_from_json(v, NULL, &f->arena, &f->whole, NULL));
}

static void
S_teardown(struct fixture *f)
{
	cedar_entities_free(f->entities);
	cedar_schema_unref(f->schema);
	arena_fini(&f->arena);
}

static const struct cedar_policies *
S_policies(struct fixture *f, const char *text)
{
	struct cedar_ast *ast;
	struct cedar_diag d = { 0 };
	const struct cedar_policies *set;
	struct cedar_report r;
	status st = cedar_parse_policies(span_str(text), (span){ 0 }, 0, NULL, &ast, &d);
	if (failed(st))
		fail_msg("%s: %s", text, d.what);
	cedar_report_init(&r, 0);
	assert_ok(cedar_validate(f->schema, ast, &(struct cedar_validate_opts){ .inapplicable_warns = true }, &r));
	if (r.errors)
		fail_msg("%s: %s", text, r.items[0].diag.what);
	cedar_report_fini(&r);
	assert_ok(cedar_policies_new(&ast, 1, &set, NULL));
	cedar_ast_unref(ast);
	return set;
}

enum { T_ = CEDAR_PARTIAL_TRUE, F_ = CEDAR_PARTIAL_FALSE, E_ = CEDAR_PARTIAL_ERROR, U_ = CEDAR_PARTIAL_UNKNOWN };

/* principal Agent::"a" known, resource some File, context.task known and the rest not. */
static const struct { int want; const char *condition; } rows[] = {
	{ T_, "principal.tier == \"gold\"" },
	{ F_, "principal.tier == \"lead\"" },
	{ U_, "resource.secret" },
	{ T_, "resource is File" },
	{ F_, "resource is Folder" },
	{ F_, "resource == Folder::\"x\"" },
	{ U_, "resource == File::\"x\"" },
	{ T_, "resource != Folder::\"x\"" },
	{ T_, "resource == resource" },
	{ F_, "principal == resource" },
	{ T_, "principal == principal" },
	{ U_, "resource in Folder::\"x\"" },
	{ F_, "resource in Team::\"x\"" },
	{ T_, "principal in Team::\"t\"" },
	{ F_, "principal in Team::\"u\"" },
	{ T_, "principal in [Team::\"u\", Team::\"t\"]" },
	{ T_, "action in Action::\"all\"" },
	{ T_, "context.task.env == \"dev\"" },
	{ F_, "context.task.env == \"prod\"" },
	{ U_, "context.n > 1" },
	{ T_, "context has task" },
	{ U_, "context has note" },
	{ U_, "context.n > 1 && principal.tier == \"x\" && false" },
	{ F_, "resource is Folder && resource.secret" },
	{ T_, "resource is File || resource.secret" },
	{ U_, "resource is File && resource.secret" },
	{ F_, "context has note && principal.tier == \"x\"" },
	{ U_, "resource.secret && principal.tier == \"x\"" },
	{ T_, "context has note || principal.tier == \"gold\"" },
	{ U_, "resource.secret || principal.tier == \"gold\"" },
	{ U_, "if resource.secret then true else false" },
	{ T_, "if resource == File::\"x\" then true else true" },
	{ T_, "if principal.tier == \"gold\" then true else resource.secret" },
	{ U_, "principal has boss && principal.boss has boss" },
	{ U_, "principal has boss.boss" },
	{ E_, "principal.limit + 9223372036854775807 > 1" },
	{ U_, "resource.secret && principal.limit + 9223372036854775807 > 1" },
	{ T_, "principal.hasTag(\"k\") && principal.getTag(\"k\") == \"v\"" },
	{ F_, "principal.hasTag(\"z\")" },
	{ U_, "Agent::\"zz\" in Team::\"t\"" },
	{ T_, "Agent::\"zz\" in Agent::\"zz\"" },
	{ U_, "Agent::\"zz\" has limit" },
	{ U_, "[context.n].contains(1)" },
	{ T_, "[principal.limit].contains(5)" },
	{ U_, "{a: context.n}.a == 1" },
	{ T_, "!(principal.tier like \"x*\")" },
	{ U_, "context.n + 1 == 2" },
	{ T_, "resource is File in Folder::\"d\" || true" },
	{ F_, "resource is Folder in Folder::\"d\"" },
};

static void
decides_what_can_be_decided(void **)
{
	struct fixture f;
	S_setup(&f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[400];
		snprintf(text, sizeof text, "permit(principal, action in Action::\"all\", resource is File) when { %s };", rows[i].condition);
		const struct cedar_policies *set = S_policies(&f, text);
		CLEANUP(cedar_partial_freep) struct cedar_partial_set *ps = NULL;
		struct cedar_partial_answer a;
		struct cedar_partial_request r = { .action = f.read, .principal = f.agent, .resource_type = SPAN("File"), .context = f.known };
		assert_ok(cedar_partial_new(set, f.schema, NULL, NULL, &ps));
		assert_ok(cedar_partial_evaluate(ps, f.entities, &r, &f.arena, &a));
		int got = a.permit_n ? (int)a.permits[0].state : F_;
		if (got != rows[i].want)
			fail_msg("%s: got %d, want %d", rows[i].condition, got, rows[i].want);

		/* INVARIANT: with everything known, a residual is what the policy is */
		struct cedar_request full = { .principal = f.agent, .action = f.read, .resource = f.file, .context = f.whole };
		struct cedar_answer whole;
		assert_ok(cedar_evaluate(set, f.entities, &full, &f.arena, &whole));
		enum cedar_partial_state want = whole.failure_n ? CEDAR_PARTIAL_ERROR : whole.permit_n ? CEDAR_PARTIAL_TRUE : CEDAR_PARTIAL_FALSE, end = want;
		if (got == U_)
			assert_ok(cedar_partial_finish(a.permits[0].residual, f.entities, &full, &f.arena, &end));
		else
			end = (enum cedar_partial_state)got;
		if (end != want)
			fail_msg("%s: the residual gives %d, the policy %d", rows[i].condition, end, want);
		if (got == U_ && a.permits[0].never && want == CEDAR_PARTIAL_TRUE)
			fail_msg("%s: said never", rows[i].condition);
		cedar_policies_unref(set);
	}
	S_teardown(&f);
}

static void
combines(void **)
{
	static const struct { enum cedar_partial_decision want; const char *text; } sets[] = {
		{ CEDAR_PARTIAL_DENY, "" },
		{ CEDAR_PARTIAL_ALLOW, "permit(principal, action, resource);" },
		{ CEDAR_PARTIAL_DENY, "permit(principal, action, resource); forbid(principal, action, resource);" },
		{ CEDAR_PARTIAL_OPEN, "permit(principal, action, resource); forbid(principal, action, resource) when { context.n > 3 };" },
		{ CEDAR_PARTIAL_OPEN, "permit(principal, action, resource) when { context.n > 3 };" },
		{ CEDAR_PARTIAL_DENY, "permit(principal, action, resource) when { context.n > 3 }; forbid(principal, action, resource) when { principal.tier == \"gold\" };" },
		{ CEDAR_PARTIAL_DENY, "permit(principal, action, resource) when { context.n > 3 && principal.limit + 9223372036854775807 > 1 };" },
		{ CEDAR_PARTIAL_DENY, "permit(principal, action, resource) when { principal.limit + 9223372036854775807 > 1 };" },
		{ CEDAR_PARTIAL_ALLOW, "permit(principal, action, resource); forbid(principal, action, resource) when { principal.limit + 9223372036854775807 > 1 };" },
		{ CEDAR_PARTIAL_DENY, "permit(principal, action == Action::\"admin\", resource);" },
		{ CEDAR_PARTIAL_OPEN, "permit(principal, action, resource in Folder::\"d\");" },
		{ CEDAR_PARTIAL_ALLOW, "permit(principal is Agent in Team::\"t\", action, resource is File);" },
		{ CEDAR_PARTIAL_DENY, "permit(principal in Team::\"u\", action, resource is File);" },
	};
	struct fixture f;
	S_setup(&f);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		const struct cedar_policies *set = S_policies(&f, sets[i].text);
		CLEANUP(cedar_partial_freep) struct cedar_partial_set *ps = NULL;
		struct cedar_partial_answer a;
		struct cedar_partial_request r = { .action = f.read, .principal = f.agent, .resource_type = SPAN("File"), .context = f.known };
		assert_ok(cedar_partial_new(set, f.schema, NULL, NULL, &ps));
		assert_ok(cedar_partial_evaluate(ps, f.entities, &r, &f.arena, &a));
		if (a.decision != sets[i].want)
			fail_msg("%s: %d", sets[i].text, a.decision);
		cedar_policies_unref(set);
	}
	S_teardown(&f);
}

static bool
S_note(const struct cedar_action *a, enum cedar_partial_decision d, void *arg)
{
	struct buf *b = arg;
	buf_put(b, a->id);
	buf_put_str(b, d == CEDAR_PARTIAL_ALLOW ? "! " : "? ");
	return true;
}

static bool
S_skip_noted(const struct cedar_policy *p, void *)
{
	span v;
	return cedar_policy_annotation(p, SPAN("mode"), &v);
}

static void
lists_possible_actions(void **)
{
	static const struct { const char *text, *want; } sets[] = {
		{ "", "" },
		{ "permit(principal, action, resource);", "admin! read! write! " },
		{ "permit(principal, action == Action::\"read\", resource) when { context.n > 1 };", "read? " },
		{ "permit(principal, action in Action::\"all\", resource is File) when { resource.secret };", "read? write? " },
		{ "permit(principal, action, resource) when { context.task.env == \"dev\" };", "admin! read! write! " },
		{ "permit(principal, action, resource) when { context.task.env == \"prod\" };", "" },
		{ "permit(principal, action, resource); forbid(principal, action in Action::\"all\", resource);", "admin! " },
		{ "permit(principal, action, resource); forbid(principal, action == Action::\"write\", resource) when { context.n > 3 };", "admin! read! write? " },
		{ "permit(principal, action, resource); @mode(\"observe\") forbid(principal, action in Action::\"all\", resource);", "admin! read! write! " },
		{ "permit(principal in Team::\"u\", action, resource);", "" },
	};
	struct fixture f;
	struct buf b;
	S_setup(&f);
	buf_init(&b, 1000);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		const struct cedar_policies *set = S_policies(&f, sets[i].text);
		CLEANUP(cedar_partial_freep) struct cedar_partial_set *ps = NULL;
		buf_reset(&b);
		assert_ok(cedar_partial_new(set, f.schema, S_skip_noted, NULL, &ps));
		assert_ok(cedar_possible_actions(ps, f.entities, f.agent, f.known, &f.arena, S_note, &b));
		if (!span_is(buf_span(&b), sets[i].want))
			fail_msg("%s: %.*s", sets[i].text, SPAN_ARG(buf_span(&b)));
		cedar_policies_unref(set);
	}
	buf_fini(&b);
	S_teardown(&f);
}

TEST_MAIN(T(decides_what_can_be_decided), T(combines), T(lists_possible_actions))
