#include "catalogue.h"

#include "core/mapping.h"
#include "text/yaml.h"

#include <stdio.h>

enum { CATALOGUE_MAX = 16 << 20 };

struct tool_entry *
catalogue_find(const struct catalogue *k, span name)
{
	for (size_t i = 0; i < k->n; i++)
		if (span_eq(k->tools[i].name, name))
			return &k->tools[i];
	return NULL;
}

static status
add_server(struct cli *c, struct catalogue *k, span name)
{
	for (size_t i = 0; i < k->server_n; i++)
		if (span_eq(k->servers[i], name))
			return OK;
	if (k->server_n == k->server_cap) {
		size_t cap = k->server_cap ? 2 * k->server_cap : 16;
		span *more = arena_array(&c->arena, cap, sizeof *more);
		ENSURE(more, E_NO_MEMORY);
		if (k->server_n)
			memcpy(more, k->servers, k->server_n * sizeof *more);
		k->servers = more;
		k->server_cap = cap;
	}
	k->servers[k->server_n++] = name;
	return OK;
}

/* The entry of that name, made when there is none. NULL: the name is not server/tool. */
static status
entry(struct cli *c, struct catalogue *k, span name, struct tool_entry **ret)
{
	size_t slash = span_find(name, '/');
	ENSURE(slash > 0 && slash + 1 < name.n, E_BAD_CONFIG);
	*ret = catalogue_find(k, name);
	if (*ret)
		return OK;
	if (k->n == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 64;
		struct tool_entry *more = arena_array(&c->arena, cap, sizeof *more);
		ENSURE(more, E_NO_MEMORY);
		if (k->n)
			memcpy(more, k->tools, k->n * sizeof *more);
		k->tools = more;
		k->cap = cap;
	}
	*ret = &k->tools[k->n++];
	**ret = (struct tool_entry){ .name = name, .server = span_sub(name, 0, slash), .own = span_sub(name, slash + 1, name.n) };
	return add_server(c, k, (*ret)->server);
}

/* What is said first stays: a tools file is read before the resources. */
static void
fill(struct tool_entry *t, const struct json *v)
{
	const struct json *effect = json_gets(v, "effect"), *sens = json_gets(v, "sensitivity"), *res = json_gets(v, "resource"), *untyped = json_gets(v, "untyped");
	const struct json *def = json_gets(v, "definition"), *input = json_gets(v, "inputSchema");
	if (!t->effect.n && json_is_str(effect))
		t->effect = effect->str;
	if (!t->sensitivity.n && json_is_str(sens))
		t->sensitivity = sens->str;
	if (!t->resource.n && json_is_str(res))
		t->resource = res->str;
	t->untyped |= json_is_bool(untyped) && untyped->truth;
	if (!t->definition && json_is_obj(def))
		t->definition = def;
	if (!t->input)
		t->input = json_is_obj(input) ? input : json_is_obj(json_gets(t->definition, "inputSchema")) ? json_gets(t->definition, "inputSchema") : NULL;
}

static status
bad(struct buf *b, const char *where, const struct json *at, const char *why)
{
	if (at && at->at)
		buf_printf(b, "%s:%u:%u: %s", where, yaml_line(at->at), yaml_column(at->at), why);
	else
		buf_printf(b, "%s: %s", where, why);
	return FAIL(E_BAD_CONFIG);
}

static bool
one_of(span s, const char *const *words)
{
	for (; *words; words++)
		if (span_is(s, *words))
			return true;
	return false;
}

status
catalogue_tools(struct cli *c, struct catalogue *k, const struct json *tools, const char *where, struct buf *reterr)
{
	static const char *const known[] = { "name", "effect", "sensitivity", "resource", "untyped", "definition", "inputSchema", NULL };
	static const char *const effects[] = { "read", "write", "destructive", "egress", NULL };
	static const char *const labels[] = { "public", "internal", "confidential", "restricted", NULL };
	if (!json_is_arr(tools))
		return bad(reterr, where, tools, "tools: must be a list");
	json_for_items(it, tools) {
		struct json_error e = { 0 };
		struct tool_entry *t;
		span name = { 0 }, effect = { 0 }, label = { 0 };
		if (failed(json_get_str(it, "name", &name, NULL)))
			return bad(reterr, where, it, "a tool needs a name: server/tool");
		if (failed(json_only(it, known, &e))) {
			char why[160];
			snprintf(why, sizeof why, "%.*s: unknown member; known are name, effect, sensitivity, resource, untyped, definition and inputSchema", SPAN_ARG(name));
			return bad(reterr, where, it, why);
		}
		if (failed(json_opt_str(it, "effect", &effect, NULL)) || (effect.n && !one_of(effect, effects)))
			return bad(reterr, where, json_gets(it, "effect"), "effect is read, write, destructive or egress");
		if (failed(json_opt_str(it, "sensitivity", &label, NULL)) || (label.n && !one_of(label, labels)))
			return bad(reterr, where, json_gets(it, "sensitivity"), "sensitivity is public, internal, confidential or restricted");
		status s = entry(c, k, name, &t);
		if (s.code == E_BAD_CONFIG)
			return bad(reterr, where, it, "a tool's name is server/tool");
		TRY(s);
		fill(t, it);
	}
	return OK;
}

