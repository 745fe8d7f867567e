#include "hold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOLD_RENEW_BEFORE = 120 };

/* One operation over `x`, to its end. The answer's JSON lives in `a`. */
static status
ask(struct hold *h, struct exchange *x, struct arena *a, const char *target, span fields, span params, const struct json **ret)
{
	struct buf body;
	buf_init(&body, 4 << 20);
	status s = exchange_send(x, target, fields, params);
	if (!failed(s))
		s = exchange_run(x, h->c->timeout, &body);
	if (!failed(s))
		s = json_parse(buf_span(&body), &(struct json_opts){ .copy = true, .max_bytes = 4 << 20 }, a, ret, NULL);
	buf_fini(&body);
	return s;
}

/* In the task's name, over a connection of its own: the holding one waits for the end. Who registered a process tree is known by it;
 * a token may have run out meanwhile. */
static status
ask_aside(struct hold *h, struct arena *a, const char *target, const struct json **ret)
{
	struct exchange x;
	struct buf fields;
	buf_init(&fields, 16384);
	if (h->token && !h->root_pid)
		buf_printf(&fields, "Authorization: Bearer %s\r\n", h->token);
	status s = exchange_open(&x, h->c->ctx.agent_socket);
	if (!failed(s))
		s = buf_finish(&fields);
	if (!failed(s))
		s = ask(h, &x, a, target, buf_span(&fields), SPAN("{}"), ret);
	exchange_close(&x);
	buf_fini(&fields);
	return s;
}

/* From here on the connection is silent until the task is over. */
static status
ask_for_end(struct hold *h)
{
	struct buf b;
	buf_reset(&h->body);
	buf_init(&b, 256);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "task", h->task);
	json_w_obj_end(&w);
	status s = buf_finish(&b);
	if (!failed(s))
		s = exchange_send(&h->x, "/v1/task/wait", (span){ 0 }, buf_span(&b));
	if (!failed(s))
		s = exchange_step(&h->x, NULL, NULL, NULL);
	buf_fini(&b);
	return s;
}

static void
take_token(struct hold *h, const struct json *v, const char *expires_member)
{
	const struct json *t = json_gets(v, "token"), *e = json_gets(v, expires_member);
	int64_t end;
	if (!json_is_str(t) || !json_is_str(e) || !parse_time(e->str, &end))
		return;
	char *copy = span_dup(t->str);
	if (!copy)
		return;
	free(h->token);
	h->token = copy;
	h->token_expires = end;
}

static status
open_params(const struct hold *h, span params, struct buf *b)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kbool(&w, "hold", true);
	if (h->root_pid)
		json_w_kint(&w, "root_pid", h->root_pid);
	if (h->task[0])
		json_w_kcstr(&w, "resume", h->task);
	if (params.n)
		buf_put_u8(b, ',');
	buf_put(b, params);
	buf_put_u8(b, '}');
	return buf_finish(b);
}

/* The error that stands in the way of going on with the task. */
static uint16_t
why_of(const struct json *error)
{
	static const uint16_t ends[] = { E_TASK_EXPIRED, E_REVOKED, E_WORLD_STOPPED };
	const struct json *code = json_gets(error, "code");
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (json_is_str(code) && span_is(code->str, error_name(ends[i])))
			return ends[i];
	return E_TASK_ENDED;
}

/* After the connection broke: connects again and re-attaches, for at most `seconds`. */
static bool
hold_again(struct hold *h, int64_t seconds)
{
	int64_t end = (int64_t)time(NULL) + seconds;
	struct buf b;
	buf_init(&b, 4096);
	bool ok = false, lost = failed(open_params(h, (span){ 0 }, &b));
	h->why = E_UNAVAILABLE;
	while (!ok && !lost && (int64_t)time(NULL) <= end) {
		struct arena a;
		const struct json *v = NULL;
		arena_init(&a, 1 << 20);
		exchange_close(&h->x);
		status s = exchange_open(&h->x, h->c->ctx.agent_socket);
		if (!failed(s))
			s = ask(h, &h->x, &a, "/v1/task/open", (span){ 0 }, buf_span(&b), &v);
		const struct json *error = json_gets(v, "error");
		if (!failed(s) && !error) {
			take_token(h, v, "token_expires");
			ok = !failed(ask_for_end(h));
		} else if (error && !true_at(error, "retryable")) {
			h->why = why_of(error);
			lost = true;
		}
		if (!ok && !lost)
			nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
		arena_fini(&a);
	}
	buf_fini(&b);
	return ok;
}

static char *
copy_text(const struct json *v)
{
	return json_is_str(v) ? span_dup(v->str) : NULL;
}

