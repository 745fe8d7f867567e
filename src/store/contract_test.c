/* The contract of store.h, run for every backend of backends.def. A new backend adds its way to open and nothing else. */
#include "tests/test.h"

#include "log/event.h"
#include "store/history.h"

#include <unistd.h>

static char folder[64];
static unsigned number;

/* What differs between backends here: where it keeps its data, and whether that outlives the handle. */
static const struct backend { const char *name; bool lasting; } backends[] = {
	{ "memory", false },
	{ "sqlite", true },
};
static const struct backend *this;
static char path[128];

static struct store *
reopen(void)
{
	struct store *s;
	struct store_config c = { .backend = this->name, .path = path };
	assert_ok(store_open(&c, &s));
	return s;
}

static struct store *
fresh(struct history *h, uint64_t seed)
{
	snprintf(path, sizeof path, "%s/%s-%u.db", folder, this->name, number++);
	history_init(h, seed);
	struct store *s = reopen();
	assert_ok(store_fence(s, &h->st.epoch));
	assert_int_equal(h->st.epoch, 1);
	return s;
}

static void
append_is(struct store *s, const struct store_batch *b, size_t n, enum store_outcome want)
{
	enum store_outcome got;
	assert_ok(store_append(s, b, n, &got));
	assert_int_equal(got, want);
}

static void
holds_what_it_took(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = fresh(&h, 1);
	history_matches(&h, s);
	for (int i = 0; i < 60; i++) {
		struct store_batch b = history_batch(&h, 30, 10);
		append_is(s, &b, 1, STORE_DONE);
		if (i % 10 == 0)
			history_matches(&h, s);
		if (i % 20 == 0 && this->lasting) {
			s = store_close(s);
			s = reopen();
			assert_ok(store_fence(s, &h.st.epoch));
		}
	}
	history_matches(&h, s);
	struct store_fsck f;
	assert_ok(store_fsck(s, &f));
	assert_string_equal(f.note, "");
	assert_true(f.bad_seq == 0 && f.count == h.st.chain.seq && digest_eq(&f.head, &h.st.chain.head));
}

static void
another_seq_or_epoch_conflicts(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = fresh(&h, 2);
	struct store_batch b = history_batch(&h, 5, 5);
	append_is(s, &b, 1, STORE_DONE);
	struct history before;
	history_copy(&before, &h);
	for (int i = 0; i < 4; i++) {
		struct history again;
		history_copy(&again, &before);
		history_event(&again, EV_WORLD_STOPPED, 0, 0, SPAN(""));
		b = history_take(&again, before.st.chain.seq);
		if (i == 0)
			b.expected_seq++;
		if (i == 1)
			b.expected_seq--;
		if (i == 2)
			b.epoch = 0;
		if (i == 3)
			b.epoch++;
		append_is(s, &b, 1, STORE_CONFLICT);
		history_matches(&before, s);
		history_fini(&again);
	}
	/* A second claim fences the first holder off. */
	uint64_t epoch;
	assert_ok(store_fence(s, &epoch));
	assert_int_equal(epoch, 2);
	history_event(&h, EV_WORLD_STOPPED, 0, 0, SPAN(""));
	b = history_batch(&before, 0, 3);
	append_is(s, &b, 1, STORE_CONFLICT);
	b.epoch = 2;
	append_is(s, &b, 1, STORE_DONE);
	history_fini(&before);
}

static void
a_group_is_all_or_nothing(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = fresh(&h, 3);
	CLEANUP(history_fini) struct history one, two;
	history_copy(&one, &h);
	history_event(&one, EV_WORLD_STOPPED, 0, 0, SPAN(""));
	struct store_batch b[2] = { history_take(&one, 0) };
	history_copy(&two, &one);
	history_event(&two, EV_WORLD_STOPPED, 0, 0, SPAN(""));
	b[1] = history_take(&two, 1);
	b[1].expected_seq = 2;
	append_is(s, b, 2, STORE_CONFLICT);
	history_matches(&h, s);
	b[1].expected_seq = 1;
	b[1].head.b[0] ^= 1;
	enum store_outcome o;
	assert_fails(store_append(s, b, 2, &o), E_CHAIN_BROKEN);
	history_matches(&h, s);
	b[1].head.b[0] ^= 1;
	append_is(s, b, 2, STORE_DONE);
	history_matches(&two, s);
}

