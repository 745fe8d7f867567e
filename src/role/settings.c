#include "role/settings.h"

#include "base/env.h"
#include "text/json.h"
#include "text/url.h"

#include <stdio.h>

const char *
settings_dir(enum role id)
{
	return id == ROLE_STORE ? "store" : id == ROLE_SIGNER ? "signer" : NULL;
}

/* "[::1]" or as it is. */
static void
put_host(struct buf *out, span host)
{
	bool v6 = span_find(host, ':') < host.n;

	buf_printf(out, v6 ? "[%.*s]" : "%.*s", SPAN_ARG(host));
}

void
settings_url(const struct config *c, uint16_t port, struct buf *out)
{
	if (c->api_url.n) {
		buf_put(out, c->api_url);
		return;
	}
	buf_put_str(out, "https://");
	put_host(out, c->api_address);
	buf_printf(out, ":%u", port);
}

/* The pages have the API's name; where that is public, it is the host of its URL. */
void
settings_people_url(const struct config *c, uint16_t port, struct buf *out)
{
	struct url u;
	CLEANUP(arena_fini) struct arena a = { 0 };

	if (!port)
		return;
	arena_init(&a, 65536);
	bool public = c->api_url.n && !failed(url_parse(c->api_url, &a, &u, NULL));
	buf_put_str(out, "https://");
	put_host(out, public ? u.host : c->api_address);
	buf_printf(out, ":%u", port);
}

/* Names under which the API answers. */
static void
put_names(struct json_writer *w, const struct config *c)
{
	json_w_karr(w, "names");
	json_w_str(w, c->api_address);
	json_w_str(w, SPAN("localhost"));
	for (size_t i = 0; i < c->api_names.n; i++)
		json_w_str(w, c->api_names.items[i]);
	json_w_arr_end(w);
}

static void
put_host_port(struct json_writer *w, span host, uint16_t port)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 1024);
	put_host(&b, host);
	buf_printf(&b, ":%u", port);
	json_w_str(w, buf_span(&b));
}

/* What a Host header may say. */
static void
put_hosts(struct json_writer *w, const struct config *c, uint16_t port)
{
	json_w_karr(w, "hosts");
	put_host_port(w, c->api_address, port);
	put_host_port(w, SPAN("localhost"), port);
	for (size_t i = 0; i < c->api_names.n; i++) {
		put_host_port(w, c->api_names.items[i], port);
		json_w_str(w, c->api_names.items[i]);   /* behind port 443 */
	}
	json_w_arr_end(w);
}

static void
put_url(struct json_writer *w, const char *key, const struct config *c, uint16_t port)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 4096);
	settings_url(c, port, &b);
	json_w_kstr(w, key, buf_span(&b));
}

static void
put_people_url(struct json_writer *w, const char *key, const struct config *c, uint16_t port)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 4096);
	settings_people_url(c, port, &b);
	json_w_kstr(w, key, buf_span(&b));
}

static void
put_edge(struct json_writer *w, const struct config *c, enum role id, struct settings_ports ports)
{
	put_url(w, "base", c, ports.api);
	if (id == ROLE_AGENTS)
		put_hosts(w, c, ports.api);
	else if (id == ROLE_PEOPLE && ports.people)
		put_hosts(w, c, ports.people);
	if (id != ROLE_LOCAL)
		put_people_url(w, "people", c, ports.people);
	json_w_kint(w, "hold_ms", c->hold_ms);
}

static void
put_user(struct json_writer *w, const char *name, span uid, const char *const *roles)
{
	json_w_obj(w);
	json_w_kcstr(w, "kind", "user");
	json_w_kcstr(w, "name", name);
	json_w_karr(w, "uids");
	json_w_raw(w, uid);   /* checked to be digits (config_check) */
	json_w_arr_end(w);
	json_w_karr(w, "roles");
	for (; *roles; roles++)
		json_w_str(w, span_str(*roles));
	json_w_arr_end(w);
	json_w_obj_end(w);
}

