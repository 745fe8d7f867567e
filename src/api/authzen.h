/* authzen: OpenID AuthZEN Authorization API 1.0: evaluation, evaluations, the three searches, metadata. Parse and render; core
 * decides. */
#ifndef AMBIT_API_AUTHZEN_H
#define AMBIT_API_AUTHZEN_H

#include "text/json.h"

/* Checks the shape §5.1 asks for and gives a copy of it (in `a`): core reads it for itself, as strictly. E_BAD_JSON or E_BAD_REQUEST with reterr saying
 * which member; unknown members pass. */
status authzen_read(struct arena *a, span body, span *ret_question, struct json_error *reterr);

/* ---- evaluations (§7) ---- */

/* ORDER semantics */
enum authzen_semantic { AUTHZEN_EXECUTE_ALL, AUTHZEN_DENY_ON_FIRST_DENY, AUTHZEN_PERMIT_ON_FIRST_PERMIT };

/* What one request may ask: that many questions, and that many bytes once the defaults are in each of them. */
enum { AUTHZEN_ITEMS = 256, AUTHZEN_BATCH_BYTES = 4 << 20 };

struct authzen_item {
	span question;          /* canonical JSON; empty: the item can not be asked */
	span fault;             /* why not */
};

struct authzen_batch {
	struct authzen_item *items;
	uint32_t n;
	enum authzen_semantic semantic;
};

/* Reads a body of the evaluations endpoint: the defaults at its top, replaced whole by an item's own members. n == 0: there is no
 * list, or an empty one, and the body is a single question: ask authzen_read. E_BAD_JSON, E_BAD_REQUEST for what concerns all items;
 * E_LIMIT: more than AUTHZEN_ITEMS, or too large. */
status authzen_read_batch(struct arena *a, span body, struct authzen_batch *ret, struct json_error *reterr);
/* After this answer, no more is asked. */
static inline bool
authzen_is_last(enum authzen_semantic s, bool allow)
{
	return (s == AUTHZEN_DENY_ON_FIRST_DENY && !allow) || (s == AUTHZEN_PERMIT_ON_FIRST_PERMIT && allow);
}

/* ---- searches (§8) ---- */

/* Checks a search for one of SEARCH_SUBJECT, SEARCH_RESOURCE, SEARCH_ACTION (msg/enums.h); gives its canonical JSON. */
status authzen_read_search(struct arena *a, uint8_t kind, span body, span *ret_question, struct json_error *reterr);

/* ---- answers ---- */

/* {"decision":allow,"context":detail}; `detail` is the verdict's JSON as core wrote it (docs/model.md §3). Only a plain allow is one:
 * a verdict that waits for people is not. */
status authzen_render(struct buf *b, bool allow, span detail);
/* {"decision":false,"context":{"error":{"status":400,"message":"…"}}}: an item that can not be answered (§7.2.1). */
status authzen_render_fault(struct buf *b, uint16_t error, span message);

/* The policy decision point metadata (§9) for `base`, "https://host:port", or for one application of it: `app` not empty. */
void authzen_metadata(struct buf *b, span base, span app);

#endif
