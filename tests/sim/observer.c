#include "tests/sim/observer.h"

#include "log/event.h"
#include "msg/enums.h"
#include "tests/sim/matrix.h"

#include <stdio.h>
#include <stdlib.h>

static struct observer *self;

void
observer_init(struct observer *o, struct client *c, uint64_t seed)
{
	*o = (struct observer){ .c = c, .seed = seed, .first_req = c->next_req };
	o->questions = calloc(SEEN_QUESTIONS, sizeof *o->questions);
	o->calls = calloc(SEEN_CALLS, sizeof *o->calls);
	o->allowed = calloc(SEEN_CALLS, sizeof *o->allowed);
	o->issued = calloc(SEEN_CALLS, sizeof *o->issued);
	o->intended = calloc(BANK_ACCOUNTS, sizeof *o->intended);
	o->active = calloc(BANK_ACCOUNTS, sizeof *o->active);
	o->revoked = calloc(BANK_ACCOUNTS, sizeof *o->revoked);
	must(o->intended && o->active && o->revoked);
	c->node.bank->created = observer_created;
	must(o->questions && o->calls && o->allowed && o->issued);
	self = o;
	c->node.sent = observer_sent;
	c->node.delivering = observer_delivering;
	c->node.appended = observer_appended;
}

void
observer_fini(struct observer *o)
{
	free(o->questions);
	free(o->calls);
	free(o->allowed);
	free(o->issued);
	free(o->intended);
	free(o->active);
	free(o->revoked);
}

_Noreturn void
observer_breach(const struct observer *o, const char *rule, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "BREACH of %s at step %zu, true time %.3f s: ", rule, o->c->node.steps, (double)o->true_now / 1e9);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nreplay: sim --seed %llu\n", (unsigned long long)o->seed);
	exit(1);
}

struct seen_question *
observer_ask(struct observer *o, uint64_t req, enum seen_op op, int task)
{
	must(req < SEEN_QUESTIONS);
	struct seen_question *q = &o->questions[req];
	*q = (struct seen_question){ .op = (uint8_t)op, .task = task, .asked = o->c->node.steps, .asked_at = o->true_now };
	return q;
}

bool
observer_alive(const struct observer *o, int task)
{
	for (int i = task; i >= 0; i = o->tasks[i].parent) {
		const struct seen_task *t = &o->tasks[i];
		if (t->over || t->completed || o->true_now >= t->opened + t->ttl + t->slack)
			return false;
	}
	return true;
}

void
observer_rebooted(struct observer *o, int64_t gone)
{
	for (int i = 0; i < o->task_n; i++)
		o->tasks[i].slack += gone;
}

static bool
below(const struct observer *o, int task, int top)
{
	for (; task >= 0; task = o->tasks[task].parent)
		if (task == top)
			return true;
	return false;
}

static bool
has(const uint64_t *list, size_t n, uint64_t v)
{
	for (size_t i = n; i-- > 0;)
		if (list[i] == v)
			return true;
	return false;
}

static uint64_t
head_of(const digest *d)
{
	struct reader r = rd_make(digest_span(d));
	return rd_u64(&r);
}

/* ---- the durable log ---- */

void
observer_appended(struct node *, enum role, unsigned, const struct msg *m)
{
	struct observer *o = self;
	struct reader r = rd_make(m->append.events);
	o->last_append = o->true_now;
	while (rd_left(&r)) {
		struct event e;
		struct event_value v;
		must(!failed(event_decode(rd_vec32(&r), &e)));
		if (e.head.type == EV_DECISION_ALLOWED && event_get(&e, F_CALL, &v) && o->allowed_n < SEEN_CALLS)
			o->allowed[o->allowed_n++] = v.u;
		if (e.head.type == EV_TOKEN_ISSUED && event_get(&e, F_DIGEST, &v) && o->issued_n < SEEN_CALLS)
			o->issued[o->issued_n++] = head_of(&v.d);
		if (event_get(&e, F_LEASE, &v)) {
			if (e.head.type == EV_LEASE_INTENDED && o->intended_n < BANK_ACCOUNTS)
				o->intended[o->intended_n++] = v.u;
			if (e.head.type == EV_LEASE_ACTIVE && o->active_n < BANK_ACCOUNTS)
				o->active[o->active_n++] = v.u;
			if (e.head.type == EV_LEASE_REVOKED && o->revoked_n < BANK_ACCOUNTS)
				o->revoked[o->revoked_n++] = v.u;
		}
		matrix_event(&e);
	}
}

/* ---- accounts at the upstreams ---- */

