#include "identity/jws.h"

#include "text/base64url.h"

/* Header members by which a token would choose how it is looked at (RFC 7515 §4.1). Thumbprints (x5t) only repeat what kid says, and are
 * passed over: those who allow certain headers only refuse them. */
static const char *const refused_members[] = { "crit", "b64", "jku", "x5u", "x5c", "zip", "enc", "cty" };

static status
decode(span text, struct arena *a, span *ret)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, text.n);
	status s = base64url_decode(text, &b);
	ENSURE(!failed(s), s.code == E_NO_MEMORY ? E_NO_MEMORY : E_TOKEN_INVALID);
	*ret = arena_copy(a, buf_span(&b));
	ENSURE(arena_ok(a), E_NO_MEMORY);
	return OK;
}

static status
parse(span token, size_t max, bool proof, struct arena *a, struct jws *ret)
{
	CLEANUP(buf_fini) struct buf sig = { 0 };
	struct jws j = { 0 };
	span header;

	ENSURE(token.n <= max, E_TOKEN_INVALID);
	size_t one = span_find(token, '.');
	span rest = span_sub(token, one + 1, token.n);
	size_t two = span_find(rest, '.');
	ENSURE(one < token.n && two < rest.n, E_TOKEN_INVALID);
	span last = span_sub(rest, two + 1, rest.n);
	ENSURE(one > 0 && last.n > 0 && span_find(last, '.') == last.n, E_TOKEN_INVALID);
	j.signed_text = span_sub(token, 0, one + 1 + two);
	TRY(decode(span_sub(token, 0, one), a, &header));
	TRY(decode(span_sub(rest, 0, two), a, &j.payload));
	buf_init(&sig, sizeof j.sig);
	ENSURE(!failed(base64url_decode(last, &sig)) && sig.n > 0, E_TOKEN_INVALID);
	memcpy(j.sig, sig.p, sig.n);
	j.sig_len = sig.n;
	status s = json_parse(header, NULL, a, &j.header, NULL);
	ENSURE(!failed(s) && json_is_obj(j.header), s.code == E_NO_MEMORY ? E_NO_MEMORY : E_TOKEN_INVALID);
	for (size_t i = 0; i < ARRAY_LEN(refused_members); i++)
		ENSURE(!json_gets(j.header, refused_members[i]), E_TOKEN_INVALID);
	ENSURE(proof == (json_gets(j.header, "jwk") != NULL), E_TOKEN_INVALID);
	*ret = j;
	return OK;
}

status jws_parse(span token, size_t max, struct arena *a, struct jws *ret) { return parse(token, max, false, a, ret); }
status jws_parse_proof(span token, size_t max, struct arena *a, struct jws *ret) { return parse(token, max, true, a, ret); }

static bool
alg_is(const struct jws *j, const char *name)
{
	const struct json *alg = json_gets(j->header, "alg");

	return json_is_str(alg) && span_is(alg->str, name);
}

bool
jws_verify_signature(const struct jws *j, const struct verify_key *k)
{
	if (verify_key_alg(k) == ALG_NONE || !alg_is(j, sign_alg_name(verify_key_alg(k))))
		return false;
	return verify_ok(k, j->signed_text, span_make(j->sig, j->sig_len));
}

bool
jws_verify(const struct jws *j, const struct verify_key *k)
{
	const struct json *kid = json_gets(j->header, "kid");

	if (kid && !(json_is_str(kid) && span_eq(kid->str, verify_key_id(k))))
		return false;
	return jws_verify_signature(j, k);
}

bool
jws_verify_hs256(const struct jws *j, span key)
{
	digest want = hmac_sha256(key, j->signed_text), got;

	return alg_is(j, "HS256") && digest_from(span_make(j->sig, j->sig_len), &got) && digest_eq_consttime(&want, &got);
}
