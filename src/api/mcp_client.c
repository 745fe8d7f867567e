#include "api/mcp_client.h"

#include "base/map.h"
#include "identity/definition.h"

#include <stdlib.h>

enum { ID_HELLO = 1, ID_HELLO_MODERN = 2, ID_FIRST_FREE = 16 };

struct pending {
	struct map_node by_id;
	struct map_node by_call;
	uint64_t id, call;
};

struct tool {
	span name;          /* in the list arena */
	digest digest;
	bool twice;
};

struct mcp_client {
	const struct mcp_client_events *ev;
	void *ctx;
	enum mcp_client_state state;
	enum mcp_era era;
	char version[16];
	uint64_t next_id, list_id;
	struct map ids, calls;
	struct arena list;              /* names of `tools` */
	struct buf definitions;         /* canonical array, without the closing bracket while listing */
	struct tool *tools;
	size_t n_tools;
	bool complete, list_again;
};

static bool has_id(const struct map_node *n, const void *k) { return container_of(n, struct pending, by_id)->id == *(const uint64_t *)k; }
static bool has_call(const struct map_node *n, const void *k) { return container_of(n, struct pending, by_call)->call == *(const uint64_t *)k; }

static struct pending *
find_id(struct mcp_client *c, uint64_t id)
{
	struct map_node *n = map_find(&c->ids, map_hash_u64(&c->ids, id), has_id, &id);
	return n ? container_of(n, struct pending, by_id) : NULL;
}

static struct pending *
find_call(struct mcp_client *c, uint64_t call)
{
	struct map_node *n = map_find(&c->calls, map_hash_u64(&c->calls, call), has_call, &call);
	return n ? container_of(n, struct pending, by_call) : NULL;
}

static void
forget(struct mcp_client *c, struct pending *p)
{
	map_del(&c->ids, &p->by_id);
	map_del(&c->calls, &p->by_call);
	free(p);
}

status
mcp_client_new(const struct mcp_client_events *ev, void *ctx, struct mcp_client **ret)
{
	struct mcp_client *c = calloc(1, sizeof *c);
	ENSURE(c, E_NO_MEMORY);
	c->ev = ev;
	c->ctx = ctx;
	c->next_id = ID_FIRST_FREE;
	/* Keys are our own counters: no secret hash key is needed. */
	map_init(&c->ids, 0, 1);
	map_init(&c->calls, 2, 3);
	arena_init(&c->list, MCP_LIST_MAX);
	buf_init(&c->definitions, MCP_LIST_MAX);
	*ret = c;
	return OK;
}

struct mcp_client *
mcp_client_free(struct mcp_client *c)
{
	if (!c)
		return NULL;
	map_for(it, &c->ids)
		forget(c, container_of(it, struct pending, by_id));
	map_fini(&c->ids);
	map_fini(&c->calls);
	arena_fini(&c->list);
	buf_fini(&c->definitions);
	free(c->tools);
	free(c);
	return NULL;
}

enum mcp_client_state mcp_client_state(const struct mcp_client *c) { return c->state; }
enum mcp_era mcp_client_era(const struct mcp_client *c) { return c->era; }
span mcp_client_version(const struct mcp_client *c) { return span_str(c->version); }
span mcp_client_definitions(const struct mcp_client *c) { return c->complete ? buf_span(&c->definitions) : SPAN("[]"); }

static void
break_off(struct mcp_client *c, const char *why)
{
	if (c->state == MCP_BROKEN)
		return;
	c->state = MCP_BROKEN;
	c->ev->broken(c->ctx, span_str(why));
}

/* ---- sending ---- */

