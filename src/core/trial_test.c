/* A trial answers as a core does. */
#include "core/trial.h"
#include "msg/enums.h"
#include "tests/sim/world.h"
#include "tests/test.h"

struct fixture {
	struct trial *t;
	struct arena arena;
};
static struct fixture F;

static const struct json *
parse(const char *text)
{
	const struct json *v;
	assert_ok(json_parse(span_str(text), NULL, &F.arena, &v, NULL));
	return v;
}

static int
setup(void **)
{
	struct trial_fault f;
	arena_init(&F.arena, 16 << 20);
	assert_ok(trial_new(INT64_C(1795000000) * 1000000000, &F.t));
	if (failed(trial_apply(F.t, parse(WORLD), false, NULL, &f)))
		fail_msg("%s", f.what);
	const char *path = "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":[\"path\"]}";
	char defs[2048];
	snprintf(defs, sizeof defs, "[{\"name\":\"read_file\",\"inputSchema\":%s},{\"name\":\"write_file\",\"inputSchema\":%s},{\"name\":\"delete_file\",\"inputSchema\":%s}]", path, path, path);
	assert_ok(trial_tools(F.t, SPAN("files"), parse(defs), &f));
	assert_ok(trial_tools(F.t, SPAN("net"), parse("[{\"name\":\"fetch\"},{\"name\":\"pay\",\"inputSchema\":{\"type\":\"object\"}}]"), &f));
	assert_int_equal(trial_tools(F.t, SPAN("nothing"), parse("[]"), &f).code, E_NOT_FOUND);
	return 0;
}

static int
teardown(void **)
{
	trial_free(F.t);
	arena_fini(&F.arena);
	return 0;
}

static struct trial_answer
ask(const char *tool, const char *args, const struct trial_task *task, bool approved)
{
	struct trial_answer a;
	struct trial_fault f;
	struct trial_question q = { .agent = SPAN("dev/claude"), .tool = span_str(tool), .args = parse(args), .task = task, .approved = approved };
	assert_ok(trial_ask(F.t, &q, &a, &f));
	return a;
}

static void
the_order_of_a_decision_holds(void **)
{
	struct trial_task plain = { 0 }, tainted = { .sensitivity = SENS_CONFIDENTIAL };
	struct trial_task narrow = { .envelope = parse("{\"tools\":[\"files/*\"],\"resources\":[\"Path::/data/**\"]}") };
	struct trial_task spent = { .envelope = parse("{\"tools\":[\"**\"],\"limits\":{\"calls\":5}}"), .calls = 5 };
	const struct { const char *tool, *args; const struct trial_task *task; uint8_t verdict; uint16_t code; const char *rule; } t[] = {
		{ "files/read_file", "{\"path\":\"/data/x\"}", &plain, VERDICT_ALLOW, E_OK, "base:1" },
		{ "files/read_file", "{\"path\":\"/data/../x\"}", &plain, VERDICT_DENY, E_BAD_ARGUMENTS, NULL },
		{ "files/read_file", "{}", &plain, VERDICT_DENY, E_BAD_ARGUMENTS, NULL },
		{ "files/nothing", "{}", &plain, VERDICT_DENY, E_TOOL_UNKNOWN, NULL },
		{ "net/fetch", "{}", &plain, VERDICT_ALLOW, E_OK, "base:1" },
		{ "net/fetch", "{}", &tainted, VERDICT_DENY, E_POLICY_DENIED, "no-secrets-out" },
		{ "net/fetch", "{}", &narrow, VERDICT_DENY, E_OUTSIDE_ENVELOPE, NULL },
		{ "files/read_file", "{\"path\":\"/etc/x\"}", &narrow, VERDICT_DENY, E_OUTSIDE_ENVELOPE, NULL },
		{ "files/delete_file", "{\"path\":\"/data/x\"}", &plain, VERDICT_PENDING, E_APPROVAL_PENDING, "ask-before-delete" },
		{ "net/fetch", "{}", &spent, VERDICT_DENY, E_BUDGET_EXHAUSTED, "base:1" },
		{ "net/fetch", "{}", NULL, VERDICT_ALLOW, E_OK, "base:1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct trial_answer a = ask(t[i].tool, t[i].args, t[i].task, false);
		if (a.verdict != t[i].verdict || a.code != t[i].code)
			fail_msg("%zu: %s %s", i, t[i].tool, error_name(a.code));
		if (t[i].rule && (a.rule_n == 0 || !span_is(a.rules[0]->id, t[i].rule)))
			fail_msg("%zu: %.*s", i, a.rule_n ? (int)a.rules[0]->id.n : 0, a.rule_n ? (const char *)a.rules[0]->id.p : "");
	}
}

static void
a_yes_counts_once_per_person(void **)
{
	struct trial_task plain = { 0 };
	assert_int_equal(ask("net/pay", "{}", &plain, true).verdict, VERDICT_ALLOW);
	assert_int_equal(ask("net/pay", "{}", &plain, false).verdict, VERDICT_PENDING);
	/* By name: gwen is in no group that is asked, nobody is no user. */
	static const struct { span by[3]; size_t n; uint8_t verdict; const char *refused; } t[] = {
		{ { { (const uint8_t *)"erin", 4 } }, 1, VERDICT_PENDING, NULL },
		{ { { (const uint8_t *)"erin", 4 }, { (const uint8_t *)"finn", 4 } }, 2, VERDICT_ALLOW, NULL },
		{ { { (const uint8_t *)"erin", 4 }, { (const uint8_t *)"erin", 4 } }, 2, VERDICT_PENDING, "erin" },
		{ { { (const uint8_t *)"gwen", 4 }, { (const uint8_t *)"erin", 4 } }, 2, VERDICT_PENDING, "gwen" },
		{ { { (const uint8_t *)"nobody", 6 } }, 1, VERDICT_PENDING, "nobody" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct trial_answer a;
		struct trial_fault f;
		struct trial_question q = { .agent = SPAN("dev/claude"), .tool = SPAN("net/pay"), .task = &plain, .approvers = t[i].by, .approver_n = t[i].n };
		assert_ok(trial_ask(F.t, &q, &a, &f));
		if (a.verdict != t[i].verdict)
			fail_msg("%zu: %s", i, error_name(a.code));
		assert_true(t[i].refused ? span_is(a.refused, t[i].refused) : a.refused.n == 0);
	}
}

static void
what_cannot_be_asked_says_why(void **)
{
	struct trial_answer a;
	struct trial_fault f;
	struct trial_task bad = { .envelope = parse("{\"tool\":[]}") };
	struct trial_question q = { .agent = SPAN("nobody"), .tool = SPAN("net/pay") };
	assert_int_equal(trial_ask(F.t, &q, &a, &f).code, E_AGENT_UNKNOWN);
	q.agent = SPAN("dev/claude");
	q.task = &bad;
	assert_int_equal(trial_ask(F.t, &q, &a, &f).code, E_BAD_REQUEST);
	assert_non_null(strstr(f.what, "envelope"));
	assert_int_equal(trial_apply(F.t, parse("[{\"kind\":\"tier\",\"name\":\"x\",\"max_ttl\":5}]"), false, NULL, &f).code, E_BAD_REQUEST);
	assert_non_null(strstr(f.what, "max_ttl_seconds"));
	assert_int_equal(trial_apply(F.t, parse("[{\"kind\":\"policy\",\"name\":\"x\",\"text\":\"forbid(principal, action, resource) when { context.risk == \\\"a\\\" };\"}]"), false, NULL, &f).code, E_BAD_POLICY);
	assert_non_null(strstr(f.what, "policy/x: text: line 1"));
	/* Nothing of it changed what holds. */
	assert_int_equal(ask("net/fetch", "{}", NULL, false).verdict, VERDICT_ALLOW);
}

static unsigned seen;
static void
saw(void *ctx, const struct policy_set *p, const struct cedar_entities *, const struct cedar_request *r, const struct cedar_answer *a, struct arena *)
{
	assert_ptr_equal(ctx, &seen);
	assert_int_equal(p->rule_n, 4);
	assert_non_null(r->context);
	seen += a->permit_n;
}

static void
evaluations_can_be_watched(void **)
{
	seen = 0;
	trial_watch(F.t, saw, &seen);
	ask("net/fetch", "{}", NULL, false);
	assert_int_equal(seen, 1);
	trial_watch(F.t, NULL, NULL);
	ask("net/fetch", "{}", NULL, false);
	assert_int_equal(seen, 1);
}

static struct trial_outcome
replay(const char *policy, const char *tool, const char *args, bool task_known)
{
	struct trial_outcome o;
	struct trial_fault f;
	struct trial_task task = { .purpose = SPAN("fix it"), .calls = 3, .sensitivity = SENS_INTERNAL };
	struct trial_record r = { .q = { .agent = SPAN("dev/claude"), .tool = span_str(tool), .task = &task }, .task_known = task_known, .channel_known = true };
	char text[2048];
	if (span_starts(span_str(tool), SPAN("files/"))) {
		r.q.resource_type = SPAN("Path");
		r.q.resource_id = SPAN("/data/x");
	}
	if (args) {
		r.q.args = parse(args);
		r.args_known = true;
	}
	snprintf(text, sizeof text, "[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\"permit(principal, action, resource);%s\"}]", policy);
	if (failed(trial_apply(F.t, parse(text), false, NULL, &f)))
		fail_msg("%s", f.what);
	assert_ok(trial_replay(F.t, &r, &o));
	return o;
}

/* What is not known is not guessed, and stands in nobody's way where it does not matter. */
static void
a_replay_knows_what_it_does_not_know(void **)
{
	static const char in[] = "forbid(principal, action in Action::\\\"server:files\\\", resource) ";
	static const struct { const char *head, *condition, *args; bool task; uint8_t kind; uint8_t rules; } t[] = {
		{ "", "", NULL, true, TRIAL_ALLOW, 1 },
		{ "", "when { true };", NULL, true, TRIAL_DENY, 1 },
		{ "", "when { context.input.path == \\\"/data/x\\\" };", NULL, true, TRIAL_OPEN, 1 },
		{ "", "when { context.input.path == \\\"/data/x\\\" };", "{\"path\":\"/data/x\"}", true, TRIAL_DENY, 1 },
		{ "", "when { context.input.path == \\\"/data/x\\\" };", "{\"path\":\"/data/y\"}", true, TRIAL_ALLOW, 1 },
		{ "", "when { context.input.path == \\\"/data/x\\\" && context.task.calls > 3 };", NULL, true, TRIAL_OPEN, 1 },   /* the unknown comes first and might fail */
		{ "", "when { context.task.calls > 3 && context.input.path == \\\"/data/x\\\" };", NULL, true, TRIAL_ALLOW, 1 },
		{ "", "when { context.task.calls == 3 };", NULL, true, TRIAL_DENY, 1 },
		{ "", "when { context.task.calls == 3 };", NULL, false, TRIAL_OPEN, 1 },
		{ "", "when { resource.sensitivity == 0 && context.task.sensitivity == 1 };", NULL, true, TRIAL_DENY, 1 },
		{ "", "when { context.task.calls + 9223372036854775807 > 0 };", NULL, true, TRIAL_DENY, 1 },
		{ "@approval(\\\"on-call:1\\\") ", "when { true };", NULL, true, TRIAL_PENDING, 1 },
		{ "@approval(\\\"on-call:1\\\") ", "when { context.input.path == \\\"/data/x\\\" };", NULL, true, TRIAL_OPEN, 1 },
		{ "@approval(\\\"on-call:1\\\") ", "when { context.task.calls + 9223372036854775807 > 0 };", NULL, true, TRIAL_DENY, 1 },
		{ "@mode(\\\"observe\\\") ", "when { true };", NULL, true, TRIAL_ALLOW, 1 },
		{ "@mode(\\\"observe\\\") ", "when { context.input.path == \\\"/data/x\\\" };", NULL, true, TRIAL_ALLOW, 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char policy[1024];
		snprintf(policy, sizeof policy, "%s%s%s", *t[i].condition ? t[i].head : "", *t[i].condition ? in : "", t[i].condition);
		struct trial_outcome o = replay(policy, "files/read_file", t[i].args, t[i].task);
		if (o.kind != t[i].kind || o.rule_n != t[i].rules)
			fail_msg("%zu: %d with %d rules", i, o.kind, o.rule_n);
	}
	/* A call that the tool's mapping cannot have made is no record of this tool. */
	struct trial_outcome o;
	struct trial_record r = { .q = { .agent = SPAN("dev/claude"), .tool = SPAN("files/read_file") } };
	assert_int_equal(trial_replay(F.t, &r, &o).code, E_BAD_ARGUMENTS);
	r.q.tool = SPAN("files/nothing");
	assert_int_equal(trial_replay(F.t, &r, &o).code, E_TOOL_UNKNOWN);
	r.q.agent = SPAN("nobody");
	assert_int_equal(trial_replay(F.t, &r, &o).code, E_AGENT_UNKNOWN);
}

/* Many questions leave nothing behind. */
static void
asking_leaves_nothing_behind(void **)
{
	struct trial_task plain = { 0 };
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(ask("net/pay", "{}", &plain, true).verdict, VERDICT_ALLOW);
		arena_reset(&F.arena);
	}
}

#define S(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
TEST_MAIN(S(the_order_of_a_decision_holds), S(a_yes_counts_once_per_person), S(what_cannot_be_asked_says_why), S(evaluations_can_be_watched),
          S(a_replay_knows_what_it_does_not_know), S(asking_leaves_nothing_behind))
