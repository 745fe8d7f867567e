/* The MariaDB engine's parts: the connection (mariadb_conn.c), accounts (mariadb.c), revocation (mariadb_revoke.c). */
#ifndef AMBIT_ENGINE_MARIADB_PRIV_H
#define AMBIT_ENGINE_MARIADB_PRIV_H

#include "engine/engine_priv.h"

struct st_mysql;         /* MYSQL */
struct st_mysql_res;     /* MYSQL_RES */

struct maria_options {
	struct engine_options common;
	span host, user, ca, client_host, account_host, event_schema;
	int64_t port, client_port;
	int tls;                        /* ORDER maria_tls_words */
};

enum { MARIA_NAME = 64 * 4 };

struct maria_engine {
	struct engine e;
	struct st_mysql *c;             /* NULL: not connected */
	unsigned error;                 /* the server's or the library's number of the last failure */
	struct secret *password;        /* the root credential with a NUL behind it; NULL: none */
};

static inline struct maria_engine *
maria_of(struct engine *e)
{
	return (struct maria_engine *)e;
}

static inline const struct maria_options *
maria_options(const struct maria_engine *g)
{
	return (const struct maria_options *)g->e.options;
}

/* One statement. *ret (may be NULL) is its whole result, or NULL when it has none; freed by maria_done. Connects first when needed, and then
 * ends the connection of an earlier worker. A failure sets `error` and engine_why. */
status maria_run(struct maria_engine *g, struct buf *sql, struct st_mysql_res **ret);
status maria_text(struct maria_engine *g, const char *sql, struct st_mysql_res **ret);
void maria_done(struct st_mysql_res **r);   /* for CLEANUP */
size_t maria_rows(const struct st_mysql_res *r);
/* Cell of a row; the empty span for NULL. */
span maria_cell(struct st_mysql_res *r, size_t row, unsigned column);
int64_t maria_int(struct st_mysql_res *r, size_t row, unsigned column);

status maria_try_login(struct maria_engine *g, const struct secret *password);
void maria_hang_up(struct maria_engine *g);

/* Appends 'account'@'host'. */
status maria_account(struct buf *b, const struct maria_engine *g, span account);
/* Appends `schema`.`account`, the event that ends it. */
status maria_event(struct buf *b, const struct maria_engine *g, span account);

status maria_revoke(struct engine *e, const struct lease_spec *l, const char *account, struct engine_finding *f);

#endif
