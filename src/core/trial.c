#include "core/trial_priv.h"

#include "core/apply.h"
#include "core/core_priv.h"
#include "core/ops.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static_assert((int)TRIAL_DEPTH_MAX == (int)TASK_DEPTH_MAX && (int)TRIAL_LABELS_MAX == (int)TASK_LABELS_MAX);
enum { APPROVERS = APPROVAL_GRANTS };

/* The store of a trial: everything is durable at once. */
static void
take(void *ctx, enum role to, unsigned, const struct msg *m)
{
	struct trial *t = ctx;
	if (to != ROLE_STORE || m->type != MSG_APPEND)
		return;
	struct reader r = rd_make(m->append.events);
	uint64_t n = 0;
	while (r.ok && rd_left(&r)) {
		rd_vec32(&r);
		n++;
	}
	t->batch = m->append.batch;
	t->appended = m->append.expected_seq + n;
	t->pending = true;
}

static status
settle(struct trial *t)
{
	status why;
	for (int i = 0; i < 64; i++) {
		core_flush(t->core, t->now);
		if (!t->pending)
			break;
		t->pending = false;
		struct msg m = msg_make(MSG_APPENDED);
		m.appended.batch = t->batch;
		m.appended.seq = t->appended;
		core_step(t->core, ROLE_STORE, 0, &m, t->now);
	}
	return core_failed(t->core, &why) ? why : OK;
}

status
trial_new(int64_t wall, struct trial **ret)
{
	/* Not a secret: a trial's ids mean nothing outside it, and its answers are the same every time. */
	static const uint8_t seed[32] = { 1 };
	static const struct core_config config = { .node = { (const uint8_t *)"trial", 5 }, .audience = { (const uint8_t *)"trial", 5 } };
	struct trial *t = calloc(1, sizeof *t);
	ENSURE(t, E_NO_MEMORY);
	t->now = (instant){ wall, NS_PER_S };
	buf_init(&t->args, 1 << 20);
	status s = core_new(&config, seed, take, t, t->now, &t->core);
	if (!failed(s)) {
		core_link(t->core, ROLE_STORE, 0, true, t->now);
		struct msg m = msg_make(MSG_LOADED);
		m.loaded.epoch = 1;
		core_step(t->core, ROLE_STORE, 0, &m, t->now);
		s = settle(t);
	}
	if (failed(s)) {
		trial_free(t);
		return s;
	}
	*ret = t;
	return OK;
}

void
trial_forget(struct trial *t)
{
	struct core *c = t->core;
	list_for_safe(it, &c->approval_list) {
		struct approval *a = container_of(it, struct approval, all);
		if (a->task == t->task && t->task && t->d.agent && (a->state == APPR_OPEN || a->state == APPR_GRANTED))
			t->d.agent->open_approvals--;
		approval_free(c, a);
	}
	if (t->task)
		task_free(c, TAKE(t->task));
}

void
trial_free(struct trial *t)
{
	if (!t)
		return;
	if (t->core) {
		trial_forget(t);
		core_free(t->core);
	}
	cedar_partial_free(t->all);
	buf_fini(&t->args);
	free(t);
}

void trial_freep(struct trial **t) { trial_free(*t); }
const struct policy_set *trial_policies(const struct trial *t) { return t->core->policy; }
const struct tool *trial_tool(const struct trial *t, span name) { return tool_find(t->core, name); }

/* ---- filling ---- */

status
trial_apply(struct trial *t, const struct json *resources, bool prune, struct json_writer *warnings, struct trial_fault *f)
{
	struct object_fault of;
	char where[512];
	f->what[0] = 0;
	if (!json_is_arr(resources))
		return FAIL(E_BAD_REQUEST);
	trial_forget(t);
	status s = apply_run(t->core, resources, false, prune, SPAN("trial"), warnings, &of, where);
	if (failed(s) && of.reason) {
		snprintf(f->what, sizeof f->what, "%s/%.*s: %s%s%s%s%s%s", of.kind, SPAN_ARG(of.name), of.member ? of.member : "", of.member ? ": " : "", of.reason,
		         of.suggestion ? "; did you mean " : "", of.suggestion ? of.suggestion : "", of.suggestion ? "?" : "");
		arena_reset(&t->core->arena);
		return s;
	}
	arena_reset(&t->core->arena);
	TRY(s);
	t->approvers = false;
	return settle(t);
}

