/* sim: the very code of core, through hours of crashes, lost words and stepping clocks, in milliseconds.
 *
 *   sim --seeds N [--from S]    runs N seeds, prints the matrix of faults and transitions; an empty cell fails
 *   sim --seed S                one seed, to replay a breach
 *
 * Everything random comes from the seed: the same seed does the same. */
#include "tests/sim/observer.h"

#include "identity/definition.h"
#include "log/event.h"
#include "msg/enums.h"
#include "tests/sim/matrix.h"
#include "tests/sim/refold.h"
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR = 3600, DANA = 1, ADMIN = 2, ERIN = 3 };
#define S INT64_C(1000000000)

static struct client C;
static uint64_t leases_asked, leases_made, leases_taken_back;
static struct observer O;
static uint64_t enrol_tokens;
static char enrol_token[64];
static bool peered[SEEN_TASKS];
static unsigned definition;
static char files_now[2048];

static uint64_t below(uint64_t n) { return drbg_below(&C.node.rng, n); }
static bool chance(unsigned percent) { return below(100) < percent; }

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

static const char *
offered(span server)
{
	if (span_is(server, "files")) {
		snprintf(files_now, sizeof files_now,
		         "[{\"name\":\"read_file\",\"inputSchema\":{\"type\":\"object\",\"required\":[\"path\"]}},{\"name\":\"write_file\",\"description\":\"v%u\"},"
		         "{\"name\":\"delete_file\",\"inputSchema\":{\"type\":\"object\"}}]", definition);
		return files_now;
	}
	return "[{\"name\":\"fetch\"},{\"name\":\"pay\"}]";
}

/* ---- connections ---- */

static void
peer(enum role edge, uint32_t conn, uint32_t uid, uint32_t pid, const char *exe, uint64_t task)
{
	struct msg m = msg_make(MSG_PEER);
	m.peer.edge = (uint8_t)edge;
	m.peer.conn = conn;
	m.peer.uid = uid;
	m.peer.pid = pid;
	m.peer.start = 7000 + pid;
	m.peer.exe = span_str(exe);
	m.peer.root_task = task;
	node_send(&C.node, ROLE_ATTEST, 0, &m);
}

static void
connect_people(void)
{
	peer(ROLE_LOCAL, DANA, 1000, 100, "/usr/bin/ambit", 0);
	peer(ROLE_PEOPLE, ADMIN, 0, 101, "/usr/bin/ambit", 0);
	peer(ROLE_PEOPLE, ERIN, 1001, 102, "/usr/bin/ambit", 0);
	memset(peered, 0, sizeof peered);
}

static uint32_t
conn_of(int task)
{
	if (!peered[task]) {
		peer(ROLE_LOCAL, 1000 + (uint32_t)task, 1000, 1000 + (uint32_t)task, "/usr/bin/node", O.tasks[task].id);
		peered[task] = true;
		/* Edges hold questions back until the peer is known; now and then one does not. */
		while (chance(95) && node_deliver(&C.node, ROLE_ATTEST, 0))
			;
	}
	return 1000 + (uint32_t)task;
}

static void
op(enum role edge, uint32_t conn, enum op op_, const char *params, const char *token, enum seen_op seen, int task)
{
	uint64_t req = C.next_req + 1;
	if (req >= SEEN_QUESTIONS)
		return;
	observer_ask(&O, req, seen, task);
	client_op_send(&C, edge, conn, op_, params, token);
}

static struct seen_question *last(void) { return &O.questions[C.next_req]; }

/* ---- what happens ---- */

static const char *
tool_list(unsigned tools)
{
	static char out[256];
	snprintf(out, sizeof out, "%s%s%s%s\"x/none\"", tools & TOOL_READ ? "\"files/read_file\"," : "", tools & TOOL_WRITE ? "\"files/write_file\"," : "",
	         tools & TOOL_DELETE ? "\"files/delete_file\"," : "", tools & TOOL_FETCH ? "\"net/fetch\"," : "");
	return out;
}

