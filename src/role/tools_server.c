#include "role/tools_priv.h"

#include "net/socket.h"
#include "text/url.h"

#include <stdlib.h>

static bool has_id(const struct map_node *n, const void *k) { return container_of(n, struct tool_server, node)->id == *(const uint64_t *)k; }

struct tool_server *
tools_server_find(struct tools *t, uint64_t id)
{
	struct map_node *n = map_find(&t->servers, map_hash_u64(&t->servers, id), has_id, &id);
	return n ? container_of(n, struct tool_server, node) : NULL;
}

static void
server_free(struct tool_server *s)
{
	s->upstream = http_upstream_free(s->upstream);
	s->tls = tls_client_free(s->tls);
	arena_fini(&s->arena);
	free(s->host);
	free(s);
}

void
tools_server_unref(struct tools *, struct tool_server *s)
{
	s->refs--;
	if (s->gone && s->refs == 0)
		server_free(s);
}

static status
read_strings(const struct json *spec, const char *key, span *out, size_t *n)
{
	const struct json *list = NULL;
	TRY(json_opt_arr(spec, key, &list, NULL));
	json_for_items(v, list) {
		ENSURE(json_is_str(v) && *n < TOOLS_ARGS, E_BAD_CONFIG);
		out[(*n)++] = v->str;
	}
	return OK;
}

static status
read_env(struct tool_server *s, const struct json *spec)
{
	const struct json *env = NULL;
	TRY(json_opt_obj(spec, "env", &env, NULL));
	json_for_members(m, env) {
		ENSURE(json_is_str(&m->value) && s->envc < TOOLS_ARGS, E_BAD_CONFIG);
		size_t n = m->key.n + 1 + m->value.str.n;
		uint8_t *p = arena_alloc(&s->arena, n);
		ENSURE(p, E_LIMIT);
		memcpy(p, m->key.p, m->key.n);
		p[m->key.n] = '=';
		if (m->value.str.n)
			memcpy(p + m->key.n + 1, m->value.str.p, m->value.str.n);
		s->env[s->envc++] = span_make(p, n);
	}
	return OK;
}

static status
read_stdio(struct tool_server *s, const struct json *spec)
{
	int64_t memory = 0;
	span network = SPAN("none");
	TRY(read_strings(spec, "command", s->argv, &s->argc));
	TRY(read_strings(spec, "read", s->read, &s->reads));
	TRY(read_strings(spec, "write", s->write, &s->writes));
	TRY(read_env(s, spec));
	TRY(json_opt_str(spec, "cwd", &s->cwd, NULL));
	TRY(json_opt_str(spec, "network", &network, NULL));
	TRY(json_opt_int(spec, "memory_mb", 16, 65536, &memory, NULL));
	ENSURE(s->argc > 0, E_BAD_CONFIG);
	s->network = span_is(network, "host");
	s->memory_mb = (uint32_t)memory;
	return OK;
}

/* The address is resolved here once, before any call; a name that moves needs the server applied again. */
static status
read_http(struct tools *t, struct tool_server *s, const struct json *spec)
{
	span text, ca = { 0 };
	struct url u;
	struct http_upstream_options o = { 0 };
	TRY(json_get_str(spec, "url", &text, NULL));
	TRY(json_opt_str(spec, "ca_pem", &ca, NULL));
	TRY(url_parse(text, &s->arena, &u, NULL));
	s->url_path = u.path;
	if (u.query.p) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 8192);
		buf_put(&b, u.path);
		buf_put_u8(&b, '?');
		buf_put(&b, u.query);
		s->url_path = arena_copy(&s->arena, buf_span(&b));
	}
	size_t scheme = u.https ? 8 : 7;
	s->host = span_dup(span_sub(u.origin, scheme, u.origin.n));
	char *name = span_dup(u.host);
	status st = s->host && name ? net_resolve(name, u.port, &o.addr, &o.addr_len) : FAIL(E_NO_MEMORY);
	free(name);
	TRY(st);
	if (u.https) {
		TRY(tls_client_new(&(struct tls_client_options){ .ca_pem = ca }, &s->tls));
		o.tls = s->tls;
	}
	o.host = s->host;
	return http_upstream_new(t->w->loop, &o, &s->upstream);
}

static status
read_spec(struct tools *t, struct tool_server *s, const struct msg_server *m)
{
	const struct json *spec;
	span transport;
	int64_t idle = 300;
	const struct json_opts opts = { .copy = true };
	TRY(json_parse(m->spec, &opts, &s->arena, &spec, NULL));
	s->name = arena_copy(&s->arena, m->name);
	TRY(json_get_str(spec, "transport", &transport, NULL));
	TRY(json_opt_int(spec, "idle_seconds", 1, 86400, &idle, NULL));
	s->idle_ns = idle * INT64_C(1000000000);
	s->http = span_is(transport, "http");
	TRY(tools_secrets_read(s, spec));
	TRY(s->http ? read_http(t, s, spec) : read_stdio(s, spec));
	ENSURE(arena_ok(&s->arena), E_LIMIT);
	return OK;
}

static void
retire(struct tools *t, struct tool_server *s)
{
	map_del(&t->servers, &s->node);
	s->gone = true;
	list_for(it, &t->sessions) {
		struct session *x = container_of(it, struct session, link);
		if (x->server == s)
			session_end(x, E_REVOKED);
	}
	if (s->refs == 0)
		server_free(s);
}

void
tools_server_gone(struct tools *t, uint64_t id)
{
	struct tool_server *s = tools_server_find(t, id);
	if (s)
		retire(t, s);
}

status
tools_server_set(struct tools *t, const struct msg_server *m)
{
	struct tool_server *s = calloc(1, sizeof *s);
	ENSURE(s, E_NO_MEMORY);
	s->id = m->server;
	arena_init(&s->arena, 1 << 20);
	status st = read_spec(t, s, m);
	if (failed(st)) {
		server_free(s);
		return st;
	}
	/* A changed server is another server: sessions of the old one end. */
	tools_server_gone(t, m->server);
	st = map_add(&t->servers, map_hash_u64(&t->servers, s->id), &s->node);
	if (failed(st))
		server_free(s);
	return st;
}
