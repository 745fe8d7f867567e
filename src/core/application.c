#include "core/application_priv.h"

#include "cedar/entities_json.h"
#include "cedar/lex.h"
#include "core/core_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the resource ---- */

static status
fault_at(struct object *o, struct object_fault *f, const char *member, const struct cedar_diag *d, status s)
{
	enum { ROOM = 512 };
	char *text = arena_alloc(&o->arena, ROOM);
	if (!text || s.code == E_NO_MEMORY)
		return s;
	snprintf(text, ROOM, "line %u, column %u: %s%s%s", d->line, d->col, d->what, d->hint[0] ? "; " : "", d->hint);
	f->member = member;
	f->reason = text;
	return s;
}

static int
by_uid(const void *a, const void *b)
{
	const struct cedar_entity *const *x = a, *const *y = b;
	int d = span_cmp((*x)->uid->type.text, (*y)->uid->type.text);
	return d ? d : span_cmp((*x)->uid->id, (*y)->uid->id);
}

static status
read_entities(struct core *c, struct object *o, struct application *a, struct object_fault *f)
{
	const struct json *list = json_gets(o->spec, "entities");
	struct cedar_diag d = { 0 };
	CLEANUP(arena_fini) struct arena scratch = { 0 };
	arena_init(&scratch, 8 << 20);
	a->entities = cedar_entities_new(drbg_u64(&c->rng));
	ENSURE(a->entities, E_NO_MEMORY);
	if (!list)
		return OK;
	if (!json_is_arr(list)) {
		f->member = "entities";
		f->reason = "must be a list of entities";
		return FAIL(E_BAD_REQUEST);
	}
	status s = cedar_entities_from_json(a->entities, list, NULL, &scratch, &d);
	if (failed(s))
		return fault_at(o, f, "entities", &d, s);
	size_t pos = 0;
	a->sorted = arena_array(&o->arena, cedar_entities_count(a->entities) + 1, sizeof *a->sorted);
	ENSURE(a->sorted, E_NO_MEMORY);
	for (const struct cedar_entity *e; (e = cedar_entities_next(a->entities, &pos));)
		a->sorted[a->sorted_n++] = e;
	qsort(a->sorted, a->sorted_n, sizeof *a->sorted, by_uid);
	return OK;
}

static status
read_actions(struct object *o, struct application *a, struct object_fault *f)
{
	const struct json *list = json_gets(o->spec, "actions");
	if (!list)
		return OK;
	bool ok = json_is_arr(list) && list->arr.n <= 1000;
	span *out = arena_array(&o->arena, ok ? list->arr.n + 1 : 1, sizeof *out);
	ENSURE(out, E_NO_MEMORY);
	json_for_items(it, list) {
		ok = ok && json_is_str(it) && it->str.n > 0 && it->str.n <= 255;
		if (ok)
			out[a->action_n++] = it->str;
	}
	a->actions = out;
	if (ok)
		return OK;
	f->member = "actions";
	f->reason = "must be a list of at most 1,000 names";
	return FAIL(E_BAD_REQUEST);
}

status
application_parse(struct core *c, struct object *o, struct object_fault *f)
{
	struct json_error err = { 0 };
	struct cedar_diag d = { 0 };
	struct policy_source src = { .name = o->name };
	span bad;
	struct application *a = ARENA_NEW(&o->arena, struct application);
	ENSURE(a, E_NO_MEMORY);
	o->parsed = a;
	status s = json_get_str(o->spec, "policies", &src.text, &err);
	if (failed(s)) {
		f->member = "policies";
		f->reason = err.reason;
		return s;
	}
	s = policy_set_new(&src, 1, 0, &a->set, &d, &bad);
	if (failed(s))
		return fault_at(o, f, "policies", &d, s);
	for (size_t i = 0; i < a->set->rule_n; i++)
		if (a->set->rules[i].quorum_n) {
			f->member = "policies";
			f->reason = "`@approval` waits within a task; an application's question has none";
			return FAIL(E_BAD_POLICY);
		}
	TRY(read_entities(c, o, a, f));
	return read_actions(o, a, f);
}

