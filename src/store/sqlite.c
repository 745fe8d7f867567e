/* SQLite: write-ahead log, synchronous=FULL, one writing process (a lock file), any number of readers.
 *
 * No retries anywhere: SQLite itself retries neither a failed write nor a failed fsync, and we add none. A full disk shows in
 * a write, before the commit mark, so the transaction can be rolled back and tried later; an error of fsync is FAILED. */
#include "base/map.h"
#include "store/block.h"
#include "store/store_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { SCHEMA = 2, APPLICATION = 0x416d6274 /* "Ambt" */ };

/* ORDER statement texts below */
enum stmt {
	ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_STATE, ST_SET_STATE, ST_PUT_BLOCK, ST_PUT_ENTRY, ST_PUT_ROW, ST_DELETE_ROW, ST_LOAD,
	ST_BLOCK_OF, ST_SCAN, ST_SCAN_BACK, ST_SCAN_ENTRY, ST_SCAN_ENTRY_BACK, ST_HAS_ENTRY, ST_COUNT
};

/* The events of one transaction are one row, a block: a row and three index entries for each would cost more than all else that
 * happens to it. An entry says that a block holds something of a task, an agent or a type; who looks there looks again.
 * Entries are cut into segments of 8192 events: what a batch adds then touches a few pages of the newest segment, not one
 * page per task of the whole log. A look-up asks segment by segment. */
enum { SEGMENT_BITS = 13 };

#define SCAN_ENTRY(cmp, order) \
	"SELECT block.first, body FROM entry CROSS JOIN block ON block.first = entry.first" \
	" WHERE segment = ?2 AND kind = ?3 AND id = ?4 AND entry.first " cmp " ?1 ORDER BY entry.first " order

static const char *const texts[ST_COUNT] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_STATE] = "SELECT seq, head, time, epoch FROM state",
	[ST_SET_STATE] = "UPDATE state SET seq = ?1, head = ?2, time = ?3, epoch = ?4",
	[ST_PUT_BLOCK] = "INSERT INTO block(first, body) VALUES(?1, ?2)",
	[ST_PUT_ENTRY] = "INSERT INTO entry(segment, kind, id, first) VALUES(?1, ?2, ?3, ?4)",
	[ST_PUT_ROW] = "INSERT INTO projection(key, sum, value) VALUES(?1, ?3, ?2) ON CONFLICT(key) DO UPDATE SET"
	               " sum = excluded.sum, value = excluded.value",
	[ST_DELETE_ROW] = "DELETE FROM projection WHERE key = ?1",
	[ST_LOAD] = "SELECT key, value, sum FROM projection ORDER BY key",
	[ST_BLOCK_OF] = "SELECT max(first) FROM block WHERE first <= ?1",
	[ST_SCAN] = "SELECT first, body FROM block WHERE first >= ?1 ORDER BY first ASC",
	[ST_SCAN_BACK] = "SELECT first, body FROM block WHERE first <= ?1 ORDER BY first DESC",
	[ST_SCAN_ENTRY] = SCAN_ENTRY(">=", "ASC"),
	[ST_SCAN_ENTRY_BACK] = SCAN_ENTRY("<=", "DESC"),
	[ST_HAS_ENTRY] = "SELECT 1 FROM entry WHERE segment = ?1 AND kind = ?2 AND id = ?3 AND first = ?4",
};

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"PRAGMA application_id = 1097687668;"
	"PRAGMA user_version = 2;"
	"CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), seq INTEGER NOT NULL, head BLOB NOT NULL,"
	" time INTEGER NOT NULL, epoch INTEGER NOT NULL) STRICT;"
	"INSERT INTO state VALUES(1, 0, zeroblob(32), 0, 0);"
	"CREATE TABLE block(first INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"
	"CREATE TABLE entry(segment INTEGER, kind INTEGER, id INTEGER, first INTEGER, PRIMARY KEY(segment, kind, id, first))"
	" STRICT, WITHOUT ROWID;"
	"CREATE TABLE projection(key BLOB PRIMARY KEY, sum INTEGER NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	"COMMIT;";
static_assert(APPLICATION == 1097687668 && SCHEMA == 2 && SEGMENT_BITS == 13, "as in the texts");

struct sqlite {
	struct store s;
	sqlite3 *db;
	sqlite3_stmt *st[ST_COUNT];
	int lock;                /* held while open for writing; -1: none */
	int wal_frames;          /* in the write-ahead log after the last commit */
	struct block block;
};

