#include "role/config.h"

#include "role/config_priv.h"

#include <stdlib.h>
#include <unistd.h>

enum { CONFIG_ARENA = 1024 * 1024 };

#define AT(member) offsetof(struct config, member)

/* ORDER config.origins */
static const struct setting settings[] = {
	{ "node", SET_NAME, AT(node), "local", "local", 1, 32, "name of this node in events" },
	{ "data", SET_PATH, AT(data), "/var/lib/ambit", NULL, 0, 0, "where state is kept" },
	{ "run", SET_PATH, AT(run), "/run/ambit", NULL, 0, 0, "where the sockets are" },
	{ "log.level", SET_CHOICE, AT(log_level), "info", "warn", 0, 0, "debug, info, warn or error", "debug info warn error" },
	{ "api.address", SET_TEXT, AT(api_address), "127.0.0.1", "127.0.0.1", 0, 0, "address of the agents' TLS listener" },
	{ "api.port", SET_INT, AT(api_port), "8470", "8470", 0, 65535, "its port; 0: any free one" },
	{ "api.url", SET_TEXT, AT(api_url), "", "", 0, 0, "its public URL; empty: made of address and port" },
	{ "api.names", SET_LIST, AT(api_names), "", "", 0, 0, "further host names and addresses of it" },
	{ "api.edges", SET_INT, AT(api_edges), "0", "0", 0, 8, "processes that serve it; 0: by the number of processors" },
	{ "placement", SET_CHOICE, AT(placement), "auto", "auto", 0, 0,
	  "together: the roles that answer agents share one processor; free: the kernel decides; auto: together on two", "auto together free" },
	{ "sockets.agent_mode", SET_MODE, AT(agent_socket_mode), "0666", "0600", 0, 0777, "permission bits of the agent socket" },
	{ "sockets.people_mode", SET_MODE, AT(people_socket_mode), "0666", "0600", 0, 0777, "permission bits of the people socket" },
	{ "people.port", SET_INT, AT(people_port), "-1", "8471", -1, 65535, "port of the pages where people log in, at api.address; 0: any free one; -1: no pages" },
	{ "people.admin_uids", SET_LIST, AT(admin_uids), "", "", 0, 0, "uids that administer an empty Ambit" },
	{ "store.backend", SET_CHOICE, AT(store_backend), "sqlite", "sqlite", 0, 0, "sqlite, or memory (forgets)", "sqlite memory" },
	{ "store.reserve_bytes", SET_INT, AT(store_reserve), "4194304", "4194304", 0, INT64_C(1) << 40,
	  "disk kept free for revocations" },
	{ "users.uid_base", SET_INT, AT(uid_base), "0", "0", 0, INT64_C(4000000000),
	  "role n runs as this uid plus n, where started as root" },
	{ "tools.uid", SET_INT, AT(tools_uid), "-1", "-1", -1, INT64_C(4000000000), "uid of stdio tool servers, where started as root; -1: uid_base + 15, in dev the caller" },
	{ "approvals.hold_ms", SET_INT, AT(hold_ms), "4000", "4000", 0, 600000, "how long a call waits for a human before it is parked" },
	{ "keys.encryption_key_file", SET_TEXT, AT(key_file), "", "", 0, 0,
	  "32 bytes that seal the signing keys; empty: the systemd credential `ambit-key`" },
};

static_assert(ARRAY_LEN(settings) <= ARRAY_LEN(((struct config *)0)->origins), "a place for each origin");

const struct setting *
config_settings(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(settings);
	return settings;
}

void
config_say(struct config_error *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (e)
		vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
}

static status
refuse(struct config_error *e, const struct setting *s, const char *why)
{
	config_say(e, "%s %s", s->key, why);
	return FAIL(E_BAD_CONFIG);
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static bool
is_name(span v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!(v.p[i] >= 'a' && v.p[i] <= 'z') && !(v.p[i] >= '0' && v.p[i] <= '9') && v.p[i] != '.' && v.p[i] != '-')
			return false;
	return true;
}

static bool
is_choice(span v, const char *choices)
{
	span rest = span_str(choices);

	while (rest.n) {
		size_t n = span_find(rest, ' ');
		if (span_eq(span_sub(rest, 0, n), v))
			return true;
		rest = span_sub(rest, n + 1, rest.n);
	}
	return false;
}

