/* client: which agent asks at the token endpoint, and how it has proven that. */
#ifndef AMBIT_CORE_CLIENT_H
#define AMBIT_CORE_CLIENT_H

#include "core/ops.h"

struct agent;
struct core;

/* By o->params (client_id, client_assertion_type, client_assertion) and the channel: an assertion signed by a registered key, used up here
 * (RFC 7523 §2.2), or the certificate or process the peer has proven (RFC 8705 §2). *ret_public: it has only said who it is.
 * E_CLIENT_INVALID for anything that does not hold; a client secret is refused as such. */
status client_identify(struct core *c, struct op_call *o, struct agent **ret, bool *ret_public);
/* The same where only proof will do. Sets o->client and o->actor. */
status client_authenticate(struct core *c, struct op_call *o);
/* Or that has only said who it is, where the agent has no key or certificate to prove more with: a person's program. */
status client_login(struct core *c, struct op_call *o);
/* The agent a client id stands for: its name, its id, or one of its `clients`. NULL: nobody's. */
struct agent *client_find(const struct core *c, span id);

#endif
