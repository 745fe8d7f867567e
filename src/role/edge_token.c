#include "role/edge_token.h"

#include "crypto/hash.h"
#include "identity/jwt.h"
#include "text/base64url.h"
#include "text/json.h"

#include <stdlib.h>

enum { WORK = 256 * 1024 };

#define NS_PER_S INT64_C(1000000000)

/* A token that was verified. */
struct known {
	struct map_node node;
	struct list age;
	digest hash;
	int64_t expires;     /* seconds */
	struct token_use use;
};

static bool
is_known(const struct map_node *n, const void *key)
{
	return digest_eq(&container_of(n, struct known, node)->hash, key);
}

static void
forget(struct token_cache *c, struct known *k)
{
	map_del(&c->map, &k->node);
	list_del(&k->age);
	free(k);
	c->count--;
}

status
token_cache_init(struct token_cache *c, struct env *env)
{
	uint64_t k[2];

	memset(c, 0, sizeof *c);
	TRY(env_random(env, k, sizeof k));
	map_init(&c->map, k[0], k[1]);
	list_init(&c->by_age);
	return OK;
}

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

static status
read_key(const struct json *v, struct verify_key **ret)
{
	span kty, crv, x, y;
	uint8_t bx[32], by[32];

	TRY(json_get_str(v, "kty", &kty, NULL));
	TRY(json_get_str(v, "crv", &crv, NULL));
	TRY(json_get_str(v, "x", &x, NULL));
	TRY(json_get_str(v, "y", &y, NULL));
	ENSURE(span_is(kty, "EC") && span_is(crv, "P-256"), E_BAD_MESSAGE);
	TRY(base64url_decode_exact(x, bx, sizeof bx));
	TRY(base64url_decode_exact(y, by, sizeof by));
	return verify_key_ec(ALG_ES256, SPAN_OF(bx), SPAN_OF(by), ret);
}

static void
free_keys(struct verify_key **keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		keys[i] = verify_key_free(keys[i]);
}

static status
read_keys(span jwks, struct verify_key **keys, size_t *n)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	const struct json *v, *list;

	arena_init(&a, WORK);
	TRY(json_parse(jwks, NULL, &a, &v, NULL));
	TRY(json_get_arr(v, "keys", &list, NULL));
	ENSURE(list->arr.n <= TOKEN_KEYS_MAX, E_BAD_MESSAGE);
	json_for_items(k, list) {
		TRY(read_key(k, &keys[*n]));
		++*n;
	}
	return OK;
}

status
token_cache_keys(struct token_cache *c, span jwks)
{
	struct verify_key *keys[TOKEN_KEYS_MAX] = { 0 };
	size_t n = 0;
	status s = read_keys(jwks, keys, &n);

	if (failed(s)) {
		free_keys(keys, n);
		return s.code == E_NO_MEMORY ? s : FAIL(E_BAD_MESSAGE);
	}
	while (!list_empty(&c->by_age))
		forget(c, container_of(c->by_age.next, struct known, age));
	free_keys(c->keys, c->n_keys);
	memcpy(c->keys, keys, sizeof keys);
	c->n_keys = n;
	return OK;
}

/* ---- tokens --------------------------------------------------------------------------------------------------------- */

static void
remember(struct token_cache *c, const digest *hash, int64_t expires, const struct token_use *use)
{
	if (c->count == TOKEN_CACHE_MAX)
		forget(c, container_of(c->by_age.next, struct known, age));
	struct known *k = calloc(1, sizeof *k);
	/* Without memory it is only verified again next time. */
	if (!k)
		return;
	k->hash = *hash;
	k->expires = expires;
	k->use = *use;
	if (failed(map_add(&c->map, map_hash_bytes(&c->map, digest_span(hash)), &k->node))) {
		free(k);
		return;
	}
	list_add_tail(&c->by_age, &k->age);
	c->count++;
}

uint16_t
token_cache_check(struct token_cache *c, span token, int64_t wall, struct token_use *ret)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	struct jwt_claims claims;
	digest hash = sha256(token);
	int64_t now = wall / NS_PER_S;

	struct map_node *n = map_find(&c->map, map_hash_bytes(&c->map, digest_span(&hash)), is_known, &hash);
	if (n) {
		struct known *k = container_of(n, struct known, node);
		if (now < k->expires) {
			*ret = k->use;
			return E_OK;
		}
		forget(c, k);
		return E_TOKEN_EXPIRED;
	}
	if (c->n_keys == 0)
		return E_UNAVAILABLE;
	const struct jwt_expect want = {
		.keys = (const struct verify_key *const *)c->keys, .n_keys = c->n_keys, .iss = c->issuer, .aud = c->issuer, .or_aud = c->gateway, .now = now,
	};
	arena_init(&a, WORK);
	status s = jwt_open(token, &want, &a, &claims);
	if (failed(s))
		return s.code == E_NO_MEMORY ? E_UNAVAILABLE : s.code;
	*ret = (struct token_use){ .confirm = claims.confirm, .confirm_digest = claims.confirm_digest,
	                           .gateway_only = !span_eq(claims.aud, c->issuer) };
	memcpy(ret->hash, hash.b, sizeof hash.b);
	remember(c, &hash, claims.exp, ret);
	return E_OK;
}
