/* http_api: what every HTTP surface of the edges shares: which door a request is for, and its answers. Pure. */
#ifndef AMBIT_API_HTTP_API_H
#define AMBIT_API_HTTP_API_H

#include "msg/ops.h"
#include "net/http.h"
#include "text/json.h"

enum door {
	DOOR_NONE,              /* 404 */
	DOOR_MCP,               /* /mcp */
	DOOR_OP,                /* /v1/noun/verb */
	DOOR_EVALUATION,        /* [/apps/NAME]/access/v1/evaluation */
	DOOR_EVALUATIONS,       /* …/evaluations */
	DOOR_SEARCH,            /* …/search/subject, resource, action */
	DOOR_AUTHZEN_METADATA,  /* /.well-known/authzen-configuration[/apps/NAME] */
	DOOR_OAUTH,             /* /oauth/token, introspect, revoke: an op made of a form */
	DOOR_OAUTH_METADATA,    /* RFC 8414 */
	DOOR_RESOURCE_METADATA, /* RFC 9728 */
	DOOR_JWKS,
	DOOR_WEB,               /* a page of the people's edge */
	DOOR_HEALTH,            /* /healthz: this process answers; nothing else */
	DOOR_READY,             /* /readyz: core is there */
	DOOR_VERSION,
};

struct door_match {
	enum door door;
	enum op op;
	uint8_t search;         /* DOOR_SEARCH: enum search_kind */
	span app;               /* the AuthZEN doors: the application's name; empty: none */
	uint16_t error;         /* E_OK, or why this request may not go through that door (method, media type) */
	const char *allow;      /* for E_METHOD_NOT_ALLOWED: the Allow field's value */
};

/* Which door `r` is for on an edge of that class (one of enum op_class). An op that this class may not carry is not found. */
struct door_match door_of(const struct http_request *r, enum op_class class);

/* The bearer token of an Authorization field. False: there is one, but not of the form `Bearer token68` (RFC 6750 §2.1);
 * empty *ret: there is none. */
bool bearer_token(const struct http_request *r, span *ret);
/* The same for `DPoP token68` (RFC 9449 §7.1) too; *ret_dpop says which it was. */
bool access_token(const struct http_request *r, span *ret, bool *ret_dpop);

/* DNS rebinding and hostile pages (A50): a browser's Origin is never right at an agent's door, and Host must be one of
 * ours. `hosts` empty: any host (a unix socket has no name). */
uint16_t check_origin(const struct http_request *r, const span *hosts, size_t n_hosts);

/* {"error":{"code","exit","message"[,"detail"],"retryable","docs"}} */
void render_error(struct buf *b, uint16_t error, span detail);

/* Strict JSON object -> canonical bytes in `a`. An empty body reads as {}. E_BAD_JSON, E_BAD_UTF8, E_LIMIT. */
status canonical_object(struct arena *a, span body, size_t max, span *ret, struct json_error *reterr);

#endif
