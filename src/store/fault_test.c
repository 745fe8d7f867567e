/* What SQLite and we do when the disk fails, is full, loses power, or is tampered with. */
#include "tests/test.h"

#include "log/event.h"
#include "store/sqlite_disk.h"
#include "store/history.h"

#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <unistd.h>

static struct store *
open_disk(void)
{
	struct store *s;
	struct store_config c = { .backend = "sqlite", .path = "log.db", .vfs = "crash" };
	assert_ok(store_open(&c, &s));
	return s;
}

static struct store *
fresh(struct history *h, uint64_t seed)
{
	disk_init();
	history_init(h, seed);
	struct store *s = open_disk();
	assert_ok(store_fence(s, &h->st.epoch));
	return s;
}

/* One event at least, so that every append writes. */
static struct store_batch
some_of(struct history *h, size_t events, size_t rows)
{
	uint64_t seq = h->st.chain.seq;
	struct store_batch b = history_batch(h, events, rows);
	if (b.events.n)
		return b;
	history_event(h, EV_WORLD_STOPPED, 0, 0, SPAN(""));
	return history_take(h, seq);
}

static struct store_batch
some(struct history *h)
{
	return some_of(h, 6, 4);
}

/* Whichever fsync fails: nothing is acknowledged, the handle is finished for good, and no fsync or write is tried again. */
static void
a_failed_sync_or_write_ends_the_handle(void **)
{
	for (int op = DISK_WRITE; op <= DISK_SYNC; op++) {
		CLEANUP(history_fini) struct history h;
		CLEANUP(store_closep) struct store *s = fresh(&h, 1);
		struct store_batch b = some(&h);
		enum store_outcome o;
		assert_ok(store_append(s, &b, 1, &o));
		struct history before;
		history_copy(&before, &h);
		disk_fail((enum disk_op)op, 1, DISK_IO_ERROR, true);
		b = some(&h);
		assert_fails(store_append(s, &b, 1, &o), E_AUDIT_UNAVAILABLE);
		assert_int_equal(o, STORE_FAILED);
		assert_true(store_is_poisoned(s));
		/* The disk works again; the handle does not. */
		unsigned touched = disk_count(DISK_OPS);
		struct store_state st;
		uint64_t epoch;
		for (int i = 0; i < 3; i++) {
			assert_fails(store_append(s, &b, 1, &o), E_AUDIT_UNAVAILABLE);
			assert_fails(store_state(s, &st), E_AUDIT_UNAVAILABLE);
			assert_fails(store_fence(s, &epoch), E_AUDIT_UNAVAILABLE);
		}
		assert_int_equal(disk_count(DISK_OPS), touched);
		s = store_close(s);
		struct drbg g;
		drbg_init_number(&g, 1);
		disk_power_loss(&g);
		s = open_disk();
		assert_ok(store_state(s, &st));
		/* The batch that failed is there whole or not at all. */
		history_matches(st.chain.seq == h.st.chain.seq ? &h : &before, s);
		history_fini(&before);
	}
}

/* No room at any write: refused as FULL, nothing kept, and it goes on by itself when there is room. */
static void
a_full_disk_is_no_fault(void **)
{
	for (unsigned n = 1; n < 12; n++) {
		CLEANUP(history_fini) struct history h;
		CLEANUP(store_closep) struct store *s = fresh(&h, n);
		struct store_batch b = some(&h);
		enum store_outcome o;
		assert_ok(store_append(s, &b, 1, &o));
		struct history before;
		history_copy(&before, &h);
		disk_fail(DISK_WRITE, n, DISK_IS_FULL, false);
		b = some(&h);
		assert_ok(store_append(s, &b, 1, &o));
		assert_true(o == STORE_FULL || o == STORE_DONE);
		assert_false(store_is_poisoned(s));
		if (o == STORE_FULL) {
			history_matches(&before, s);
			disk_fail(DISK_WRITE, 0, DISK_NO_FAULT, false);
			assert_ok(store_append(s, &b, 1, &o));
			assert_int_equal(o, STORE_DONE);
		}
		history_matches(&h, s);
		history_fini(&before);
		if (n == 1)
			assert_true(disk_count(DISK_WRITE) > 1);
	}
}

