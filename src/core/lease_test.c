/* Leases in core, from asking to the proof that they are gone, with models of the other roles (tests/sim). */
#include "tests/test.h"

#include "core/lease.h"
#include "msg/enums.h"
#include "tests/sim/client.h"
#include "tests/sim/world.h"

static struct client C;
static struct bank *B;

enum { DANA = 1, ADMIN = 2, ERIN = 3, AGENT = 5 };

static void
connect_people(void)
{
	client_peer(&C, ROLE_LOCAL, DANA, 1000, 100, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, ADMIN, 0, 101, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, ERIN, 1001, 102, "/usr/bin/ambit", 0);
}

static int
setup(void **)
{
	client_init(&C, 1, WORLD);
	B = C.node.bank;
	connect_people();
	return 0;
}

static int
teardown(void **)
{
	status why;
	bool bad = core_failed(C.node.core, &why);
	const char *fault = bad ? "core failed" : core_check(C.node.core);
	if (fault)
		fprintf(stderr, "# %s\n", fault);
	client_fini(&C);
	return fault ? -1 : 0;
}

static char text[4096];
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

static uint64_t task;
static char task_text[20];

static void
open_task(const char *credentials)
{
	const struct json *v = client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN,
		fmt("{\"agent\":\"dev/claude\",\"purpose\":\"p\",\"envelope\":{\"tools\":[],\"credentials\":%s},\"ttl_seconds\":600}", credentials));
	assert_int_equal(C.last_error, E_OK);
	snprintf(task_text, sizeof task_text, "%s", client_str(&C, v, "/task/id"));
	assert_true(id_parse(span_str(task_text), &task));
	client_peer(&C, ROLE_LOCAL, AGENT, 1000, 200, "/usr/bin/node", task);
}

/* Asks; the error of the answer, or E_OK when the credential was delivered (core itself says nothing then). */
static uint16_t
ask(const char *params)
{
	uint64_t before = B->delivers, req = client_op_send(&C, ROLE_LOCAL, AGENT, OP_LEASE_OPEN, params, NULL);
	node_settle(&C.node);
	const struct reply *r = client_reply(&C, req);
	if (r)
		return r->error;
	return B->delivers == before + 1 ? E_OK : E_INTERNAL;
}

static const struct json *leases(void) { return client_op(&C, ROLE_PEOPLE, ADMIN, OP_LEASE_LIST, "{}"); }
static void kill_task(void) { client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\"}", task_text)); }

#define READ "{\"upstream\":\"pg/staging\",\"template\":\"read\"}"
#define S INT64_C(1000000000)