/* Bytes that are not what they should be: refused with a reason, nothing written, and the store goes on. */
static void
malformed_batches_change_nothing(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = fresh(&h, 4);
	struct store_batch b = history_batch(&h, 9, 9);
	append_is(s, &b, 1, STORE_DONE);
	CLEANUP(history_fini) struct history before;
	history_copy(&before, &h);
	static uint8_t long_key[8 + STORE_KEY_MAX + 1] = { (STORE_KEY_MAX + 1) >> 8, (STORE_KEY_MAX + 1) & 255 };
	long_key[2 + STORE_KEY_MAX + 1] = 1;
#define V(lit) { (const uint8_t *)(lit), sizeof(lit) - 1 }
	const struct { const char *name; span events, rows; uint16_t want; } t[] = {
		{ "events cut",         V("\0\0\0\5abc"), V(""), E_BAD_MESSAGE },
		{ "events not events",  V("\0\0\0\3abc"), V(""), E_BAD_MESSAGE },
		{ "events short length", V("\0\0"), V(""), E_BAD_MESSAGE },
		{ "row cut",            V(""), V("\0\1k\1\0\0\0\2v"), E_BAD_MESSAGE },
		{ "row without key",    V(""), V("\0\0\1\0\0\0\0"), E_BAD_MESSAGE },
		{ "row verb 2",         V(""), V("\0\1k\2\0\0\0\0"), E_BAD_MESSAGE },
		{ "delete with value",  V(""), V("\0\1k\0\0\0\0\1v"), E_BAD_MESSAGE },
		{ "good row, then bad", V(""), V("\0\1k\1\0\0\0\1v\0"), E_BAD_MESSAGE },
		{ "key too long",       V(""), { long_key, sizeof long_key }, E_LIMIT },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		enum store_outcome o;
		b = (struct store_batch){ .epoch = 1, .expected_seq = h.st.chain.seq, .events = t[i].events, .rows = t[i].rows,
		                          .head = h.st.chain.head };
		status st = store_append(s, &b, 1, &o);
		if (st.code != t[i].want)
			fail_msg("%s: %s", t[i].name, error_name(st.code));
	}
	history_matches(&before, s);
	/* A gap, a repetition, a step back in time, a wrong head. */
	for (int i = 0; i < 4; i++) {
		struct history again;
		enum store_outcome o;
		history_copy(&again, &before);
		again.st.chain.seq += i == 0;
		again.st.chain.seq -= i == 1;
		again.st.time -= i == 2 ? 10 : 0;
		history_event(&again, EV_WORLD_STOPPED, 0, 0, SPAN(""));
		b = history_take(&again, before.st.chain.seq);
		b.head.b[31] ^= i == 3;
		assert_fails(store_append(s, &b, 1, &o), E_CHAIN_BROKEN);
		history_fini(&again);
	}
	/* Rows alone may not move the head. */
	b = (struct store_batch){ .epoch = 1, .expected_seq = h.st.chain.seq };
	enum store_outcome o;
	assert_fails(store_append(s, &b, 1, &o), E_CHAIN_BROKEN);
	history_matches(&before, s);
	assert_false(store_is_poisoned(s));
	b = history_batch(&h, 9, 9);
	append_is(s, &b, 1, STORE_DONE);
	history_matches(&h, s);
}

static status
stop_at_second(void *arg, span, span)
{
	return ++*(int *)arg == 2 ? FAIL(E_TIMEOUT) : OK;
}

static void
load_passes_the_callers_status_on(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = fresh(&h, 5);
	struct store_batch b;
	do {
		b = history_batch(&h, 0, 50);
	} while (b.rows.n < 1000);
	append_is(s, &b, 1, STORE_DONE);
	int calls = 0;
	assert_fails(store_load(s, stop_at_second, &calls), E_TIMEOUT);
	assert_int_equal(calls, 2);
	history_matches(&h, s);
}

/* What a filter means, said slowly. */
static void
naive_read(const struct history *h, const struct store_filter *f, struct buf *out)
{
	struct reader r = rd_make(buf_span(&h->all));
	CLEANUP(buf_fini) struct buf back;
	buf_init(&back, 1 << 24);
	while (rd_left(&r)) {
		struct event e;
		struct event_value v;
		span bytes = rd_vec32(&r);
		assert_ok(event_decode(bytes, &e));
		bool ok = (!f->type || e.head.type == f->type) && (!f->since || e.head.time >= f->since) &&
		          (!f->until || e.head.time <= f->until) && (!f->task || (event_get(&e, F_TASK, &v) && v.u == f->task)) &&
		          (!f->agent || (event_get(&e, F_AGENT, &v) && v.u == f->agent)) &&
		          (!f->tool.n || (event_get(&e, F_TOOL, &v) && span_eq(v.s, f->tool)));
		if (!ok)
			continue;
		buf_reset(&back);
		if (f->newest_first)
			buf_put(&back, buf_span(out));
		else
			buf_put_vec32(out, bytes);
		if (f->newest_first) {
			buf_reset(out);
			buf_put_vec32(out, bytes);
			buf_put(out, buf_span(&back));
		}
	}
}

