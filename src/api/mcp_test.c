#include "tests/test.h"

#include "api/http_api.h"
#include "api/mcp.h"

#define MODERN_META "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define H(n, v) { SPAN(n), SPAN(v) }
#define MODERN_HEADERS(method) H("MCP-Protocol-Version", "2026-07-28"), H("Mcp-Method", method)

struct row {
	const char *name, *body;
	struct http_field headers[5];
	int code;               /* 0: accepted */
	unsigned http;
	enum mcp_method method;
	const char *args;
};

static const struct row rows[] = {
	{ "legacy call", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\",\"arguments\":{\"z\":1,\"a\":2}}}",
	  { H("MCP-Protocol-Version", "2025-11-25") }, 0, 0, MCP_TOOLS_CALL, "{\"a\":2,\"z\":1}" },
	{ "legacy without header", "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"ping\"}", { { { 0 }, { 0 } } }, 0, 0, MCP_PING, NULL },
	{ "initialize", "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}}",
	  { { { 0 }, { 0 } } }, 0, 0, MCP_INITIALIZE, NULL },
	{ "modern call", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\",\"arguments\":{}," MODERN_META "}}",
	  { MODERN_HEADERS("tools/call"), H("Mcp-Name", "a__b") }, 0, 0, MCP_TOOLS_CALL, "{}" },
	{ "modern call, encoded name", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\"," MODERN_META "}}",
	  { MODERN_HEADERS("tools/call"), H("Mcp-Name", "=?base64?YV9fYg==?=") }, 0, 0, MCP_TOOLS_CALL, "{}" },
	{ "discover", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{" MODERN_META "}}",
	  { MODERN_HEADERS("server/discover") }, 0, 0, MCP_DISCOVER, NULL },
	{ "cancel", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7}}", { { { 0 }, { 0 } } }, 0, 0, MCP_CANCELLED, NULL },

	{ "A46 name and Name", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\",\"Name\":\"c__d\"}}", { { { 0 }, { 0 } } }, MCP_INVALID, 400, 0, NULL },
	{ "A46 only Name", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"Name\":\"c__d\"}}", { { { 0 }, { 0 } } }, MCP_INVALID, 400, 0, NULL },
	{ "A46 Method", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"Method\":\"tools/call\"}", { { { 0 }, { 0 } } }, MCP_INVALID, 400, 0, NULL },
	{ "A46 duplicate arguments", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\",\"arguments\":{},\"arguments\":{\"x\":1}}}", { { { 0 }, { 0 } } }, MCP_PARSE, 400, 0, NULL },
	{ "A46 arguments by case", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\",\"arguments\":{\"path\":1,\"Path\":2}}}", { { { 0 }, { 0 } } }, MCP_INVALID, 400, 0, NULL },
	{ "A47 version header", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{" MODERN_META "}}",
	  { H("MCP-Protocol-Version", "2025-11-25"), H("Mcp-Method", "tools/list") }, MCP_HEADER_MISMATCH, 400, 0, NULL },
	{ "A47 no method header", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{" MODERN_META "}}",
	  { H("MCP-Protocol-Version", "2026-07-28") }, MCP_HEADER_MISMATCH, 400, 0, NULL },
	{ "A47 other method", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\"," MODERN_META "}}",
	  { MODERN_HEADERS("tools/list"), H("Mcp-Name", "a__b") }, MCP_HEADER_MISMATCH, 400, 0, NULL },
	{ "A47 other name", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\"," MODERN_META "}}",
	  { MODERN_HEADERS("tools/call"), H("Mcp-Name", "a__c") }, MCP_HEADER_MISMATCH, 400, 0, NULL },
	{ "A47 name twice", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\"," MODERN_META "}}",
	  { MODERN_HEADERS("tools/call"), H("Mcp-Name", "a__b"), H("mcp-name", "a__b") }, MCP_HEADER_MISMATCH, 400, 0, NULL },
	{ "A48 batch", "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", { { { 0 }, { 0 } } }, MCP_INVALID, 400, 0, NULL },
	{ "null id", "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", { { { 0 }, { 0 } } }, MCP_INVALID, 400, 0, NULL },
	{ "fraction id", "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", { { { 0 }, { 0 } } }, MCP_INVALID, 400, 0, NULL },
	{ "a response", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", { { { 0 }, { 0 } } }, MCP_INVALID, 400, 0, NULL },
	{ "no capabilities", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}",
	  { MODERN_HEADERS("tools/list") }, MCP_BAD_PARAMS, 400, 0, NULL },
	{ "modern header, no meta", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}", { MODERN_HEADERS("tools/list") }, MCP_BAD_PARAMS, 400, 0, NULL },
	{ "unknown version", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2027-01-01\",\"io.modelcontextprotocol/clientCapabilities\":{}}}}",
	  { H("MCP-Protocol-Version", "2027-01-01"), H("Mcp-Method", "tools/list") }, MCP_VERSION, 400, 0, NULL },
	{ "unknown method, modern", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x/y\",\"params\":{" MODERN_META "}}", { MODERN_HEADERS("x/y") }, MCP_NO_METHOD, 404, 0, NULL },
	{ "unknown method, legacy", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x/y\"}", { { { 0 }, { 0 } } }, MCP_NO_METHOD, 200, 0, NULL },
	{ "not json", "{", { { { 0 }, { 0 } } }, MCP_PARSE, 400, 0, NULL },
	{ "arguments not an object", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a__b\",\"arguments\":[]}}", { { { 0 }, { 0 } } }, MCP_BAD_PARAMS, 200, 0, NULL },
};

