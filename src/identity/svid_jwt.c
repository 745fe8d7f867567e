#include "identity/svid_jwt.h"

#include "identity/foreign.h"
#include "identity/jws.h"

#define NEED(cond, e, why)                   \
	do {                                 \
		if (!(cond)) {               \
			*ret_why = (why);    \
			return FAIL(e);      \
		}                            \
	} while (0)

static status
claims_of(const struct jws *j, struct arena *a, const struct json **ret)
{
	status s = json_parse(j->payload, NULL, a, ret, NULL);

	ENSURE(s.code != E_NO_MEMORY, E_NO_MEMORY);
	ENSURE(!failed(s) && json_is_obj(*ret), E_TOKEN_INVALID);
	return OK;
}

status
svid_jwt_domain(span token, struct arena *a, span *ret_domain)
{
	const struct json *claims;
	struct jws j;
	struct spiffe_id id;
	span sub;

	TRY(jws_parse(token, FOREIGN_TOKEN_MAX, a, &j));
	TRY(claims_of(&j, a, &claims));
	ENSURE(!failed(json_get_str(claims, "sub", &sub, NULL)) && !failed(spiffe_id_parse(sub, &id, NULL)), E_TOKEN_INVALID);
	*ret_domain = id.domain;
	return OK;
}

/* JWT-SVID §2: alg, kid, typ and nothing else. */
static bool
header_ok(const struct jws *j)
{
	static const char *const names[] = { "alg", "kid", "typ", NULL };
	const struct json *typ = json_gets(j->header, "typ"), *kid = json_gets(j->header, "kid");

	if (failed(json_only(j->header, names, NULL)) || !json_is_str(kid) || kid->str.n == 0)
		return false;
	return !typ || (json_is_str(typ) && (span_is(typ->str, "JWT") || span_is(typ->str, "JOSE")));
}

status
svid_jwt_verify(span token, span domain, const struct bundle *b, span audience, int64_t now, struct arena *a, struct svid_jwt *ret,
                const char **ret_why)
{
	struct foreign_claims c;
	struct svid_jwt v = { 0 };
	struct jws j;

	*ret_why = "not a signed token in compact form";
	TRY(jws_parse(token, FOREIGN_TOKEN_MAX, a, &j));
	NEED(header_ok(&j), E_TOKEN_INVALID, "a header other than alg, kid and typ JWT or JOSE");
	NEED(b->jwt.n, E_TOKEN_INVALID, "the trust domain has no JWT keys: nothing of it is valid");
	NEED(jwk_set_verify(&b->jwt, &j), E_TOKEN_INVALID, "no key of the trust domain fits");
	*ret_why = "claims that are no JSON object";
	TRY(claims_of(&j, a, &v.claims));
	TRY(foreign_claims_read(v.claims, now, &c, ret_why));
	NEED(!failed(spiffe_id_parse(c.sub, &v.id, ret_why)), E_TOKEN_INVALID, *ret_why);
	NEED(v.id.path.n, E_TOKEN_INVALID, "the id of a trust domain, not of a workload");
	NEED(span_eq(v.id.domain, domain), E_TOKEN_INVALID, "of another trust domain");
	NEED(foreign_audience_has(v.claims, audience), E_TOKEN_INVALID, "for another audience");
	v.expires = c.expires;
	v.issued = c.issued;
	v.jti = c.jti;
	*ret = v;
	return OK;
}
