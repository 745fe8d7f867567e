/* The SQLite store: durable events a second by batch size, and the time to load a million rows.
 *
 *   store_bench [FOLDER]        default: a new folder under $TMPDIR or /tmp, removed at the end */
#include "crypto/random.h"
#include "log/event.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double
seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct maker {
	struct store_state st;
	struct buf events, rows;
	struct drbg g;
};

static void
add_event(struct maker *m)
{
	static const digest args = { { 1 } }, definition = { { 2 } };
	uint8_t room[1024];
	struct event_writer w;
	span e;
	event_begin(&w, room, sizeof room, &(struct event_head){ .type = EV_DECISION_ALLOWED, .seq = m->st.chain.seq + 1,
	                                                         .time = m->st.time += 1000, .node = SPAN("n1") });
	event_id(&w, F_TASK, id_make(ID_TASK, drbg_below(&m->g, 1000)));
	event_id(&w, F_AGENT, id_make(ID_AGENT, drbg_below(&m->g, 50)));
	event_text(&w, F_TOOL, drbg_below(&m->g, 2) ? SPAN("files/read_file") : SPAN("mail/send"));
	event_id(&w, F_CALL, drbg_id(&m->g, ID_CALL));
	event_text(&w, F_RESOURCE, SPAN("Path::\"/srv/projects/invoices/2026-11.csv\""));
	event_digest(&w, F_ARGUMENTS, &args);
	event_digest(&w, F_DEFINITION, &definition);
	must(!failed(event_finish(&w, &e)));
	chain_push(&m->st.chain, e);
	buf_put_vec32(&m->events, e);
}

static void
add_row(struct maker *m, uint64_t key, size_t n)
{
	uint8_t value[512];
	memset(value, (int)key & 255, sizeof value);
	buf_put_u16(&m->rows, 9);
	buf_put_u8(&m->rows, 2);
	buf_put_u64(&m->rows, key);
	buf_put_u8(&m->rows, 1);
	buf_put_vec32(&m->rows, span_make(value, n));
}

static void
append(struct store *s, struct maker *m, uint64_t from)
{
	struct store_batch b = { .epoch = m->st.epoch, .expected_seq = from, .events = buf_span(&m->events), .rows = buf_span(&m->rows),
	                         .head = m->st.chain.head };
	enum store_outcome o;
	must(!failed(store_append(s, &b, 1, &o)) && o == STORE_DONE);
	buf_reset(&m->events);
	buf_reset(&m->rows);
}

static void
rate(struct store *s, struct maker *m, size_t batch, size_t events)
{
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	size_t done = 0;
	while (done < events && seconds(CLOCK_MONOTONIC) - wall < 5) {
		uint64_t from = m->st.chain.seq;
		for (size_t i = 0; i < batch; i++)
			add_event(m);
		add_row(m, drbg_below(&m->g, 1000), 200);
		append(s, m, from);
		done += batch;
	}
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("batches of %-4zu %9.0f events/s %8.2f us CPU each\n", batch, (double)done / wall, cpu * 1e6 / (double)done);
}

static status
count_row(void *arg, span, span value)
{
	*(size_t *)arg += value.n;
	return OK;
}

int
main(int argc, char **argv)
{
	char folder[256], path[300], command[300];
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/ambit-bench-XXXXXX", argc > 1 ? argv[1] : tmp ? tmp : "/tmp");
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/log.db", folder);
	struct store_config c = { .backend = "sqlite", .path = path, .reserve = STORE_RESERVE };
	struct store *s;
	struct maker m = { .st.time = 1800000000000000000 };
	drbg_init_number(&m.g, 1);
	buf_init(&m.events, 64 << 20);
	buf_init(&m.rows, 64 << 20);
	must(!failed(store_open(&c, &s)) && !failed(store_fence(s, &m.st.epoch)));
	static const size_t batches[] = { 1, 8, 64, 512 };
	for (size_t i = 0; i < ARRAY_LEN(batches); i++)
		rate(s, &m, batches[i], batches[i] == 1 ? 10000 : 200000);

	enum { ROWS = 1000000 };
	for (uint64_t k = 0; k < ROWS;) {
		for (int i = 0; i < 10000; i++)
			add_row(&m, k++, 200);
		append(s, &m, m.st.chain.seq);
	}
	s = store_close(s);
	double from = seconds(CLOCK_MONOTONIC);
	size_t bytes = 0;
	must(!failed(store_open(&c, &s)) && !failed(store_load(s, count_row, &bytes)));
	printf("load of %d rows, %zu MB: %.2f s\n", ROWS, bytes >> 20, seconds(CLOCK_MONOTONIC) - from);
	from = seconds(CLOCK_MONOTONIC);
	struct store_fsck f;
	must(!failed(store_fsck(s, &f)) && !f.note[0]);
	printf("check of %llu events and all rows: %.2f s\n", (unsigned long long)f.count, seconds(CLOCK_MONOTONIC) - from);
	store_close(s);
	buf_fini(&m.events);
	buf_fini(&m.rows);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command) != 0;
}
