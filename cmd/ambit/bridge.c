#include "bridge.h"

#include "text/base64url.h"
#include "text/json.h"

#define META_VERSION "io.modelcontextprotocol/protocolVersion"

static span
scalar_text(struct arena *a, const struct json *v)
{
	struct buf b;
	buf_init(&b, 8192);
	struct json_writer w = json_w(&b);
	json_w_value(&w, v);
	span s = b.err ? (span){ 0 } : arena_copy(a, buf_span(&b));
	buf_fini(&b);
	return s;
}

/* A header value as it is where it is plain visible ASCII that does not look encoded, else =?base64?…?=. */
static void
put_header(struct buf *b, const char *name, span value)
{
	bool plain = value.n > 0 && value.p[0] != ' ' && value.p[value.n - 1] != ' ' && !span_starts(value, SPAN("=?base64?"));
	for (size_t i = 0; i < value.n; i++)
		plain &= value.p[i] >= 0x20 && value.p[i] < 0x7f;
	buf_printf(b, "%s: ", name);
	if (plain) {
		buf_put(b, value);
	} else {
		buf_put_str(b, "=?base64?");
		base64_encode(value, b);
		buf_put_str(b, "?=");
	}
	buf_put_str(b, "\r\n");
}

static span
mirror(struct arena *a, span method, const struct json *params, const struct json *version)
{
	struct buf b;
	buf_init(&b, 12288);
	put_header(&b, "MCP-Protocol-Version", version->str);
	put_header(&b, "Mcp-Method", method);
	const char *named = span_is(method, "tools/call") || span_is(method, "prompts/get") ? "name" : span_is(method, "resources/read") ? "uri" :
	                    span_is(method, "tasks/get") || span_is(method, "tasks/update") || span_is(method, "tasks/cancel") ? "taskId" : NULL;
	const struct json *name = named ? json_gets(params, named) : NULL;
	if (json_is_str(name))
		put_header(&b, "Mcp-Name", name->str);
	span s = b.err ? (span){ 0 } : arena_copy(a, buf_span(&b));
	buf_fini(&b);
	return s;
}

static status
bad(struct bridge_message *m, int code, const char *why)
{
	m->kind = BRIDGE_BAD;
	m->error = code;
	m->why = why;
	return OK;
}

status
bridge_read(struct arena *a, span line, struct bridge_message *ret)
{
	const struct json *v, *params;
	static const struct json_opts opts = { .max_bytes = BRIDGE_MAX_LINE, .max_depth = 128, .max_nodes = 1 << 20, .allow_nul = true };
	*ret = (struct bridge_message){ 0 };
	status s = json_parse(line, &opts, a, &v, NULL);
	if (s.code == E_NO_MEMORY)
		return s;
	if (failed(s))
		return bad(ret, -32700, s.code == E_LIMIT ? "the message is too large or too deep" : "the line is not valid JSON");
	if (json_is_arr(v))
		return bad(ret, -32600, "batches are not supported");
	const struct json *method = json_gets(v, "method"), *id = json_gets(v, "id");
	if (json_is_str(id) || json_is_int(id))
		ret->id = scalar_text(a, id);
	if (!json_is_obj(v) || (id && !ret->id.n))
		return bad(ret, -32600, id ? "id must be a string or an integer" : "a message must be an object");
	if (!json_is_str(method)) {
		if (id && (json_gets(v, "result") || json_gets(v, "error"))) {
			ret->kind = BRIDGE_RESPONSE;
			return OK;
		}
		return bad(ret, -32600, "a message needs a method");
	}
	ret->kind = id ? BRIDGE_REQUEST : BRIDGE_NOTIFICATION;
	ret->method = method->str;
	ret->initialize = span_is(method->str, "initialize");
	ret->call = span_is(method->str, "tools/call");
	params = json_gets(v, "params");
	const struct json *version = json_gets(json_gets(params, "_meta"), META_VERSION);
	if (json_is_str(version) && version->str.n < 64) {
		ret->modern = true;
		ret->headers = mirror(a, method->str, params, version);
	}
	if (span_is(method->str, "notifications/cancelled") && json_gets(params, "requestId"))
		ret->cancels = scalar_text(a, json_gets(params, "requestId"));
	ENSURE(arena_ok(a), E_NO_MEMORY);
	return OK;
}

static void
begin(struct buf *b, span id)
{
	buf_put_str(b, "{\"jsonrpc\":\"2.0\",\"id\":");
	buf_put(b, id.n ? id : SPAN("null"));
}

void
bridge_error(struct buf *b, span id, int code, const char *message)
{
	begin(b, id);
	buf_printf(b, ",\"error\":{\"code\":%d,\"message\":", code);
	struct json_writer w = json_w(b);
	json_w_str(&w, span_str(message));
	buf_put_str(b, "}}\n");
}

void
bridge_failed_call(struct buf *b, span id, bool modern, const char *text)
{
	begin(b, id);
	buf_put_str(b, ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":");
	struct json_writer w = json_w(b);
	json_w_str(&w, span_str(text));
	buf_put_str(b, "}],\"isError\":true");
	buf_put_str(b, modern ? ",\"resultType\":\"complete\"}}\n" : "}}\n");
}

void
bridge_line(struct buf *b, span json)
{
	while (json.n) {
		size_t n = 0;
		/* Raw line breaks can only stand between tokens: inside strings JSON has them escaped. */
		while (n < json.n && json.p[n] != '\n' && json.p[n] != '\r')
			n++;
		buf_put(b, span_sub(json, 0, n));
		json = span_sub(json, n + 1, json.n);
	}
	buf_put_u8(b, '\n');
}