static void
lives_and_dies_with_its_task(void **)
{
	open_task("[\"pg/staging.read\"]");
	assert_int_equal(ask(READ), E_OK);
	assert_int_equal(bank_count(B), 1);
	const struct json *v = leases();
	assert_string_equal(client_str(&C, v, "/items/0/state"), "active");
	assert_string_equal(client_str(&C, v, "/items/0/template"), "read");
	assert_string_equal(client_str(&C, v, "/items/0/task"), task_text);
	assert_memory_equal(client_str(&C, v, "/items/0/account"), "ambit_", 6);
	assert_int_equal(strlen(client_str(&C, v, "/items/0/account")), 18);
	client_op(&C, ROLE_LOCAL, AGENT, OP_TASK_COMPLETE, "{}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(bank_count(B), 0);
	assert_int_equal(leases() ? client_int(leases(), "/items/0") : 0, -1);
}

static void
is_bounded_like_any_call(void **)
{
	static const struct { const char *credentials, *params; uint16_t code; } t[] = {
		{ "[]", READ, E_OUTSIDE_ENVELOPE },
		{ "[\"other/*\"]", READ, E_OUTSIDE_ENVELOPE },
		{ "[\"pg/*\"]", READ, E_OK },
		{ "[\"pg/staging.read\"]", "{\"upstream\":\"pg/staging\",\"template\":\"admin\"}", E_OUTSIDE_ENVELOPE },
		{ "[\"**\"]", "{\"upstream\":\"pg/staging\"}", E_BAD_REQUEST },
		{ "[\"**\"]", "{\"upstream\":\"pg/none\",\"template\":\"read\"}", E_NOT_FOUND },
		{ "[\"**\"]", "{\"upstream\":\"pg/staging\",\"template\":\"none\"}", E_NOT_FOUND },
		{ "[\"**\"]", "{\"upstream\":\"pg/staging\",\"template\":\"read\",\"ttl_seconds\":901}", E_BAD_REQUEST },
		{ "[\"**\"]", "{\"upstream\":\"pg/staging\",\"template\":\"deploy\"}", E_OUTSIDE_ENVELOPE },
		{ "[\"**\"]", "{\"upstream\":\"pg/staging\",\"template\":\"admin\"}", E_APPROVAL_PENDING },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		open_task(t[i].credentials);
		uint16_t code = ask(t[i].params);
		if (code != t[i].code)
			fail_msg("%s %s: %s", t[i].credentials, t[i].params, error_name(code));
		kill_task();
		client_peer(&C, ROLE_LOCAL, AGENT, 1000, 200, "/usr/bin/node", 0);
	}
	assert_int_equal(B->creates, 1);
}

static void
a_human_lends_it_once(void **)
{
	static const char *const admin = "{\"upstream\":\"pg/staging\",\"template\":\"admin\",\"reason\":\"migration\"}";
	open_task("[\"pg/staging.*\"]");
	assert_int_equal(ask(admin), E_APPROVAL_PENDING);
	assert_int_equal(bank_count(B), 0);
	const struct json *v = client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_LIST, "{}");
	assert_string_equal(client_str(&C, v, "/items/0/tool"), "lease/pg/staging.admin");
	assert_string_equal(client_str(&C, v, "/items/0/claim"), "migration");
	client_op(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", client_str(&C, v, "/items/0/id")));
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(ask(admin), E_OK);
	assert_int_equal(bank_count(B), 1);
	assert_int_equal(ask(admin), E_APPROVAL_PENDING);
	assert_int_equal(bank_count(B), 1);
}

static void
is_no_tool(void **)
{
	open_task("[\"**\"]");
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_TOOL_LIST, "{}");
	const char *wire = "";
	json_for_items(it, json_gets(v, "items"))
		if (span_is(json_gets(it, "name")->str, "lease/pg/staging.read"))
			wire = client_str(&C, it, "/wire");
	assert_true(wire[0]);
	assert_int_equal(client_call_now(&C, AGENT, wire, "{\"ttl_seconds\":60}")->error, E_TOOL_UNKNOWN);
	assert_int_equal(C.permits, 0);
	assert_int_equal(B->creates, 0);
}

/* R3: at the moment the order leaves, the account's name is in the durable log. */
static bool saw_order, order_was_durable;
static void
watch_order(struct node *n, enum role to, unsigned, const struct msg *m)
{
	if (m->type != MSG_LEASE_CREATE)
		return;
	saw_order = true;
	order_was_durable = false;
	for (size_t i = 0; i < n->disk.event_n; i++)
		order_was_durable |= memmem(n->disk.events[i].p, n->disk.events[i].n, m->lease_create.account.p, m->lease_create.account.n) != NULL;
}

static void
intent_is_durable_before_the_order(void **)
{
	open_task("[\"**\"]");
	saw_order = false;
	C.node.sent = watch_order;
	C.node.store_paused = true;
	client_op_send(&C, ROLE_LOCAL, AGENT, OP_LEASE_OPEN, READ, NULL);
	node_settle(&C.node);
	assert_false(saw_order);
	C.node.store_paused = false;
	node_settle(&C.node);
	assert_true(saw_order && order_was_durable);
	assert_int_equal(B->delivers, 1);
}

