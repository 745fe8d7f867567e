/* ambit mcp: lines of JSON-RPC on standard input and output, each one POST to /mcp on the agent socket. Requests run side by side, each on a connection of its own;
 * answers go out as they come, whole lines only. */
#include "cli.h"
#include "bridge.h"
#include "hold.h"
#include "lines.h"
#include "net/sse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RUNNING = 64, MAX_ANSWER = 64 << 20 };

struct request {
	struct bridge *of;
	bool used, stream, cancelled, answered;
	struct arena arena;             /* what the message's spans point into */
	struct bridge_message m;
	struct exchange x;
	struct sse_parser sse;
	struct buf body;
};

struct bridge {
	struct cli *c;
	struct hold hold;
	bool holding;                   /* false: the task is that of `ambit run` around us */
	bool ready;                     /* there is a task to call in */
	bool ended;                     /* somebody ended it */
	char ended_why[512];            /* who, and what was said */
	int code;                       /* why there is none */
	bool stdin_open, broken;
	char version[64];               /* what initialize agreed on */
	struct lines lines;
	struct request requests[MAX_RUNNING];
	unsigned running;
};

static void
put_out(struct bridge *g, const struct buf *b)
{
	span s = buf_span(b);
	if (b->err) {
		dprintf(STDERR_FILENO, "ambit mcp: an answer was too large to pass on\n");
		return;
	}
	while (s.n && !g->broken) {
		ssize_t n = write(STDOUT_FILENO, s.p, s.n);
		if (n < 0 && errno != EINTR)
			g->broken = true;       /* nobody reads; nothing can be said to anybody */
		else if (n > 0)
			s = span_sub(s, (size_t)n, s.n);
	}
}

/* What the client is told when no answer came. Only a tool result's text reaches the model. */
static void
say_failure(struct bridge *g, struct request *q, const char *text)
{
	if (q->m.kind != BRIDGE_REQUEST || q->cancelled || q->answered)
		return;
	struct buf b;
	buf_init(&b, 65536);
	if (q->m.call)
		bridge_failed_call(&b, q->m.id, q->m.modern, text);
	else
		bridge_error(&b, q->m.id, -32603, text);
	put_out(g, &b);
	buf_fini(&b);
	q->answered = true;
}

static void
end_request(struct bridge *g, struct request *q)
{
	exchange_close(&q->x);
	sse_fini(&q->sse);
	buf_fini(&q->body);
	arena_fini(&q->arena);
	q->used = false;
	g->running--;
}

/* ---- answers ---- */

static void
pass_on(struct bridge *g, struct request *q, span json)
{
	if (q->cancelled || q->m.kind != BRIDGE_REQUEST)
		return;
	struct buf b;
	buf_init(&b, MAX_ANSWER + 16);
	bridge_line(&b, json);
	put_out(g, &b);
	buf_fini(&b);
}

static bool
on_event(void *user, const struct sse_event *e)
{
	struct request *q = user;
	if (e->data.n) {
		/* A message with an id and no method is the answer itself. */
		struct arena a;
		const struct json *v = NULL;
		arena_init(&a, 128 << 20);
		if (!failed(json_parse(e->data, &(struct json_opts){ .max_bytes = MAX_ANSWER, .max_depth = 256, .max_nodes = 8 << 20, .allow_nul = true }, &a, &v, NULL)) &&
		    json_gets(v, "id") && !json_gets(v, "method"))
			q->answered = true;
		arena_fini(&a);
		pass_on(q->of, q, e->data);
	}
	return true;
}

static void
on_head(void *user, struct exchange *x)
{
	struct request *q = user;
	q->stream = http_type_is(x->head.content_type, "text/event-stream");
}

static void
on_body(void *user, struct exchange *x, span data)
{
	struct request *q = user;
	if (q->stream)
		IGNORE(sse_feed(&q->sse, data, on_event, q));   /* a broken stream shows as an unanswered request */
	else
		buf_put(&q->body, data);
}

/* The whole of a plain answer: JSON-RPC as it is; anything else becomes a failure with its reason. */
static void
plain_answer(struct bridge *g, struct request *q)
{
	struct arena a;
	const struct json *v = NULL;
	static const struct json_opts opts = { .max_bytes = MAX_ANSWER, .max_depth = 256, .max_nodes = 8 << 20, .allow_nul = true };
	if (q->m.kind != BRIDGE_REQUEST)
		return;
	arena_init(&a, 256 << 20);
	status s = q->body.err ? FAIL(E_LIMIT) : json_parse(buf_span(&q->body), &opts, &a, &v, NULL);
	if (!failed(s) && json_gets(v, "jsonrpc")) {
		const struct json *version = json_path(v, "result.protocolVersion");
		if (q->m.initialize && json_is_str(version) && version->str.n < sizeof g->version) {
			memcpy(g->version, version->str.p, version->str.n);
			g->version[version->str.n] = 0;
		}
		pass_on(g, q, buf_span(&q->body));
		q->answered = true;
	} else if (!failed(s) && json_gets(v, "error")) {
		char text[512];
		span m = SPAN("refused"), code = SPAN("error");
		IGNORE(json_opt_str(json_gets(v, "error"), "message", &m, NULL));
		IGNORE(json_opt_str(json_gets(v, "error"), "code", &code, NULL));
		snprintf(text, sizeof text, "Ambit: %.*s (%.*s). Nothing was executed.", SPAN_ARG(m), SPAN_ARG(code));
		say_failure(g, q, text);
	} else {
		say_failure(g, q, "Ambit: the server's answer cannot be read.");
	}
	arena_fini(&a);
}