static struct http_fields
fields_of(const struct row *r)
{
	size_t n = 0;
	while (n < ARRAY_LEN(r->headers) && r->headers[n].name.n)
		n++;
	return (struct http_fields){ r->headers, n };
}

static void
one_reading_or_none(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		CLEANUP(arena_fini) struct arena a;
		arena_init(&a, 1 << 20);
		struct mcp_message m;
		struct mcp_refusal e = { 0 };
		struct http_fields f = fields_of(r);
		bool ok = mcp_read(&a, span_str(r->body), &f, &m, &e);
		if (ok != (r->code == 0) || (!ok && (e.code != r->code || e.http != r->http)))
			fail_msg("%s: ok %d code %d http %u (%.*s)", r->name, ok, e.code, e.http, SPAN_ARG(e.message));
		if (ok) {
			assert_int_equal(m.method, r->method);
			if (r->args)
				assert_span(m.args, r->args);
		}
	}
}

static void
answers_carry_the_callers_id(void **)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf b;
	arena_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	struct mcp_message m;
	struct mcp_refusal e;
	span body = SPAN("{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":\"tools/list\",\"params\":{}}");
	assert_true(mcp_read(&a, body, NULL, &m, &e));
	mcp_render_result(&b, &m, SPAN("{\"content\":[]}"));
	assert_span(buf_span(&b), "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"result\":{\"content\":[]}}");
	m.era = MCP_MODERN;
	buf_reset(&b);
	mcp_render_result(&b, &m, SPAN("{\"content\":[]}"));
	assert_span(buf_span(&b), "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"result\":{\"resultType\":\"complete\",\"content\":[]}}");
	buf_reset(&b);
	mcp_render_result(&b, &m, SPAN("{}"));
	assert_span(buf_span(&b), "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"result\":{\"resultType\":\"complete\"}}");
}

/* What we send must satisfy our own reader: every rendering is one strict JSON document. */
static void
renderings_are_json(void **)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 1 << 20);
	for (int era = MCP_LEGACY; era <= MCP_MODERN; era++) {
		struct mcp_message m = { .era = era, .id = SPAN("5"), .version = SPAN("2025-11-25"), .progress_token = SPAN("\"t\"") };
		struct mcp_refusal r = { .http = 400, .code = MCP_PARSE, .message = SPAN("bad \"x\"") };
		for (int kind = 0; kind < 9; kind++) {
			CLEANUP(buf_fini) struct buf b;
			buf_init(&b, 1 << 20);
			switch (kind) {
			case 0: mcp_render_hello(&b, &m); break;
			case 1: mcp_render_tools(&b, &m, SPAN("[]")); break;
			case 2: mcp_render_tools(&b, &m, SPAN("[{\"name\":\"a__b\"}]")); break;
			case 3: mcp_render_denial(&b, &m, SPAN("{\"decision\":\"deny\",\"text\":\"DENIED\\nx\"}")); break;
			case 4: mcp_render_failure(&b, &m, SPAN("cut"), E_CALL_CUT); break;
			case 5: mcp_render_progress(&b, &m, SPAN("{\"progress\":1,\"progressToken\":9}")); break;
			case 6: mcp_render_listening(&b, &m); break;
			case 7: mcp_render_tools_changed(&b, &m); break;
			case 8: mcp_render_refusal(&b, &r); break;
			}
			assert_ok(buf_finish(&b));
			const struct json *v;
			if (failed(json_parse(buf_span(&b), NULL, &a, &v, NULL)))
				fail_msg("kind %d: %.*s", kind, SPAN_ARG(buf_span(&b)));
			if (kind == 3)
				assert_span(json_pointer(v, SPAN("/result/content/0/text"))->str, "DENIED\nx");
			if (kind == 5)
				assert_span(json_pointer(v, SPAN("/params/progressToken"))->str, "t");
		}
	}
}

