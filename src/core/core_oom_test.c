/* Every allocation inside one step of core fails in turn: no crash, no leak, nothing allowed that is not in the log, and core
 * either goes on with its invariants or says that it must be started again. */
#include "tests/oom.h"

#include "msg/enums.h"
#include "tests/sim/client.h"
#include "tests/sim/world.h"

static struct client C;
enum { DANA = 1, ADMIN = 2, ERIN = 3, AGENT = 5 };
static char task_text[20], approval_text[20];

static const char *
fmt(const char *f, const char *arg)
{
	static char text[1024];
	snprintf(text, sizeof text, f, arg);
	return text;
}

static void
begin(void)
{
	uint64_t id;
	client_init(&C, 1, WORLD);
	client_peer(&C, ROLE_LOCAL, DANA, 1000, 100, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, ADMIN, 0, 101, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, ERIN, 1001, 102, "/usr/bin/ambit", 0);
	const struct json *v = client_op(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"envelope\":{\"tools\":[\"**\"]}}");
	snprintf(task_text, sizeof task_text, "%s", client_str(&C, v, "/task/id"));
	assert_true(id_parse(span_str(task_text), &id));
	client_peer(&C, ROLE_LOCAL, AGENT, 1000, 200, "/usr/bin/node", id);
	uint64_t apr = client_call_now(&C, AGENT, "files__delete_file", "{\"path\":\"/data/x\"}")->approval;
	id_text(apr, approval_text);
}

static uint64_t open_task(void) { return client_op_send(&C, ROLE_LOCAL, DANA, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"purpose\":\"new\",\"envelope\":{\"tools\":[\"a/*\"],\"limits\":{\"amounts\":[{\"path\":\"/n\",\"max\":3}]}}}", NULL); }
static uint64_t delegate(void) { return client_op_send(&C, ROLE_LOCAL, AGENT, OP_TASK_DELEGATE, "{\"purpose\":\"sub\",\"envelope\":{\"tools\":[\"files/*\"]}}", NULL); }
static uint64_t allowed(void) { return client_call(&C, ROLE_LOCAL, AGENT, NULL, "files__read_file", "{\"path\":\"/data/secret/x\"}", 0); }
static uint64_t asked(void) { return client_call(&C, ROLE_LOCAL, AGENT, NULL, "files__delete_file", "{\"path\":\"/data/other\"}", 4000); }
static uint64_t approve(void) { return client_op_send(&C, ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\",\"comment\":\"fine\"}", approval_text), NULL); }
static uint64_t kill_it(void) { return client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\",\"reason\":\"because\"}", task_text), NULL); }
static uint64_t stop(void) { return client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"agent\",\"name\":\"dev/claude\",\"reason\":\"because\"}", NULL); }
static uint64_t enrol(void) { return client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_AGENT_ENROL, "{\"agent\":\"dev/bot\"}", NULL); }

static uint64_t
apply(void)
{
	return client_op_send(&C, ROLE_PEOPLE, ADMIN, OP_APPLY, "{\"resources\":[{\"kind\":\"tier\",\"name\":\"new\"},{\"kind\":\"agent\",\"name\":\"new\",\"owner\":\"dana\",\"tier\":\"new\",\"team\":\"t\"},"
	                      "{\"kind\":\"server\",\"name\":\"new\",\"transport\":\"stdio\",\"command\":[\"x\"]},{\"kind\":\"policy\",\"name\":\"new\",\"text\":\"@id(\\\"x\\\") permit(principal, action, resource);\"},"
	                      "{\"kind\":\"workflow\",\"name\":\"new\",\"envelope\":{\"tools\":[\"*\"]}}]}", NULL);
}

static void
sweep(uint64_t (*ask)(void), enum role from)
{
	for (unsigned long n = 1;; n++) {
		status why;
		begin();
		uint64_t req = ask();
		C.node.failing = &oom_after;
		oom_calls = 0;
		oom_after = n;
		node_deliver(&C.node, from, 0);
		core_flush(C.node.core, C.node.now);
		bool survived = oom_after && oom_calls < n;
		oom_after = 0;
		C.node.failing = NULL;
		uint64_t permits = C.permits;
		if (!core_failed(C.node.core, &why)) {
			node_settle(&C.node);
			const char *bad = core_check(C.node.core);
			if (bad)
				fail_msg("allocation %lu: %s", n, bad);
		} else {
			assert_int_equal(why.code, E_NO_MEMORY);
			assert_int_equal(C.permits, permits);
		}
		bool answered = client_reply(&C, req) != NULL;
		bool gone = core_failed(C.node.core, &why);
		client_fini(&C);
		/* A parked question is answered later. */
		if (!answered && !gone && ask != asked)
			fail_msg("allocation %lu: no answer", n);
		if (survived)
			return;
		assert_true(n < 3000);
	}
}

static void opening(void **) { sweep(open_task, ROLE_LOCAL); }
static void delegating(void **) { sweep(delegate, ROLE_LOCAL); }
static void calling(void **) { sweep(allowed, ROLE_LOCAL); }
static void asking(void **) { sweep(asked, ROLE_LOCAL); }
static void approving(void **) { sweep(approve, ROLE_PEOPLE); }
static void killing(void **) { sweep(kill_it, ROLE_PEOPLE); }
static void stopping(void **) { sweep(stop, ROLE_PEOPLE); }
static void enrolling(void **) { sweep(enrol, ROLE_PEOPLE); }
static void applying(void **) { sweep(apply, ROLE_PEOPLE); }

/* The rows of a whole run, read back with too little memory. */
static void
restarting(void **)
{
	(void)oom_sweep; /* ours is about one step of core, not a whole program */
	for (unsigned long n = 1;; n++) {
		status why;
		begin();
		client_call_now(&C, AGENT, "files__read_file", "{\"path\":\"/data/secret/x\"}");
		node_crash(&C.node);
		node_start(&C.node);
		node_serve(&C.node, ROLE_STORE, 0);
		C.node.failing = &oom_after;
		oom_calls = 0;
		oom_after = n;
		while (node_deliver(&C.node, ROLE_STORE, 0))
			;
		bool survived = oom_calls < n;
		oom_after = 0;
		C.node.failing = NULL;
		if (!core_failed(C.node.core, &why))
			assert_null(core_check(C.node.core));
		client_fini(&C);
		if (survived)
			return;
		assert_true(n < 5000);
	}
}

TEST_MAIN(T(opening), T(delegating), T(calling), T(asking), T(approving), T(killing), T(stopping), T(enrolling), T(applying), T(restarting))