status
catalogue_server(struct cli *c, struct catalogue *k, const struct json *server)
{
	span name = { 0 };
	if (failed(json_get_str(server, "name", &name, NULL)))
		return OK;                       /* the server will refuse the resource; this only reads it for its tools */
	TRY(add_server(c, k, name));
	json_for_items(it, json_gets(server, "tools")) {
		span own = { 0 };
		struct tool_entry *t;
		if (failed(json_get_str(it, "name", &own, NULL)) || !own.n)
			continue;
		char *full = arena_alloc(&c->arena, name.n + own.n + 2);
		ENSURE(full, E_NO_MEMORY);
		int n = snprintf(full, name.n + own.n + 2, "%.*s/%.*s", SPAN_ARG(name), SPAN_ARG(own));
		TRY(entry(c, k, span_make(full, (size_t)n), &t));
		fill(t, it);
	}
	return OK;
}

static status
take(struct cli *c, struct catalogue *k, const struct json *doc, const char *path, struct buf *reterr)
{
	const struct json *kind = json_gets(doc, "kind");
	if (json_is_str(kind))
		return span_is(kind->str, "server") ? catalogue_server(c, k, doc) : OK;
	if (json_gets(doc, "tools"))
		return catalogue_tools(c, k, json_gets(doc, "tools"), path, reterr);
	json_for_items(it, doc)
		TRY(take(c, k, it, path, reterr));
	return OK;
}

status
catalogue_file(struct cli *c, struct catalogue *k, const char *path, struct buf *reterr)
{
	span text;
	status s = walk_read(&c->arena, path, CATALOGUE_MAX, &text);
	if (failed(s)) {
		buf_printf(reterr, "%s: %s", path, s.code == E_NOT_FOUND ? "no such file" : error_text(s.code));
		return s;
	}
	if (span_ends(span_str(path), SPAN(".json"))) {
		static const struct json_opts opts = { .max_bytes = CATALOGUE_MAX, .max_depth = 256, .max_nodes = 4 << 20 };
		struct json_error e = { 0 };
		const struct json *v;
		s = json_parse(text, &opts, &c->arena, &v, &e);
		if (failed(s)) {
			buf_printf(reterr, "%s: ", path);
			json_error_print(&e, reterr);
			return s.code == E_NO_MEMORY ? s : FAIL(E_BAD_CONFIG);
		}
		struct json_member m = { SPAN("v"), *v };
		/* Offsets of JSON are not places of YAML. */
		m.value.at = 0;
		return take(c, k, &m.value, path, reterr);
	}
	struct yaml y;
	TRY(yaml_parse(text, path, &c->arena, &y, reterr));
	for (size_t i = 0; i < y.n; i++)
		TRY(take(c, k, &y.docs[i], path, reterr));
	return OK;
}

status
catalogue_join(struct cli *c, struct catalogue *k, const struct catalogue *other)
{
	for (size_t i = 0; i < other->n; i++) {
		struct tool_entry *t;
		bool known = catalogue_find(k, other->tools[i].name) != NULL;
		TRY(entry(c, k, other->tools[i].name, &t));
		if (!known)
			*t = other->tools[i];
	}
	return OK;
}

/* ---- from the server ---- */

