/* oidc: tokens of issuers with a discovery document: Kubernetes service accounts, CI systems, clouds (OpenID Connect Core §3.1.3.7,
 * without a login). Keys come only from what was configured for the issuer, never from the token. */
#ifndef AMBIT_IDENTITY_OIDC_H
#define AMBIT_IDENTITY_OIDC_H

#include "identity/jwk.h"

enum { OIDC_JWKS_MAX = 256 * 1024, OIDC_DISCOVERY_MAX = 64 * 1024, OIDC_CLAIMS_MAX = 16384 };

struct oidc_issuer {
	span issuer;                 /* exact */
	const span *audiences;       /* one of them must be in `aud` */
	size_t n_audiences;
	struct jwk_set keys;
};

struct oidc_token {
	span sub, jti;
	const struct json *claims;
	int64_t expires, issued;
};

/* The unverified `iss`. E_TOKEN_INVALID. */
status oidc_token_issuer(span token, struct arena *a, span *ret_issuer);
/* E_TOKEN_INVALID or E_TOKEN_EXPIRED, with *ret_why a static text; E_NO_MEMORY. Everything lives in the arena. */
status oidc_verify(span token, const struct oidc_issuer *i, int64_t now, struct arena *a, struct oidc_token *ret, const char **ret_why);

/* A key set document; jwk_set_fini frees. At least one usable key, each with a kid. E_BAD_REQUEST with *ret_why (may be NULL). */
status oidc_jwks_parse(span text, struct arena *a, struct jwk_set *ret, const char **ret_why);
/* A discovery document: its `issuer` must be `issuer`, letter for letter; *ret_jwks_uri lives in the arena. `allow_http`: only for tests
 * on loopback. E_BAD_REQUEST with *ret_why. */
status oidc_discovery_parse(span text, span issuer, bool allow_http, struct arena *a, span *ret_jwks_uri, const char **ret_why);
/* https, a host, no query, no fragment, no user. */
bool oidc_issuer_ok(span issuer, bool allow_http);

/* ---- which tokens a rule means ---- */

/* A rule is an object: claim -> text, or claim -> whole number or bool. A name that begins with '/' is an RFC 6901 pointer into the claims. A text that
 * ends in '*' is a prefix. A claim that is a list matches when one of its members does. All must match; an empty rule
 * matches nothing. */
bool oidc_rule_matches(const struct json *rule, const struct json *claims);
/* NULL, or why this rule may not be used with this issuer: it is empty or malformed, or names only `sub` although the issuer
 * serves many customers who choose parts of their sub (`shared`, or an issuer known for it). */
const char *oidc_rule_refused(const struct json *rule, span issuer, bool shared);

#endif
