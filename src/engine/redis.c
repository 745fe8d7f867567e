/* Redis ACL users. One ACL SETUSER makes the whole account, ACL DELUSER ends it and its connections; there is no end of life on that side. */
#include "crypto/hash.h"
#include "engine/redis_priv.h"

#include <stdio.h>

enum { RULES = 512, RULE_MAX = 512 };

/* ---- options ---- */

static const struct redis_options upstream_init = { .port = 6379, .save = true, .host = { (const uint8_t *)"/run/redis/redis-server.sock", 28 },
	.user = { (const uint8_t *)"default", 7 } };

static const struct schema_field upstream_fields[] = {
	ENGINE_COMMON_FIELDS(struct redis_options),
	{ "host", SCHEMA_STR, SCHEMA_AT(struct redis_options, host), .min = 1, .max = 253, .doc = "name, address, or the path of the unix socket. Default `/run/redis/redis-server.sock`" },
	{ "port", SCHEMA_INT, SCHEMA_AT(struct redis_options, port), .min = 1, .max = 65535, .doc = "default 6379" },
	{ "user", SCHEMA_STR, SCHEMA_AT(struct redis_options, user), .min = 1, .max = 64, .doc = "the root account. Default `default`" },
	{ "tls", SCHEMA_BOOL, SCHEMA_AT(struct redis_options, tls), .doc = "TLS 1.3 with certificate and name checked" },
	{ "ca", SCHEMA_STR, SCHEMA_AT(struct redis_options, ca), .min = 1, .max = 4095, .doc = "file of the certificates to trust; without it the system's" },
	{ "save", SCHEMA_BOOL, SCHEMA_AT(struct redis_options, save), .doc = "`ACL SAVE` after a revocation, where the server has an ACL file, so that a restart does not bring the account back. Default true" },
	{ "kill_scripts", SCHEMA_BOOL, SCHEMA_AT(struct redis_options, kill_scripts), .doc = "end the running script, whoever's, when it keeps a revocation waiting. Default false" },
	{ "client_host", SCHEMA_STR, SCHEMA_AT(struct redis_options, client_host), .min = 1, .max = 253, .doc = "what holders are told, where that differs from `host`" },
	{ "client_port", SCHEMA_INT, SCHEMA_AT(struct redis_options, client_port), .min = 1, .max = 65535, .doc = "likewise" },
};
static const struct schema upstream_schema = { .name = "redis upstream", .fields = upstream_fields, .n = ARRAY_LEN(upstream_fields),
	.size = sizeof(struct redis_options), .init = &upstream_init };

struct redis_grant {
	struct schema_list commands, keys, read_keys, write_keys, channels;
};
static const struct schema_field grant_fields[] = {
	{ "commands", SCHEMA_STRS, SCHEMA_AT(struct redis_grant, commands), .required = true, .min = 1, .max = 128, .doc = "ACL rules in their order: `+@read`, `-@dangerous`, `+get`, `+config|get`. Whatever they say, `@admin` is taken away at the end" },
	{ "keys", SCHEMA_STRS, SCHEMA_AT(struct redis_grant, keys), .max = 64, .doc = "patterns of keys to read and write: `app:*`" },
	{ "read_keys", SCHEMA_STRS, SCHEMA_AT(struct redis_grant, read_keys), .max = 64, .doc = "to read only (Redis 7)" },
	{ "write_keys", SCHEMA_STRS, SCHEMA_AT(struct redis_grant, write_keys), .max = 64, .doc = "to write only (Redis 7)" },
	{ "channels", SCHEMA_STRS, SCHEMA_AT(struct redis_grant, channels), .max = 64, .doc = "patterns of channels. Without them none" },
};
static const struct schema grant_schema = SCHEMA(struct redis_grant, grant_fields, "redis template");

/* ---- rules ---- */

struct rules {
	span args[RULES];
	size_t n;
	struct arena *a;
};

static status
add(struct rules *r, const char *sign, span text)
{
	ENSURE(r->n < RULES, E_LIMIT);
	size_t k = strlen(sign);
	uint8_t *p = arena_alloc(r->a, k + text.n + 1);
	ENSURE(p, E_NO_MEMORY);
	memcpy(p, sign, k);
	if (text.n)
		memcpy(p + k, text.p, text.n);
	r->args[r->n++] = span_make(p, k + text.n);
	return OK;
}

/* "+get", "-@all", "+config|get": nothing else that ACL SETUSER would understand, no ">password", "nopass", "on", "(selector)". */
static bool
is_command_rule(span s)
{
	if (s.n < 2 || s.n > 64 || (s.p[0] != '+' && s.p[0] != '-'))
		return false;
	for (size_t i = 1; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '|' && c != '.' && !(c == '@' && i == 1))
			return false;
	}
	return true;
}