static void
open_task(void)
{
	int64_t ttl = 30 + (int64_t)below(1500);
	unsigned tools = 1 + (unsigned)below(TOOL_ALL);
	op(ROLE_LOCAL, DANA, OP_TASK_OPEN,
	   fmt("{\"agent\":\"dev/claude\",\"purpose\":\"p\",\"ttl_seconds\":%lld,\"hold\":%s,\"envelope\":{\"tools\":[%s],\"credentials\":[\"**\"],\"limits\":{\"calls\":%u}}}", (long long)ttl,
	       chance(10) ? "true" : "false", tool_list(tools), 5 + (unsigned)below(200)), NULL, SEEN_OPEN, -1);
	last()->ttl = ttl * S;
	last()->tools = tools;
}

/* Mostly one that may still act, now and then any. */
static int
some_task(void)
{
	for (int tries = 0; O.task_n && tries < 12; tries++) {
		int t = O.task_n - 1 - (int)below(O.task_n < 20 ? (uint64_t)O.task_n : 20);
		if (observer_alive(&O, t) && !O.tasks[t].stopped)
			return t;
	}
	return O.task_n && chance(30) ? (int)below((uint64_t)O.task_n) : -1;
}

static void
delegate(int t)
{
	int64_t ttl = 10 + (int64_t)below(900);
	/* Sometimes more than the parent has. */
	unsigned tools = chance(20) ? TOOL_ALL : O.tasks[t].tools & (1 + (unsigned)below(TOOL_ALL));
	op(ROLE_LOCAL, conn_of(t), OP_TASK_DELEGATE, fmt("{\"purpose\":\"c\",\"ttl_seconds\":%lld,\"envelope\":{\"tools\":[%s]}}", (long long)ttl, tool_list(tools)),
	   NULL, SEEN_DELEGATE, t);
	last()->ttl = ttl * S;
	last()->tools = tools;
}

static void
call(int t, unsigned tool, int arg)
{
	static const char *const names[] = { [TOOL_READ] = "files__read_file", [TOOL_WRITE] = "files__write_file", [TOOL_DELETE] = "files__delete_file",
	                                     [TOOL_FETCH] = "net__fetch" };
	uint64_t req = C.next_req + 1;
	if (req >= SEEN_QUESTIONS)
		return;
	const char *args = tool == TOOL_FETCH ? "{}" : arg < 0 ? "{\"path\":\"/data/secret/k\"}" : fmt("{\"path\":\"/data/%d\"}", arg);
	struct seen_question *q = observer_ask(&O, req, SEEN_CALL, t);
	q->tool = tool;
	q->arg = tool == TOOL_FETCH ? 0 : arg;
	/* By the process, or by the token where that is still the connection it was given to. */
	client_call(&C, ROLE_LOCAL, conn_of(t), NULL, names[tool], args, chance(30) ? 4000 : 0);
}

static void
some_call(int t)
{
	unsigned tool = 1u << below(4);
	for (int i = 0; i < 8 && !(tool & O.tasks[t].tools) && chance(90); i++)
		tool = 1u << below(4);
	int arg = tool == TOOL_READ && chance(5) ? -1 : (int)below(3);
	call(t, tool, arg);
	/* The same question again, at once: it must not be answered twice over. */
	if (tool == TOOL_DELETE && chance(50))
		call(t, tool, arg);
}

static void
answer_approval(void)
{
	if (!O.approval_n)
		return;
	struct seen_approval *a = &O.approvals[chance(70) ? O.approval_n - 1 : (int)below((uint64_t)O.approval_n)];
	char id[ID_TEXT + 1];
	id_text(a->id, id);
	if (chance(20)) {
		op(ROLE_PEOPLE, ERIN, OP_APPROVAL_DENY, fmt("{\"approval\":\"%s\",\"reason\":\"no\"}", id), NULL, SEEN_OTHER, -1);
		return;
	}
	op(ROLE_PEOPLE, ERIN, OP_APPROVAL_APPROVE, fmt("{\"approval\":\"%s\"}", id), NULL, SEEN_APPROVE, a->task);
	last()->subject = a->id;
	if (chance(70))
		call(a->task, a->tool, a->arg);
}