static void
reads_what_the_filter_says(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = fresh(&h, 6);
	while (h.st.chain.seq < 300) {
		struct store_batch b = history_batch(&h, 30, 0);
		append_is(s, &b, 1, STORE_DONE);
	}
	CLEANUP(buf_fini) struct buf got, want;
	buf_init(&got, 1 << 24);
	buf_init(&want, 1 << 24);
	struct drbg g;
	drbg_init_number(&g, 6);
	for (int i = 0; i < 400; i++) {
		struct store_filter f = { .newest_first = drbg_below(&g, 2), .limit = (uint32_t)drbg_below(&g, 40) };
		if (drbg_below(&g, 3) == 0)
			f.task = id_make(ID_TASK, 1 + drbg_below(&g, 10));
		if (drbg_below(&g, 3) == 0)
			f.agent = id_make(ID_AGENT, 1 + drbg_below(&g, 4));
		if (drbg_below(&g, 3) == 0)
			f.type = drbg_below(&g, 2) ? EV_CALL_DONE : EV_TASK_ENDED;
		if (drbg_below(&g, 4) == 0)
			f.tool = SPAN("files/read");
		if (drbg_below(&g, 3) == 0)
			f.since = 1 + (int64_t)drbg_below(&g, (uint64_t)h.st.time + 3);
		if (drbg_below(&g, 3) == 0)
			f.until = 1 + (int64_t)drbg_below(&g, (uint64_t)h.st.time + 3);
		buf_reset(&got);
		buf_reset(&want);
		naive_read(&h, &f, &want);
		uint64_t next;
		do {
			size_t n = got.n;
			assert_ok(store_read(s, &f, &got, &next));
			assert_true(next == 0 || got.n > n);
			f.from = next;
		} while (next);
		assert_true(span_eq(buf_span(&got), buf_span(&want)));
	}
	/* A small buffer pages by itself; one that cannot hold the first event says so. */
	struct store_filter f = { .from = 1 };
	got.max = 200;
	buf_reset(&got);
	uint64_t next;
	assert_ok(store_read(s, &f, &got, &next));
	assert_true(next > 1 && got.n > 0 && got.n <= 200);
	got.max = 10;
	buf_reset(&got);
	assert_fails(store_read(s, &f, &got, &next), E_LIMIT);
}

/* Many more events than any index keeps together, and filters that match few of them. */
static void
reads_across_a_long_log(void **)
{
	CLEANUP(history_fini) struct history h;
	CLEANUP(store_closep) struct store *s = fresh(&h, 7);
	while (h.st.chain.seq < 20000) {
		uint64_t seq = h.st.chain.seq;
		buf_reset(&h.events);
		for (uint64_t i = seq + 1; i <= seq + 500; i++)
			history_event(&h, i % 4001 == 0 ? EV_CALL_DONE : EV_DECISION_DENIED, i % 3001 == 0 ? id_make(ID_TASK, 7) : id_make(ID_TASK, i),
			              i % 8191 < 3 ? id_make(ID_AGENT, 3) : 0, SPAN(""));
		struct store_batch b = history_take(&h, seq);
		append_is(s, &b, 1, STORE_DONE);
	}
	static const struct store_filter filters[] = {
		{ .task = (uint64_t)ID_TASK << 60 | 7 }, { .agent = (uint64_t)ID_AGENT << 60 | 3 }, { .type = EV_CALL_DONE },
		{ .type = EV_TASK_ENDED }, { .task = (uint64_t)ID_TASK << 60 | 8192 },
		{ .task = (uint64_t)ID_TASK << 60 | 7, .since = 9000, .until = 15000 },
	};
	CLEANUP(buf_fini) struct buf got = { 0 }, want = { 0 };
	buf_init(&got, 1 << 24);
	buf_init(&want, 1 << 24);
	for (size_t i = 0; i < 4 * ARRAY_LEN(filters); i++) {
		struct store_filter f = filters[i / 4];
		f.newest_first = i % 2;
		f.limit = i % 4 < 2 ? 0 : 2;
		buf_reset(&got);
		buf_reset(&want);
		naive_read(&h, &f, &want);
		do
			assert_ok(store_read(s, &f, &got, &f.from));
		while (f.from);
		assert_true(span_eq(buf_span(&got), buf_span(&want)));
	}
}

static void
unknown_backends_are_refused(void **)
{
	struct store *s;
	struct store_config c = { .backend = "nope", .path = path };
	assert_fails(store_open(&c, &s), E_BAD_CONFIG);
}

static int
all(void)
{
	static const struct CMUnitTest tests[] = {
		T(holds_what_it_took), T(another_seq_or_epoch_conflicts), T(a_group_is_all_or_nothing),
		T(malformed_batches_change_nothing), T(load_passes_the_callers_status_on), T(reads_what_the_filter_says),
		T(reads_across_a_long_log),
		T(unknown_backends_are_refused),
	};
	return _cmocka_run_group_tests(this->name, tests, ARRAY_LEN(tests), NULL, NULL);
}

int
main(int argc, char **argv)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	snprintf(folder, sizeof folder, "%s/ambit-store-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		return 1;
	int bad = 0;
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		this = &backends[i];
		if (argc < 2 || strcmp(argv[1], this->name) == 0)
			bad += all();
	}
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command) != 0 || bad;
}
