/* MariaDB accounts. Account statements are no transactions there: an account is made locked, given its grants, and unlocked last. */
#include "crypto/hash.h"
#include "engine/mariadb_priv.h"
#include "engine/sql.h"

#include <stdio.h>

enum { SQL_MAX = 256 * 1024, ER_CANNOT_USER_ = 1396 };

/* ---- options ---- */

static const char *const maria_tls_words[] = { "verify", "encrypt", "off", NULL };

static const struct maria_options upstream_init = { .port = 3306, .host = { (const uint8_t *)"/run/mysqld/mysqld.sock", 23 },
	.user = { (const uint8_t *)"ambit", 5 }, .account_host = { (const uint8_t *)"%", 1 } };

static const struct schema_field upstream_fields[] = {
	ENGINE_COMMON_FIELDS(struct maria_options),
	{ "host", SCHEMA_STR, SCHEMA_AT(struct maria_options, host), .min = 1, .max = 253, .doc = "name, address, or the path of the unix socket. Default `/run/mysqld/mysqld.sock`" },
	{ "port", SCHEMA_INT, SCHEMA_AT(struct maria_options, port), .min = 1, .max = 65535, .doc = "default 3306" },
	{ "user", SCHEMA_STR, SCHEMA_AT(struct maria_options, user), .min = 1, .max = 80, .doc = "the root account. Default `ambit`" },
	{ "tls", SCHEMA_WORD, SCHEMA_AT(struct maria_options, tls), .words = maria_tls_words, .doc = "`verify` certificate and name (default), `encrypt` only, `off`; nothing of it over a unix socket" },
	{ "ca", SCHEMA_STR, SCHEMA_AT(struct maria_options, ca), .min = 1, .max = 4095, .doc = "file of the certificates to trust; without it the system's" },
	{ "account_host", SCHEMA_STR, SCHEMA_AT(struct maria_options, account_host), .min = 1, .max = 60, .doc = "the host part of the accounts: from where their holders may come. Default `%`, anywhere. Change it only while no lease is live" },
	{ "event_schema", SCHEMA_STR, SCHEMA_AT(struct maria_options, event_schema), .min = 1, .max = 64, .doc = "a database for events: then each account has an end of its own in the server. Needs `event_scheduler=ON`" },
	{ "client_host", SCHEMA_STR, SCHEMA_AT(struct maria_options, client_host), .min = 1, .max = 253, .doc = "what holders are told, where that differs from `host`" },
	{ "client_port", SCHEMA_INT, SCHEMA_AT(struct maria_options, client_port), .min = 1, .max = 65535, .doc = "likewise" },
};
static const struct schema upstream_schema = { .name = "mariadb upstream", .fields = upstream_fields, .n = ARRAY_LEN(upstream_fields),
	.size = sizeof(struct maria_options), .init = &upstream_init };

struct maria_grant {
	span database;
	int64_t connections;
	struct schema_list grants, sql;
};

struct maria_one {
	span database;
	struct schema_list tables, privileges;
};

static const struct schema_field one_fields[] = {
	{ "database", SCHEMA_STR, SCHEMA_AT(struct maria_one, database), .required = true, .min = 1, .max = MARIA_NAME, .doc = "exactly that one: `_` and `%` are no patterns here" },
	{ "tables", SCHEMA_STRS, SCHEMA_AT(struct maria_one, tables), .max = 256, .doc = "names; without it all of the database, also those to come" },
	{ "privileges", SCHEMA_STRS, SCHEMA_AT(struct maria_one, privileges), .required = true, .min = 1, .max = 16, .doc = "select, insert, update, delete, create, drop, alter, index, references, create temporary tables, lock tables, execute, show view" },
};
static const struct schema one_schema = SCHEMA(struct maria_one, one_fields, "grant");

static const struct maria_grant grant_init = { .connections = 5 };
static const struct schema_field grant_fields[] = {
	{ "database", SCHEMA_STR, SCHEMA_AT(struct maria_grant, database), .min = 1, .max = MARIA_NAME, .doc = "what the holder is told to use; default that of the first of `grants`" },
	{ "connections", SCHEMA_INT, SCHEMA_AT(struct maria_grant, connections), .min = 1, .max = 1000, .doc = "at once. Default 5" },
	{ "grants", SCHEMA_OBJS, SCHEMA_AT(struct maria_grant, grants), .max = 64, .sub = &one_schema, .doc = "what it may do where" },
	{ "sql", SCHEMA_STRS, SCHEMA_AT(struct maria_grant, sql), .max = 32, .doc = "statements of the administrator, each with `{role}`; run as the root account, one by one" },
};
static const struct schema grant_schema = { .name = "mariadb template", .fields = grant_fields, .n = ARRAY_LEN(grant_fields),
	.size = sizeof(struct maria_grant), .init = &grant_init };

