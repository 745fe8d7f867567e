/* The model of a store: a list of events and a sorted table of rows, changed together or not at all. */
#include "tests/sim/disk.h"

#include "log/event.h"

#include <stdio.h>
#include <stdlib.h>

static size_t
row_place(const struct disk *d, span key, bool *ret_found)
{
	size_t lo = 0, hi = d->row_n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = span_cmp(span_make(d->rows[mid].key, d->rows[mid].key_n), key);
		if (!c) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_found = false;
	return lo;
}

static void
row_put(struct disk *d, span key, span value)
{
	bool found;
	size_t at = row_place(d, key, &found);
	if (!found) {
		if (d->row_n == d->row_cap) {
			d->row_cap = d->row_cap ? 2 * d->row_cap : 64;
			d->rows = realloc(d->rows, d->row_cap * sizeof *d->rows);
			must(d->rows);
		}
		memmove(d->rows + at + 1, d->rows + at, (d->row_n - at) * sizeof *d->rows);
		d->row_n++;
		d->rows[at] = (struct disk_row){ .key = malloc(key.n), .key_n = key.n };
		memcpy(d->rows[at].key, key.p, key.n);
	}
	free(d->rows[at].value);
	d->rows[at].value = malloc(value.n + 1);
	if (value.n)
		memcpy(d->rows[at].value, value.p, value.n);
	d->rows[at].value_n = value.n;
}

static void
row_delete(struct disk *d, span key)
{
	bool found;
	size_t at = row_place(d, key, &found);
	if (!found)
		return;
	free(d->rows[at].key);
	free(d->rows[at].value);
	memmove(d->rows + at, d->rows + at + 1, (d->row_n - at - 1) * sizeof *d->rows);
	d->row_n--;
}

static void
event_add(struct disk *d, span bytes)
{
	if (d->event_n == d->event_cap) {
		d->event_cap = d->event_cap ? 2 * d->event_cap : 64;
		d->events = realloc(d->events, d->event_cap * sizeof *d->events);
		must(d->events);
	}
	uint8_t *p = malloc(bytes.n);
	memcpy(p, bytes.p, bytes.n);
	d->events[d->event_n++] = (struct disk_event){ p, (uint32_t)bytes.n };
}

uint16_t
disk_append(struct disk *d, const struct msg_append *m)
{
	if (d->full && !m->priority)
		return E_AUDIT_UNAVAILABLE;
	if (m->epoch != d->epoch || m->expected_seq != d->chain.seq)
		return E_CONFLICT;
	struct reader r = rd_make(m->events);
	struct chain chain = d->chain;
	int64_t time = d->time;
	while (rd_left(&r)) {
		struct event e;
		span bytes = rd_vec32(&r);
		if (!r.ok || failed(chain_verify(&chain, bytes, &e)) || failed(event_check(&e)) || e.head.time < time) {
			fprintf(stderr, "# the store refuses an event of type %u\n", e.head.type);
			return E_CHAIN_BROKEN;
		}
		time = e.head.time;
	}
	if (memcmp(chain.head.b, m->head, sizeof m->head) != 0)
		return E_CHAIN_BROKEN;
	r = rd_make(m->events);
	while (rd_left(&r))
		event_add(d, rd_vec32(&r));
	d->chain = chain;
	d->time = time;
	r = rd_make(m->rows);
	while (rd_left(&r)) {
		span key = rd_vec16(&r);
		uint8_t put = rd_u8(&r);
		span value = rd_vec32(&r);
		must(r.ok && key.n && put <= 1);
		if (put)
			row_put(d, key, value);
		else
			row_delete(d, key);
	}
	return E_OK;
}

uint64_t
disk_read(const struct disk *d, const struct msg_read *q, struct buf *out)
{
	uint32_t n = 0;
	size_t at = q->newest_first ? q->from ? q->from : d->event_n : q->from ? q->from : 1;
	for (;; q->newest_first ? at-- : at++) {
		if (at < 1 || at > d->event_n)
			return 0;
		struct event e;
		struct event_value v;
		span bytes = span_make(d->events[at - 1].p, d->events[at - 1].n);
		must(!failed(event_decode(bytes, &e)));
		if (q->task && !(event_get(&e, F_TASK, &v) && v.u == q->task))
			continue;
		if (q->agent && !(event_get(&e, F_AGENT, &v) && v.u == q->agent))
			continue;
		if ((q->type && q->type != e.head.type) || (q->since && e.head.time < q->since) || (q->until && e.head.time > q->until))
			continue;
		if (n++ == q->limit)
			return at;
		buf_put_vec32(out, bytes);
	}
}

void
disk_fini(struct disk *d)
{
	for (size_t i = 0; i < d->event_n; i++)
		free(d->events[i].p);
	for (size_t i = 0; i < d->row_n; i++) {
		free(d->rows[i].key);
		free(d->rows[i].value);
	}
	free(d->events);
	free(d->rows);
	*d = (struct disk){ 0 };
}