void
observer_created(struct node *, const struct account *a, const struct msg_lease_create *m)
{
	const struct observer *o = self;
	uint64_t task;
	if (!has(o->intended, o->intended_n, a->lease))
		observer_breach(o, "R3", "an account whose intent is not durable");
	if (!id_parse(m->task, &task))
		observer_breach(o, "R3", "an account for no task");
	if (a->expires <= 0)
		observer_breach(o, "R6", "an account without an end");
}

void
observer_accounts(const struct observer *o, bool at_rest)
{
	const struct bank *b = o->c->node.bank;
	for (size_t i = 0; i < b->n; i++) {
		const struct account *a = &b->accounts[i];
		if (!a->there)
			continue;
		/* What a dead worker still carries out is found by the next look. */
		if (has(o->revoked, o->revoked_n, a->lease) && (at_rest || !b->was_late))
			observer_breach(o, "R5", "the ledger calls a lease revoked whose account is there");
		if (at_rest)
			observer_breach(o, "R4", "an account outlives its task");
	}
}

/* ---- what core lets go ---- */

static int
task_of(const struct observer *o, uint64_t id)
{
	for (int i = 0; i < o->task_n; i++)
		if (o->tasks[i].id == id)
			return i;
	return -1;
}

/* R7 R16 R9: nobody acts whose time is over, whose end was acknowledged, or beyond what any task above may do. */
static void
check_authority(const struct observer *o, int task, unsigned tool)
{
	for (int i = task; i >= 0; i = o->tasks[i].parent) {
		const struct seen_task *t = &o->tasks[i];
		if (t->over || t->completed)
			observer_breach(o, "R7", "task %d is below %d, whose end was acknowledged", task, i);
		if (o->true_now >= t->opened + t->ttl + t->slack)
			observer_breach(o, "R16", "task %d is below %d, which lived %.3f s of %.3f s", task, i,
			                (double)(o->true_now - t->opened) / 1e9, (double)t->ttl / 1e9);
		if (tool & ~t->tools)
			observer_breach(o, "R9", "tool %u for task %d; task %d has %u", tool, task, i, t->tools);
	}
}

static void
on_permit(struct observer *o, const struct msg_permit *m)
{
	int task = task_of(o, m->task);
	const struct seen_question *q = &o->questions[m->req];
	if (!has(o->allowed, o->allowed_n, m->call))
		observer_breach(o, "R1", "a permit before its event is durable");
	if (task < 0 || q->op != SEEN_CALL || q->task != task)
		observer_breach(o, "R11", "a permit that answers no question");
	check_authority(o, task, q->tool);
	for (int i = 0; i < o->call_n; i++)
		if (o->calls[i].id == m->call)
			observer_breach(o, "R8", "a call permitted twice");
	char want[64];
	snprintf(want, sizeof want, "{\"path\":\"/data/%d\"}", q->arg);
	if (q->tool != TOOL_FETCH && q->arg >= 0 && !span_is(m->args, want))
		observer_breach(o, "R11", "other arguments than were asked: %.*s", SPAN_ARG(m->args));
	if (q->tool == TOOL_DELETE) {
		struct seen_approval *found = NULL;
		for (int i = 0; i < o->approval_n; i++) {
			struct seen_approval *a = &o->approvals[i];
			if (a->task == task && a->tool == q->tool && a->arg == q->arg && a->granted && !a->used)
				found = a;
		}
		if (!found)
			observer_breach(o, "R11", "a destructive call that nobody approved, or approved once already");
		found->used = true;
	}
	if (q->tool == TOOL_FETCH)
		for (int i = task; i >= 0; i = o->tasks[i].parent)
			if (o->tasks[i].tainted)
				observer_breach(o, "taint", "egress after a confidential read below task %d", i);
	if (q->arg < 0)
		for (int i = task; i >= 0; i = o->tasks[i].parent)
			o->tasks[i].tainted = true;
	must(o->call_n < SEEN_CALLS);
	o->calls[o->call_n++] = (struct seen_call){ .id = m->call, .task = task };
	for (int i = task; i >= 0; i = o->tasks[i].parent)
		o->tasks[i].last_allow = o->c->node.steps;
}

static void
on_verdict(struct observer *o, const struct msg_verdict *m)
{
	struct seen_question *q = &o->questions[m->req];
	if (m->req <= o->first_req || q->op != SEEN_CALL || q->answered)
		observer_breach(o, "protocol", "a verdict for no open question");
	if (m->verdict == VERDICT_ALLOW) {
		o->allows++;
		if (!has(o->allowed, o->allowed_n, m->call))
			observer_breach(o, "R1", "an allow before its event is durable");
		check_authority(o, q->task, q->tool);
		return;
	}
	q->answered = true;
	if (m->verdict == VERDICT_DENY) {
		o->denies++;
		o->codes[m->error < E_COUNT ? m->error : 0]++;
		return;
	}
	o->pendings++;
	for (int i = 0; i < o->approval_n; i++)
		if (o->approvals[i].id == m->approval) {
			const struct seen_approval *a = &o->approvals[i];
			if (a->task != q->task || a->tool != q->tool || a->arg != q->arg)
				observer_breach(o, "R11", "one approval for two questions");
			return;
		}
	if (o->approval_n < SEEN_APPROVALS)
		o->approvals[o->approval_n++] = (struct seen_approval){ .id = m->approval, .task = q->task, .tool = q->tool, .arg = q->arg };
}