static void
step(struct bridge *g, struct request *q)
{
	status s = exchange_step(&q->x, on_head, on_body, q);
	if (!failed(s) && !q->x.done)
		return;
	if (failed(s))
		say_failure(g, q, q->x.sent >= q->x.out.n && q->m.call ? "Ambit went away during this call; whether it was executed is not known. Look before repeating it." :
		                                                       "Ambit went away. Nothing was executed; try again in a few seconds.");
	else if (!q->stream)
		plain_answer(g, q);
	if (!q->answered)
		say_failure(g, q, "Ambit: the answer broke off; whether the call was executed is not known.");
	end_request(g, q);
}

/* ---- questions ---- */

static void
put_headers(struct bridge *g, struct request *q, struct buf *b)
{
	buf_put_str(b, "Accept: application/json, text/event-stream\r\n");
	if (q->m.headers.n)
		buf_put(b, q->m.headers);
	else if (g->version[0] && !q->m.initialize)
		buf_printf(b, "MCP-Protocol-Version: %s\r\n", g->version);
	if (g->holding && g->hold.token)
		buf_printf(b, "Authorization: Bearer %s\r\n", g->hold.token);
}

static bool open_session(struct bridge *g, int *ret_code);

static void
start(struct bridge *g, struct request *q, span line)
{
	struct buf fields;
	if (!g->ready && q->m.kind == BRIDGE_REQUEST && (g->ended || !open_session(g, &g->code))) {
		say_failure(g, q, g->ended ? g->ended_why : g->code == 9 ? "Ambit is not reachable (`ambitd dev` starts it). Nothing was executed." :
		                                 "Ambit opens no task for this client (`ambit whoami --agent-socket` shows what it sees). Nothing was executed.");
		end_request(g, q);
		return;
	}
	buf_init(&fields, 32768);
	put_headers(g, q, &fields);
	status s = exchange_open(&q->x, g->c->ctx.agent_socket);
	if (!failed(s))
		s = exchange_send(&q->x, "/mcp", buf_span(&fields), line);
	buf_fini(&fields);
	if (failed(s)) {
		say_failure(g, q, "Ambit is not reachable. Nothing was executed; try again in a few seconds.");
		end_request(g, q);
	}
}

/* A cancelled request's connection is closed, which cancels it; the notification has gone before. */
static void
cancel(struct bridge *g, span id)
{
	for (unsigned i = 0; i < MAX_RUNNING; i++)
		if (g->requests[i].used && g->requests[i].m.kind == BRIDGE_REQUEST && span_eq(g->requests[i].m.id, id))
			g->requests[i].cancelled = true;
}

static void
on_line(void *user, span line, bool too_long)
{
	struct bridge *g = user;
	struct request *q = NULL;
	for (unsigned i = 0; i < MAX_RUNNING && !q; i++)
		if (!g->requests[i].used)
			q = &g->requests[i];
	if (!q)
		return;                         /* the loop reads no more than there is room for */
	*q = (struct request){ .of = g, .used = true, .x.fd = -1 };
	g->running++;
	arena_init(&q->arena, 64 << 20);
	buf_init(&q->body, MAX_ANSWER);
	sse_init(&q->sse, MAX_ANSWER);
	status s = too_long ? OK : bridge_read(&q->arena, line, &q->m);
	if (too_long || failed(s) || q->m.kind == BRIDGE_BAD) {
		struct buf b;
		buf_init(&b, 65536);
		bridge_error(&b, q->m.id, too_long ? -32600 : failed(s) ? -32603 : q->m.error, too_long ? "the line is too long" : failed(s) ? "out of memory" : q->m.why);
		put_out(g, &b);
		buf_fini(&b);
		end_request(g, q);
	} else if (q->m.kind == BRIDGE_RESPONSE) {
		end_request(g, q);
	} else {
		if (q->m.cancels.n)
			cancel(g, q->m.cancels);
		start(g, q, line);
	}
}

/* One line at a time while there is room for it: the rest waits in `ready`. */
static void
take_input(struct bridge *g, struct buf *ready)
{
	if (g->stdin_open && ready->n < 65536) {
		uint8_t room[65536];
		ssize_t n = read(STDIN_FILENO, room, sizeof room);
		if (n > 0)
			buf_put(ready, span_make(room, (size_t)n));
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			g->stdin_open = false;
	}
}