bool
catalogue_ask(struct cli *c, struct catalogue *k, int *ret_exit)
{
	struct buf b;
	buf_init(&b, 65536);
	const char *cursor = NULL;
	bool ok;
	do {
		struct answer a, one;
		struct json_writer w = json_w(&b);
		buf_reset(&b);
		json_w_obj(&w);
		json_w_kint(&w, "limit", 1000);
		if (cursor)
			json_w_kcstr(&w, "cursor", cursor);
		json_w_obj_end(&w);
		ok = cli_get(c, PEER_PEOPLE, "tool/list", buf_span(&b), &a, ret_exit);
		cursor = NULL;
		if (!ok)
			break;
		json_for_items(it, json_gets(a.json, "items")) {
			span name = { 0 };
			struct tool_entry *t;
			buf_reset(&b);
			w = json_w(&b);
			json_w_obj(&w);
			json_w_kcstr(&w, "tool", text_at(c, it, "name"));
			json_w_obj_end(&w);
			ok = cli_get(c, PEER_PEOPLE, "tool/show", buf_span(&b), &one, ret_exit);
			if (!ok)
				break;
			if (failed(json_get_str(one.json, "name", &name, NULL)) || failed(entry(c, k, name, &t))) {
				*ret_exit = cli_fail(c, E_UPSTREAM, NULL, NULL, "the server's list of tools cannot be read");
				ok = false;
				break;
			}
			fill(t, one.json);
			/* Of the server's answer `definition` is the digest; the definition itself is `current`. */
			t->definition = json_is_obj(json_gets(one.json, "current")) ? json_gets(one.json, "current") : NULL;
			t->input = json_is_obj(json_gets(t->definition, "inputSchema")) ? json_gets(t->definition, "inputSchema") : NULL;
		}
		const struct json *next = json_gets(a.json, "next");
		if (ok && json_is_str(next))
			cursor = arena_cstr(&c->arena, next->str);
	} while (ok && cursor);
	buf_fini(&b);
	return ok;
}

/* ---- what follows ---- */

void
catalogue_settle(struct catalogue *k)
{
	k->bare = 0;
	for (size_t i = 0; i < k->n; i++) {
		struct tool_entry *t = &k->tools[i];
		const struct json *open = json_gets(json_gets(t->definition, "annotations"), "openWorldHint");
		/* As core has it: without a word from us a tool is destructive. */
		if (!t->effect.n)
			t->effect = json_is_bool(open) && open->truth ? SPAN("egress") : SPAN("destructive");
		if (!t->sensitivity.n)
			t->sensitivity = SPAN("public");
		k->bare += !t->input && !t->definition;
	}
}

status
catalogue_schema(struct cli *c, const struct catalogue *k, struct cedar_diag *d, struct cedar_toolschema **ret)
{
	struct cedar_tool *tools = arena_array(&c->arena, k->n + 1, sizeof *tools);
	span *kinds = arena_array(&c->arena, k->n + 1, sizeof *kinds);
	ENSURE(tools && kinds, E_NO_MEMORY);
	for (size_t i = 0; i < k->n; i++) {
		const struct tool_entry *t = &k->tools[i];
		tools[i] = (struct cedar_tool){ .server = t->server, .name = t->own, .effect = t->effect, .input = t->input, .untyped = t->untyped };
		if (!t->resource.n)
			continue;
		struct mapping *m;
		status s = mapping_parse(t->resource, &c->arena, &m);
		if (failed(s) && s.code != E_NO_MEMORY)
			return cedar_diag_set(d, E_BAD_SCHEMA, (struct cedar_pos){ 0 }, "write Path::\"{path:input.path}\"", "the resource of tool %.*s is malformed", SPAN_ARG(t->name));
		TRY(s);
		kinds[i] = m->type;
		tools[i].kinds = &kinds[i];
		tools[i].n_kinds = 1;
	}
	return cedar_toolschema_new(tools, k->n, k->servers, k->server_n, NULL, 0, d, ret);
}

void
catalogue_write(const struct catalogue *k, struct json_writer *w)
{
	json_w_obj(w);
	json_w_karr(w, "tools");
	for (size_t i = 0; i < k->n; i++) {
		const struct tool_entry *t = &k->tools[i];
		json_w_obj(w);
		json_w_kstr(w, "name", t->name);
		json_w_kstr(w, "effect", t->effect);
		json_w_kstr(w, "sensitivity", t->sensitivity);
		if (t->resource.n)
			json_w_kstr(w, "resource", t->resource);
		if (t->untyped)
			json_w_kbool(w, "untyped", true);
		if (t->definition) {
			json_w_key(w, SPAN("definition"));
			json_w_value(w, t->definition);
		} else if (t->input) {
			json_w_key(w, SPAN("inputSchema"));
			json_w_value(w, t->input);
		}
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_obj_end(w);
}

int
tool_catalogue_run(struct cli *c)
{
	struct catalogue k = { 0 };
	struct buf b;
	int code;
	if (!catalogue_ask(c, &k, &code))
		return code;
	catalogue_settle(&k);
	buf_init(&b, 64 << 20);
	struct json_writer w = json_w_pretty(&b);
	catalogue_write(&k, &w);
	buf_put_u8(&b, '\n');
	code = failed(buf_finish(&b)) ? cli_fail(c, E_NO_MEMORY, NULL, NULL, "the catalogue is too large") : out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}
