#include "api/mcp.h"

/* The tools every task has. They decide nothing by themselves: each becomes a question to core. */
static const char own_tools[] =
	"{\"name\":\"ambit__await\",\"title\":\"Wait for a human's answer\",\"description\":\"Waits for a pending approval, then runs "
	"the approved call with its stored arguments and returns its result.\",\"inputSchema\":{\"type\":\"object\",\"properties\":"
	"{\"approval\":{\"type\":\"string\",\"description\":\"apr_ identifier from the WAITING message\"}},\"required\":[\"approval\"],"
	"\"additionalProperties\":false},\"annotations\":{\"readOnlyHint\":true,\"openWorldHint\":false}},"
	"{\"name\":\"ambit__request\",\"title\":\"Ask a human\",\"description\":\"Asks a human to allow one exact call that was refused. "
	"Gives an approval identifier.\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"tool\":{\"type\":\"string\"},"
	"\"arguments\":{\"type\":\"object\"},\"reason\":{\"type\":\"string\",\"maxLength\":1000}},\"required\":[\"tool\",\"arguments\",\"reason\"],"
	"\"additionalProperties\":false},\"annotations\":{\"readOnlyHint\":true,\"openWorldHint\":false}},"
	"{\"name\":\"ambit__explain\",\"title\":\"What may this task do?\",\"description\":\"Lists this task's limits and the tools that are "
	"hidden from it, each with the reason.\",\"inputSchema\":{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false},"
	"\"annotations\":{\"readOnlyHint\":true,\"openWorldHint\":false}}";

enum mcp_own
mcp_own_tool(span name)
{
	if (span_is(name, "ambit__await"))
		return MCP_OWN_AWAIT;
	if (span_is(name, "ambit__request"))
		return MCP_OWN_REQUEST;
	return span_is(name, "ambit__explain") ? MCP_OWN_EXPLAIN : MCP_OWN_NONE;
}

static void
put_head(struct buf *b, span id)
{
	buf_put_str(b, "{\"jsonrpc\":\"2.0\",\"id\":");
	buf_put(b, id.n ? id : SPAN("null"));
}

static void
put_error(struct buf *b, span id, int code, span message, span data)
{
	put_head(b, id);
	buf_put_str(b, ",\"error\":");
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kint(&w, "code", code);
	json_w_kstr(&w, "message", message);
	if (data.n) {
		json_w_key(&w, SPAN("data"));
		json_w_raw(&w, data);
	}
	json_w_obj_end(&w);
	buf_put_u8(b, '}');
}

void
mcp_render_refusal(struct buf *b, const struct mcp_refusal *r)
{
	put_error(b, r->id, r->code, r->message, r->data);
}

void
mcp_render_error(struct buf *b, span id, int code, span message)
{
	put_error(b, id, code, message, (span){ 0 });
}

static bool
has_result_type(span result)
{
	static const char key[] = "\"resultType\":";
	return result.n && memmem(result.p, result.n, key, sizeof key - 1) != NULL;
}

void
mcp_render_result(struct buf *b, const struct mcp_message *m, span result)
{
	put_head(b, m->id);
	buf_put_str(b, ",\"result\":");
	/* Upstreams of the older era know no resultType. The tools role strips it, so a match here is text inside a value and only
	 * costs a look at the first member. */
	if (m->era == MCP_MODERN && result.n >= 2 && !(has_result_type(result) && span_starts(result, SPAN("{\"resultType\":")))) {
		buf_put_str(b, "{\"resultType\":\"complete\"");
		if (result.n > 2)
			buf_put_u8(b, ',');
		buf_put(b, span_sub(result, 1, result.n));
	} else {
		buf_put(b, result);
	}
	buf_put_u8(b, '}');
}

static void
put_identity(struct json_writer *w)
{
	json_w_obj(w);
	json_w_kcstr(w, "name", "ambit");
	json_w_kcstr(w, "title", "Ambit gateway");
	json_w_kcstr(w, "version", AMBIT_VERSION);
	json_w_obj_end(w);
}

static void
put_capabilities(struct json_writer *w, const struct mcp_message *m)
{
	json_w_kobj(w, "capabilities");
	json_w_kobj(w, "tools");
	if (m->era == MCP_MODERN)
		json_w_kbool(w, "listChanged", true);
	json_w_obj_end(w);
	json_w_obj_end(w);
}

static const char instructions[] =
	"Every call is decided by policy for the current task. A result that begins with DENIED or WAITING was not executed; do what it "
	"says. ambit__explain tells what this task may do.";

