#include "log/chain.h"
#include "log/event.h"

digest
chain_leaf(span event_bytes)
{
	return sha256_tagged(0x00, event_bytes);
}

void
chain_push(struct chain *c, span event_bytes)
{
	digest leaf = chain_leaf(event_bytes);
	uint8_t both[2 * DIGEST_SIZE];
	memcpy(both, c->head.b, DIGEST_SIZE);
	memcpy(both + DIGEST_SIZE, leaf.b, DIGEST_SIZE);
	c->head = sha256_tagged(0x01, SPAN_OF(both));
	c->seq++;
}

status
chain_verify(struct chain *c, span event_bytes, struct event *ret)
{
	struct event e;
	TRY(event_decode(event_bytes, &e));
	ENSURE(e.head.seq == c->seq + 1, E_CHAIN_BROKEN);
	chain_push(c, event_bytes);
	if (ret)
		*ret = e;
	return OK;
}
