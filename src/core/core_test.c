/* Core from end to end, with models of the other roles (tests/sim). */
#include "tests/test.h"

#include "msg/enums.h"
#include "tests/sim/client.h"
#include "tests/sim/world.h"

static struct client C;

enum { DANA = 1, ADMIN = 2, ERIN = 3, FINN = 4, AGENT = 5, BOT = 6, GWEN = 7 };

static int
setup(void **)
{
	client_init(&C, 1, WORLD);
	client_peer(&C, ROLE_LOCAL, DANA, 1000, 100, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, ADMIN, 0, 101, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, ERIN, 1001, 102, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, FINN, 1002, 103, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, DANA, 1000, 104, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, GWEN, 1003, 105, "/usr/bin/ambit", 0);
	return 0;
}

static int
teardown(void **)
{
	status why;
	bool bad = core_failed(C.node.core, &why);
	client_fini(&C);
	return bad ? -1 : 0;
}

static char text[2048];
static const char *fmt(const char *f, ...) __attribute__((format(printf, 1, 2)));
static const char *
fmt(const char *f, ...)
{
	va_list ap;
	va_start(ap, f);
	vsnprintf(text, sizeof text, f, ap);
	va_end(ap);
	return text;
}

#define ENVELOPE "{\"tools\":[\"files/*\",\"net/*\"],\"resources\":[\"Path::/data/**\",\"Path::/tmp/*\"]}"
#define WIDE "{\"tools\":[\"**\"]}"

/* Opens a task as dana for dev/claude; a process inside it sits at connection AGENT. Gives the task's id text. */
static char task_text[20], token_text[64];
static const char *
open_task(const char *envelope)
{
	const struct json *v = client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN,
		fmt("{\"agent\":\"dev/claude\",\"purpose\":\"fix it\",\"envelope\":%s,\"ttl_seconds\":600}", envelope));
	assert_int_equal(C.last_error, E_OK);
	snprintf(task_text, sizeof task_text, "%s", client_str(&C, v, "/task/id"));
	snprintf(token_text, sizeof token_text, "%s", client_str(&C, v, "/token"));
	uint64_t id;
	assert_true(id_parse(span_str(task_text), &id));
	client_peer(&C, ROLE_LOCAL, AGENT, 1000, 200, "/usr/bin/node", id);
	return task_text;
}

static void
a_task_calls_and_is_told(void **)
{
	open_task(ENVELOPE);
	const struct reply *r = client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}");
	assert_int_equal(r->verdict, VERDICT_ALLOW);
	assert_int_equal(C.permits, 1);
	assert_string_equal(C.permit.tool, "read_file");
	assert_string_equal(C.permit.args, "{\"path\":\"/data/x\"}");
	client_state(&C, r->call, CALL_DISPATCHED, 0);
	client_state(&C, r->call, CALL_DONE, 0);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_RECEIPT, fmt("{\"task\":\"%s\"}", task_text));
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_int(v, "/allowed"), 1);
	assert_string_equal(client_str(&C, v, "/calls/0/state"), "done");
	assert_string_equal(client_str(&C, v, "/calls/0/resource"), "Path::/data/x");
}

static void
outside_is_refused(void **)
{
	static const struct { const char *tool, *args; uint16_t code; } t[] = {
		{ "files__read_file", "{\"path\":\"/etc/passwd\"}", E_OUTSIDE_ENVELOPE },
		{ "files__read_file", "{\"path\":\"/data/../etc/passwd\"}", E_BAD_ARGUMENTS },
		{ "files__read_file", "{\"path\":7}", E_BAD_ARGUMENTS },
		{ "files__read_file", "{}", E_BAD_ARGUMENTS },
		{ "files__nothing", "{}", E_TOOL_UNKNOWN },
		{ "files__read_file", "[]", E_BAD_ARGUMENTS },
	};
	open_task("{\"tools\":[\"files/*\"],\"resources\":[\"Path::/data/**\"]}");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct reply *r = client_call_now(&C, AGENT, t[i].tool, t[i].args);
		assert_int_equal(r->verdict, VERDICT_DENY);
		if (r->error != t[i].code)
			fail_msg("%s %s: %s", t[i].tool, t[i].args, error_name(r->error));
	}
	assert_int_equal(C.permits, 0);
	const struct reply *r = client_call_now(&C, AGENT, "net__fetch", "{}");
	assert_int_equal(r->error, E_OUTSIDE_ENVELOPE);
}

/* A denial by default names the permit that came closest, and what it lacked; the event too. */
static void
the_nearest_permit_is_named(void **)
{
	open_task(WIDE);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\""
		"@id(\\\"far\\\") permit(principal, action == Action::\\\"net/fetch\\\", resource);"
		"@id(\\\"watch\\\") @mode(\\\"observe\\\") permit(principal, action, resource) when { false };"
		"@id(\\\"near\\\") permit(principal, action == Action::\\\"files/read_file\\\", resource) when { context.task.calls < 100 && context.environment == \\\"lab\\\" };\"}]}");
	assert_int_equal(C.last_error, E_OK);
	const struct reply *r = client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}");
	assert_int_equal(r->error, E_NO_PERMIT);
	assert_non_null(strstr(r->body, "\"nearest\":{\"policy\":\"base\",\"line\":1,\"id\":\"near\",\"lacked\":\"lacks: context.environment == \\\"lab\\\"\"}"));
	assert_non_null(strstr(r->body, "DENIED by Ambit (no policy permits this; the nearest, \\\"near\\\", lacks: context.environment == \\\"lab\\\"). Nothing was executed."));
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_WHY, "{\"last\":true}");
	assert_string_equal(client_str(&C, v, "/event/detail"), "nearest permit base:1 near lacks: context.environment == \"lab\"");
	/* Nothing is about this tool: no permit of another one is held up as near. */
	r = client_call_now(&C, AGENT, "net__pay", "{\"amount\":1}");
	assert_int_equal(r->error, E_NO_PERMIT);
	assert_null(strstr(r->body, "nearest"));
}

/* A task limited to resources can never use a tool that names none; that is said, when it is refused and when the task is made. */
static void
a_tool_without_resource_is_said_to_be_unusable(void **)
{
	const struct json *v = client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN,
		"{\"agent\":\"dev/claude\",\"purpose\":\"x\",\"envelope\":{\"tools\":[\"**\"],\"resources\":[\"Path::/data/**\"]}}");
	assert_string_equal(client_str(&C, v, "/warnings/0"), "net/fetch, net/pay: limited to resources, the task can not call a tool that has no resource mapping");
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_CREATE,
		"{\"agent\":\"dev/claude\",\"purpose\":\"x\",\"envelope\":{\"tools\":[\"net/*\"],\"effects\":[\"egress\"],\"resources\":[\"Path::/data/**\"]}}");
	assert_string_equal(client_str(&C, v, "/warnings/0"), "net/fetch: limited to resources, the task can not call a tool that has no resource mapping");
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_CREATE,
		"{\"agent\":\"dev/claude\",\"purpose\":\"x\",\"envelope\":{\"tools\":[\"files/*\"],\"resources\":[\"Path::/data/**\"]}}");
	assert_null(json_gets(v, "warnings"));
	open_task("{\"tools\":[\"**\"],\"resources\":[\"Path::/data/**\"]}");
	const struct reply *r = client_call_now(&C, AGENT, "net__fetch", "{}");
	assert_int_equal(r->error, E_OUTSIDE_ENVELOPE);
	assert_non_null(strstr(r->body, "has no resource mapping"));
	r = client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/etc/x\"}");
	assert_null(strstr(r->body, "has no resource mapping"));
}

/* What never left is no call that was cut: the receipt says refused, and counts it among the denials. */
static void
a_refusal_at_dispatch_is_a_denial(void **)
{
	open_task(WIDE);
	const struct reply *r = client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}");
	client_state(&C, r->call, CALL_REFUSED, E_SANDBOX);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_RECEIPT, fmt("{\"task\":\"%s\"}", task_text));
	assert_string_equal(client_str(&C, v, "/calls/0/state"), "refused");
	assert_int_equal(client_int(v, "/denied"), 1);
	assert_string_equal(client_str(&C, v, "/denials/0/tool"), "files/read_file");
	assert_string_equal(client_str(&C, v, "/denials/0/code"), "sandbox");
	assert_int_equal(client_int(v, "/task/denied"), 1);
}