/* What makes lasting objects that run with the account's name (views, triggers, routines, events) is not among them. */
static const char *const privilege_words[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES",
	"CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE", "SHOW VIEW", NULL };

/* ---- the statements of one creation ---- */

/* In GRANT … ON db.*, and only there, '_' and '%' of the name are wildcards. */
static status
put_database(struct buf *b, span name)
{
	CLEANUP(buf_fini) struct buf plain;
	buf_init(&plain, 2 * MARIA_NAME);
	ENSURE(!span_eq_nocase(name, SPAN("mysql")), E_BAD_REQUEST);   /* who writes there administers */
	TRY(sql_ident(&plain, SQL_MARIADB, name));
	for (size_t i = 0; i < plain.n; i++) {
		if (plain.p[i] == '_' || plain.p[i] == '%' || plain.p[i] == '\\')
			buf_put_u8(b, '\\');
		buf_put_u8(b, plain.p[i]);
	}
	return OK;
}

static status
put_privileges(struct buf *b, const struct maria_one *o)
{
	const span *p = o->privileges.items;
	buf_put_str(b, "GRANT ");
	for (size_t i = 0; i < o->privileges.n; i++) {
		if (i)
			buf_put_str(b, ", ");
		TRY(sql_word(b, privilege_words, p[i]));
	}
	buf_put_str(b, " ON ");
	return OK;
}

typedef status statement_fn(void *user, struct buf *sql);

/* Gives each GRANT to fn. `role` is the quoted account. */
static status
each_grant(const struct maria_one *o, span role, statement_fn *fn, void *user)
{
	const span *t = o->tables.items;
	for (size_t i = 0; i < (o->tables.n ? o->tables.n : 1); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 8192);
		TRY(put_privileges(&b, o));
		if (o->tables.n) {
			ENSURE(!span_eq_nocase(o->database, SPAN("mysql")), E_BAD_REQUEST);
			TRY(sql_ident(&b, SQL_MARIADB, o->database));
			buf_put_u8(&b, '.');
			TRY(sql_ident(&b, SQL_MARIADB, t[i]));
		} else {
			TRY(put_database(&b, o->database));
			buf_put_str(&b, ".*");
		}
		buf_printf(&b, " TO %.*s", SPAN_ARG(role));
		TRY(fn(user, &b));
	}
	return OK;
}

static status
each_statement(const struct maria_grant *g, span role, statement_fn *fn, void *user)
{
	for (size_t i = 0; i < g->grants.n; i++)
		TRY(each_grant(&((const struct maria_one *)g->grants.items)[i], role, fn, user));
	for (size_t i = 0; i < g->sql.n; i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, SQL_MAX);
		TRY(sql_template(&b, ((const span *)g->sql.items)[i], role));
		TRY(fn(user, &b));
	}
	return OK;
}

static status
look_only(void *, struct buf *sql)
{
	return buf_finish(sql);
}

static status
check_grant(const void *grant, struct buf *reterr)
{
	const struct maria_grant *g = grant;
	status s = each_statement(g, SPAN("'r'@'%'"), look_only, NULL);
	if (s.code != E_BAD_REQUEST)
		return s;
	if (reterr)
		buf_put_str(reterr, "a name is empty, too long or ends in a blank, a privilege is unknown, the database is `mysql`, or a statement of `sql` lacks {role}\n");
	return FAIL(E_BAD_CONFIG);
}

static status
run_one(void *user, struct buf *sql)
{
	return maria_run(user, sql, NULL);
}

/* The stored form, '*' and SHA-1 of SHA-1: so the password itself is in no statement and no log of the server. */
static void
put_stored(struct buf *b, const struct secret *password)
{
	static const char hex[] = "0123456789ABCDEF";
	uint8_t once[20], twice[20];
	sha1(secret_reveal(password), once);
	sha1(span_make(once, sizeof once), twice);
	buf_put_str(b, "'*");
	for (size_t i = 0; i < sizeof twice; i++) {
		buf_put_u8(b, (uint8_t)hex[twice[i] >> 4]);
		buf_put_u8(b, (uint8_t)hex[twice[i] & 15]);
	}
	buf_put_u8(b, '\'');
	secret_wipe(once, sizeof once);
}