static bool
parse_mode(span v, int64_t *ret)
{
	int64_t mode = 0;

	if (v.n < 3 || v.n > 4)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '7')
			return false;
		mode = mode * 8 + (v.p[i] - '0');
	}
	*ret = mode;
	return mode <= 0777;
}

static status
set_list(struct config *c, const struct setting *s, span v, struct config_error *e)
{
	struct config_list *list = (struct config_list *)((char *)c + s->at);

	list->n = 0;
	while (v.n) {
		size_t n = span_find(v, ',');
		span item = span_sub(v, 0, n);
		if (item.n == 0)
			return refuse(e, s, "has an empty item");
		if (list->n == CONFIG_LIST_MAX)
			return refuse(e, s, "has too many items");
		list->items[list->n++] = item;
		v = span_sub(v, n + 1, v.n);
	}
	return OK;
}

static status
set_int(struct config *c, const struct setting *s, span v, struct config_error *e)
{
	int64_t i;

	if (s->kind == SET_MODE ? !parse_mode(v, &i) : !span_to_i64(v, &i))
		return refuse(e, s, s->kind == SET_MODE ? "must be permission bits such as 0600" : "must be a whole number");
	if (i < s->min || i > s->max) {
		config_say(e, "%s must be from %lld to %lld", s->key, (long long)s->min, (long long)s->max);
		return FAIL(E_BAD_CONFIG);
	}
	*(int64_t *)((char *)c + s->at) = i;
	return OK;
}

static status
set_text(struct config *c, const struct setting *s, span v, struct config_error *e)
{
	if (s->kind == SET_PATH && (v.n < 2 || v.p[0] != '/' || v.p[v.n - 1] == '/'))
		return refuse(e, s, "must be an absolute path without a slash at its end");
	if (s->kind == SET_NAME && (v.n < (size_t)s->min || v.n > (size_t)s->max || !is_name(v)))
		return refuse(e, s, "must be 1 to 32 of a-z 0-9 . -");
	if (s->kind == SET_CHOICE && !is_choice(v, s->choices)) {
		config_say(e, "%s must be one of: %s", s->key, s->choices);
		return FAIL(E_BAD_CONFIG);
	}
	*(span *)((char *)c + s->at) = v;
	return OK;
}

static status
set_value(struct config *c, const struct setting *s, span v, struct config_error *e)
{
	if (span_find(v, 0) < v.n || span_find(v, '\n') < v.n)
		return refuse(e, s, "may not hold a line end or NUL");
	switch (s->kind) {
	case SET_INT: case SET_MODE: return set_int(c, s, v, e);
	case SET_LIST: return set_list(c, s, v, e);
	case SET_TEXT: case SET_PATH: case SET_NAME: case SET_CHOICE: break;
	}
	return set_text(c, s, v, e);
}

status
config_set(struct config *c, span key, span value, const char *origin, struct config_error *reterr)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (!span_is(key, settings[i].key))
			continue;
		span copy = arena_copy(&c->arena, value);
		char *from = arena_cstr(&c->arena, span_str(origin));
		ENSURE(arena_ok(&c->arena), E_NO_MEMORY);
		TRY(set_value(c, &settings[i], copy, reterr));
		c->origins[i] = from;
		return OK;
	}
	config_say(reterr, "unknown key `%.*s`", SPAN_ARG(key));
	return FAIL(E_BAD_CONFIG);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static status
dev_paths(struct config *c, const char *home)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	const char *data_home = getenv("XDG_DATA_HOME");

	buf_init(&b, 4096);
	if (data_home && data_home[0] == '/')
		buf_printf(&b, "%s/ambit/dev", data_home);
	else
		buf_printf(&b, "%s/.local/share/ambit/dev", home);
	TRY(buf_finish(&b));
	TRY(config_set(c, SPAN("data"), buf_span(&b), "default", NULL));
	buf_put_str(&b, "/run");
	TRY(buf_finish(&b));
	return config_set(c, SPAN("run"), buf_span(&b), "default", NULL);
}

status
config_init(struct config *c, bool dev, const char *home)
{
	memset(c, 0, sizeof *c);
	arena_init(&c->arena, CONFIG_ARENA);
	c->dev = dev;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		const char *v = dev ? settings[i].dev : settings[i].standard;
		if (v)
			TRY(config_set(c, span_str(settings[i].key), span_str(v), "default", NULL));
	}
	return dev ? dev_paths(c, home) : OK;
}