/* Advice is a sentence of its own. */
static void
advice_ends_as_a_sentence(void **)
{
	open_task(WIDE);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\""
		"@id(\\\"a\\\") @advice(\\\"use another tool\\\") forbid(principal, action == Action::\\\"net/fetch\\\", resource);"
		"@id(\\\"b\\\") @advice(\\\"Stop!\\\") forbid(principal, action == Action::\\\"net/pay\\\", resource);\"}]}");
	assert_int_equal(C.last_error, E_OK);
	assert_non_null(strstr(client_call_now(&C, AGENT, "net__fetch", "{}")->body, "You may: use another tool. Do not retry unchanged."));
	assert_non_null(strstr(client_call_now(&C, AGENT, "net__pay", "{\"amount\":1}")->body, "You may: Stop! Do not retry unchanged."));
}

static void
secrets_taint(void **)
{
	open_task("{\"tools\":[\"**\"]}");
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->verdict, VERDICT_ALLOW);
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/secret/k\"}")->verdict, VERDICT_ALLOW);
	const struct reply *r = client_call_now(&C, AGENT, "net__fetch", "{}");
	assert_int_equal(r->error, E_POLICY_DENIED);
	assert_non_null(strstr(r->body, "DENIED by Ambit (no-secrets-out: confidential data was read). Nothing was executed."));
}

/* Asked, approved by somebody else, executed once. */
static void
a_human_says_yes_once(void **)
{
	static const char *const args = "{\"path\":\"/data/old\"}";
	open_task(WIDE);
	const struct reply *r = client_call_now(&C, AGENT, "files__delete_file", args);
	assert_int_equal(r->verdict, VERDICT_PENDING);
	char apr[20];
	id_text(r->approval, apr);
	assert_non_null(strstr(r->body, "WAITING for human approval"));
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", args)->verdict, VERDICT_PENDING);
	/* Neither the one it works for, nor somebody in no group, nor an administrator. */
	client_op(&C, ROLE_PEOPLE, DANA, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_APPROVAL_NOT_YOURS);
	client_op(&C, ROLE_PEOPLE, GWEN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\",\"comment\":\"ok\"}", apr));
	assert_int_equal(C.last_error, E_OK);
	assert_string_equal(client_str(&C, v, "/state"), "granted");
	assert_int_equal(C.permits, 0);
	/* Other arguments are another question. */
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/new\"}")->verdict, VERDICT_PENDING);
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", args)->verdict, VERDICT_ALLOW);
	assert_int_equal(C.permits, 1);
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", args)->verdict, VERDICT_PENDING);
	assert_int_equal(C.permits, 1);
}

/* A rule that looks at the answer by itself does not make one yes into many; nor does a yes outweigh what forbids it. */
static void
a_yes_that_policy_sees_is_used_up(void **)
{
	static const char *const args = "{\"path\":\"/data/old\"}";
	static const char *const policy =
		"{\"resources\":[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\"permit(principal, action, resource);"
		"@approval(\\\"on-call:1\\\") forbid(principal, action in Action::\\\"effect:destructive\\\", resource)"
		" unless { context.approval.granted };%s\"}]}";
	open_task(WIDE);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, fmt(policy, ""));
	assert_int_equal(C.last_error, E_OK);
	char apr[20];
	id_text(client_call_now(&C, AGENT, "files__delete_file", args)->approval, apr);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", args)->verdict, VERDICT_ALLOW);
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", args)->verdict, VERDICT_PENDING);
	assert_int_equal(C.permits, 1);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, fmt(policy, "forbid(principal, action, resource) when { context.approval.granted };"));
	assert_int_equal(C.last_error, E_OK);
	id_text(client_call_now(&C, AGENT, "files__delete_file", args)->approval, apr);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", args)->error, E_POLICY_DENIED);
	assert_int_equal(C.permits, 1);
}

static void
a_parked_call_goes_on(void **)
{
	open_task(WIDE);
	uint64_t req = client_call(&C, ROLE_LOCAL, AGENT, NULL, "files__delete_file", "{\"path\":\"/data/old\"}", 4000);
	node_settle(&C.node);
	assert_null(client_reply(&C, req));
	const struct json *v = client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_LIST, "{}");
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", client_str(&C, v, "/items/0/id")));
	assert_int_equal(C.last_error, E_OK);
	assert_non_null(client_reply(&C, req));
	assert_int_equal(client_reply(&C, req)->verdict, VERDICT_ALLOW);
	/* And one that nobody answers. */
	req = client_call(&C, ROLE_LOCAL, AGENT, NULL, "files__delete_file", "{\"path\":\"/data/2\"}", 4000);
	node_settle(&C.node);
	assert_null(client_reply(&C, req));
	node_advance(&C.node, 4001 * INT64_C(1000000));
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->verdict, VERDICT_PENDING);
}

static void
quorums_need_different_people(void **)
{
	open_task(WIDE);
	const struct reply *r = client_call_now(&C, AGENT, "net__pay", "{\"amount\":5}");
	assert_int_equal(r->verdict, VERDICT_PENDING);
	char apr[20];
	id_text(r->approval, apr);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_OK);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_EXISTS);
	assert_int_equal(client_call_now(&C, AGENT, "net__pay", "{\"amount\":5}")->verdict, VERDICT_PENDING);
	client_op(&C, ROLE_PEOPLE, FINN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(client_call_now(&C, AGENT, "net__pay", "{\"amount\":5}")->verdict, VERDICT_ALLOW);
}

static void
a_kill_cuts(void **)
{
	open_task(WIDE);
	const struct reply *r = client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}");
	uint64_t req = r->req, call = r->call;
	client_state(&C, call, CALL_DISPATCHED, 0);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\",\"reason\":\"injection\"}", task_text));
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_int(v, "/calls_cut"), 1);
	assert_int_equal(client_reply(&C, req)->type, MSG_CUT);
	assert_int_equal(C.cut_call, call);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_REVOCATIONS, "{}");
	assert_string_equal(client_str(&C, v, "/items/0/state"), "confirmed");
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_REVOKED);
}

/* The holder is told at once, whatever ends the task, and nobody else is. */
static void
a_holder_is_told_of_the_end(void **)
{
	static const struct { const char *kill, *state, *reason; } t[] = {
		{ "{\"kind\":\"task\",\"name\":\"%s\",\"reason\":\"astray\"}", "revoked", "killed" },
		{ "{\"kind\":\"agent\",\"name\":\"dev/claude\",\"reason\":\"astray\"}%.0s", "revoked", "agent" },
		{ "", "expired", "expired" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct json *v = client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN,
			"{\"agent\":\"dev/claude\",\"purpose\":\"x\",\"envelope\":" WIDE ",\"ttl_seconds\":600,\"hold\":true}");
		assert_int_equal(C.last_error, E_OK);
		snprintf(task_text, sizeof task_text, "%s", client_str(&C, v, "/task/id"));
		client_peer(&C, ROLE_LOCAL, BOT, 1000, 107, "/usr/bin/ambit", 0);
		client_op(&C, ROLE_LOCAL, BOT, OP_TASK_WAIT, fmt("{\"task\":\"%s\"}", task_text));
		assert_int_equal(C.last_error, E_NOT_PERMITTED);
		uint64_t req = client_op_send(&C, ROLE_LOCAL, DANA, OP_TASK_WAIT, fmt("{\"task\":\"%s\"}", task_text), NULL);
		node_settle(&C.node);
		assert_null(client_reply(&C, req));
		client_op(&C, ROLE_LOCAL, DANA, OP_TASK_WAIT, fmt("{\"task\":\"%s\"}", task_text));
		assert_int_equal(C.last_error, E_CONFLICT);
		C.node.store_paused = t[i].kill[0];                /* a revocation is told before it is durable */
		if (t[i].kill[0])
			client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt(t[i].kill, task_text), NULL);
		else
			node_advance(&C.node, 601 * INT64_C(1000000000));
		node_settle(&C.node);
		const struct reply *r = client_reply(&C, req);
		assert_non_null(r);
		assert_int_equal(r->error, E_OK);
		assert_non_null(strstr(r->body, fmt("\"state\":\"%s\"", t[i].state)));
		assert_non_null(strstr(r->body, fmt("\"end_reason\":\"%s\"", t[i].reason)));
		assert_true(!t[i].kill[0] == !strstr(r->body, "\"reason\":\"astray\""));
		C.node.store_paused = false;
		node_settle(&C.node);
		if (i == 1) {
			client_op(&C, ROLE_PEOPLE, ADMIN, OP_RESUME, "{\"kind\":\"agent\",\"name\":\"dev/claude\"}");
			assert_int_equal(C.last_error, E_OK);
		}
	}
}

static void
the_world_stops_and_starts(void **)
{
	open_task(WIDE);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"world\"}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_WORLD_STOPPED);
	client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_WORLD_STOPPED);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_RESUME, "{\"kind\":\"world\"}");
	assert_int_equal(C.last_error, E_OK);
	/* What was alive then stays dead. */
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_REVOKED);
	open_task(WIDE);
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->verdict, VERDICT_ALLOW);
}

