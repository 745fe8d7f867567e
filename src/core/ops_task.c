/* Operations on tasks and their tokens. */
#include "core/core_priv.h"
#include "core/issue.h"
#include "core/ops.h"
#include "text/time.h"

#include <stdlib.h>

status
op_TOKEN_ISSUE(struct core *c, struct op_call *o, struct json_writer *)
{
	const struct task *by;
	uint16_t code = task_alive(c, o->task, &by);
	ENSURE(code == E_OK, code);
	ENSURE(!c->clock.behind, E_UNAVAILABLE);
	struct issue how = { .what = ISSUE_TOKEN };
	ENSURE(issue_channel(o->peer, o->who.req, &how), E_TOKEN_UNBOUND);
	TRY(issue(c, &o->who, o->task, &how));
	o->later = true;
	return OK;
}

/* ---- opening ---- */

static bool
may_launch(const struct object *user, const struct agent *a)
{
	for (uint32_t i = 0; user && i < a->launch_n; i++)
		if (user_answers_to(user->name, object_user(user), a->launch[i]))
			return true;
	return false;
}

static bool
overdue(const struct core *c, const struct agent *a)
{
	int64_t day;
	return a->review_by.n && time_parse_date(a->review_by, &day) && wall_now(c) >= day + 86400 * NS_PER_S;
}

static status
usable(const struct core *c, struct op_call *o, const struct agent *a)
{
	ENSURE(!c->world->on, E_WORLD_STOPPED);
	ENSURE(!a->stop->on && !a->stop_owner->on && !a->stop_tier->on, E_REVOKED);
	ENSURE(a->state == AGENT_ACTIVE && a->object, E_AGENT_INACTIVE);
	if (overdue(c, a))
		return op_fail(o, E_AGENT_INACTIVE, "its review was due on %.*s", SPAN_ARG(a->review_by));
	return OK;
}

struct opening {
	struct task_new n;
	int64_t root_pid;
	struct workflow *workflow;
};

static status
read_envelope(struct core *c, struct op_call *o, struct envelope **ret)
{
	const struct json *v = json_gets(o->params, "envelope");
	struct json_error err = { 0 };
	if (!v)
		return OK;
	status s = envelope_get(&c->envelopes, v, ret, &err);
	if (failed(s) && err.reason)
		return op_fail(o, s.code, "envelope: %s%s%s", err.key ? err.key : "", err.key ? ": " : "", err.reason);
	return s;
}

/* Which envelope, and what bounds it: a workflow's, or the agent's session envelope when no person launches it. */
static status
choose_envelope(struct core *c, struct op_call *o, struct opening *p, bool launched)
{
	span workflow = { 0 };
	TRY(op_opt_str(o, "workflow", &workflow));
	TRY(read_envelope(c, o, &p->n.envelope));
	if (workflow.n) {
		const struct object *w = object_find(c, OBJ_WORKFLOW, workflow);
		if (!w)
			return op_fail(o, E_NOT_FOUND, "workflow: there is no %.*s", SPAN_ARG(workflow));
		const struct workflow *wf = w->parsed;
		bool listed = !wf->agent_n;
		for (uint32_t i = 0; i < wf->agent_n; i++)
			listed |= span_eq(wf->agents[i], str_span(p->n.agent->name));
		if (!listed)
			return op_fail(o, E_NOT_PERMITTED, "workflow: it is not for this agent");
		p->n.workflow = workflow;
		p->n.cap = envelope_ref(wf->envelope);
		if (!p->n.purpose.n)
			p->n.purpose = wf->purpose;
	}
	if (!launched) {
		if (!p->n.agent->session)
			return op_fail(o, E_NOT_PERMITTED, "the agent has no session envelope; a person must launch it (ambit run)");
		if (!p->n.cap)
			p->n.cap = envelope_ref(p->n.agent->session);
		else if (!p->n.envelope)
			p->n.envelope = envelope_ref(p->n.agent->session);
	}
	if (!p->n.envelope && p->n.cap)
		p->n.envelope = envelope_ref(p->n.cap);
	/* Who may launch the agent may as well open its ordinary session. */
	if (!p->n.envelope && p->n.agent->session)
		p->n.envelope = envelope_ref(p->n.agent->session);
	if (!p->n.envelope)
		return op_fail(o, E_BAD_REQUEST, "envelope: is required");
	const char *what;
	if (p->n.cap && !envelope_narrower(p->n.envelope, p->n.cap, &what))
		return op_fail(o, E_NOT_NARROWER, "%s: wider than what bounds this task", what);
	return OK;
}

