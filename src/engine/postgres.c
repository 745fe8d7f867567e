/* PostgreSQL roles. Revocation is in postgres_revoke.c, connections in postgres_conn.c. */
#include "engine/postgres_priv.h"
#include "engine/sql.h"

#include <stdio.h>

enum { SQL_MAX = 256 * 1024 };

/* ---- options ---- */

static const char *const pg_tls_words[] = { "verify", "encrypt", "off", NULL };

static const struct pg_options upstream_init = { .port = 5432, .host = { (const uint8_t *)"/var/run/postgresql", 19 },
	.user = { (const uint8_t *)"ambit", 5 }, .database = { (const uint8_t *)"postgres", 8 } };

static const struct schema_field upstream_fields[] = {
	ENGINE_COMMON_FIELDS(struct pg_options),
	{ "host", SCHEMA_STR, SCHEMA_AT(struct pg_options, host), .min = 1, .max = 253, .doc = "name, address, or the folder of the unix socket. Default `/var/run/postgresql`" },
	{ "port", SCHEMA_INT, SCHEMA_AT(struct pg_options, port), .min = 1, .max = 65535, .doc = "default 5432" },
	{ "user", SCHEMA_STR, SCHEMA_AT(struct pg_options, user), .min = 1, .max = PG_NAME, .doc = "the root account. Default `ambit`" },
	{ "database", SCHEMA_STR, SCHEMA_AT(struct pg_options, database), .min = 1, .max = PG_NAME, .doc = "where a template names none. Default `postgres`" },
	{ "tls", SCHEMA_WORD, SCHEMA_AT(struct pg_options, tls), .words = pg_tls_words, .doc = "`verify` certificate and name (default), `encrypt` only, `off`; nothing of it over a unix socket" },
	{ "ca", SCHEMA_STR, SCHEMA_AT(struct pg_options, ca), .min = 1, .max = 4095, .doc = "file of the certificates to trust; without it libpq's default" },
	{ "client_host", SCHEMA_STR, SCHEMA_AT(struct pg_options, client_host), .min = 1, .max = 253, .doc = "what holders are told, where that differs from `host`" },
	{ "client_port", SCHEMA_INT, SCHEMA_AT(struct pg_options, client_port), .min = 1, .max = 65535, .doc = "likewise" },
};
static const struct schema upstream_schema = { .name = "postgres upstream", .fields = upstream_fields, .n = ARRAY_LEN(upstream_fields),
	.size = sizeof(struct pg_options), .init = &upstream_init };

struct pg_grant {
	span database;
	int64_t connections;
	bool inherit;
	struct schema_list schemas, roles, sql;
};

struct pg_schema_grant {
	span schema;
	bool create;
	struct schema_list tables, privileges, sequences, functions;
};

static const struct schema_field schema_fields[] = {
	{ "schema", SCHEMA_STR, SCHEMA_AT(struct pg_schema_grant, schema), .required = true, .min = 1, .max = PG_NAME, .doc = "USAGE is granted on it" },
	{ "create", SCHEMA_BOOL, SCHEMA_AT(struct pg_schema_grant, create), .doc = "also CREATE: what the holder makes is dropped at the end" },
	{ "tables", SCHEMA_STRS, SCHEMA_AT(struct pg_schema_grant, tables), .max = 256, .doc = "names, or `*` for all that exist at that moment" },
	{ "privileges", SCHEMA_STRS, SCHEMA_AT(struct pg_schema_grant, privileges), .max = 7, .doc = "on the tables: select, insert, update, delete, truncate, references, trigger" },
	{ "sequences", SCHEMA_STRS, SCHEMA_AT(struct pg_schema_grant, sequences), .max = 256, .doc = "names or `*`: USAGE and SELECT" },
	{ "functions", SCHEMA_STRS, SCHEMA_AT(struct pg_schema_grant, functions), .max = 1, .doc = "only `*`: EXECUTE on all" },
};
static const struct schema schema_schema = SCHEMA(struct pg_schema_grant, schema_fields, "schema grant");