static void
children_are_narrower_and_die_with_the_parent(void **)
{
	open_task(ENVELOPE);
	client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_DELEGATE, "{\"purpose\":\"sub\",\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_NOT_NARROWER);
	const struct json *v = client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_DELEGATE, "{\"purpose\":\"sub\",\"envelope\":{\"tools\":[\"files/read_file\"]}}");
	assert_int_equal(C.last_error, E_OK);
	char token[64];
	snprintf(token, sizeof token, "%s", client_str(&C, v, "/token"));
	assert_true(token[0]);
	uint64_t req = client_call(&C, ROLE_LOCAL, AGENT, token, "files__read_file", "{\"path\":\"/data/secret/k\"}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->verdict, VERDICT_ALLOW);
	/* The parent's resources bound it though its own envelope names none. */
	req = client_call(&C, ROLE_LOCAL, AGENT, token, "files__read_file", "{\"path\":\"/etc/x\"}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_OUTSIDE_ENVELOPE);
	req = client_call(&C, ROLE_LOCAL, AGENT, token, "files__write_file", "{\"path\":\"/data/x\"}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_OUTSIDE_ENVELOPE);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_SHOW, fmt("{\"task\":\"%s\"}", task_text));
	assert_string_equal(client_str(&C, v, "/sensitivity"), "confidential");
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\"}", task_text));
	req = client_call(&C, ROLE_LOCAL, AGENT, token, "files__read_file", "{\"path\":\"/data/x\"}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_REVOKED);
}

static void
tokens_are_bound_and_short(void **)
{
	open_task(WIDE);
	client_peer(&C, ROLE_LOCAL, 20, 1000, 300, "/bin/x", 0);
	uint64_t req = client_call(&C, ROLE_LOCAL, 20, token_text, "files__read_file", "{\"path\":\"/data/x\"}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_TOKEN_UNBOUND);
	req = client_call(&C, ROLE_LOCAL, DANA, token_text, "files__read_file", "{\"path\":\"/data/x\"}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->verdict, VERDICT_ALLOW);
	req = client_call(&C, ROLE_LOCAL, DANA, "made-up", "files__read_file", "{\"path\":\"/data/x\"}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_TOKEN_INVALID);
	node_advance(&C.node, 301 * INT64_C(1000000000));
	req = client_call(&C, ROLE_LOCAL, DANA, token_text, "files__read_file", "{\"path\":\"/data/x\"}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->verdict, VERDICT_DENY);
}

static void
a_task_expires(void **)
{
	open_task(WIDE);
	node_advance(&C.node, 599 * INT64_C(1000000000));
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->verdict, VERDICT_ALLOW);
	node_advance(&C.node, 2 * INT64_C(1000000000));
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_TASK_EXPIRED);
}

/* No allow leaves before the store has it, and none at all when it does not take it. */
static void
nothing_is_allowed_before_it_is_durable(void **)
{
	open_task(WIDE);
	C.node.store_paused = true;
	uint64_t req = client_call(&C, ROLE_LOCAL, AGENT, NULL, "files__read_file", "{\"path\":\"/data/x\"}", 0);
	node_settle(&C.node);
	assert_null(client_reply(&C, req));
	assert_int_equal(C.permits, 0);
	C.node.store_paused = false;
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->verdict, VERDICT_ALLOW);
	assert_int_equal(C.permits, 1);
	C.node.store_paused = true;
	req = client_call(&C, ROLE_LOCAL, AGENT, NULL, "files__read_file", "{\"path\":\"/data/y\"}", 0);
	node_settle(&C.node);
	node_advance(&C.node, 950 * INT64_C(1000000));
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_AUDIT_UNAVAILABLE);
	/* A kill works meanwhile. */
	uint64_t kill = client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\"}", task_text), NULL);
	node_settle(&C.node);
	assert_null(client_reply(&C, kill));
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/z\"}")->error, E_REVOKED);
	C.node.store_paused = false;
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, kill)->error, E_OK);
	assert_int_equal(C.permits, 1);
}

/* A store that is only slow: what people ask for waits for it, done once. */
static void
an_operation_waits_for_a_late_log(void **)
{
	open_task(WIDE);
	C.node.store_paused = true;
	uint64_t first = client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_TASK_CREATE, "{\"agent\":\"dev/claude\",\"purpose\":\"1\",\"envelope\":{\"tools\":[\"**\"]}}", NULL);
	node_settle(&C.node);
	node_advance(&C.node, INT64_C(1500000000));
	node_settle(&C.node);
	uint64_t second = client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_TASK_CREATE, "{\"agent\":\"dev/claude\",\"purpose\":\"2\",\"envelope\":{\"tools\":[\"**\"]}}", NULL);
	node_settle(&C.node);
	node_advance(&C.node, INT64_C(1500000000));
	node_settle(&C.node);
	assert_null(client_reply(&C, first));
	assert_null(client_reply(&C, second));
	C.node.store_paused = false;
	node_settle(&C.node);
	node_advance(&C.node, INT64_C(30000000));
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, first)->error, E_OK);
	assert_int_equal(client_reply(&C, second)->error, E_OK);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_LIST, "{}");
	assert_int_equal(json_gets(v, "items")->arr.n, 3);
	/* Not for ever. */
	C.node.store_paused = true;
	first = client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_TASK_CREATE, "{\"agent\":\"dev/claude\",\"purpose\":\"3\",\"envelope\":{\"tools\":[\"**\"]}}", NULL);
	node_settle(&C.node);
	node_advance(&C.node, INT64_C(1500000000));
	second = client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_TASK_CREATE, "{\"agent\":\"dev/claude\",\"purpose\":\"4\",\"envelope\":{\"tools\":[\"**\"]}}", NULL);
	node_settle(&C.node);
	for (int i = 0; i < 100; i++) {
		node_advance(&C.node, INT64_C(100000000));
		node_settle(&C.node);
	}
	assert_int_equal(client_reply(&C, first)->error, E_AUDIT_UNAVAILABLE);
	assert_int_equal(client_reply(&C, second)->error, E_AUDIT_UNAVAILABLE);
	C.node.store_paused = false;
	node_settle(&C.node);
}

static void
a_full_disk_denies_and_recovers(void **)
{
	open_task(WIDE);
	C.node.disk.full = true;
	uint64_t full_at = C.node.disk.chain.seq;
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_AUDIT_UNAVAILABLE);
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_AUDIT_UNAVAILABLE);
	assert_int_equal(client_call_now(&C, AGENT, "files__nothing", "{}")->error, E_TOOL_UNKNOWN);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_STATUS, "{}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(C.permits, 0);
	/* The reserve is for revocations: nothing that was refused for want of room went into it. */
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/x\"}")->error, E_AUDIT_UNAVAILABLE);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_LIST, "{}");
	assert_int_equal(json_gets(v, "items")->arr.n, 0);
	node_advance(&C.node, INT64_C(1100000000));
	node_settle(&C.node);
	assert_int_equal(C.node.disk.chain.seq, full_at);
	uint64_t before = C.node.disk.chain.seq;
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"tool\",\"name\":\"net/fetch\"}");
	node_advance(&C.node, INT64_C(1100000000));
	node_settle(&C.node);
	assert_true(C.node.disk.chain.seq > before);
	C.node.disk.full = false;
	node_advance(&C.node, INT64_C(1100000000));
	node_settle(&C.node);
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->verdict, VERDICT_ALLOW);
}

static void
a_restart_remembers(void **)
{
	open_task(WIDE);
	const struct reply *r = client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/old\"}");
	char apr[20], task[20];
	id_text(r->approval, apr);
	snprintf(task, sizeof task, "%s", task_text);
	uint64_t id;
	assert_true(id_parse(span_str(task), &id));
	r = client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/secret/x\"}");
	client_state(&C, r->call, CALL_DISPATCHED, 0);
	node_crash(&C.node);
	node_start(&C.node);
	node_settle(&C.node);
	client_peer(&C, ROLE_LOCAL, AGENT, 1000, 200, "/usr/bin/node", id);
	client_peer(&C, ROLE_PEOPLE, ADMIN, 0, 101, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, ERIN, 1001, 102, "/usr/bin/ambit", 0);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_RECEIPT, fmt("{\"task\":\"%s\"}", task));
	assert_int_equal(C.last_error, E_OK);
	assert_string_equal(client_str(&C, v, "/task/state"), "active");
	assert_string_equal(client_str(&C, v, "/calls/0/state"), "unknown");
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_POLICY_DENIED);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/old\"}")->verdict, VERDICT_ALLOW);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_STATUS, "{}");
	assert_string_equal(client_str(&C, v, "/world"), "running");
	assert_int_equal(client_int(v, "/counts/tasks"), 1);
}

