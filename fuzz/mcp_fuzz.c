/* First byte: 0 = without HTTP headers. What is accepted has canonical arguments and renders to strict JSON. */
#include "api/mcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	static const struct http_field f[] = {
		{ SPAN("MCP-Protocol-Version"), SPAN("2026-07-28") }, { SPAN("Mcp-Method"), SPAN("tools/call") }, { SPAN("Mcp-Name"), SPAN("a__b") },
	};
	struct http_fields headers = { f, ARRAY_LEN(f) };
	struct arena a;
	struct buf b;
	struct mcp_message m;
	struct mcp_refusal e = { 0 };
	const struct json *v;
	arena_init(&a, 8 << 20);
	buf_init(&b, 8 << 20);
	if (mcp_read(&a, span_make(p + 1, n - 1), p[0] ? &headers : NULL, &m, &e)) {
		if (m.method == MCP_TOOLS_CALL)
			must(!failed(json_parse(m.args, NULL, &a, &v, NULL)) && json_is_obj(v));
		mcp_render_result(&b, &m, SPAN("{}"));
	} else {
		must(e.http >= 200 && e.code < 0);
		mcp_render_refusal(&b, &e);
	}
	must(!failed(buf_finish(&b)));
	if (m.id.n || b.n)
		must(!failed(json_parse(buf_span(&b), &(struct json_opts){ .max_bytes = 8 << 20, .allow_nul = true }, &a, &v, NULL)));
	buf_fini(&b);
	arena_fini(&a);
	return 0;
}