/* A blank would split the rule in an ACL file. */
static bool
is_pattern(span s)
{
	if (s.n == 0 || s.n > RULE_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static status
add_grant(struct rules *r, const struct redis_grant *g)
{
	const struct { const char *sign; const struct schema_list *list; } patterns[] = {
		{ "~", &g->keys }, { "%R~", &g->read_keys }, { "%W~", &g->write_keys }, { "&", &g->channels } };
	for (size_t k = 0; k < ARRAY_LEN(patterns); k++)
		for (size_t i = 0; i < patterns[k].list->n; i++) {
			span p = ((const span *)patterns[k].list->items)[i];
			ENSURE(is_pattern(p), E_BAD_CONFIG);
			TRY(add(r, patterns[k].sign, p));
		}
	for (size_t i = 0; i < g->commands.n; i++) {
		span c = ((const span *)g->commands.items)[i];
		ENSURE(is_command_rule(c), E_BAD_CONFIG);
		TRY(add(r, "", c));
	}
	/* who may change accounts, the configuration or other clients is not bound by any of this */
	return add(r, "", SPAN("-@admin"));
}

static status
check_grant(const void *grant, struct buf *reterr)
{
	CLEANUP(arena_fini) struct arena a;
	struct rules r = { .a = &a };
	arena_init(&a, 1 << 20);
	status s = add_grant(&r, grant);
	if (s.code == E_BAD_CONFIG && reterr)
		buf_put_str(reterr, "a command is not like \"+get\", \"-@write\" or \"+config|get\", or a pattern is empty, longer than 512 bytes or holds a blank\n");
	return s;
}

static status
add_hash(struct rules *r, const char *sign, const struct secret *password)
{
	CLEANUP(buf_fini) struct buf hex;
	digest d = sha256(secret_reveal(password));
	buf_init(&hex, 2 * DIGEST_SIZE + 1);
	buf_put_hex(&hex, digest_span(&d));
	TRY(buf_finish(&hex));
	return add(r, sign, buf_span(&hex));
}

/* ---- accounts ---- */

static status
exists(struct redis_engine *g, span account, bool *ret)
{
	CLEANUP(arena_fini) struct arena a;
	struct resp r;
	arena_init(&a, 1 << 20);
	TRY(REDIS(g, &a, &r, SPAN("ACL"), SPAN("GETUSER"), account));
	*ret = r.kind != RESP_NIL;
	return OK;
}

static status
fill(struct redis_engine *g, const char *account, struct secret *own_password, struct engine_credential *out)
{
	const struct redis_options *o = redis_options(g);
	char port[16];
	TRY(engine_field_secret(out, "password", "REDISCLI_AUTH", own_password));
	TRY(engine_field_put(out, "username", NULL, span_str(account)));
	TRY(engine_field_put(out, "host", NULL, o->client_host.n ? o->client_host : o->host));
	snprintf(port, sizeof port, "%d", (int)(o->client_port ? o->client_port : o->port));
	return engine_field_put(out, "port", NULL, span_str(port));
}

static status
create(struct engine *e, const struct lease_spec *, const char *account, const void *grant, struct engine_credential *out)
{
	struct redis_engine *g = redis_of(e);
	CLEANUP(secret_freep) struct secret *password = NULL;
	CLEANUP(arena_fini) struct arena a, answers;
	struct rules r = { .a = &a };
	struct resp reply;
	bool there;
	arena_init(&a, 1 << 20);
	arena_init(&answers, 1 << 20);
	TRY(engine_password(&password));
	/* SETUSER changes an account that exists */
	TRY(exists(g, span_str(account), &there));
	if (there) {
		engine_because(e, "redis: the account exists");
		return FAIL(E_EXISTS);
	}
	const span head[] = { SPAN("ACL"), SPAN("SETUSER"), span_str(account), SPAN("reset"), SPAN("resetchannels") };
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		TRY(add(&r, "", head[i]));
	/* the hash: the password itself is in no MONITOR and no slow log */
	TRY(add_hash(&r, "#", password));
	TRY(add_grant(&r, grant));
	TRY(add(&r, "", SPAN("on")));
	status s = redis_ask(g, &answers, &reply, r.n, r.args);
	if (s.code == E_UPSTREAM && reply.kind == RESP_ERROR)
		return FAIL(E_BAD_CONFIG);   /* a rule that this server does not know */
	TRY(s);
	return fill(g, account, TAKE(password), out);
}

static status
count(void *user, span, span)
{
	++*(unsigned *)user;
	return OK;
}

/* In a server without an ACL file there is nothing to save, and nothing that a restart could bring back. */
static status
save(struct redis_engine *g, struct arena *a, bool *ret_saved)
{
	struct resp r = { 0 };
	status s = REDIS(g, a, &r, SPAN("ACL"), SPAN("SAVE"));
	*ret_saved = !failed(s);
	if (s.code == E_UPSTREAM && r.kind == RESP_ERROR && memmem(r.s.p, r.s.n, "not configured to use an ACL file", 33)) {
		g->e.why[0] = '\0';
		return OK;
	}
	return s;
}

static status
revoke_user(struct redis_engine *g, const char *account, struct engine_finding *f)
{
	CLEANUP(arena_fini) struct arena a;
	struct resp r;
	span name = span_str(account);
	bool there, saved;
	unsigned left = 0;
	arena_init(&a, 1 << 20);
	TRY(redis_clients(g, SPAN("user"), name, count, &f->sessions));
	TRY(REDIS(g, &a, &r, SPAN("ACL"), SPAN("DELUSER"), name));
	f->was_there = r.i > 0;
	TRY(exists(g, name, &there));
	TRY(redis_clients(g, SPAN("user"), name, count, &left));
	ENSURE(!there && !left, E_UPSTREAM);
	f->cut = true;
	return redis_options(g)->save ? save(g, &a, &saved) : OK;
}

static status
revoke(struct engine *e, const struct lease_spec *, const char *account, struct engine_finding *f)
{
	struct redis_engine *g = redis_of(e);
	g->unblock = redis_options(g)->kill_scripts;
	status s = revoke_user(g, account, f);
	g->unblock = false;
	return s;
}

/* ---- looking ---- */

/* Calls fn with each account's name; the names are copied, because fn may ask on. */
static status
each_user(struct redis_engine *g, status (*fn)(struct redis_engine *g, span name, void *user), void *user)
{
	CLEANUP(arena_fini) struct arena a, names;
	struct resp r;
	arena_init(&a, 16 << 20);
	arena_init(&names, 16 << 20);
	TRY(REDIS(g, &a, &r, SPAN("ACL"), SPAN("USERS")));
	ENSURE(r.kind == RESP_ARRAY, E_UPSTREAM);
	size_t n = r.n;
	span *all = arena_array(&names, n ? n : 1, sizeof *all);
	ENSURE(all, E_NO_MEMORY);
	for (size_t i = 0; i < n; i++)
		all[i] = arena_copy(&names, r.items[i].s);
	ENSURE(arena_ok(&names), E_NO_MEMORY);
	for (size_t i = 0; i < n; i++)
		TRY(fn(g, all[i], user));
	return OK;
}

struct lister {
	status (*fn)(void *user, const struct engine_account *a);
	void *user;
};

static status
list_one(struct redis_engine *g, span name, void *user)
{
	const struct lister *l = user;
	struct engine_account a = { .name = name, .lease = engine_account_lease(&g->e, name) };
	if (!a.lease)
		return OK;
	TRY(redis_clients(g, SPAN("user"), name, count, &a.sessions));
	return l->fn(l->user, &a);
}

static status
list(struct engine *e, status (*fn)(void *user, const struct engine_account *a), void *user)
{
	return each_user(redis_of(e), list_one, &(struct lister){ fn, user });
}

struct addresses {
	unsigned n;
	bool shared;
	uint8_t first[64];
	size_t len;
};

static status
on_address(void *user, span, span addr)
{
	struct addresses *d = user;
	addr.n = addr.n < sizeof d->first ? addr.n : sizeof d->first;
	if (d->n++ == 0) {
		d->len = addr.n;
		if (addr.n)
			memcpy(d->first, addr.p, addr.n);
	}
	d->shared |= !span_eq(addr, span_make(d->first, d->len));
	return OK;
}

struct inventory {
	status (*fn)(void *user, const struct engine_standing *s);
	void *user;
};

static status
inventory_one(struct redis_engine *g, span name, void *user)
{
	const struct inventory *v = user;
	CLEANUP(arena_fini) struct arena a;
	struct addresses d = { 0 };
	struct resp r;
	struct engine_standing s = { .name = name, .concerns = ENGINE_NEVER_EXPIRES };
	if (engine_account_lease(&g->e, name))
		return OK;
	arena_init(&a, 1 << 20);
	TRY(REDIS(g, &a, &r, SPAN("ACL"), SPAN("GETUSER"), name));
	for (size_t i = 0; r.kind == RESP_ARRAY && i + 1 < r.n; i += 2)
		for (size_t k = 0; span_is(r.items[i].s, "flags") && k < r.items[i + 1].n; k++) {
			span flag = r.items[i + 1].items[k].s;
			s.concerns |= span_is(flag, "nopass") ? ENGINE_NO_PASSWORD : span_is(flag, "off") ? ENGINE_LOCKED : 0;
		}
	status may = REDIS(g, &a, &r, SPAN("ACL"), SPAN("DRYRUN"), name, SPAN("ACL"), SPAN("SETUSER"), SPAN("x"));
	if (may.code == E_UNAVAILABLE || may.code == E_NO_MEMORY)
		return may;
	if (!failed(may) && r.kind == RESP_STATUS)
		s.concerns |= ENGINE_ADMIN;
	if (span_eq(name, redis_options(g)->user))
		s.concerns |= ENGINE_ROOT;
	TRY(redis_clients(g, SPAN("user"), name, on_address, &d));
	s.sessions = d.n;
	s.concerns |= d.shared ? ENGINE_SHARED : 0;
	return v->fn(v->user, &s);
}

static status
inventory(struct engine *e, status (*fn)(void *user, const struct engine_standing *s), void *user)
{
	return each_user(redis_of(e), inventory_one, &(struct inventory){ fn, user });
}

static status
test(struct engine *e, struct buf *notes)
{
	struct redis_engine *g = redis_of(e);
	CLEANUP(arena_fini) struct arena a;
	struct resp r;
	arena_init(&a, 1 << 20);
	TRY(REDIS(g, &a, &r, SPAN("ACL"), SPAN("WHOAMI")));
	buf_printf(notes, "Redis as %.*s\n", SPAN_ARG(r.s));
	if (!e->root)
		buf_put_str(notes, "the root account has no password\n");
	TRY(REDIS(g, &a, &r, SPAN("ACL"), SPAN("DRYRUN"), redis_options(g)->user, SPAN("ACL"), SPAN("SETUSER"), SPAN("x")));
	if (r.kind != RESP_STATUS) {
		engine_because(e, "the root account needs +@admin: %.*s", SPAN_ARG(r.s));
		return FAIL(E_NOT_PERMITTED);
	}
	if (!redis_options(g)->tls && redis_options(g)->host.p[0] != '/')
		buf_put_str(notes, "the connection is not encrypted\n");
	return buf_finish(notes);
}

/* ---- the root credential ---- */

static status
set_passwords(struct redis_engine *g, struct arena *a, const char *first, const struct secret *one)
{
	CLEANUP(arena_fini) struct arena text;
	struct rules r = { .a = &text };
	struct resp reply;
	arena_init(&text, 4096);
	const span head[] = { SPAN("ACL"), SPAN("SETUSER"), redis_options(g)->user };
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		TRY(add(&r, "", head[i]));
	if (*first)
		TRY(add(&r, "", span_str(first)));
	TRY(add_hash(&r, "#", one));
	return redis_ask(g, a, &reply, r.n, r.args);
}

/* Both passwords are good until the ACL file has the fresh one: a restart in between locks nobody out. */
static status
rotate(struct engine *e, const struct secret *fresh)
{
	struct redis_engine *g = redis_of(e);
	CLEANUP(arena_fini) struct arena a;
	struct resp r;
	bool saved;
	arena_init(&a, 1 << 20);
	status s = REDIS(g, &a, &r, SPAN("PING"));
	if (s.code == E_NOT_PERMITTED) {
		TRY(redis_try_login(g, fresh));   /* an earlier attempt changed it and never heard */
		e->why[0] = '\0';
		return OK;
	}
	TRY(s);
	TRY(save(g, &a, &saved));
	if (!saved) {
		engine_because(e, "redis: rotation needs an ACL file (aclfile): the server's configuration would bring the old password back");
		return FAIL(E_BAD_CONFIG);
	}
	TRY(set_passwords(g, &a, "", fresh));
	TRY(save(g, &a, &saved));
	TRY(set_passwords(g, &a, "resetpass", fresh));
	TRY(save(g, &a, &saved));
	return redis_try_login(g, fresh);
}

static status
open_redis(struct engine *e)
{
	stream_init(&redis_of(e)->s, RESP_BYTES + 4096);
	return OK;
}

static void
close_redis(struct engine *e)
{
	stream_fini(&redis_of(e)->s);
}

extern const struct engine_class engine_redis;
const struct engine_class engine_redis = {
	.name = "redis", .title = "Redis ACL user", .traits = ENGINE_SESSIONS | ENGINE_ROTATE | ENGINE_LIST,
	.risk = "Redis knows no end of life for an account: with Ambit off, one lives on until Ambit is back or the server restarts without an ACL file.",
	.upstream = &upstream_schema, .grant = &grant_schema, .reads = "ca", .size = sizeof(struct redis_engine),
	.open = open_redis, .close = close_redis, .check = check_grant, .test = test, .create = create, .revoke = revoke,
	.list = list, .inventory = inventory, .rotate = rotate,
};