static void
kill_something(int t)
{
	char id[ID_TEXT + 1];
	id_text(O.tasks[t].id, id);
	op(ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":\"task\",\"name\":\"%s\",\"reason\":\"r\"}", id), NULL, SEEN_KILL, t);
}

static void
stop_and_resume(void)
{
	static const char *const kinds[] = { "\"agent\",\"name\":\"dev/claude\"", "\"tool\",\"name\":\"net/fetch\"", "\"server\",\"name\":\"net\"",
	                                     "\"world\"", "\"owner\",\"name\":\"dana\"", "\"tier\",\"name\":\"dev\"" };
	size_t which = below(ARRAY_LEN(kinds));
	const char *k = kinds[which];
	/* A hint for whom to send on errands; what must be refused is the observer's business only where it is acknowledged. */
	for (int i = 0; i < O.task_n && which != 1 && which != 2; i++)
		O.tasks[i].stopped = true;
	op(ROLE_PEOPLE, ADMIN, OP_KILL, fmt("{\"kind\":%s}", k), NULL, SEEN_OTHER, -1);
	op(ROLE_PEOPLE, ADMIN, OP_RESUME, fmt("{\"kind\":%s}", k), NULL, SEEN_OTHER, -1);
}

static void bounce(enum role r, unsigned index);

static void
lease(int t)
{
	static const char *const templates[] = { "read", "read", "read", "admin" };
	op(ROLE_LOCAL, conn_of(t), OP_LEASE_OPEN,
	   fmt("{\"upstream\":\"pg/staging\",\"template\":\"%s\",\"ttl_seconds\":%u}", templates[below(4)], 20 + (unsigned)below(400)), NULL, SEEN_OTHER, t);
	leases_asked++;
}

/* What goes wrong between core and the upstreams; the matrix has its own faults. */
static void
lease_trouble(void)
{
	struct bank *b = C.node.bank;
	switch (below(8)) {
	case 0: bounce(ROLE_ENGINE, 0); return;
	case 1: b->down[0] = true; return;
	case 2: b->down[0] = false; return;
	case 3: b->lose = true; return;
	case 4: b->repeat = true; return;
	case 5: b->refuses = true; return;
	case 6: b->delay = true; return;
	default: bank_late(&C.node, b); return;
	}
}

/* The tools role gets on with a call. */
static void
work(void)
{
	if (!O.call_n)
		return;
	struct seen_call *k = &O.calls[O.call_n - 1 - (int)below(O.call_n < 8 ? (uint64_t)O.call_n : 8)];
	struct msg m = msg_make(MSG_CALL_STATE);
	if (k->state == 2)
		return;
	m.call_state.call = k->id;
	if (k->state == 0 && chance(85)) {
		m.call_state.state = CALL_DISPATCHED;
		k->state = 1;
	} else {
		m.call_state.state = k->state == 0 ? CALL_REFUSED : chance(80) ? CALL_DONE : chance(50) ? CALL_CUT : CALL_UNKNOWN;
		m.call_state.error = m.call_state.state == CALL_DONE ? E_OK : E_UPSTREAM;
		k->state = 2;
	}
	node_send(&C.node, ROLE_TOOLS, 0, &m);
}

static void
change_tool(void)
{
	if (chance(30)) {
		definition++;
		struct msg m = msg_make(MSG_FOUND);
		digest d = sha256(SPAN("files"));
		struct reader r = rd_make(digest_span(&d));
		m.found.server = id_make(ID_SERVER, rd_u64(&r));
		m.found.definitions = span_str(offered(SPAN("files")));
		node_send(&C.node, ROLE_TOOLS, 0, &m);
	}
	CLEANUP(buf_fini) struct buf b;
	CLEANUP(arena_fini) struct arena a;
	const struct json *list, *def = NULL;
	arena_init(&a, 1 << 20);
	must(!failed(json_parse(span_str(offered(SPAN("files"))), NULL, &a, &list, NULL)));
	def = json_item(list, 1);
	digest d;
	must(!failed(definition_digest(def, &d)));
	buf_init(&b, 256);
	buf_put_hex(&b, digest_span(&d));
	op(ROLE_PEOPLE, ADMIN, OP_TOOL_REVIEW, fmt("{\"tool\":\"files/write_file\",\"definition\":\"%.*s\"}", SPAN_ARG(buf_span(&b))), NULL, SEEN_OTHER, -1);
}

