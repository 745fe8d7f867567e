#include "identity/foreign.h"

#include "identity/svid_jwt.h"

#define NEED(cond, e, why)                   \
	do {                                 \
		if (!(cond)) {               \
			*ret_why = (why);    \
			return FAIL(e);      \
		}                            \
	} while (0)

bool
foreign_audience_has(const struct json *claims, span ours)
{
	const struct json *aud = json_gets(claims, "aud");
	bool has = false;

	if (ours.n == 0)
		return false;
	if (json_is_str(aud))
		return span_eq(aud->str, ours);
	json_for_items(one, aud) {
		if (!json_is_str(one))
			return false;
		has |= span_eq(one->str, ours);
	}
	return has;
}

/* A time is a whole number of seconds; a fraction (RFC 7519 allows it) is cut off downwards. */
static bool
seconds(const struct json *claims, const char *name, int64_t *ret)
{
	const struct json *v = json_gets(claims, name);
	const int64_t far = INT64_C(1) << 40;

	if (!v)
		return true;
	if (v->kind == JSON_NUM && v->num.d >= 1 && v->num.d < (double)far)
		*ret = (int64_t)v->num.d;
	else if (json_is_int(v) && v->i >= 1 && v->i < far)
		*ret = v->i;
	else
		return false;
	return true;
}

static bool
spelled_as_expected(const struct json *claims)
{
	static const char *const names[] = { "iss", "sub", "aud", "exp", "nbf", "iat", "jti" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (json_case_variant(claims, span_str(names[i])))
			return false;
	return true;
}

status
foreign_claims_read(const struct json *claims, int64_t now, struct foreign_claims *ret, const char **ret_why)
{
	struct foreign_claims c = { 0 };
	const struct json *sub = json_gets(claims, "sub"), *jti = json_gets(claims, "jti");
	int64_t nbf = 0;

	NEED(json_is_obj(claims) && spelled_as_expected(claims), E_TOKEN_INVALID, "claims that are not an object, or by another spelling");
	NEED(json_is_str(sub) && sub->str.n && sub->str.n <= SPIFFE_ID_MAX, E_TOKEN_INVALID, "no sub");
	NEED(!jti || json_is_str(jti), E_TOKEN_INVALID, "jti is not a string");
	NEED(json_gets(claims, "exp") && seconds(claims, "exp", &c.expires), E_TOKEN_INVALID, "no exp in whole seconds");
	NEED(seconds(claims, "nbf", &nbf) && seconds(claims, "iat", &c.issued), E_TOKEN_INVALID, "nbf or iat is not a time");
	NEED(nbf - FOREIGN_TOKEN_SKEW <= now && c.issued - FOREIGN_TOKEN_SKEW <= now, E_TOKEN_INVALID, "not valid yet");
	NEED(now < c.expires, E_TOKEN_EXPIRED, "expired");
	NEED(c.expires - now <= FOREIGN_TOKEN_LIFE, E_TOKEN_INVALID, "lives longer than a day");
	c.sub = sub->str;
	c.jti = jti ? jti->str : (span){ 0 };
	*ret = c;
	return OK;
}
