#include "core/core_priv.h"

#include <stdlib.h>

void
journal_init(struct journal *j)
{
	*j = (struct journal){ .next_batch = 1, .timer.kind = TIMER_LOG };
	buf_init(&j->events, JOURNAL_ROOM + EVENT_MAX + 4);
	buf_init(&j->rows, JOURNAL_ROOM);
	list_init(&j->marked);
	list_init(&j->held);
}

void
journal_fini(struct journal *j)
{
	buf_fini(&j->events);
	buf_fini(&j->rows);
	for (unsigned i = 0; i < j->flights; i++) {
		buf_fini(&j->flight[i].events);
		buf_fini(&j->flight[i].rows);
	}
	for (unsigned i = 0; i < j->spares; i++)
		buf_fini(&j->spare[i]);
}

struct event_writer *
event_open(struct core *c, enum event_type type)
{
	struct journal *j = &c->journal;
	struct event_head h = { .type = (uint16_t)type, .seq = j->chain.seq + 1, .time = c->clock.stamp, .node = c->config.node };
	if (buf_reserve(&j->events, EVENT_MAX + 4))
		event_begin(&j->w, j->events.p + j->events.n + 4, EVENT_MAX, &h);
	else
		j->w = (struct event_writer){ .err = j->events.err };
	return &j->w;
}

status
event_close(struct core *c, bool lazy)
{
	struct journal *j = &c->journal;
	span bytes;
	if (j->events.err) {
		uint16_t err = j->events.err;
		j->events.err = 0;
		return FAIL(err);
	}
	TRY(event_finish(&j->w, &bytes));
	ENSURE(j->events.n + 4 + bytes.n <= JOURNAL_ROOM, E_LIMIT);
	buf_put_u32(&j->events, (uint32_t)bytes.n);
	j->events.n += bytes.n;
	chain_push(&j->chain, bytes);
	if (!j->pending++)
		j->lingering = boot_now(c);
	j->urgent |= !lazy;
	return OK;
}

void
event_close_must(struct core *c)
{
	status s = event_close(c, false);
	if (failed(s))
		core_fail(c, s);
}

bool
journal_ok(const struct core *c)
{
	const struct journal *j = &c->journal;
	if (!c->loaded || c->failed || j->down || c->clock.behind || !core_up(c, ROLE_STORE))
		return false;
	if (j->events.n > JOURNAL_ROOM / 2)
		return false;
	return !j->flights || boot_now(c) - j->flight[0].sent_at < JOURNAL_LATE;
}

static void
append(struct core *c, struct flight *f)
{
	struct journal *j = &c->journal;
	struct msg m = msg_make(MSG_APPEND);
	f->batch = j->next_batch++;
	f->sent_at = boot_now(c);
	m.append.batch = f->batch;
	m.append.epoch = j->epoch;
	m.append.expected_seq = f->first - 1;
	m.append.priority = f->priority;
	m.append.events = buf_span(&f->events);
	m.append.rows = buf_span(&f->rows);
	memcpy(m.append.head, f->head.b, sizeof m.append.head);
	m.append.time = c->clock.stamp;
	send_now(c, ROLE_STORE, 0, &m);
}

static struct buf
spare_take(struct journal *j, size_t max)
{
	struct buf b;
	buf_init(&b, max);
	if (j->spares) {
		b = j->spare[--j->spares];
		b.max = max;
	}
	return b;
}

static void
spare_give(struct journal *j, struct buf *b)
{
	/* Ordinary turns fit in far less; what one giant batch needed goes back to the system. */
	if (j->spares == ARRAY_LEN(j->spare) || b->cap > 4 * (EVENT_MAX + 4)) {
		buf_fini(b);
		return;
	}
	buf_reset(b);
	j->spare[j->spares++] = *b;
}

