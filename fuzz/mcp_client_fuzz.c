/* A hostile tool server: each line is one of its messages, while calls are made and cancelled. */
#include "api/mcp_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static status on_send(void *, const struct mcp_outgoing_message *m) { must(m->text.n); return OK; }
static void on_listed(void *) {}
static void on_result(void *, uint64_t, span r, bool, span why) { must((r.n != 0) != (why.n != 0)); }
static void on_progress(void *, uint64_t, span) {}
static void on_broken(void *, span) {}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct mcp_client_events ev = { on_send, on_listed, on_result, on_progress, on_broken };
	struct mcp_client *c;
	uint64_t call = 1, id;
	must(!failed(mcp_client_new(&ev, NULL, &c)));
	mcp_client_start(c);
	span in = span_make(p, n);
	while (in.n) {
		size_t at = span_find(in, '\n');
		mcp_client_feed(c, span_sub(in, 0, at));
		in = span_sub(in, at + 1, in.n);
		if (mcp_client_state(c) == MCP_READY && call < 8)
			IGNORE(mcp_client_call(c, call++, SPAN("t"), SPAN("{}"), true, &id)); /* refusal is an outcome too */
		if (call == 5)
			mcp_client_cancel(c, 2);
	}
	mcp_client_free(c);
	return 0;
}