void
mcp_render_hello(struct buf *b, const struct mcp_message *m)
{
	put_head(b, m->id);
	buf_put_str(b, ",\"result\":");
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	if (m->era == MCP_MODERN) {
		json_w_kcstr(&w, "resultType", "complete");
		json_w_karr(&w, "supportedVersions");
		json_w_str(&w, SPAN(MCP_MODERN_VERSION));
		json_w_arr_end(&w);
	} else {
		json_w_kstr(&w, "protocolVersion", m->version);
	}
	put_capabilities(&w, m);
	if (m->era == MCP_MODERN) {
		json_w_kint(&w, "ttlMs", 60000);
		json_w_kcstr(&w, "cacheScope", "private");
		json_w_kobj(&w, "_meta");
		json_w_key(&w, SPAN("io.modelcontextprotocol/serverInfo"));
		put_identity(&w);
		json_w_obj_end(&w);
	} else {
		json_w_key(&w, SPAN("serverInfo"));
		put_identity(&w);
	}
	json_w_kcstr(&w, "instructions", instructions);
	json_w_obj_end(&w);
	buf_put_u8(b, '}');
}

void
mcp_render_tools(struct buf *b, const struct mcp_message *m, span tools)
{
	put_head(b, m->id);
	buf_put_str(b, m->era == MCP_MODERN
	                   ? ",\"result\":{\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\",\"tools\":["
	                   : ",\"result\":{\"tools\":[");
	if (tools.n > 2) {
		buf_put(b, span_sub(tools, 1, tools.n - 2));
		buf_put_u8(b, ',');
	}
	buf_put_str(b, own_tools);
	buf_put_str(b, "]}}");
}

static void
put_tool_error(struct buf *b, const struct mcp_message *m, span text, span verdict)
{
	put_head(b, m->id);
	buf_put_str(b, ",\"result\":");
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	if (m->era == MCP_MODERN)
		json_w_kcstr(&w, "resultType", "complete");
	json_w_karr(&w, "content");
	json_w_obj(&w);
	json_w_kcstr(&w, "type", "text");
	json_w_kstr(&w, "text", text);
	json_w_obj_end(&w);
	json_w_arr_end(&w);
	/* Not in structuredContent: clients hold that against the tool's output schema, errors included, and throw away the
	 * whole result with its reason. */
	if (verdict.n) {
		json_w_kobj(&w, "_meta");
		json_w_key(&w, SPAN("dev.ambit/verdict"));
		json_w_raw(&w, verdict);
		json_w_obj_end(&w);
	}
	json_w_kbool(&w, "isError", true);
	json_w_obj_end(&w);
	buf_put_u8(b, '}');
}

void
mcp_render_denial(struct buf *b, const struct mcp_message *m, span detail)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 1 << 20);
	const struct json *v = NULL;
	span text = SPAN("DENIED by Ambit. Nothing was executed.");
	if (!failed(json_parse(detail, NULL, &a, &v, NULL))) {
		const struct json *t = json_gets(v, "text");
		if (json_is_str(t))
			text = t->str;
		put_tool_error(b, m, text, detail);
	} else {
		put_tool_error(b, m, text, (span){ 0 });
	}
}

void
mcp_render_failure(struct buf *b, const struct mcp_message *m, span text, uint16_t error)
{
	CLEANUP(buf_fini) struct buf d;
	buf_init(&d, 4096);
	struct json_writer w = json_w(&d);
	json_w_obj(&w);
	json_w_kcstr(&w, "decision", "allow");
	json_w_kcstr(&w, "code", error_name(error));
	json_w_obj_end(&w);
	put_tool_error(b, m, text, failed(buf_finish(&d)) ? (span){ 0 } : buf_span(&d));
}

void
mcp_render_progress(struct buf *b, const struct mcp_message *m, span params)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 1 << 20);
	const struct json *v = NULL;
	if (failed(json_parse(params, NULL, &a, &v, NULL)) || !json_is_obj(v))
		return;
	buf_put_str(b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":");
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_key(&w, SPAN("progressToken"));
	json_w_raw(&w, m->progress_token);
	static const char *const kept[] = { "progress", "total", "message" };
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		const struct json *x = json_gets(v, kept[i]);
		if (x && (json_is_number(x) || json_is_str(x))) {
			json_w_key(&w, span_str(kept[i]));
			json_w_value(&w, x);
		}
	}
	json_w_obj_end(&w);
	buf_put_u8(b, '}');
}

static void
put_subscription(struct buf *b, const struct mcp_message *m, const char *method, const char *before_meta)
{
	buf_put_str(b, "{\"jsonrpc\":\"2.0\",\"method\":\"");
	buf_put_str(b, method);
	buf_put_str(b, "\",\"params\":{");
	buf_put_str(b, before_meta);
	buf_put_str(b, "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":");
	buf_put(b, m->id);
	buf_put_str(b, "}}}");
}

void
mcp_render_listening(struct buf *b, const struct mcp_message *m)
{
	put_subscription(b, m, "notifications/subscriptions/acknowledged",
	                 m->listen_tools ? "\"notifications\":{\"toolsListChanged\":true}," : "\"notifications\":{},");
}

void
mcp_render_tools_changed(struct buf *b, const struct mcp_message *m)
{
	put_subscription(b, m, "notifications/tools/list_changed", "");
}