static struct http_request
request(enum http_method method, const char *path, const char *type)
{
	return (struct http_request){ .method = method, .path = span_str(path), .target = span_str(path), .content_type = span_str(type),
	                              .host = SPAN("127.0.0.1:8470") };
}

static void
doors(void **)
{
	static const struct { enum http_method m; const char *path, *type; enum op_class class; enum door door; uint16_t error; } t[] = {
		{ HTTP_POST, "/mcp", "application/json", OP_CLASS_L, DOOR_MCP, E_OK },
		{ HTTP_POST, "/mcp", "application/json; charset=utf-8", OP_CLASS_A, DOOR_MCP, E_OK },
		{ HTTP_GET, "/mcp", "", OP_CLASS_L, DOOR_MCP, E_METHOD_NOT_ALLOWED },
		{ HTTP_POST, "/mcp", "text/plain", OP_CLASS_L, DOOR_MCP, E_UNSUPPORTED_MEDIA },
		{ HTTP_POST, "/mcp", "application/json", OP_CLASS_P, DOOR_NONE, E_OK },
		{ HTTP_POST, "/v1/approval/approve", "application/json", OP_CLASS_P, DOOR_OP, E_OK },
		{ HTTP_POST, "/v1/approval/approve", "application/json", OP_CLASS_L, DOOR_NONE, E_OK },
		{ HTTP_POST, "/v1/approval/approve", "application/json", OP_CLASS_A, DOOR_NONE, E_OK },
		{ HTTP_POST, "/v1//approval/approve", "application/json", OP_CLASS_P, DOOR_NONE, E_OK },
		{ HTTP_POST, "/v1/task/open", "application/json", OP_CLASS_L, DOOR_OP, E_OK },
		{ HTTP_POST, "/v1/task/open", "application/json", OP_CLASS_P, DOOR_NONE, E_OK },
		{ HTTP_POST, "/access/v1/evaluation", "text/plain", OP_CLASS_A, DOOR_EVALUATION, E_BAD_REQUEST },
		{ HTTP_GET, "/healthz", "", OP_CLASS_P, DOOR_HEALTH, E_OK },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct http_request r = request(t[i].m, t[i].path, t[i].type);
		struct door_match m = door_of(&r, t[i].class);
		if (m.door != t[i].door || (m.door && m.error != t[i].error))
			fail_msg("%s: door %d error %d", t[i].path, m.door, m.error);
	}
}

static void
tokens_and_origins(void **)
{
	static const struct { const char *in; bool ok; const char *token; } t[] = {
		{ "", true, "" }, { "Bearer abc.def-_~+/==", true, "abc.def-_~+/==" }, { "bearer x", true, "x" }, { "Bearer ", false, "" },
		{ "Basic abc", false, "" }, { "Bearer a b", false, "" }, { "Bearer a=b", false, "" }, { "Bearer =", false, "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct http_request r = request(HTTP_POST, "/mcp", "application/json");
		r.authorization = span_str(t[i].in);
		span token;
		assert_int_equal(bearer_token(&r, &token), t[i].ok);
		if (t[i].ok)
			assert_span(token, t[i].token);
	}
	span hosts[] = { SPAN("127.0.0.1:8470"), SPAN("localhost:8470") };
	struct http_request r = request(HTTP_POST, "/mcp", "");
	assert_int_equal(check_origin(&r, hosts, 2), E_OK);
	r.host = SPAN("evil.example:8470");
	assert_int_equal(check_origin(&r, hosts, 2), E_NOT_PERMITTED);
	assert_int_equal(check_origin(&r, NULL, 0), E_OK);
	struct http_field origin = { SPAN("Origin"), SPAN("http://127.0.0.1:8470") };
	r = request(HTTP_POST, "/mcp", "");
	r.fields = (struct http_fields){ &origin, 1 };
	assert_int_equal(check_origin(&r, hosts, 2), E_NOT_PERMITTED);
}

TEST_MAIN(T(one_reading_or_none), T(answers_carry_the_callers_id), T(renderings_are_json), T(doors), T(tokens_and_origins))
