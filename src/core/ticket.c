#include "core/core_priv.h"
#include "text/base64url.h"

#include <stdlib.h>

static bool hash_is(const struct map_node *n, const void *key) { return digest_eq(&container_of(n, struct ticket, node)->hash, key); }

struct ticket *
ticket_by_hash(const struct core *c, enum ticket_kind kind, const digest *hash)
{
	struct map_node *n = map_find(&c->tickets, map_hash_bytes(&c->tickets, digest_span(hash)), hash_is, hash);
	struct ticket *k = n ? container_of(n, struct ticket, node) : NULL;
	return k && k->kind == kind && !term_over(&c->clock, k->term) ? k : NULL;
}

struct ticket *
ticket_find(const struct core *c, enum ticket_kind kind, span text)
{
	digest hash = sha256(text);
	return ticket_by_hash(c, kind, &hash);
}

static status
make_text(struct core *c, span given, char ret[static TICKET_TEXT + 1])
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	uint8_t raw[32];
	buf_init(&b, TICKET_TEXT);
	if (given.n) {
		buf_put(&b, given);
	} else {
		drbg_bytes(&c->rng, raw, sizeof raw);
		base64url_encode(SPAN_OF(raw), &b);
	}
	TRY(buf_finish(&b));
	memcpy(ret, b.p, b.n);
	ret[b.n] = 0;
	return OK;
}

status
ticket_new(struct core *c, enum ticket_kind kind, int64_t ttl, span given, char ret_text[static TICKET_TEXT + 1], struct ticket **ret)
{
	ENSURE(c->tickets.count < TICKETS_MAX, E_LIMIT);
	TRY(make_text(c, given, ret_text));
	struct ticket *k = calloc(1, sizeof *k);
	ENSURE(k, E_NO_MEMORY);
	*k = (struct ticket){ .kind = (uint8_t)kind, .hash = sha256(span_str(ret_text)), .term = term_make(&c->clock, ttl), .timer.kind = TIMER_TICKET };
	uint64_t hash = map_hash_bytes(&c->tickets, digest_span(&k->hash));
	status s = map_find(&c->tickets, hash, hash_is, &k->hash) ? FAIL(E_EXISTS) : timer_set(&c->timers, &k->timer, k->term.deadline);
	if (!failed(s))
		s = map_add(&c->tickets, hash, &k->node);
	if (failed(s)) {
		timer_del(&c->timers, &k->timer);
		free(k);
		return s;
	}
	*ret = k;
	return OK;
}

void
ticket_over(struct core *c, struct ticket *k)
{
	timer_del(&c->timers, &k->timer);
	map_del(&c->tickets, &k->node);
	str_unref(&c->strs, k->user);
	str_unref(&c->strs, k->client);
	str_unref(&c->strs, k->redirect);
	str_unref(&c->strs, k->state);
	str_unref(&c->strs, k->details);
	free(k);
}