static status
read_opening(struct core *c, struct op_call *o, struct opening *p, bool people)
{
	static const char *const names[] = {
		"agent", "purpose", "envelope", "workflow", "ttl_seconds", "environment", "hold", "root_pid", NULL,
	};
	span agent = { 0 };
	int64_t ttl = 30 * 86400;
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "agent", &agent));
	TRY(op_opt_str(o, "purpose", &p->n.purpose));
	TRY(op_opt_str(o, "environment", &p->n.environment));
	TRY(op_opt_int(o, "ttl_seconds", 1, 30 * 86400, &ttl));
	TRY(op_opt_bool(o, "hold", &p->n.hold));
	TRY(op_opt_int(o, "root_pid", 1, INT32_MAX, &p->root_pid));
	ENSURE(p->n.purpose.n <= TASK_PURPOSE_MAX && p->n.environment.n <= OBJECT_NAME_MAX, E_LIMIT);
	p->n.ttl = ttl * NS_PER_S;
	struct agent *self = o->client ? o->client : people ? NULL : peer_agent(c, o->peer);
	p->n.agent = agent.n ? agent_named(c, agent) : self;
	ENSURE(p->n.agent, agent.n ? E_AGENT_UNKNOWN : E_AGENT_UNPROVEN);
	ENSURE(!o->client || p->n.agent == o->client, E_NOT_PERMITTED);
	TRY(usable(c, o, p->n.agent));
	/* A person's login makes the person's task; only without one the client acts for itself. */
	bool own = !people && p->n.agent == self && !(o->client && o->user);
	bool admin = people && object_user(o->user)->roles & ROLE_BIT_ADMIN;
	bool launched = may_launch(o->user, p->n.agent) || admin;
	if (!own && !launched)
		return op_fail(o, E_NOT_PERMITTED, "you may not launch this agent");
	if (launched) {
		p->n.user = o->user->name;
		p->n.user_proven = true;
	}
	p->n.actor = o->actor;
	p->n.surface = o->client ? SPAN("oauth") : people ? SPAN("cli") : o->who.edge == ROLE_LOCAL ? SPAN("local") : SPAN("tls");
	if (!people && !o->client) {
		p->n.pid = o->peer->pid;
		p->n.start = o->peer->start;
		p->n.uid = o->peer->uid;
		p->n.holder = p->n.hold ? o->peer : NULL;
	}
	return choose_envelope(c, o, p, launched);
}

static void
opening_fini(struct core *c, struct opening *p)
{
	envelope_unref(&c->envelopes, p->n.envelope);
	envelope_unref(&c->envelopes, p->n.cap);
}

/* What an opening must remember while attest looks at the root process: the whole question. */
struct open_wait {
	uint32_t pid;
	size_t n;
	uint8_t params[];
};

static status open_now(struct core *c, struct op_call *o, uint32_t root_pid, uint64_t root_start);