void
application_free(struct application *a)
{
	policy_set_unref(a->set);
	cedar_entities_free(a->entities);
}

/* ---- a question ---- */

/* What its event can hold. */
enum { ENTITY_ID_MAX = 700 };

status
question_entity(struct core *c, struct question *q, const struct json *v, const struct cedar_uid **ret)
{
	struct arena *a = &c->eval;
	const struct json *props = NULL;
	span type, id;
	TRY(json_get_str(v, "type", &type, NULL));
	TRY(json_get_str(v, "id", &id, NULL));
	TRY(json_opt_obj(v, "properties", &props, NULL));
	ENSURE(cedar_name_ok(type) && type.n <= 255 && id.n <= ENTITY_ID_MAX, E_BAD_REQUEST);
	*ret = cedar_uid_new(a, type, id);
	ENSURE(*ret, E_NO_MEMORY);
	if (!props || !props->obj.n)
		return OK;
	const struct cedar_entity *stored = cedar_entities_find(q->app->entities, *ret), *made;
	struct cedar_record_builder b = cedar_record_begin(a);
	json_for_members(it, props) {
		struct cedar_value x;
		bool absent;
		TRY(view_input(a, &it->value, true, &x, &absent));
		if (!absent)
			cedar_record_put(&b, it->key, x);
	}
	for (uint32_t i = 0; stored && i < stored->attrs->n; i++) {
		const struct cedar_member *m = &stored->attrs->members[i];
		span key = span_make(m->key, m->key_n);
		if (!json_get(props, key))
			cedar_record_put(&b, key, m->value);
	}
	const struct cedar_record *attrs = cedar_record_finish(&b);
	ENSURE(attrs, E_NO_MEMORY);
	made = cedar_entity_make(a, q->app->entities, *ret, attrs, stored ? stored->tags : NULL, stored ? stored->parents : NULL,
	                         stored ? stored->parent_n : 0);
	ENSURE(made, E_NO_MEMORY);
	q->extra[q->r.extra_n++] = made;
	q->r.extra = q->extra;
	return OK;
}

static status
record(struct arena *a, const struct json *v, struct cedar_value *ret)
{
	static const struct json none = { .kind = JSON_OBJ };
	bool absent;
	return view_input(a, v ? v : &none, true, ret, &absent);
}

status
question_context(struct core *c, struct question *q)
{
	struct arena *a = &c->eval;
	const struct json *props = NULL;
	struct cedar_value action, request;
	if (q->action)
		TRY(json_opt_obj(q->action, "properties", &props, NULL));
	TRY(record(a, props, &action));
	TRY(record(a, q->context, &request));
	struct cedar_record_builder b = cedar_record_begin(a);
	cedar_record_put(&b, SPAN("action"), action);
	cedar_record_put(&b, SPAN("request"), request);
	cedar_record_put(&b, SPAN("now"), (struct cedar_value){ .kind = CEDAR_DATETIME, .i = wall_now(c) / NS_PER_MS });
	q->r.context = cedar_record_finish(&b);
	ENSURE(q->r.context && arena_ok(a), E_NO_MEMORY);
	return OK;
}

static void
keep(const struct rule **list, uint8_t *n, size_t max, const struct rule *r)
{
	if (*n < max)
		list[(*n)++] = r;
}