static void
budgets_are_kept(void **)
{
	open_task("{\"tools\":[\"**\"],\"limits\":{\"calls\":3,\"amounts\":[{\"tool\":\"net/fetch\",\"path\":\"/n\",\"max\":10}]}}");
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{\"n\":8}")->verdict, VERDICT_ALLOW);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{\"n\":3}")->error, E_BUDGET_EXHAUSTED);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{\"n\":-3}")->error, E_BUDGET_EXHAUSTED);
	const struct reply *r = client_call_now(&C, AGENT, "net__fetch", "{\"n\":2}");
	assert_int_equal(r->verdict, VERDICT_ALLOW);
	/* Refused by the tools role before it was sent on: given back. */
	client_state(&C, r->call, CALL_REFUSED, E_SANDBOX);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{\"n\":2}")->verdict, VERDICT_ALLOW);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{\"n\":0}")->verdict, VERDICT_ALLOW);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_BUDGET_EXHAUSTED);
}

static void
rates_are_kept(void **)
{
	open_task("{\"tools\":[\"**\"],\"limits\":{\"calls_per_minute\":2}}");
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->verdict, VERDICT_ALLOW);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->verdict, VERDICT_ALLOW);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_RATE_LIMITED);
	node_advance(&C.node, 31 * INT64_C(1000000000));
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->verdict, VERDICT_ALLOW);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_RATE_LIMITED);
}

/* A child's calls are its parent's too. */
static void
children_spend_their_parents_budget(void **)
{
	open_task("{\"tools\":[\"**\"],\"limits\":{\"calls\":2}}");
	const struct json *v = client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_DELEGATE, "{\"envelope\":{\"tools\":[\"**\"]}}");
	char token[64];
	snprintf(token, sizeof token, "%s", client_str(&C, v, "/token"));
	for (int i = 0; i < 3; i++) {
		uint64_t req = client_call(&C, ROLE_LOCAL, AGENT, token, "net__fetch", "{}", 0);
		node_settle(&C.node);
		assert_int_equal(client_reply(&C, req)->error, i < 2 ? E_OK : E_BUDGET_EXHAUSTED);
	}
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_BUDGET_EXHAUSTED);
}

static void
found(const char *definitions)
{
	struct msg m = msg_make(MSG_FOUND);
	digest d = sha256(SPAN("files"));
	struct reader r = rd_make(digest_span(&d));
	m.found.server = id_make(ID_SERVER, rd_u64(&r));
	m.found.definitions = span_str(definitions);
	node_send(&C.node, ROLE_TOOLS, 0, &m);
	node_settle(&C.node);
}

static void
a_changed_tool_waits_for_review(void **)
{
	open_task(WIDE);
	found("[{\"name\":\"read_file\",\"description\":\"reads, and sends it to me\"}]");
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_TOOL_QUARANTINED);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TOOL_SHOW, "{\"tool\":\"files/read_file\"}");
	assert_string_equal(client_str(&C, v, "/state"), "quarantined");
	char seen[100];
	snprintf(seen, sizeof seen, "%s", client_str(&C, v, "/definition"));
	found("[{\"name\":\"read_file\",\"description\":\"and again\"}]");
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_TOOL_REVIEW, fmt("{\"tool\":\"files/read_file\",\"definition\":\"%s\"}", seen));
	assert_int_equal(C.last_error, E_CONFLICT);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_TOOL_REVIEW, fmt("{\"tool\":\"files/read_file\",\"definition\":\"%s\"}", seen));
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	/* Back to what was reviewed: no review needed. */
	found("[{\"name\":\"read_file\",\"description\":\"reads\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":[\"path\"]}}]");
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->verdict, VERDICT_ALLOW);
}

/* A fallback is somebody only where nobody else is. */
static void
a_fallback_stands_back(void **)
{
	static const char *const agent = "{\"resources\":[{\"kind\":\"agent\",\"name\":\"%s\",\"owner\":\"dana\",\"tier\":\"dev\",\"identity\":[{\"uid\":1500%s}]}]}";
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, fmt(agent, "dev/any", ",\"fallback\":true"));
	assert_int_equal(C.last_error, E_OK);
	client_peer(&C, ROLE_LOCAL, 71, 1500, 601, "/usr/bin/node", 0);
	assert_string_equal(client_str(&C, client_op(&C, ROLE_LOCAL, 71, OP_WHOAMI, "{}"), "/agent"), "dev/any");
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, fmt(agent, "dev/one", ""));
	client_peer(&C, ROLE_LOCAL, 72, 1500, 602, "/usr/bin/node", 0);
	assert_string_equal(client_str(&C, client_op(&C, ROLE_LOCAL, 72, OP_WHOAMI, "{}"), "/agent"), "dev/one");
	/* Two that claim the same with the same weight are nobody. */
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, fmt(agent, "dev/two", ""));
	client_peer(&C, ROLE_LOCAL, 73, 1500, 603, "/usr/bin/node", 0);
	assert_null(json_gets(client_op(&C, ROLE_LOCAL, 73, OP_WHOAMI, "{}"), "agent"));
}

/* Tools come after the policies that name them: what a policy is worth is looked at again, and said where policies are listed. */
static void
policies_are_looked_at_again_when_tools_come(void **)
{
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"policy\",\"name\":\"later\",\"text\":\""
		"permit(principal, action == Action::\\\"files/search\\\", resource) when { context.input.limit < 5 };\"}]}");
	assert_int_equal(C.last_error, E_OK);
	assert_non_null(strstr(client_str(&C, v, "/warnings/0"), "files/search"));
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_POLICY_SHOW, "{\"policy\":\"later\"}");
	assert_string_equal(client_str(&C, v, "/state"), "unmatched");
	found("[{\"name\":\"search\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"limit\":{\"type\":\"integer\"}},\"required\":[\"limit\"]}}]");
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_POLICY_SHOW, "{\"policy\":\"later\"}");
	assert_string_equal(client_str(&C, v, "/state"), "ok");
	found("[{\"name\":\"search\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"limit\":{\"type\":\"string\"}},\"required\":[\"limit\"]}}]");
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_POLICY_LIST, "{}");
	assert_string_equal(client_str(&C, v, "/items/0/state"), "ok");
	assert_string_equal(client_str(&C, v, "/items/1/state"), "invalid");
	assert_non_null(strstr(client_str(&C, v, "/items/1/findings/0"), "line 1"));
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_STATUS, "{}");
	bool told = false;
	json_for_items(it, json_gets(v, "findings"))
		told |= json_is_str(json_gets(it, "code")) && span_is(json_gets(it, "code")->str, "policy_invalid");
	assert_true(told);
	/* A server that comes with the policies has shown nothing yet: no noise about its names. */
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"server\",\"name\":\"fresh\",\"transport\":\"stdio\",\"command\":[\"x\"]},"
		"{\"kind\":\"policy\",\"name\":\"later\",\"text\":\"permit(principal, action == Action::\\\"fresh/tool\\\", resource);\"}]}");
	assert_int_equal(C.last_error, E_OK);
	assert_null(json_pointer(v, SPAN("/warnings/0")));
}

static void
agents_are_put_down(void **)
{
	open_task(WIDE);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_AGENT_SUSPEND, "{\"agent\":\"dev/claude\",\"reason\":\"r\"}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_REVOKED);
	client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_REVOKED);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_AGENT_RESUME, "{\"agent\":\"dev/claude\"}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_REVOKED);
	open_task(WIDE);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->verdict, VERDICT_ALLOW);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_AGENT_RETIRE, "{\"agent\":\"dev/claude\"}");
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_AGENT_RESUME, "{\"agent\":\"dev/claude\"}");
	assert_int_equal(C.last_error, E_CONFLICT);
}

static void
tools_and_servers_are_stopped(void **)
{
	open_task(WIDE);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"tool\",\"name\":\"net__fetch\"}");
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_REVOKED);
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->verdict, VERDICT_ALLOW);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_RESUME, "{\"kind\":\"tool\",\"name\":\"net/fetch\"}");
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->verdict, VERDICT_ALLOW);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"server\",\"name\":\"net\"}");
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_REVOKED);
	/* Not by those whom it does not concern. */
	client_op(&C, ROLE_PEOPLE, GWEN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\"}", task_text));
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	client_op(&C, ROLE_PEOPLE, DANA, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\"}", task_text));
	assert_int_equal(C.last_error, E_OK);
	client_op(&C, ROLE_PEOPLE, DANA, OP_KILL, "{\"kind\":\"world\"}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
}

