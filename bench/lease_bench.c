/* A PostgreSQL lease made and revoked by the engine, beside the same SQL sent one statement at a time by libpq: lease_bench OPTIONS.json ROOTFILE.
 * Both in turn, over one connection each (the engine: one per database), so that both see the same machine. */
#include "engine/engine.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 150 };

static double
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double
median(double *v)
{
	qsort(v, ROUNDS, sizeof *v, by_value);
	return v[ROUNDS / 2];
}

static status
read_all(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "r");
	char part[4096];
	ENSURE(f, E_IO);
	for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
		buf_put(b, span_make(part, n));
	fclose(f);
	return buf_finish(b);
}

static void
run(PGconn *c, const char *format, const char *role)
{
	char sql[1024];
	snprintf(sql, sizeof sql, format, role, role);
	PGresult *r = PQexec(c, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
		fprintf(stderr, "%s: %s", sql, PQerrorMessage(c));
		exit(1);
	}
	PQclear(r);
}

/* What an administrator's script would do for the same result. */
static void
bare_create(PGconn *c, const char *role)
{
	run(c, "BEGIN", role);
	run(c, "CREATE ROLE \"%s\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 5 VALID UNTIL '2100-01-01' PASSWORD '0123456789abcdef0123456789abcdef'", role);
	run(c, "COMMENT ON ROLE \"%s\" IS 'bench'", role);
	run(c, "ALTER ROLE \"%s\" SET application_name = 'bench'", role);
	run(c, "GRANT CONNECT ON DATABASE app TO \"%s\"", role);
	run(c, "GRANT USAGE ON SCHEMA sales TO \"%s\"", role);
	run(c, "GRANT SELECT, INSERT ON TABLE sales.orders TO \"%s\"", role);
	run(c, "COMMIT", role);
}

static void
bare_revoke(PGconn *c, const char *role)
{
	run(c, "ALTER ROLE \"%s\" NOLOGIN", role);
	run(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'", role);
	run(c, "SELECT gid FROM pg_prepared_xacts WHERE owner = '%s'", role);
	run(c, "BEGIN", role);
	run(c, "DROP OWNED BY \"%s\"", role);
	run(c, "DROP ROLE \"%s\"", role);
	run(c, "COMMIT", role);
	run(c, "SELECT pid FROM pg_stat_activity WHERE usename = '%s'", role);
	run(c, "SELECT 1 FROM pg_roles WHERE rolname = '%s'", role);
}

static status
round_of_engine(struct engine *e, const struct json *grant, uint64_t id, double *create, double *revoke)
{
	CLEANUP(engine_credential_fini) struct engine_credential c = { 0 };
	struct engine_finding f;
	double t = now_ms();
	TRY(engine_create(e, &(struct lease_spec){ .lease = id, .end = time(NULL) + 600, .grant = grant, .agent = SPAN("bench"), .task = SPAN("bench") }, &c));
	*create = now_ms() - t;
	t = now_ms();
	TRY(engine_revoke(e, id, &f));
	*revoke = now_ms() - t;
	return OK;
}

static status
bench(const char *options_file, const char *root_file, const char *conninfo)
{
	static const char grant_text[] = "{\"database\":\"app\",\"schemas\":[{\"schema\":\"sales\",\"tables\":[\"orders\"],\"privileges\":[\"select\",\"insert\"]}]}";
	static double create[ROUNDS], revoke[ROUNDS], bare_c[ROUNDS], bare_r[ROUNDS], both[ROUNDS], bare_both[ROUNDS];
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf text, root;
	CLEANUP(secret_freep) struct secret *password = NULL;
	CLEANUP(engine_closep) struct engine *e = NULL;
	const struct json *options, *grant;
	arena_init(&a, 1 << 20);
	buf_init(&text, 1 << 16);
	buf_init(&root, 1 << 12);
	TRY(read_all(options_file, &text));
	TRY(read_all(root_file, &root));
	TRY(json_parse(buf_span(&text), NULL, &a, &options, NULL));
	TRY(json_parse(span_str(grant_text), NULL, &a, &grant, NULL));
	TRY(secret_take(root.p, root.n, &password));
	TRY(engine_open(engine_find(SPAN("postgres")), options, password, NULL, &e));
	PGconn *c = PQconnectdb(conninfo);
	ENSURE(PQstatus(c) == CONNECTION_OK, E_UNAVAILABLE);
	for (int i = -5; i < ROUNDS; i++) {
		int k = i < 0 ? 0 : i;
		char role[64];
		status s = round_of_engine(e, grant, id_make(ID_LEASE, (uint64_t)(i + 6)), &create[k], &revoke[k]);
		if (failed(s))
			fprintf(stderr, "%s\n", engine_why(e));
		TRY(s);
		snprintf(role, sizeof role, "bench_%d", i + 6);
		double t = now_ms();
		bare_create(c, role);
		bare_c[k] = now_ms() - t;
		t = now_ms();
		bare_revoke(c, role);
		bare_r[k] = now_ms() - t;
		both[k] = create[k] + revoke[k];
		bare_both[k] = bare_c[k] + bare_r[k];
	}
	PQfinish(c);
	double ours = median(both), theirs = median(bare_both);
	printf("postgres lease, median of %d: create %.2f ms (bare %.2f), revoke %.2f ms (bare %.2f), both %.2f ms: %.2f x bare SQL (bound 1.30)\n", ROUNDS,
	    median(create), median(bare_c), median(revoke), median(bare_r), ours, ours / theirs);
	return ours <= 1.3 * theirs ? OK : FAIL(E_LIMIT);
}

int
main(int argc, char **argv)
{
	status s = argc == 4 ? bench(argv[1], argv[2], argv[3]) : FAIL(E_BAD_REQUEST);
	if (failed(s))
		fprintf(stderr, "lease_bench: %s (%s:%d)\n", error_text(s.code), s.file, s.line);
	return failed(s);
}
