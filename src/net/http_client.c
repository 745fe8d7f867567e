#include "net/http_client_priv.h"

#include <stdlib.h>

enum { MAX_REQUEST = 64 << 20 };

static const int64_t SECOND = 1000000000;

static void pump(struct loop_hook *h);

static void
call_reap(struct loop_grave *g)
{
	struct http_call *k = container_of(g, struct http_call, grave);
	buf_fini(&k->out);
	free(k);
}

void
call_drop(struct http_call *k)
{
	if (k->state == CALL_WAITING)
		k->u->n_waiting--;
	k->state = CALL_DONE;
	k->conn = NULL;
	list_del(&k->node);
	loop_timer_stop(&k->timer);
	loop_reap(k->u->loop, &k->grave, call_reap);
}

void
call_end(struct http_call *k, status s)
{
	bool maybe_sent = k->sent > 0;
	call_drop(k);
	k->ev->on_end(k->user, k, s, maybe_sent);
}

void
call_on_timer(struct loop_timer *t)
{
	struct http_call *k = container_of(t, struct http_call, timer);
	if (k->conn)
		upconn_fail(k->conn, FAIL(E_TIMEOUT));
	else
		call_end(k, FAIL(E_TIMEOUT));
}

void
call_again(struct http_call *k)
{
	struct http_upstream *u = k->u;
	k->retried = true;
	k->conn = NULL;
	k->sent = 0;
	k->state = CALL_WAITING;
	list_add_head(&u->waiting, &k->node);
	u->n_waiting++;
	loop_defer(u->loop, &u->pump, pump);
}

void
upstream_turn(struct http_upstream *u)
{
	if (!list_empty(&u->waiting) && !u->freed)
		loop_defer(u->loop, &u->pump, pump);
}

static void
pump(struct loop_hook *h)
{
	struct http_upstream *u = container_of(h, struct http_upstream, pump);
	while (!u->freed && !list_empty(&u->waiting)) {
		struct http_call *k = container_of(u->waiting.next, struct http_call, node);
		struct upconn *c = k->retried ? NULL : upconn_idle(u);
		if (!c && u->n_conns >= u->o.max_conns && u->n_idle)
			upconn_kill(container_of(u->idle.next, struct upconn, node));
		if (!c && u->n_conns >= u->o.max_conns)
			return;
		list_del(&k->node);
		u->n_waiting--;
		k->state = CALL_HEAD;
		if (c) {
			c->call = k;
			k->conn = c;
			upconn_begin(c);
			continue;
		}
		status s = upconn_open(u, k);
		if (failed(s))
			call_end(k, s);
	}
}

static void
set_default(int64_t *v, int64_t d)
{
	if (*v == 0)
		*v = d;
}

status
http_upstream_new(struct loop *l, const struct http_upstream_options *o, struct http_upstream **ret)
{
	struct http_upstream *u = calloc(1, sizeof *u);
	char *host = strdup(o->host);
	if (!u || !host) {
		free(u);
		free(host);
		return FAIL(E_NO_MEMORY);
	}
	u->loop = l;
	u->o = *o;
	u->o.host = u->host = host;
	if (u->o.max_conns == 0)
		u->o.max_conns = 32;
	if (u->o.max_waiting == 0)
		u->o.max_waiting = 256;
	if (u->o.max_idle == 0)
		u->o.max_idle = 8;
	set_default(&u->o.idle_ns, 30 * SECOND);
	set_default(&u->o.connect_ns, 5 * SECOND);
	list_init(&u->conns);
	list_init(&u->idle);
	list_init(&u->waiting);
	*ret = u;
	return OK;
}

static void
upstream_reap(struct loop_grave *g)
{
	struct http_upstream *u = container_of(g, struct http_upstream, grave);
	free(u->host);
	free(u);
}

