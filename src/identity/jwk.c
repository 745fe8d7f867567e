#include "identity/jwk.h"

#include "text/base64url.h"

static status
bytes_of(const struct json *v, const char *name, struct arena *a, span *ret)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	const struct json *text = json_gets(v, name);

	ENSURE(json_is_str(text), E_CRYPTO);
	buf_init(&b, 2048);
	status s = base64url_decode(text->str, &b);
	ENSURE(!failed(s), s.code == E_NO_MEMORY ? E_NO_MEMORY : E_CRYPTO);
	*ret = arena_copy(a, buf_span(&b));
	ENSURE(arena_ok(a), E_NO_MEMORY);
	return OK;
}

static bool
text_is(const struct json *v, const char *name, const char *want)
{
	const struct json *text = json_gets(v, name);

	return json_is_str(text) && span_is(text->str, want);
}

static bool
may_verify(const struct json *v, const struct jwk_rules *rules)
{
	const struct json *ops = json_gets(v, "key_ops");

	if (rules->use ? !text_is(v, "use", rules->use) : json_gets(v, "use") && !text_is(v, "use", "sig"))
		return false;
	if (!ops)
		return true;
	json_for_items(op, ops)
		if (json_is_str(op) && span_is(op->str, "verify"))
			return true;
	return false;
}

static enum sign_alg
curve_alg(const struct json *v)
{
	static const struct { const char *kty, *crv; enum sign_alg alg; } curves[] = {
		{ "EC", "P-256", ALG_ES256 }, { "EC", "P-384", ALG_ES384 }, { "EC", "P-521", ALG_ES512 }, { "OKP", "Ed25519", ALG_EDDSA },
	};

	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (text_is(v, "kty", curves[i].kty) && text_is(v, "crv", curves[i].crv))
			return curves[i].alg;
	return ALG_NONE;
}

static status
read_key(const struct json *v, const struct jwk_rules *rules, struct arena *a, struct jwk *k)
{
	const struct json *alg_name = json_gets(v, "alg");
	enum sign_alg alg = json_is_str(alg_name) ? sign_alg_from_name(alg_name->str) : ALG_NONE, curve = curve_alg(v);
	span x = { 0 }, y = { 0 };

	if (text_is(v, "kty", "oct")) {
		ENSURE(text_is(v, "alg", "HS256"), E_CRYPTO);
		TRY(bytes_of(v, "k", a, &k->secret));
		ENSURE(k->secret.n >= JWK_SECRET_MIN, E_CRYPTO);
		return OK;
	}
	if (text_is(v, "kty", "RSA")) {
		TRY(bytes_of(v, "n", a, &x));
		TRY(bytes_of(v, "e", a, &y));
		return verify_key_rsa(alg_name ? alg : rules->rsa_default, x, y, &k->key);
	}
	ENSURE(curve != ALG_NONE && (!alg_name || alg == curve), E_CRYPTO);
	TRY(bytes_of(v, "x", a, &x));
	if (curve != ALG_EDDSA)
		TRY(bytes_of(v, "y", a, &y));
	return verify_key_ec(curve, x, y, &k->key);
}

static const struct jwk_rules plain = { 0 };

status
jwk_read(const struct json *v, struct arena *a, struct jwk *ret)
{
	return jwk_read_as(v, &plain, a, ret);
}

status
jwk_read_as(const struct json *v, const struct jwk_rules *rules, struct arena *a, struct jwk *ret)
{
	const struct json *kid = json_gets(v, "kid");
	struct jwk k = { 0 };

	ENSURE(json_is_obj(v) && may_verify(v, rules) && (!kid || json_is_str(kid)), E_CRYPTO);
	if (kid) {
		k.kid = arena_copy(a, kid->str);
		ENSURE(arena_ok(a), E_NO_MEMORY);
	}
	TRY(read_key(v, rules, a, &k));
	*ret = k;
	return OK;
}

void
jwk_fini(struct jwk *k)
{
	k->key = verify_key_free(k->key);
}

void
jwk_set_fini(struct jwk_set *s)
{
	while (s->n)
		jwk_fini(&s->keys[--s->n]);
}

static status
read_into(const struct json *keys, const struct jwk_rules *rules, struct arena *a, struct jwk_set *s)
{
	json_for_items(v, keys) {
		struct jwk k;
		/* Of every key, also of one we can not use: two owners of a name are a confusion either way. */
		const struct json *kid = json_gets(v, "kid");
		for (const struct json *before = keys->arr.items; kid && before < v; before++) {
			const struct json *other = json_gets(before, "kid");
			ENSURE(!other || !json_equal(other, kid), E_BAD_REQUEST);
		}
		status st = jwk_read_as(v, rules, a, &k);
		ENSURE(st.code != E_NO_MEMORY, E_NO_MEMORY);
		if (!failed(st))
			s->keys[s->n++] = k;
	}
	return OK;
}

status
jwk_set_read(const struct json *v, struct arena *a, struct jwk_set *ret)
{
	return jwk_set_read_as(v, &plain, a, ret);
}

status
jwk_set_read_as(const struct json *v, const struct jwk_rules *rules, struct arena *a, struct jwk_set *ret)
{
	const struct json *keys = json_gets(v, "keys");

	*ret = (struct jwk_set){ 0 };
	ENSURE(json_is_arr(keys) && keys->arr.n <= JWK_SET_MAX, E_BAD_REQUEST);
	status s = read_into(keys, rules, a, ret);
	if (failed(s))
		jwk_set_fini(ret);
	return s;
}

bool
jwk_verify(const struct jwk *k, const struct jws *j)
{
	const struct json *kid = json_gets(j->header, "kid");

	if (kid && !(json_is_str(kid) && span_eq(kid->str, k->kid)))
		return false;
	if (!k->key)
		return k->secret.n >= JWK_SECRET_MIN && jws_verify_hs256(j, k->secret);
	return jws_verify_signature(j, k->key);
}

bool
jwk_set_verify(const struct jwk_set *s, const struct jws *j)
{
	const struct json *kid = json_gets(j->header, "kid");

	if (!kid)
		return s->n == 1 && jwk_verify(&s->keys[0], j);
	for (size_t i = 0; i < s->n; i++)
		if (json_is_str(kid) && s->keys[i].kid.n && span_eq(kid->str, s->keys[i].kid))
			return jwk_verify(&s->keys[i], j);
	return false;
}
