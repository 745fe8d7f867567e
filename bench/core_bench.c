/* Core alone: a full decision with its event, and the end of a large tree; or, with SQLite beside it, memory and restart with many
 * tasks, which stay in the database for whoever wants to start a server on it.
 *
 *   core_bench                      decisions and the tree
 *   core_bench DATABASE TASKS */
#include "tests/sim/client.h"
#include "tests/sim/disk.h"

#include "bench/target.h"
#include "msg/enums.h"
#include "store/store.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct client C;

/* Every allocation of this program (linked with --wrap). */
static unsigned long allocated;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n) { allocated++; return __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t m) { allocated++; return __real_calloc(n, m); }
void *__wrap_realloc(void *p, size_t n) { allocated++; return __real_realloc(p, n); }

static double
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void
put_policies(struct buf *b)
{
	/* 100 policies: 90 about other tools, 10 that look at this very call. */
	buf_put_str(b, "{\"kind\":\"policy\",\"name\":\"bench\",\"text\":\"");
	for (int i = 0; i < 90; i++)
		buf_printf(b, "permit(principal, action == Action::\\\"other/tool%d\\\", resource) when { context.input has x && context.input.x < %d };", i, i);
	for (int i = 0; i < 8; i++)
		buf_printf(b, "forbid(principal, action == Action::\\\"files/read_file\\\", resource) when { context.input.path like \\\"*secret%d*\\\" || "
		              "context.task.sensitivity > 2 };", i);
	buf_put_str(b, "permit(principal in Tier::\\\"dev\\\", action == Action::\\\"files/read_file\\\", resource) when { context.environment != \\\"prod\\\" };");
	buf_put_str(b, "permit(principal == Agent::\\\"bench\\\", action in Action::\\\"effect:read\\\", resource);\"}");
}

static void
bootstrap(struct buf *b)
{
	buf_put_str(b, "[{\"kind\":\"user\",\"name\":\"admin\",\"uids\":[0],\"roles\":[\"admin\",\"auditor\"]},"
	               "{\"kind\":\"tier\",\"name\":\"dev\",\"max_ttl_seconds\":86400,\"max_depth\":8,\"max_calls\":1000000000,\"calls_per_minute\":1000000,\"audit\":\"buffered\"},"
	               "{\"kind\":\"agent\",\"name\":\"bench\",\"owner\":\"admin\",\"tier\":\"dev\",\"launch\":[\"admin\"]},"
	               "{\"kind\":\"server\",\"name\":\"files\",\"transport\":\"stdio\",\"command\":[\"files\"],\"tools\":[{\"name\":\"read_file\",\"effect\":\"read\","
	               "\"resource\":\"Path::\\\"{path:input.path}\\\"\"}]},");
	put_policies(b);
	buf_put_str(b, "]");
}

static uint64_t
open_task(uint32_t conn)
{
	const struct json *v = client_op(&C, ROLE_LOCAL, conn, OP_TASK_OPEN,
		"{\"agent\":\"bench\",\"purpose\":\"measure\",\"environment\":\"dev\",\"ttl_seconds\":86000,\"envelope\":{\"tools\":[\"files/*\"],\"resources\":[\"Path::/data/**\"]}}");
	uint64_t id = 0;
	if (C.last_error || !id_parse(json_pointer(v, SPAN("/task/id"))->str, &id)) {
		fprintf(stderr, "open: %s\n", error_name(C.last_error));
		exit(1);
	}
	arena_reset(&C.arena);
	return id;
}

/* The AuthZEN question of the edge's benchmark: 482 bytes. */
static size_t
question(char *out, size_t n, const char *task, unsigned i)
{
	int len = snprintf(out, n, "{\"action\":{\"name\":\"files/read_file\"},\"context\":{\"arguments\":{\"path\":\"/data/reports/%04u/summary.txt\"},\"note\":\"", i % 10000);
	char tail[256];
	int tail_n = snprintf(tail, sizeof tail, "\"},\"resource\":{\"id\":\"files/read_file\",\"type\":\"tool\"},\"subject\":{\"id\":\"%s\",\"type\":\"task\"}}", task);
	while (len + tail_n < 482)
		out[len++] = 'x';
	memcpy(out + len, tail, (size_t)tail_n + 1);
	return (size_t)(len + tail_n);
}