void
journal_flush(struct core *c)
{
	struct journal *j = &c->journal;
	bool rows = !list_empty(&j->marked) || j->rows.n;
	if ((!j->pending && !rows) || !c->loaded || c->failed || !core_up(c, ROLE_STORE) || j->flights == JOURNAL_FLIGHT)
		return;
	if (!j->pending && !j->lingering)
		j->lingering = boot_now(c);
	if (!j->urgent && boot_now(c) - j->lingering < JOURNAL_LINGER && j->events.n < JOURNAL_FULL)
		return;
	rows_encode(c, &j->rows);
	status s = buf_finish(&j->rows);
	if (failed(s)) {
		core_fail(c, s);
		return;
	}
	struct flight *f = &j->flight[j->flights++];
	*f = (struct flight){ .first = j->sent + 1, .last = j->chain.seq, .head = j->chain.head, .events = j->events,
	                      .rows = j->rows, .priority = j->priority };
	j->events = spare_take(j, JOURNAL_ROOM + EVENT_MAX + 4);
	j->rows = spare_take(j, JOURNAL_ROOM);
	j->sent = j->chain.seq;
	j->pending = 0;
	j->lingering = 0;
	j->urgent = j->priority = false;
	if (!j->down)
		append(c, f);
	else if (f->priority)
		/* The reserve lets revocations commit; what stands before them goes along. */
		j->retry_at = 0;
}

/* Everything in flight once more, in order. */
static void
resend(struct core *c)
{
	struct journal *j = &c->journal;
	bool priority = false;
	for (unsigned i = 0; i < j->flights; i++)
		priority |= j->flight[i].priority;
	for (unsigned i = 0; i < j->flights; i++) {
		j->flight[i].priority = priority;
		append(c, &j->flight[i]);
	}
	j->retry_at = boot_now(c) + NS_PER_S;
}

void
journal_appended(struct core *c, const struct msg_appended *m)
{
	struct journal *j = &c->journal;
	unsigned at = 0;
	while (at < j->flights && j->flight[at].batch != m->batch)
		at++;
	/* Said before, or of a batch that was sent again since. */
	if (at == j->flights)
		return;
	if (m->error == E_OK) {
		/* It covers every batch before it too, so that a lost acknowledgement costs nothing. */
		if (m->seq < j->flight[at].last || m->seq > j->sent) {
			core_fail(c, FAIL(E_CONFLICT));
			return;
		}
		j->durable = m->seq;
		j->down = false;
		while (at + 1 < j->flights && j->flight[at + 1].last <= m->seq)
			at++;
		for (unsigned i = 0; i <= at; i++) {
			spare_give(j, &j->flight[i].events);
			spare_give(j, &j->flight[i].rows);
		}
		j->flights -= at + 1;
		memmove(j->flight, j->flight + at + 1, j->flights * sizeof *j->flight);
		held_release(c);
		return;
	}
	/* What followed a batch that found no room is refused for its place in the order. */
	if (j->down && m->error == E_CONFLICT)
		return;
	if (m->error != E_AUDIT_UNAVAILABLE) {
		core_fail(c, FAIL(m->error));
		return;
	}
	/* No room: the store took nothing of it and will take it later. Until then nothing is allowed. */
	if (!j->down) {
		j->down = true;
		j->retry_at = boot_now(c) + NS_PER_S;
	}
	held_refuse(c, 0);
}

void
journal_tick(struct core *c)
{
	struct journal *j = &c->journal;
	if (j->down && j->flights && boot_now(c) >= j->retry_at)
		resend(c);
	else if (!j->down && j->flights && boot_now(c) - j->flight[0].sent_at >= JOURNAL_LATE)
		held_refuse(c, JOURNAL_LATE);
	journal_flush(c);
	int64_t next = INT64_MAX;
	if (j->flights)
		next = j->down ? j->retry_at : j->flight[0].sent_at + JOURNAL_LATE;
	/* Late already: what comes now is refused in its turn. */
	if (!j->down && next <= boot_now(c))
		next = boot_now(c) + JOURNAL_LATE / 4;
	if (j->lingering && !j->urgent && j->flights < JOURNAL_FLIGHT && j->lingering + JOURNAL_LINGER < next)
		next = j->lingering + JOURNAL_LINGER;
	if (next == INT64_MAX)
		timer_del(&c->timers, &j->timer);
	else if (failed(timer_set(&c->timers, &j->timer, next)))
		core_fail(c, FAIL(E_NO_MEMORY));
}
