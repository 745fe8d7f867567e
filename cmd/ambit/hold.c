#include "hold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOLD_RENEW_BEFORE = 120 };

/* One operation over the holding connection. The answer's JSON lives in `a`. */
static status
ask(struct hold *h, struct arena *a, const char *target, span params, const struct json **ret)
{
	struct buf body, fields;
	buf_init(&body, 4 << 20);
	buf_init(&fields, 16384);
	if (h->token)
		buf_printf(&fields, "Authorization: Bearer %s\r\n", h->token);
	status s = exchange_send(&h->x, target, buf_span(&fields), params);
	if (!failed(s))
		s = exchange_run(&h->x, h->c->timeout, &body);
	if (!failed(s))
		s = json_parse(buf_span(&body), &(struct json_opts){ .copy = true, .max_bytes = 4 << 20 }, a, ret, NULL);
	buf_fini(&fields);
	buf_fini(&body);
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

bool
hold_open(struct cli *c, span params, pid_t root_pid, struct hold *h, int *ret_code)
{
	*h = (struct hold){ .c = c, .root_pid = root_pid };
	struct buf b;
	buf_init(&b, 1 << 20);
	const struct json *v = NULL;
	status s = open_params(h, params, &b);
	if (!failed(s))
		s = exchange_open(&h->x, c->ctx.agent_socket);
	else
		h->x.fd = -1;
	if (!failed(s))
		s = ask(h, &c->arena, "/v1/task/open", buf_span(&b), &v);
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
		h->agent = text_at(c, task, "agent");
		h->expires = text_at(c, task, "expires");
		take_token(h, v, "token_expires");
		return true;
	}
	hold_close(h);
	return false;
}

bool
hold_again(struct hold *h, int64_t seconds)
{
	int64_t end = (int64_t)time(NULL) + seconds;
	struct buf b;
	buf_init(&b, 4096);
	bool ok = false, lost = failed(open_params(h, (span){ 0 }, &b));
	while (!ok && !lost && (int64_t)time(NULL) <= end) {
		struct arena a;
		const struct json *v = NULL;
		arena_init(&a, 1 << 20);
		exchange_close(&h->x);
		status s = exchange_open(&h->x, h->c->ctx.agent_socket);
		if (!failed(s))
			s = ask(h, &a, "/v1/task/open", buf_span(&b), &v);
		const struct json *error = json_gets(v, "error");
		if (!failed(s) && !error) {
			take_token(h, v, "token_expires");
			ok = true;
		} else if (error && !true_at(error, "retryable")) {
			const struct json *code = json_gets(error, "code");
			h->ended = json_is_str(code) && !span_is(code->str, "task_expired");
			lost = true;
		} else {
			nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
		}
		arena_fini(&a);
	}
	buf_fini(&b);
	return ok;
}

bool
hold_renew(struct hold *h)
{
	struct arena a;
	const struct json *v = NULL;
	arena_init(&a, 1 << 20);
	status s = ask(h, &a, "/v1/token/issue", SPAN("{}"), &v);
	bool ok = !failed(s) && json_is_str(json_gets(v, "token"));
	if (ok)
		take_token(h, v, "expires");
	arena_fini(&a);
	return ok;
}

bool
hold_alive(struct hold *h)
{
	int64_t now = (int64_t)time(NULL);
	if (now - h->asked < 1)
		return true;
	h->asked = now;
	if (h->token_expires - now < HOLD_RENEW_BEFORE && hold_renew(h))
		return true;
	struct arena a;
	const struct json *v = NULL;
	arena_init(&a, 1 << 20);
	status s = ask(h, &a, "/v1/task/self", SPAN("{}"), &v);
	const struct json *state = json_path(v, "task.state"), *error = json_gets(v, "error"), *code = json_gets(error, "code");
	if (!json_is_str(state))
		state = json_gets(v, "state");
	bool over = (json_is_str(state) && !span_is(state->str, "active") && !span_is(state->str, "pending") && !span_is(state->str, "requested")) ||
	            (error && !true_at(error, "retryable"));
	h->ended = over && !(json_is_str(code) && span_is(code->str, "task_expired")) && !(json_is_str(state) && span_is(state->str, "expired"));
	arena_fini(&a);
	return over ? false : failed(s) || error ? hold_again(h, 10) : true;
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
		IGNORE(ask(h, &a, "/v1/task/complete", SPAN("{}"), &v)); /* closing the connection ends the task too */
	h->c->timeout = keep;
	arena_fini(&a);
}

void
hold_close(struct hold *h)
{
	exchange_close(&h->x);
	if (h->token)
		explicit_bzero(h->token, strlen(h->token));
	free(h->token);
	h->token = NULL;
}
