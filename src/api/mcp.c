#include "api/mcp.h"

#include "text/base64url.h"

#include <strings.h>

#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"

static const char *const legacy_versions[] = { "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05" };

static const struct { const char *name; enum mcp_method method; } methods[] = {
	{ "initialize", MCP_INITIALIZE }, { "server/discover", MCP_DISCOVER }, { "ping", MCP_PING },
	{ "tools/list", MCP_TOOLS_LIST }, { "tools/call", MCP_TOOLS_CALL }, { "subscriptions/listen", MCP_LISTEN },
};

struct reading {
	struct arena *a;
	const struct http_fields *headers;
	struct mcp_message *m;
	struct mcp_refusal *err;
	const struct json *root, *params, *meta;
};

static bool
refuse(struct reading *r, unsigned http, int code, const char *message)
{
	*r->err = (struct mcp_refusal){ .http = http, .code = code, .id = r->m->id, .message = span_str(message) };
	return false;
}

/* The JSON text of a scalar, in the arena. */
static span
scalar_text(struct arena *a, const struct json *v)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	json_w_value(&w, v);
	return buf_finish(&b).code == E_OK ? arena_copy(a, buf_span(&b)) : (span){ 0 };
}

/* An id is a string or an integer, never null (MCP base protocol, "Requests"). */
static bool
read_id(struct reading *r)
{
	const struct json *id = json_gets(r->root, "id");
	if (!id)
		return true;
	if (!json_is_str(id) && !json_is_int(id))
		return refuse(r, 400, MCP_INVALID, "id must be a string or an integer");
	r->m->id = scalar_text(r->a, id);
	return r->m->id.n ? true : refuse(r, 400, MCP_INVALID, "id is too long");
}

/* A laxer reader behind or before us would take `Name` for `name` (GHSA-4gph-2hhr-5mwg, GHSA-q382-vc8q-7jhj). */
static bool
no_case_variants(struct reading *r, const struct json *obj, const char *const *names)
{
	for (; *names; names++) {
		const struct json_member *v = json_case_variant(obj, span_str(*names));
		if (v && !span_is(v->key, *names))
			return refuse(r, 400, MCP_INVALID, "a member's name differs from a known one only by case");
	}
	return true;
}

static bool
read_envelope(struct reading *r)
{
	static const char *const known[] = { "jsonrpc", "id", "method", "params", "result", "error", NULL };
	if (json_is_arr(r->root))
		return refuse(r, 400, MCP_INVALID, "batches are not supported");
	if (!json_is_obj(r->root))
		return refuse(r, 400, MCP_INVALID, "a request must be an object");
	if (!no_case_variants(r, r->root, known) || !read_id(r))
		return false;
	const struct json *v = json_gets(r->root, "jsonrpc"), *m = json_gets(r->root, "method");
	if (!json_is_str(v) || !span_is(v->str, "2.0"))
		return refuse(r, 400, MCP_INVALID, "jsonrpc must be \"2.0\"");
	if (!json_is_str(m) || json_gets(r->root, "result") || json_gets(r->root, "error"))
		return refuse(r, 400, MCP_INVALID, "a request needs a method and has neither result nor error");
	r->m->method_name = m->str;
	r->params = json_gets(r->root, "params");
	if (r->params && !json_is_obj(r->params))
		return refuse(r, 400, MCP_BAD_PARAMS, "params must be an object");
	static const char *const params[] = { "name", "arguments", "_meta", "requestId", "protocolVersion", NULL };
	if (r->params && !no_case_variants(r, r->params, params))
		return false;
	r->meta = json_gets(r->params, "_meta");
	if (r->meta && !json_is_obj(r->meta))
		return refuse(r, 400, MCP_BAD_PARAMS, "_meta must be an object");
	return true;
}

static bool
refuse_version(struct reading *r, span asked)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_karr(&w, "supported");
	json_w_str(&w, SPAN(MCP_MODERN_VERSION));
	for (size_t i = 0; i < ARRAY_LEN(legacy_versions); i++)
		json_w_str(&w, span_str(legacy_versions[i]));
	json_w_arr_end(&w);
	json_w_kstr(&w, "requested", span_sub(asked, 0, 64));
	json_w_obj_end(&w);
	refuse(r, 400, MCP_VERSION, "unsupported protocol version");
	if (!failed(buf_finish(&b)))
		r->err->data = arena_copy(r->a, buf_span(&b));
	return false;
}

static bool
legacy_known(span version)
{
	for (size_t i = 0; i < ARRAY_LEN(legacy_versions); i++)
		if (span_is(version, legacy_versions[i]))
			return true;
	return false;
}