static void
agents_are_not_people(void **)
{
	uint64_t id;
	open_task(WIDE);
	assert_true(id_parse(span_str(task_text), &id));
	client_peer(&C, ROLE_PEOPLE, 30, 1001, 400, "/usr/bin/ambit", id);
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	client_op(&C, ROLE_PEOPLE, 30, OP_APPROVAL_LIST, "{}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"agent\",\"name\":\"x\",\"owner\":\"erin\",\"tier\":\"dev\","
	          "\"identity\":[{\"uid\":1001,\"exe\":\"/opt/x\"}]}]}");
	assert_int_equal(C.last_error, E_OK);
	client_peer(&C, ROLE_PEOPLE, 31, 1001, 401, "/opt/x", 0);
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	client_peer(&C, ROLE_PEOPLE, 32, 4711, 402, "/usr/bin/ambit", 0);
	assert_int_equal(C.last_error, E_UNAUTHENTICATED);
	/* People's operations do not come over the agents' edge. */
	client_op(&C, ROLE_LOCAL, DANA, OP_KILL, "{\"kind\":\"world\"}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	/* A process of one task opens no other. */
	client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	/* `as` is only for the users of one's own uid. */
	client_op(&C, ROLE_PEOPLE, ERIN, OP_STATUS, "{\"as\":\"admin\"}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
}

static void
one_process_is_not_another_task(void **)
{
	open_task(WIDE);
	char token[64];
	snprintf(token, sizeof token, "%s", token_text);
	open_task(WIDE);
	/* The first task's token was given to dana's process; one inside the second task may not use it even there. */
	uint64_t id;
	assert_true(id_parse(span_str(task_text), &id));
	client_peer(&C, ROLE_LOCAL, 40, 1000, 100, "/bin/x", id);
	uint64_t req = client_call(&C, ROLE_LOCAL, 40, token, "net__fetch", "{}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_NOT_PERMITTED);
}

static void
an_enrolment_token_works_once(void **)
{
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_AGENT_ENROL, "{\"agent\":\"dev/bot\"}");
	char token[64], use[128];
	snprintf(token, sizeof token, "%s", client_str(&C, v, "/token"));
	snprintf(use, sizeof use, "{\"token\":\"%s\"}", token);
	client_tls(&C, 50, NULL);
	client_op(&C, ROLE_AGENTS, 50, OP_ENROL_USE, use);
	assert_int_equal(C.last_error, E_ENROLMENT);
	unsigned ok = 0;
	for (uint32_t i = 0; i < 64; i++) {
		char cert[16];
		snprintf(cert, sizeof cert, "cert%u", i);
		client_tls(&C, 100 + i, cert);
		client_op(&C, ROLE_AGENTS, 100 + i, OP_ENROL_USE, use);
		ok += C.last_error == E_OK;
	}
	assert_int_equal(ok, 1);
	/* The certificate stands for the agent from now on, and its session envelope bounds it. */
	client_tls(&C, 200, "cert0");
	v = client_op(&C, ROLE_AGENTS, 200, OP_TASK_OPEN, "{\"purpose\":\"p\"}");
	assert_int_equal(C.last_error, E_OK);
	client_op(&C, ROLE_AGENTS, 200, OP_TASK_OPEN, "{\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_NOT_NARROWER);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_AGENT_ENROL, "{\"agent\":\"dev/bot\",\"ttl_seconds\":5}");
	snprintf(use, sizeof use, "{\"token\":\"%s\"}", client_str(&C, v, "/token"));
	node_advance(&C.node, 6 * INT64_C(1000000000));
	client_tls(&C, 201, "late");
	client_op(&C, ROLE_AGENTS, 201, OP_ENROL_USE, use);
	assert_int_equal(C.last_error, E_ENROLMENT);
}

static void
delegation_ends_somewhere(void **)
{
	const struct json *v;
	char token[64];
	open_task(WIDE);
	snprintf(token, sizeof token, "%s", token_text);
	for (int depth = 1; depth <= 4; depth++) {
		uint64_t req = client_op_send(&C, ROLE_LOCAL, DANA, OP_TASK_DELEGATE, "{\"envelope\":{\"tools\":[\"**\"]}}", token);
		node_settle(&C.node);
		const struct reply *r = client_reply(&C, req);
		assert_int_equal(r->error, depth <= 3 ? E_OK : E_NOT_NARROWER);
		if (r->error)
			break;
		assert_ok(json_parse(span_str(r->body), NULL, &C.arena, &v, NULL));
		snprintf(token, sizeof token, "%s", client_str(&C, v, "/token"));
	}
	open_task("{\"tools\":[\"**\"],\"limits\":{\"depth\":0}}");
	client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_DELEGATE, "{\"envelope\":{\"tools\":[\"files/*\"]}}");
	assert_int_equal(C.last_error, E_NOT_NARROWER);
	open_task(WIDE);
	client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_DELEGATE, "{\"agent\":\"dev/bot\",\"envelope\":{\"tools\":[\"files/*\"]}}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
}

static void
who_may_launch_what(void **)
{
	client_peer(&C, ROLE_LOCAL, 60, 1001, 500, "/usr/bin/ambit", 0);
	client_op(&C, ROLE_LOCAL, 60, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	client_op(&C, ROLE_LOCAL, 60, OP_TASK_OPEN, "{\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_AGENT_UNPROVEN);
	client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, "{\"agent\":\"nobody\",\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_AGENT_UNKNOWN);
	client_peer(&C, ROLE_LOCAL, 61, 2000, 501, "/opt/bot", 0);
	const struct json *v = client_op(&C, ROLE_LOCAL, 61, OP_TASK_OPEN, "{}");
	assert_int_equal(C.last_error, E_OK);
	assert_string_equal(client_str(&C, v, "/task/agent"), "dev/bot");
	client_peer(&C, ROLE_LOCAL, 62, 2000, 502, "/opt/other", 0);
	client_op(&C, ROLE_LOCAL, 62, OP_TASK_OPEN, "{}");
	assert_int_equal(C.last_error, E_AGENT_UNPROVEN);
}

static void
a_held_task_ends_with_its_holder(void **)
{
	static const char *const open = "{\"agent\":\"dev/claude\",\"hold\":true,\"envelope\":{\"tools\":[\"**\"]}}";
	const struct json *v = client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, open);
	char task[20];
	snprintf(task, sizeof task, "%s", client_str(&C, v, "/task/id"));
	struct msg gone = msg_make(MSG_PEER_GONE);
	gone.peer_gone.conn = DANA;
	node_send(&C.node, ROLE_LOCAL, 0, &gone);
	node_settle(&C.node);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_SHOW, fmt("{\"task\":\"%s\"}", task));
	assert_string_equal(client_str(&C, v, "/end_reason"), "holder");
	/* The edge dies: ten seconds to come back, as the same process. */
	client_peer(&C, ROLE_LOCAL, DANA, 1000, 100, "/usr/bin/ambit", 0);
	v = client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, open);
	snprintf(task, sizeof task, "%s", client_str(&C, v, "/task/id"));
	node_link(&C.node, ROLE_LOCAL, 0, false);
	node_link(&C.node, ROLE_LOCAL, 0, true);
	node_advance(&C.node, 5 * INT64_C(1000000000));
	client_peer(&C, ROLE_LOCAL, 70, 1000, 999, "/usr/bin/ambit", 0);
	client_op(&C, ROLE_LOCAL, 70, OP_TASK_OPEN, fmt("{\"resume\":\"%s\"}", task));
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	client_peer(&C, ROLE_LOCAL, 71, 1000, 100, "/usr/bin/ambit", 0);
	client_op(&C, ROLE_LOCAL, 71, OP_TASK_OPEN, fmt("{\"resume\":\"%s\"}", task));
	assert_int_equal(C.last_error, E_OK);
	node_advance(&C.node, 20 * INT64_C(1000000000));
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_SHOW, fmt("{\"task\":\"%s\"}", task));
	assert_string_equal(client_str(&C, v, "/state"), "active");
	node_link(&C.node, ROLE_LOCAL, 0, false);
	node_link(&C.node, ROLE_LOCAL, 0, true);
	node_advance(&C.node, 11 * INT64_C(1000000000));
	node_settle(&C.node);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_SHOW, fmt("{\"task\":\"%s\"}", task));
	assert_string_equal(client_str(&C, v, "/state"), "revoked");
}

static void
an_approver_who_lost_the_right_does_not_count(void **)
{
	static const char *const args = "{\"path\":\"/data/old\"}";
	open_task(WIDE);
	char apr[20];
	id_text(client_call_now(&C, AGENT, "files__delete_file", args)->approval, apr);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_OK);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"user\",\"name\":\"erin\",\"uids\":[1001],\"groups\":[\"devs\"],\"roles\":[\"approver\"]}]}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", args)->verdict, VERDICT_PENDING);
	assert_int_equal(C.permits, 0);
}

