/* enrol: how a workload far away becomes an agent: a one-use token, shown once, binds the certificate that presents it. */
#ifndef AMBIT_CORE_ENROL_H
#define AMBIT_CORE_ENROL_H

#include "base/map.h"
#include "core/clock.h"
#include "core/row.h"
#include "core/timer.h"
#include "crypto/hash.h"

struct agent;
struct core;
struct peer;

struct enrolment {
	struct map_node node, by_token;
	struct row row;
	struct timer timer;
	uint64_t id, agent;
	digest token;                    /* SHA-256 of the text */
	struct term term;
};

/* A certificate that stands for an agent. */
struct cert {
	struct map_node node;
	struct row row;
	digest x5t;
	uint64_t agent;
};

enum { ENROL_TOKEN_BYTES = 32 };

/* `ret_text`: the token in base64url, 43 characters; core forgets it. */
status enrol_new(struct core *c, struct agent *a, int64_t ttl, span actor, char ret_text[static 64], struct enrolment **ret);
/* Uses it up. E_ENROLMENT: unknown, over, or the peer shows no certificate. */
status enrol_use(struct core *c, const struct peer *p, span token, struct agent **ret);
void enrol_timer(struct core *c, struct enrolment *e);
void enrol_free(struct core *c, struct enrolment *e);
void cert_free(struct core *c, struct cert *x);
/* 0: no agent's. */
uint64_t cert_agent(const struct core *c, const digest *x5t);
void enrolment_encode(const struct enrolment *e, struct buf *b);
status enrolment_restore(struct core *c, uint64_t id, span value);
status enrolments_link(struct core *c);
status cert_restore(struct core *c, span key, span value);

#endif
