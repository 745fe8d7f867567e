/* Operations on the event log: they ask the store and render what it says. */
#include "core/core_priv.h"
#include "core/ops.h"
#include "text/base64url.h"
#include "text/time.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- events as JSON ---- */

static void
write_value(struct json_writer *w, const struct event_value *v)
{
	span text, list;
	char id[ID_TEXT + 1];
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 2 * EVENT_MAX);
	switch ((enum event_kind)v->kind) {
	case EVENT_BOOL: json_w_bool(w, v->b); return;
	case EVENT_UINT: json_w_uint(w, v->u); return;
	case EVENT_INT: json_w_int(w, v->i); return;
	case EVENT_TIME: write_time(w, v->i); return;
	case EVENT_TEXT: json_w_str(w, v->s); return;
	case EVENT_JSON: json_w_raw(w, v->s); return;
	case EVENT_BYTES: base64url_encode(v->s, &b); break;
	case EVENT_DIGEST:
		buf_put_str(&b, "sha256:");
		buf_put_hex(&b, digest_span(&v->d));
		break;
	case EVENT_ID:
		id_text(v->u, id);
		json_w_str(w, span_str(id));
		return;
	case EVENT_TEXTS:
		list = v->s;
		json_w_arr(w);
		while (event_texts_next(&list, &text))
			json_w_str(w, text);
		json_w_arr_end(w);
		return;
	}
	json_w_str(w, buf_span(&b));
}

static void
write_event(struct json_writer *w, span bytes, bool raw)
{
	struct event e;
	struct event_value v;
	size_t pos = 0;
	if (failed(event_decode(bytes, &e)))
		return;
	json_w_obj(w);
	write_id(w, "event", id_make(ID_EVENT, e.head.seq));
	json_w_kint(w, "seq", (int64_t)e.head.seq);
	json_w_key(w, SPAN("time"));
	write_time(w, e.head.time);
	const char *type = event_type_name(e.head.type);
	json_w_kcstr(w, "type", type ? type : "unknown");
	while (event_next(&e, &pos, &v)) {
		const char *name = event_field_name(v.tag);
		if (!name)
			continue;
		json_w_key(w, span_str(name));
		write_value(w, &v);
	}
	if (raw) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 2 * EVENT_MAX);
		base64url_encode(bytes, &b);
		json_w_kstr(w, "canonical", buf_span(&b));
	}
	json_w_obj_end(w);
}

/* ---- asking the store ---- */

struct read_wait {
	bool raw;
	struct msg_read q;
};

void
ask_read(struct core *c, struct ask *a, const struct msg_read *q)
{
	struct msg m = msg_make(MSG_READ);
	m.read = *q;
	m.read.req = a->id;
	/* Everything decided so far goes first, so that it is found. */
	c->journal.urgent = true;
	journal_flush(c);
	send_now(c, ROLE_STORE, 0, &m);
}

static status
read_events(struct core *c, struct op_call *o, ask_fn *fn, struct msg_read q, bool raw)
{
	struct ask *a;
	struct read_wait *wait = calloc(1, sizeof *wait);
	ENSURE(wait, E_NO_MEMORY);
	wait->raw = raw;
	wait->q = q;
	status s = ask_new(c, ROLE_STORE, fn, &o->who, &a);
	if (failed(s)) {
		free(wait);
		return s;
	}
	a->state = wait;
	o->later = true;
	ask_read(c, a, &q);
	return OK;
}

static void
on_list_events(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	const struct read_wait *wait = a->state;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 16 << 20);
	struct json_writer w = json_w(&b);
	if (m && m->events.error != E_OK)
		error = m->events.error;
	if (error != E_OK) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, error, (span){ 0 });
		return;
	}
	struct reader r = rd_make(m->events.events);
	json_w_obj(&w);
	json_w_karr(&w, "items");
	while (rd_left(&r)) {
		span bytes = rd_vec32(&r);
		if (!r.ok)
			break;
		write_event(&w, bytes, wait->raw);
	}
	json_w_arr_end(&w);
	json_w_key(&w, SPAN("next"));
	if (m->events.next) {
		char cursor[24];
		json_w_str(&w, span_make(cursor, (size_t)snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)m->events.next)));
	} else {
		json_w_null(&w);
	}
	json_w_obj_end(&w);
	answer(c, a->who.edge, a->who.index, a->who.req, E_OK, &b);
}

