#include "core/codec.h"
#include "core/core_priv.h"

#include <stdlib.h>

static bool hash_is(const struct map_node *n, const void *key) { return digest_eq(&container_of(n, struct token, node)->hash, key); }

struct token *
token_find(const struct core *c, const digest *hash)
{
	struct map_node *n = map_find(&c->tokens, map_hash_bytes(&c->tokens, digest_span(hash)), hash_is, hash);
	return n ? container_of(n, struct token, node) : NULL;
}

bool
token_channel(const struct peer *p, uint8_t *ret_binding, digest *ret_confirm)
{
	if (p->tls) {
		*ret_binding = BINDING_CERT;
		*ret_confirm = p->x5t;
		return p->has_cert;
	}
	/* The process, by pid and start time, is the channel: neither is used again for another one. */
	uint8_t raw[16];
	for (int i = 0; i < 8; i++) {
		raw[i] = (uint8_t)((uint64_t)p->pid >> (56 - 8 * i));
		raw[8 + i] = (uint8_t)(p->start >> (56 - 8 * i));
	}
	*ret_binding = BINDING_LOCAL_PEER;
	*ret_confirm = sha256(SPAN_OF(raw));
	return p->pid != 0;
}

static status
insert(struct core *c, struct token *k)
{
	TRY(timer_set(&c->timers, &k->timer, k->term.deadline));
	status s = map_add(&c->tokens, map_hash_bytes(&c->tokens, digest_span(&k->hash)), &k->node);
	if (failed(s))
		timer_del(&c->timers, &k->timer);
	return s;
}

static const char *const channels[] = {
	[BINDING_LOCAL_PEER] = "local", [BINDING_CERT] = "x5t#S256", [BINDING_KEY] = "jkt", [BINDING_NONE] = "bearer",
};

status
token_accept(struct core *c, struct task *t, const struct token_new *n)
{
	ENSURE(!token_find(c, &n->hash), E_EXISTS);
	ENSURE(n->binding < ARRAY_LEN(channels) && channels[n->binding], E_BAD_REQUEST);
	struct token *k = calloc(1, sizeof *k);
	ENSURE(k, E_NO_MEMORY);
	*k = (struct token){ .hash = n->hash, .confirm = n->confirm, .id = n->id, .task_id = t->id, .term = n->term, .issued = n->issued,
	                     .binding = n->binding, .audience = n->audience, .timer.kind = TIMER_TOKEN };
	row_init(&k->row, ROW_TOKEN);
	status s = insert(c, k);
	if (failed(s)) {
		free(k);
		return s;
	}
	struct event_writer *w = event_open(c, EV_TOKEN_ISSUED);
	event_id(w, F_TASK, t->id);
	event_id(w, F_AGENT, t->agent->id);
	event_id(w, F_TOKEN, k->id);
	event_text(w, F_CHANNEL, span_str(channels[k->binding]));
	event_time(w, F_EXPIRES, k->term.expires);
	event_digest(w, F_DIGEST, &k->hash);
	s = event_close(c, false);
	if (failed(s)) {
		token_over(c, k);
		return s;
	}
	row_mark(c, &k->row);
	return OK;
}

/* Does it come over the channel it was made for? A bearer token only as long as its agent may have one. */
static bool
bound_to(const struct token *k, const struct peer *p, const struct agent *a)
{
	uint8_t binding;
	digest confirm;
	switch ((enum binding)k->binding) {
	case BINDING_LOCAL_PEER: case BINDING_CERT:
		return token_channel(p, &binding, &confirm) && binding == k->binding && digest_eq(&confirm, &k->confirm);
	case BINDING_KEY:
		return p->tls && p->has_key && digest_eq(&p->key, &k->confirm);
	case BINDING_NONE:
		return p->tls && a->bearer;
	}
	return false;
}

uint16_t
token_task(const struct core *c, const digest *hash, const struct peer *p, struct task **ret, uint64_t *ret_token)
{
	const struct token *k = token_find(c, hash);
	if (!k)
		return E_TOKEN_INVALID;
	if (term_over(&c->clock, k->term))
		return E_TOKEN_EXPIRED;
	struct task *t = task_find(c, k->task_id);
	if (!t)
		return E_TOKEN_INVALID;
	if (!bound_to(k, p, t->agent))
		return E_TOKEN_UNBOUND;
	*ret = t;
	*ret_token = k->id;
	return E_OK;
}

void
token_revoke(struct core *c, struct token *k, span cause, span actor)
{
	const struct task *t = task_find(c, k->task_id);
	if (t) {
		struct event_writer *w = event_open(c, EV_TOKEN_REVOKED);
		event_id(w, F_TASK, t->id);
		event_id(w, F_AGENT, t->agent->id);
		event_id(w, F_TOKEN, k->id);
		event_text_opt(w, F_ACTOR, actor);
		event_text(w, F_CAUSE, cause);
		event_close_must(c);
		c->journal.priority = true;
	}
	token_over(c, k);
}

void
token_over(struct core *c, struct token *k)
{
	row_drop(c, &k->row);
	timer_del(&c->timers, &k->timer);
	map_del(&c->tokens, &k->node);
	free(k);
}

void
token_encode(const struct token *k, struct buf *b)
{
	buf_put_u8(b, 2);
	buf_put_u8(b, k->binding);
	put_digest(b, &k->confirm);
	buf_put_u64(b, k->id);
	buf_put_u64(b, k->task_id);
	buf_put_u64(b, (uint64_t)k->term.expires);
	buf_put_u64(b, (uint64_t)k->term.deadline);
	buf_put_u64(b, (uint64_t)k->issued);
	buf_put_u8(b, k->audience);
}

status
token_restore(struct core *c, span key, span value)
{
	struct reader r = rd_make(value);
	struct token *k = calloc(1, sizeof *k);
	ENSURE(k, E_NO_MEMORY);
	row_init(&k->row, ROW_TOKEN);
	k->row.stored = true;
	k->timer.kind = TIMER_TOKEN;
	uint8_t version = rd_u8(&r);
	k->binding = rd_u8(&r);
	k->confirm = rd_digest(&r);
	k->id = rd_u64(&r);
	k->task_id = rd_u64(&r);
	k->term.expires = rd_i64(&r);
	k->term.deadline = rd_i64(&r);
	if (version == 2) {
		k->issued = rd_i64(&r);
		k->audience = rd_u8(&r);
	}
	status s = rd_end(&r);
	if (failed(s) || version < 1 || version > 2 || !digest_from(key, &k->hash) || token_find(c, &k->hash))
		s = FAIL(E_CHAIN_BROKEN);
	/* The terms are set right once the clock is known (tokens_link). */
	if (!failed(s))
		s = map_add(&c->tokens, map_hash_bytes(&c->tokens, digest_span(&k->hash)), &k->node);
	if (failed(s))
		free(k);
	return s;
}

status
tokens_link(struct core *c)
{
	map_for(it, &c->tokens) {
		struct token *k = container_of(it, struct token, node);
		k->term = term_restore(&c->clock, k->term, c->same_boot);
		TRY(timer_set(&c->timers, &k->timer, k->term.deadline));
	}
	return OK;
}