static const struct pg_grant grant_init = { .connections = 5, .inherit = true };
static const struct schema_field grant_fields[] = {
	{ "database", SCHEMA_STR, SCHEMA_AT(struct pg_grant, database), .min = 1, .max = PG_NAME, .doc = "CONNECT is granted on it. Default the upstream's" },
	{ "connections", SCHEMA_INT, SCHEMA_AT(struct pg_grant, connections), .min = 1, .max = 1000, .doc = "at once. Default 5" },
	{ "schemas", SCHEMA_OBJS, SCHEMA_AT(struct pg_grant, schemas), .max = 64, .sub = &schema_schema, .doc = "what it may do where" },
	{ "roles", SCHEMA_STRS, SCHEMA_AT(struct pg_grant, roles), .max = 16, .doc = "roles it becomes a member of; none with administrator's rights. What it makes as such a role stays" },
	{ "inherit", SCHEMA_BOOL, SCHEMA_AT(struct pg_grant, inherit), .doc = "has their rights without SET ROLE. Default true" },
	{ "sql", SCHEMA_STRS, SCHEMA_AT(struct pg_grant, sql), .max = 32, .doc = "statements of the administrator, each with `{role}`; run as the root account, names qualified" },
};
static const struct schema grant_schema = { .name = "postgres template", .fields = grant_fields, .n = ARRAY_LEN(grant_fields),
	.size = sizeof(struct pg_grant), .init = &grant_init };

/* ---- the statements of one creation ---- */

