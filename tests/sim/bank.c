#include "tests/sim/bank.h"

#include "base/buf.h"
#include "base/id.h"
#include "msg/enums.h"
#include "tests/sim/node.h"

#include <stdio.h>

struct account *
bank_find(struct bank *b, uint64_t lease)
{
	for (size_t i = b->n; i-- > 0;)
		if (b->accounts[i].lease == lease)
			return &b->accounts[i];
	return NULL;
}

size_t
bank_count(const struct bank *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->n; i++)
		n += b->accounts[i].there;
	return n;
}

static unsigned
upstream_of(struct bank *b, span name)
{
	unsigned i = 0;
	while (i + 1 < BANK_UPSTREAMS && b->names[i][0] && !span_is(name, b->names[i]))
		i++;
	snprintf(b->names[i], sizeof b->names[i], "%.*s", SPAN_ARG(name));
	return i;
}

static void
say(struct node *n, struct bank *b, const struct msg *m)
{
	if (!b->lose)
		node_send(n, ROLE_ENGINE, 0, m);
	if (b->repeat)
		node_send(n, ROLE_ENGINE, 0, m);
	b->lose = b->repeat = false;
}

static void
say_state(struct node *n, struct bank *b, uint64_t lease, enum lease_op op, uint16_t error, int64_t expires)
{
	struct msg m = msg_make(MSG_LEASE_STATE);
	m.lease_state.lease = lease;
	m.lease_state.op = (uint8_t)op;
	m.lease_state.error = error;
	m.lease_state.native_end = true;
	m.lease_state.expires = expires;
	m.lease_state.why = error ? SPAN("the model says so") : (span){ 0 };
	say(n, b, &m);
}

static void
create(struct node *n, struct bank *b, const struct msg_lease_create *m)
{
	unsigned u = upstream_of(b, m->upstream);
	uint16_t error = b->down[u] ? E_UNAVAILABLE : b->delay ? E_TIMEOUT : E_OK;
	must(!bank_find(b, m->lease) && b->n < BANK_ACCOUNTS);
	b->creates++;
	struct account *a = &b->accounts[b->n++];
	*a = (struct account){ .lease = m->lease, .upstream = u, .expires = m->expires, .there = error == E_OK };
	if (b->delay && !b->down[u])
		b->late = m->lease;
	b->delay = false;
	if (b->created)
		b->created(n, a, m);
	say_state(n, b, m->lease, LEASE_OP_CREATE, error, m->expires);
}

void
bank_late(struct node *n, struct bank *b)
{
	struct account *a = b->late ? bank_find(b, b->late) : NULL;
	b->late = 0;
	if (a) {
		a->there = true;
		b->was_late = true;
	}
}

static void
revoke(struct node *n, struct bank *b, const struct msg_lease_revoke *m)
{
	unsigned u = upstream_of(b, m->upstream);
	struct account *a = bank_find(b, m->lease);
	uint16_t error = b->down[u] ? E_UNAVAILABLE : b->refuses ? E_UPSTREAM : E_OK;
	b->revokes++;
	b->refuses = false;
	if (a && error == E_OK)
		a->there = false;
	say_state(n, b, m->lease, LEASE_OP_REVOKE, error, 0);
}

static void
told(struct node *n, struct bank *b, const struct msg_engine_ask *m)
{
	CLEANUP(buf_fini) struct buf t;
	unsigned u = upstream_of(b, m->upstream);
	struct msg a = msg_make(MSG_ENGINE_TOLD);
	buf_init(&t, 1 << 20);
	buf_put_str(&t, "{\"accounts\":[");
	bool first = true;
	for (size_t i = 0; i < b->n; i++) {
		char id[ID_TEXT + 1];
		if (!b->accounts[i].there || b->accounts[i].upstream != u)
			continue;
		id_text(b->accounts[i].lease, id);
		buf_printf(&t, "%s{\"account\":\"x\",\"lease\":\"%s\"}", first ? "" : ",", id);
		first = false;
	}
	buf_put_str(&t, "]}");
	b->lists++;
	a.engine_told.req = m->req;
	a.engine_told.error = b->down[u] ? E_UNAVAILABLE : E_OK;
	a.engine_told.body = buf_span(&t);
	say(n, b, &a);
}

void
bank_serve(struct node *n, struct bank *b, const struct msg *m)
{
	struct account *a;
	if (b->mute)
		return;
	switch (m->type) {
	case MSG_LEASE_CREATE: create(n, b, &m->lease_create); return;
	case MSG_LEASE_REVOKE: revoke(n, b, &m->lease_revoke); return;
	case MSG_LEASE_DELIVER:
		a = bank_find(b, m->lease_deliver.lease);
		must(a && !a->delivered);
		a->delivered = true;
		b->delivers++;
		say_state(n, b, m->lease_deliver.lease, LEASE_OP_DELIVER, E_OK, 0);
		return;
	case MSG_LEASE_RENEW:
		a = bank_find(b, m->lease_renew.lease);
		b->renews++;
		if (a && a->there && !b->down[a->upstream])
			a->expires = m->lease_renew.expires;
		say_state(n, b, m->lease_renew.lease, LEASE_OP_RENEW, a && a->there && !b->down[a->upstream] ? E_OK : E_UNAVAILABLE, m->lease_renew.expires);
		return;
	case MSG_ENGINE_ASK: told(n, b, &m->engine_ask); return;
	default: return;
	}
}
