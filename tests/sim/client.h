/* client: asking a simulated node as an agent or a person would, and what it answered. */
#ifndef AMBIT_TESTS_SIM_CLIENT_H
#define AMBIT_TESTS_SIM_CLIENT_H

#include "tests/sim/node.h"
#include "crypto/hash.h"
#include "msg/ops.h"

struct reply {
	uint16_t type;               /* MSG_ANSWER, MSG_VERDICT or MSG_CUT; 0: none yet */
	uint64_t req, call, approval;
	uint16_t error;
	uint8_t verdict;
	char *body;                  /* NUL-terminated */
};

struct client {
	struct node node;
	struct reply *replies;
	size_t reply_n, reply_cap;
	uint64_t next_req;
	/* The last PERMIT and CUT_CALL seen by the tools role. */
	struct { uint64_t call, task; char args[512], tool[128]; } permit;
	uint64_t permits, cuts, cut_call;
	struct arena arena;
	uint16_t last_error;
};

/* A started node with the resources of `bootstrap`, one stdio server "files" (tools read_file, write_file, delete_file) and
 * one "net" (fetch), all reviewed by admin. */
void client_init(struct client *c, uint64_t seed, const char *bootstrap);
void client_fini(struct client *c);

/* A connection by attestation. */
void client_peer(struct client *c, enum role edge, uint32_t conn, uint32_t uid, uint32_t pid, const char *exe, uint64_t root_task);
void client_tls(struct client *c, uint32_t conn, const char *cert);
/* An operation, settled; the parsed answer or NULL with c->last_error. */
const struct json *client_op(struct client *c, enum role edge, uint32_t conn, enum op op, const char *params);
uint64_t client_op_send(struct client *c, enum role edge, uint32_t conn, enum op op, const char *params, const char *token);
/* A call, not settled. */
uint64_t client_call(struct client *c, enum role edge, uint32_t conn, const char *token, const char *tool, const char *args, uint32_t hold_ms);
/* The same, settled. */
const struct reply *client_call_now(struct client *c, uint32_t conn, const char *tool, const char *args);
/* The reply to that question so far, or NULL. */
const struct reply *client_reply(const struct client *c, uint64_t req);
/* The tools role reports. */
void client_state(struct client *c, uint64_t call, uint8_t state, uint16_t error);
/* Text at a pointer ("" when absent), in the arena. */
const char *client_str(struct client *c, const struct json *v, const char *pointer);
int64_t client_int(const struct json *v, const char *pointer);

#endif