static const char *const table_words[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", NULL };

#define LIST_FOR(type, it, list) for (const type *it = (list).items, *it##_end_ = it + (list).n; it != it##_end_; it++)

/* "ALL TABLES IN SCHEMA s", or "TABLE s.a, s.b". */
static status
put_targets(struct buf *b, const char *one, const char *all, span schema, const struct schema_list *names)
{
	const span *first = names->items;
	if (names->n == 1 && span_is(first[0], "*")) {
		buf_printf(b, " ON ALL %s IN SCHEMA ", all);
		return sql_ident(b, SQL_POSTGRES, schema);
	}
	buf_printf(b, " ON %s ", one);
	LIST_FOR(span, name, *names) {
		if (name != first)
			buf_put_str(b, ", ");
		TRY(sql_ident(b, SQL_POSTGRES, schema));
		buf_put_u8(b, '.');
		TRY(sql_ident(b, SQL_POSTGRES, *name));
	}
	return OK;
}

static status
put_schema(struct buf *b, const struct pg_schema_grant *s, span role)
{
	buf_put_str(b, s->create ? "GRANT USAGE, CREATE ON SCHEMA " : "GRANT USAGE ON SCHEMA ");
	TRY(sql_ident(b, SQL_POSTGRES, s->schema));
	buf_printf(b, " TO %.*s;", SPAN_ARG(role));
	ENSURE((s->tables.n == 0) == (s->privileges.n == 0), E_BAD_REQUEST);
	if (s->tables.n) {
		buf_put_str(b, "GRANT ");
		LIST_FOR(span, p, s->privileges) {
			if (p != s->privileges.items)
				buf_put_str(b, ", ");
			TRY(sql_word(b, table_words, *p));
		}
		TRY(put_targets(b, "TABLE", "TABLES", s->schema, &s->tables));
		buf_printf(b, " TO %.*s;", SPAN_ARG(role));
	}
	if (s->sequences.n) {
		buf_put_str(b, "GRANT USAGE, SELECT");
		TRY(put_targets(b, "SEQUENCE", "SEQUENCES", s->schema, &s->sequences));
		buf_printf(b, " TO %.*s;", SPAN_ARG(role));
	}
	if (s->functions.n) {
		/* one function can only be named with its argument types: that is for `sql` */
		ENSURE(span_is(((const span *)s->functions.items)[0], "*"), E_BAD_REQUEST);
		buf_put_str(b, "GRANT EXECUTE");
		TRY(put_targets(b, "FUNCTION", "FUNCTIONS", s->schema, &s->functions));
		buf_printf(b, " TO %.*s;", SPAN_ARG(role));
	}
	return OK;
}

/* Refuses, and so rolls all back, an account that could make further accounts or read past every grant: revocation would not
 * find what such a one leaves behind. */
static status
put_guard(struct buf *b, span account)
{
	buf_put_str(b, "DO $ambit$BEGIN IF EXISTS (SELECT FROM pg_roles WHERE pg_has_role(");
	TRY(sql_literal(b, SQL_POSTGRES, account));
	buf_put_str(b, ", oid, 'MEMBER') AND (rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls OR rolcreatedb)) THEN RAISE EXCEPTION"
	    " 'the template gives administrator''s rights'; END IF; END$ambit$;");
	return OK;
}

static status
put_grants(struct buf *b, const struct pg_grant *g, span database, span account, span role)
{
	buf_put_str(b, "GRANT CONNECT ON DATABASE ");
	TRY(sql_ident(b, SQL_POSTGRES, database));
	buf_printf(b, " TO %.*s;", SPAN_ARG(role));
	LIST_FOR(struct pg_schema_grant, s, g->schemas)
		TRY(put_schema(b, s, role));
	LIST_FOR(span, r, g->roles) {
		buf_put_str(b, "GRANT ");
		TRY(sql_ident(b, SQL_POSTGRES, *r));
		buf_printf(b, " TO %.*s;", SPAN_ARG(role));
	}
	LIST_FOR(span, q, g->sql) {
		TRY(sql_template(b, *q, role));
		buf_put_str(b, "\n;");
	}
	return g->roles.n || g->sql.n ? put_guard(b, account) : OK;
}

/* Made without an upstream, so that a template that can not work is refused when it is written. */
static status
check_grant(const void *grant, struct buf *reterr)
{
	CLEANUP(buf_fini) struct buf b;
	const struct pg_grant *g = grant;
	buf_init(&b, SQL_MAX);
	status s = put_grants(&b, g, g->database.n ? g->database : SPAN("d"), SPAN("r"), SPAN("\"r\""));
	if (s.code == E_BAD_REQUEST) {
		if (reterr)
			buf_put_str(reterr, "a name is empty or longer than 63 bytes, a privilege is unknown, tables stand without privileges, `functions` is not \"*\", or a"
			    " statement of `sql` lacks {role}\n");
		return FAIL(E_BAD_CONFIG);
	}
	TRY(s);
	return buf_finish(&b);
}

static void
put_end(struct buf *b, int64_t end)
{
	buf_put_str(b, " VALID UNTIL '");
	time_put(end * TIME_SECOND, b);
	buf_put_str(b, "'");
}

static status
put_account(struct buf *b, const struct lease_spec *l, const struct pg_grant *g, span role, span verifier)
{
	char id[ID_TEXT + 1];
	CLEANUP(buf_fini) struct buf note;
	buf_init(&note, 512);
	id_text(l->lease, id);
	buf_printf(&note, "ambit %s ", id);
	engine_comment_name(l->task, &note);
	buf_put_u8(&note, ' ');
	engine_comment_name(l->agent, &note);
	TRY(buf_finish(&note));
	buf_printf(b, "CREATE ROLE %.*s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS %s CONNECTION LIMIT %d", SPAN_ARG(role),
	    g->inherit ? "INHERIT" : "NOINHERIT", (int)g->connections);
	put_end(b, l->end);
	buf_put_str(b, " PASSWORD ");
	TRY(sql_literal(b, SQL_POSTGRES, verifier));
	buf_printf(b, ";COMMENT ON ROLE %.*s IS ", SPAN_ARG(role));
	TRY(sql_literal(b, SQL_POSTGRES, buf_span(&note)));
	/* what a client that names itself overrides; the role's name says it anyway */
	buf_printf(b, ";ALTER ROLE %.*s SET application_name = 'ambit %s';", SPAN_ARG(role), id);
	return OK;
}

static status
fill(struct pg_engine *g, const char *account, span database, struct secret *own_password, struct engine_credential *out)
{
	const struct pg_options *o = pg_options(g);
	char port[16];
	TRY(engine_field_secret(out, "password", "PGPASSWORD", own_password));
	TRY(engine_field_put(out, "username", "PGUSER", span_str(account)));
	TRY(engine_field_put(out, "host", "PGHOST", o->client_host.n ? o->client_host : o->host));
	snprintf(port, sizeof port, "%d", (int)(o->client_port ? o->client_port : o->port));
	TRY(engine_field_put(out, "port", "PGPORT", span_str(port)));
	return engine_field_put(out, "database", "PGDATABASE", database);
}

static status
create(struct engine *e, const struct lease_spec *l, const char *account, const void *grant, struct engine_credential *out)
{
	struct pg_engine *g = pg_of(e);
	const struct pg_grant *t = grant;
	CLEANUP(secret_freep) struct secret *password = NULL;
	CLEANUP(buf_fini) struct buf b, role, verifier;
	buf_init(&b, SQL_MAX);
	buf_init(&role, 256);
	buf_init(&verifier, 1024);
	span database = t->database.n ? t->database : pg_options(g)->database;
	TRY(sql_ident(&role, SQL_POSTGRES, span_str(account)));
	TRY(engine_password(&password));
	TRY(pg_verifier(password, &verifier));
	TRY(put_account(&b, l, t, buf_span(&role), buf_span(&verifier)));
	TRY(put_grants(&b, t, database, span_str(account), buf_span(&role)));
	/* one simple query: one transaction, so either all of the account exists or nothing */
	TRY(pg_run_buf(g, database, &b, NULL));
	return fill(g, account, database, TAKE(password), out);
}

static status
renew(struct engine *e, const struct lease_spec *l, const char *account)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1024);
	buf_put_str(&b, "ALTER ROLE ");
	TRY(sql_ident(&b, SQL_POSTGRES, span_str(account)));
	put_end(&b, l->end);
	return pg_run_buf(pg_of(e), (span){ 0 }, &b, NULL);
}