static status
opt_time(struct op_call *o, const char *key, int64_t *ret)
{
	span s = { 0 };
	TRY(op_opt_str(o, key, &s));
	if (s.n && !time_parse(s, ret))
		return op_fail(o, E_BAD_REQUEST, "%s: must be a time such as 2026-11-24T01:02:03Z", key);
	return OK;
}

static status
read_filter(struct core *c, struct op_call *o, struct msg_read *q)
{
	span agent = { 0 }, type = { 0 }, cursor = { 0 };
	int64_t limit = 100, from = 0;
	struct task *t;
	TRY(op_opt_int(o, "limit", 1, 1000, &limit));
	TRY(op_opt_int(o, "from", 0, INT64_MAX, &from));
	TRY(op_opt_str(o, "cursor", &cursor));
	TRY(op_opt_bool(o, "newest_first", &q->newest_first));
	TRY(op_opt_str(o, "agent", &agent));
	TRY(op_opt_str(o, "type", &type));
	TRY(opt_time(o, "since", &q->since));
	TRY(opt_time(o, "until", &q->until));
	q->limit = (uint32_t)limit;
	q->from = (uint64_t)from;
	if (cursor.n && !span_to_u64(cursor, &q->from))
		return op_fail(o, E_BAD_REQUEST, "cursor: is not one of ours");
	span task = { 0 };
	TRY(op_opt_str(o, "task", &task));
	/* Tasks that core has forgotten still have their events. */
	if (task.n && !id_parse_kind(task, ID_TASK, &q->task))
		TRY(op_task(c, o, "task", &t));
	if (agent.n) {
		const struct agent *a = agent_named(c, agent);
		ENSURE(a, E_AGENT_UNKNOWN);
		q->agent = a->id;
	}
	if (type.n && !(q->type = event_type_from_name(type)))
		return op_fail(o, E_BAD_REQUEST, "type: there is no such event");
	return OK;
}

status
op_AUDIT_LIST(struct core *c, struct op_call *o, struct json_writer *)
{
	static const char *const names[] = {
		"since", "until", "task", "agent", "type", "from", "limit", "cursor", "newest_first", "raw", NULL,
	};
	struct msg_read q = { 0 };
	bool raw = false;
	TRY(op_only(o, names));
	TRY(op_opt_bool(o, "raw", &raw));
	TRY(read_filter(c, o, &q));
	return read_events(c, o, on_list_events, q, raw);
}

/* ---- one event explained ---- */

static void
write_why_rules(struct core *c, const struct event *e, struct json_writer *w)
{
	struct event_value v;
	span list = { 0 }, id;
	if (event_get(e, F_RULES, &v))
		list = v.s;
	json_w_karr(w, "rules");
	while (event_texts_next(&list, &id))
		for (size_t i = 0; i < c->policy->rule_n; i++) {
			const struct rule *r = &c->policy->rules[i];
			if (!span_eq(r->id, id))
				continue;
			json_w_obj(w);
			json_w_kstr(w, "policy", r->file);
			json_w_kint(w, "line", r->line);
			json_w_kstr(w, "id", r->id);
			json_w_kcstr(w, "effect", r->forbid ? "forbid" : "permit");
			json_w_kstr(w, "text", rule_text(r));
			json_w_obj_end(w);
			break;
		}
	json_w_arr_end(w);
	if (event_get(e, F_POLICY_VERSION, &v) && v.u != c->policy->version)
		json_w_kcstr(w, "note", "the policies have changed since; these are the texts of today");
}

static void
on_why(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	struct json_writer w = json_w(&b);
	struct event e;
	if (m && m->events.error != E_OK)
		error = m->events.error;
	struct reader r = rd_make(m ? m->events.events : (span){ 0 });
	span bytes = error == E_OK && rd_left(&r) ? rd_vec32(&r) : (span){ 0 };
	if (error == E_OK && (!bytes.n || failed(event_decode(bytes, &e))))
		error = E_NOT_FOUND;
	if (error == E_OK && a->subject && e.head.seq != a->subject)
		error = E_NOT_FOUND;
	if (error != E_OK) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, error, (span){ 0 });
		return;
	}
	json_w_obj(&w);
	json_w_key(&w, SPAN("event"));
	write_event(&w, bytes, false);
	write_why_rules(c, &e, &w);
	json_w_obj_end(&w);
	answer(c, a->who.edge, a->who.index, a->who.req, E_OK, &b);
}

