/* The PostgreSQL engine's parts: connections (postgres_conn.c), accounts (postgres.c), revocation (postgres_revoke.c). */
#ifndef AMBIT_ENGINE_POSTGRES_PRIV_H
#define AMBIT_ENGINE_POSTGRES_PRIV_H

#include "engine/engine_priv.h"

struct pg_conn;      /* PGconn */
struct pg_result;    /* PGresult */

struct pg_options {
	struct engine_options common;
	span host, user, database, ca, client_host;
	int64_t port, client_port;
	int tls;                        /* ORDER pg_tls_words */
};

enum { PG_LINKS = 4, PG_NAME = 63 };

struct pg_link {
	struct pg_conn *c;
	char db[PG_NAME + 1];
	int64_t used;                   /* engine_now() */
};

struct pg_engine {
	struct engine e;
	struct pg_link links[PG_LINKS];
	char sqlstate[6];               /* of the last failure; "" when it came from no server */
	struct secret *password;        /* the root credential with a NUL behind it; NULL: none */
};

static inline struct pg_engine *
pg_of(struct engine *e)
{
	return (struct pg_engine *)e;
}

static inline const struct pg_options *
pg_options(const struct pg_engine *g)
{
	return (const struct pg_options *)g->e.options;
}

/* Runs SQL in database `db` (empty: the upstream's own): without arguments as one simple query, which may hold several statements
 * and is then one transaction; with arguments ($1…, NUL-terminated texts) as one statement. *ret (may be NULL) is the last result, to
 * be cleared with pg_done. Connects first when needed; the first connection of a handle ends what earlier handles left running.
 * A failure sets sqlstate and engine_why. */
status pg_run(struct pg_engine *g, span db, const char *sql, int n, const char *const *args, struct pg_result **ret);
/* The same for text in a buffer. */
status pg_run_buf(struct pg_engine *g, span db, struct buf *sql, struct pg_result **ret);
void pg_done(struct pg_result **r);   /* for CLEANUP */
int pg_rows(const struct pg_result *r);
/* Field of a row; the empty span for NULL. */
span pg_cell(const struct pg_result *r, int row, int column);
int64_t pg_cell_int(const struct pg_result *r, int row, int column);

/* Opens a connection with that password (NUL-terminated, may be NULL) and closes it again. */
status pg_try_login(struct pg_engine *g, const struct secret *password);
/* Appends the SCRAM verifier of a password: what the server keeps, so that the password itself is in no statement and no log of it. No I/O. E_BAD_REQUEST:
 * not printable ASCII without blanks. */
status pg_verifier(const struct secret *password, struct buf *out);
/* Closes all connections. */
void pg_hang_up(struct pg_engine *g);

status pg_revoke(struct engine *e, const struct lease_spec *l, const char *account, struct engine_finding *f);

#endif