status
trial_tools(struct trial *t, span server, const struct json *definitions, struct trial_fault *f)
{
	struct core *c = t->core;
	struct server *s = server_find(c, server);
	f->what[0] = 0;
	ENSURE(s, E_NOT_FOUND);
	CLEANUP(buf_fini) struct buf b, report;
	buf_init(&b, 16 << 20);
	buf_init(&report, 4 << 20);
	struct json_writer w = json_w(&report);
	json_w_obj(&w);
	TRY(json_canonical(definitions, &b));
	TRY(tools_found(c, s, buf_span(&b), false, &w));
	json_w_obj_end(&w);
	list_for(it, &s->tools) {
		struct tool *tool = container_of(it, struct tool, of_server);
		if (tool->state != TOOL_GONE)
			TRY(tool_review(c, tool, &tool->current, SPAN("trial"), (span){ 0 }));
		if (tool->state != TOOL_GONE && !tool->schema_ok) {
			snprintf(f->what, sizeof f->what, "the input schema of %.*s cannot be used", SPAN_ARG(str_span(tool->name)));
			return FAIL(E_BAD_SCHEMA);
		}
	}
	TRY(settle(t));
	arena_reset(&c->arena);
	return OK;
}

/* ---- asking ---- */

void
trial_watch(struct trial *t, trial_watch_fn *fn, void *ctx)
{
	t->core->watch = fn;
	t->core->watch_ctx = ctx;
}

status
trial_make_task(struct trial *t, const struct trial_question *q, struct agent *agent, struct trial_fault *f)
{
	static const struct json all = { .kind = JSON_STR, .str = { (const uint8_t *)"**", 2 } };
	static const struct json_member any_tools = { { (const uint8_t *)"tools", 5 }, { .kind = JSON_ARR, .arr = { &all, 1 } } };
	static const struct json any = { .kind = JSON_OBJ, .obj = { .members = &any_tools, .n = 1 } };
	struct core *c = t->core;
	const struct trial_task *k = q->task;
	struct json_error e = { 0 };
	uint64_t id = 0;
	if (!k->id.n || !id_parse(k->id, &id) || id_kind(id) != ID_TASK)
		id = core_id(c, ID_TASK);
	struct task *task = t->task = task_alloc(id);
	ENSURE(task, E_NO_MEMORY);
	task->agent = agent;
	task->state = TASK_ACTIVE;
	task->born = UINT64_MAX;
	task->created = wall_now(c) - k->age_seconds * NS_PER_S;
	task->term = term_make(&c->clock, 3600 * NS_PER_S);
	task->depth = (uint8_t)k->depth;
	task->used = (uint32_t)k->calls;
	task->sensitivity = k->sensitivity;
	task->user_proven = k->user_proven;
	status s = envelope_get(&c->envelopes, k->envelope ? k->envelope : &any, &task->envelope, &e);
	if (failed(s)) {
		snprintf(f->what, sizeof f->what, "envelope: %s%s%s", e.key ? e.key : "", e.key ? ": " : "", e.reason ? e.reason : error_text(s.code));
		return s;
	}
	if (task->envelope->amount_n) {
		task->spent = calloc(task->envelope->amount_n, sizeof *task->spent);
		ENSURE(task->spent, E_NO_MEMORY);
	}
	TRY(str_get(&c->strs, k->user, &task->user));
	TRY(str_get(&c->strs, k->purpose, &task->purpose));
	TRY(str_get(&c->strs, k->workflow, &task->workflow));
	TRY(str_get(&c->strs, q->environment, &task->environment));
	ENSURE(k->label_n <= TASK_LABELS_MAX, E_LIMIT);
	task->labels = calloc(k->label_n + 1, sizeof *task->labels);
	ENSURE(task->labels, E_NO_MEMORY);
	for (size_t i = 0; i < k->label_n; i++) {
		TRY(str_get(&c->strs, k->labels[i], &task->labels[i]));
		task->label_n++;
	}
	return OK;
}

