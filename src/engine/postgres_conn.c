#include "engine/postgres_priv.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { IDLE_MAX = 60 };   /* seconds: then a connection gives its slot back */

/* ORDER pg_tls_words */
static const char *const ssl_modes[] = { "verify-full", "require", "disable" };

/* SQLSTATE classes of the manual's appendix A. */
static uint16_t
code_of(const char *state)
{
	static const struct { const char *prefix; uint16_t code; } rows[] = {
		{ "42710", E_EXISTS }, { "23505", E_EXISTS }, { "42704", E_NOT_FOUND },
		{ "28", E_NOT_PERMITTED }, { "42501", E_NOT_PERMITTED },
		{ "57014", E_TIMEOUT }, { "55P03", E_TIMEOUT },
		{ "08", E_UNAVAILABLE }, { "53", E_UNAVAILABLE }, { "57P", E_UNAVAILABLE },
		{ "42", E_BAD_CONFIG }, { "3D", E_BAD_CONFIG }, { "3F", E_BAD_CONFIG }, { "0LP01", E_BAD_CONFIG }, { "P0001", E_BAD_CONFIG },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strncmp(state, rows[i].prefix, strlen(rows[i].prefix)) == 0)
			return rows[i].code;
	return E_UPSTREAM;
}

/* libpq prefixes its own messages with the address, "connection to server …: "; only its words, never a statement's text, are shown. */
static status
conn_failed(struct pg_engine *g, const PGconn *c)
{
	const char *text = c ? PQerrorMessage(c) : "out of memory";
	g->sqlstate[0] = '\0';
	engine_because(&g->e, "postgres: %s", text);
	if (!c)
		return FAIL(E_NO_MEMORY);
	/* libpq keeps no SQLSTATE of a refused login */
	if (strstr(text, "database \"") && strstr(text, "does not exist"))
		return FAIL(E_BAD_CONFIG);
	if (strstr(text, "authentication failed") || strstr(text, "not permitted to log in") || strstr(text, "no pg_hba.conf entry") ||
	    strstr(text, "no password supplied") || strstr(text, "does not exist"))
		return FAIL(E_NOT_PERMITTED);
	return strstr(text, "out of memory") ? FAIL(E_NO_MEMORY) : FAIL(E_UNAVAILABLE);
}

void
pg_hang_up(struct pg_engine *g)
{
	for (size_t i = 0; i < PG_LINKS; i++) {
		PQfinish(g->links[i].c);
		g->links[i] = (struct pg_link){ 0 };
	}
}

void
pg_done(struct pg_result **r)
{
	PQclear(*r);
	*r = NULL;
}

int
pg_rows(const struct pg_result *r)
{
	return PQntuples(r);
}