static void
put_when(struct buf *b, int64_t end)
{
	buf_printf(b, " ON SCHEDULE AT FROM_UNIXTIME(%lld)", (long long)end);
}

/* The account's own end in the server: no login after it, and no session. */
static status
put_event(struct buf *b, const struct maria_engine *g, const struct lease_spec *l, span account, span role)
{
	char id[ID_TEXT + 1];
	id_text(l->lease, id);
	buf_put_str(b, "CREATE EVENT ");
	TRY(maria_event(b, g, account));
	put_when(b, l->end);
	buf_printf(b, " ON COMPLETION NOT PRESERVE COMMENT 'ambit %s' DO BEGIN ALTER USER IF EXISTS %.*s ACCOUNT LOCK; KILL HARD USER ", id, SPAN_ARG(role));
	TRY(sql_literal(b, SQL_MARIADB, account));
	buf_put_str(b, "; END");
	return OK;
}

static status
make_event(struct maria_engine *g, const struct lease_spec *l, span account, span role)
{
	CLEANUP(maria_done) struct st_mysql_res *r = NULL;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	TRY(maria_text(g, "SELECT @@global.event_scheduler", &r));
	if (!span_is(maria_cell(r, 0, 0), "ON")) {
		engine_because(&g->e, "mariadb: event_schema is set, but the server's event_scheduler is not ON");
		return FAIL(E_BAD_CONFIG);
	}
	TRY(put_event(&b, g, l, account, role));
	return maria_run(g, &b, NULL);
}

/* With `sql` the administrator may have given more than a holder can have: what lets it make accounts or read every table. */
static status
guard(struct maria_engine *g, span account)
{
	CLEANUP(maria_done) struct st_mysql_res *r = NULL;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 2048);
	buf_put_str(&b, "SELECT (SELECT count(*) FROM mysql.user WHERE User = @a AND 'Y' IN (Super_priv, Create_user_priv, Grant_priv, File_priv, Reload_priv, Shutdown_priv))"
	    " + (SELECT count(*) FROM mysql.db WHERE User = @a AND ('mysql' LIKE Db OR Grant_priv = 'Y'))"
	    " + (SELECT count(*) FROM mysql.tables_priv WHERE User = @a AND (Db = 'mysql' OR FIND_IN_SET('Grant', Table_priv)))"
	    " + (SELECT count(*) FROM mysql.roles_mapping WHERE User = @a) + (SELECT count(*) FROM mysql.proxies_priv WHERE User = @a) FROM (SELECT @a := ");
	TRY(sql_literal(&b, SQL_MARIADB, account));
	buf_put_str(&b, ") a");
	TRY(maria_run(g, &b, &r));
	if (maria_rows(r) == 1 && span_is(maria_cell(r, 0, 0), "0"))
		return OK;
	engine_because(&g->e, "mariadb: the template gives administrator's rights, rights to give on, or a role");
	return FAIL(E_BAD_CONFIG);
}

static status
make_locked(struct maria_engine *g, const struct maria_grant *t, span role, const struct secret *password)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	buf_printf(&b, "CREATE USER %.*s IDENTIFIED BY PASSWORD ", SPAN_ARG(role));
	put_stored(&b, password);
	buf_printf(&b, " WITH MAX_USER_CONNECTIONS %d ACCOUNT LOCK", (int)t->connections);
	status s = maria_run(g, &b, NULL);
	return failed(s) && g->error == ER_CANNOT_USER_ ? FAIL(E_EXISTS) : s;
}

static status
fill(struct maria_engine *g, const struct maria_grant *t, const char *account, struct secret *own_password, struct engine_credential *out)
{
	const struct maria_options *o = maria_options(g);
	char port[16];
	span database = t->database.n ? t->database : t->grants.n ? ((const struct maria_one *)t->grants.items)[0].database : (span){ 0 };
	TRY(engine_field_secret(out, "password", "MYSQL_PWD", own_password));
	TRY(engine_field_put(out, "username", NULL, span_str(account)));
	TRY(engine_field_put(out, "host", "MYSQL_HOST", o->client_host.n ? o->client_host : o->host));
	snprintf(port, sizeof port, "%d", (int)(o->client_port ? o->client_port : o->port));
	TRY(engine_field_put(out, "port", "MYSQL_TCP_PORT", span_str(port)));
	return engine_field_put(out, "database", NULL, database);
}

