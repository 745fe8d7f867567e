#include "core/codec.h"
#include "core/core_priv.h"
#include "text/base64url.h"

#include <stdlib.h>

static bool token_is(const struct map_node *n, const void *key) { return digest_eq(&container_of(n, struct enrolment, by_token)->token, key); }
static bool id_is(const struct map_node *n, const void *key) { return container_of(n, struct enrolment, node)->id == *(const uint64_t *)key; }
static bool x5t_is(const struct map_node *n, const void *key) { return digest_eq(&container_of(n, struct cert, node)->x5t, key); }

static struct enrolment *
by_token(const struct core *c, const digest *d)
{
	struct map_node *n = map_find(&c->enrolment_tokens, map_hash_bytes(&c->enrolment_tokens, digest_span(d)), token_is, d);
	return n ? container_of(n, struct enrolment, by_token) : NULL;
}

static struct cert *
cert_find(const struct core *c, const digest *x5t)
{
	struct map_node *n = map_find(&c->certs, map_hash_bytes(&c->certs, digest_span(x5t)), x5t_is, x5t);
	return n ? container_of(n, struct cert, node) : NULL;
}

uint64_t
cert_agent(const struct core *c, const digest *x5t)
{
	const struct cert *x = cert_find(c, x5t);
	return x ? x->agent : 0;
}

void
enrol_free(struct core *c, struct enrolment *e)
{
	row_drop(c, &e->row);
	timer_del(&c->timers, &e->timer);
	map_del(&c->enrolments, &e->node);
	map_del(&c->enrolment_tokens, &e->by_token);
	free(e);
}

void
cert_free(struct core *c, struct cert *x)
{
	row_drop(c, &x->row);
	map_del(&c->certs, &x->node);
	free(x);
}

static status
insert(struct core *c, struct enrolment *e)
{
	if (map_find(&c->enrolments, map_hash_u64(&c->enrolments, e->id), id_is, &e->id) || by_token(c, &e->token))
		return FAIL(E_EXISTS);
	TRY(map_reserve(&c->enrolment_tokens, c->enrolment_tokens.count + 1));
	TRY(timer_set(&c->timers, &e->timer, e->term.deadline));
	TRY(map_add(&c->enrolments, map_hash_u64(&c->enrolments, e->id), &e->node));
	return map_add(&c->enrolment_tokens, map_hash_bytes(&c->enrolment_tokens, digest_span(&e->token)), &e->by_token);
}

status
enrol_new(struct core *c, struct agent *a, int64_t ttl, span actor, char ret_text[static 64], struct enrolment **ret)
{
	uint8_t raw[ENROL_TOKEN_BYTES];
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 63);
	drbg_bytes(&c->rng, raw, sizeof raw);
	base64url_encode(SPAN_OF(raw), &text);
	TRY(buf_finish(&text));
	struct enrolment *e = calloc(1, sizeof *e);
	ENSURE(e, E_NO_MEMORY);
	*e = (struct enrolment){ .id = core_id(c, ID_ENROLMENT), .agent = a->id, .token = sha256(buf_span(&text)),
	                         .term = term_make(&c->clock, ttl), .timer.kind = TIMER_ENROLMENT };
	row_init(&e->row, ROW_ENROLMENT);
	status s = insert(c, e);
	if (!failed(s)) {
		struct event_writer *w = event_open(c, EV_ENROLMENT_CREATED);
		event_id(w, F_AGENT, a->id);
		event_id(w, F_ENROLMENT, e->id);
		event_text(w, F_ACTOR, actor);
		event_text(w, F_AGENT_NAME, str_span(a->name));
		event_time(w, F_EXPIRES, e->term.expires);
		event_digest(w, F_DIGEST, &e->token);
		s = event_close(c, false);
	}
	if (failed(s)) {
		enrol_free(c, e);
		return s;
	}
	memcpy(ret_text, text.p, text.n);
	ret_text[text.n] = 0;
	row_mark(c, &e->row);
	*ret = e;
	return OK;
}

/* Gone before anybody else can present it. */
static void use_up(struct core *c, struct enrolment *e) { enrol_free(c, e); }