/* In dev, whatever this user's MCP clients start is somebody, so that `ambit connect` ends with a client that works. It can do nothing until a
 * policy says so, and stands back for any agent that is registered by more, or without `fallback`. */
static void
put_session_agent(struct json_writer *w, const char *uid)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 1024);
	buf_printf(&b, "{\"kind\":\"agent\",\"name\":\"dev/session\",\"owner\":\"admin@dev\",\"tier\":\"dev\",\"purpose\":\"MCP clients of this user\","
	           "\"launch\":[\"admin@dev\"],\"identity\":[{\"uid\":%s,\"fallback\":true}],\"session\":{\"tools\":[\"*/*\"]}}", uid);
	json_w_raw(w, SPAN("{\"kind\":\"tier\",\"name\":\"dev\"}"));
	json_w_raw(w, buf_span(&b));
}

/* The people an empty log starts with. In dev one uid is two people, so that who asks and who approves are not the same. */
static void
put_bootstrap(struct buf *out, const struct config *c, uint32_t uid)
{
	static const char *const admin[] = { "admin", "auditor", NULL }, *const approver[] = { "approver", NULL };
	static const char *const all[] = { "admin", "approver", "auditor", NULL };
	struct json_writer w = json_w(out);
	char text[24];

	json_w_arr(&w);
	if (c->dev) {
		snprintf(text, sizeof text, "%u", uid);
		put_user(&w, "admin@dev", span_str(text), admin);
		put_user(&w, "approver@dev", span_str(text), approver);
		put_session_agent(&w, text);
	}
	for (size_t i = 0; i < c->admin_uids.n; i++) {
		snprintf(text, sizeof text, "admin-%.*s", SPAN_ARG(c->admin_uids.items[i]));
		put_user(&w, text, c->admin_uids.items[i], all);
	}
	json_w_arr_end(&w);
}

/* Tells core whether the boot clock went on since it last wrote its time. */
static void
put_boot_id(struct json_writer *w)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 256);
	status s = env_read_file(env_posix(), "/proc/sys/kernel/random/boot_id", &b);
	json_w_kstr(w, "boot_id", failed(s) ? (span){ 0 } : span_sub(buf_span(&b), 0, span_find(buf_span(&b), '\n')));
}

static void
put_core(struct json_writer *w, const struct config *c, struct settings_ports ports, uint32_t uid)
{
	CLEANUP(buf_fini) struct buf people = { 0 };

	buf_init(&people, 65536);
	put_bootstrap(&people, c, uid);
	json_w_kstr(w, "node", c->node);
	put_url(w, "audience", c, ports.api);
	put_people_url(w, "people", c, ports.people);
	json_w_kstr(w, "origin", c->node);
	json_w_kstr(w, "store", c->store_backend);
	json_w_kstr(w, "bootstrap", buf_span(&people));
	json_w_kbool(w, "dev", c->dev);
	put_boot_id(w);
}

void
settings_make(const struct config *c, enum role id, const char *dir, struct settings_ports ports, uint32_t uid, struct buf *out)
{
	struct json_writer w = json_w(out);

	json_w_obj(&w);
	json_w_kstr(&w, "log", c->log_level);
	if (dir)
		json_w_kcstr(&w, "dir", dir);
	switch (id) {
	case ROLE_AGENTS: case ROLE_LOCAL: case ROLE_PEOPLE:
		put_edge(&w, c, id, ports);
		break;
	case ROLE_CORE:
		put_core(&w, c, ports, uid);
		break;
	case ROLE_STORE:
		json_w_kstr(&w, "backend", c->store_backend);
		json_w_kint(&w, "reserve", c->store_reserve);
		break;
	case ROLE_SIGNER:
		put_url(&w, "issuer", c, ports.api);
		json_w_kstr(&w, "origin", c->node);
		put_names(&w, c);
		break;
	case ROLE_ATTEST: case ROLE_TOOLS: case ROLE_ENGINE: case ROLE_SUPERVISOR: case ROLE_COUNT:
		break;
	}
	json_w_obj_end(&w);
}
