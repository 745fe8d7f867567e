/* authzen: OpenID AuthZEN Authorization API 1.0, the evaluation endpoint. Parse and render; core decides. */
#ifndef AMBIT_API_AUTHZEN_H
#define AMBIT_API_AUTHZEN_H

#include "text/json.h"

/* Checks the shape §5.1 asks for and gives the request's canonical JSON (in `a`). E_BAD_JSON or E_BAD_REQUEST with reterr saying
 * which member; unknown members pass. */
status authzen_read(struct arena *a, span body, span *ret_question, struct json_error *reterr);

/* {"decision":allow,"context":detail}; `detail` is the verdict's JSON as core wrote it (docs/model.md §3). Only a plain allow is one:
 * a verdict that waits for people is not. */
status authzen_render(struct buf *b, bool allow, span detail);

/* The policy decision point metadata (§9) for `base`, "https://host:port". */
void authzen_metadata(struct buf *b, span base);

#endif
