/* One operation: connect, ask, read, close. */
#include "cli.h"
#include "exchange.h"

#include <stdio.h>

/* The params with `as` in front, when a person chose one of their users. */
static status
with_as(struct cli *c, enum peer peer, span params, struct buf *b)
{
	if (peer != PEER_PEOPLE || !c->as || params.n < 2) {
		buf_put(b, params);
		return buf_finish(b);
	}
	struct json_writer w = json_w(b);
	buf_put_u8(b, '{');
	json_w_str(&w, SPAN("as"));
	buf_put_u8(b, ':');
	w = json_w(b);
	json_w_str(&w, span_str(c->as));
	if (params.n > 2)
		buf_put_u8(b, ',');
	buf_put(b, span_sub(params, 1, params.n));
	return buf_finish(b);
}

static status
ask(struct cli *c, enum peer peer, const char *op, span params, struct exchange *x, struct buf *body)
{
	struct buf with;
	char target[64];
	buf_init(&with, 16 << 20);
	snprintf(target, sizeof target, "/v1/%s", op);
	status s = exchange_open(x, peer == PEER_PEOPLE ? c->ctx.people_socket : c->ctx.agent_socket);
	if (!failed(s))
		s = with_as(c, peer, params, &with);
	if (!failed(s))
		s = exchange_send(x, target, (span){ 0 }, buf_span(&with));
	if (!failed(s))
		s = exchange_run(x, c->timeout, body);
	buf_fini(&with);
	return s;
}

status
cli_ask(struct cli *c, enum peer peer, const char *op, span params, struct answer *ret)
{
	struct exchange x;
	struct buf body;
	buf_init(&body, 256 << 20);
	status s = ask(c, peer, op, params, &x, &body);
	exchange_close(&x);
	*ret = (struct answer){ .http = x.head.status };
	if (!failed(s)) {
		ret->body = arena_copy(&c->arena, buf_span(&body));
		static const struct json_opts opts = { .max_bytes = 256 << 20, .max_depth = 256, .max_nodes = 16 << 20, .allow_nul = true };
		s = json_parse(ret->body, &opts, &c->arena, &ret->json, NULL);
		if (failed(s))
			s = FAIL(E_UPSTREAM);
	}
	buf_fini(&body);
	TRY(s);
	if (ret->http >= 400) {
		ret->error = json_gets(ret->json, "error");
		ENSURE(json_is_obj(ret->error), E_UPSTREAM);
	}
	return OK;
}

bool
cli_get(struct cli *c, enum peer peer, const char *op, span params, struct answer *ret, int *ret_exit)
{
	status s = cli_ask(c, peer, op, params, ret);
	if (failed(s))
		*ret_exit = cli_unreachable(c, s, peer);
	else if (ret->error)
		*ret_exit = cli_refused(c, ret->error);
	else
		return true;
	return false;
}