status
question_evaluate(struct core *c, struct question *q)
{
	struct cedar_answer a;
	const struct rule *rules = q->app->set->rules;
	bool forbid_failed = false;
	uint8_t permits = 0, forbids = 0;
	const struct rule *permit[DECISION_RULES], *forbid[DECISION_RULES];
	TRY(cedar_evaluate(q->app->set->compiled, q->app->entities, &q->r, &c->eval, &a));
	for (uint32_t i = 0; i < a.permit_n; i++) {
		const struct rule *r = &rules[a.permit_at[i]];
		if (r->observe)
			keep(q->observed, &q->observed_n, DECISION_RULES, r);
		else
			keep(permit, &permits, DECISION_RULES, r);
	}
	for (uint32_t i = 0; i < a.forbid_n; i++) {
		const struct rule *r = &rules[a.forbid_at[i]];
		if (r->observe)
			keep(q->observed, &q->observed_n, DECISION_RULES, r);
		else
			keep(forbid, &forbids, DECISION_RULES, r);
	}
	for (uint32_t i = 0; i < a.failure_n; i++) {
		const struct rule *r = &rules[a.failures[i].ordinal];
		if (r->observe)
			continue;
		keep(q->failed, &q->failed_n, DECISION_FAILURES, r);
		if (r->forbid && !forbid_failed) {
			CLEANUP(buf_fini) struct buf b = { 0 };
			buf_init(&b, sizeof q->detail - 1);
			cedar_failure_print(&a.failures[i], &b);
			snprintf(q->detail, sizeof q->detail, "%.*s", SPAN_ARG(buf_span(&b)));
		}
		forbid_failed |= r->forbid;
	}
	q->allow = permits && !forbids && !forbid_failed && arena_ok(&c->eval);
	q->code = forbids ? E_POLICY_DENIED : forbid_failed ? E_POLICY_ERROR : !permits ? E_NO_PERMIT : q->allow ? E_OK : E_NO_MEMORY;
	q->rule_n = forbids ? forbids : permits;
	memcpy(q->rules, forbids ? forbid : permit, q->rule_n * sizeof *q->rules);
	return OK;
}

static status
ask(struct core *c, struct question *q)
{
	span action;
	TRY(question_entity(c, q, q->subject, &q->r.principal));
	TRY(json_get_str(q->action, "name", &action, NULL));
	ENSURE(action.n <= 255, E_BAD_REQUEST);
	q->r.action = cedar_uid_new(&c->eval, SPAN("Action"), action);
	ENSURE(q->r.action, E_NO_MEMORY);
	TRY(question_entity(c, q, q->resource, &q->r.resource));
	TRY(question_context(c, q));
	return question_evaluate(c, q);
}

status
question_read(struct core *c, span text, struct question *q)
{
	const struct json_opts opts = { .max_bytes = 65536 };
	const struct json *v;
	TRY(json_parse(text, &opts, &c->eval, &v, NULL));
	q->subject = json_gets(v, "subject");
	q->action = json_gets(v, "action");
	q->resource = json_gets(v, "resource");
	q->context = json_gets(v, "context");
	ENSURE(json_is_obj(q->subject) && json_is_obj(q->resource), E_BAD_REQUEST);
	return OK;
}

static void
write_rules(struct json_writer *w, const char *key, const struct rule *const *rules, uint8_t n)
{
	json_w_karr(w, key);
	for (uint8_t i = 0; i < n; i++)
		json_w_raw(w, rules[i]->json);
	json_w_arr_end(w);
}

static void
write_verdict(struct core *c, const struct question *q, uint64_t event)
{
	struct buf *b = &c->out;
	buf_reset(b);
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kcstr(&w, "decision", q->allow ? "allow" : "deny");
	json_w_kcstr(&w, "code", error_name(q->code));
	json_w_kcstr(&w, "reason", error_text(q->code));
	if (q->detail[0])
		json_w_kcstr(&w, "detail", q->detail);
	write_rules(&w, "determining", q->rules, q->rule_n);
	write_rules(&w, "evaluation_errors", q->failed, q->failed_n);
	write_rules(&w, "observed", q->observed, q->observed_n);
	for (uint8_t i = 0; i < q->rule_n; i++)
		if (q->rules[i]->advice.n) {
			json_w_kstr(&w, "advice", q->rules[i]->advice);
			break;
		}
	if (event) {
		char id[ID_TEXT + 1];
		id_text(id_make(ID_EVENT, event), id);
		json_w_kcstr(&w, "event", id);
	}
	json_w_obj_end(&w);
}

static void
texts(struct event_writer *w, enum event_field f, const struct rule *const *rules, uint8_t n)
{
	span ids[DECISION_RULES];
	for (uint8_t i = 0; i < n; i++)
		ids[i] = rules[i]->id;
	if (n)
		event_texts(w, f, ids, n);
}

