#include "store/history.h"

#include "log/event.h"
#include "tests/test.h"

void
history_init(struct history *h, uint64_t seed)
{
	*h = (struct history){ 0 };
	drbg_init_number(&h->g, seed);
	buf_init(&h->events, 1 << 24);
	buf_init(&h->rows, 1 << 24);
	buf_init(&h->all, 1 << 28);
}

void
history_fini(struct history *h)
{
	buf_fini(&h->events);
	buf_fini(&h->rows);
	buf_fini(&h->all);
}

span
history_event(struct history *h, uint16_t type, uint64_t task, uint64_t agent, span tool)
{
	uint8_t room[1200];
	struct event_writer w;
	span bytes;
	h->st.time += (int64_t)drbg_below(&h->g, 3);
	event_begin(&w, room, sizeof room, &(struct event_head){ .type = type, .seq = h->st.chain.seq + 1, .time = h->st.time,
	                                                         .node = SPAN("n1") });
	event_id(&w, F_TASK, task);
	event_id(&w, F_AGENT, agent);
	event_text_opt(&w, F_TOOL, tool);
	if (type == EV_CALL_DONE)
		event_id(&w, F_CALL, drbg_id(&h->g, ID_CALL));
	if (type == EV_WORLD_STOPPED)
		event_text(&w, F_ACTOR, SPAN("user:dana"));
	if (type == EV_DECISION_DENIED)
		event_text(&w, F_CODE, SPAN("policy_denied"));
	assert_ok(event_finish(&w, &bytes));
	chain_push(&h->st.chain, bytes);
	buf_put_vec32(&h->events, bytes);
	buf_put_vec32(&h->all, bytes);
	assert_ok(buf_finish(&h->events));
	return span_sub(buf_span(&h->events), h->events.n - bytes.n, bytes.n);
}

/* Key 7 is 7 bytes long, its value number 300 about 300 bytes. */
static void
put_row(struct history *h, size_t key, uint32_t value)
{
	uint8_t k[HISTORY_KEYS + 1];
	memset(k, 'k', sizeof k);
	k[0] = (uint8_t)key;
	buf_put_vec16(&h->rows, span_make(k, 1 + key));
	buf_put_u8(&h->rows, value != 0);
	buf_put_u32(&h->rows, value);
	for (uint32_t i = 0; i < value; i++)
		buf_put_u8(&h->rows, (uint8_t)value);
	h->value[key] = value;
}

struct store_batch
history_take(struct history *h, uint64_t expected_seq)
{
	return (struct store_batch){ .epoch = h->st.epoch, .expected_seq = expected_seq, .events = buf_span(&h->events),
	                             .rows = buf_span(&h->rows), .head = h->st.chain.head };
}

struct store_batch
history_batch(struct history *h, size_t events, size_t rows)
{
	static const uint16_t types[] = { EV_CALL_DONE, EV_WORLD_STOPPED, EV_DECISION_DENIED };
	static const char *const tools[] = { "", "files/read", "files/write", "mail/send" };
	uint64_t seq = h->st.chain.seq;
	buf_reset(&h->events);
	buf_reset(&h->rows);
	for (size_t i = drbg_below(&h->g, events + 1); i > 0; i--) {
		uint16_t type = types[drbg_below(&h->g, 3)];
		bool bare = type == EV_WORLD_STOPPED;
		uint64_t task = type == EV_CALL_DONE || drbg_below(&h->g, 2) ? id_make(ID_TASK, 1 + drbg_below(&h->g, 9)) : 0;
		uint64_t agent = drbg_below(&h->g, 2) ? id_make(ID_AGENT, 1 + drbg_below(&h->g, 3)) : 0;
		history_event(h, type, bare ? 0 : task, bare ? 0 : agent, bare ? SPAN("") : span_str(tools[drbg_below(&h->g, 4)]));
	}
	for (size_t i = drbg_below(&h->g, rows + 1); i > 0; i--)
		put_row(h, drbg_below(&h->g, HISTORY_KEYS), drbg_below(&h->g, 3) ? 1 + (uint32_t)drbg_below(&h->g, 2000) : 0);
	return history_take(h, seq);
}

struct rows_check { const struct history *h; size_t at; };

static status
check_row(void *arg, span key, span value)
{
	struct rows_check *c = arg;
	while (c->at < HISTORY_KEYS && c->h->value[c->at] == 0)
		c->at++;
	assert_true(c->at < HISTORY_KEYS);
	assert_int_equal(key.p[0], c->at);
	assert_int_equal(key.n, 1 + c->at);
	assert_int_equal(value.n, c->h->value[c->at]);
	for (size_t i = 0; i < value.n; i++)
		assert_int_equal(value.p[i], (uint8_t)value.n);
	c->at++;
	return OK;
}

void
history_matches(const struct history *h, struct store *s)
{
	struct store_state st;
	assert_ok(store_state(s, &st));
	assert_int_equal(st.chain.seq, h->st.chain.seq);
	assert_true(digest_eq(&st.chain.head, &h->st.chain.head));
	assert_int_equal(st.time, h->st.chain.seq ? h->st.time : 0);
	assert_int_equal(st.epoch, h->st.epoch);
	struct rows_check c = { h, 0 };
	assert_ok(store_load(s, check_row, &c));
	while (c.at < HISTORY_KEYS)
		assert_int_equal(h->value[c.at++], 0);
	CLEANUP(buf_fini) struct buf all;
	buf_init(&all, 1 << 28);
	uint64_t next = 1;
	while (next)
		assert_ok(store_read(s, &(struct store_filter){ .from = next }, &all, &next));
	assert_true(span_eq(buf_span(&all), buf_span(&h->all)));
}

void
history_copy(struct history *to, const struct history *from)
{
	*to = *from;
	to->events = to->rows = to->all = (struct buf){ 0 };
	buf_init(&to->events, 1 << 24);
	buf_init(&to->rows, 1 << 24);
	buf_init(&to->all, 1 << 28);
	buf_put(&to->all, buf_span(&from->all));
	assert_ok(buf_finish(&to->all));
}