status
op_WHY(struct core *c, struct op_call *o, struct json_writer *)
{
	static const char *const names[] = { "event", "last", "task", NULL };
	struct msg_read q = { .limit = 1 };
	span event = { 0 };
	bool last = false;
	uint64_t id = 0;
	struct task *t;
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "event", &event));
	TRY(op_opt_bool(o, "last", &last));
	if (event.n) {
		ENSURE(id_parse_kind(event, ID_EVENT, &id), E_NOT_FOUND);
		q.from = id_bits(id);
		ENSURE(q.from, E_NOT_FOUND);
	} else if (last) {
		q.newest_first = true;
		q.type = EV_DECISION_DENIED;
		if (json_gets(o->params, "task")) {
			TRY(op_task(c, o, "task", &t));
			q.task = t->id;
		}
	} else {
		return op_fail(o, E_BAD_REQUEST, "event: is required, or last");
	}
	TRY(read_events(c, o, on_why, q, false));
	struct ask *a = container_of(c->ask_list.prev, struct ask, all);
	a->subject = id_bits(id);
	return OK;
}

/* ---- tasks by their events ---- */

static void
on_task_show(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	const struct read_wait *wait = a->state;
	CLEANUP(buf_fini) struct buf b;
	CLEANUP(buf_fini) struct buf one;
	buf_init(&b, 1 << 20);
	buf_init(&one, 1 << 16);
	struct json_writer w = json_w(&b), w1 = json_w(&one);
	struct task *t = task_find(c, wait->q.task);
	if (!t) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, E_TASK_UNKNOWN, (span){ 0 });
		return;
	}
	task_write(c, t, &w1);
	/* The task's object, with one member more. */
	buf_put(&b, span_sub(buf_span(&one), 0, one.n - 1));
	buf_put_str(&b, ",\"recent\":");
	json_w_arr(&w);
	struct reader r = rd_make(error == E_OK && m->events.error == E_OK ? m->events.events : (span){ 0 });
	while (rd_left(&r)) {
		span bytes = rd_vec32(&r);
		if (!r.ok)
			break;
		write_event(&w, bytes, false);
	}
	json_w_arr_end(&w);
	buf_put_u8(&b, '}');
	answer(c, a->who.edge, a->who.index, a->who.req, E_OK, &b);
}

status
op_TASK_SHOW(struct core *c, struct op_call *o, struct json_writer *)
{
	static const char *const names[] = { "task", NULL };
	struct task *t;
	TRY(op_only(o, names));
	TRY(op_task(c, o, "task", &t));
	return read_events(c, o, on_task_show, (struct msg_read){ .limit = 20, .newest_first = true, .task = t->id }, false);
}

/* ---- the chain ---- */

static void
on_verified(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	if (!m) {
		answer_error(c, a->who.edge, a->who.index, a->who.req, error, (span){ 0 });
		return;
	}
	json_w_obj(&w);
	json_w_kbool(&w, "ok", m->verified.error == E_OK);
	json_w_kint(&w, "count", (int64_t)m->verified.count);
	if (m->verified.bad_seq)
		json_w_kint(&w, "bad_seq", (int64_t)m->verified.bad_seq);
	CLEANUP(buf_fini) struct buf hex;
	buf_init(&hex, 128);
	buf_put_hex(&hex, SPAN_OF(m->verified.head));
	json_w_kstr(&w, "head", buf_span(&hex));
	json_w_kstr(&w, "note", m->verified.note);
	json_w_obj_end(&w);
	answer(c, a->who.edge, a->who.index, a->who.req, E_OK, &b);
}

status
op_AUDIT_VERIFY(struct core *c, struct op_call *o, struct json_writer *)
{
	struct ask *a;
	TRY(ask_new(c, ROLE_STORE, on_verified, &o->who, &a));
	/* Millions of events are read back. */
	TRY(timer_set(&c->timers, &a->timer, boot_now(c) + 300 * NS_PER_S));
	struct msg m = msg_make(MSG_VERIFY);
	m.verify.req = a->id;
	c->journal.urgent = true;
	journal_flush(c);
	send_now(c, ROLE_STORE, 0, &m);
	o->later = true;
	return OK;
}

