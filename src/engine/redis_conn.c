#include "engine/redis_priv.h"

#include <stdio.h>

static status
lost(struct redis_engine *g, status s, const char *what)
{
	stream_close(&g->s);
	engine_because(&g->e, "redis: %s", what);
	return s;
}

static status
receive(struct redis_engine *g, struct arena *a, int64_t deadline, struct resp *ret)
{
	size_t used = 0, need = 1;
	for (;;) {
		if (g->s.in.n >= need) {
			arena_reset(a);
			TRY(resp_parse(buf_span(&g->s.in), a, ret, &used, &need));
			if (used)
				break;
		}
		TRY(stream_more(&g->s, deadline));
	}
	ENSURE(used == g->s.in.n, E_BAD_MESSAGE);   /* one question, one answer */
	return OK;
}

static status
exchange(struct redis_engine *g, struct arena *a, struct resp *ret, size_t n, const span *args)
{
	struct buf out;
	int64_t deadline = engine_deadline(&g->e);
	buf_init(&out, 1 << 20);
	buf_reset(&g->s.in);
	resp_command(&out, n, args);
	status s = buf_finish(&out);
	if (!failed(s))
		s = stream_send(&g->s, buf_span(&out), deadline);
	secret_wipe(out.p, out.cap);
	buf_fini(&out);
	if (!failed(s))
		s = receive(g, a, deadline, ret);
	if (!failed(s))
		return OK;
	if (s.code == E_BAD_MESSAGE || s.code == E_LIMIT)
		return lost(g, FAIL(E_UPSTREAM), "its answer is not RESP2");
	return lost(g, s, s.code == E_TIMEOUT ? "no answer in time" : s.code == E_NO_MEMORY ? "out of memory" : "the connection was lost");
}

static status
refusal(struct redis_engine *g, span text)
{
	static const struct { const char *prefix; uint16_t code; } rows[] = {
		{ "WRONGPASS", E_NOT_PERMITTED }, { "NOAUTH", E_NOT_PERMITTED }, { "NOPERM", E_NOT_PERMITTED },
		{ "BUSY", E_TIMEOUT }, { "LOADING", E_UNAVAILABLE }, { "MASTERDOWN", E_UNAVAILABLE }, { "READONLY", E_BAD_CONFIG },
	};
	engine_because(&g->e, "redis: %.*s", SPAN_ARG(span_sub(text, 0, 200)));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (span_starts(text, span_str(rows[i].prefix)))
			return FAIL(rows[i].code);
	return FAIL(E_UPSTREAM);
}

/* While a script runs on and on the server hears nobody but who ends it. */
static status
plain(struct redis_engine *g, struct arena *a, struct resp *ret, size_t n, const span *args)
{
	int64_t deadline = engine_deadline(&g->e);
	unsigned tries = 0;
	for (;;) {
		TRY(exchange(g, a, ret, n, args));
		if (ret->kind != RESP_ERROR)
			return OK;
		status s = refusal(g, ret->s);
		if (s.code != E_TIMEOUT || !g->unblock || failed(engine_pause(&tries, deadline)))
			return s;
		/* one of the two is refused: no such thing is running */
		TRY(exchange(g, a, ret, 2, (const span[]){ SPAN("SCRIPT"), SPAN("KILL") }));
		TRY(exchange(g, a, ret, 2, (const span[]){ SPAN("FUNCTION"), SPAN("KILL") }));
	}
}

#define PLAIN(g, a, ret, ...) plain((g), (a), (ret), sizeof((const span[]){ __VA_ARGS__ }) / sizeof(span), (const span[]){ __VA_ARGS__ })

static status
dial(struct redis_engine *g, struct arena *a, const struct secret *password)
{
	const struct redis_options *o = redis_options(g);
	struct stream_target t = { .host = o->host, .port = (uint16_t)o->port, .tls = o->tls, .ca = o->ca };
	struct resp r;
	const char *why = "";
	status s = stream_open(&g->s, &t, engine_deadline(&g->e), &why);
	if (failed(s))
		return lost(g, s, why);
	return password ? PLAIN(g, a, &r, SPAN("AUTH"), o->user, secret_reveal(password)) : OK;
}