static void
drain(void)
{
	node_settle(&C.node);
	for (size_t i = 0; i < C.reply_n; i++)
		free(C.replies[i].body);
	C.reply_n = 0;
}

static unsigned long verdicts, allowed;

static void
count(struct node *, enum role, unsigned, const struct msg *m)
{
	verdicts += m->type == MSG_VERDICT;
	allowed += m->type == MSG_VERDICT && m->verdict.verdict == VERDICT_ALLOW;
}

static void
decisions(void)
{
	enum { TASKS = 1000, ROUNDS = 30000 };
	static uint64_t ids[TASKS];
	static double took[ROUNDS];
	for (int i = 0; i < TASKS; i++)
		ids[i] = open_task(1);
	for (uint32_t i = 0; i < TASKS; i++)
		client_peer(&C, ROLE_LOCAL, 1000 + i, 0, 1000 + i, "/bin/agent", ids[i]);
	C.node.sent = count;
	C.node.discard = true;
	unsigned long used = 0;
	verdicts = allowed = 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		char q[600], id[ID_TEXT + 1];
		id_text(ids[i % TASKS], id);
		struct msg m = msg_make(MSG_EVALUATE);
		m.evaluate.req = 1000000 + i;
		m.evaluate.conn = 1000 + i % TASKS;
		m.evaluate.question = span_make(q, question(q, sizeof q, id, i));
		unsigned long count = allocated;
		double t = now_us();
		core_step(C.node.core, ROLE_LOCAL, 0, &m, C.node.now);
		took[i] = now_us() - t;
		used += allocated - count;
		if (i % 64 == 63) {
			C.node.now.wall += 20000000;
			C.node.now.boot += 20000000;
			drain();
		}
	}
	qsort(took, ROUNDS, sizeof *took, by_value);
	printf("decision: median %.2f us, p90 %.2f us, p99 %.2f us, %lu allocations (%lu of %lu allowed)\n", took[ROUNDS / 2],
	       took[ROUNDS * 9 / 10], took[ROUNDS * 99 / 100], used, allowed, verdicts);
	target("decision in core, median", took[ROUNDS / 2], "us", 3);
	target("allocations outside the arena, of a hundred decisions", 100.0 * (double)used / ROUNDS, "", 1);
	C.node.sent = NULL;
	C.node.discard = false;
}

static void
tree(void)
{
	uint64_t root = open_task(1), first = 0;
	client_peer(&C, ROLE_LOCAL, 2, 0, 5000, "/bin/agent", root);
	for (int i = 0; i < 10000; i++) {
		const struct json *v = client_op(&C, ROLE_LOCAL, 2, OP_TASK_DELEGATE, "{\"purpose\":\"c\",\"envelope\":{\"tools\":[\"files/read_file\"]}}");
		must(!C.last_error);
		if (!first)
			must(id_parse(json_pointer(v, SPAN("/task/id"))->str, &first));
		arena_reset(&C.arena);
	}
	drain();
	char id[ID_TEXT + 1], params[128];
	id_text(root, id);
	snprintf(params, sizeof params, "{\"kind\":\"task\",\"name\":\"%s\"}", id);
	client_op_send(&C, ROLE_PEOPLE, 9000, OP_KILL, params, NULL);
	size_t events = C.node.disk.event_n;
	double t = now_us();
	node_deliver(&C.node, ROLE_PEOPLE, 0);
	double refused = now_us() - t;
	drain();
	printf("end of a task with 10,000 descendants: %zu events\n", C.node.disk.event_n - events);
	target("10,000 descendants, until all are refused", refused / 1000, "ms", 5);
}

/* ---- many tasks, on SQLite ---- */

static struct store *store;
static uint64_t epoch;

