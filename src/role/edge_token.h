/* edge_token: what an edge knows of task tokens: the verification keys, and which tokens it has verified already.
 *
 * The signature is checked once a token; later presentations are a hash and a look-up. That a token is valid here means only
 * that Ambit issued it and it has not run out: core holds the hash of every token it issued and decides. */
#ifndef AMBIT_ROLE_EDGE_TOKEN_H
#define AMBIT_ROLE_EDGE_TOKEN_H

#include "base/env.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/sign.h"
#include "identity/jwt.h"

enum { TOKEN_KEYS_MAX = 8, TOKEN_CACHE_MAX = 65536 };

struct token_cache {
	struct map map;               /* by SHA-256 of the token */
	struct list by_age;           /* oldest first */
	size_t count;
	span issuer;                  /* ours, and the audience too; borrowed */
	span gateway;                 /* the audience of tokens for the MCP door alone; borrowed */
	struct verify_key *keys[TOKEN_KEYS_MAX];
	size_t n_keys;
};

/* What a verified token says of how it may be used. */
struct token_use {
	uint8_t hash[32];             /* SHA-256 of its text */
	uint8_t confirm;              /* enum jwt_confirm */
	bool gateway_only;
	digest confirm_digest;
};

status token_cache_init(struct token_cache *c, struct env *env);
/* Replaces the keys by those of a JWK set and forgets what the old ones verified. E_BAD_MESSAGE when it is not one. */
status token_cache_keys(struct token_cache *c, span jwks);
/* E_OK and what it says, or E_TOKEN_INVALID, E_TOKEN_EXPIRED, E_UNAVAILABLE (no keys yet). `wall`: ns. */
uint16_t token_cache_check(struct token_cache *c, span token, int64_t wall, struct token_use *ret);

#endif