static void
use_input(struct bridge *g, struct buf *ready)
{
	while (ready->n && g->running < MAX_RUNNING) {
		size_t n = span_find(buf_span(ready), '\n');
		n += n < ready->n;
		lines_feed(&g->lines, span_sub(buf_span(ready), 0, n), on_line, g);
		buf_consume(ready, n);
	}
	if (!g->stdin_open && ready->n == 0 && g->running < MAX_RUNNING)
		lines_end(&g->lines, on_line, g);
}

/* ---- the session's task ---- */

static bool
open_session(struct bridge *g, int *ret_code)
{
	struct answer a;
	struct cli *c = g->c;
	status s = cli_ask(c, PEER_AGENT, "whoami/show", SPAN("{}"), &a);
	if (failed(s)) {
		*ret_code = cli_unreachable(c, s, PEER_AGENT);
		return false;
	}
	if (!a.error && json_is_str(json_gets(a.json, "task")))
		return g->ready = true;         /* inside `ambit run`: the process itself is known */
	struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kcstr(&w, "purpose", args_str(&c->args, "task") ? args_str(&c->args, "task") : "MCP session");
	if (args_has(&c->args, "agent"))
		json_w_kcstr(&w, "agent", args_str(&c->args, "agent"));
	bool ok = !failed(buf_finish(&b)) && hold_open(c, span_sub(buf_span(&b), 1, b.n), 0, &g->hold, ret_code);
	buf_fini(&b);
	g->holding = g->ready = ok;
	return ok;
}

static void
keep_session(struct bridge *g, bool news)
{
	if (!g->holding)
		return;
	if (!news || hold_step(&g->hold)) {
		hold_renew(&g->hold);
		return;
	}
	/* A task whose time ran out is followed by another. One that somebody ended is not: the client must be started anew. */
	g->ended = g->hold.why != E_TASK_EXPIRED && g->hold.why != E_UNAVAILABLE;
	snprintf(g->ended_why, sizeof g->ended_why, "Ambit: this session's task was ended%s%s%s%.200s. Nothing was executed. Start the client anew for another.",
	    g->hold.actor ? " by " : "", g->hold.actor ? g->hold.actor : "", g->hold.reason ? ": " : "", g->hold.reason ? g->hold.reason : "");
	hold_close(&g->hold);
	g->holding = g->ready = false;
	if (!g->ended)
		open_session(g, &g->code);
}

static int
serve(struct bridge *g)
{
	struct buf ready;
	buf_init(&ready, 1 << 20);
	g->stdin_open = true;
	while ((g->stdin_open || ready.n || g->running) && !g->broken) {
		struct pollfd p[MAX_RUNNING + 3];
		bool room = g->running < MAX_RUNNING;
		p[0] = (struct pollfd){ g->stdin_open && room && ready.n < 65536 ? STDIN_FILENO : -1, POLLIN, 0 };
		p[1] = (struct pollfd){ g->holding ? g->hold.x.fd : -1, g->holding ? exchange_wants(&g->hold.x) : (short)0, 0 };
		p[2] = (struct pollfd){ STDOUT_FILENO, 0, 0 };  /* POLLERR: the reader is gone */
		for (unsigned i = 0; i < MAX_RUNNING; i++)
			p[3 + i] = (struct pollfd){ g->requests[i].used ? g->requests[i].x.fd : -1, g->requests[i].used ? exchange_wants(&g->requests[i].x) : (short)0, 0 };
		if (poll(p, MAX_RUNNING + 3, ready.n && room ? 0 : g->holding ? hold_renew_in(&g->hold) : -1) < 0 && errno != EINTR)
			break;
		if (p[2].revents & POLLERR)
			g->broken = true;
		keep_session(g, p[1].revents != 0);
		for (unsigned i = 0; i < MAX_RUNNING; i++)
			if (p[3 + i].revents && g->requests[i].used)
				step(g, &g->requests[i]);
		if (p[0].revents)
			take_input(g, &ready);
		use_input(g, &ready);
	}
	for (unsigned i = 0; i < MAX_RUNNING; i++)
		if (g->requests[i].used)
			end_request(g, &g->requests[i]);
	buf_fini(&ready);
	return 0;
}

int
mcp_run(struct cli *c)
{
	static struct bridge g;
	int code = 0;
	g.c = c;
	lines_init(&g.lines, BRIDGE_MAX_LINE);
	/* Without a session it serves all the same: a client shows a server that ends at once as nothing but "failed", while a
	 * refused request carries the reason, and the server may come up later. */
	open_session(&g, &g.code);
	serve(&g);
	code = g.ready ? 0 : g.code;
	if (g.holding) {
		hold_complete(&g.hold);
		hold_close(&g.hold);
	}
	lines_fini(&g.lines);
	return code;
}
