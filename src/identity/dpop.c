#include "identity/dpop.h"

#include "identity/jwk.h"
#include "identity/jws.h"
#include "text/base64url.h"
#include "text/url.h"

static bool
str_is(const struct json *v, const char *name, const char *want)
{
	const struct json *text = json_gets(v, name);

	return json_is_str(text) && span_is(text->str, want);
}

static digest
digest_of(const struct json *jwk)
{
	static const char *const names[] = { "kty", "crv", "x", "y", "n", "e", "alg", "use" };
	struct sha256 h;

	sha256_init(&h);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct json *v = json_gets(jwk, names[i]);
		sha256_add_sized(&h, json_is_str(v) ? v->str : (span){ 0 });
	}
	return sha256_end(&h);
}

/* Only what can be public: a private member would be a secret sent to us. *ret_own: the caller frees it. */
static status
read_key(const struct jws *j, struct dpop_keys *ks, struct arena *a, struct verify_key **ret, bool *ret_own)
{
	static const char *const names[] = { "kty", "crv", "x", "y", "kid", "alg", "use", "key_ops", "ext", NULL };
	const struct json *jwk = json_gets(j->header, "jwk");
	struct jwk k;

	ENSURE(json_is_obj(jwk) && !failed(json_only(jwk, names, NULL)) && !str_is(jwk, "kty", "oct"), E_DPOP);
	digest id = digest_of(jwk);
	size_t slot = (id.b[0] | (size_t)id.b[1] << 8) % DPOP_KEYS;
	/* key_ops can forbid verifying, and is not part of the digest. */
	bool keep = ks && !json_gets(jwk, "key_ops");
	*ret_own = !keep;
	if (keep && ks->slots[slot].key && digest_eq(&ks->slots[slot].jwk, &id)) {
		*ret = ks->slots[slot].key;
		return OK;
	}
	status s = jwk_read(jwk, a, &k);
	ENSURE(!failed(s), s.code == E_NO_MEMORY ? E_NO_MEMORY : E_DPOP);
	*ret = k.key;
	if (keep) {
		verify_key_free(ks->slots[slot].key);
		ks->slots[slot].key = k.key;
		ks->slots[slot].jwk = id;
	}
	return OK;
}

void
dpop_keys_fini(struct dpop_keys *ks)
{
	for (size_t i = 0; i < DPOP_KEYS; i++)
		ks->slots[i].key = verify_key_free(ks->slots[i].key);
}

/* RFC 9449 §4.3: compared without query and fragment, after syntax-based normalisation. */
static bool
htu_is(span htu, const struct dpop_expect *want, struct arena *a)
{
	struct url u;

	htu = span_sub(htu, 0, span_find(htu, '?'));
	return !failed(url_parse(htu, a, &u, NULL)) && span_eq(u.origin, want->origin) && span_eq(u.path, want->path);
}

static bool
ath_is(const struct json *v, const digest *token)
{
	const struct json *ath = json_gets(v, "ath");
	digest got;

	if (!token)
		return !ath;
	return json_is_str(ath) && !failed(base64url_decode_exact(ath->str, got.b, sizeof got.b)) && digest_eq(&got, token);
}

static status
check_claims(const struct json *v, const struct dpop_expect *want, struct arena *a, span *ret_jti, int64_t *ret_iat)
{
	span htm, htu;

	TRY(json_get_str(v, "htm", &htm, NULL));
	TRY(json_get_str(v, "htu", &htu, NULL));
	TRY(json_get_str(v, "jti", ret_jti, NULL));
	TRY(json_get_int(v, "iat", 1, INT64_C(1) << 40, ret_iat, NULL));
	ENSURE(ret_jti->n > 0 && ret_jti->n <= DPOP_JTI_MAX, E_DPOP);
	ENSURE(span_eq(htm, want->method), E_DPOP);
	ENSURE(htu_is(htu, want, a), E_DPOP);
	ENSURE(*ret_iat <= want->now + DPOP_AHEAD && *ret_iat >= want->now - DPOP_LIFE, E_DPOP);
	ENSURE(ath_is(v, want->token), E_DPOP);
	return OK;
}

static status
check_signature(const struct jws *j, const struct verify_key *key, span jti, struct dpop_proof *ret)
{
	ENSURE(jws_verify_signature(j, key), E_DPOP);
	TRY(base64url_decode_exact(verify_key_id(key), ret->key.b, sizeof ret->key.b));
	struct sha256 h;
	sha256_init(&h);
	sha256_add_sized(&h, digest_span(&ret->key));
	sha256_add_sized(&h, jti);
	ret->id = sha256_end(&h);
	return OK;
}

static status
check(span proof, const struct dpop_expect *want, struct dpop_keys *ks, struct arena *a, struct dpop_proof *ret)
{
	struct verify_key *key;
	const struct json *v;
	struct jws j;
	bool own;
	span jti;

	TRY(jws_parse_proof(proof, DPOP_MAX, a, &j));
	ENSURE(str_is(j.header, "typ", "dpop+jwt"), E_DPOP);
	TRY(json_parse(j.payload, NULL, a, &v, NULL));
	/* Before the key is touched: most of what is wrong costs nothing to find. */
	TRY(check_claims(v, want, a, &jti, &ret->iat));
	TRY(read_key(&j, ks, a, &key, &own));
	status s = check_signature(&j, key, jti, ret);
	if (own)
		verify_key_free(key);
	return s;
}

status
dpop_open(span proof, const struct dpop_expect *want, struct dpop_keys *ks, struct arena *a, struct dpop_proof *ret)
{
	struct dpop_proof p;
	status s = check(proof, want, ks, a, &p);

	ENSURE(!failed(s), s.code == E_NO_MEMORY ? E_NO_MEMORY : E_DPOP);
	*ret = p;
	return OK;
}