static void
change_policy(void)
{
	op(ROLE_PEOPLE, ADMIN, OP_APPLY,
	   fmt("{\"resources\":[{\"kind\":\"policy\",\"name\":\"extra\",\"text\":\"forbid(principal, action, resource == Tool::\\\"t%u\\\");\"}]}", (unsigned)below(1000)),
	   NULL, SEEN_OTHER, -1);
}

/* A token is made and used by many at once; one succeeds. */
static void
enrol(void)
{
	const struct json *v;
	if (chance(60) || !enrol_token[0]) {
		uint64_t req = C.next_req + 1;
		if (req >= SEEN_QUESTIONS)
			return;
		op(ROLE_PEOPLE, ADMIN, OP_AGENT_ENROL, "{\"agent\":\"dev/bot\"}", NULL, SEEN_OTHER, -1);
		for (int i = 0; i < 200 && !client_reply(&C, req); i++) {
			node_flush(&C.node);
			while (node_deliver(&C.node, ROLE_PEOPLE, 0) || node_serve(&C.node, ROLE_STORE, 0) || node_deliver(&C.node, ROLE_STORE, 0) ||
			       node_serve(&C.node, ROLE_PEOPLE, 0))
				;
		}
		const struct reply *r = client_reply(&C, req);
		if (!r || r->error || failed(json_parse(span_str(r->body), NULL, &C.arena, &v, NULL)))
			return;
		snprintf(enrol_token, sizeof enrol_token, "%s", client_str(&C, v, "/token"));
		enrol_tokens++;
	}
	for (uint32_t i = 0; i < 4; i++) {
		struct msg m = msg_make(MSG_PEER_TLS);
		uint64_t cert[4] = { drbg_u64(&C.node.rng), 1, 2, 3 };
		m.peer_tls.conn = 500 + i;
		m.peer_tls.has_cert = true;
		memcpy(m.peer_tls.x5t, cert, sizeof m.peer_tls.x5t);
		node_send(&C.node, ROLE_AGENTS, 0, &m);
		op(ROLE_AGENTS, 500 + i, OP_ENROL_USE, fmt("{\"token\":\"%s\"}", enrol_token), NULL, SEEN_ENROL, -1);
		last()->subject = enrol_tokens;
	}
}

/* ---- faults ---- */

static void
restart_core(void)
{
	node_crash(&C.node);
	node_start(&C.node);
	connect_people();
}

static void
bounce(enum role r, unsigned index)
{
	node_link(&C.node, r, index, false);
	status why;
	if (core_failed(C.node.core, &why)) {
		restart_core();
		return;
	}
	node_link(&C.node, r, index, true);
	if (r == ROLE_LOCAL || r == ROLE_PEOPLE || r == ROLE_ATTEST)
		connect_people();
}

static void
reboot(void)
{
	int64_t gone = (int64_t)below(120) * S;
	O.true_now += gone;
	node_crash(&C.node);
	drbg_bytes(&C.node.rng, C.node.boot_id, sizeof C.node.boot_id);
	C.node.now.boot = S + (int64_t)below(100) * S;
	int64_t step = chance(40) ? -(int64_t)below(600) * S : chance(20) ? (int64_t)below(600) * S : 0;
	C.node.now.wall += gone + step;
	/* What no clock can show: the wall stood back, and the log ends where it ends. */
	if (step < 0 || C.node.now.wall < C.node.disk.time + (O.true_now - O.last_append))
		observer_rebooted(&O, O.true_now - O.last_append);
	node_start(&C.node);
	connect_people();
}