/* An intent whose order never left is simply forgotten; nothing is asked of the upstream. */
static void
killed_before_the_order_left(void **)
{
	open_task("[\"**\"]");
	C.node.store_paused = true;
	uint64_t req = client_op_send(&C, ROLE_LOCAL, AGENT, OP_LEASE_OPEN, READ, NULL);
	node_settle(&C.node);
	client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\"}", task_text), NULL);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_TASK_ENDED);
	C.node.store_paused = false;
	node_settle(&C.node);
	assert_int_equal(B->creates + B->revokes, 0);
}

/* Delivery waits until the activation is durable, and a kill in between means that nobody gets it. */
static void
killed_before_delivery(void **)
{
	open_task("[\"**\"]");
	B->mute = true;
	uint64_t req = client_op_send(&C, ROLE_LOCAL, AGENT, OP_LEASE_OPEN, READ, NULL);
	node_settle(&C.node);
	B->mute = false;
	kill_task();
	assert_int_equal(client_reply(&C, req)->error, E_TASK_ENDED);
	assert_int_equal(B->delivers, 0);
	assert_int_equal(B->revokes, 1);
}

static void
a_lost_creation_is_taken_back(void **)
{
	open_task("[\"**\"]");
	B->lose = true;
	uint64_t req = client_op_send(&C, ROLE_LOCAL, AGENT, OP_LEASE_OPEN, READ, NULL);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 1);
	node_advance(&C.node, LEASE_CREATE_TIMEOUT + S);
	node_settle(&C.node);
	assert_int_equal(client_reply(&C, req)->error, E_TIMEOUT);
	assert_int_equal(bank_count(B), 0);
}

/* The upstream carries out what it was told by a worker that is long dead: the next look finds and removes it. */
static void
a_late_creation_is_an_orphan_and_goes(void **)
{
	open_task("[\"**\"]");
	B->delay = true;
	assert_int_equal(ask(READ), E_TIMEOUT);
	assert_int_equal(bank_count(B), 0);
	bank_late(&C.node, B);
	assert_int_equal(bank_count(B), 1);
	for (int i = 0; i < 30 && bank_count(B); i++) {
		node_advance(&C.node, S);
		node_settle(&C.node);
	}
	assert_int_equal(bank_count(B), 0);
}

static void
revocation_never_gives_up(void **)
{
	open_task("[\"**\"]");
	assert_int_equal(ask(READ), E_OK);
	B->down[0] = true;
	const struct json *v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\"}", task_text));
	assert_int_equal(C.last_error, E_OK);
	char rev[20];
	snprintf(rev, sizeof rev, "%s", client_str(&C, v, "/revocation"));
	/* A day of it, a crash in the middle. */
	for (int i = 0; i < 24; i++) {
		for (int k = 0; k < 60; k++) {
			node_advance(&C.node, 60 * S);
			node_settle(&C.node);
		}
		if (i == 12) {
			node_crash(&C.node);
			node_start(&C.node);
			node_settle(&C.node);
			connect_people();
		}
	}
	uint64_t tries = B->revokes;
	assert_true(tries > 100);
	v = leases();
	assert_string_equal(client_str(&C, v, "/items/0/revocation_state"), "unconfirmed");
	assert_true(client_int(v, "/items/0/age_seconds") >= 86000);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_REVOCATIONS, fmt("{\"revocation\":\"%s\"}", rev));
	assert_string_equal(client_str(&C, v, "/items/0/state"), "unconfirmed");
	/* It comes back: gone within T_rec. */
	B->down[0] = false;
	for (int i = 0; i < 15 && bank_count(B); i++) {
		node_advance(&C.node, S);
		node_settle(&C.node);
	}
	assert_int_equal(bank_count(B), 0);
	v = client_op(&C, ROLE_PEOPLE, ADMIN, OP_REVOCATIONS, fmt("{\"revocation\":\"%s\"}", rev));
	assert_string_equal(client_str(&C, v, "/items/0/state"), "confirmed");
}