span
pg_cell(const struct pg_result *r, int row, int column)
{
	if (row >= PQntuples(r) || column >= PQnfields(r) || PQgetisnull(r, row, column))
		return (span){ 0 };
	return span_make(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

int64_t
pg_cell_int(const struct pg_result *r, int row, int column)
{
	int64_t v = 0;
	return span_to_i64(pg_cell(r, row, column), &v) ? v : 0;
}

static status
connect_within(struct pg_engine *g, PGconn *c, int64_t deadline)
{
	PostgresPollingStatusType s = PGRES_POLLING_WRITING;
	while (s != PGRES_POLLING_OK) {
		status w = engine_wait(PQsocket(c), s == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
		if (w.code == E_TIMEOUT)
			engine_because(&g->e, "postgres: no answer to the connection in time");
		TRY(w);
		s = PQconnectPoll(c);
		if (s == PGRES_POLLING_FAILED)
			return conn_failed(g, c);
	}
	return OK;
}

static status
dial(struct pg_engine *g, const char *db, const struct secret *password, PGconn **ret)
{
	const struct pg_options *o = pg_options(g);
	CLEANUP(arena_fini) struct arena a;
	char port[16], settings[256], name[64];
	arena_init(&a, 8192);
	snprintf(port, sizeof port, "%d", (int)o->port);
	/* search_path: nobody's functions or operators stand before the system's in what we run as an administrator */
	snprintf(settings, sizeof settings, "-c search_path=pg_catalog -c statement_timeout=%d -c lock_timeout=%d -c standard_conforming_strings=on"
	    " -c default_transaction_read_only=off -c idle_session_timeout=0", (int)(o->common.timeout / 1000000), (int)(o->common.timeout / 2000000));
	snprintf(name, sizeof name, "ambit-engine %.*s", SPAN_ARG(o->common.prefix));
	const char *keys[] = { "host", "port", "user", "dbname", "sslmode", "sslrootcert", "options", "application_name", "client_encoding",
		"gssencmode", "passfile", "fallback_application_name", "tcp_user_timeout", "password", NULL };
	const char *values[] = { arena_cstr(&a, o->host), port, arena_cstr(&a, o->user), db, o->host.p[0] == '/' ? "disable" : ssl_modes[o->tls],
		o->ca.n ? arena_cstr(&a, o->ca) : NULL, settings, name, "UTF8", "disable", "/dev/null", "", "30000",
		password ? (const char *)secret_reveal(password).p : NULL, NULL };
	ENSURE(arena_ok(&a), E_NO_MEMORY);
	PGconn *c = PQconnectStartParams(keys, values, 0);
	if (!c || PQstatus(c) == CONNECTION_BAD) {
		status s = conn_failed(g, c);
		PQfinish(c);
		return s;
	}
	status s = connect_within(g, c, engine_deadline(&g->e));
	if (failed(s)) {
		PQfinish(c);
		return s;
	}
	*ret = c;
	return OK;
}

/* Takes all results of one query, keeps the last or the first that is an error. */
static status
collect(struct pg_engine *g, PGconn *c, int64_t deadline, PGresult **ret)
{
	PGresult *last = NULL;
	for (;;) {
		status s = OK;
		while (PQflush(c) > 0 && !failed(s))
			s = engine_wait(PQsocket(c), POLLOUT, deadline);
		while (!failed(s) && PQisBusy(c)) {
			s = engine_wait(PQsocket(c), POLLIN, deadline);
			if (!failed(s) && !PQconsumeInput(c))
				s = conn_failed(g, c);
		}
		if (failed(s)) {
			PQclear(last);
			if (s.code == E_TIMEOUT)
				engine_because(&g->e, "postgres: no answer in time");
			return s;
		}
		PGresult *r = PQgetResult(c);
		if (!r)
			break;
		if (last && PQresultStatus(last) == PGRES_FATAL_ERROR) {
			PQclear(r);
			continue;
		}
		PQclear(last);
		last = r;
	}
	ENSURE(last, E_UPSTREAM);
	*ret = last;
	return OK;
}

static status
ask(struct pg_engine *g, PGconn *c, const char *sql, int n, const char *const *args, PGresult **ret)
{
	int64_t deadline = engine_deadline(&g->e);
	int sent = n ? PQsendQueryParams(c, sql, n, NULL, args, NULL, NULL, 0) : PQsendQuery(c, sql);
	if (!sent)
		return conn_failed(g, c);
	PGresult *r = NULL;
	TRY(collect(g, c, deadline, &r));
	ExecStatusType t = PQresultStatus(r);
	if (t == PGRES_TUPLES_OK || t == PGRES_COMMAND_OK || t == PGRES_EMPTY_QUERY) {
		*ret = r;
		return OK;
	}
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	snprintf(g->sqlstate, sizeof g->sqlstate, "%s", state ? state : "");
	/* only the primary message: context and detail can hold parts of statements */
	engine_because(&g->e, "postgres: %s (%s)", text ? text : PQerrorMessage(c), g->sqlstate);
	uint16_t code = state ? code_of(state) : E_UNAVAILABLE;
	PQclear(r);
	return FAIL(code);
}

/* Ends what another handle with our prefix and account left behind, and waits until it is gone: a creation that was sent before its
 * worker died must not be carried out after the revocation has found nothing to revoke. */
static status
fence(struct pg_engine *g, PGconn *c)
{
	static const char sql[] = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = current_user"
		" AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()";
	int64_t deadline = engine_deadline(&g->e);
	unsigned tries = 0;
	for (;;) {
		PGresult *r = NULL;
		TRY(ask(g, c, sql, 0, NULL, &r));
		int64_t left = pg_cell_int(r, 0, 0);
		PQclear(r);
		if (left == 0)
			return OK;
		TRY(engine_pause(&tries, deadline));
	}
}

static bool
any_link(const struct pg_engine *g)
{
	for (size_t i = 0; i < PG_LINKS; i++)
		if (g->links[i].c)
			return true;
	return false;
}

/* A connection that nobody uses and that has something to say was ended by the server, or is of no more use. */
static bool
is_stale(const struct pg_link *k)
{
	return PQstatus(k->c) != CONNECTION_OK || !failed(engine_wait(PQsocket(k->c), POLLIN, 0));
}

/* The connection to that database, made when there is none; the longest unused one makes room. */
static status
link_to(struct pg_engine *g, span db, struct pg_link **ret)
{
	struct pg_link *l = NULL, *oldest = &g->links[0];
	ENSURE(db.n <= PG_NAME, E_BAD_CONFIG);
	for (size_t i = 0; i < PG_LINKS; i++) {
		struct pg_link *k = &g->links[i];
		if (k->c && (engine_now() - k->used > IDLE_MAX * TIME_SECOND || is_stale(k))) {
			PQfinish(k->c);
			*k = (struct pg_link){ 0 };
		}
		if (k->c && span_is(db, k->db))
			l = k;
		if (!k->c || (oldest->c && k->used < oldest->used))
			oldest = k;
	}
	if (!l) {
		bool first = !any_link(g);
		PGconn *c = NULL;
		char name[PG_NAME + 1] = { 0 };
		memcpy(name, db.p, db.n);
		TRY(dial(g, name, g->password, &c));
		status s = first ? fence(g, c) : OK;
		if (failed(s)) {
			PQfinish(c);
			return s;
		}
		l = oldest;
		PQfinish(l->c);
		*l = (struct pg_link){ .c = c };
		memcpy(l->db, name, sizeof name);
	}
	l->used = engine_now();
	*ret = l;
	return OK;
}

status
pg_run(struct pg_engine *g, span db, const char *sql, int n, const char *const *args, struct pg_result **ret)
{
	struct pg_link *l = NULL;
	PGresult *r = NULL;
	g->sqlstate[0] = '\0';
	TRY(link_to(g, db.n ? db : pg_options(g)->database, &l));
	status s = ask(g, l->c, sql, n, args, &r);
	if (failed(s)) {
		/* After anything but a plain refusal nobody knows what still runs: the next connection fences all of it. */
		if (PQstatus(l->c) != CONNECTION_OK || PQtransactionStatus(l->c) != PQTRANS_IDLE)
			pg_hang_up(g);
		return s;
	}
	if (ret)
		*ret = r;
	else
		PQclear(r);
	return OK;
}

status
pg_run_buf(struct pg_engine *g, span db, struct buf *sql, struct pg_result **ret)
{
	const char *text;
	g->sqlstate[0] = '\0';
	TRY(buf_finish_str(sql, &text));
	return pg_run(g, db, text, 0, NULL, ret);
}

status
pg_try_login(struct pg_engine *g, const struct secret *password)
{
	CLEANUP(arena_fini) struct arena a;
	PGconn *c = NULL;
	arena_init(&a, 4096);
	const char *db = arena_cstr(&a, pg_options(g)->database);
	ENSURE(db, E_NO_MEMORY);
	TRY(dial(g, db, password, &c));
	PQfinish(c);
	return OK;
}