/* Power goes at every operation in turn, also while the log is folded into the database. Acknowledged events are all there
 * afterwards, the rows are those of the last event, and the chain verifies. */
static void
run_until_cut(unsigned cut, uint64_t seed)
{
	CLEANUP(history_fini) struct history acked, last;
	CLEANUP(store_closep) struct store *s = fresh(&acked, seed);
	history_copy(&last, &acked);
	disk_cut(cut);
	for (int i = 0; i < 400 && !disk_is_cut(); i++) {
		enum store_outcome o = STORE_FAILED;
		struct store_batch b = some_of(&last, 30, 30);
		status st = store_append(s, &b, 1, &o);
		if (failed(st) || o != STORE_DONE)
			break;
		history_fini(&acked);
		history_copy(&acked, &last);
	}
	s = store_close(s);
	struct drbg g;
	drbg_init_number(&g, seed * 7919 + cut);
	disk_power_loss(&g);
	s = open_disk();
	struct store_state st;
	assert_ok(store_state(s, &st));
	assert_true(st.chain.seq >= acked.st.chain.seq);
	history_matches(st.chain.seq == acked.st.chain.seq ? &acked : &last, s);
	struct store_fsck f;
	assert_ok(store_fsck(s, &f));
	assert_string_equal(f.note, "");
}

static void
power_loss_keeps_what_was_acknowledged(void **)
{
	unsigned points = 0;
	for (uint64_t seed = 1; seed <= 3; seed++)
		for (unsigned cut = 1; cut < 4000; cut += cut < 60 ? 1 : 1 + cut / 9)
			run_until_cut(cut, seed), points++;
	print_message("# %u points of power loss\n", points);
}

/* ---- tampering ---- */

static char path[128];

