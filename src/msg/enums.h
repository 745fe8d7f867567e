/* Values of the enumerated message fields (msg/messages.def). Part of the wire between roles of one build. */
#ifndef AMBIT_MSG_ENUMS_H
#define AMBIT_MSG_ENUMS_H

enum listen_kind { LISTEN_TLS, LISTEN_AGENT_SOCKET, LISTEN_PEOPLE_SOCKET, LISTEN_PEOPLE_TLS, LISTEN_COUNT };

/* Zeroed memory denies. */
enum verdict { VERDICT_DENY = 0, VERDICT_ALLOW = 1, VERDICT_PENDING = 2 };

/* ORDER call_state: decided -> dispatched -> done | cut | unknown; refused: the tools role never dispatched it. */
enum call_state { CALL_DECIDED, CALL_DISPATCHED, CALL_DONE, CALL_CUT, CALL_UNKNOWN, CALL_REFUSED, CALL_STATE_COUNT };

/* RESULT_PROGRESS: a notification for the caller; RESULT_FINAL: the JSON-RPC result; RESULT_FAILED: no result (error says why). */
enum result_kind { RESULT_PROGRESS, RESULT_FINAL, RESULT_FAILED };

/* How a task token is bound to its channel; in stored rows. BINDING_NONE: a bearer token, only for agents whose resource says
 * `bearer`. */
enum binding { BINDING_LOCAL_PEER = 1, BINDING_CERT = 2, BINDING_KEY = 3, BINDING_NONE = 4 };

/* What a search of the AuthZEN API looks for. */
enum search_kind { SEARCH_SUBJECT = 1, SEARCH_RESOURCE = 2, SEARCH_ACTION = 3 };

/* What the engine role does for a lease. LEASE_OP_DELIVER: the credential went to the edge. */
enum lease_op { LEASE_OP_CREATE, LEASE_OP_DELIVER, LEASE_OP_RENEW, LEASE_OP_REVOKE, LEASE_OP_COUNT };

/* What core asks about an upstream. LIST: every account that bears our prefix; INVENTORY: every account. */
enum engine_ask { ENGINE_ASK_LIST, ENGINE_ASK_TEST, ENGINE_ASK_INVENTORY, ENGINE_ASK_ROTATE, ENGINE_ASK_COUNT };

#endif
