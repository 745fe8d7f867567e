#include "core/core_priv.h"

#include <stdlib.h>

static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct server, by_id)->id == *(const uint64_t *)key; }

struct server *
server_by_id(const struct core *c, uint64_t id)
{
	struct map_node *n = map_find(&c->servers_by_id, map_hash_u64(&c->servers_by_id, id), id_is, &id);
	return n ? container_of(n, struct server, by_id) : NULL;
}

/* The id follows from the name, so that it is the same in every run. */
static uint64_t
id_of(span name)
{
	digest d = sha256(name);
	struct reader r = rd_make(digest_span(&d));
	return id_make(ID_SERVER, rd_u64(&r));
}

struct server *server_find(const struct core *c, span name) { return server_by_id(c, id_of(name)); }

static status
refuse(struct object_fault *f, const char *member, const char *reason)
{
	f->member = member;
	f->reason = reason;
	return FAIL(E_BAD_REQUEST);
}

static bool
strings(const struct json *list)
{
	json_for_items(it, list)
		if (!json_is_str(it) || span_find(it->str, 0) != it->str.n)
			return false;
	return true;
}

static status
check_stdio(const struct json *spec, struct object_fault *f, struct json_error *err)
{
	const struct json *command, *env = NULL, *paths = NULL;
	span cwd = { 0 }, network = SPAN("none");
	int64_t n = 0;
	TRY(json_get_arr(spec, "command", &command, err));
	if (!command->arr.n || command->arr.n > 256 || !strings(command))
		return refuse(f, "command", "must be a list of strings, the program first");
	TRY(json_opt_obj(spec, "env", &env, err));
	json_for_members(it, env)
		if (!json_is_str(&it->value) || !it->key.n || span_find(it->key, '=') != it->key.n)
			return refuse(f, "env", "must map names to strings");
	TRY(json_opt_str(spec, "cwd", &cwd, err));
	TRY(json_opt_arr(spec, "read", &paths, err));
	if (paths && !strings(paths))
		return refuse(f, "read", "must be a list of paths");
	paths = NULL;
	TRY(json_opt_arr(spec, "write", &paths, err));
	if (paths && !strings(paths))
		return refuse(f, "write", "must be a list of paths");
	TRY(json_opt_str(spec, "network", &network, err));
	if (!span_is(network, "none") && !span_is(network, "host"))
		return refuse(f, "network", "must be none or host");
	TRY(json_opt_int(spec, "idle_seconds", 1, 86400, &n, err));
	TRY(json_opt_int(spec, "memory_mb", 16, 1 << 20, &n, err));
	if (json_gets(spec, "url") || json_gets(spec, "ca_file"))
		return refuse(f, "url", "is for transport http");
	return OK;
}

static status
check_http(const struct json *spec, struct object_fault *f, struct json_error *err)
{
	static const char *const foreign[] = { "command", "env", "cwd", "read", "write", "network", "idle_seconds", "memory_mb" };
	span url, ca = { 0 };
	TRY(json_get_str(spec, "url", &url, err));
	if (!span_starts(url, SPAN("https://")) && !span_starts(url, SPAN("http://")))
		return refuse(f, "url", "must be an http or https URL");
	TRY(json_opt_str(spec, "ca_file", &ca, err));
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		if (json_gets(spec, foreign[i]))
			return refuse(f, foreign[i], "is for transport stdio");
	return OK;
}

static status
check_tools(const struct json *list, struct object_fault *f, struct json_error *err)
{
	static const char *const names[] = { "name", "effect", "sensitivity", "resource", "untyped", NULL };
	CLEANUP(arena_fini) struct arena scratch;
	arena_init(&scratch, 1 << 20);
	json_for_items(it, list) {
		span name, s = { 0 };
		enum effect e;
		enum sensitivity v;
		bool untyped;
		struct mapping *m;
		TRY(json_only(it, names, err));
		TRY(json_get_str(it, "name", &name, err));
		if (!name.n || name.n > TOOL_NAME_MAX)
			return refuse(f, "tools", "a tool needs a name");
		TRY(json_opt_str(it, "effect", &s, err));
		if (s.n && !effect_from(s, &e))
			return refuse(f, "effect", "must be read, write, destructive or egress");
		s = (span){ 0 };
		TRY(json_opt_str(it, "sensitivity", &s, err));
		if (s.n && !sensitivity_from(s, &v))
			return refuse(f, "sensitivity", "must be public, internal, confidential or restricted");
		s = (span){ 0 };
		TRY(json_opt_str(it, "resource", &s, err));
		if (s.n && failed(mapping_parse(s, &scratch, &m)))
			return refuse(f, "resource", "must look like Path::\"{path:input.path}\"");
		TRY(json_opt_bool(it, "untyped", &untyped, err));
	}
	return OK;
}

