/* edge: parses hostile bytes, proves the channel, asks core, renders the answer. It decides nothing and holds no secret but the
 * key of its own short-lived TLS leaf. Three classes share this code: agents (TLS), local (the agent socket), people.
 *
 * An ask is one HTTP exchange on its way through core. A connection's first ask waits until core knows the peer.
 *
 *   parse ──▶ waiting (peer not known yet) ──▶ asked ──▶ answered
 *                                               │  allow: running (result comes from the tools role) ──▶ answered
 *                                               └─ core lost: answered "unavailable" or "outcome unknown"        */
#ifndef AMBIT_ROLE_EDGE_PRIV_H
#define AMBIT_ROLE_EDGE_PRIV_H

#include "api/authzen.h"
#include "api/http_api.h"
#include "api/mcp.h"
#include "api/oauth.h"
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/sign.h"
#include "identity/dpop.h"
#include "net/http_server.h"
#include "role/edge_token.h"
#include "role/role.h"

enum {
	EDGE_HOSTS = 8,
	EDGE_HOLD_MS = 4000,          /* PRODUCT 0.3: hold briefly, then park */
	EDGE_BODY_MAX = 1 << 20,
	EDGE_APPLY_MAX = 4 << 20,     /* people may apply large resource sets */
	EDGE_ARENA = 8 << 20,
	EDGE_KEEPALIVE_S = 15,        /* a silent call becomes a stream after this, and stays warm */
	EDGE_BACKLOG = 20 << 20,      /* rendered bytes an exchange may wait to write */
};

enum peer_state { PEER_NEW, PEER_ASKED, PEER_IS_KNOWN, PEER_REFUSED };

struct edge_conn {
	struct map_node node;         /* edge.conns, by number */
	struct http_conn *http;
	uint32_t number;
	enum peer_state state;
	uint16_t error;               /* PEER_REFUSED */
	uint64_t task;
	struct list waiting;          /* asks held until the peer is known */
};

struct ask {
	struct map_node node;         /* edge.asks, by the exchange's number */
	struct list link;             /* edge_conn.waiting, or the free list */
	struct edge *edge;
	struct http_exchange *x;      /* NULL: the caller has gone */
	struct edge_conn *conn;
	uint64_t req;
	enum door door;
	enum op op;
	enum mcp_own own;
	struct mcp_message mcp;
	span params;                  /* canonical JSON of an op, evaluation or search */
	span app;                     /* AuthZEN: the application asked about */
	uint8_t search;               /* DOOR_SEARCH: enum search_kind */
	struct batch *batch;          /* DOOR_EVALUATIONS, when it is a list; in the arena */
	span request_id;              /* X-Request-ID, echoed */
	struct {
		uint8_t key[32], id[32];
		int64_t issued;       /* 0: no proof came with it */
	} proof;                      /* of possession (DPoP) */
	uint8_t token[32];            /* SHA-256 of the presented token; zero: none */
	uint64_t call;                /* allowed, on its way */
	bool accepts_sse, streaming, ended;
	bool takes_fd;                /* a credential is to come as a descriptor (Ambit-Credential: fd) */
	struct buf out;               /* rendered and not yet taken by the connection */
	uint32_t credit;              /* progress bytes written since the last credit */
	struct loop_timer keepalive;
	struct arena arena;
};

struct edge {
	struct worker *w;
	enum op_class class;
	struct http_server *http;
	struct tls_server *tls;
	struct sign_key *tls_key;
	struct loop_timer leaf_timer;
	uint64_t leaf_req;
	span hosts[EDGE_HOSTS];
	size_t n_hosts;
	span base;                    /* "https://127.0.0.1:8470" */
	span people;                  /* origin of the pages where people log in; empty: there is none */
	struct buf jwks;              /* the public keys, as core gave them */
	uint32_t hold_ms;
	uint32_t next_conn;
	bool core_seen;
	struct map conns, asks;
	struct list free_asks;
	struct token_cache tokens;
	struct dpop_keys proof_keys;
	struct arena config;          /* what hosts[] and base point into */
};

