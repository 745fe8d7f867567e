#include "identity/oidc.h"

#include "identity/foreign.h"
#include "identity/jws.h"
#include "identity/svid_jwt.h"
#include "text/url.h"

#define NEED(cond, e, why)                        \
	do {                                      \
		if (!(cond)) {                    \
			if (ret_why)              \
				*ret_why = (why); \
			return FAIL(e);           \
		}                                 \
	} while (0)

status
oidc_token_issuer(span token, struct arena *a, span *ret_issuer)
{
	const struct json *claims;
	struct jws j;

	TRY(jws_parse(token, FOREIGN_TOKEN_MAX, a, &j));
	status s = json_parse(j.payload, NULL, a, &claims, NULL);
	ENSURE(s.code != E_NO_MEMORY, E_NO_MEMORY);
	ENSURE(!failed(s) && !failed(json_get_str(claims, "iss", ret_issuer, NULL)) && ret_issuer->n, E_TOKEN_INVALID);
	return OK;
}

/* Tokens of another kind carry a type: access tokens, logout tokens, DPoP proofs, client assertions (RFC 8725 §3.11). */
static bool
header_ok(const struct jws *j)
{
	static const char *const names[] = { "alg", "kid", "typ", "x5t", "x5t#S256", NULL };
	const struct json *typ = json_gets(j->header, "typ"), *kid = json_gets(j->header, "kid");

	return !failed(json_only(j->header, names, NULL)) && json_is_str(kid) && kid->str.n &&
	       (!typ || (json_is_str(typ) && span_is(typ->str, "JWT")));
}

static bool
any_audience(const struct oidc_issuer *i, const struct json *claims)
{
	for (size_t n = 0; n < i->n_audiences; n++)
		if (foreign_audience_has(claims, i->audiences[n]))
			return true;
	return false;
}

status
oidc_verify(span token, const struct oidc_issuer *i, int64_t now, struct arena *a, struct oidc_token *ret, const char **ret_why)
{
	struct foreign_claims c;
	struct oidc_token t = { 0 };
	struct jws j;
	span iss;

	*ret_why = "not a signed token in compact form";
	TRY(jws_parse(token, FOREIGN_TOKEN_MAX, a, &j));
	NEED(header_ok(&j), E_TOKEN_INVALID, "a header of another kind of token, or without kid");
	NEED(jwk_set_verify(&i->keys, &j), E_TOKEN_INVALID, "no key of the issuer fits");
	status s = json_parse(j.payload, NULL, a, &t.claims, NULL);
	NEED(s.code != E_NO_MEMORY, E_NO_MEMORY, "no memory");
	NEED(!failed(s) && json_is_obj(t.claims) && j.payload.n <= OIDC_CLAIMS_MAX, E_TOKEN_INVALID, "claims that are no JSON object");
	TRY(foreign_claims_read(t.claims, now, &c, ret_why));
	NEED(!failed(json_get_str(t.claims, "iss", &iss, NULL)) && i->issuer.n && span_eq(iss, i->issuer), E_TOKEN_INVALID, "another issuer");
	NEED(any_audience(i, t.claims), E_TOKEN_INVALID, "for another audience");
	t.sub = c.sub;
	t.jti = c.jti;
	t.expires = c.expires;
	t.issued = c.issued;
	*ret = t;
	return OK;
}

/* ---- documents ------------------------------------------------------------------------------------------------------ */

static status
parse(span text, size_t max, struct arena *a, const struct json **ret, const char **ret_why)
{
	const struct json_opts o = { .max_bytes = max, .max_depth = 16, .max_nodes = 8192, .copy = true };
	status s = json_parse(text, &o, a, ret, NULL);

	NEED(s.code != E_NO_MEMORY, E_NO_MEMORY, "no memory");
	NEED(!failed(s) && json_is_obj(*ret), E_BAD_REQUEST, "not a strict JSON object");
	return OK;
}

/* A key without a kid could only be found by trying: it is left out. */
static void
drop_unnamed(struct jwk_set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->keys[i].kid.n && s->keys[i].key)
			s->keys[n++] = s->keys[i];
		else
			jwk_fini(&s->keys[i]);
	s->n = n;
}

status
oidc_jwks_parse(span text, struct arena *a, struct jwk_set *ret, const char **ret_why)
{
	static const struct jwk_rules rules = { .rsa_default = ALG_RS256 };
	const struct json *v;

	*ret = (struct jwk_set){ 0 };
	TRY(parse(text, OIDC_JWKS_MAX, a, &v, ret_why));
	status s = jwk_set_read_as(v, &rules, a, ret);
	NEED(s.code != E_NO_MEMORY, E_NO_MEMORY, "no memory");
	NEED(!failed(s), E_BAD_REQUEST, "not a key set, or two keys with one kid");
	drop_unnamed(ret);
	NEED(ret->n, E_BAD_REQUEST, "no usable key in it");
	return OK;
}

