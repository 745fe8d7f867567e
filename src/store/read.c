/* Reading back: filtered pages for people, and the check of everything. */
#include "store/store_priv.h"

#include "log/event.h"

#include <stdio.h>

struct page {
	const struct store_filter *f;
	struct buf *out;
	uint32_t want, got, seen;
	uint64_t next;
	bool too_big;
};

static bool
matches(const struct store_filter *f, const struct store_event *e)
{
	return (!f->task || e->task == f->task) && (!f->agent || e->agent == f->agent) && (!f->type || e->type == f->type) &&
	       (span_empty(f->tool) || span_eq(e->tool, f->tool)) && (!f->since || e->time >= f->since) &&
	       (!f->until || e->time <= f->until);
}

static bool
take_event(void *arg, const struct store_event *e)
{
	struct page *p = arg;
	/* Time never goes back along seq, so what lies beyond the range ends it. */
	if (p->f->newest_first ? p->f->since && e->time < p->f->since : p->f->until && e->time > p->f->until)
		return false;
	if (p->got == p->want || p->seen == STORE_SCAN_MAX) {
		p->next = e->seq;
		return false;
	}
	p->seen++;
	if (!matches(p->f, e))
		return true;
	if (4 + e->bytes.n > p->out->max - p->out->n) {
		p->too_big = p->got == 0;
		p->next = e->seq;
		return false;
	}
	buf_put_vec32(p->out, e->bytes);
	p->got++;
	return true;
}

struct probe { int64_t time; bool found; };

static bool
take_time(void *arg, const struct store_event *e)
{
	*(struct probe *)arg = (struct probe){ e->time, true };
	return false;
}

/* First seq whose time is at least `t`, or last + 1: by halving, since time never goes back. */
static status
seek_time(struct store *s, uint64_t last, int64_t t, uint64_t *ret)
{
	static const struct store_filter any;
	uint64_t low = 1, high = last + 1;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		struct probe p = { 0 };
		TRY(s->ops->scan(s, mid, &any, take_time, &p));
		ENSURE(p.found, E_CHAIN_BROKEN);
		if (p.time >= t)
			high = mid;
		else
			low = mid + 1;
	}
	*ret = low;
	return OK;
}

static status
first_seq(struct store *s, const struct store_filter *f, uint64_t *ret)
{
	struct store_state st;
	uint64_t at;
	TRY(store_state(s, &st));
	if (f->newest_first) {
		*ret = f->from && f->from < st.chain.seq ? f->from : st.chain.seq;
		if (f->until && f->until < INT64_MAX) {
			TRY(seek_time(s, st.chain.seq, f->until + 1, &at));
			*ret = at - 1 < *ret ? at - 1 : *ret;
		}
	} else {
		*ret = f->from ? f->from : 1;
		if (f->since) {
			TRY(seek_time(s, st.chain.seq, f->since, &at));
			*ret = at > *ret ? at : *ret;
		}
	}
	return OK;
}

status
store_read(struct store *s, const struct store_filter *f, struct buf *out, uint64_t *ret_next)
{
	struct page p = { .f = f, .out = out, .want = f->limit && f->limit < STORE_READ_MAX ? f->limit : STORE_READ_MAX };
	uint64_t from;
	TRY(first_seq(s, f, &from));
	if (from)
		TRY(s->ops->scan(s, from, f, take_event, &p));
	ENSURE(!p.too_big, E_LIMIT);
	TRY(buf_finish(out));
	*ret_next = p.next;
	return OK;
}

/* ---- fsck ---- */

struct sweep {
	struct store_fsck_at *at;
	struct store_fsck *out;
	uint32_t seen;
};

static bool
finding(struct store_fsck *out, uint64_t seq, const char *what)
{
	out->bad_seq = seq;
	snprintf(out->note, sizeof out->note, "event %llu: %s", (unsigned long long)seq, what);
	return false;
}

static bool
check_event(void *arg, const struct store_event *e)
{
	struct sweep *w = arg;
	struct store_event want;
	uint64_t seq = w->at->chain.seq + 1;
	if (w->seen++ == STORE_SCAN_MAX)
		return false;
	if (e->seq != seq)
		return finding(w->out, seq, "missing");
	if (failed(store_event_of(e->bytes, &want)))
		return finding(w->out, seq, "the bytes are not an event");
	if (failed(chain_verify(&w->at->chain, e->bytes, NULL)))
		return finding(w->out, seq, "stored under another number");
	if (want.time < w->at->time)
		return finding(w->out, seq, "its time is before that of the event before it");
	w->at->time = want.time;
	w->out->count = seq;
	return true;
}

/* The events after `before` up to `last`, which are what they should be, must also be found. */
static status
check_index(struct store *s, uint64_t before, uint64_t last, struct store_fsck *out)
{
	uint64_t bad = 0;
	if (s->ops->check_index && last > before)
		TRY(s->ops->check_index(s, before + 1, last, &bad));
	if (bad)
		finding(out, bad, "missing from the index");
	return OK;
}

status
store_fsck_step(struct store *s, struct store_fsck_at *at, struct store_fsck *ret, bool *ret_done)
{
	static const struct store_filter any;
	struct sweep w = { at, ret, 0 };
	struct store_state st;
	uint64_t before = at->chain.seq;
	if (before == 0)
		*ret = (struct store_fsck){ 0 };
	TRY(s->ops->scan(s, before + 1, &any, check_event, &w));
	/* After the scan: a reader beside a writer must not take what came meanwhile for a fault. */
	TRY(store_state(s, &st));
	ret->head = at->chain.head;
	*ret_done = true;
	if (ret->bad_seq)
		return OK;
	TRY(check_index(s, before, at->chain.seq, ret));
	if (ret->bad_seq)
		return OK;
	if (at->chain.seq < st.chain.seq && at->chain.seq > before) {
		*ret_done = false;
		return OK;
	}
	if (at->chain.seq < st.chain.seq)
		finding(ret, at->chain.seq + 1, "missing");
	else if (at->chain.seq > st.chain.seq)
		finding(ret, st.chain.seq + 1, "beyond the recorded end");
	else if (!digest_eq(&at->chain.head, &st.chain.head))
		finding(ret, at->chain.seq ? at->chain.seq : 1, "the chain does not end in the recorded head");
	else if (at->time != st.time)
		snprintf(ret->note, sizeof ret->note, "the recorded time is not that of the last event");
	else
		TRY(s->ops->check(s, ret->note));
	return OK;
}

status
store_fsck(struct store *s, struct store_fsck *ret)
{
	struct store_fsck_at at = { 0 };
	bool done = false;
	while (!done)
		TRY(store_fsck_step(s, &at, ret, &done));
	return OK;
}