/* A changed rule is another question than the one that was answered. */
static void
an_approval_does_not_outlive_the_rule(void **)
{
	static const char *const args = "{\"path\":\"/data/old\"}";
	open_task(WIDE);
	const struct reply *r = client_call_now(&C, AGENT, "files__delete_file", args);
	char apr[20];
	id_text(r->approval, apr);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\"permit(principal, action, resource);"
	          "@approval(\\\"on-call:2\\\") forbid(principal, action in Action::\\\"effect:destructive\\\", resource);\"}]}");
	assert_int_equal(C.last_error, E_OK);
	r = client_call_now(&C, AGENT, "files__delete_file", args);
	assert_int_equal(r->verdict, VERDICT_PENDING);
	char now[20];
	id_text(r->approval, now);
	assert_string_not_equal(now, apr);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_SHOW, fmt("{\"approval\":\"%s\"}", apr));
	assert_string_equal(client_str(&C, v, "/state"), "withdrawn");
}

static void
a_no_is_a_no_and_a_yes_grows_old(void **)
{
	open_task(WIDE);
	char apr[20];
	id_text(client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/a\"}")->approval, apr);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_DENY, fmt("{\"approval\":\"%s\",\"reason\":\"no\",\"tell_agent\":\"rename it\"}", apr));
	assert_int_equal(C.last_error, E_OK);
	const struct reply *r = client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/a\"}");
	assert_int_equal(r->error, E_APPROVAL_REJECTED);
	assert_non_null(strstr(r->body, "rename it"));
	id_text(client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/b\"}")->approval, apr);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	node_advance(&C.node, 599 * INT64_C(1000000000));
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/b\"}")->verdict, VERDICT_ALLOW);
	/* Asked for too often. */
	open_task(WIDE);
	for (int i = 0; i < 9; i++) {
		r = client_call_now(&C, AGENT, "files__delete_file", fmt("{\"path\":\"/data/%d\"}", i));
		assert_int_equal(r->error, i < 8 ? E_APPROVAL_PENDING : E_RATE_LIMITED);
	}
}

static void
resources_are_all_or_nothing(void **)
{
	static const struct { const char *resources; uint16_t code; const char *has; } t[] = {
		{ "[{\"kind\":\"tier\",\"name\":\"t\",\"max_ttl\":5}]", E_BAD_REQUEST, "\"suggestion\":\"max_ttl_seconds\"" },
		{ "[{\"kind\":\"tier\",\"name\":\"t\"},{\"kind\":\"tier\",\"name\":\"t\"}]", E_BAD_REQUEST, "is there twice" },
		{ "[{\"kind\":\"tier\",\"name\":\"t\"},{\"kind\":\"agent\",\"name\":\"a\",\"owner\":\"dana\",\"tier\":\"none\"}]", E_BAD_REQUEST, "\"member\":\"tier\"" },
		{ "[{\"kind\":\"tier\",\"name\":\"t\"},{\"kind\":\"policy\",\"name\":\"p\",\"text\":\"permit(\"}]", E_BAD_POLICY, "line 1" },
		{ "[{\"kind\":\"server\",\"name\":\"ambit\",\"transport\":\"stdio\",\"command\":[\"x\"]}]", E_BAD_REQUEST, "\"member\":\"name\"" },
		{ "[{\"kind\":\"agent\",\"name\":\"a\",\"owner\":\"dana\",\"tier\":\"dev\",\"identity\":[{}]}]", E_BAD_REQUEST, "identity" },
		{ "[{\"kind\":\"tier\",\"name\":\"t\"},{\"kind\":\"policy\",\"name\":\"p\",\"text\":\"forbid(principal, action == Action::\\\"files/read_file\\\", resource) when { context.input.path == 7 || context.input.pth == \\\"x\\\" };\"}]", E_BAD_POLICY, "\"resource\":\"policy/p\"" },
		{ "[{\"kind\":\"tir\",\"name\":\"t\"}]", E_BAD_REQUEST, "\"suggestion\":\"tier\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t req = client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, fmt("{\"resources\":%s}", t[i].resources), NULL);
		node_settle(&C.node);
		const struct reply *r = client_reply(&C, req);
		assert_int_equal(r->error, t[i].code);
		if (!strstr(r->body, t[i].has))
			fail_msg("%s: %s", t[i].resources, r->body);
		client_op(&C, ROLE_PEOPLE, ADMIN, OP_RESOURCE_SHOW, "{\"kind\":\"tier\",\"name\":\"t\"}");
		assert_int_equal(C.last_error, E_NOT_FOUND);
	}
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"dry_run\":true,\"resources\":[{\"kind\":\"tier\",\"name\":\"dev\",\"max_depth\":1}]}");
	assert_string_equal(client_str(&C, v, "/changes/0/op"), "change");
	assert_string_equal(client_str(&C, v, "/changes/0/diff/0/path"), "/calls_per_minute");
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_RESOURCE_SHOW, "{\"kind\":\"tier\",\"name\":\"dev\"}");
	assert_int_equal(client_int(v, "/max_depth"), 3);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPLY, "{\"resources\":[]}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
}

static void
policies_fail_closed_and_may_only_watch(void **)
{
	open_task(WIDE);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\"permit(principal, action, resource);"
	          "forbid(principal, action == Action::\\\"net/fetch\\\", resource) when { 9223372036854775807 + context.task.calls + 1 > 0 };"
	          "@id(\\\"watch\\\") @mode(\\\"observe\\\") forbid(principal, action == Action::\\\"net/pay\\\", resource);\"}]}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_POLICY_ERROR);
	const struct reply *r = client_call_now(&C, AGENT, "net__pay", "{}");
	assert_int_equal(r->verdict, VERDICT_ALLOW);
	assert_non_null(strstr(r->body, "\"observed\":[{\"policy\":\"base\",\"line\":1,\"id\":\"watch\""));
	assert_int_equal(client_call_now(&C, AGENT, "net__pay", "{\"x\":1.5}")->error, E_BAD_ARGUMENTS);
	assert_int_equal(client_call_now(&C, AGENT, "net__pay", "{\"x\":null}")->error, E_BAD_ARGUMENTS);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\"\"}]}");
	assert_int_equal(client_call_now(&C, AGENT, "net__pay", "{}")->error, E_NO_PERMIT);
}

static void
asking_dryly_takes_nothing(void **)
{
	open_task("{\"tools\":[\"**\"],\"limits\":{\"calls\":1}}");
	size_t events = C.node.disk.event_n;
	for (int i = 0; i < 3; i++) {
		const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_CHECK, fmt("{\"task\":\"%s\",\"tool\":\"net/fetch\"}", task_text));
		assert_string_equal(client_str(&C, v, "/decision"), "allow");
		v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_CHECK, fmt("{\"task\":\"%s\",\"tool\":\"files/delete_file\",\"arguments\":{\"path\":\"/x\"}}", task_text));
		assert_string_equal(client_str(&C, v, "/decision"), "pending");
	}
	assert_int_equal(C.node.disk.event_n, events);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->verdict, VERDICT_ALLOW);
}

static const struct reply *
evaluate(uint32_t conn, const char *question)
{
	struct msg m = msg_make(MSG_EVALUATE);
	m.evaluate.req = ++C.next_req;
	m.evaluate.conn = conn;
	m.evaluate.question = span_str(question);
	node_send(&C.node, ROLE_LOCAL, 0, &m);
	node_settle(&C.node);
	return client_reply(&C, C.next_req);
}

static void
only_the_task_or_its_enforcement_point_evaluates(void **)
{
	char q[256];
	open_task("{\"tools\":[\"**\"],\"limits\":{\"calls\":2}}");
	snprintf(q, sizeof q, "{\"subject\":{\"type\":\"task\",\"id\":\"%s\"},\"action\":{\"name\":\"net/fetch\"}}", task_text);
	assert_int_equal(evaluate(AGENT, q)->verdict, VERDICT_ALLOW);
	assert_int_equal(C.permits, 0);
	client_peer(&C, ROLE_LOCAL, 80, 2000, 600, "/opt/bot", 0);
	assert_int_equal(evaluate(80, q)->verdict, VERDICT_DENY);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"agent\",\"name\":\"dev/bot\",\"owner\":\"erin\",\"tier\":\"dev\",\"enforcement_point\":true,"
	          "\"servers\":[\"files\"],\"identity\":[{\"uid\":2000,\"exe\":\"/opt/bot\"}]}]}");
	assert_int_equal(evaluate(80, q)->verdict, VERDICT_DENY);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"agent\",\"name\":\"dev/bot\",\"owner\":\"erin\",\"tier\":\"dev\",\"enforcement_point\":true,"
	          "\"servers\":[\"net\"],\"identity\":[{\"uid\":2000,\"exe\":\"/opt/bot\"}]}]}");
	assert_int_equal(evaluate(80, q)->verdict, VERDICT_ALLOW);
	assert_int_equal(evaluate(80, q)->error, E_BUDGET_EXHAUSTED);
}

