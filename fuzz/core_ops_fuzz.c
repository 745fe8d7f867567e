/* Parameters of operations: byte 0 chooses the operation, byte 1 the edge, the rest is the JSON. Core answers once and keeps
 * its invariants, whatever comes. */
#include "tests/sim/client.h"
#include "tests/sim/world.h"

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
	client_peer(&C, ROLE_PEOPLE, 3, 0, 300, "/usr/bin/ambit", 0);
	client_peer(&C, ROLE_PEOPLE, 4, 1001, 301, "/usr/bin/ambit", 0);
	client_tls(&C, 5, "cert");
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct { enum role edge; uint32_t conn; } from[] = { { ROLE_LOCAL, 1 }, { ROLE_LOCAL, 2 }, { ROLE_PEOPLE, 3 }, { ROLE_PEOPLE, 4 }, { ROLE_AGENTS, 5 } };
	if (n < 2 || n > 65000)
		return 0;
	if (inputs++ % 200 == 0) {
		if (inputs > 1)
			client_fini(&C);
		begin();
	}
	struct msg m = msg_make(MSG_OP);
	uint64_t req = ++C.next_req;
	m.op.req = req;
	m.op.conn = from[p[1] % 5].conn;
	m.op.op = (uint16_t)(p[0] % (OP_COUNT + 1));
	m.op.params = span_make(p + 2, n - 2);
	node_send(&C.node, from[p[1] % 5].edge, 0, &m);
	node_settle(&C.node);
	must(client_reply(&C, req));
	status why;
	must(!core_failed(C.node.core, &why) || why.code == E_NO_MEMORY);
	const char *bad = core_check(C.node.core);
	must(!bad);
	arena_reset(&C.arena);
	return 0;
}