/* The log is folded into the database at the start of a transaction once it holds this many pages, never between a commit
 * and its acknowledgement. */
enum { WAL_FRAMES = 2000 };

static struct sqlite *
sqlite_of(struct store *s)
{
	return container_of(s, struct sqlite, s);
}

/* What a failed step means for the transaction. Only errors known to come before any commit mark are FULL. */
static enum store_outcome
outcome_of(struct sqlite *q, int rc)
{
	if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
		return STORE_DONE;
	int e = sqlite3_system_errno(q->db);
	bool no_room = e == ENOSPC || e == EDQUOT || e == EFBIG;
	switch (sqlite3_extended_errcode(q->db)) {
	case SQLITE_FULL:
	case SQLITE_NOMEM:
		return STORE_FULL;
	case SQLITE_IOERR_WRITE:
	case SQLITE_IOERR_SHMSIZE:
	case SQLITE_IOERR_SHMMAP:
	case SQLITE_IOERR_SHMOPEN:
		return no_room ? STORE_FULL : STORE_FAILED;
	case SQLITE_BUSY:
	case SQLITE_BUSY_SNAPSHOT:
	case SQLITE_BUSY_RECOVERY:
		return STORE_CONFLICT;
	}
	return STORE_FAILED;
}

/* Runs a bound statement that gives no rows. */
static enum store_outcome
run(struct sqlite *q, enum stmt n)
{
	enum store_outcome o = outcome_of(q, sqlite3_step(q->st[n]));
	sqlite3_reset(q->st[n]);
	return o;
}

static void
bind_span(sqlite3_stmt *st, int i, span s)
{
	/* Static: every statement is run before the caller's bytes go. */
	sqlite3_bind_blob64(st, i, s.n ? (const void *)s.p : "", s.n, SQLITE_STATIC);
}

static span
column_span(sqlite3_stmt *st, int i)
{
	const void *p = sqlite3_column_blob(st, i);
	return span_make(p, (size_t)sqlite3_column_bytes(st, i));
}

static int
count_frames(void *arg, sqlite3 *, const char *, int frames)
{
	((struct sqlite *)arg)->wal_frames = frames;
	return SQLITE_OK;
}

/* ---- open ---- */