static status
create(struct engine *e, const struct lease_spec *l, const char *account, const void *grant, struct engine_credential *out)
{
	struct maria_engine *g = maria_of(e);
	const struct maria_grant *t = grant;
	CLEANUP(secret_freep) struct secret *password = NULL;
	CLEANUP(buf_fini) struct buf role, b;
	buf_init(&role, 512);
	buf_init(&b, 1024);
	TRY(maria_account(&role, g, span_str(account)));
	TRY(buf_finish(&role));
	TRY(engine_password(&password));
	TRY(make_locked(g, t, buf_span(&role), password));
	if (maria_options(g)->event_schema.n)
		TRY(make_event(g, l, span_str(account), buf_span(&role)));
	TRY(each_statement(t, buf_span(&role), run_one, g));
	if (t->sql.n)
		TRY(guard(g, span_str(account)));
	buf_printf(&b, "ALTER USER %.*s ACCOUNT UNLOCK", SPAN_ARG(buf_span(&role)));
	TRY(maria_run(g, &b, NULL));
	return fill(g, t, account, TAKE(password), out);
}

static status
renew(struct engine *e, const struct lease_spec *l, const char *account)
{
	struct maria_engine *g = maria_of(e);
	CLEANUP(buf_fini) struct buf b;
	enum { ER_EVENT_DOES_NOT_EXIST_ = 1539 };
	buf_init(&b, 1024);
	buf_put_str(&b, "ALTER EVENT ");
	TRY(maria_event(&b, g, span_str(account)));
	put_when(&b, l->end);
	status s = maria_run(g, &b, NULL);
	return failed(s) && g->error == ER_EVENT_DOES_NOT_EXIST_ ? FAIL(E_NOT_FOUND) : s;
}

/* ---- looking ---- */

static status
list(struct engine *e, status (*fn)(void *user, const struct engine_account *a), void *user)
{
	struct maria_engine *g = maria_of(e);
	CLEANUP(maria_done) struct st_mysql_res *r = NULL;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 2048);
	buf_put_str(&b, "SELECT User, (SELECT count(*) FROM information_schema.PROCESSLIST p WHERE p.USER = u.User),"
	    " (SELECT UNIX_TIMESTAMP(EXECUTE_AT) FROM information_schema.EVENTS WHERE EVENT_NAME = u.User AND EVENT_SCHEMA = ");
	TRY(sql_literal(&b, SQL_MARIADB, maria_options(g)->event_schema));
	buf_put_str(&b, ") FROM mysql.user u WHERE is_role = 'N' AND LEFT(User, ");
	buf_put_udec(&b, e->options->prefix.n);
	buf_put_str(&b, ") = ");
	TRY(sql_literal(&b, SQL_MARIADB, e->options->prefix));
	TRY(maria_run(g, &b, &r));
	for (size_t i = 0; i < maria_rows(r); i++) {
		struct engine_account a = { .name = maria_cell(r, i, 0), .sessions = (unsigned)maria_int(r, i, 1), .end = maria_int(r, i, 2) };
		a.lease = engine_account_lease(e, a.name);
		if (a.lease)
			TRY(fn(user, &a));
	}
	return OK;
}