static inline bool edge_core_up(const struct edge *e) { return role_link(e->w, ROLE_CORE, 0) != NULL; }

/* edge_conn.c */
struct edge_conn *edge_conn_of(struct edge *e, struct http_exchange *x);   /* NULL: no memory */
struct edge_conn *edge_conn_find(struct edge *e, uint32_t number);
void edge_conn_introduce(struct edge *e, struct edge_conn *c);
void edge_conn_known(struct edge *e, const struct msg_peer_known *m);
void edge_conn_end(struct edge *e, struct edge_conn *c);
void edge_conns_forget(struct edge *e);       /* core is gone: nobody is known */
void edge_conns_introduce(struct edge *e);    /* core or attest is back */

/* edge_ask.c */
struct ask *edge_ask_new(struct edge *e, struct http_exchange *x, struct edge_conn *c);
struct ask *edge_ask_find(struct edge *e, uint64_t req);
void edge_ask_send(struct ask *a);
void edge_ask_done(struct ask *a);            /* answered: back to the pool */
void edge_ask_gone(struct ask *a);            /* the caller vanished */
void edge_ask_unavailable(struct ask *a);     /* core vanished */
void edge_reply_json(struct ask *a, unsigned http, const struct buf *body);
void edge_reply_error(struct ask *a, uint16_t error, span detail);

/* edge_lease.c */
void edge_credential(struct edge *e, struct msg *m);

/* edge_authzen.c */
bool edge_authzen_read(struct ask *a, const struct http_request *r);   /* false: already answered */
void edge_authzen_send(struct ask *a);
void edge_authzen_verdict(struct ask *a, const struct msg_verdict *m);
/* The ask that a question's number belongs to: a batch numbers its own. */
uint64_t edge_authzen_ask_of(uint64_t req);

/* edge_mcp.c */
bool edge_mcp_read(struct ask *a, const struct http_request *r);   /* false: already answered */
void edge_mcp_send(struct ask *a);
void edge_mcp_verdict(struct ask *a, const struct msg_verdict *m);
void edge_mcp_answer(struct ask *a, const struct msg_answer *m);
void edge_mcp_result(struct ask *a, const struct msg_result *m);
void edge_mcp_cut(struct ask *a, const struct msg_cut *m);
void edge_mcp_unavailable(struct ask *a);
void edge_mcp_refuse_peer(struct ask *a, uint16_t error);
void edge_mcp_room(struct ask *a);
void edge_mcp_tools_changed(struct edge *e, uint64_t task);

/* edge_oauth.c */
bool edge_oauth_prove(struct ask *a, const struct http_request *r, const struct token_use *use, bool dpop_scheme);   /* false: already answered */
void edge_oauth_send_proof(struct ask *a);
bool edge_oauth_document(struct edge *e, struct http_exchange *x, const struct http_request *r, enum door d);
void edge_oauth_challenge(const struct ask *a, uint16_t error, struct buf *b);
bool edge_oauth_read(struct ask *a, const struct http_request *r);   /* false: already answered */
void edge_oauth_refuse(struct ask *a, uint16_t error, span core_body);
void edge_oauth_answer(struct ask *a, const struct msg_answer *m);

/* edge_web.c */
uint16_t edge_web_check(const struct edge *e, const struct http_request *r);   /* Host and Origin */
void edge_web_request(struct edge *e, struct http_exchange *x, const struct http_request *r);
void edge_web_refuse(struct ask *a, uint16_t error, span core_body);
void edge_web_answer(struct ask *a, const struct msg_answer *m);

/* edge_tls.c */
status edge_tls_configure(struct edge *e);
void edge_tls_ask_leaf(struct edge *e);
void edge_tls_leaf(struct edge *e, const struct msg_leaf *m);

#endif
