/* Every allocation of ours and of SQLite's in turn fails, during one append: nothing is half written, nothing is called done
 * that is not, and with memory again the same batch goes through. */
#include "tests/oom.h"

#include "log/event.h"
#include "store/history.h"
#include "store/sqlite_disk.h"

#include <sqlite3.h>

static sqlite3_mem_methods real;

static void *
sqlite_malloc(int n)
{
	return oom_now() ? NULL : real.xMalloc(n);
}

static void *
sqlite_realloc(void *p, int n)
{
	return oom_now() ? NULL : real.xRealloc(p, n);
}

static int
fail_sqlite_too(void **)
{
	sqlite3_mem_methods m;
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK)
		return -1;
	m = real;
	m.xMalloc = sqlite_malloc;
	m.xRealloc = sqlite_realloc;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &m) == SQLITE_OK ? 0 : -1;
}

/* True when the n-th allocation was never reached. */
static bool
append_with_failure(const char *backend, unsigned long n)
{
	struct history before, after;
	struct store_config c = { .backend = backend, .path = "log.db", .vfs = "crash" };
	struct store *s;
	enum store_outcome o;
	disk_init();
	history_init(&before, 3);
	assert_ok(store_open(&c, &s));
	assert_ok(store_fence(s, &before.st.epoch));
	struct store_batch b = history_batch(&before, 20, 20);
	assert_ok(store_append(s, &b, 1, &o));
	history_copy(&after, &before);
	uint64_t seq = after.st.chain.seq;
	for (int i = 0; i < 40; i++)
		history_event(&after, EV_WORLD_STOPPED, 0, 0, SPAN(""));
	b = history_take(&after, seq);

	oom_after = n;
	oom_calls = 0;
	status st = store_append(s, &b, 1, &o);
	oom_after = 0;
	bool unreached = oom_calls < n;
	if (failed(st))
		assert_true(store_is_poisoned(s) && o == STORE_FAILED && st.code == E_AUDIT_UNAVAILABLE);
	else
		assert_true(o == STORE_DONE || o == STORE_FULL);
	if (unreached)
		assert_int_equal(o, STORE_DONE);
	if (store_is_poisoned(s)) {
		s = store_close(s);
		assert_ok(store_open(&c, &s));
		struct store_state now;
		assert_ok(store_state(s, &now));
		o = now.chain.seq == seq ? STORE_FULL : STORE_DONE;
	}
	if (o == STORE_FULL) {
		history_matches(&before, s);
		assert_ok(store_append(s, &b, 1, &o));
		assert_int_equal(o, STORE_DONE);
	}
	history_matches(&after, s);
	store_close(s);
	history_fini(&before);
	history_fini(&after);
	return unreached;
}

static void
sweep(const char *backend)
{
	unsigned long n = 1;
	while (!append_with_failure(backend, n))
		n++;
	print_message("# %s: %lu allocations failed in turn\n", backend, n - 1);
	assert_true(n > 3);
}

static void memory_store(void **) { sweep("memory"); }
static void sqlite_store(void **) { sweep("sqlite"); }

int
main(void)
{
	const struct CMUnitTest tests[] = { T(memory_store), T(sqlite_store) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fail_sqlite_too, NULL);
}