static status
inventory(struct engine *e, status (*fn)(void *user, const struct engine_standing *s), void *user)
{
	static const unsigned flags[] = { ENGINE_ADMIN, ENGINE_NO_PASSWORD, ENGINE_LOCKED, ENGINE_SHARED, ENGINE_ROOT };
	struct maria_engine *g = maria_of(e);
	CLEANUP(maria_done) struct st_mysql_res *r = NULL;
	TRY(maria_text(g, "SELECT u.User, concat(u.User, '@', u.Host), 'Y' IN (Super_priv, Create_user_priv, Grant_priv),"
	    " plugin IN ('', 'mysql_native_password') AND authentication_string = '', coalesce(JSON_VALUE(Priv, '$.account_locked'), 0) = 1,"
	    " (SELECT count(DISTINCT SUBSTRING_INDEX(HOST, ':', 1)) > 1 FROM information_schema.PROCESSLIST p WHERE p.USER = u.User),"
	    " concat(u.User, '@', u.Host) = CURRENT_USER(), (SELECT count(*) FROM information_schema.PROCESSLIST p WHERE p.USER = u.User)"
	    " FROM mysql.user u JOIN mysql.global_priv g ON g.User = u.User AND g.Host = u.Host WHERE is_role = 'N' ORDER BY 2", &r));
	for (size_t i = 0; i < maria_rows(r); i++) {
		struct engine_standing s = { .name = maria_cell(r, i, 1), .concerns = ENGINE_NEVER_EXPIRES, .sessions = (unsigned)maria_int(r, i, 7) };
		for (unsigned k = 0; k < ARRAY_LEN(flags); k++)
			if (maria_int(r, i, 2 + k))
				s.concerns |= flags[k];
		if (!engine_account_lease(e, maria_cell(r, i, 0)))
			TRY(fn(user, &s));
	}
	return OK;
}

static status
test(struct engine *e, struct buf *notes)
{
	struct maria_engine *g = maria_of(e);
	CLEANUP(maria_done) struct st_mysql_res *r = NULL, *may = NULL;
	TRY(maria_text(g, "SELECT VERSION(), CURRENT_USER(), @@global.event_scheduler, (SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS"
	    " WHERE VARIABLE_NAME = 'SSL_CIPHER')", &r));
	buf_printf(notes, "MariaDB %.*s as %.*s\n", SPAN_ARG(maria_cell(r, 0, 0)), SPAN_ARG(maria_cell(r, 0, 1)));
	TRY(maria_text(g, "SELECT count(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE IN ('CREATE USER', 'PROCESS', 'CONNECTION ADMIN')"
	    " AND GRANTEE = concat('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')", &may));
	if (maria_int(may, 0, 0) < 3) {
		engine_because(e, "the root account needs CREATE USER, PROCESS and CONNECTION ADMIN");
		return FAIL(E_NOT_PERMITTED);
	}
	if (maria_options(g)->event_schema.n && !span_is(maria_cell(r, 0, 2), "ON")) {
		engine_because(e, "event_schema is set, but the server's event_scheduler is not ON");
		return FAIL(E_BAD_CONFIG);
	}
	if (!maria_options(g)->event_schema.n)
		buf_put_str(notes, "no event_schema: with Ambit off an account does not end by itself\n");
	if (!maria_cell(r, 0, 3).n && maria_options(g)->host.p[0] != '/')
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
	struct maria_engine *g = maria_of(e);
	CLEANUP(secret_freep) struct secret *z = NULL;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 256);
	TRY(with_nul(fresh, &z));
	status old = maria_text(g, "DO 0", NULL);
	if (old.code == E_NOT_PERMITTED) {
		TRY(maria_try_login(g, z));   /* an earlier attempt changed it and never heard */
	} else {
		TRY(old);
		buf_put_str(&b, "SET PASSWORD = ");
		put_stored(&b, fresh);
		TRY(maria_run(g, &b, NULL));
		TRY(maria_try_login(g, z));
	}
	secret_free(g->password);
	g->password = TAKE(z);
	return OK;
}

static status
open_maria(struct engine *e)
{
	if (maria_options(maria_of(e))->event_schema.n)
		e->traits |= ENGINE_NATIVE_END | ENGINE_RENEW;
	return e->root ? with_nul(e->root, &maria_of(e)->password) : OK;
}

static void
close_maria(struct engine *e)
{
	maria_hang_up(maria_of(e));
	secret_free(maria_of(e)->password);
}

extern const struct engine_class engine_mariadb;
const struct engine_class engine_mariadb = {
	.name = "mariadb", .title = "MariaDB account", .traits = ENGINE_SESSIONS | ENGINE_ROTATE | ENGINE_LIST,
	.risk = "Without the option event_schema MariaDB knows no end of life for an account: with Ambit off, one lives on until Ambit is back.",
	.upstream = &upstream_schema, .grant = &grant_schema, .reads = "ca", .size = sizeof(struct maria_engine),
	.open = open_maria, .close = close_maria, .check = check_grant, .test = test, .create = create, .renew = renew, .revoke = maria_revoke,
	.list = list, .inventory = inventory, .rotate = rotate,
};