static void
put_meta(struct json_writer *w, const struct mcp_client *c, uint64_t progress)
{
	if (c->era == MCP_LEGACY && !progress)
		return;
	json_w_kobj(w, "_meta");
	if (c->era == MCP_MODERN) {
		json_w_kcstr(w, "io.modelcontextprotocol/protocolVersion", MCP_MODERN_VERSION);
		json_w_kobj(w, "io.modelcontextprotocol/clientCapabilities");
		json_w_obj_end(w);
		json_w_kobj(w, "io.modelcontextprotocol/clientInfo");
		json_w_kcstr(w, "name", "ambit");
		json_w_kcstr(w, "version", AMBIT_VERSION);
		json_w_obj_end(w);
	}
	if (progress) {
		json_w_key(w, SPAN("progressToken"));
		json_w_uint(w, progress);
	}
	json_w_obj_end(w);
}

static void
open_message(struct json_writer *w, uint64_t id, const char *method)
{
	json_w_obj(w);
	json_w_kcstr(w, "jsonrpc", "2.0");
	if (id) {
		json_w_key(w, SPAN("id"));
		json_w_uint(w, id);
	}
	json_w_kcstr(w, "method", method);
	json_w_kobj(w, "params");
}

static status
close_and_send(struct mcp_client *c, struct json_writer *w, uint64_t id, const char *method, span name)
{
	json_w_obj_end(w);
	json_w_obj_end(w);
	TRY(buf_finish(w->b));
	return c->ev->send(c->ctx, &(struct mcp_outgoing_message){ buf_span(w->b), id, method, name });
}

static status
send_hello(struct mcp_client *c)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	if (c->era == MCP_MODERN) {
		open_message(&w, ID_HELLO_MODERN, "server/discover");
		put_meta(&w, c, 0);
		return close_and_send(c, &w, ID_HELLO_MODERN, "server/discover", (span){ 0 });
	}
	open_message(&w, ID_HELLO, "initialize");
	json_w_kcstr(&w, "protocolVersion", "2025-11-25");
	json_w_kobj(&w, "capabilities");
	json_w_obj_end(&w);
	json_w_kobj(&w, "clientInfo");
	json_w_kcstr(&w, "name", "ambit");
	json_w_kcstr(&w, "version", AMBIT_VERSION);
	json_w_obj_end(&w);
	return close_and_send(c, &w, ID_HELLO, "initialize", (span){ 0 });
}

static status
send_list(struct mcp_client *c, span cursor)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16384);
	struct json_writer w = json_w(&b);
	c->list_id = c->next_id++;
	open_message(&w, c->list_id, "tools/list");
	if (cursor.n)
		json_w_kstr(&w, "cursor", cursor);
	put_meta(&w, c, 0);
	return close_and_send(c, &w, c->list_id, "tools/list", (span){ 0 });
}

static status
send_note(struct mcp_client *c, const char *method, uint64_t request)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	open_message(&w, 0, method);
	if (request) {
		json_w_key(&w, SPAN("requestId"));
		json_w_uint(&w, request);
	}
	return close_and_send(c, &w, 0, method, (span){ 0 });
}

void
mcp_client_start(struct mcp_client *c)
{
	c->state = MCP_GREETING;
	if (failed(send_hello(c)))
		break_off(c, "the server can not be written to");
}

static void
begin_list(struct mcp_client *c)
{
	c->state = MCP_LISTING;
	c->complete = false;
	c->list_again = false;
	c->n_tools = 0;
	arena_reset(&c->list);
	buf_reset(&c->definitions);
	buf_put_u8(&c->definitions, '[');
	if (failed(send_list(c, (span){ 0 })))
		break_off(c, "the server can not be written to");
}

void
mcp_client_list(struct mcp_client *c)
{
	if (c->state == MCP_READY)
		begin_list(c);
	else if (c->state == MCP_LISTING)
		c->list_again = true;
}