static void
on_child(struct core *c, struct ask *a, const struct msg *m, uint16_t error)
{
	const struct open_wait *wait = a->state;
	struct op_call o = { .who = a->who, .op = OP_TASK_OPEN };
	if (m && m->child.error != E_OK)
		error = m->child.error;
	if (m && m->child.pid != wait->pid)
		error = E_NOT_PERMITTED;
	o.peer = peer_find(c, a->who.edge, a->who.index, a->who.conn);
	if (!o.peer)
		error = E_UNAUTHENTICATED;
	if (error == E_OK && !journal_ok(c))
		error = E_AUDIT_UNAVAILABLE;
	status s = error == E_OK ? json_parse(span_make(wait->params, wait->n), NULL, &c->arena, &o.params, NULL) : FAIL(error);
	if (!failed(s)) {
		o.user = peer_user(c, o.peer, (span){ 0 });
		s = op_name_actor(c, &o);
	}
	if (!failed(s)) {
		s = open_now(c, &o, m->child.pid, m->child.start);
	}
	if (failed(s))
		answer_error(c, a->who.edge, a->who.index, a->who.req, s.code, span_str(o.detail));
}

static status
ask_child(struct core *c, struct op_call *o, uint32_t pid)
{
	CLEANUP(buf_fini) struct buf b;
	struct ask *a;
	buf_init(&b, 1 << 20);
	TRY(json_canonical(o->params, &b));
	TRY(buf_finish(&b));
	struct open_wait *wait = malloc(sizeof *wait + b.n);
	ENSURE(wait, E_NO_MEMORY);
	wait->pid = pid;
	wait->n = b.n;
	memcpy(wait->params, b.p, b.n);
	status s = ask_new(c, ROLE_ATTEST, on_child, &o->who, &a);
	if (failed(s)) {
		free(wait);
		return s;
	}
	a->state = wait;
	struct msg m = msg_make(MSG_ATTEST_CHILD);
	m.attest_child.req = a->id;
	m.attest_child.edge = (uint8_t)o->who.edge;
	m.attest_child.conn = o->who.conn;
	m.attest_child.pid = pid;
	send_now(c, ROLE_ATTEST, 0, &m);
	o->later = true;
	return OK;
}

static status
open_now(struct core *c, struct op_call *o, uint32_t root_pid, uint64_t root_start)
{
	struct opening p = { 0 };
	struct task *t = NULL;
	status s = read_opening(c, o, &p, false);
	p.n.root_pid = root_pid;
	p.n.root_start = root_start;
	if (!failed(s))
		s = task_create(c, &p.n, &t);
	opening_fini(c, &p);
	TRY(s);
	issue_with_task(c, &o->who, o->peer, t);
	o->later = true;
	return OK;
}

status
op_open_for_client(struct core *c, struct op_call *o, struct task **ret)
{
	struct opening p = { 0 };
	ENSURE(!c->clock.behind, E_UNAVAILABLE);
	status s = read_opening(c, o, &p, false);
	if (!failed(s) && (p.n.hold || p.root_pid))
		s = op_fail(o, E_BAD_REQUEST, "hold, root_pid: are for processes of this host");
	if (!failed(s))
		s = task_create(c, &p.n, ret);
	opening_fini(c, &p);
	return s;
}

/* The holder's edge died and the holder is back: same process, same task. */
static status
resume(struct core *c, struct op_call *o)
{
	struct task *t;
	const struct task *by;
	TRY(op_task(c, o, "resume", &t));
	uint16_t code = task_alive(c, t, &by);
	ENSURE(code == E_OK, code);
	ENSURE(t->hold && !o->peer->tls && t->opener_pid == o->peer->pid && t->opener_start == o->peer->start && t->opener_pid, E_NOT_PERMITTED);
	ENSURE(!t->holder, E_CONFLICT);
	t->holder = o->peer;
	o->peer->holds++;
	timer_del(&c->timers, &t->grace);
	issue_with_task(c, &o->who, o->peer, t);
	o->later = true;
	return OK;
}

status
op_TASK_OPEN(struct core *c, struct op_call *o, struct json_writer *)
{
	int64_t root = 0;
	ENSURE(!c->clock.behind, E_UNAVAILABLE);
	if (json_gets(o->params, "resume"))
		return resume(c, o);
	/* A task's own processes get children by delegation, not new tasks beside it. */
	ENSURE(!o->peer->task, E_NOT_PERMITTED);
	TRY(op_opt_int(o, "root_pid", 1, INT32_MAX, &root));
	if (!root || o->peer->tls)
		return open_now(c, o, 0, 0);
	if ((uint32_t)root == o->peer->pid)
		return open_now(c, o, o->peer->pid, o->peer->start);
	/* Refused for the plain reasons before anybody is bothered. */
	struct opening p = { 0 };
	status s = read_opening(c, o, &p, false);
	opening_fini(c, &p);
	TRY(s);
	return ask_child(c, o, (uint32_t)root);
}