static void
event_entity(struct event_writer *w, enum event_field f, const struct cedar_uid *u)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 255 + 2 + ENTITY_ID_MAX);
	buf_put(&b, u->type.text);
	buf_put_str(&b, "::");
	buf_put(&b, u->id);
	event_text(w, f, buf_span(&b));
}

static status
write_event(struct core *c, const struct question *q, const struct agent *by, span question, uint64_t *ret_seq)
{
	struct event_writer *w = event_open(c, q->allow ? EV_APPLICATION_ALLOWED : EV_APPLICATION_DENIED);
	digest asked = sha256(question);
	event_id(w, F_AGENT, by->id);
	event_text(w, F_AGENT_NAME, str_span(by->name));
	if (!q->allow)
		event_text(w, F_CODE, span_str(error_name(q->code)));
	texts(w, F_RULES, q->rules, q->rule_n);
	texts(w, F_POLICY_ERRORS, q->failed, q->failed_n);
	texts(w, F_OBSERVED, q->observed, q->observed_n);
	event_digest(w, F_RULES_DIGEST, &q->app->set->hash);
	event_entity(w, F_RESOURCE, q->r.resource);
	event_digest(w, F_ARGUMENTS, &asked);
	event_text(w, F_NAME, q->name);
	event_entity(w, F_SUBJECT, q->r.principal);
	event_text(w, F_ACTION, q->r.action->id);
	TRY(event_close(c, !q->allow));
	*ret_seq = c->journal.chain.seq;
	return OK;
}

uint16_t
application_of(const struct core *c, const struct peer *p, span name, const struct application **ret, struct agent **ret_by)
{
	struct agent *a = peer_agent(c, p);
	if (!a)
		return E_UNAUTHENTICATED;
	if (a->state != AGENT_ACTIVE)
		return E_AGENT_INACTIVE;
	if (c->world->on)
		return E_WORLD_STOPPED;
	if (a->stop->on || a->stop_owner->on || a->stop_tier->on)
		return E_REVOKED;
	bool listed = false;
	for (uint32_t i = 0; a->enforcement_point && i < a->application_n; i++)
		listed |= span_eq(a->applications[i], name);
	const struct object *o = listed ? object_find(c, OBJ_APPLICATION, name) : NULL;
	if (!o)
		return E_NOT_PERMITTED;
	*ret = o->parsed;
	*ret_by = a;
	return E_OK;
}

static void
send(struct core *c, const struct asker *who, const struct question *q, uint64_t event, bool held)
{
	write_verdict(c, q, event);
	struct msg m = msg_make(MSG_VERDICT);
	m.verdict.req = who->req;
	m.verdict.verdict = q->allow ? VERDICT_ALLOW : VERDICT_DENY;
	m.verdict.error = q->code;
	m.verdict.detail = c->out.err ? SPAN("{}") : buf_span(&c->out);
	if (!held) {
		send_now(c, who->edge, who->index, &m);
		return;
	}
	status s = send_held(c, who->edge, who->index, &m, 0);
	if (failed(s))
		core_fail(c, s);
}

static void
refuse(struct question *q, uint16_t code)
{
	q->allow = false;
	q->code = code;
}

void
application_evaluate(struct core *c, const struct asker *who, const struct peer *p, span app, span text)
{
	struct question q = { .name = app };
	struct agent *by;
	uint64_t event = 0;
	bool dry = false;
	uint16_t code = application_of(c, p, app, &q.app, &by);
	if (code == E_OK) {
		status s = question_read(c, text, &q);
		if (!failed(s) && q.context)
			s = json_opt_bool(q.context, "dry_run", &dry, NULL);
		if (!failed(s))
			s = ask(c, &q);
		code = s.code;
	}
	if (code != E_OK) {
		verdict_refuse(c, who->edge, who->index, who->req, code);
		return;
	}
	if (!dry && q.allow && !journal_ok(c))
		refuse(&q, E_AUDIT_UNAVAILABLE);
	if (!dry) {
		/* A deny does not wait for its event, and stands if there is no room for one. */
		status s = write_event(c, &q, by, text, &event);
		if (failed(s) && q.allow)
			refuse(&q, s.code);
	}
	send(c, who, &q, event, q.allow && !dry && !by->tier->buffered);
}
