/* token: proof of a task, held by an agent. Core knows each by the hash of its text; an unknown one is no token. */
#ifndef AMBIT_CORE_TOKEN_H
#define AMBIT_CORE_TOKEN_H

#include "core/clock.h"
#include "core/row.h"
#include "core/timer.h"
#include "crypto/hash.h"
#include "base/map.h"

struct core;

#define TOKEN_TTL (300 * NS_PER_S)

struct task;
struct peer;

struct token {
	struct map_node node;            /* by hash of the text */
	struct row row;
	digest hash, confirm;
	uint64_t id, task_id;
	struct term term;
	struct timer timer;
	int64_t issued;                  /* wall; 0: by an older version, which did not say */
	uint8_t binding;                 /* enum binding */
	uint8_t audience;                /* enum audience */
};

struct token_new {
	uint64_t id;
	digest hash, confirm;
	struct term term;
	int64_t issued;
	uint8_t binding, audience;
};

/* A new token bound to the peer's channel; not in force before token_accept. */
status token_accept(struct core *c, struct task *t, const struct token_new *n);
/* NULL: no token of ours. */
struct token *token_find(const struct core *c, const digest *hash);
/* Ends it before its time, with an event. */
void token_revoke(struct core *c, struct token *k, span cause, span actor);
/* E_TOKEN_INVALID, E_TOKEN_EXPIRED, E_TOKEN_UNBOUND. */
uint16_t token_task(const struct core *c, const digest *hash, const struct peer *p, struct task **ret, uint64_t *ret_token);
/* What the token of that peer is bound to. False: the peer has proven no channel. */
bool token_channel(const struct peer *p, uint8_t *ret_binding, digest *ret_confirm);
void token_over(struct core *c, struct token *k);
void token_encode(const struct token *k, struct buf *b);
status tokens_link(struct core *c);
status token_restore(struct core *c, span key, span value);

#endif