static void
sql(const char *text)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	char *err = NULL;
	if (sqlite3_exec(db, text, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", text, err);
	sqlite3_close(db);
}

static struct store_config
on_disk(void)
{
	return (struct store_config){ .backend = "sqlite", .path = path };
}

static char folder[64];

static void
remove_folder(void)
{
	char command[96];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	(void)!system(command);
}

static void
fresh_file(struct history *h, int n)
{
	if (!*folder) {
		snprintf(folder, sizeof folder, "/tmp/ambit-fault-XXXXXX");
		assert_non_null(mkdtemp(folder));
		atexit(remove_folder);
	}
	snprintf(path, sizeof path, "%s/%d.db", folder, n);
	struct store_config c = on_disk();
	CLEANUP(store_closep) struct store *s;
	history_init(h, 9);
	assert_ok(store_open(&c, &s));
	assert_ok(store_fence(s, &h->st.epoch));
	/* Two events to a batch: 19 and 20 are one block. */
	while (h->st.chain.seq < 50) {
		enum store_outcome o;
		uint64_t seq = h->st.chain.seq;
		history_batch(h, 0, 4);
		for (int i = 0; i < 2; i++)
			history_event(h, EV_CALL_DONE, id_make(ID_TASK, 1 + seq % 9), id_make(ID_AGENT, 1 + seq % 3), SPAN("files/read"));
		struct store_batch b = history_take(h, seq);
		assert_ok(store_append(s, &b, 1, &o));
	}
}

static void
fsck_finds_what_was_changed_behind_our_back(void **)
{
	static const struct { const char *what; uint64_t bad; const char *note; } t[] = {
		{ "DELETE FROM block WHERE first = 19", 19, "missing" },
		{ "UPDATE block SET first = 20 WHERE first = 19", 19, "missing" },
		{ "UPDATE block SET body = CAST(x'0000003c' || zeroblob(60) AS BLOB) WHERE first = 19", 19, "not an event" },
		{ "UPDATE block SET body = CAST(x'ffffffff' || substr(body, 5) AS BLOB) WHERE first = 19", 19, "not an event" },
		{ "UPDATE block SET body = substr(body, 1, length(body) - 1) WHERE first = 19", 20, "not an event" },
		{ "UPDATE block SET body = (SELECT body FROM block WHERE first = 17) WHERE first = 19", 19, "another number" },
		{ "UPDATE block SET body = CAST(body || body AS BLOB) WHERE first = 19", 21, "another number" },
		{ "DELETE FROM entry WHERE first = 19 AND kind = 1", 19, "missing from the index" },
		{ "UPDATE entry SET id = id + 1 WHERE first = 19 AND kind = 2", 19, "missing from the index" },
		{ "UPDATE entry SET segment = 1 WHERE first = 19 AND kind = 3", 19, "missing from the index" },
		{ "UPDATE projection SET value = CAST(value || x'00' AS BLOB) WHERE key = (SELECT max(key) FROM projection)", 0, "row" },
		{ "UPDATE projection SET key = CAST(key || x'00' AS BLOB) WHERE key = (SELECT max(key) FROM projection)", 0, "row" },
		{ "UPDATE state SET head = zeroblob(32)", 0, "recorded head" },
		{ "UPDATE state SET time = time + 1", 0, "recorded time" },
		{ "UPDATE state SET seq = seq - 1", 0, "beyond the recorded end" },
		{ "UPDATE state SET seq = seq + 1", 0, "missing" },
		{ "DELETE FROM block WHERE first > 40", 41, "missing" },
		/* A byte of a text field: still an event, but not the one that was chained. */
		{ "UPDATE block SET body = CAST(substr(body, 1, 14) || x'00' || substr(body, 16) AS BLOB) WHERE first = 19", 19, "another number" },
		/* The node's name, which no column repeats: still an event, but not the one that was chained. */
		{ "UPDATE block SET body = CAST(substr(body, 1, 29) || x'32' || substr(body, 31) AS BLOB) WHERE first = 19", 0, "recorded head" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEANUP(history_fini) struct history h;
		CLEANUP(store_closep) struct store *s = NULL;
		fresh_file(&h, (int)i);
		sql(t[i].what);
		struct store_config c = on_disk();
		struct store_fsck f;
		assert_ok(store_open(&c, &s));
		assert_ok(store_fsck(s, &f));
		if (!strstr(f.note, t[i].note) || (t[i].bad && f.bad_seq != t[i].bad))
			fail_msg("%s: event %llu: \"%s\"", t[i].what, (unsigned long long)f.bad_seq, f.note);
	}
}

/* A rewritten chain is whole in itself; only the head that a signed checkpoint remembers gives it away. */
static void
one_flipped_bit_is_found(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = fresh(&h, 11);
	while (h.st.chain.seq < 60) {
		enum store_outcome o;
		struct store_batch b = some(&h);
		assert_ok(store_append(s, &b, 1, &o));
	}
	s = store_close(s);
	uint64_t bits = 8 * disk_size("log.db");
	assert_true(bits > 8 * 4096);
	struct drbg g;
	drbg_init_number(&g, 3);
	unsigned found = 0, harmless = 0;
	for (int i = 0; i < 600; i++) {
		uint64_t bit = drbg_below(&g, bits);
		struct store_config c = { .backend = "sqlite", .path = "log.db", .vfs = "crash" };
		struct store_fsck f = { 0 };
		disk_flip("log.db", bit);
		bool bad = failed(store_open(&c, &s));
		if (!bad) {
			bad = failed(store_fsck(s, &f)) || f.note[0];
			if (!bad) {
				/* In no byte that means anything: all reads back as it was. */
				history_matches(&h, s);
				harmless++;
			}
			s = store_close(s);
		}
		found += bad;
		disk_flip("log.db", bit);
	}
	print_message("# %u flipped bits found, %u in free space\n", found, harmless);
	assert_true(found > 50);
}

static void
strange_files_are_refused(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = NULL;
	fresh_file(&h, 100);
	struct store_config c = on_disk(), reader = c;
	struct store *second;
	assert_ok(store_open(&c, &s));
	assert_fails(store_open(&c, &second), E_CONFLICT);        /* one writer */
	reader.read_only = true;
	assert_ok(store_open(&reader, &second));
	history_matches(&h, second);
	enum store_outcome o;
	uint64_t epoch;
	struct store_batch b = some(&h);
	assert_fails(store_append(second, &b, 1, &o), E_NOT_PERMITTED);
	assert_fails(store_fence(second, &epoch), E_NOT_PERMITTED);
	store_close(second);
	s = store_close(s);
	sql("PRAGMA user_version = 3");
	assert_fails(store_open(&c, &s), E_CONFLICT);             /* a newer Ambit */
	sql("PRAGMA user_version = 2; PRAGMA application_id = 5");
	assert_fails(store_open(&c, &s), E_IO);                   /* somebody else's */
	sql("PRAGMA application_id = 0");
	assert_fails(store_open(&c, &s), E_IO);
	history_fini(&h);
	fresh_file(&h, 101);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "garbage", 7, 0), 7);
	close(fd);
	assert_fails(store_open(&c, &s), E_IO);
}

