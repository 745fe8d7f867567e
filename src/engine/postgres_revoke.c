/* How a PostgreSQL role goes. Measured: a session opened before outlives VALID UNTIL and even DROP ROLE, after which it still uses what
 * PUBLIC may; DROP ROLE fails while anything depends on the role. Hence the order:
 *
 *   NOLOGIN, committed -> end its sessions until none is left -> roll its prepared transactions back ->
 *   in each database where something depends on it (pg_shdepend knows): DROP OWNED -> DROP ROLE ->
 *   end sessions whose role no longer exists -> read back
 */
#include "engine/postgres_priv.h"
#include "engine/sql.h"

#include <stdio.h>

enum { ROUNDS = 4 };

struct pg_revocation {
	struct pg_engine *g;
	const char *account;
	struct buf role;                /* quoted */
	char oid[24];
	bool super;
	int64_t deadline;
	struct engine_finding *f;
};

static status
run(struct pg_revocation *v, span db, struct buf *sql)
{
	return pg_run_buf(v->g, db, sql, NULL);
}

/* Takes the login away and looks the role up. *ret_gone when there is none. */
static status
lock_out(struct pg_revocation *v, bool *ret_gone)
{
	CLEANUP(buf_fini) struct buf b;
	CLEANUP(pg_done) struct pg_result *r = NULL;
	buf_init(&b, 1024);
	span role = buf_span(&v->role);
	buf_printf(&b, "ALTER ROLE %.*s NOLOGIN CONNECTION LIMIT 0", SPAN_ARG(role));
	status s = run(v, (span){ 0 }, &b);
	*ret_gone = s.code == E_NOT_FOUND;
	if (*ret_gone)
		return OK;
	TRY(s);
	v->f->was_there = true;
	TRY(pg_run(v->g, (span){ 0 }, "SELECT oid, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) FROM pg_roles WHERE rolname = $1", 1,
	    (const char *const[]){ v->account }, &r));
	span oid = pg_cell(r, 0, 0);
	*ret_gone = oid.n == 0;
	ENSURE(oid.n < sizeof v->oid, E_UPSTREAM);
	memcpy(v->oid, oid.p, oid.n);
	v->super = span_is(pg_cell(r, 0, 1), "t");
	return OK;
}

/* Ends the sessions that `sql` names, until it names none. */
static status
cut(struct pg_revocation *v, const char *sql, int n)
{
	unsigned tries = 0, most = 0;
	for (;;) {
		CLEANUP(pg_done) struct pg_result *r = NULL;
		TRY(pg_run(v->g, (span){ 0 }, sql, n, (const char *const[]){ v->oid }, &r));
		unsigned here = (unsigned)pg_cell_int(r, 0, 0);
		if (here == 0)
			break;
		if (here > most)
			most = here;
		status s = engine_pause(&tries, v->deadline);
		if (failed(s))
			engine_because(&v->g->e, "postgres: %u sessions do not end", here);
		TRY(s);
	}
	v->f->sessions += most;
	return OK;
}

static status
cut_by_role(struct pg_revocation *v)
{
	return cut(v, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usesysid = $1::oid", 1);
}

/* Sessions of a role that is no more, whoever dropped it: an account that was removed behind our back has no oid left to ask for. */
static status
cut_dangling(struct pg_revocation *v)
{
	return cut(v, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity a WHERE usesysid IS NOT NULL"
	    " AND NOT EXISTS (SELECT FROM pg_roles WHERE oid = a.usesysid)", 0);
}

/* A prepared transaction outlives its session, and holds its locks. */
static status
roll_back_prepared(struct pg_revocation *v)
{
	CLEANUP(pg_done) struct pg_result *r = NULL;
	TRY(pg_run(v->g, (span){ 0 }, "SELECT gid, database FROM pg_prepared_xacts WHERE owner = $1", 1, (const char *const[]){ v->account }, &r));
	for (int i = 0; i < pg_rows(r); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1024);
		buf_put_str(&b, "ROLLBACK PREPARED ");
		TRY(sql_literal(&b, SQL_POSTGRES, pg_cell(r, i, 0)));
		TRY(run(v, pg_cell(r, i, 1), &b));
	}
	return OK;
}