/* One upstream's trouble is not another's. */
static void
a_dead_upstream_delays_no_other(void **)
{
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY,
	          "{\"resources\":[{\"kind\":\"upstream\",\"name\":\"pg/other\",\"engine\":\"postgres\",\"options\":{},\"templates\":[{\"name\":\"read\",\"grant\":{}}]}]}");
	assert_int_equal(C.last_error, E_OK);
	open_task("[\"**\"]");
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(READ), E_OK);
	B->down[0] = true;
	assert_int_equal(ask("{\"upstream\":\"pg/other\"}"), E_OK);
	kill_task();
	for (size_t i = 0; i < B->n; i++)
		assert_int_equal(B->accounts[i].there, B->accounts[i].upstream == 0);
	/* A refusal of one account delays no other of the same upstream. */
	B->down[0] = false;
	B->refuses = true;
	node_advance(&C.node, 15 * S);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 1);
	node_advance(&C.node, 15 * S);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 0);
}

static void
ends_by_itself_and_by_hand(void **)
{
	open_task("[\"**\"]");
	assert_int_equal(ask("{\"upstream\":\"pg/staging\",\"template\":\"read\",\"ttl_seconds\":30}"), E_OK);
	node_advance(&C.node, 31 * S);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 0);
	assert_int_equal(ask(READ), E_OK);
	char id[20];
	snprintf(id, sizeof id, "%s", client_str(&C, leases(), "/items/0/lease"));
	client_op(&C, ROLE_LOCAL, AGENT, OP_LEASE_END, fmt("{\"lease\":\"%s\"}", id));
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(bank_count(B), 0);
	/* Of another task it is unknown. */
	assert_int_equal(ask(READ), E_OK);
	snprintf(id, sizeof id, "%s", client_str(&C, leases(), "/items/0/lease"));
	open_task("[\"**\"]");
	client_op(&C, ROLE_LOCAL, AGENT, OP_LEASE_END, fmt("{\"lease\":\"%s\"}", id));
	assert_int_equal(C.last_error, E_NOT_FOUND);
	client_op(&C, ROLE_LOCAL, AGENT, OP_LEASE_RENEW, fmt("{\"lease\":\"%s\"}", id));
	assert_int_equal(C.last_error, E_NOT_FOUND);
	assert_int_equal(bank_count(B), 1);
}

static void
renews_only_within_the_task(void **)
{
	open_task("[\"**\"]");
	assert_int_equal(ask("{\"upstream\":\"pg/staging\",\"template\":\"read\",\"ttl_seconds\":100}"), E_OK);
	char id[20];
	snprintf(id, sizeof id, "%s", client_str(&C, leases(), "/items/0/lease"));
	node_advance(&C.node, 50 * S);
	client_op(&C, ROLE_LOCAL, AGENT, OP_LEASE_RENEW, fmt("{\"lease\":\"%s\",\"ttl_seconds\":800}", id));
	assert_int_equal(C.last_error, E_OK);
	/* The task ends before that, and so does the credential, here and at the upstream. */
	assert_true(B->accounts[0].expires <= C.node.now.wall + 550 * S);
	client_op(&C, ROLE_LOCAL, AGENT, OP_LEASE_RENEW, fmt("{\"lease\":\"%s\",\"ttl_seconds\":899}", id));
	assert_int_equal(C.last_error, E_BAD_REQUEST);
	node_advance(&C.node, 551 * S);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 0);
}

