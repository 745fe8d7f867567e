#include "identity/assertion.h"

static status
read(span text, struct arena *a, struct assertion *as)
{
	span jti;

	TRY(jws_parse(text, ASSERTION_MAX, a, &as->jws));
	TRY(json_parse(as->jws.payload, NULL, a, &as->claims, NULL));
	TRY(json_get_str(as->claims, "sub", &as->client, NULL));
	TRY(json_get_str(as->claims, "jti", &jti, NULL));
	TRY(json_get_int(as->claims, "exp", 1, INT64_C(1) << 40, &as->exp, NULL));
	ENSURE(as->client.n > 0 && as->client.n <= 512 && jti.n > 0 && jti.n <= ASSERTION_JTI_MAX, E_CLIENT_INVALID);
	struct sha256 h;
	sha256_init(&h);
	sha256_add_sized(&h, as->client);
	sha256_add_sized(&h, jti);
	as->id = sha256_end(&h);
	return OK;
}

status
assertion_parse(span text, struct arena *a, struct assertion *ret)
{
	status s = read(text, a, ret);

	ENSURE(!failed(s), s.code == E_NO_MEMORY ? E_NO_MEMORY : E_CLIENT_INVALID);
	return OK;
}

static bool
typ_ok(const struct json *header)
{
	const struct json *typ = json_gets(header, "typ");

	/* Some libraries name none. What they must not be is another kind of token of ours (RFC 8725 §3.11). */
	return !typ || (json_is_str(typ) && (span_eq_nocase(typ->str, SPAN("jwt")) || span_is(typ->str, "client-authentication+jwt")));
}

static status
check(const struct assertion *as, span issuer, int64_t now)
{
	const int64_t far = INT64_C(1) << 40;
	int64_t nbf = 0, iat = now;
	span iss, aud;

	TRY(json_get_str(as->claims, "iss", &iss, NULL));
	TRY(json_get_str(as->claims, "aud", &aud, NULL));
	TRY(json_opt_int(as->claims, "nbf", 0, far, &nbf, NULL));
	TRY(json_opt_int(as->claims, "iat", 0, far, &iat, NULL));
	ENSURE(span_eq(iss, as->client), E_CLIENT_INVALID);
	ENSURE(issuer.n && span_eq(aud, issuer), E_CLIENT_INVALID);
	ENSURE(now < as->exp && as->exp <= now + ASSERTION_LIFE, E_CLIENT_INVALID);
	ENSURE(nbf <= now + ASSERTION_SKEW && iat <= now + ASSERTION_SKEW, E_CLIENT_INVALID);
	return OK;
}

status
assertion_verify(const struct assertion *as, const struct jwk_set *keys, span issuer, int64_t now)
{
	ENSURE(typ_ok(as->jws.header), E_CLIENT_INVALID);
	ENSURE(jwk_set_verify(keys, &as->jws), E_CLIENT_INVALID);
	ENSURE(!failed(check(as, issuer, now)), E_CLIENT_INVALID);
	return OK;
}
