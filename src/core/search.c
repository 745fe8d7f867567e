/* The searches of the AuthZEN API (§8). */
#include "core/application_priv.h"
#include "text/base64url.h"

/* How many questions one page may ask, which keeps a step under 5 ms; and how many results it gives when it is not told. */
enum { SEARCH_WORK = 4000, SEARCH_LIMIT = 1000 };

struct search {
	uint8_t kind;
	uint64_t at, limit, found;       /* where the page begins; how many it may give and has given */
	uint64_t next;                   /* where the next one begins; 0: this is the last */
	digest same;                     /* over everything but the page: a token is good for one question */
	struct json_writer w;
};

static status
read_page(struct search *s, span question, const struct json *v)
{
	const struct json *page = NULL;
	int64_t limit = 0;
	span token = { 0 };
	uint8_t raw[16];
	struct sha256 h;
	s->limit = SEARCH_LIMIT;
	TRY(json_opt_obj(v, "page", &page, NULL));
	sha256_init(&h);
	sha256_add(&h, span_make(&s->kind, 1));
	json_for_members(it, v) {
		CLEANUP(buf_fini) struct buf b = { 0 };
		buf_init(&b, question.n + 1);
		if (span_is(it->key, "page"))
			continue;
		TRY(json_canonical(&it->value, &b));
		TRY(buf_finish(&b));
		sha256_add_sized(&h, it->key);
		sha256_add_sized(&h, buf_span(&b));
	}
	s->same = sha256_end(&h);
	if (!page)
		return OK;
	TRY(json_opt_int(page, "limit", 0, INT32_MAX, &limit, NULL));
	TRY(json_opt_str(page, "token", &token, NULL));
	if (limit && limit < SEARCH_LIMIT)
		s->limit = (uint64_t)limit;
	if (!token.n)
		return OK;
	TRY(base64url_decode_exact(token, raw, sizeof raw));
	ENSURE(!memcmp(raw + 8, s->same.b, 8), E_BAD_REQUEST);
	for (int i = 0; i < 8; i++)
		s->at = s->at << 8 | raw[i];
	return OK;
}

static void
write_page(struct search *s)
{
	uint8_t raw[16];
	char text[32];
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, sizeof text);
	for (int i = 0; i < 8; i++)
		raw[i] = (uint8_t)(s->next >> (56 - 8 * i));
	memcpy(raw + 8, s->same.b, 8);
	if (s->next)
		base64url_encode(SPAN_OF(raw), &b);
	json_w_kobj(&s->w, "page");
	json_w_kstr(&s->w, "next_token", buf_span(&b));
	json_w_kint(&s->w, "count", (int64_t)s->found);
	json_w_obj_end(&s->w);
}

static void
found_entity(struct search *s, span type, span id)
{
	json_w_obj(&s->w);
	json_w_kstr(&s->w, "type", type);
	json_w_kstr(&s->w, "id", id);
	json_w_obj_end(&s->w);
	s->found++;
}

static void
found_action(struct search *s, span name)
{
	json_w_obj(&s->w);
	json_w_kstr(&s->w, "name", name);
	json_w_obj_end(&s->w);
	s->found++;
}

static status
application_search(struct core *c, struct question *q, struct search *s)
{
	const struct application *app = q->app;
	bool subjects = s->kind == SEARCH_SUBJECT, actions = s->kind == SEARCH_ACTION;
	uint64_t n = actions ? app->action_n : app->sorted_n, i = s->at;
	const struct cedar_uid *subject = NULL, *resource = NULL;
	span type = { 0 }, name = { 0 };
	if (!subjects)
		TRY(question_entity(c, q, q->subject, &subject));
	if (s->kind != SEARCH_RESOURCE)
		TRY(question_entity(c, q, q->resource, &resource));
	if (!actions) {
		TRY(json_get_str(subjects ? q->subject : q->resource, "type", &type, NULL));
		TRY(json_get_str(q->action, "name", &name, NULL));
	}
	TRY(question_context(c, q));
	struct arena_mark mark = arena_mark(&c->eval);
	for (uint64_t work = 0; i < n && work < SEARCH_WORK && s->found < s->limit; i++) {
		const struct cedar_uid *it = actions ? NULL : app->sorted[i]->uid;
		if (it && !span_eq(it->type.text, type))
			continue;
		work++;
		arena_back(&c->eval, mark);
		q->r.principal = subjects ? it : subject;
		q->r.resource = s->kind == SEARCH_RESOURCE ? it : resource;
		q->r.action = cedar_uid_new(&c->eval, SPAN("Action"), actions ? app->actions[i] : name);
		ENSURE(q->r.action, E_NO_MEMORY);
		q->failed_n = q->observed_n = 0;
		TRY(question_evaluate(c, q));
		if (q->allow && actions)
			found_action(s, app->actions[i]);
		else if (q->allow)
			found_entity(s, it->type.text, it->id);
	}
	s->next = i < n ? i : 0;
	return OK;
}