status
op_TASK_CREATE(struct core *c, struct op_call *o, struct json_writer *w)
{
	struct opening p = { 0 };
	struct task *t = NULL;
	status s = read_opening(c, o, &p, true);
	if (!failed(s) && p.n.hold)
		s = op_fail(o, E_BAD_REQUEST, "hold: a task made for somebody else is not held");
	if (!failed(s))
		s = task_create(c, &p.n, &t);
	opening_fini(c, &p);
	TRY(s);
	json_w_obj(w);
	json_w_key(w, SPAN("task"));
	task_write(c, t, w);
	task_warnings(c, t, w);
	json_w_obj_end(w);
	return OK;
}

/* ---- delegating ---- */

static status
check_depth(struct op_call *o, const struct task *parent, const struct agent *a)
{
	uint8_t depth = (uint8_t)(parent->depth + 1);
	if (depth > a->tier->max_depth || depth >= TASK_DEPTH_MAX)
		return op_fail(o, E_NOT_NARROWER, "depth: at most %d below the first task", a->tier->max_depth);
	for (const struct task *p = parent; p; p = p->parent)
		if (p->envelope->depth >= 0 && depth - p->depth > p->envelope->depth)
			return op_fail(o, E_NOT_NARROWER, "depth: a task above allows %d more", p->envelope->depth);
	return OK;
}

status
op_delegate(struct core *c, struct op_call *o, struct task *parent, struct task **ret)
{
	static const char *const names[] = { "purpose", "envelope", "ttl_seconds", "agent", NULL };
	struct opening p = { 0 };
	const struct task *by;
	span agent = { 0 };
	int64_t ttl = 30 * 86400;
	const char *what = NULL;
	TRY(op_only(o, names));
	uint16_t code = task_alive(c, parent, &by);
	ENSURE(code == E_OK, code);
	ENSURE(!c->clock.behind, E_UNAVAILABLE);
	TRY(op_opt_str(o, "purpose", &p.n.purpose));
	TRY(op_opt_str(o, "agent", &agent));
	TRY(op_opt_int(o, "ttl_seconds", 1, 30 * 86400, &ttl));
	ENSURE(p.n.purpose.n <= TASK_PURPOSE_MAX, E_LIMIT);
	p.n.agent = agent.n ? agent_named(c, agent) : o->client ? o->client : parent->agent;
	ENSURE(p.n.agent, E_AGENT_UNKNOWN);
	ENSURE(!o->client || p.n.agent == o->client, E_NOT_PERMITTED);
	/* Another agent's policies are not ours to borrow, unless the person behind the task may launch that agent too. */
	const struct object *user = object_find(c, OBJ_USER, str_span(parent->user));
	if (p.n.agent != parent->agent && !(parent->user_proven && may_launch(user, p.n.agent)))
		return op_fail(o, E_NOT_PERMITTED, "agent: the task may not act as another agent");
	TRY(usable(c, o, p.n.agent));
	TRY(check_depth(o, parent, p.n.agent));
	p.n.parent = parent;
	p.n.ttl = ttl * NS_PER_S;
	p.n.user = str_span(parent->user);
	p.n.user_proven = parent->user_proven;
	p.n.workflow = str_span(parent->workflow);
	p.n.environment = str_span(parent->environment);
	p.n.actor = o->actor;
	p.n.surface = o->client ? SPAN("oauth") : o->who.edge == ROLE_LOCAL ? SPAN("local") : SPAN("tls");
	p.n.pid = o->peer->pid;
	p.n.start = o->peer->start;
	status s = read_envelope(c, o, &p.n.envelope);
	if (!failed(s) && !p.n.envelope && o->client)
		p.n.envelope = envelope_ref(parent->envelope);
	if (!failed(s) && !p.n.envelope)
		s = op_fail(o, E_BAD_REQUEST, "envelope: is required");
	if (!failed(s) && !envelope_narrower(p.n.envelope, parent->envelope, &what))
		s = op_fail(o, E_NOT_NARROWER, "%s: wider than the parent's", what);
	if (!failed(s))
		s = task_create(c, &p.n, ret);
	opening_fini(c, &p);
	return s;
}