static void
want_secret(uint32_t ordinal, uint64_t task)
{
	struct msg m = msg_make(MSG_WANT_SECRET);
	digest d = sha256(SPAN("vaulted"));
	struct reader r = rd_make(digest_span(&d));
	m.want_secret.ref = 1;
	m.want_secret.ordinal = ordinal;
	m.want_secret.server = id_make(ID_SERVER, rd_u64(&r));
	m.want_secret.task = task;
	node_send(&C.node, ROLE_TOOLS, 0, &m);
	node_settle(&C.node);
}

/* A secret leaves the signer for a living task, for what the server's spec names, and after its event. */
static void
a_secret_is_released_to_a_living_task_only(void **)
{
	char box[200];
	uint64_t task;
	memset(box, 'A', sizeof box - 1);
	box[sizeof box - 1] = 0;
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_SECRET_SET, fmt("{\"name\":\"key\",\"box\":\"%s\"}", box));
	assert_int_equal(C.last_error, E_OK);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"server\",\"name\":\"vaulted\",\"transport\":\"stdio\",\"command\":[\"/bin/x\"],"
	          "\"secrets\":[{\"name\":\"key\",\"env\":\"KEY\"},{\"name\":\"gone\",\"env\":\"GONE\"}]}]}");
	assert_int_equal(C.last_error, E_OK);
	open_task(WIDE);
	assert_true(id_parse_kind(span_str(task_text), ID_TASK, &task));
	C.node.store_paused = true;
	want_secret(0, task);
	assert_int_equal(C.node.unsealed, 0);
	C.node.store_paused = false;
	node_settle(&C.node);
	assert_int_equal(C.node.unsealed, 1);
	want_secret(1, task);            /* named, but nobody entrusted it */
	want_secret(2, task);            /* not named */
	want_secret(0, 0);               /* discovery, and the spec does not say so */
	want_secret(0, task ^ 1);
	assert_int_equal(C.node.unsealed, 1);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\"}", task_text));
	want_secret(0, task);
	assert_int_equal(C.node.unsealed, 1);
}

static uint64_t
ask_application(const char *question)
{
	struct msg m = msg_make(MSG_EVALUATE);
	m.evaluate.req = ++C.next_req;
	m.evaluate.conn = 80;
	m.evaluate.app = SPAN("wiki");
	m.evaluate.question = span_str(question);
	node_send(&C.node, ROLE_LOCAL, 0, &m);
	node_settle(&C.node);
	return C.next_req;
}

/* R1 holds for the questions of applications too. */
static void
an_application_is_answered_once_it_is_durable(void **)
{
	static const char q[] = "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"action\":{\"name\":\"read\"},\"resource\":{\"type\":\"page\",\"id\":\"1\"}}";
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":["
	          "{\"kind\":\"application\",\"name\":\"wiki\",\"policies\":\"permit(principal == user::\\\"ann\\\", action, resource);\"},"
	          "{\"kind\":\"agent\",\"name\":\"dev/bot\",\"owner\":\"erin\",\"tier\":\"dev\",\"enforcement_point\":true,"
	          "\"applications\":[\"wiki\"],\"identity\":[{\"uid\":2000,\"exe\":\"/opt/bot\"}]}]}");
	assert_int_equal(C.last_error, E_OK);
	client_peer(&C, ROLE_LOCAL, 80, 2000, 600, "/opt/bot", 0);
	C.node.store_paused = true;
	uint64_t req = ask_application(q);
	assert_null(client_reply(&C, req));
	C.node.store_paused = false;
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->verdict, VERDICT_ALLOW);
	C.node.store_paused = true;
	req = ask_application(q);
	node_advance(&C.node, 950 * INT64_C(1000000));
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, ask_application(q))->error, E_AUDIT_UNAVAILABLE);
	C.node.store_paused = false;
	node_settle(&C.node);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"agent\",\"name\":\"dev/bot\"}");
	assert_int_not_equal(client_reply(&C, ask_application(q))->verdict, VERDICT_ALLOW);
}

static void
a_caller_who_leaves_is_cut_off(void **)
{
	open_task(WIDE);
	const struct reply *r = client_call_now(&C, AGENT, "net__fetch", "{}");
	uint64_t call = r->call;
	struct msg m = msg_make(MSG_CANCEL);
	m.cancel.req = r->req;
	node_send(&C.node, ROLE_LOCAL, 0, &m);
	node_settle(&C.node);
	assert_int_equal(C.cut_call, call);
}

static void
completing_drains(void **)
{
	open_task(WIDE);
	const struct reply *r = client_call_now(&C, AGENT, "net__fetch", "{}");
	uint64_t call = r->call, req = r->req;
	client_state(&C, call, CALL_DISPATCHED, 0);
	const struct json *v = client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_COMPLETE, "{}");
	assert_string_equal(client_str(&C, v, "/task/state"), "ending");
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_TASK_ENDED);
	assert_int_equal(client_reply(&C, req)->type, MSG_VERDICT);
	node_advance(&C.node, 6 * INT64_C(1000000000));
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->type, MSG_CUT);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_SHOW, fmt("{\"task\":\"%s\"}", task_text));
	assert_string_equal(client_str(&C, v, "/state"), "completed");
}

/* A clock that stands before the log's end issues nothing (R16). */
static void
a_clock_behind_the_log_issues_nothing(void **)
{
	open_task(WIDE);
	node_crash(&C.node);
	C.node.now.wall -= 3600 * INT64_C(1000000000);
	node_start(&C.node);
	node_settle(&C.node);
	client_peer(&C, ROLE_LOCAL, DANA, 1000, 100, "/usr/bin/ambit", 0);
	client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_AUDIT_UNAVAILABLE);
	C.node.now.wall += 3601 * INT64_C(1000000000);
	node_advance(&C.node, 1000000);
	node_settle(&C.node);
	client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"envelope\":{\"tools\":[\"**\"]}}");
	assert_int_equal(C.last_error, E_OK);
}

static void
lists_show_what_may_be_called(void **)
{
	open_task("{\"tools\":[\"files/*\"],\"effects\":[\"read\"]}");
	struct msg m = msg_make(MSG_LIST);
	m.list.req = ++C.next_req;
	m.list.conn = AGENT;
	node_send(&C.node, ROLE_LOCAL, 0, &m);
	node_settle(&C.node);
	const struct reply *r = client_reply(&C, C.next_req);
	assert_non_null(strstr(r->body, "\"files__read_file\""));
	assert_null(strstr(r->body, "write_file"));
	assert_null(strstr(r->body, "fetch"));
	const struct json *v = client_op(&C, ROLE_LOCAL, AGENT, OP_TOOL_EXPLAIN, "{}");
	assert_string_equal(client_str(&C, v, "/hidden/0/code"), "outside_envelope");
}

static const struct reply *
list_tools(void)
{
	struct msg m = msg_make(MSG_LIST);
	m.list.req = ++C.next_req;
	m.list.conn = AGENT;
	node_send(&C.node, ROLE_LOCAL, 0, &m);
	node_settle(&C.node);
	return client_reply(&C, C.next_req);
}

/* A tool that no policy could ever allow is not shown; one that a human, an argument or only observation stands before is. */
static void
lists_leave_out_what_policy_never_allows(void **)
{
	open_task(WIDE);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\""
	          "permit(principal, action == Action::\\\"files/read_file\\\", resource);\"}]}");
	assert_int_equal(C.last_error, E_OK);
	const struct reply *r = list_tools();
	assert_non_null(strstr(r->body, "files__read_file"));
	assert_null(strstr(r->body, "files__write_file"));
	const struct json *v = client_op(&C, ROLE_LOCAL, AGENT, OP_TOOL_EXPLAIN, "{\"tool\":\"files__write_file\"}");
	assert_string_equal(client_str(&C, v, "/hidden/0/code"), "no_permit");
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"policy\",\"name\":\"base\",\"text\":\""
	          "permit(principal, action, resource) when { context.task.calls < 5 };"
	          "@approval(\\\"on-call:1\\\") forbid(principal, action == Action::\\\"files/write_file\\\", resource);"
	          "@mode(\\\"observe\\\") forbid(principal, action, resource);"
	          "forbid(principal, action == Action::\\\"files/read_file\\\", resource);\"}]}");
	assert_int_equal(C.last_error, E_OK);
	r = list_tools();
	assert_non_null(strstr(r->body, "files__write_file"));
	assert_null(strstr(r->body, "files__read_file"));
}

