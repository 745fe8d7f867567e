/* peer: who is at the other end of a connection of an edge, as attest or the TLS handshake has proven it. */
#ifndef AMBIT_CORE_PEER_H
#define AMBIT_CORE_PEER_H

#include "base/map.h"
#include "crypto/hash.h"
#include "msg/msg.h"

struct agent;
struct core;
struct object;
struct task;

struct peer {
	struct map_node node;
	uint8_t edge, index;
	uint32_t conn;
	uint16_t error;                  /* E_OK, or what every request is answered with */
	bool tls, has_cert;
	uint32_t pid, uid, gid;
	uint64_t start;
	struct str *exe, *cgroup;
	digest exe_sha256, x5t;
	digest key;                      /* what the last DPoP proof has shown; see has_key */
	bool has_key;
	uint64_t proven_req;             /* the question that proof came with */
	uint64_t agent, task;            /* ids, 0: none; the agent is found afresh at each use */
	uint32_t holds;                  /* tasks that end with this connection */
};

struct peer *peer_find(const struct core *c, enum role edge, unsigned index, uint32_t conn);
void peer_attested(struct core *c, const struct msg_peer *m);
void peer_tls(struct core *c, enum role edge, unsigned index, const struct msg_peer_tls *m);
/* Finds out who it is and tells the edge; before the rows are in it waits for them. */
void peer_resolve(struct core *c, struct peer *p);
/* A proof of possession for the question that follows. One that was used before proves nothing. */
void peer_proven(struct core *c, unsigned index, const struct msg_proven *m);
void peer_gone(struct core *c, enum role edge, unsigned index, uint32_t conn);
/* The edge died with all its connections: held tasks get a grace. */
void peers_edge_gone(struct core *c, enum role edge, unsigned index);
void peer_free(struct core *c, struct peer *p);
/* The living agent this peer is, or NULL. */
struct agent *peer_agent(const struct core *c, const struct peer *p);
/* The person, by uid; `as` among several. NULL: none. */
const struct object *peer_user(const struct core *c, const struct peer *p, span as);
/* Whose task a request is about: the token's, or the local peer's own when the token is zero. */
uint16_t peer_task(const struct core *c, const struct peer *p, const digest *token, struct task **ret, uint64_t *ret_token);

#endif
