#include "engine/mariadb_priv.h"
#include "engine/sql.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdio.h>

enum { ER_STATEMENT_TIME = 1969, ER_KILLED_CONNECTION = 1927 };

static uint16_t
code_of(unsigned error)
{
	static const struct { unsigned error; uint16_t code; } rows[] = {
		{ ER_ACCESS_DENIED_ERROR, E_NOT_PERMITTED }, { ER_DBACCESS_DENIED_ERROR, E_NOT_PERMITTED }, { ER_TABLEACCESS_DENIED_ERROR, E_NOT_PERMITTED },
		{ ER_SPECIFIC_ACCESS_DENIED_ERROR, E_NOT_PERMITTED }, { ER_ACCESS_DENIED_NO_PASSWORD_ERROR, E_NOT_PERMITTED },
		{ ER_HOST_NOT_PRIVILEGED, E_NOT_PERMITTED },
		{ CR_CONNECTION_ERROR, E_UNAVAILABLE }, { CR_CONN_HOST_ERROR, E_UNAVAILABLE }, { CR_UNKNOWN_HOST, E_UNAVAILABLE }, { CR_SERVER_GONE_ERROR, E_UNAVAILABLE },
		{ CR_SERVER_LOST, E_UNAVAILABLE }, { CR_SERVER_HANDSHAKE_ERR, E_UNAVAILABLE }, { CR_SSL_CONNECTION_ERROR, E_UNAVAILABLE },
		{ CR_SERVER_LOST_EXTENDED, E_UNAVAILABLE }, { CR_MALFORMED_PACKET, E_UNAVAILABLE },
		{ ER_CON_COUNT_ERROR, E_UNAVAILABLE }, { ER_SERVER_SHUTDOWN, E_UNAVAILABLE }, { ER_KILLED_CONNECTION, E_UNAVAILABLE }, { ER_NORMAL_SHUTDOWN, E_UNAVAILABLE },
		{ ER_LOCK_WAIT_TIMEOUT, E_TIMEOUT }, { ER_STATEMENT_TIME, E_TIMEOUT }, { ER_QUERY_INTERRUPTED, E_TIMEOUT },
		{ CR_OUT_OF_MEMORY, E_NO_MEMORY },
		{ ER_BAD_DB_ERROR, E_BAD_CONFIG }, { ER_NO_SUCH_TABLE, E_BAD_CONFIG }, { ER_PARSE_ERROR, E_BAD_CONFIG }, { ER_ILLEGAL_GRANT_FOR_TABLE, E_BAD_CONFIG },
		{ ER_WRONG_USAGE, E_BAD_CONFIG }, { ER_BAD_FIELD_ERROR, E_BAD_CONFIG }, { ER_WRONG_DB_NAME, E_BAD_CONFIG }, { ER_WRONG_TABLE_NAME, E_BAD_CONFIG },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].error == error)
			return rows[i].code;
	return E_UPSTREAM;
}

static status
failure(struct maria_engine *g, MYSQL *c)
{
	g->error = mysql_errno(c);
	engine_because(&g->e, "mariadb: %s (%u)", mysql_error(c), g->error);
	return FAIL(code_of(g->error));
}

void
maria_hang_up(struct maria_engine *g)
{
	if (g->c)
		mysql_close(g->c);
	g->c = NULL;
}

void
maria_done(struct st_mysql_res **r)
{
	if (*r)
		mysql_free_result(*r);
	*r = NULL;
}

size_t
maria_rows(const struct st_mysql_res *r)
{
	return r ? (size_t)mysql_num_rows((MYSQL_RES *)(uintptr_t)r) : 0;
}

span
maria_cell(struct st_mysql_res *r, size_t row, unsigned column)
{
	if (row >= maria_rows(r) || column >= mysql_num_fields(r))
		return (span){ 0 };
	mysql_data_seek(r, row);
	MYSQL_ROW cells = mysql_fetch_row(r);
	unsigned long *sizes = mysql_fetch_lengths(r);
	return cells && cells[column] ? span_make(cells[column], sizes[column]) : (span){ 0 };
}

int64_t
maria_int(struct st_mysql_res *r, size_t row, unsigned column)
{
	int64_t v = 0;
	return span_to_i64(maria_cell(r, row, column), &v) ? v : 0;
}