/* The clock may have gone on further than the last tick. */
static void
ends_do_not_wait_for_the_tick(void **)
{
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_AGENT_ENROL, "{\"agent\":\"dev/bot\",\"ttl_seconds\":5}");
	char use[128];
	snprintf(use, sizeof use, "{\"token\":\"%s\"}", client_str(&C, v, "/token"));
	open_task(WIDE);
	client_tls(&C, 201, "late");
	C.node.now.boot += 6 * INT64_C(1000000000);
	client_op(&C, ROLE_AGENTS, 201, OP_ENROL_USE, use);
	assert_int_equal(C.last_error, E_ENROLMENT);
	C.node.now.boot += 300 * INT64_C(1000000000);
	uint64_t req = client_call(&C, ROLE_LOCAL, DANA, token_text, "net__fetch", "{}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_TOKEN_EXPIRED);
	C.node.now.boot += 300 * INT64_C(1000000000);
	assert_int_equal(client_call_now(&C, AGENT, "net__fetch", "{}")->error, E_TASK_EXPIRED);
	/* Also where an allow would leave at once. */
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"agent\",\"name\":\"dev/claude\",\"owner\":\"dana\",\"tier\":\"fast\",\"launch\":[\"devs\"]}]}");
	open_task(WIDE);
	uint64_t permits = C.permits;
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->verdict, VERDICT_ALLOW);
	assert_int_equal(C.permits, ++permits);
	C.node.now.boot += 601 * INT64_C(1000000000);
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_TASK_EXPIRED);
	assert_int_equal(C.permits, permits);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"agent\",\"name\":\"dev/claude\",\"owner\":\"dana\",\"tier\":\"dev\",\"launch\":[\"devs\"]}]}");
	/* No task lives longer than its tier lets it. */
	client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"ttl_seconds\":999999,\"envelope\":{\"tools\":[\"**\"]}}");
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_LIST, "{}");
	assert_int_equal(json_gets(v, "items")->arr.n, 1);
	node_advance(&C.node, 3601 * INT64_C(1000000000));
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TASK_LIST, "{}");
	assert_int_equal(json_gets(v, "items")->arr.n, 0);
}

static void
arguments_must_fit_the_schema(void **)
{
	open_task(WIDE);
	assert_int_equal(client_call_now(&C, AGENT, "files__write_file", "{\"path\":\"/data/x\",\"content\":7}")->error, E_BAD_ARGUMENTS);
	assert_int_equal(client_call_now(&C, AGENT, "files__write_file", "{\"path\":\"/data/x\",\"content\":\"7\"}")->verdict, VERDICT_ALLOW);
}

static void
a_child_of_an_ending_task_does_nothing(void **)
{
	open_task(WIDE);
	const struct json *v = client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_DELEGATE, "{\"envelope\":{\"tools\":[\"**\"]}}");
	char token[64];
	snprintf(token, sizeof token, "%s", client_str(&C, v, "/token"));
	client_call_now(&C, AGENT, "net__fetch", "{}");
	client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_COMPLETE, "{}");
	uint64_t req = client_call(&C, ROLE_LOCAL, AGENT, token, "net__fetch", "{}", 0);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_TASK_ENDED);
}

static void
the_right_people_answer(void **)
{
	static const char *const args = "{\"path\":\"/data/old\"}";
	open_task(WIDE);
	char apr[20];
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"user\",\"name\":\"hugo\",\"uids\":[1004],\"groups\":[\"devs\"],\"roles\":[\"approver\"]}]}");
	client_peer(&C, ROLE_PEOPLE, 90, 1004, 700, "/usr/bin/ambit", 0);
	id_text(client_call_now(&C, AGENT, "files__delete_file", args)->approval, apr);
	client_op(&C, ROLE_PEOPLE, 90, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_APPROVAL_NOT_YOURS);
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_OK);
	client_op(&C, ROLE_PEOPLE, FINN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", apr));
	assert_int_equal(C.last_error, E_CONFLICT);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"user\",\"name\":\"erin\",\"uids\":[1001],\"groups\":[\"on-call\"]}]}");
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", args)->verdict, VERDICT_PENDING);
	/* What could not be shown whole is not put before anybody. */
	static char big[41000];
	int n = snprintf(big, sizeof big, "{\"path\":\"/data/big\",\"x\":\"");
	memset(big + n, 'x', 40000);
	memcpy(big + n + 40000, "\"}", 3);
	assert_int_equal(client_call_now(&C, AGENT, "files__delete_file", big)->error, E_LIMIT);
}

static void
nobody_waits_for_anothers_approval(void **)
{
	open_task(WIDE);
	uint64_t apr = client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/x\"}")->approval;
	open_task(WIDE);
	struct msg m = msg_make(MSG_AWAIT);
	m.await.req = ++C.next_req;
	m.await.conn = AGENT;
	m.await.approval = apr;
	node_send(&C.node, ROLE_LOCAL, 0, &m);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, C.next_req)->error, E_APPROVAL_UNKNOWN);
}

static void
doubt_proves_nobody(void **)
{
	client_peer(&C, ROLE_LOCAL, 60, 1001, 500, "/usr/bin/ambit", 0);
	client_op(&C, ROLE_LOCAL, 60, OP_TASK_OPEN, "{\"agent\":\"dev/bot\"}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"agent\",\"name\":\"twin\",\"owner\":\"erin\",\"tier\":\"dev\",\"identity\":[{\"uid\":2000,\"exe\":\"/opt/bot\"}],"
	          "\"session\":{\"tools\":[\"**\"]}}]}");
	client_peer(&C, ROLE_LOCAL, 61, 2000, 501, "/opt/bot", 0);
	client_op(&C, ROLE_LOCAL, 61, OP_TASK_OPEN, "{}");
	assert_int_equal(C.last_error, E_AGENT_UNPROVEN);
	client_peer(&C, ROLE_LOCAL, 62, 0, 502, "/usr/bin/ambit", 0);
	client_op(&C, ROLE_LOCAL, 62, OP_KILL, "{\"kind\":\"world\",\"dry_run\":true}");
	assert_int_equal(C.last_error, E_NOT_PERMITTED);
}

#define E2E(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		E2E(a_task_calls_and_is_told), E2E(outside_is_refused), E2E(secrets_taint), E2E(the_nearest_permit_is_named), E2E(a_tool_without_resource_is_said_to_be_unusable),
		E2E(a_refusal_at_dispatch_is_a_denial), E2E(advice_ends_as_a_sentence),
		E2E(a_human_says_yes_once), E2E(a_yes_that_policy_sees_is_used_up), E2E(a_parked_call_goes_on), E2E(quorums_need_different_people),
		E2E(a_kill_cuts), E2E(a_holder_is_told_of_the_end), E2E(the_world_stops_and_starts), E2E(children_are_narrower_and_die_with_the_parent),
		E2E(tokens_are_bound_and_short), E2E(a_task_expires), E2E(nothing_is_allowed_before_it_is_durable),
		E2E(an_operation_waits_for_a_late_log), E2E(a_full_disk_denies_and_recovers), E2E(a_restart_remembers), E2E(budgets_are_kept),
		E2E(rates_are_kept), E2E(children_spend_their_parents_budget), E2E(a_changed_tool_waits_for_review),
		E2E(a_fallback_stands_back), E2E(policies_are_looked_at_again_when_tools_come), E2E(agents_are_put_down), E2E(tools_and_servers_are_stopped), E2E(agents_are_not_people),
		E2E(one_process_is_not_another_task), E2E(an_enrolment_token_works_once), E2E(delegation_ends_somewhere),
		E2E(who_may_launch_what), E2E(a_held_task_ends_with_its_holder), E2E(an_approver_who_lost_the_right_does_not_count),
		E2E(an_approval_does_not_outlive_the_rule), E2E(a_no_is_a_no_and_a_yes_grows_old), E2E(resources_are_all_or_nothing),
		E2E(policies_fail_closed_and_may_only_watch), E2E(asking_dryly_takes_nothing), E2E(only_the_task_or_its_enforcement_point_evaluates),
		E2E(an_application_is_answered_once_it_is_durable), E2E(a_secret_is_released_to_a_living_task_only),
		E2E(a_caller_who_leaves_is_cut_off), E2E(completing_drains), E2E(a_clock_behind_the_log_issues_nothing),
		E2E(lists_show_what_may_be_called), E2E(lists_leave_out_what_policy_never_allows), E2E(ends_do_not_wait_for_the_tick), E2E(arguments_must_fit_the_schema),
		E2E(a_child_of_an_ending_task_does_nothing), E2E(the_right_people_answer), E2E(nobody_waits_for_anothers_approval),
		E2E(doubt_proves_nobody),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