static uint16_t
why_from(span state, span reason)
{
	return span_is(state, "expired") ? E_TASK_EXPIRED : span_is(reason, "world") ? E_WORLD_STOPPED : span_is(state, "revoked") ? E_REVOKED : E_TASK_ENDED;
}

/* The answer that was waited for. False: it does not say that the task is over. */
static bool
take_end(struct hold *h)
{
	struct arena a;
	const struct json *v = NULL;
	arena_init(&a, 1 << 20);
	IGNORE(json_parse(buf_span(&h->body), NULL, &a, &v, NULL));   /* anything else is no answer, and asked again */
	const struct json *state = json_path(v, "task.state"), *reason = json_path(v, "task.end_reason");
	bool over = json_is_str(state);
	if (over) {
		span r = json_is_str(reason) ? reason->str : (span){ 0 };
		h->why = why_from(state->str, r);
		snprintf(h->end_reason, sizeof h->end_reason, "%.*s", SPAN_ARG(r));
		h->actor = copy_text(json_gets(v, "actor"));
		h->reason = copy_text(json_gets(v, "reason"));
	}
	arena_fini(&a);
	return over;
}

static void
keep_body(void *user, struct exchange *, span data)
{
	buf_put(user, data);
}

bool
hold_step(struct hold *h)
{
	status s = exchange_step(&h->x, NULL, keep_body, &h->body);
	if (!failed(s) && !h->x.done)
		return true;
	if (!failed(s) && take_end(h))
		return false;
	return hold_again(h, 10);
}

int
hold_renew_in(const struct hold *h)
{
	int64_t left = h->token_expires - HOLD_RENEW_BEFORE - (int64_t)time(NULL), since = (int64_t)time(NULL) - h->asked;
	if (!h->token || h->root_pid)
		return -1;
	/* One that could not be had is not asked for again at once. */
	return left > 0 ? (int)left * 1000 : since >= 5 ? 0 : (int)(5 - since) * 1000;
}

void
hold_renew(struct hold *h)
{
	if (hold_renew_in(h) != 0)
		return;
	struct arena a;
	const struct json *v = NULL;
	arena_init(&a, 1 << 20);
	h->asked = (int64_t)time(NULL);
	status s = ask_aside(h, &a, "/v1/token/issue", &v);
	if (!failed(s) && json_is_str(json_gets(v, "token")))
		take_token(h, v, "expires");
	arena_fini(&a);
}

bool
hold_open(struct cli *c, span params, pid_t root_pid, struct hold *h, int *ret_code)
{
	*h = (struct hold){ .c = c, .root_pid = root_pid };
	buf_init(&h->body, 1 << 20);
	struct buf b;
	buf_init(&b, 1 << 20);
	const struct json *v = NULL;
	status s = open_params(h, params, &b);
	if (!failed(s))
		s = exchange_open(&h->x, c->ctx.agent_socket);
	else
		h->x.fd = -1;
	if (!failed(s))
		s = ask(h, &h->x, &c->arena, "/v1/task/open", (span){ 0 }, buf_span(&b), &v);
	buf_fini(&b);
	const struct json *task = json_gets(v, "task"), *id = json_gets(task, "id");
	if (failed(s))
		*ret_code = cli_unreachable(c, s, PEER_AGENT);
	else if (json_gets(v, "error"))
		*ret_code = cli_refused(c, json_gets(v, "error"));
	else if (!json_is_str(id) || id->str.n >= sizeof h->task)
		*ret_code = cli_unreachable(c, FAIL(E_UPSTREAM), PEER_AGENT);
	else {
		memcpy(h->task, id->str.p, id->str.n);
		h->opened = task;
		h->warnings = json_gets(v, "warnings");
		h->agent = text_at(c, task, "agent");
		h->expires = text_at(c, task, "expires");
		take_token(h, v, "token_expires");
		if (!failed(ask_for_end(h)) || hold_again(h, 10))
			return true;
		*ret_code = cli_fail(c, h->why, NULL, NULL, "the task is over before it began");
	}
	hold_close(h);
	return false;
}

void
hold_complete(struct hold *h)
{
	struct arena a;
	const struct json *v = NULL;
	arena_init(&a, 1 << 20);
	int64_t keep = h->c->timeout;
	h->c->timeout = 8;
	if (h->x.fd >= 0)
		IGNORE(ask_aside(h, &a, "/v1/task/complete", &v));       /* closing the connection ends the task too */
	h->c->timeout = keep;
	arena_fini(&a);
}

void
hold_close(struct hold *h)
{
	exchange_close(&h->x);
	buf_fini(&h->body);
	free(h->actor);
	free(h->reason);
	h->actor = h->reason = NULL;
	if (h->token)
		explicit_bzero(h->token, strlen(h->token));
	free(h->token);
	h->token = NULL;
}