status
op_TASK_DELEGATE(struct core *c, struct op_call *o, struct json_writer *)
{
	struct task *t;
	TRY(op_delegate(c, o, o->task, &t));
	issue_with_task(c, &o->who, o->peer, t);
	o->later = true;
	return OK;
}

/* ---- ending and looking ---- */

status
op_TASK_COMPLETE(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "task", "reason", NULL };
	span reason = { 0 };
	struct task *t = o->task;
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "reason", &reason));
	if (!o->task || json_gets(o->params, "task"))
		TRY(op_task(c, o, "task", &t));
	/* An agent ends what is its own or below; a person what that person may stop. */
	ENSURE(o->task ? task_is_below(t, o->task) : op_may_end(o, t), E_NOT_PERMITTED);
	task_complete(c, t, o->actor, reason);
	json_w_obj(w);
	json_w_key(w, SPAN("task"));
	task_write(c, t, w);
	json_w_obj_end(w);
	return OK;
}

status
op_TASK_SELF(struct core *c, struct op_call *o, struct json_writer *w)
{
	json_w_obj(w);
	json_w_key(w, SPAN("task"));
	task_write(c, o->task, w);
	json_w_obj_end(w);
	return OK;
}

status
op_TASK_WAIT(struct core *c, struct op_call *o, struct json_writer *)
{
	static const char *const names[] = { "task", NULL };
	struct task *t;
	const struct task *by;
	TRY(op_only(o, names));
	TRY(op_task(c, o, "task", &t));
	uint16_t code = task_alive(c, t, &by);
	/* An end that came first is answered by the resuming: it says why. */
	ENSURE(code == E_OK || by->state == TASK_ENDING, code);
	ENSURE(t->holder == o->peer, E_NOT_PERMITTED);
	TRY(wait_new(c, &o->who, t));
	o->later = true;
	return OK;
}

static bool
wanted(const struct core *c, const struct task *t, const struct agent *a, span state, bool all)
{
	enum cause cause;
	enum task_state s = task_state(c, t, &cause);
	if (a && t->agent != a)
		return false;
	if (state.n)
		return span_is(state, task_state_name(s));
	return all || !task_state_over(s);
}

status
op_TASK_LIST(struct core *c, struct op_call *o, struct json_writer *w)
{
	static const char *const names[] = { "agent", "state", "all", "limit", "cursor", NULL };
	span agent = { 0 }, state = { 0 };
	bool all = false;
	struct op_page p;
	char id[ID_TEXT + 1] = "", last[ID_TEXT + 1] = "";
	TRY(op_only(o, names));
	TRY(op_opt_str(o, "agent", &agent));
	TRY(op_opt_str(o, "state", &state));
	TRY(op_opt_bool(o, "all", &all));
	const struct agent *a = agent.n ? agent_named(c, agent) : NULL;
	ENSURE(!agent.n || a, E_AGENT_UNKNOWN);
	TRY(op_page_begin(o, &p, w));
	list_for(it, &c->task_list) {
		const struct task *t = container_of(it, struct task, all);
		id_text(t->id, id);
		if (p.started && !wanted(c, t, a, state, all))
			continue;
		if (!op_page_item(&p, span_str(id))) {
			if (p.full)
				break;
			continue;
		}
		memcpy(last, id, sizeof last);
		task_write(c, t, w);
	}
	op_page_end(&p, span_str(last));
	return OK;
}