/* One header, at most once; *ret_there says whether it came. */
static bool
single_header(struct reading *r, const char *name, span *ret, bool *ret_there)
{
	size_t n = 0;
	*ret = http_field(*r->headers, name, &n);
	*ret_there = n > 0;
	return n <= 1 ? true : refuse(r, 400, MCP_HEADER_MISMATCH, "a protocol header came twice");
}

static bool
read_era(struct reading *r)
{
	span header = { 0 };
	bool there = false;
	if (r->headers && !single_header(r, "mcp-protocol-version", &header, &there))
		return false;
	const struct json *v = json_gets(r->meta, META_VERSION);
	if (v && !json_is_str(v))
		return refuse(r, 400, MCP_BAD_PARAMS, "_meta protocolVersion must be a string");
	bool discover = span_is(r->m->method_name, "server/discover");
	if (!v && !discover && !(there && span_is(header, MCP_MODERN_VERSION))) {
		/* RFC-less rule of the Streamable HTTP page: no header means 2025-03-26. */
		r->m->era = MCP_LEGACY;
		r->m->version = there ? header : span_str("2025-03-26");
		if (there && !legacy_known(header))
			return refuse_version(r, header);
		return true;
	}
	r->m->era = MCP_MODERN;
	if (!v)
		return refuse(r, 400, MCP_BAD_PARAMS, "_meta lacks " META_VERSION);
	if (!span_is(v->str, MCP_MODERN_VERSION))
		return refuse_version(r, v->str);
	const struct json *caps = json_gets(r->meta, META_CAPABILITIES);
	if (!json_is_obj(caps))
		return refuse(r, 400, MCP_BAD_PARAMS, "_meta lacks " META_CAPABILITIES);
	r->m->version = v->str;
	if (r->headers && !(there && span_eq(header, v->str)))
		return refuse(r, 400, MCP_HEADER_MISMATCH, "MCP-Protocol-Version does not match the body");
	return true;
}

/* A mirrored value: plain, or =?base64?…?= for what a header can not carry (2026-07-28, "Value encoding"). */
static bool
mirror_equals(span header, span want)
{
	span head = SPAN("=?base64?"), tail = SPAN("?=");
	if (!span_starts(header, head) || !span_ends(header, tail) || header.n < head.n + tail.n)
		return span_eq(header, want);
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1024);
	return !failed(base64_decode(span_sub(header, head.n, header.n - head.n - tail.n), &out)) && span_eq(buf_span(&out), want);
}

enum { MIRRORED_MAX = 8192 };

static bool
put_mirrored(struct json_writer *w, span name, span value, struct reading *r)
{
	span head = SPAN("=?base64?"), tail = SPAN("?=");
	CLEANUP(buf_fini) struct buf low, out;
	buf_init(&low, 256);
	buf_init(&out, MIRRORED_MAX);
	for (size_t i = 0; i < name.n; i++)
		buf_put_u8(&low, (uint8_t)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]));
	if (span_starts(value, head) && span_ends(value, tail) && value.n >= head.n + tail.n) {
		if (failed(base64_decode(span_sub(value, head.n, value.n - head.n - tail.n), &out)))
			return refuse(r, 400, MCP_HEADER_MISMATCH, "a mirrored header is not base64");
		value = buf_span(&out);
	}
	if (failed(buf_finish(&low)))
		return refuse(r, 400, MCP_HEADER_MISMATCH, "a mirrored header's name is too long");
	json_w_key(w, buf_span(&low));
	json_w_str(w, value);
	return true;
}

/* Core has the tool's schema and compares (A47); twice the same name makes the object unreadable there, so it is refused here. */
static bool
read_mirrored(struct reading *r)
{
	static const char prefix[] = "mcp-param-";
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, MIRRORED_MAX);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	for (size_t i = 0; i < r->headers->n; i++) {
		const struct http_field *f = &r->headers->p[i];
		if (f->name.n <= sizeof prefix - 1 || strncasecmp((const char *)f->name.p, prefix, sizeof prefix - 1) != 0)
			continue;
		for (size_t k = 0; k < i; k++)
			if (r->headers->p[k].name.n == f->name.n && strncasecmp((const char *)r->headers->p[k].name.p, (const char *)f->name.p, f->name.n) == 0)
				return refuse(r, 400, MCP_HEADER_MISMATCH, "a mirrored header came twice");
		if (!put_mirrored(&w, span_sub(f->name, sizeof prefix - 1, f->name.n), f->value, r))
			return false;
	}
	json_w_obj_end(&w);
	if (failed(buf_finish(&b)))
		return refuse(r, 400, MCP_HEADER_MISMATCH, "the mirrored headers are too large or not UTF-8");
	r->m->mirrored = arena_copy(r->a, buf_span(&b));
	return true;
}

static bool
check_mirror(struct reading *r, const char *name, span want)
{
	span value;
	bool there;
	if (!single_header(r, name, &value, &there))
		return false;
	if (!there || !mirror_equals(value, want))
		return refuse(r, 400, MCP_HEADER_MISMATCH, "a mirrored header is missing or does not match the body");
	return true;
}