status
mcp_client_call(struct mcp_client *c, uint64_t call, span tool, span args, bool progress, uint64_t *ret_id)
{
	ENSURE(c->state == MCP_READY, E_UNAVAILABLE);
	ENSURE(!find_call(c, call), E_CONFLICT);
	struct pending *p = calloc(1, sizeof *p);
	ENSURE(p, E_NO_MEMORY);
	p->id = c->next_id++;
	p->call = call;
	if (failed(map_reserve(&c->ids, c->ids.count + 1)) || failed(map_reserve(&c->calls, c->calls.count + 1))) {
		free(p);
		return FAIL(E_NO_MEMORY);
	}
	IGNORE(map_add(&c->ids, map_hash_u64(&c->ids, p->id), &p->by_id));       /* room was reserved */
	IGNORE(map_add(&c->calls, map_hash_u64(&c->calls, call), &p->by_call));
	*ret_id = p->id;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, args.n + 8192);
	struct json_writer w = json_w(&b);
	open_message(&w, p->id, "tools/call");
	json_w_kstr(&w, "name", tool);
	json_w_key(&w, SPAN("arguments"));
	json_w_raw(&w, args);
	put_meta(&w, c, progress ? p->id : 0);
	status s = close_and_send(c, &w, p->id, "tools/call", tool);
	if (failed(s))
		forget(c, p);
	return s;
}

void
mcp_client_cancel(struct mcp_client *c, uint64_t call)
{
	struct pending *p = find_call(c, call);
	if (!p)
		return;
	uint64_t id = p->id;
	forget(c, p);
	if (c->state != MCP_BROKEN)
		IGNORE(send_note(c, "notifications/cancelled", id)); /* the call is forgotten either way */
}

/* ---- receiving ---- */

static void
on_hello(struct mcp_client *c, const struct json *result)
{
	span version = { 0 };
	if (c->era == MCP_LEGACY) {
		if (failed(json_get_str(result, "protocolVersion", &version, NULL)) || version.n != 10) {
			break_off(c, "initialize was answered without a protocol version");
			return;
		}
		memcpy(c->version, version.p, 10);
		if (failed(send_note(c, "notifications/initialized", 0))) {
			break_off(c, "the server can not be written to");
			return;
		}
	} else {
		bool found = false;
		json_for_items(v, json_gets(result, "supportedVersions"))
			found = found || (json_is_str(v) && span_is(v->str, MCP_MODERN_VERSION));
		if (!found) {
			break_off(c, "the server supports no protocol version that we do");
			return;
		}
		memcpy(c->version, MCP_MODERN_VERSION, 10);
	}
	begin_list(c);
}

static void
on_hello_refused(struct mcp_client *c)
{
	if (c->era == MCP_MODERN) {
		break_off(c, "the server accepts neither initialize nor server/discover");
		return;
	}
	c->era = MCP_MODERN;
	if (failed(send_hello(c)))
		break_off(c, "the server can not be written to");
}

static status
add_tool(struct mcp_client *c, const struct json *t)
{
	struct tool *tool = &c->tools[c->n_tools];
	span name;
	TRY(json_get_str(t, "name", &name, NULL));
	TRY(definition_digest(t, &tool->digest));
	tool->twice = false;
	for (size_t i = 0; i < c->n_tools; i++)
		if (span_eq(c->tools[i].name, name))
			c->tools[i].twice = tool->twice = true;
	tool->name = arena_copy(&c->list, name);
	ENSURE(arena_ok(&c->list), E_LIMIT);
	if (c->definitions.n > 1)
		buf_put_u8(&c->definitions, ',');
	TRY(definition_put(t, &c->definitions));
	c->n_tools++;
	return OK;
}

