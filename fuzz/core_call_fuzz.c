/* Questions about calls to a core with a task: the first byte chooses tool and kind, the rest are the arguments or the AuthZEN
 * question. Whatever comes, core answers exactly once, allows nothing that its log does not have, and keeps its invariants. */
#include "tests/sim/client.h"
#include "tests/sim/world.h"

#include "msg/enums.h"

#include <stdlib.h>

static struct client C;
static uint32_t inputs;
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
begin(void)
{
	client_init(&C, 1, WORLD);
	client_peer(&C, ROLE_LOCAL, 1, 1000, 100, "/usr/bin/ambit", 0);
	const struct json *v = client_op(&C, ROLE_LOCAL, 1, OP_TASK_OPEN, "{\"agent\":\"dev/claude\",\"envelope\":{\"tools\":[\"**\"]}}");
	uint64_t id;
	must(id_parse(json_pointer(v, SPAN("/task/id"))->str, &id));
	client_peer(&C, ROLE_LOCAL, 2, 1000, 200, "/usr/bin/node", id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const tools[] = { "files__read_file", "files__write_file", "files__delete_file", "net__fetch", "net__pay", "none" };
	if (!n || n > 65000)
		return 0;
	/* Afresh now and then, so that budgets and logs do not fill. */
	if (inputs++ % 200 == 0) {
		if (inputs > 1)
			client_fini(&C);
		begin();
	}
	struct msg m = msg_make(p[0] & 0x80 ? MSG_EVALUATE : MSG_CALL);
	uint64_t req = ++C.next_req;
	if (m.type == MSG_CALL) {
		m.call.req = req;
		m.call.conn = 2;
		m.call.tool = span_str(tools[p[0] % 6]);
		m.call.args = span_make(p + 1, n - 1);
	} else {
		m.evaluate.req = req;
		m.evaluate.conn = 2;
		m.evaluate.question = span_make(p + 1, n - 1);
	}
	node_send(&C.node, ROLE_LOCAL, 0, &m);
	node_settle(&C.node);
	const struct reply *r = client_reply(&C, req);
	must(r && r->type == MSG_VERDICT);
	const char *bad = core_check(C.node.core);
	must(!bad);
	arena_reset(&C.arena);
	node_advance(&C.node, 2000000000);
	return 0;
}