/* ---- looking ---- */

static status
list(struct engine *e, status (*fn)(void *user, const struct engine_account *a), void *user)
{
	struct pg_engine *g = pg_of(e);
	CLEANUP(pg_done) struct pg_result *r = NULL;
	char prefix[ENGINE_PREFIX + 1] = { 0 };
	memcpy(prefix, e->options->prefix.p, e->options->prefix.n);
	TRY(pg_run(g, (span){ 0 }, "SELECT rolname, CASE WHEN isfinite(rolvaliduntil) THEN extract(epoch FROM rolvaliduntil)::bigint END,"
	    " (SELECT count(*) FROM pg_stat_activity WHERE usesysid = oid) FROM pg_roles WHERE starts_with(rolname::text, $1)", 1,
	    (const char *const[]){ prefix }, &r));
	for (int i = 0; i < pg_rows(r); i++) {
		struct engine_account a = { .name = pg_cell(r, i, 0), .end = pg_cell_int(r, i, 1), .sessions = (unsigned)pg_cell_int(r, i, 2) };
		a.lease = engine_account_lease(e, a.name);
		if (a.lease)
			TRY(fn(user, &a));
	}
	return OK;
}

static status
inventory(struct engine *e, status (*fn)(void *user, const struct engine_standing *s), void *user)
{
	static const struct { int column; unsigned concern; } flags[] = {
		{ 1, ENGINE_ADMIN }, { 2, ENGINE_ROOT }, { 3, ENGINE_NO_PASSWORD }, { 4, ENGINE_SHARED }, { 5, ENGINE_LOCKED }, { 6, ENGINE_NEVER_EXPIRES } };
	/* passwords can be seen by superusers only */
	static const char sql[] = "SELECT rolname, rolsuper OR rolcreaterole, rolname = current_user, %s,"
		" (SELECT count(DISTINCT client_addr) > 1 FROM pg_stat_activity WHERE usesysid = r.oid), rolvaliduntil <= now(),"
		" rolvaliduntil IS NULL OR NOT isfinite(rolvaliduntil), CASE WHEN isfinite(rolvaliduntil) THEN extract(epoch FROM rolvaliduntil)::bigint END,"
		" (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid) FROM %s r WHERE rolcanlogin ORDER BY 1";
	struct pg_engine *g = pg_of(e);
	CLEANUP(pg_done) struct pg_result *may = NULL, *r = NULL;
	char text[1024];
	TRY(pg_run(g, (span){ 0 }, "SELECT has_table_privilege('pg_authid', 'SELECT')", 0, NULL, &may));
	bool all = span_is(pg_cell(may, 0, 0), "t");
	snprintf(text, sizeof text, sql, all ? "rolpassword IS NULL" : "false", all ? "pg_authid" : "pg_roles");
	TRY(pg_run(g, (span){ 0 }, text, 0, NULL, &r));
	for (int i = 0; i < pg_rows(r); i++) {
		struct engine_standing s = { .name = pg_cell(r, i, 0), .end = pg_cell_int(r, i, 7), .sessions = (unsigned)pg_cell_int(r, i, 8) };
		for (size_t k = 0; k < ARRAY_LEN(flags); k++)
			if (span_is(pg_cell(r, i, flags[k].column), "t"))
				s.concerns |= flags[k].concern;
		if (!engine_account_lease(e, s.name))
			TRY(fn(user, &s));
	}
	return OK;
}