static void
on_list(struct mcp_client *c, const struct json *result)
{
	const struct json *tools = json_gets(result, "tools"), *next = json_gets(result, "nextCursor");
	if (!json_is_arr(tools)) {
		break_off(c, "tools/list was answered without a list");
		return;
	}
	if (!c->tools && !(c->tools = calloc(MCP_TOOLS_MAX, sizeof *c->tools))) {
		break_off(c, "out of memory");
		return;
	}
	json_for_items(t, tools) {
		/* One unusable definition hides one tool: it has no digest, so nobody can review or call it. */
		if (c->n_tools == MCP_TOOLS_MAX || add_tool(c, t).code == E_LIMIT) {
			break_off(c, "the server's tool list is too large");
			return;
		}
	}
	if (json_is_str(next) && next->str.n && next->str.n <= 4096) {
		if (failed(send_list(c, next->str)))
			break_off(c, "the server can not be written to");
		return;
	}
	buf_put_u8(&c->definitions, ']');
	if (failed(buf_finish(&c->definitions))) {
		break_off(c, "the server's tool list is too large");
		return;
	}
	c->complete = true;
	c->state = MCP_READY;
	bool again = c->list_again;
	c->ev->listed(c->ctx);
	if (again && c->state == MCP_READY)
		begin_list(c);
}

bool
mcp_client_digest(const struct mcp_client *c, span tool, digest *ret)
{
	for (size_t i = 0; c->complete && i < c->n_tools; i++) {
		if (span_eq(c->tools[i].name, tool) && !c->tools[i].twice) {
			*ret = c->tools[i].digest;
			return true;
		}
	}
	return false;
}

/* Verdicts under dev.ambit/ are ours to give: a server's _meta that holds one goes no further. */
static bool
is_forged(const struct json_member *m)
{
	if (!span_is(m->key, "_meta"))
		return false;
	json_for_members(it, &m->value)
		if (span_starts(it->key, SPAN("dev.ambit/")))
			return true;
	return false;
}

/* A result goes on in canonical form (or, where a number has none, as a plain re-serialisation), without resultType: the
 * edge speaks its caller's era. */
static void
on_result(struct mcp_client *c, uint64_t call, const struct json *result)
{
	const struct json *type = json_gets(result, "resultType"), *bad = json_gets(result, "isError");
	bool is_error = json_is_bool(bad) && bad->truth;
	if (!json_is_obj(result)) {
		c->ev->result(c->ctx, call, (span){ 0 }, true, SPAN("The tool server answered without a result."));
		return;
	}
	if (type && !(json_is_str(type) && span_is(type->str, "complete"))) {
		c->ev->result(c->ctx, call, (span){ 0 }, true,
		              SPAN("The tool asked for more input than its arguments, which this gateway does not pass on."));
		return;
	}
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf b;
	arena_init(&a, MCP_MESSAGE_MAX);
	buf_init(&b, MCP_MESSAGE_MAX);
	struct json_member *m = arena_array(&a, result->obj.n, sizeof *m);
	size_t n = 0;
	json_for_members(it, result)
		if (m && !span_is(it->key, "resultType") && !is_forged(it))
			m[n++] = *it;
	struct json plain;
	status s = m || result->obj.n == 0 ? json_make_obj(&a, m, n, &plain, NULL) : FAIL(E_NO_MEMORY);
	if (!failed(s)) {
		s = json_canonical(&plain, &b);
		if (s.code == E_LIMIT) {
			buf_reset(&b);
			struct json_writer w = json_w(&b);
			json_w_value(&w, &plain);
			s = buf_finish(&b);
		}
	}
	if (failed(s))
		c->ev->result(c->ctx, call, (span){ 0 }, true, SPAN("The tool's result is too large."));
	else
		c->ev->result(c->ctx, call, buf_span(&b), is_error, (span){ 0 });
}

static void
on_error(struct mcp_client *c, uint64_t call, const struct json *error)
{
	span text = { 0 };
	IGNORE(json_opt_str(error, "message", &text, NULL)); /* a server that gives no text gets ours */
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8192);
	buf_put_str(&b, "The tool server refused the call: ");
	buf_put(&b, text.n ? span_sub(text, 0, 2000) : SPAN("no reason given"));
	c->ev->result(c->ctx, call, (span){ 0 }, true, failed(buf_finish(&b)) ? SPAN("The tool server refused the call.") : buf_span(&b));
}