static void
take_token(struct observer *o, struct seen_task *t, const struct json *v)
{
	const struct json *token = json_gets(v, "token");
	if (!json_is_str(token))
		return;
	digest d = sha256(token->str);
	if (!has(o->issued, o->issued_n, head_of(&d)))
		observer_breach(o, "R1", "a token before its event is durable");
	snprintf(t->token, sizeof t->token, "%.*s", SPAN_ARG(token->str));
	t->token_at = o->true_now;
}

static void
new_task(struct observer *o, const struct seen_question *q, const struct json *v)
{
	const struct json *id = json_pointer(v, SPAN("/task/id"));
	struct seen_task t = { .parent = q->op == SEEN_DELEGATE ? q->task : -1, .ttl = q->ttl, .tools = q->tools, .opened = q->asked_at };
	must(json_is_str(id) && id_parse(id->str, &t.id));
	/* It began when core got the question; a question may wait, so the true beginning is bounded by the answer. */
	t.opened = o->true_now;
	if (q->op == SEEN_DELEGATE && !observer_alive(o, q->task) && o->tasks[q->task].over)
		observer_breach(o, "R7", "a child of a task whose end was acknowledged");
	if (o->task_n == SEEN_TASKS)
		return;
	take_token(o, &t, v);
	o->tasks[o->task_n++] = t;
}

static void
on_answer(struct observer *o, const struct msg_answer *m)
{
	struct seen_question *q = m->req < SEEN_QUESTIONS ? &o->questions[m->req] : NULL;
	if (!q || m->req <= o->first_req)
		return;
	if (q->answered)
		observer_breach(o, "protocol", "two answers to one question");
	q->answered = true;
	if (m->error != E_OK)
		return;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 1 << 20);
	const struct json *v;
	must(!failed(json_parse(m->body, NULL, &a, &v, NULL)));
	switch ((enum seen_op)q->op) {
	case SEEN_OPEN: case SEEN_DELEGATE: new_task(o, q, v); return;
	case SEEN_TOKEN: take_token(o, &o->tasks[q->task], v); return;
	case SEEN_KILL:
		/* From the moment core got the kill nothing below was let go. */
		for (int i = 0; i < o->task_n; i++) {
			if (!below(o, i, q->task))
				continue;
			if (o->tasks[i].last_allow > q->delivered)
				observer_breach(o, "R7", "task %d was let go on after the kill was taken", i);
		}
		o->tasks[q->task].over = true;
		return;
	case SEEN_COMPLETE: o->tasks[q->task].completed = true; return;
	case SEEN_APPROVE:
		return;
	case SEEN_ENROL:
		if (++o->enrolled > q->subject)
			observer_breach(o, "R8", "an enrolment token was used twice");
		return;
	case SEEN_NONE: case SEEN_CALL: case SEEN_OTHER: return;
	}
}

void
observer_sent(struct node *, enum role to, unsigned, const struct msg *m)
{
	struct observer *o = self;
	if (m->type == MSG_PERMIT)
		on_permit(o, &m->permit);
	else if (m->type == MSG_VERDICT)
		on_verdict(o, &m->verdict);
	else if (m->type == MSG_ANSWER)
		on_answer(o, &m->answer);
	else if (m->type == MSG_LEASE_DELIVER && !has(o->active, o->active_n, m->lease_deliver.lease))
		observer_breach(o, "R1", "a credential is delivered before its activation is durable");
	else if (m->type == MSG_CUT && m->cut.req < SEEN_QUESTIONS)
		o->questions[m->cut.req].answered = true;
	(void)to;
}

void
observer_delivering(struct node *n, enum role, unsigned, const struct msg *m)
{
	struct observer *o = self;
	uint64_t req = m->type == MSG_OP ? m->op.req : m->type == MSG_CALL ? m->call.req : 0;
	if (!req || req >= SEEN_QUESTIONS)
		return;
	o->questions[req].delivered = n->steps;
	/* An approval counts from when core got it: what it lets go must come after. */
	if (o->questions[req].op == SEEN_APPROVE)
		for (int i = 0; i < o->approval_n; i++)
			if (o->approvals[i].id == o->questions[req].subject)
				o->approvals[i].granted = true;
}