status
enrol_use(struct core *c, const struct peer *p, span token, struct agent **ret)
{
	digest d = sha256(token);
	struct enrolment *e = by_token(c, &d);
	ENSURE(p->tls && p->has_cert, E_ENROLMENT);
	ENSURE(e && !term_over(&c->clock, e->term), E_ENROLMENT);
	struct agent *a = agent_by_id(c, e->agent);
	ENSURE(a && a->state == AGENT_ACTIVE, E_AGENT_INACTIVE);
	ENSURE(!cert_find(c, &p->x5t), E_EXISTS);
	struct cert *x = calloc(1, sizeof *x);
	ENSURE(x, E_NO_MEMORY);
	x->x5t = p->x5t;
	x->agent = a->id;
	row_init(&x->row, ROW_CERT);
	status s = map_add(&c->certs, map_hash_bytes(&c->certs, digest_span(&x->x5t)), &x->node);
	if (!failed(s)) {
		struct event_writer *w = event_open(c, EV_AGENT_ENROLLED);
		event_id(w, F_AGENT, a->id);
		event_id(w, F_ENROLMENT, e->id);
		event_text(w, F_AGENT_NAME, str_span(a->name));
		event_text(w, F_CHANNEL, SPAN("x5t#S256"));
		s = event_close(c, false);
	}
	if (failed(s)) {
		cert_free(c, x);
		return s;
	}
	row_mark(c, &x->row);
	use_up(c, e);
	*ret = a;
	return OK;
}

void
enrol_timer(struct core *c, struct enrolment *e)
{
	struct event_writer *w = event_open(c, EV_ENROLMENT_EXPIRED);
	event_id(w, F_AGENT, e->agent);
	event_id(w, F_ENROLMENT, e->id);
	event_text(w, F_CAUSE, SPAN("expired"));
	event_close_must(c);
	enrol_free(c, e);
}

void
enrolment_encode(const struct enrolment *e, struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u64(b, e->agent);
	put_digest(b, &e->token);
	buf_put_u64(b, (uint64_t)e->term.expires);
	buf_put_u64(b, (uint64_t)e->term.deadline);
}

status
enrolment_restore(struct core *c, uint64_t id, span value)
{
	struct reader r = rd_make(value);
	struct enrolment *e = calloc(1, sizeof *e);
	ENSURE(e, E_NO_MEMORY);
	e->id = id;
	e->timer.kind = TIMER_ENROLMENT;
	row_init(&e->row, ROW_ENROLMENT);
	uint8_t version = rd_u8(&r);
	e->agent = rd_u64(&r);
	e->token = rd_digest(&r);
	e->term.expires = rd_i64(&r);
	e->term.deadline = rd_i64(&r);
	status s = rd_end(&r);
	if (!failed(s) && (version != 1 || id_kind(id) != ID_ENROLMENT))
		s = FAIL(E_CHAIN_BROKEN);
	if (!failed(s))
		s = insert(c, e);
	if (failed(s))
		enrol_free(c, e);
	else
		e->row.stored = true;
	return s;
}

status
enrolments_link(struct core *c)
{
	map_for(it, &c->enrolments) {
		struct enrolment *e = container_of(it, struct enrolment, node);
		e->term = term_restore(&c->clock, e->term, c->same_boot);
		TRY(timer_set(&c->timers, &e->timer, e->term.deadline));
	}
	return OK;
}

status
cert_restore(struct core *c, span key, span value)
{
	struct reader r = rd_make(value);
	uint64_t agent = rd_u64(&r);
	struct cert *x = calloc(1, sizeof *x);
	ENSURE(x, E_NO_MEMORY);
	x->agent = agent;
	row_init(&x->row, ROW_CERT);
	status s = rd_end(&r);
	if (!failed(s) && (!digest_from(key, &x->x5t) || cert_find(c, &x->x5t)))
		s = FAIL(E_CHAIN_BROKEN);
	if (!failed(s))
		s = map_add(&c->certs, map_hash_bytes(&c->certs, digest_span(&x->x5t)), &x->node);
	if (failed(s)) {
		free(x);
		return s;
	}
	x->row.stored = true;
	return OK;
}