static uint16_t
append(struct node *, const struct msg_append *m, uint64_t *ret_seq)
{
	struct store_batch b = { .epoch = m->epoch, .expected_seq = m->expected_seq, .priority = m->priority, .events = m->events, .rows = m->rows };
	enum store_outcome o;
	struct store_state st;
	memcpy(b.head.b, m->head, sizeof b.head.b);
	must(!failed(store_append(store, &b, 1, &o)) && o == STORE_DONE && !failed(store_state(store, &st)));
	*ret_seq = st.chain.seq;
	return E_OK;
}

static size_t rows_loaded;

static void
give_rows(struct node *n, struct buf *b)
{
	struct msg m = msg_make(MSG_ROWS);
	m.rows.rows = buf_span(b);
	node_send(n, ROLE_STORE, 0, &m);
	node_deliver(n, ROLE_STORE, 0);
	buf_reset(b);
}

static struct buf rows;

static status
give_row(void *n, span key, span value)
{
	rows_loaded++;
	buf_put_vec16(&rows, key);
	buf_put_vec32(&rows, value);
	if (rows.n > 60000)
		give_rows(n, &rows);
	return OK;
}

static void
load(struct node *n)
{
	struct store_state st;
	struct msg m = msg_make(MSG_LOADED);
	rows_loaded = 0;
	buf_init(&rows, 4 << 20);
	must(!failed(store_fence(store, &epoch)) && !failed(store_load(store, give_row, n)) && !failed(store_state(store, &st)));
	give_rows(n, &rows);
	buf_fini(&rows);
	m.loaded.seq = st.chain.seq;
	m.loaded.time = st.time;
	m.loaded.epoch = epoch;
	memcpy(m.loaded.head, st.chain.head.b, sizeof m.loaded.head);
	node_send(n, ROLE_STORE, 0, &m);
}

static size_t
in_use(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void
many(unsigned n)
{
	double t = now_us();
	for (unsigned i = 0; i < n; i++) {
		client_op_send(&C, ROLE_LOCAL, 1, OP_TASK_OPEN,
			"{\"agent\":\"bench\",\"purpose\":\"measure\",\"ttl_seconds\":86000,\"envelope\":{\"tools\":[\"files/*\"]}}", NULL);
		if (i % 4096 == 4095)
			drain();
	}
	drain();
	double made = now_us() - t;
	size_t used = in_use();
	node_crash(&C.node);
	used -= in_use();
	printf("%u tasks with their tokens: %.0f bytes each, %.1f us to open one durably\n", n, (double)used / n, made / n);
	target("memory of the tasks", (double)used / (1 << 20), "MiB", 1536.0 * n / 1000000);
	t = now_us();
	node_start(&C.node);
	while (node_serve(&C.node, ROLE_STORE, 0) || node_deliver(&C.node, ROLE_STORE, 0))
		;
	double ready = (now_us() - t) / 1e6;
	printf("restart from %zu rows\n", rows_loaded);
	target("restart of core, from SQLite", ready, "s", n > 100000 ? 10 : 5);
	drain();
}

static const struct node_store sqlite_store = { append, load };

static void
open_sqlite(const char *path)
{
	struct store_config c = { .backend = "sqlite", .path = path, .reserve = STORE_RESERVE };
	must(!failed(store_open(&c, &store)));
	node_store = &sqlite_store;
}

int
main(int argc, char **argv)
{
	CLEANUP(buf_fini) struct buf b;
	const char *boot;
	if (argc > 2)
		open_sqlite(argv[1]);
	buf_init(&b, 1 << 20);
	bootstrap(&b);
	must(!failed(buf_finish_str(&b, &boot)));
	client_init(&C, 1, boot);
	client_peer(&C, ROLE_LOCAL, 1, 0, 100, "/usr/bin/ambit", 0);
	if (argc > 2) {
		/* The tasks shall still live when a server reads them. */
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		C.node.now.wall = (int64_t)now.tv_sec * 1000000000;
		many((unsigned)atoi(argv[2]));
	} else {
		decisions();
		tree();
	}
	client_fini(&C);
	store = store_close(store);
	return 0;
}