/* What is delivered lives on through a crash of core, what is not does not; and what ended meanwhile is taken back. */
static void
a_crash_forgets_nothing(void **)
{
	open_task("[\"**\"]");
	assert_int_equal(ask(READ), E_OK);
	B->lose = true;
	client_op_send(&C, ROLE_LOCAL, AGENT, OP_LEASE_OPEN, READ, NULL);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 2);
	node_crash(&C.node);
	node_start(&C.node);
	node_settle(&C.node);
	node_advance(&C.node, S);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 1);
	assert_true(B->accounts[0].there);
	node_crash(&C.node);
	C.node.now.wall += 700 * S;
	C.node.now.boot += 700 * S;
	node_start(&C.node);
	node_settle(&C.node);
	node_advance(&C.node, S);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 0);
}

static void
the_engine_role_dies(void **)
{
	open_task("[\"**\"]");
	assert_int_equal(ask(READ), E_OK);
	B->mute = true;
	uint64_t req = client_op_send(&C, ROLE_LOCAL, AGENT, OP_LEASE_OPEN, READ, NULL);
	node_settle(&C.node);
	node_link(&C.node, ROLE_ENGINE, 0, false);
	assert_int_equal(ask(READ), E_UNAVAILABLE);
	assert_int_equal(client_reply(&C, req)->error, E_UNAVAILABLE);
	kill_task();
	B->mute = false;
	node_link(&C.node, ROLE_ENGINE, 0, true);
	node_settle(&C.node);
	assert_int_equal(bank_count(B), 0);
	assert_int_equal(B->revokes, 2);
}

static void
a_stop_of_the_template_takes_all_back(void **)
{
	open_task("[\"**\"]");
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(READ), E_OK);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"tool\",\"name\":\"lease/pg/staging.read\"}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(bank_count(B), 0);
	assert_int_equal(ask(READ), E_REVOKED);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_RESUME, "{\"kind\":\"tool\",\"name\":\"lease/pg/staging.read\"}");
	assert_int_equal(ask(READ), E_OK);
}

/* Thousands that end together end in portions: no step takes long, nothing is lost. */
static void
thousands_at_once(void **)
{
	enum { MANY = 2000 };
	open_task("[\"**\"]");
	for (int i = 0; i < MANY; i++) {
		if (i % 8 == 0)
			node_advance(&C.node, S);
		if (i % 500 == 0)
			open_task("[\"**\"]");
		assert_int_equal(ask(READ), E_OK);
	}
	assert_int_equal(bank_count(B), MANY);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"world\"}");
	assert_int_equal(C.last_error, E_OK);
	for (int i = 0; i < 200 && bank_count(B); i++) {
		node_advance(&C.node, 10 * INT64_C(1000000));
		node_settle(&C.node);
		assert_null(core_check(C.node.core));
	}
	assert_int_equal(bank_count(B), 0);
}

static void
an_upstream_with_leases_stays(void **)
{
	open_task("[\"**\"]");
	assert_int_equal(ask(READ), E_OK);
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"upstream\",\"name\":\"pg/staging\",\"engine\":\"redis\",\"options\":{},"
	                                            "\"templates\":[{\"name\":\"read\",\"grant\":{}}]}]}");
	assert_int_equal(C.last_error, E_CONFLICT);
	/* Other grants are fine; the template that is gone can not be asked for, what it made lives until its end. */
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"upstream\",\"name\":\"pg/staging\",\"engine\":\"postgres\",\"options\":{},"
	                                            "\"templates\":[{\"name\":\"write\",\"grant\":{}}]}]}");
	assert_int_equal(C.last_error, E_OK);
	assert_int_equal(ask(READ), E_NOT_FOUND);
	assert_int_equal(bank_count(B), 1);
	kill_task();
	assert_int_equal(bank_count(B), 0);
}