struct http_upstream *
http_upstream_free(struct http_upstream *u)
{
	if (!u)
		return NULL;
	u->freed = true;
	while (!list_empty(&u->waiting))
		call_drop(container_of(u->waiting.next, struct http_call, node));
	while (!list_empty(&u->conns)) {
		struct upconn *c = container_of(u->conns.next, struct upconn, node);
		struct http_call *k = c->call;
		upconn_kill(c);
		call_drop(k);
	}
	while (!list_empty(&u->idle))
		upconn_kill(container_of(u->idle.next, struct upconn, node));
	loop_hook_stop(&u->pump);
	loop_reap(u->loop, &u->grave, upstream_reap);
	return NULL;
}

/* The head as it goes out. Our own strict parser has the last word on whether it means what we meant. */
static status
put_request(struct http_call *k, const char *host, const struct http_outgoing *o)
{
	struct buf *b = &k->out;
	buf_put_str(b, o->method);
	buf_put(b, SPAN(" "));
	buf_put(b, o->target);
	buf_put(b, SPAN(" HTTP/1.1\r\nHost: "));
	buf_put_str(b, host);
	buf_put(b, SPAN("\r\n"));
	ENSURE(!failed(http1_put_fields(b, o->fields)), E_BAD_REQUEST);
	if (o->body.n || k->method == HTTP_POST || k->method == HTTP_PUT || k->method == HTTP_PATCH) {
		buf_put(b, SPAN("Content-Length: "));
		buf_put_udec(b, o->body.n);
		buf_put(b, SPAN("\r\n"));
	}
	buf_put(b, SPAN("\r\n"));
	TRY(buf_finish(b));
	struct http1_request q;
	ENSURE(!failed(http1_parse_request(buf_span(b), &q)), E_BAD_REQUEST);
	ENSURE(span_is(q.r.method_name, o->method) && span_eq(q.r.target, o->target) && q.content_length == o->body.n, E_BAD_REQUEST);
	buf_put(b, o->body);
	return buf_finish(b);
}

status
http_call_start(struct http_upstream *u, const struct http_outgoing *o, const struct http_call_events *ev, void *user,
    struct http_call **ret)
{
	ENSURE(u->n_waiting < u->o.max_waiting, E_RATE_LIMITED);
	struct http_call *k = calloc(1, sizeof *k);
	ENSURE(k, E_NO_MEMORY);
	buf_init(&k->out, MAX_REQUEST);
	k->method = http_method_of(span_str(o->method));
	status s = put_request(k, u->host, o);
	if (failed(s)) {
		buf_fini(&k->out);
		free(k);
		return s;
	}
	k->u = u;
	k->ev = ev;
	k->user = user;
	k->idempotent = o->idempotent;
	k->head_ns = o->head_ns;
	k->silence_ns = o->silence_ns;
	set_default(&k->head_ns, 30 * SECOND);
	set_default(&k->silence_ns, 300 * SECOND);
	k->max_body = o->max_body ? o->max_body : 16 << 20;
	list_init(&k->node);
	list_add_tail(&u->waiting, &k->node);
	u->n_waiting++;
	loop_timer_after(u->loop, &k->timer, k->head_ns, call_on_timer);
	loop_defer(u->loop, &u->pump, pump);
	*ret = k;
	return OK;
}

void
http_call_cancel(struct http_call *k)
{
	if (k->state == CALL_DONE)
		return;
	struct upconn *c = k->conn;
	call_drop(k);
	if (c)
		upconn_kill(c);   /* this is how the upstream learns of it */
}

void
http_call_pause(struct http_call *k)
{
	if (k->paused || k->state == CALL_DONE)
		return;
	k->paused = true;
	if (k->state == CALL_BODY)
		loop_timer_stop(&k->timer);   /* the silence is ours */
	if (k->conn)
		upconn_update(k->conn);
}

void
http_call_resume(struct http_call *k)
{
	struct upconn *c = k->conn;
	if (!k->paused || k->state == CALL_DONE)
		return;
	k->paused = false;
	if (!c || c->state != UP_BUSY)
		return;
	if (k->state == CALL_BODY)
		loop_timer_after(k->u->loop, &k->timer, k->silence_ns, call_on_timer);
	upconn_resume(c);
}
