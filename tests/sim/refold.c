#include "tests/sim/refold.h"

#include "log/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THINGS = 4096 };

struct thing { uint64_t id, parent, born; int64_t expires; char state[16]; };

static struct thing tasks[THINGS], approvals[THINGS];
static size_t task_n, approval_n;
static struct { char name[64], state[16], definition[80]; } tools[64];
static size_t tool_n;

static struct thing *
find(struct thing *list, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].id == id)
			return &list[i];
	return NULL;
}

static uint64_t
number(const struct event *e, enum event_field f)
{
	struct event_value v;
	return event_get(e, f, &v) ? v.u : 0;
}

static void
words(const struct event *e, enum event_field f, char *out, size_t n)
{
	struct event_value v;
	out[0] = 0;
	if (event_get(e, f, &v))
		snprintf(out, n, "%.*s", SPAN_ARG(v.s));
}

static bool over(const struct thing *t) { return strcmp(t->state, "active") != 0 && strcmp(t->state, "ending") != 0; }

/* Everything below an ended task is revoked with it. */
static void
spread(void)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < task_n; i++) {
			const struct thing *p = tasks[i].parent ? find(tasks, task_n, tasks[i].parent) : NULL;
			if (p && over(p) && !over(&tasks[i])) {
				strcpy(tasks[i].state, "revoked");
				again = true;
			}
		}
	}
}

static void
on_task(const struct event *e)
{
	struct event_value v;
	struct thing *t = find(tasks, task_n, number(e, F_TASK));
	if (e->head.type == EV_TASK_REQUESTED || e->head.type == EV_TASK_DELEGATED) {
		must(!t && task_n < THINGS);
		t = &tasks[task_n++];
		*t = (struct thing){ .id = number(e, F_TASK), .parent = number(e, F_PARENT), .born = e->head.seq, .state = "active" };
		if (event_get(e, F_EXPIRES, &v))
			t->expires = v.i;
	} else if (t && e->head.type == EV_TASK_ENDING) {
		strcpy(t->state, "ending");
	} else if (t && e->head.type == EV_TASK_ENDED) {
		words(e, F_STATE, t->state, sizeof t->state);
		spread();
	}
}

static void
on_approval(const struct event *e)
{
	struct thing *a = find(approvals, approval_n, number(e, F_APPROVAL));
	switch (e->head.type) {
	case EV_APPROVAL_REQUESTED:
		must(!a && approval_n < THINGS);
		approvals[approval_n++] = (struct thing){ .id = number(e, F_APPROVAL), .state = "open" };
		return;
	case EV_APPROVAL_GRANTED: words(e, F_STATE, a->state, sizeof a->state); return;
	case EV_APPROVAL_REJECTED: strcpy(a->state, "rejected"); return;
	case EV_APPROVAL_USED: strcpy(a->state, "used"); return;
	case EV_APPROVAL_EXPIRED: strcpy(a->state, "expired"); return;
	case EV_APPROVAL_WITHDRAWN: strcpy(a->state, "withdrawn"); return;
	default: return;
	}
}

static void
on_tool(const struct event *e)
{
	char name[64];
	size_t i = 0;
	struct event_value v;
	words(e, F_TOOL, name, sizeof name);
	while (i < tool_n && strcmp(tools[i].name, name) != 0)
		i++;
	if (i == tool_n)
		snprintf(tools[tool_n++].name, sizeof tools[0].name, "%s", name);
	if (e->head.type == EV_TOOL_GONE)
		strcpy(tools[i].state, "gone");
	else if (e->head.type == EV_TOOL_QUARANTINED)
		strcpy(tools[i].state, "quarantined");
	else
		words(e, F_STATE, tools[i].state, sizeof tools[i].state);
	if (event_get(e, F_DEFINITION, &v)) {
		size_t n = (size_t)snprintf(tools[i].definition, sizeof tools[i].definition, "sha256:");
		for (size_t k = 0; k < DIGEST_SIZE; k++)
			n += (size_t)snprintf(tools[i].definition + n, 3, "%02x", v.d.b[k]);
	}
}