/* ---- a real full disk ---- */

/* A 4 MiB tmpfs of our own; false where the kernel forbids it. */
static bool
own_tmpfs(const char *at)
{
	uid_t uid = getuid();
	if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) != 0)
		return false;
	if (uid) {
		char map[32];
		int fd = open("/proc/self/uid_map", O_WRONLY);
		int n = snprintf(map, sizeof map, "0 %u 1", uid);
		if (fd < 0 || write(fd, map, (size_t)n) != n)
			return false;
		close(fd);
	}
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("tmpfs", at, "tmpfs", 0, "size=4m") == 0;
}

static void
fill(const char *in)
{
	char name[128];
	static uint8_t zeros[4096];
	snprintf(name, sizeof name, "%s/filler", in);
	int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof zeros) > 0)
		;
	close(fd);
}

static enum store_outcome
append_some(struct store *s, struct history *h, bool priority)
{
	struct history next;
	enum store_outcome o;
	history_copy(&next, h);
	drbg_u64(&h->g);
	struct store_batch b = some(&next);
	b.priority = priority;
	assert_ok(store_append(s, &b, 1, &o));
	if (o == STORE_DONE) {
		history_fini(h);
		*h = next;
	} else {
		history_fini(&next);
	}
	return o;
}

static void
the_reserve_is_for_revocations(void **)
{
	char full[] = "/tmp/ambit-full-XXXXXX", filler[64];
	assert_non_null(mkdtemp(full));
	if (!own_tmpfs(full)) {
		print_message("# skipped: no mount namespace here\n");
		rmdir(full);
		skip();
	}
	snprintf(path, sizeof path, "%s/log.db", full);
	snprintf(filler, sizeof filler, "%s/filler", full);
	struct store_config c = on_disk();
	c.reserve = 1 << 20;
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = NULL;
	history_init(&h, 5);
	assert_ok(store_open(&c, &s));
	assert_ok(store_fence(s, &h.st.epoch));
	assert_true(store_has_reserve(s));
	assert_int_equal(append_some(s, &h, false), STORE_DONE);
	fill(full);
	/* The write-ahead log may have a little room left; then the disk is full, and says so every time. */
	int n = 0;
	while (append_some(s, &h, false) == STORE_DONE)
		assert_true(++n < 200);
	assert_int_equal(append_some(s, &h, false), STORE_FULL);
	assert_true(store_has_reserve(s) && !store_is_poisoned(s));
	history_matches(&h, s);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(append_some(s, &h, true), STORE_DONE);
		assert_false(store_has_reserve(s));
		assert_int_equal(append_some(s, &h, false), STORE_FULL);
	}
	/* Restarted on the full disk. */
	s = store_close(s);
	assert_ok(store_open(&c, &s));
	history_matches(&h, s);
	/* Room again: everything goes on by itself, the reserve first. */
	assert_int_equal(unlink(filler), 0);
	assert_ok(store_fence(s, &h.st.epoch));
	assert_int_equal(append_some(s, &h, false), STORE_DONE);
	assert_true(store_has_reserve(s));
	history_matches(&h, s);
	struct store_fsck f;
	assert_ok(store_fsck(s, &f));
	assert_string_equal(f.note, "");
	s = store_close(s);
	umount2(full, MNT_DETACH);
	rmdir(full);
}

TEST_MAIN(T(a_failed_sync_or_write_ends_the_handle), T(a_full_disk_is_no_fault), T(power_loss_keeps_what_was_acknowledged),
          T(fsck_finds_what_was_changed_behind_our_back), T(one_flipped_bit_is_found), T(strange_files_are_refused),
          T(the_reserve_is_for_revocations))