/* "… name=x user=y …": the value of a key in one line. Names and users of clients hold no blanks. */
static span
field_of(span line, span key)
{
	while (line.n) {
		size_t n = span_find(line, ' ');
		span f = span_sub(line, 0, n);
		if (span_starts(f, key) && f.n > key.n && f.p[key.n] == '=')
			return span_sub(f, key.n + 1, f.n);
		line = span_sub(line, n + 1, line.n);
	}
	return (span){ 0 };
}

static status
walk(span list, span key, span value, status (*fn)(void *user, span id, span addr), void *user)
{
	while (list.n) {
		size_t n = span_find(list, '\n');
		span line = span_sub(list, 0, n), addr = field_of(line, SPAN("addr"));
		while (addr.n && addr.p[addr.n - 1] != ':')
			addr.n--;
		if (span_eq(field_of(line, key), value))
			TRY(fn(user, field_of(line, SPAN("id")), addr));
		list = span_sub(list, n + 1, list.n);
	}
	return OK;
}

struct fence {
	struct redis_engine *g;
	int64_t self;
	uint64_t ids[64];
	size_t n;
};

static status
on_other(void *user, span id, span)
{
	struct fence *f = user;
	uint64_t v = 0;
	ENSURE(span_to_u64(id, &v), E_UPSTREAM);
	if ((int64_t)v != f->self && f->n < ARRAY_LEN(f->ids))
		f->ids[f->n++] = v;
	return OK;
}

/* Ends the connections of earlier workers with our prefix: what they sent and Redis has not read yet goes with them, so that no creation
 * comes after the revocation that found nothing. */
static status
fence(struct redis_engine *g, struct arena *a)
{
	const struct engine_options *o = &redis_options(g)->common;
	struct fence f = { .g = g };
	struct resp r;
	char name[64], id[24];
	snprintf(name, sizeof name, "ambit-engine:%.*s", SPAN_ARG(o->prefix));
	TRY(PLAIN(g, a, &r, SPAN("CLIENT"), SPAN("SETNAME"), span_str(name)));
	TRY(PLAIN(g, a, &r, SPAN("CLIENT"), SPAN("ID")));
	f.self = r.i;
	TRY(PLAIN(g, a, &r, SPAN("CLIENT"), SPAN("LIST")));
	TRY(walk(r.s, SPAN("name"), span_str(name), on_other, &f));
	for (size_t i = 0; i < f.n; i++) {
		snprintf(id, sizeof id, "%llu", (unsigned long long)f.ids[i]);
		TRY(PLAIN(g, a, &r, SPAN("CLIENT"), SPAN("KILL"), SPAN("ID"), span_str(id)));
	}
	return f.n < ARRAY_LEN(f.ids) ? OK : FAIL(E_UPSTREAM);
}

static status
connected(struct redis_engine *g, struct arena *a)
{
	if (stream_is_open(&g->s) && !stream_is_stale(&g->s))
		return OK;
	stream_close(&g->s);
	status s = dial(g, a, g->e.root);
	if (!failed(s))
		s = fence(g, a);
	if (failed(s))
		stream_close(&g->s);
	return s;
}

status
redis_ask(struct redis_engine *g, struct arena *a, struct resp *ret, size_t n, const span *args)
{
	buf_reset(&g->s.in);   /* the answer before this one ends here */
	TRY(connected(g, a));
	return plain(g, a, ret, n, args);
}

status
redis_try_login(struct redis_engine *g, const struct secret *password)
{
	CLEANUP(arena_fini) struct arena a;
	struct resp r;
	arena_init(&a, 1 << 20);
	stream_close(&g->s);
	status s = dial(g, &a, password);
	if (!failed(s))
		s = PLAIN(g, &a, &r, SPAN("PING"));
	stream_close(&g->s);
	return s;
}

status
redis_clients(struct redis_engine *g, span key, span value, status (*fn)(void *user, span id, span addr), void *user)
{
	CLEANUP(arena_fini) struct arena a;
	struct resp r;
	arena_init(&a, 1 << 20);
	TRY(REDIS(g, &a, &r, SPAN("CLIENT"), SPAN("LIST")));
	ENSURE(r.kind == RESP_BULK, E_UPSTREAM);
	return walk(r.s, key, value, fn, user);
}