static void
on_answer(struct mcp_client *c, const struct json *v, const struct json *id)
{
	const struct json *result = json_gets(v, "result"), *error = json_gets(v, "error");
	if (!json_is_int(id) || id->i <= 0 || (result != NULL) == (error != NULL)) {
		/* An error without id answers nothing we can name; while greeting it can only mean the greeting. */
		if (c->state == MCP_GREETING && error)
			on_hello_refused(c);
		return;
	}
	uint64_t n = (uint64_t)id->i;
	if (c->state == MCP_GREETING && n == (c->era == MCP_LEGACY ? ID_HELLO : ID_HELLO_MODERN)) {
		if (result)
			on_hello(c, result);
		else
			on_hello_refused(c);
		return;
	}
	if (c->state == MCP_LISTING && n == c->list_id) {
		if (result)
			on_list(c, result);
		else
			break_off(c, "tools/list was refused");
		return;
	}
	struct pending *p = find_id(c, n);
	if (!p)
		return; /* cancelled, answered already, or never asked */
	uint64_t call = p->call;
	forget(c, p);
	if (result)
		on_result(c, call, result);
	else
		on_error(c, call, error);
}

static void
on_notification(struct mcp_client *c, span method, const struct json *params)
{
	if (span_is(method, "notifications/tools/list_changed")) {
		mcp_client_list(c);
		return;
	}
	const struct json *token = json_gets(params, "progressToken");
	if (!span_is(method, "notifications/progress") || !json_is_int(token) || token->i <= 0)
		return;
	struct pending *p = find_id(c, (uint64_t)token->i);
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	if (p && !failed(json_canonical(params, &b)))
		c->ev->progress(c->ctx, p->call, buf_span(&b));
}

/* Ping is answered; whatever else a server asks of us it does not get. */
static void
on_request(struct mcp_client *c, span method, const struct json *id)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8192);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "jsonrpc", "2.0");
	json_w_key(&w, SPAN("id"));
	json_w_value(&w, id);
	if (span_is(method, "ping")) {
		json_w_kobj(&w, "result");
	} else {
		json_w_kobj(&w, "error");
		json_w_kint(&w, "code", MCP_NO_METHOD);
		json_w_kcstr(&w, "message", "this client serves no such request");
	}
	json_w_obj_end(&w);
	json_w_obj_end(&w);
	if (!failed(buf_finish(&b)))
		IGNORE(c->ev->send(c->ctx, &(struct mcp_outgoing_message){ .text = buf_span(&b) })); /* a dead server is noticed elsewhere */
}

void
mcp_client_feed(struct mcp_client *c, span message)
{
	if (c->state == MCP_BROKEN || c->state == MCP_NEW)
		return;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 8 * (size_t)MCP_MESSAGE_MAX);
	const struct json *v;
	const struct json_opts opts = { .max_bytes = MCP_MESSAGE_MAX, .max_nodes = 1 << 20, .max_depth = 128, .allow_nul = true };
	if (failed(json_parse(message, &opts, &a, &v, NULL)) || !json_is_obj(v)) {
		break_off(c, "the server sent something that is not a JSON-RPC message");
		return;
	}
	const struct json *method = json_gets(v, "method"), *id = json_gets(v, "id");
	if (json_is_str(method) && id && (json_is_int(id) || json_is_str(id)))
		on_request(c, method->str, id);
	else if (json_is_str(method))
		on_notification(c, method->str, json_gets(v, "params"));
	else
		on_answer(c, v, id);
}

void
mcp_client_failed(struct mcp_client *c, uint64_t id, span why)
{
	if (c->state == MCP_GREETING && id == ID_HELLO) {
		on_hello_refused(c);
		return;
	}
	struct pending *p = find_id(c, id);
	if (p) {
		uint64_t call = p->call;
		forget(c, p);
		c->ev->result(c->ctx, call, (span){ 0 }, true, why);
	} else if (c->state == MCP_GREETING || (c->state == MCP_LISTING && id == c->list_id)) {
		break_off(c, "the server does not answer");
	}
}
