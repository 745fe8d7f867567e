/* How a MariaDB account goes. Measured: DROP USER leaves its sessions connected, KILL USER ends them. Hence the order:
 *
 *   ACCOUNT LOCK -> kill its sessions until none is left -> drop its event -> drop what runs in its name (views, triggers, routines, events) ->
 *   DROP USER -> kill again -> read back
 */
#include "engine/mariadb_priv.h"
#include "engine/sql.h"

enum { ER_CANNOT_USER_ = 1396 };

struct revocation {
	struct maria_engine *g;
	span account;
	struct buf role;                /* 'account'@'host' */
	int64_t deadline;
	struct engine_finding *f;
};

static status
lock_out(struct revocation *v)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1024);
	buf_printf(&b, "ALTER USER %.*s ACCOUNT LOCK", SPAN_ARG(buf_span(&v->role)));
	status s = maria_run(v->g, &b, NULL);
	v->f->was_there = !failed(s);
	return failed(s) && v->g->error == ER_CANNOT_USER_ ? OK : s;
}

static status
sessions(struct revocation *v, unsigned *ret)
{
	CLEANUP(maria_done) struct st_mysql_res *r = NULL;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1024);
	buf_put_str(&b, "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = ");
	TRY(sql_literal(&b, SQL_MARIADB, v->account));
	TRY(maria_run(v->g, &b, &r));
	*ret = (unsigned)maria_int(r, 0, 0);
	return OK;
}

static status
cut(struct revocation *v)
{
	unsigned tries = 0, most = 0;
	for (;;) {
		CLEANUP(buf_fini) struct buf b;
		unsigned here;
		buf_init(&b, 1024);
		TRY(sessions(v, &here));
		if (here == 0)
			break;
		most = here > most ? here : most;
		buf_put_str(&b, "KILL HARD USER ");
		TRY(sql_literal(&b, SQL_MARIADB, v->account));
		TRY(maria_run(v->g, &b, NULL));
		status s = engine_pause(&tries, v->deadline);
		if (failed(s))
			engine_because(&v->g->e, "mariadb: %u sessions do not end", here);
		TRY(s);
	}
	v->f->sessions += most;
	return OK;
}

static status
drop_event(struct revocation *v)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1024);
	if (!maria_options(v->g)->event_schema.n)
		return OK;
	buf_put_str(&b, "DROP EVENT IF EXISTS ");
	TRY(maria_event(&b, v->g, v->account));
	return maria_run(v->g, &b, NULL);
}

/* Whether it could have made things that stay: looking for them opens every table of the server. */
static status
may_have_made(struct revocation *v, bool *ret)
{
	CLEANUP(maria_done) struct st_mysql_res *r = NULL;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 2048);
	buf_put_str(&b, "SELECT (SELECT count(*) FROM mysql.user WHERE User = @a AND 'Y' IN (Create_view_priv, Create_routine_priv, Event_priv, Trigger_priv))"
	    " + (SELECT count(*) FROM mysql.db WHERE User = @a AND 'Y' IN (Create_view_priv, Create_routine_priv, Event_priv, Trigger_priv))"
	    " + (SELECT count(*) FROM mysql.tables_priv WHERE User = @a AND (FIND_IN_SET('Create View', Table_priv) OR FIND_IN_SET('Trigger', Table_priv)))"
	    " FROM (SELECT @a := ");
	TRY(sql_literal(&b, SQL_MARIADB, v->account));
	buf_put_str(&b, ") a");
	TRY(maria_run(v->g, &b, &r));
	*ret = maria_int(r, 0, 0) > 0;
	return OK;
}

static status
drop_made(struct revocation *v)
{
	static const char sql[] = "SELECT 'VIEW', TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS WHERE DEFINER = @d"
	    " UNION ALL SELECT 'TRIGGER', TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS WHERE DEFINER = @d"
	    " UNION ALL SELECT ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE DEFINER = @d"
	    " UNION ALL SELECT 'EVENT', EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE DEFINER = @d";
	static const char *const kinds[] = { "VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "EVENT", NULL };
	CLEANUP(maria_done) struct st_mysql_res *r = NULL;
	CLEANUP(buf_fini) struct buf set;
	bool any;
	buf_init(&set, 1024);
	TRY(may_have_made(v, &any));
	if (!any)
		return OK;
	buf_put_str(&set, "SET @d = concat(");
	TRY(sql_literal(&set, SQL_MARIADB, v->account));
	buf_put_str(&set, ", '@', ");
	TRY(sql_literal(&set, SQL_MARIADB, maria_options(v->g)->account_host));
	buf_put_str(&set, ")");
	TRY(maria_run(v->g, &set, NULL));
	TRY(maria_text(v->g, sql, &r));
	for (size_t i = 0; i < maria_rows(r); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 2048);
		buf_put_str(&b, "DROP ");
		TRY(sql_word(&b, kinds, maria_cell(r, i, 0)));
		buf_put_str(&b, " IF EXISTS ");
		TRY(sql_ident(&b, SQL_MARIADB, maria_cell(r, i, 1)));
		buf_put_u8(&b, '.');
		TRY(sql_ident(&b, SQL_MARIADB, maria_cell(r, i, 2)));
		TRY(maria_run(v->g, &b, NULL));
		v->f->objects++;
	}
	return OK;
}

static status
drop_user(struct revocation *v)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1024);
	buf_printf(&b, "DROP USER IF EXISTS %.*s", SPAN_ARG(buf_span(&v->role)));
	return maria_run(v->g, &b, NULL);
}

/* Under any host part, and with no session: then it is gone. */
static status
read_back(struct revocation *v)
{
	CLEANUP(maria_done) struct st_mysql_res *r = NULL;
	CLEANUP(buf_fini) struct buf b;
	unsigned left;
	buf_init(&b, 1024);
	buf_put_str(&b, "SELECT concat(User, '@', Host) FROM mysql.user WHERE User = ");
	TRY(sql_literal(&b, SQL_MARIADB, v->account));
	TRY(maria_run(v->g, &b, &r));
	if (maria_rows(r)) {
		engine_because(&v->g->e, "mariadb: %.*s is still there; was account_host changed?", SPAN_ARG(maria_cell(r, 0, 0)));
		return FAIL(E_UPSTREAM);
	}
	TRY(sessions(v, &left));
	ENSURE(!left, E_UPSTREAM);
	return OK;
}

static status
revoke(struct revocation *v)
{
	TRY(maria_account(&v->role, v->g, v->account));
	TRY(buf_finish(&v->role));
	TRY(lock_out(v));
	TRY(cut(v));
	v->f->cut = true;
	TRY(drop_event(v));
	if (v->f->was_there) {
		TRY(drop_made(v));
		TRY(drop_user(v));
		TRY(cut(v));
	}
	return read_back(v);
}

status
maria_revoke(struct engine *e, const struct lease_spec *, const char *account, struct engine_finding *f)
{
	struct revocation v = { .g = maria_of(e), .account = span_str(account), .deadline = engine_deadline(e), .f = f };
	buf_init(&v.role, 512);
	status s = revoke(&v);
	buf_fini(&v.role);
	return s;
}