static status
check(const struct json *spec, struct object_fault *f, struct json_error *err)
{
	span transport;
	const struct json *tools = NULL;
	TRY(json_get_str(spec, "transport", &transport, err));
	if (span_is(transport, "stdio"))
		TRY(check_stdio(spec, f, err));
	else if (span_is(transport, "http"))
		TRY(check_http(spec, f, err));
	else
		return refuse(f, "transport", "must be stdio or http");
	TRY(sealed_check(spec, span_is(transport, "http"), f, err));
	TRY(json_opt_arr(spec, "tools", &tools, err));
	return check_tools(tools, f, err);
}

status
server_parse(struct core *c, struct object *o, struct object_fault *f)
{
	struct json_error err = { 0 };
	struct server *s = calloc(1, sizeof *s);
	ENSURE(s, E_NO_MEMORY);
	o->parsed = s;
	list_init(&s->all);
	list_init(&s->tools);
	TRY(str_get(&c->strs, o->name, &s->name));
	status st = check(o->spec, f, &err);
	if (failed(st) && err.reason) {
		f->member = err.key;
		f->reason = err.reason;
	}
	TRY(st);
	TRY(stop_get(c, STOP_SERVER, o->name, &s->stop));
	s->tool_specs = json_gets(o->spec, "tools");
	s->id = id_of(o->name);
	return OK;
}

void
server_parsed_free(struct core *c, struct server *s)
{
	if (!s)
		return;
	str_unref(&c->strs, s->name);
	str_unref(&c->strs, s->last_error);
	free(s);
}

void
server_announce(struct core *c, struct server *s)
{
	s->announced = true;
	struct msg m = msg_make(MSG_SERVER);
	m.server.server = s->id;
	m.server.name = str_span(s->name);
	m.server.spec = s->object->text;
	send_now(c, ROLE_TOOLS, 0, &m);
}

void
server_install(struct core *c, struct object *o, struct server *p)
{
	struct server *s = server_by_id(c, p->id);
	if (!s) {
		s = p;
		status st = map_add(&c->servers_by_id, map_hash_u64(&c->servers_by_id, s->id), &s->by_id);
		must(!failed(st));
		list_add_tail(&c->servers, &s->all);
	} else {
		s->stop = p->stop;
		s->tool_specs = p->tool_specs;
		s->announced = false;
		server_parsed_free(c, p);
	}
	s->object = o;
	list_for(it, &s->tools) {
		status st = tool_refresh(c, container_of(it, struct tool, of_server));
		if (failed(st))
			core_fail(c, st);
	}
}

void
server_removed(struct core *c, struct object *o)
{
	struct server *s = server_find(c, o->name);
	must(s);
	struct msg m = msg_make(MSG_SERVER_GONE);
	m.server_gone.server = s->id;
	send_now(c, ROLE_TOOLS, 0, &m);
	list_for_safe(it, &s->tools) {
		struct tool *t = container_of(it, struct tool, of_server);
		row_drop(c, &t->row);
		tool_free(c, t);
	}
	server_free(c, s);
}

void
server_free(struct core *c, struct server *s)
{
	list_for_safe(it, &s->tools)
		tool_free(c, container_of(it, struct tool, of_server));
	map_del(&c->servers_by_id, &s->by_id);
	list_del(&s->all);
	server_parsed_free(c, s);
}

void
server_write(const struct core *c, const struct server *s, struct json_writer *w)
{
	uint32_t quarantined = 0;
	list_for(it, &s->tools)
		quarantined += container_of(it, struct tool, of_server)->state == TOOL_QUARANTINED;
	json_w_obj(w);
	json_w_kstr(w, "name", str_span(s->name));
	static const char *const copied[] = { "transport", "command", "url", "network" };
	for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
		const struct json *v = json_gets(s->object->spec, copied[i]);
		if (v) {
			json_w_key(w, span_str(copied[i]));
			json_w_value(w, v);
		}
	}
	if (!json_gets(s->object->spec, "network"))
		json_w_kcstr(w, "network", json_gets(s->object->spec, "url") ? "url" : "none");
	json_w_kint(w, "sessions", s->sessions);
	json_w_kint(w, "tools", s->tool_n);
	json_w_kint(w, "quarantined", quarantined);
	json_w_kcstr(w, "state", s->stop->on ? "stopped" : s->discovering ? "discovering" : s->last_error ? "failed" : "ready");
	if (s->last_error)
		json_w_kstr(w, "last_error", str_span(s->last_error));
	json_w_obj_end(w);
}