static void
bad_upstreams_are_refused(void **)
{
	static const char *const bad[] = {
		"\"options\":{},\"templates\":[{\"name\":\"a\",\"grant\":{}}]",
		"\"engine\":\"postgres\",\"options\":{},\"templates\":[]",
		"\"engine\":\"postgres\",\"options\":{},\"templates\":[{\"name\":\"a.b\",\"grant\":{}}]",
		"\"engine\":\"postgres\",\"options\":{},\"templates\":[{\"name\":\"a\"}]",
		"\"engine\":\"postgres\",\"options\":{},\"templates\":[{\"name\":\"a\",\"grant\":{}},{\"name\":\"a\",\"grant\":{}}]",
		"\"engine\":\"postgres\",\"options\":{\"prefix\":\"x-\"},\"templates\":[{\"name\":\"a\",\"grant\":{}}]",
		"\"engine\":\"postgres\",\"options\":{},\"root\":{\"password\":\"x\"},\"templates\":[{\"name\":\"a\",\"grant\":{}}]",
		"\"engine\":\"postgres\",\"options\":{},\"root\":{\"credential\":\"../x\"},\"templates\":[{\"name\":\"a\",\"grant\":{}}]",
		"\"engine\":\"postgres\",\"options\":{},\"root\":{\"file\":\"x\"},\"templates\":[{\"name\":\"a\",\"grant\":{}}]",
		"\"engine\":\"postgres\",\"options\":{},\"templates\":[{\"name\":\"a\",\"grant\":{},\"ttl_seconds\":9,\"max_ttl_seconds\":8}]",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, fmt("{\"resources\":[{\"kind\":\"upstream\",\"name\":\"u\",%s}]}", bad[i]));
		if (C.last_error == E_OK)
			fail_msg("accepted: %s", bad[i]);
	}
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"server\",\"name\":\"lease\",\"transport\":\"stdio\",\"command\":[\"x\"]}]}");
	assert_int_equal(C.last_error, E_BAD_REQUEST);
}

static void
policies_know_the_templates(void **)
{
	client_op(&C, ROLE_PEOPLE, ADMIN, OP_APPLY,
	          "{\"resources\":[{\"kind\":\"policy\",\"name\":\"leases\",\"text\":\"forbid(principal, action in Action::\\\"server:lease\\\", resource == "
	          "Upstream::\\\"pg/staging\\\") when { context.input.ttl_seconds > 60 };\"}]}");
	assert_int_equal(C.last_error, E_OK);
	open_task("[\"**\"]");
	assert_int_equal(ask(READ), E_POLICY_DENIED);
	assert_int_equal(ask("{\"upstream\":\"pg/staging\",\"template\":\"read\",\"ttl_seconds\":60}"), E_OK);
}

int
main(void)
{
	const struct CMUnitTest tests_[] = {
		cmocka_unit_test_setup_teardown(lives_and_dies_with_its_task, setup, teardown), cmocka_unit_test_setup_teardown(is_bounded_like_any_call, setup, teardown), cmocka_unit_test_setup_teardown(a_human_lends_it_once, setup, teardown),
		cmocka_unit_test_setup_teardown(is_no_tool, setup, teardown), cmocka_unit_test_setup_teardown(intent_is_durable_before_the_order, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_before_the_order_left, setup, teardown), cmocka_unit_test_setup_teardown(killed_before_delivery, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_creation_is_taken_back, setup, teardown), cmocka_unit_test_setup_teardown(a_late_creation_is_an_orphan_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(revocation_never_gives_up, setup, teardown), cmocka_unit_test_setup_teardown(a_dead_upstream_delays_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_by_itself_and_by_hand, setup, teardown), cmocka_unit_test_setup_teardown(renews_only_within_the_task, setup, teardown),
		cmocka_unit_test_setup_teardown(a_crash_forgets_nothing, setup, teardown), cmocka_unit_test_setup_teardown(the_engine_role_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_of_the_template_takes_all_back, setup, teardown), cmocka_unit_test_setup_teardown(thousands_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(an_upstream_with_leases_stays, setup, teardown), cmocka_unit_test_setup_teardown(bad_upstreams_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(policies_know_the_templates, setup, teardown),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests_, NULL, NULL);
}