bool
oidc_issuer_ok(span issuer, bool allow_http)
{
	bool http = span_starts(issuer, SPAN("http://")), https = span_starts(issuer, SPAN("https://"));

	if (issuer.n > 1024 || (!https && !(http && allow_http)))
		return false;
	span rest = span_sub(issuer, https ? 8 : 7, issuer.n);
	if (rest.n == 0 || rest.p[0] == '/' || rest.p[0] == ':')
		return false;
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] <= ' ' || rest.p[i] >= 0x7f || memchr("?#@\\\"<>", rest.p[i], 7))
			return false;
	return true;
}

status
oidc_discovery_parse(span text, span issuer, bool allow_http, struct arena *a, span *ret_jwks_uri, const char **ret_why)
{
	const struct json *v;
	span said, uri;

	TRY(parse(text, OIDC_DISCOVERY_MAX, a, &v, ret_why));
	NEED(!failed(json_get_str(v, "issuer", &said, NULL)) && issuer.n && span_eq(said, issuer), E_BAD_REQUEST, "it names another issuer");
	NEED(!failed(json_get_str(v, "jwks_uri", &uri, NULL)) && oidc_issuer_ok(span_sub(uri, 0, span_find(uri, '?')), allow_http) &&
	     span_find(uri, '#') == uri.n, E_BAD_REQUEST, "no usable jwks_uri");
	*ret_jwks_uri = uri;
	return OK;
}

/* ---- rules ---------------------------------------------------------------------------------------------------------- */

static bool
text_matches(span pattern, span text)
{
	if (pattern.n > 1 && pattern.p[pattern.n - 1] == '*')
		return span_starts(text, span_sub(pattern, 0, pattern.n - 1));
	return span_eq(pattern, text);
}

static bool
value_matches(const struct json *want, const struct json *have)
{
	if (json_is_str(want) && json_is_str(have))
		return text_matches(want->str, have->str);
	if (json_is_arr(have)) {
		json_for_items(one, have)
			if (!json_is_arr(one) && value_matches(want, one))
				return true;
		return false;
	}
	return !json_is_str(want) && have && json_equal(want, have);
}

bool
oidc_rule_matches(const struct json *rule, const struct json *claims)
{
	size_t n = 0;

	json_for_members(m, rule) {
		const struct json *have = m->key.n && m->key.p[0] == '/' ? json_pointer(claims, m->key) : json_get(claims, m->key);
		if (!have || !value_matches(&m->value, have))
			return false;
		n++;
	}
	return n > 0;
}

/* They issue for everybody, and what `sub` holds is in part the customer's choice: a rule must name a claim that is not. */
static const char *const shared_issuers[] = {
	"https://token.actions.githubusercontent.com", "https://gitlab.com", "https://agent.buildkite.com", "https://app.terraform.io",
	"https://oidc.circleci.com/", "https://accounts.google.com", "https://login.microsoftonline.com/", "https://sts.windows.net/",
	"https://api.bitbucket.org/", "https://app.harness.io", "https://vstoken.dev.azure.com/", "https://oidc.vercel.com",
	"https://api.pulumi.com/oidc", "https://oidc.codefresh.io", "https://cognito-identity.amazonaws.com", "https://container.googleapis.com/",
};

static bool
is_shared(span issuer)
{
	for (size_t i = 0; i < ARRAY_LEN(shared_issuers); i++) {
		span s = span_str(shared_issuers[i]);
		if (span_starts(issuer, s) && (issuer.n == s.n || s.p[s.n - 1] == '/' || issuer.p[s.n] == '/'))
			return true;
	}
	return false;
}

const char *
oidc_rule_refused(const struct json *rule, span issuer, bool shared)
{
	size_t n = 0, others = 0;

	if (!json_is_obj(rule))
		return "claims must be an object";
	json_for_members(m, rule) {
		bool text = json_is_str(&m->value);
		if (m->key.n == 0 || !(text || json_is_int(&m->value) || json_is_bool(&m->value)) || (text && m->value.str.n == 0))
			return "a claim's value must be a text, a whole number or true or false";
		if (text && span_is(m->value.str, "*"))
			return "a claim that may be anything says nothing";
		n++;
		/* These three are the same for all customers, or already compared. */
		others += !span_is(m->key, "sub") && !span_is(m->key, "iss") && !span_is(m->key, "aud") && m->key.p[0] != '/';
		others += m->key.p[0] == '/' && !span_is(m->key, "/sub") && !span_is(m->key, "/iss") && !span_is(m->key, "/aud");
	}
	if (n == 0)
		return "claims must name at least one claim";
	if ((shared || is_shared(issuer)) && others == 0)
		return "this issuer serves many customers: claims must name more than sub (for GitHub Actions: repository)";
	return NULL;
}