static status
set_options(MYSQL *c, const struct maria_options *o, const char *ca)
{
	unsigned seconds = (unsigned)(o->common.timeout / TIME_SECOND);
	seconds = seconds ? seconds : 1;
	my_bool yes = 1, no = 0, verify = o->tls == 0;
	int bad = mysql_options(c, MYSQL_OPT_CONNECT_TIMEOUT, &seconds) | mysql_options(c, MYSQL_OPT_READ_TIMEOUT, &seconds) |
	    mysql_options(c, MYSQL_OPT_WRITE_TIMEOUT, &seconds) | mysql_options(c, MYSQL_SET_CHARSET_NAME, "utf8mb4") |
	    mysql_options(c, MYSQL_OPT_RECONNECT, &no);
	/* a server must not ask for our files */
	unsigned local = 0;
	bad |= mysql_options(c, MYSQL_OPT_LOCAL_INFILE, &local);
	if (o->tls != 2 && o->host.p[0] != '/') {
		bad |= mysql_options(c, MYSQL_OPT_SSL_ENFORCE, &yes) | mysql_options(c, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
		if (ca)
			bad |= mysql_options(c, MYSQL_OPT_SSL_CA, ca);
	}
	return bad ? FAIL(E_NO_MEMORY) : OK;
}

static status
ask(struct maria_engine *g, MYSQL *c, const char *sql, size_t n, MYSQL_RES **ret)
{
	MYSQL_RES *r = NULL;
	if (mysql_real_query(c, sql, n) != 0)
		return failure(g, c);
	if (mysql_field_count(c)) {
		r = mysql_store_result(c);
		if (!r)
			return failure(g, c);
	}
	if (ret)
		*ret = r;
	else if (r)
		mysql_free_result(r);
	return OK;
}

static status
dial(struct maria_engine *g, const struct secret *password, MYSQL **ret)
{
	const struct maria_options *o = maria_options(g);
	CLEANUP(arena_fini) struct arena a;
	char setup[256];
	arena_init(&a, 8192);
	const char *host = arena_cstr(&a, o->host), *user = arena_cstr(&a, o->user), *ca = o->ca.n ? arena_cstr(&a, o->ca) : NULL;
	ENSURE(arena_ok(&a), E_NO_MEMORY);
	MYSQL *c = mysql_init(NULL);
	ENSURE(c, E_NO_MEMORY);
	status s = set_options(c, o, ca);
	bool local = host[0] == '/';
	if (!failed(s) && !mysql_real_connect(c, local ? NULL : host, user, password ? (const char *)secret_reveal(password).p : NULL, NULL,
	                      local ? 0 : (unsigned)o->port, local ? host : NULL, 0))
		s = failure(g, c);
	int seconds = (int)(o->common.timeout / TIME_SECOND);
	snprintf(setup, sizeof setup, "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_CREATE_USER', lock_wait_timeout = %d, max_statement_time = %d,"
	    " time_zone = '+00:00', autocommit = 1", seconds / 2 ? seconds / 2 : 1, seconds ? seconds : 1);
	if (!failed(s))
		s = ask(g, c, setup, strlen(setup), NULL);
	if (failed(s)) {
		mysql_close(c);
		return s;
	}
	*ret = c;
	return OK;
}

/* A named lock belongs to the worker of this prefix for as long as its connection lives, dead workers' too while the server still works for
 * them: such a connection is ended, so that no creation comes after the revocation that found nothing. */
static status
fence(struct maria_engine *g, MYSQL *c)
{
	char sql[256];
	int64_t deadline = engine_deadline(&g->e);
	unsigned tries = 0;
	snprintf(sql, sizeof sql, "SELECT GET_LOCK('ambit-engine:%.*s', 0), IS_USED_LOCK('ambit-engine:%.*s')", SPAN_ARG(maria_options(g)->common.prefix),
	    SPAN_ARG(maria_options(g)->common.prefix));
	for (;;) {
		CLEANUP(maria_done) MYSQL_RES *r = NULL;
		char kill[64];
		TRY(ask(g, c, sql, strlen(sql), &r));
		if (maria_int(r, 0, 0) == 1)
			return OK;
		int64_t holder = maria_int(r, 0, 1);
		snprintf(kill, sizeof kill, "KILL HARD CONNECTION %lld", (long long)holder);
		if (holder)
			IGNORE(ask(g, c, kill, strlen(kill), NULL));   /* it may be gone by itself */
		TRY(engine_pause(&tries, deadline));
	}
}

static status
connected(struct maria_engine *g)
{
	if (g->c && !failed(engine_wait((int)mysql_get_socket(g->c), POLLIN, 0)))
		maria_hang_up(g);   /* it has something to say unasked: good bye */
	if (g->c)
		return OK;
	MYSQL *c = NULL;
	TRY(dial(g, g->password, &c));
	status s = fence(g, c);
	if (failed(s)) {
		mysql_close(c);
		return s;
	}
	g->c = c;
	return OK;
}

status
maria_text(struct maria_engine *g, const char *sql, struct st_mysql_res **ret)
{
	g->error = 0;
	TRY(connected(g));
	status s = ask(g, g->c, sql, strlen(sql), ret);
	if (s.code == E_UNAVAILABLE || s.code == E_NO_MEMORY)
		maria_hang_up(g);   /* what still runs is ended by the next connection */
	return s;
}

status
maria_run(struct maria_engine *g, struct buf *sql, struct st_mysql_res **ret)
{
	const char *text;
	g->error = 0;
	TRY(buf_finish_str(sql, &text));
	return maria_text(g, text, ret);
}

status
maria_try_login(struct maria_engine *g, const struct secret *password)
{
	MYSQL *c = NULL;
	TRY(dial(g, password, &c));
	mysql_close(c);
	return OK;
}

status
maria_account(struct buf *b, const struct maria_engine *g, span account)
{
	TRY(sql_literal(b, SQL_MARIADB, account));
	buf_put_u8(b, '@');
	return sql_literal(b, SQL_MARIADB, maria_options(g)->account_host);
}

status
maria_event(struct buf *b, const struct maria_engine *g, span account)
{
	TRY(sql_ident(b, SQL_MARIADB, maria_options(g)->event_schema));
	buf_put_u8(b, '.');
	return sql_ident(b, SQL_MARIADB, account);
}