static status
test(struct engine *e, struct buf *notes)
{
	static const char sql[] = "SELECT current_setting('server_version'), r.rolsuper, r.rolcreaterole, pg_has_role('pg_signal_backend', 'USAGE'),"
		" coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), current_setting('server_version_num')::int >= 140000"
		" FROM pg_roles r WHERE rolname = current_user";
	struct pg_engine *g = pg_of(e);
	CLEANUP(pg_done) struct pg_result *r = NULL;
	TRY(pg_run(g, (span){ 0 }, sql, 0, NULL, &r));
	bool super = span_is(pg_cell(r, 0, 1), "t");
	buf_printf(notes, "PostgreSQL %.*s as %s\n", SPAN_ARG(pg_cell(r, 0, 0)), super ? "superuser" : "ordinary role");
	if (!super && !span_is(pg_cell(r, 0, 2), "t")) {
		engine_because(e, "the root account needs CREATEROLE");
		return FAIL(E_NOT_PERMITTED);
	}
	if (!super && !span_is(pg_cell(r, 0, 3), "t")) {
		engine_because(e, "the root account needs membership in pg_signal_backend, to end sessions");
		return FAIL(E_NOT_PERMITTED);
	}
	if (!span_is(pg_cell(r, 0, 5), "t")) {
		engine_because(e, "PostgreSQL 14 or later is needed");
		return FAIL(E_UPSTREAM);
	}
	if (!span_is(pg_cell(r, 0, 4), "t") && pg_options(g)->host.p[0] != '/')
		buf_put_str(notes, "the connection is not encrypted\n");
	return buf_finish(notes);
}

/* ---- the root credential ---- */

static status
with_nul(const struct secret *s, struct secret **ret)
{
	TRY(secret_new(secret_size(s) + 1, ret));
	memcpy(secret_writable(*ret), secret_reveal(s).p, secret_size(s));
	return OK;
}

static status
rotate(struct engine *e, const struct secret *fresh)
{
	struct pg_engine *g = pg_of(e);
	CLEANUP(secret_freep) struct secret *z = NULL;
	CLEANUP(buf_fini) struct buf b, verifier;
	buf_init(&b, 2048);
	buf_init(&verifier, 1024);
	TRY(with_nul(fresh, &z));
	TRY(pg_verifier(fresh, &verifier));
	status old = pg_run(g, (span){ 0 }, "SELECT", 0, NULL, NULL);
	if (old.code == E_NOT_PERMITTED)
		TRY(pg_try_login(g, z));   /* an earlier attempt changed it and never heard */
	else {
		TRY(old);
		buf_put_str(&b, "ALTER ROLE ");
		TRY(sql_ident(&b, SQL_POSTGRES, pg_options(g)->user));
		buf_put_str(&b, " PASSWORD ");
		TRY(sql_literal(&b, SQL_POSTGRES, buf_span(&verifier)));
		TRY(pg_run_buf(g, (span){ 0 }, &b, NULL));
		TRY(pg_try_login(g, z));
	}
	secret_free(g->password);
	g->password = TAKE(z);
	return OK;
}

static status
open_pg(struct engine *e)
{
	const struct pg_options *o = (const struct pg_options *)e->options;
	const span names[] = { o->host, o->user, o->database };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (memchr(names[i].p, 0, names[i].n)) {
			engine_because(e, "a name holds a NUL");
			return FAIL(E_BAD_CONFIG);
		}
	return e->root ? with_nul(e->root, &pg_of(e)->password) : OK;
}

static void
close_pg(struct engine *e)
{
	pg_hang_up(pg_of(e));
	secret_free(pg_of(e)->password);
}

extern const struct engine_class engine_postgres;
const struct engine_class engine_postgres = {
	.name = "postgres", .title = "PostgreSQL role",
	.traits = ENGINE_NATIVE_END | ENGINE_SESSIONS | ENGINE_RENEW | ENGINE_ROTATE | ENGINE_LIST,
	.upstream = &upstream_schema, .grant = &grant_schema, .reads = "ca", .size = sizeof(struct pg_engine),
	.open = open_pg, .close = close_pg, .check = check_grant, .test = test, .create = create, .renew = renew, .revoke = pg_revoke,
	.list = list, .inventory = inventory, .rotate = rotate,
};