/* People in every group that a rule names, so that "approved" needs no list of users. */
static status
make_approvers(struct trial *t)
{
	CLEANUP(buf_fini) struct buf b;
	CLEANUP(arena_fini) struct arena a;
	const struct policy_set *p = t->core->policy;
	const struct json *list;
	struct object_fault of;
	char where[512], name[32];
	buf_init(&b, 1 << 20);
	arena_init(&a, 8 << 20);
	struct json_writer w = json_w(&b);
	json_w_arr(&w);
	for (int i = 0; i < APPROVERS; i++) {
		json_w_obj(&w);
		json_w_kcstr(&w, "kind", "user");
		snprintf(name, sizeof name, "trial/approver-%d", i + 1);
		json_w_kcstr(&w, "name", name);
		json_w_karr(&w, "uids");
		json_w_int(&w, 4000000000 + i);
		json_w_arr_end(&w);
		json_w_karr(&w, "roles");
		json_w_str(&w, SPAN("approver"));
		json_w_arr_end(&w);
		json_w_karr(&w, "groups");
		for (size_t r = 0; r < p->rule_n; r++)
			for (uint8_t k = 0; k < p->rules[r].quorum_n; k++)
				json_w_str(&w, p->rules[r].quorums[k].group);
		json_w_arr_end(&w);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	TRY(buf_finish(&b));
	TRY(json_parse(buf_span(&b), NULL, &a, &list, NULL));
	TRY(apply_run(t->core, list, false, false, SPAN("trial"), NULL, &of, where));
	t->approvers = true;
	return OK;
}

static status
approve(struct trial *t, const struct trial_question *q, struct trial_answer *ret)
{
	struct core *c = t->core;
	struct approval *a;
	if (q->approved && !t->approvers)
		TRY(make_approvers(t));
	TRY(approval_new(c, &t->d, (span){ 0 }, &a));
	for (int i = 0; q->approved && i < APPROVERS && a->state == APPR_OPEN; i++) {
		char name[32];
		snprintf(name, sizeof name, "trial/approver-%d", i + 1);
		TRY(approval_grant(c, a, object_find(c, OBJ_USER, span_str(name)), (span){ 0 }));
	}
	for (size_t i = 0; i < q->approver_n && a->state == APPR_OPEN; i++) {
		const struct object *user = object_find(c, OBJ_USER, q->approvers[i]);
		status s = user ? approval_grant(c, a, user, (span){ 0 }) : FAIL(E_NOT_FOUND);
		if (s.code == E_NO_MEMORY)
			return s;
		if (failed(s) && !ret->refused.n) {
			ret->refused = q->approvers[i];
			ret->refused_code = s.code;
		}
	}
	return OK;
}

static void
question(struct trial *t, const struct trial_question *q, struct agent *agent)
{
	static const struct json none = { .kind = JSON_OBJ };
	t->d = (struct decision){
		.dry = true, .channel = q->channel ? q->channel : "local", .attested = !q->unattested, .surface = SPAN("trial"), .agent = agent, .task = t->task, .tool_name = q->tool,
		.tool = tool_named(t->core, q->tool), .input = q->args ? q->args : &none, .args = buf_span(&t->args), .environment = q->environment,
		.resource_given_type = q->resource_type, .resource_given = q->resource_id,
	};
}

status
trial_ask(struct trial *t, const struct trial_question *q, struct trial_answer *ret, struct trial_fault *f)
{
	static const struct json none = { .kind = JSON_OBJ };
	struct core *c = t->core;
	*ret = (struct trial_answer){ 0 };
	f->what[0] = 0;
	trial_forget(t);
	c->clock.now.wall = q->at ? q->at : t->now.wall;
	struct agent *agent = agent_named(c, q->agent);
	ENSURE(agent, E_AGENT_UNKNOWN);
	buf_reset(&t->args);
	TRY(json_canonical(q->args ? q->args : &none, &t->args));
	TRY(buf_finish(&t->args));
	if (q->task)
		TRY(trial_make_task(t, q, agent, f));
	question(t, q, agent);
	arena_reset(&c->eval);
	decide(c, &t->d);
	if (t->d.verdict == VERDICT_PENDING && t->task && (q->approved || q->approver_n)) {
		TRY(approve(t, q, ret));
		question(t, q, agent);
		arena_reset(&c->eval);
		decide(c, &t->d);
	}
	TRY(settle(t));
	ret->verdict = t->d.verdict;
	ret->code = t->d.code;
	ret->rules = t->d.rules;
	ret->rule_n = t->d.rule_n;
	ret->failed = t->d.failed;
	ret->failed_n = t->d.failed_n;
	ret->observed = t->d.observed;
	ret->observed_n = t->d.observed_n;
	ret->detail = t->d.detail;
	ret->nearest = t->d.nearest;
	ret->lacked = t->d.lacked;
	return OK;
}

void trial_verdict(struct trial *t, struct json_writer *w) { verdict_write(t->core, &t->d, w); }