static bool
read_call(struct reading *r)
{
	const struct json *name = json_gets(r->params, "name"), *args = json_gets(r->params, "arguments");
	if (!json_is_str(name) || name->str.n == 0 || name->str.n > 128)
		return refuse(r, 200, MCP_BAD_PARAMS, "tools/call needs a name of 1 to 128 characters");
	if (args && !json_is_obj(args))
		return refuse(r, 200, MCP_BAD_PARAMS, "arguments must be an object");
	const struct json_member *twice = NULL;
	if (args && (failed(json_case_duplicate(args, r->a, &twice)) || twice))
		return refuse(r, 400, MCP_INVALID, "two arguments differ only by case");
	r->m->tool = name->str;
	r->m->args = SPAN("{}");
	if (args) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 262144);
		if (failed(json_canonical(args, &b)))
			return refuse(r, 200, MCP_BAD_PARAMS, "arguments are too large or hold a number that can not be kept exact");
		r->m->args = arena_copy(r->a, buf_span(&b));
		if (!r->m->args.n)
			return refuse(r, 503, MCP_INTERNAL, "out of memory");
	}
	return !r->headers || r->m->era == MCP_LEGACY || (check_mirror(r, "mcp-name", name->str) && read_mirrored(r));
}

static bool
read_params(struct reading *r)
{
	struct mcp_message *m = r->m;
	const struct json *token = json_gets(r->meta, "progressToken"), *ref = json_gets(r->meta, "claudecode/toolUseId");
	if (json_is_str(token) || json_is_int(token))
		m->progress_token = scalar_text(r->a, token);
	if (json_is_str(ref))
		m->client_ref = span_sub(ref->str, 0, 128);
	switch (m->method) {
	case MCP_TOOLS_CALL:
		return read_call(r);
	case MCP_INITIALIZE: {
		const struct json *v = json_gets(r->params, "protocolVersion");
		if (!json_is_str(v))
			return refuse(r, 200, MCP_BAD_PARAMS, "initialize needs protocolVersion");
		m->era = MCP_LEGACY;
		m->version = legacy_known(v->str) ? v->str : span_str(legacy_versions[0]);
		return true;
	}
	case MCP_CANCELLED: {
		const struct json *id = json_gets(r->params, "requestId");
		if (json_is_str(id) || json_is_int(id))
			m->cancel_id = scalar_text(r->a, id);
		return true;
	}
	case MCP_LISTEN: {
		const struct json *n = json_gets(json_gets(r->params, "notifications"), "toolsListChanged");
		m->listen_tools = json_is_bool(n) && n->truth;
		return true;
	}
	case MCP_DISCOVER: case MCP_PING: case MCP_TOOLS_LIST: case MCP_NOTIFICATION: case MCP_UNKNOWN:
		return true;
	}
	return true;
}

static void
read_method(struct mcp_message *m)
{
	if (!m->id.n) {
		m->method = span_is(m->method_name, "notifications/cancelled") ? MCP_CANCELLED : MCP_NOTIFICATION;
		return;
	}
	m->method = MCP_UNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (span_is(m->method_name, methods[i].name))
			m->method = methods[i].method;
	/* Sessions, and what depends on them, ended with 2026-07-28. */
	if (m->era == MCP_MODERN && (m->method == MCP_INITIALIZE || m->method == MCP_PING))
		m->method = MCP_UNKNOWN;
	if (m->era == MCP_LEGACY && (m->method == MCP_DISCOVER || m->method == MCP_LISTEN))
		m->method = MCP_UNKNOWN;
}

bool
mcp_read(struct arena *a, span body, const struct http_fields *headers, struct mcp_message *ret, struct mcp_refusal *reterr)
{
	*ret = (struct mcp_message){ 0 };
	struct reading r = { .a = a, .headers = headers, .m = ret, .err = reterr };
	const struct json_opts opts = { .max_bytes = 1 << 20, .max_depth = 64, .max_nodes = 65536 };
	status s = json_parse(body, &opts, a, &r.root, NULL);
	if (failed(s))
		return refuse(&r, s.code == E_LIMIT ? 413 : 400, MCP_PARSE, error_text(s.code));
	if (!read_envelope(&r) || !read_era(&r))
		return false;
	read_method(ret);
	if (headers && ret->era == MCP_MODERN && !check_mirror(&r, "mcp-method", ret->method_name))
		return false;
	if (!read_params(&r))
		return false;
	if (ret->method == MCP_UNKNOWN)
		return refuse(&r, ret->era == MCP_MODERN ? 404 : 200, MCP_NO_METHOD, "method not found");
	return arena_ok(a) ? true : refuse(&r, 503, MCP_INTERNAL, "out of memory");
}