/* Ambit's own: the tools a task could call, or the tasks that could call a tool. `may` says about which the caller may know. */
static status
task_search(struct core *c, const struct peer *p, const uint8_t token[32], const struct question *q, struct search *s)
{
	digest hash;
	struct task *own = NULL;
	uint64_t token_id, i = 0;
	uint16_t code;
	span id;
	memcpy(hash.b, token, sizeof hash.b);
	const struct agent *a = peer_agent(c, p);
	bool active = a && a->state == AGENT_ACTIVE && !a->stop->on;
	bool known = peer_task(c, p, &hash, &own, &token_id) == E_OK;
	ENSURE(known || (active && a->enforcement_point), E_UNAUTHENTICATED);
	if (s->kind == SEARCH_RESOURCE)
		return OK;               /* what a tool touches follows from its arguments: there is no list to search */
	TRY(json_get_str(s->kind == SEARCH_ACTION ? q->subject : q->resource, "id", &id, NULL));
	if (s->kind == SEARCH_ACTION) {
		uint64_t number;
		struct task *t = id_parse_kind(id, ID_TASK, &number) ? task_find(c, number) : NULL;
		const struct task *by;
		if (!t || task_alive(c, t, &by) != E_OK)
			return OK;
		list_for(it, &c->tools_list) {
			const struct tool *tool = container_of(it, struct tool, all);
			bool may = t == own || request_may_evaluate(a, tool);
			if (i++ < s->at || !may || !tool_visible(c, t, tool, &code))
				continue;
			if (s->found == s->limit) {
				s->next = i - 1;
				return OK;
			}
			found_action(s, str_span(tool->name));
		}
		return OK;
	}
	const struct tool *tool = tool_named(c, id);
	if (!tool || !request_may_evaluate(a, tool))
		return OK;
	list_for(it, &c->task_list) {
		const struct task *t = container_of(it, struct task, all), *by;
		if (i++ < s->at || task_alive(c, t, &by) != E_OK || !tool_visible(c, t, tool, &code))
			continue;
		if (s->found == s->limit || i - s->at > SEARCH_WORK) {
			s->next = i - 1;
			return OK;
		}
		char text[ID_TEXT + 1];
		id_text(t->id, text);
		found_entity(s, SPAN("task"), span_str(text));
	}
	return OK;
}

static status
search(struct core *c, const struct peer *p, const struct msg_search *m, struct buf *b)
{
	struct question q = { .name = m->app };
	struct search s = { .kind = m->kind, .w = json_w(b) };
	const struct json_opts opts = { .max_bytes = 65536 };
	const struct json *v;
	struct agent *by;
	ENSURE(m->kind >= SEARCH_SUBJECT && m->kind <= SEARCH_ACTION, E_BAD_REQUEST);
	if (m->app.n) {
		uint16_t code = application_of(c, p, m->app, &q.app, &by);
		ENSURE(code == E_OK, code);
	}
	TRY(json_parse(m->question, &opts, &c->eval, &v, NULL));
	TRY(question_read(c, m->question, &q));
	TRY(read_page(&s, m->question, v));
	json_w_obj(&s.w);
	json_w_karr(&s.w, "results");
	TRY(m->app.n ? application_search(c, &q, &s) : task_search(c, p, m->token, &q, &s));
	json_w_arr_end(&s.w);
	write_page(&s);
	json_w_obj_end(&s.w);
	return buf_finish(b);
}

void
on_search(struct core *c, enum role from, unsigned index, const struct msg_search *m)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, 4 << 20);
	arena_reset(&c->eval);
	struct peer *p = peer_find(c, from, index, m->conn);
	uint16_t code = !c->loaded ? E_UNAVAILABLE : !p ? E_UNAUTHENTICATED : p->error;
	if (code == E_OK)
		code = search(c, p, m, &b).code;
	if (code != E_OK)
		answer_error(c, from, index, m->req, code, (span){ 0 });
	else
		answer(c, from, index, m->req, E_OK, &b);
}