status
op_AUDIT_HEAD(struct core *c, struct op_call *, struct json_writer *w)
{
	CLEANUP(buf_fini) struct buf hex;
	buf_init(&hex, 128);
	buf_put_hex(&hex, digest_span(&c->journal.chain.head));
	json_w_obj(w);
	json_w_kint(w, "seq", (int64_t)c->journal.chain.seq);
	json_w_kstr(w, "head", buf_span(&hex));
	if (c->checkpoint_note)
		json_w_kstr(w, "checkpoint", str_span(c->checkpoint_note));
	json_w_kint(w, "checkpoint_seq", (int64_t)c->checkpoint_seq);
	if (c->log_key)
		json_w_kstr(w, "verifier", str_span(c->log_key));
	json_w_obj_end(w);
	return OK;
}

status
op_KEY_LIST(struct core *c, struct op_call *, struct json_writer *w)
{
	json_w_obj(w);
	json_w_karr(w, "items");
	if (c->jwks) {
		const struct json *doc;
		if (!failed(json_parse(str_span(c->jwks), NULL, &c->arena, &doc, NULL)))
			json_for_items(it, json_gets(doc, "keys")) {
				const struct json *kid = json_gets(it, "kid");
				json_w_obj(w);
				if (json_is_str(kid))
					json_w_kstr(w, "id", kid->str);
				json_w_kcstr(w, "use", "token");
				json_w_kcstr(w, "alg", "ES256");
				json_w_key(w, SPAN("public"));
				json_w_value(w, it);
				json_w_obj_end(w);
			}
	}
	if (c->log_key) {
		json_w_obj(w);
		json_w_kcstr(w, "use", "log");
		json_w_kcstr(w, "alg", "Ed25519");
		json_w_kstr(w, "public", str_span(c->log_key));
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	json_w_key(w, SPAN("next"));
	json_w_null(w);
	json_w_obj_end(w);
	return OK;
}

/* ---- checkpoints ---- */

#define CHECKPOINT_EVERY (60 * NS_PER_S)

static void
on_head(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	if (!m || error != E_OK || m->head.error != E_OK)
		return;
	struct str *note;
	if (failed(str_get(&c->strs, m->head.note, &note)))
		return;
	str_unref(&c->strs, c->checkpoint_note);
	c->checkpoint_note = note;
	c->checkpoint_seq = a->subject;
	digest head;
	memcpy(head.b, str_span(a->text).p, sizeof head.b);
	struct event_writer *w = event_open(c, EV_LOG_CHECKPOINT);
	event_uint(w, F_LAST_SEQ, a->subject);
	event_text(w, F_ORIGIN, c->config.origin);
	event_digest(w, F_HEAD, &head);
	event_bytes(w, F_SIGNATURE, m->head.note);
	IGNORE(event_close(c, true)); /* the next checkpoint covers this one */
}

void
checkpoint_timer(struct core *c)
{
	struct ask *a;
	const struct journal *j = &c->journal;
	if (failed(timer_set(&c->timers, &c->checkpoint_timer, boot_now(c) + CHECKPOINT_EVERY)))
		core_fail(c, FAIL(E_NO_MEMORY));
	revocations_trim(c);
	/* The checkpoint's own event is no reason for another one. */
	if (j->durable <= c->checkpoint_seq + 1 || j->durable != j->chain.seq || !journal_ok(c))
		return;
	if (failed(ask_new(c, ROLE_SIGNER, on_head, NULL, &a)))
		return;
	a->subject = j->durable;
	if (failed(str_get(&c->strs, digest_span(&j->chain.head), &a->text))) {
		ask_free(c, a);
		return;
	}
	struct msg m = msg_make(MSG_SIGN_HEAD);
	m.sign_head.req = a->id;
	m.sign_head.seq = j->durable;
	memcpy(m.sign_head.head, j->chain.head.b, sizeof m.sign_head.head);
	m.sign_head.time = c->clock.stamp;
	send_now(c, ROLE_SIGNER, 0, &m);
}