static void
sqlite_close(struct store *s)
{
	struct sqlite *q = sqlite_of(s);
	for (size_t i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(q->st[i]);
	sqlite3_close(q->db);
	if (q->lock >= 0)
		close(q->lock);
	block_fini(&q->block);
	free(q);
}

/* The writer's lock, and the database file made ours before SQLite makes it readable by all. */
static status
claim_files(struct sqlite *q, const struct store_config *c)
{
	char path[4096];
	ENSURE((size_t)snprintf(path, sizeof path, "%s.lock", c->path) < sizeof path, E_BAD_CONFIG);
	q->lock = c->env->ops->open(c->env, path, O_RDWR | O_CREAT, 0600);
	ENSURE(q->lock >= 0, E_IO);
	ENSURE(flock(q->lock, LOCK_EX | LOCK_NB) == 0, E_CONFLICT);
	int fd = c->env->ops->open(c->env, c->path, O_RDWR | O_CREAT, 0600);
	ENSURE(fd >= 0, E_IO);
	close(fd);
	snprintf(path, sizeof path, "%s.reserve", c->path);
	return reserve_open(&q->s.reserve, c->env, path, c->reserve);
}

static status
exec(struct sqlite *q, const char *sql)
{
	ENSURE(sqlite3_exec(q->db, sql, NULL, NULL, NULL) == SQLITE_OK, E_IO);
	return OK;
}

static int64_t
pragma_int(struct sqlite *q, const char *sql)
{
	sqlite3_stmt *st;
	int64_t v = -1;
	if (sqlite3_prepare_v2(q->db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

/* Ours and of this version, or empty and made ours. */
static status
check_schema(struct sqlite *q, const struct store_config *c)
{
	int64_t application = pragma_int(q, "PRAGMA application_id"), version = pragma_int(q, "PRAGMA user_version");
	int64_t tables = pragma_int(q, "SELECT count(*) FROM sqlite_schema");
	ENSURE(application >= 0 && version >= 0 && tables >= 0, E_IO);
	if (application == 0 && version == 0 && tables == 0 && !c->read_only)
		return exec(q, schema);
	ENSURE(application == APPLICATION, E_IO);
	ENSURE(version == SCHEMA, E_CONFLICT);
	return OK;
}

static status
open_database(struct sqlite *q, const struct store_config *c)
{
	int flags = SQLITE_OPEN_NOMUTEX | (c->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	if (c->vfs)
		flags |= SQLITE_OPEN_CREATE;
	ENSURE(sqlite3_open_v2(c->path, &q->db, flags, c->vfs) == SQLITE_OK, E_IO);
	sqlite3_extended_result_codes(q->db, 1);
	sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(q->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* A reader may be making the shared index; nobody holds the write lock for long. */
	sqlite3_busy_timeout(q->db, 1000);
	if (!c->read_only) {
		TRY(exec(q, "PRAGMA journal_mode = WAL"));
		TRY(exec(q, "PRAGMA synchronous = FULL"));
	}
	TRY(exec(q, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192"));
	sqlite3_wal_hook(q->db, count_frames, q);
	TRY(check_schema(q, c));
	for (size_t i = 0; i < ST_COUNT; i++) {
		if (sqlite3_prepare_v3(q->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &q->st[i], NULL) != SQLITE_OK)
			return FAIL(E_IO);
	}
	return OK;
}

static status
sqlite_open(const struct store_config *c, struct store **ret)
{
	ENSURE(c->path, E_BAD_CONFIG);
	struct sqlite *q = calloc(1, sizeof *q);
	ENSURE(q, E_NO_MEMORY);
	q->lock = -1;
	block_init(&q->block);
	q->s.reserve = (struct reserve){ .fd = -1, .held = true };
	status st = c->vfs || c->read_only ? OK : claim_files(q, c);
	if (!failed(st))
		st = open_database(q, c);
	/* Opening makes the shared index and perhaps the log: on a full disk that needs the reserve. */
	if (failed(st) && q->s.reserve.size && q->s.reserve.held && st.code == E_IO) {
		reserve_release(&q->s.reserve);
		sqlite3_close(q->db);
		q->db = NULL;
		st = open_database(q, c);
	}
	if (failed(st)) {
		reserve_close(&q->s.reserve);
		sqlite_close(&q->s);
		return st;
	}
	*ret = &q->s;
	return OK;
}

/* ---- transactions ---- */

static status
sqlite_state(struct store *s, struct store_state *ret)
{
	struct sqlite *q = sqlite_of(s);
	sqlite3_stmt *st = q->st[ST_STATE];
	struct store_state v = { 0 };
	bool ok = sqlite3_step(st) == SQLITE_ROW && digest_from(column_span(st, 1), &v.chain.head);
	if (ok) {
		v.chain.seq = (uint64_t)sqlite3_column_int64(st, 0);
		v.time = sqlite3_column_int64(st, 2);
		v.epoch = (uint64_t)sqlite3_column_int64(st, 3);
		*ret = v;
	}
	sqlite3_reset(st);
	ENSURE(ok, E_IO);
	return OK;
}

static enum store_outcome
sqlite_begin(struct store *s)
{
	struct sqlite *q = sqlite_of(s);
	if (q->wal_frames >= WAL_FRAMES) {
		q->wal_frames = 0;
		/* A reader in the way (CONFLICT) or no room: the log grows instead. A failed fsync ends the handle. */
		if (outcome_of(q, sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL)) == STORE_FAILED)
			return STORE_FAILED;
	}
	return run(q, ST_BEGIN);
}

static enum store_outcome
put_entry(struct sqlite *q, uint64_t first, struct block_key k)
{
	sqlite3_stmt *st = q->st[ST_PUT_ENTRY];
	sqlite3_bind_int64(st, 1, (int64_t)(first >> SEGMENT_BITS));
	sqlite3_bind_int64(st, 2, k.kind);
	sqlite3_bind_int64(st, 3, (int64_t)k.id);
	sqlite3_bind_int64(st, 4, (int64_t)first);
	return run(q, ST_PUT_ENTRY);
}

/* Writes the block that has gathered. */
static enum store_outcome
put_block(struct sqlite *q)
{
	struct block *b = &q->block;
	enum store_outcome o = STORE_DONE;
	if (b->n) {
		sqlite3_bind_int64(q->st[ST_PUT_BLOCK], 1, (int64_t)b->first);
		bind_span(q->st[ST_PUT_BLOCK], 2, buf_span(&b->bytes));
		o = run(q, ST_PUT_BLOCK);
	}
	for (size_t i = 0; i < b->key_n && o == STORE_DONE; i++)
		o = put_entry(q, b->first, b->keys[i]);
	block_reset(b);
	return o;
}

static enum store_outcome
sqlite_put_event(struct store *s, const struct store_event *e)
{
	struct sqlite *q = sqlite_of(s);
	if (block_full(&q->block, e->bytes.n)) {
		enum store_outcome o = put_block(q);
		if (o != STORE_DONE)
			return o;
	}
	return failed(block_add(&q->block, e)) ? STORE_FULL : STORE_DONE;
}

/* Events are chained; rows are not, and core believes them. The sum finds a flipped bit, not an attacker. */
static int64_t
row_sum(span key, span value)
{
	return (int64_t)siphash13(siphash13(0, key.n, key), value.n, value);
}

static enum store_outcome
sqlite_put_row(struct store *s, span key, span value)
{
	struct sqlite *q = sqlite_of(s);
	sqlite3_bind_int64(q->st[ST_PUT_ROW], 3, row_sum(key, value));
	bind_span(q->st[ST_PUT_ROW], 1, key);
	bind_span(q->st[ST_PUT_ROW], 2, value);
	return run(q, ST_PUT_ROW);
}

static enum store_outcome
sqlite_delete_row(struct store *s, span key)
{
	struct sqlite *q = sqlite_of(s);
	bind_span(q->st[ST_DELETE_ROW], 1, key);
	return run(q, ST_DELETE_ROW);
}

static enum store_outcome
sqlite_commit(struct store *s, const struct store_state *v)
{
	struct sqlite *q = sqlite_of(s);
	sqlite3_stmt *st = q->st[ST_SET_STATE];
	enum store_outcome o = put_block(q);
	if (o != STORE_DONE)
		return o;
	sqlite3_bind_int64(st, 1, (int64_t)v->chain.seq);
	bind_span(st, 2, digest_span(&v->chain.head));
	sqlite3_bind_int64(st, 3, v->time);
	sqlite3_bind_int64(st, 4, (int64_t)v->epoch);
	o = run(q, ST_SET_STATE);
	return o == STORE_DONE ? run(q, ST_COMMIT) : o;
}

static enum store_outcome
sqlite_rollback(struct store *s)
{
	struct sqlite *q = sqlite_of(s);
	block_reset(&q->block);
	/* Some errors have rolled back already. */
	if (sqlite3_get_autocommit(q->db))
		return STORE_DONE;
	return run(q, ST_ROLLBACK) == STORE_DONE ? STORE_DONE : STORE_FAILED;
}

/* ---- reading ---- */

static status
sqlite_load(struct store *s, store_row_fn *fn, void *arg)
{
	sqlite3_stmt *st = sqlite_of(s)->st[ST_LOAD];
	status result = OK;
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		span key = column_span(st, 0), value = column_span(st, 1);
		result = sqlite3_column_int64(st, 2) == row_sum(key, value) ? fn(arg, key, value) : FAIL(E_CHAIN_BROKEN);
		if (failed(result))
			break;
	}
	sqlite3_reset(st);
	ENSURE(rc == SQLITE_ROW || rc == SQLITE_DONE, E_IO);
	return result;
}

/* The blocks that a bound statement finds. False in *ret_more: fn has had enough. */
static status
scan_with(sqlite3_stmt *st, uint64_t from, const struct store_filter *f, store_scan_fn *fn, void *arg, bool *ret_more)
{
	int rc;
	*ret_more = true;
	while (*ret_more && (rc = sqlite3_step(st)) == SQLITE_ROW)
		*ret_more = block_scan((uint64_t)sqlite3_column_int64(st, 0), column_span(st, 1), from, f, fn, arg);
	sqlite3_reset(st);
	ENSURE(!*ret_more || rc == SQLITE_DONE, E_IO);
	return OK;
}

/* The block that holds `seq`, by its first; 0: there is none so early. */
static status
block_of(struct sqlite *q, uint64_t seq, uint64_t *ret)
{
	sqlite3_stmt *st = q->st[ST_BLOCK_OF];
	sqlite3_bind_int64(st, 1, seq > INT64_MAX ? INT64_MAX : (int64_t)seq);
	bool ok = sqlite3_step(st) == SQLITE_ROW;
	*ret = ok ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	ENSURE(ok, E_IO);
	return OK;
}

static status
sqlite_scan(struct store *s, uint64_t from, const struct store_filter *f, store_scan_fn *fn, void *arg)
{
	struct sqlite *q = sqlite_of(s);
	struct store_state now;
	struct block_key k = block_key_of(f);
	uint64_t first;
	bool more;
	TRY(block_of(q, from, &first));
	sqlite3_stmt *st = q->st[(k.kind ? ST_SCAN_ENTRY : ST_SCAN) + (f->newest_first ? 1 : 0)];
	sqlite3_bind_int64(st, 1, (int64_t)first);
	if (!k.kind)
		return scan_with(st, from, f, fn, arg, &more);
	sqlite3_bind_int64(st, 3, k.kind);
	sqlite3_bind_int64(st, 4, (int64_t)k.id);
	TRY(sqlite_state(s, &now));
	int64_t last = (int64_t)(now.chain.seq >> SEGMENT_BITS), at = (int64_t)(first >> SEGMENT_BITS);
	do {
		sqlite3_bind_int64(st, 2, at);
		TRY(scan_with(st, from, f, fn, arg, &more));
		at += f->newest_first ? -1 : 1;
	} while (more && at >= 0 && at <= last);
	return OK;
}

static bool
has_entry(struct sqlite *q, uint64_t first, struct block_key k)
{
	sqlite3_stmt *st = q->st[ST_HAS_ENTRY];
	sqlite3_bind_int64(st, 1, (int64_t)(first >> SEGMENT_BITS));
	sqlite3_bind_int64(st, 2, k.kind);
	sqlite3_bind_int64(st, 3, (int64_t)k.id);
	sqlite3_bind_int64(st, 4, (int64_t)first);
	bool found = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_reset(st);
	return found;
}

struct unfiled {
	struct sqlite *q;
	uint64_t first, bad;
};

static bool
check_filed(void *arg, const struct store_event *e)
{
	struct unfiled *u = arg;
	struct block_key k[BLOCK_EVENT_KEYS];
	size_t n = block_keys(e, k);
	for (size_t i = 0; i < n && !u->bad; i++)
		if (!has_entry(u->q, u->first, k[i]))
			u->bad = e->seq;
	return !u->bad;
}

/* Every event must be found by its task, agent and type. More entries than that only cost a look. */
static status
sqlite_check_index(struct store *s, uint64_t from, uint64_t to, uint64_t *ret_bad)
{
	static const struct store_filter any;
	struct sqlite *q = sqlite_of(s);
	struct unfiled u = { q };
	sqlite3_stmt *st = q->st[ST_SCAN];
	int rc;
	TRY(block_of(q, from, &u.first));
	sqlite3_bind_int64(st, 1, (int64_t)u.first);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && (u.first = (uint64_t)sqlite3_column_int64(st, 0)) <= to && !u.bad)
		block_scan(u.first, column_span(st, 1), from, &any, check_filed, &u);
	sqlite3_reset(st);
	ENSURE(rc == SQLITE_ROW || rc == SQLITE_DONE, E_IO);
	*ret_bad = u.bad;
	return OK;
}

static status
ignore_row(void *, span, span)
{
	return OK;
}

static status
sqlite_check(struct store *s, char note[static 256])
{
	struct sqlite *q = sqlite_of(s);
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(q->db, "PRAGMA integrity_check(1)", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && !span_is(column_span(st, 0), "ok"))
		snprintf(note, 256, "%s", (const char *)sqlite3_column_text(st, 0));
	else if (rc != SQLITE_ROW)
		snprintf(note, 256, "%s", sqlite3_errmsg(q->db));
	sqlite3_finalize(st);
	if (!note[0] && failed(sqlite_load(s, ignore_row, NULL)))
		snprintf(note, 256, "a projection row is not as it was written");
	return OK;
}

const struct store_ops store_ops_sqlite = {
	.name = "sqlite", .open = sqlite_open, .close = sqlite_close, .state = sqlite_state, .begin = sqlite_begin,
	.put_event = sqlite_put_event, .put_row = sqlite_put_row, .delete_row = sqlite_delete_row, .commit = sqlite_commit,
	.rollback = sqlite_rollback, .load = sqlite_load, .scan = sqlite_scan, .check_index = sqlite_check_index,
	.check = sqlite_check,
};