static void
fold(const struct event *e)
{
	char cause[32];
	if (e->head.type >= EV_TASK_REQUESTED && e->head.type <= EV_TASK_RAISED)
		on_task(e);
	else if (e->head.type >= EV_APPROVAL_REQUESTED && e->head.type <= EV_APPROVAL_WITHDRAWN)
		on_approval(e);
	else if (e->head.type >= EV_TOOL_FOUND && e->head.type <= EV_TOOL_GONE)
		on_tool(e);
	words(e, F_CAUSE, cause, sizeof cause);
	/* All tasks of a simulation are of one agent, owner and tier. */
	if (e->head.type == EV_WORLD_STOPPED ||
	    (e->head.type == EV_REVOCATION_ASKED && (!strcmp(cause, "agent") || !strcmp(cause, "owner") || !strcmp(cause, "tier"))))
		for (size_t i = 0; i < task_n; i++)
			if (!over(&tasks[i]))
				strcpy(tasks[i].state, "revoked");
}

static const char *
field(struct client *c, const struct json *v, const char *key)
{
	const struct json *x = json_gets(v, key);
	return json_is_str(x) ? arena_cstr(&c->arena, x->str) : "";
}

static void
compare(struct observer *o, uint32_t conn, enum op op, const char *params, struct thing *list, size_t n)
{
	const struct json *v = client_op(o->c, ROLE_PEOPLE, conn, op, params);
	if (!v || o->c->last_error)
		observer_breach(o, "refold", "no list: %s", error_name(o->c->last_error));
	json_for_items(it, json_gets(v, "items")) {
		uint64_t id;
		must(id_parse(json_gets(it, "id")->str, &id));
		const struct thing *t = find(list, n, id);
		const char *state = field(o->c, it, "state");
		if (!t)
			observer_breach(o, "refold", "%s is in no event", field(o->c, it, "id"));
		/* Time has gone on since the last event. */
		bool late = (!strcmp(t->state, "active") || !strcmp(t->state, "open") || !strcmp(t->state, "granted")) && !strcmp(state, "expired");
		if (strcmp(state, t->state) != 0 && !late)
			observer_breach(o, "refold", "%s is %s by its row, %s by the events", field(o->c, it, "id"), state, t->state);
	}
}

void
refold_check(struct observer *o, uint32_t conn)
{
	task_n = approval_n = tool_n = 0;
	memset(tools, 0, sizeof tools);
	const struct disk *d = &o->c->node.disk;
	for (size_t i = 0; i < d->event_n; i++) {
		struct event e;
		must(!failed(event_decode(span_make(d->events[i].p, d->events[i].n), &e)));
		fold(&e);
	}
	for (size_t i = 0; i < task_n; i++)
		for (const struct thing *p = &tasks[i]; p && !strcmp(tasks[i].state, "active"); p = p->parent ? find(tasks, task_n, p->parent) : NULL)
			if (!strcmp(p->state, "ending"))
				strcpy(tasks[i].state, "ending");
	compare(o, conn, OP_TASK_LIST, "{\"all\":true,\"limit\":1000}", tasks, task_n);
	compare(o, conn, OP_APPROVAL_LIST, "{\"state\":\"all\",\"limit\":1000}", approvals, approval_n);
	const struct json *v = client_op(o->c, ROLE_PEOPLE, conn, OP_TOOL_LIST, "{\"all\":true}");
	must(v);
	json_for_items(it, json_gets(v, "items"))
		for (size_t i = 0; i < tool_n; i++)
			if (!strcmp(tools[i].name, field(o->c, it, "name")) &&
			    (strcmp(tools[i].state, field(o->c, it, "state")) != 0 || strcmp(tools[i].definition, field(o->c, it, "definition")) != 0))
				observer_breach(o, "refold", "tool %s is %s by its row, %s by the events", tools[i].name, field(o->c, it, "state"), tools[i].state);
}
