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

static void
a_full_disk_denies_and_recovers(void **)
{
	open_task(WIDE);
	C.node.disk.full = true;
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_AUDIT_UNAVAILABLE);
	assert_int_equal(client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/x\"}")->error, E_AUDIT_UNAVAILABLE);
	assert_int_equal(client_call_now(&C, AGENT, "files__nothing", "{}")->error, E_TOOL_UNKNOWN);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_STATUS, "{}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(C.permits, 0);
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

#define E2E(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		E2E(a_task_calls_and_is_told), E2E(outside_is_refused), E2E(secrets_taint), E2E(a_human_says_yes_once),
		E2E(a_parked_call_goes_on), E2E(quorums_need_different_people), E2E(a_kill_cuts), E2E(the_world_stops_and_starts),
		E2E(children_are_narrower_and_die_with_the_parent), E2E(tokens_are_bound_and_short), E2E(a_task_expires),
		E2E(nothing_is_allowed_before_it_is_durable), E2E(a_full_disk_denies_and_recovers), E2E(a_restart_remembers),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