static void
fault(void)
{
	enum fault f = (enum fault)below(FAULT_COUNT);
	matrix_fault(f);
	switch (f) {
	case FAULT_CORE: restart_core(); return;
	case FAULT_STORE: bounce(ROLE_STORE, 0); return;
	case FAULT_TOOLS: bounce(ROLE_TOOLS, 0); return;
	case FAULT_EDGE: bounce(chance(70) ? ROLE_LOCAL : ROLE_PEOPLE, 0); return;
	case FAULT_SIGNER: bounce(ROLE_SIGNER, 0); return;
	case FAULT_ACK_LOST: C.node.lose_ack = true; return;
	case FAULT_ACK_TWICE: C.node.repeat_ack = true; return;
	case FAULT_STORE_SLOW: C.node.store_paused = true; return;
	case FAULT_DISK_FULL: C.node.disk.full = true; return;
	case FAULT_CLOCK_FORWARD: C.node.now.wall += (int64_t)(3 + below(400)) * S; return;
	case FAULT_CLOCK_BACK: C.node.now.wall -= (int64_t)(3 + below(4000)) * S; return;
	case FAULT_REBOOT: reboot(); return;
	case FAULT_COUNT: return;
	}
}

/* ---- one hour ---- */

static void
advance(int64_t ns)
{
	O.true_now += ns;
	node_advance(&C.node, ns);
}

static void
act(void)
{
	int t = some_task();
	unsigned what = (unsigned)below(100);
	if (t < 0 || what < 7)
		open_task();
	else if (what < 13)
		delegate(t);
	else if (what < 46)
		some_call(t);
	else if (what < 50)
		lease(t);
	else if (what < 64)
		work();
	else if (what < 76)
		answer_approval();
	else if (what < 79)
		kill_something(t);
	else if (what < 83)
		op(ROLE_LOCAL, conn_of(t), OP_TASK_COMPLETE, "{}", NULL, SEEN_COMPLETE, t);
	else if (what < 86)
		op(ROLE_LOCAL, conn_of(t), OP_TOKEN_ISSUE, "{}", NULL, SEEN_TOKEN, t);
	else if (what < 88 && chance(20))
		stop_and_resume();
	else if (what < 91)
		change_tool();
	else if (what < 93)
		change_policy();
	else if (what < 95)
		enrol();
	else if (what < 97) {
		struct msg m = msg_make(MSG_CANCEL);
		m.cancel.req = C.next_req - below(4);
		node_send(&C.node, ROLE_LOCAL, 0, &m);
	} else {
		struct msg m = msg_make(MSG_PEER_GONE);
		m.peer_gone.conn = 1000 + (uint32_t)t;
		node_send(&C.node, ROLE_LOCAL, 0, &m);
		peered[t] = false;
	}
}

/* A few messages, from anywhere. */
static void
move(unsigned n)
{
	while (n--) {
		enum role r = (enum role)below(ROLE_COUNT);
		unsigned i = r == ROLE_AGENTS ? (unsigned)below(2) : 0;
		if (chance(50)) {
			if (node_deliver(&C.node, r, i) && chance(60))
				node_flush(&C.node);
		} else {
			node_serve(&C.node, r, i);
		}
		matrix_step(C.node.steps + 1);
	}
}

static void
settle(void)
{
	C.node.store_paused = false;
	C.node.disk.full = false;
	node_settle(&C.node);
	advance(1100 * INT64_C(1000000));
	node_settle(&C.node);
}

static void
check_core(void)
{
	status why;
	if (core_failed(C.node.core, &why)) {
		/* Only what a store may do to core may make it fail. */
		if (why.code != E_AUDIT_UNAVAILABLE && why.code != E_CONFLICT)
			observer_breach(&O, "R20", "core failed: %s at %s:%u", error_name(why.code), why.file, why.line);
		restart_core();
	}
	const char *bad = core_check(C.node.core);
	if (bad)
		observer_breach(&O, "invariant", "%s", bad);
}

