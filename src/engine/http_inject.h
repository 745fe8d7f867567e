/* http_inject: secrets that go into an upstream's HTTP requests and must not come back out of its answers. Pure; the caller does the I/O.
 *
 * The agent never holds such a secret. Whoever sends the call puts the field in, and passes every byte of the answer (head fields and body)
 * through a redactor made of the same secret. */
#ifndef AMBIT_ENGINE_HTTP_INJECT_H
#define AMBIT_ENGINE_HTTP_INJECT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/secret.h"

enum http_inject_kind {
	HTTP_INJECT_BEARER,     /* Authorization: Bearer SECRET, RFC 6750 §2.1 */
	HTTP_INJECT_HEADER,     /* NAME: PREFIX SECRET */
	HTTP_INJECT_BASIC,      /* Authorization: Basic base64(USER:SECRET), RFC 7617 */
};

struct http_inject {
	enum http_inject_kind kind;
	span name;              /* HTTP_INJECT_HEADER: the field's name, a token that frames nothing */
	span prefix;            /* HTTP_INJECT_HEADER: "Token "; may be empty */
	span user;              /* HTTP_INJECT_BASIC: without ':' */
};

enum { HTTP_SECRET_MIN = 8, HTTP_SECRET_MAX = 4096 };

/* Whether it can be sent at all: E_BAD_CONFIG with a line in reterr (may be NULL). */
status http_inject_check(const struct http_inject *h, struct buf *reterr);
/* Name (borrowed) and value of the field. E_BAD_CONFIG: as above, or the secret is shorter than HTTP_SECRET_MIN (its echo could not be told from
 * chance), too long, or holds control characters. */
status http_inject_field(const struct http_inject *h, const struct secret *secret, span *ret_name, struct secret **ret_value);

/* ---- redaction ---- */

struct redactor;

/* Finds the secret as it is, percent-encoded, JSON-escaped, in hexadecimal, and in base64 at any alignment; with `user` (may be empty) also base64 of
 * "user:secret". E_BAD_CONFIG: shorter than HTTP_SECRET_MIN or longer than HTTP_SECRET_MAX. */
status redactor_new(const struct secret *secret, span user, struct redactor **ret);
struct redactor *redactor_free(struct redactor *r);
void redactor_freep(struct redactor **r);   /* for CLEANUP */
/* Appends `in` with each find replaced by "[redacted]". What may be the beginning of one is kept until more comes or `last`. Counts the finds. */
status redactor_feed(struct redactor *r, span in, bool last, struct buf *out);
size_t redactor_found(const struct redactor *r);

/* ---- OAuth 2.0 client credentials, RFC 6749 §4.4 ---- */

struct oauth_client {
	span id, scope;         /* scope may be empty */
	span audience;          /* RFC 8707 resource; may be empty */
	bool in_body;           /* client_secret_post instead of client_secret_basic */
};

/* The form body (of type application/x-www-form-urlencoded), and the Authorization value unless in_body (then *ret_auth is NULL). */
status oauth_client_request(const struct oauth_client *c, const struct secret *secret, struct secret **ret_body, struct secret **ret_auth);
/* The token of a 200 answer (§5.1): type Bearer, a token of HTTP_SECRET_MIN to HTTP_SECRET_MAX characters of RFC 6750. *ret_seconds is expires_in, or 0
 * when the server names none. E_UPSTREAM. */
status oauth_client_answer(span body, struct secret **ret_token, int64_t *ret_seconds);

#endif