void
config_fini(struct config *c)
{
	arena_fini(&c->arena);
}

status
config_env(struct config *c, struct config_error *reterr)
{
	const char *level = getenv("AMBIT_LOG");

	return level ? config_set(c, SPAN("log.level"), span_str(level), "AMBIT_LOG", reterr) : OK;
}

static bool
is_loopback(span address)
{
	return span_is(address, "::1") || span_starts(address, SPAN("127."));
}

status
config_check(struct config *c, struct config_error *reterr)
{
	if (c->dev && !is_loopback(c->api_address)) {
		config_say(reterr, "api.address: `ambitd dev` serves loopback addresses only");
		return FAIL(E_BAD_CONFIG);
	}
	if (!c->dev && geteuid() == 0 && c->uid_base == 0) {
		config_say(reterr, "users.uid_base must be set where ambitd is started as root, so that no role stays root");
		return FAIL(E_BAD_CONFIG);
	}
	if (!c->dev && !config_key_file(c)) {
		config_say(reterr, "keys.encryption_key_file must be set, or the systemd credential `ambit-key` be given");
		return FAIL(E_BAD_CONFIG);
	}
	for (size_t i = 0; i < c->admin_uids.n; i++) {
		uint64_t uid;
		if (!span_to_u64(c->admin_uids.items[i], &uid) || uid >= UINT32_MAX) {
			config_say(reterr, "people.admin_uids must be user numbers");
			return FAIL(E_BAD_CONFIG);
		}
	}
	return OK;
}

const char *
config_key_file(struct config *c)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	CLEANUP(buf_fini) struct buf b = { 0 };

	if (c->key_file.n)
		return arena_cstr(&c->arena, c->key_file);
	if (!dir || dir[0] != '/')
		return NULL;
	buf_init(&b, 4096);
	buf_printf(&b, "%s/ambit-key", dir);
	const char *path = failed(buf_finish(&b)) ? NULL : arena_cstr(&c->arena, buf_span(&b));
	return path && access(path, R_OK) == 0 ? path : NULL;
}

const char *
config_credentials_dir(struct config *c)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	CLEANUP(buf_fini) struct buf b = { 0 };

	if (dir && dir[0] == '/')
		return arena_cstr(&c->arena, span_str(dir));
	buf_init(&b, 4096);
	buf_printf(&b, "%.*s/credentials", SPAN_ARG(c->data));
	return failed(buf_finish(&b)) ? NULL : arena_cstr(&c->arena, buf_span(&b));
}

enum log_level
config_log_level(const struct config *c)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_is(c->log_level, names[i]))
			return (enum log_level)i;
	return LOG_INFO;
}

static void
show_value(const struct config *c, const struct setting *s, struct buf *out)
{
	const void *v = (const char *)c + s->at;

	switch (s->kind) {
	case SET_INT:
		buf_put_dec(out, *(const int64_t *)v);
		return;
	case SET_MODE:
		buf_printf(out, "\"%04llo\"", (unsigned long long)*(const int64_t *)v);
		return;
	case SET_LIST: {
		const struct config_list *l = v;
		buf_put_str(out, "[");
		for (size_t i = 0; i < l->n; i++)
			buf_printf(out, "%s\"%.*s\"", i ? ", " : "", SPAN_ARG(l->items[i]));
		buf_put_str(out, "]");
		return;
	}
	case SET_TEXT: case SET_PATH: case SET_NAME: case SET_CHOICE:
		buf_printf(out, "\"%.*s\"", SPAN_ARG(*(const span *)v));
		return;
	}
}

void
config_show(const struct config *c, bool origin, struct buf *out)
{
	span section = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		span key = span_str(settings[i].key);
		size_t dot = span_find(key, '.');
		bool nested = dot < key.n;
		if (nested && !span_eq(section, span_sub(key, 0, dot))) {
			section = span_sub(key, 0, dot);
			buf_printf(out, "%.*s:\n", SPAN_ARG(section));
		}
		buf_printf(out, "%s%s: ", nested ? "  " : "", (const char *)key.p + (nested ? dot + 1 : 0));
		show_value(c, &settings[i], out);
		if (origin)
			buf_printf(out, "  # %s", c->origins[i]);
		buf_put_str(out, "\n");
	}
}