/* Drops what the role owns in one database and takes its grants away there; with `last` the role as well, in the same transaction. */
static status
drop_in(struct pg_revocation *v, span db, unsigned objects, bool databases, bool last)
{
	CLEANUP(buf_fini) struct buf b;
	span role = buf_span(&v->role);
	buf_init(&b, 2048);
	for (int kept = databases; kept < 2; kept++) {
		buf_reset(&b);
		if (!v->super)   /* only a member may drop for another */
			buf_printf(&b, "GRANT %.*s TO CURRENT_USER;", SPAN_ARG(role));
		if (kept)
			buf_printf(&b, "REASSIGN OWNED BY %.*s TO CURRENT_USER;", SPAN_ARG(role));
		buf_printf(&b, "DROP OWNED BY %.*s;", SPAN_ARG(role));
		if (last)
			buf_printf(&b, "DROP ROLE %.*s;", SPAN_ARG(role));
		status s = run(v, db, &b);
		if (!failed(s)) {
			*(kept ? &v->f->kept : &v->f->objects) += objects;
			return OK;
		}
		/* dependent_objects_still_exist: what others built on it is not ours to drop, so it goes to the root account */
		if (strcmp(v->g->sqlstate, "2BP01") != 0)
			return s;
	}
	return OK;   /* the next round sees what is left */
}

/* Where anything depends on the role. A row with no database is about shared objects and is done from any: from one that has others. */
static status
drop_round(struct pg_revocation *v, bool *ret_dropped)
{
	CLEANUP(pg_done) struct pg_result *r = NULL;
	TRY(pg_run(v->g, (span){ 0 }, "SELECT datname, sum((deptype = 'o')::int), bool_or(dbid = 0 AND deptype = 'o') FROM (SELECT coalesce(nullif(dbid, 0),"
	    " max(nullif(dbid, 0)) OVER (), (SELECT oid FROM pg_database WHERE datname = current_database())) AS at, dbid, deptype FROM pg_shdepend"
	    " WHERE refclassid = 'pg_authid'::regclass AND refobjid = $1::oid) d JOIN pg_database ON at = pg_database.oid GROUP BY datname", 1,
	    (const char *const[]){ v->oid }, &r));
	int rows = pg_rows(r);
	*ret_dropped = rows <= 1;
	if (rows == 0)
		return drop_in(v, (span){ 0 }, 0, false, true);
	for (int i = 0; i < rows; i++)
		TRY(drop_in(v, pg_cell(r, i, 0), (unsigned)pg_cell_int(r, i, 1), span_is(pg_cell(r, i, 2), "t"), rows == 1));
	return OK;
}

static status
exists(struct pg_revocation *v, bool *ret)
{
	CLEANUP(pg_done) struct pg_result *r = NULL;
	TRY(pg_run(v->g, (span){ 0 }, "SELECT FROM pg_roles WHERE rolname = $1", 1, (const char *const[]){ v->account }, &r));
	*ret = pg_rows(r) > 0;
	return OK;
}

static status
drop_role(struct pg_revocation *v)
{
	bool there = true;
	for (int i = 0; i < ROUNDS && there; i++) {
		bool dropped;
		status s = drop_round(v, &dropped);
		if (s.code != E_NOT_FOUND)
			TRY(s);
		TRY(exists(v, &there));
	}
	if (there) {
		engine_because(&v->g->e, "postgres: objects that depend on the role come back or can not be dropped");
		return FAIL(E_UPSTREAM);
	}
	return OK;
}

static status
revoke_role(struct pg_revocation *v)
{
	bool gone, there;
	TRY(sql_ident(&v->role, SQL_POSTGRES, span_str(v->account)));
	TRY(lock_out(v, &gone));
	if (!gone) {
		TRY(cut_by_role(v));
		v->f->cut = true;
		TRY(roll_back_prepared(v));
		TRY(drop_role(v));
	}
	TRY(cut_dangling(v));
	TRY(exists(v, &there));
	ENSURE(!there, E_UPSTREAM);
	v->f->cut = true;
	return OK;
}

status
pg_revoke(struct engine *e, const struct lease_spec *l, const char *account, struct engine_finding *f)
{
	struct pg_revocation v = { .g = pg_of(e), .account = account, .deadline = engine_deadline(e), .f = f };
	buf_init(&v.role, 256);
	status s = revoke_role(&v);
	buf_fini(&v.role);
	return s;
}