/* The upstreams are well again, everything is stopped: nothing is left there (R4), not even what a dead worker's statement made long
 * after anybody waited for it, once the regular look has been. */
static void
take_all_back(void)
{
	struct bank *b = C.node.bank;
	b->down[0] = b->down[1] = b->lose = b->repeat = b->refuses = b->delay = false;
	bank_late(&C.node, b);
	op(ROLE_PEOPLE, ADMIN, OP_KILL, "{\"kind\":\"world\"}", NULL, SEEN_OTHER, -1);
	for (int i = 0; i < 60; i++) {
		settle();
		advance(6 * S);
		check_core();
	}
	settle();
	observer_accounts(&O, true);
	leases_made += b->creates;
	leases_taken_back += O.revoked_n;
	op(ROLE_PEOPLE, ADMIN, OP_RESUME, "{\"kind\":\"world\"}", NULL, SEEN_OTHER, -1);
	settle();
}

static void
run(uint64_t seed)
{
	definition = 0;
	enrol_tokens = 0;
	enrol_token[0] = 0;
	node_definitions = offered;
	client_init(&C, seed, WORLD);
	observer_init(&O, &C, seed);
	matrix_step(0);
	connect_people();
	node_settle(&C.node);
	while (O.true_now < HOUR * S) {
		for (unsigned n = 1 + (unsigned)below(4); n; n--)
			act();
		move(10 + (unsigned)below(60));
		if (chance(12))
			fault();
		if (chance(8))
			lease_trouble();
		observer_accounts(&O, false);
		check_core();
		if (chance(30))
			move(200);
		advance(chance(70) ? (int64_t)below(2 * S) : (int64_t)below(60 * S));
		if (chance(10))
			settle();
		C.node.store_paused &= !chance(40);
		C.node.disk.full &= !chance(40);
	}
	settle();
	check_core();
	take_all_back();
	/* What the rows say after a restart is what the events say. */
	node_crash(&C.node);
	node_start(&C.node);
	node_settle(&C.node);
	peer(ROLE_PEOPLE, ADMIN, 0, 101, "/usr/bin/ambit", 0);
	node_settle(&C.node);
	C.node.sent = C.node.delivering = NULL;
	refold_check(&O, ADMIN);
	observer_fini(&O);
	client_fini(&C);
}

int
main(int argc, char **argv)
{
	uint64_t seeds = 1, from = 1;
	bool one = false;
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t v = strtoull(argv[i + 1], NULL, 10);
		if (!strcmp(argv[i], "--seeds"))
			seeds = v;
		else if (!strcmp(argv[i], "--from"))
			from = v;
		else if (!strcmp(argv[i], "--seed")) {
			from = v;
			seeds = 1;
			one = true;
		}
	}
	static uint64_t codes[E_COUNT];
	uint64_t allows = 0, denies = 0, pendings = 0, steps = 0;
	for (uint64_t s = from; s < from + seeds; s++) {
		run(s);
		allows += O.allows;
		denies += O.denies;
		pendings += O.pendings;
		steps += C.node.steps;
		for (size_t i = 0; i < E_COUNT; i++)
			codes[i] += O.codes[i];
	}
	unsigned empty = matrix_print(stdout);
	printf("# %llu seeds, %llu messages: %llu allowed, %llu denied, %llu waited\n", (unsigned long long)seeds, (unsigned long long)steps,
	       (unsigned long long)allows, (unsigned long long)denies, (unsigned long long)pendings);
	printf("# leases: %llu asked, %llu made, %llu revoked\n", (unsigned long long)leases_asked, (unsigned long long)leases_made,
	       (unsigned long long)leases_taken_back);
	printf("# denied:");
	for (size_t i = 0; i < E_COUNT; i++)
		if (codes[i])
			printf(" %s %llu", error_name((uint16_t)i), (unsigned long long)codes[i]);
	printf("\n1..2\nok 1 - no breach\n%s 2 - every fault met every transition (%u cells empty)\n", empty && !one ? "not ok" : "ok", empty);
	return empty && !one;
}
