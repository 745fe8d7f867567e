/* chain: every event is bound to all before it.
 *
 *   leaf(n) = SHA-256(0x00 || event bytes)
 *   head(n) = SHA-256(0x01 || head(n-1) || leaf(n)),  head(0) = 32 zero bytes
 *
 * The leaf is that of RFC 6962, so the same events can later stand in a Merkle tree. */
#ifndef AMBIT_LOG_CHAIN_H
#define AMBIT_LOG_CHAIN_H

#include "crypto/hash.h"

struct event;

struct chain {
	uint64_t seq;      /* of the last event; 0: none */
	digest head;
};

digest chain_leaf(span event_bytes);
/* Counts and links one event; its seq must be c->seq + 1 (the caller's care). */
void chain_push(struct chain *c, span event_bytes);
/* Decodes the event and pushes it. E_BAD_MESSAGE: not an event; E_CHAIN_BROKEN: its seq does not follow. On failure *c is
 * unchanged. `ret` (may be NULL) is the decoded event. */
status chain_verify(struct chain *c, span event_bytes, struct event *ret);

#endif
