#include "identity/bundle.h"

#include "crypto/pem.h"
#include "text/base64url.h"

#define NEED(cond, why)                           \
	do {                                      \
		if (!(cond)) {                    \
			if (ret_why)              \
				*ret_why = (why); \
			return FAIL(E_BAD_REQUEST); \
		}                                 \
	} while (0)

static bool
text_is(const struct json *v, const char *name, const char *want)
{
	const struct json *s = json_gets(v, name);

	return json_is_str(s) && span_is(s->str, want);
}

/* An anchor is a CA's certificate: a leaf that lies in a bundle must not vouch for anybody (A25). */
static status
add_cert(struct bundle *b, span der, struct arena *a, const char **ret_why)
{
	span kept = arena_copy(a, der);

	ENSURE(arena_ok(a), E_NO_MEMORY);
	NEED(b->n_certs < BUNDLE_CERTS, "too many certificates");
	NEED(!failed(cert_read(kept, &b->certs[b->n_certs], ret_why)), ret_why && *ret_why ? *ret_why : "an unreadable certificate");
	NEED(b->certs[b->n_certs].is_ca, "a certificate that is not a CA's");
	b->n_certs++;
	return OK;
}

static status
read_x509(const struct json *key, struct bundle *b, struct arena *a, const char **ret_why)
{
	CLEANUP(buf_fini) struct buf der = { 0 };
	const struct json *x5c = json_gets(key, "x5c");

	if (!x5c)
		return OK;
	NEED(json_is_arr(x5c) && x5c->arr.n == 1 && json_is_str(json_item(x5c, 0)), "an x509-svid entry has exactly one certificate");
	buf_init(&der, CERT_MAX);
	NEED(!failed(base64_decode(json_item(x5c, 0)->str, &der)), "an unreadable certificate");
	return add_cert(b, buf_span(&der), a, ret_why);
}

static status
read_jwt(const struct json *key, struct bundle *b, struct arena *a, const char **ret_why)
{
	/* The standard knows no Ed25519 for JWT-SVIDs; RSA keys come without an algorithm, and are RS256 then. */
	static const struct jwk_rules rules = { .use = "jwt-svid", .rsa_default = ALG_RS256 };
	const struct json *kid = json_gets(key, "kid");
	struct jwk k;

	NEED(json_is_str(kid) && kid->str.n, "a jwt-svid entry without a kid");
	for (size_t i = 0; i < b->jwt.n; i++)
		NEED(!span_eq(b->jwt.keys[i].kid, kid->str), "two jwt-svid entries with one kid");
	NEED(b->jwt.n < JWK_SET_MAX, "too many keys");
	status s = jwk_read_as(key, &rules, a, &k);
	ENSURE(s.code != E_NO_MEMORY, E_NO_MEMORY);
	if (!failed(s) && k.key && verify_key_alg(k.key) != ALG_EDDSA)
		b->jwt.keys[b->jwt.n++] = k;
	else if (!failed(s))
		jwk_fini(&k);
	return OK;
}

static status
read_keys(const struct json *v, struct bundle *b, struct arena *a, const char **ret_why)
{
	const struct json *keys = json_gets(v, "keys"), *sequence = json_gets(v, "spiffe_sequence"), *hint = json_gets(v, "spiffe_refresh_hint");

	NEED(json_is_obj(v) && json_is_arr(keys), "no member \"keys\"");
	NEED(!sequence || (json_is_int(sequence) && sequence->i >= 0), "spiffe_sequence is not a whole number");
	NEED(!hint || json_is_number(hint), "spiffe_refresh_hint is not a number");
	b->has_sequence = sequence;
	b->sequence = sequence ? (uint64_t)sequence->i : 0;
	b->refresh_hint = !hint || !json_is_int(hint) || hint->i <= 0 ? BUNDLE_HINT
	                : hint->i < BUNDLE_HINT_MIN ? BUNDLE_HINT_MIN : hint->i > BUNDLE_HINT_MAX ? BUNDLE_HINT_MAX : hint->i;
	json_for_items(key, keys) {
		NEED(json_is_obj(key), "a key that is not an object");
		if (text_is(key, "use", "x509-svid"))
			TRY(read_x509(key, b, a, ret_why));
		else if (text_is(key, "use", "jwt-svid"))
			TRY(read_jwt(key, b, a, ret_why));
	}
	return OK;
}

static status
start(struct bundle *b, struct arena *a)
{
	*b = (struct bundle){ .refresh_hint = BUNDLE_HINT };
	b->certs = arena_array(a, BUNDLE_CERTS, sizeof *b->certs);
	ENSURE(b->certs, E_NO_MEMORY);
	return OK;
}

status
bundle_read(const struct json *v, struct arena *a, struct bundle *ret, const char **ret_why)
{
	TRY(start(ret, a));
	status s = read_keys(v, ret, a, ret_why);
	if (failed(s))
		bundle_fini(ret);
	return s;
}

status
bundle_parse(span text, struct arena *a, struct bundle *ret, const char **ret_why)
{
	const struct json_opts o = { .max_bytes = BUNDLE_MAX, .max_depth = 8, .max_nodes = 4096, .copy = true };
	const struct json *v;

	*ret = (struct bundle){ 0 };
	status s = json_parse(text, &o, a, &v, NULL);
	ENSURE(s.code != E_NO_MEMORY, E_NO_MEMORY);
	NEED(!failed(s), "not a strict JSON document");
	return bundle_read(v, a, ret, ret_why);
}

static status
read_pem(span text, struct arena *a, struct bundle *b, const char **ret_why)
{
	CLEANUP(buf_fini) struct buf der = { 0 };
	bool found;

	buf_init(&der, CERT_MAX);
	for (;;) {
		buf_reset(&der);
		NEED(!failed(pem_next(&text, "CERTIFICATE", &der, &found)), "malformed PEM");
		if (!found)
			break;
		TRY(add_cert(b, buf_span(&der), a, ret_why));
	}
	NEED(b->n_certs, "no certificate in it");
	return OK;
}

status
bundle_pem(span text, struct arena *a, struct bundle *ret, const char **ret_why)
{
	TRY(start(ret, a));
	return read_pem(text, a, ret, ret_why);
}

void
bundle_fini(struct bundle *b)
{
	jwk_set_fini(&b->jwt);
	b->n_certs = 0;
}

status
bundle_from_pem(span pem, struct buf *out, const char **ret_why)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf text = { 0 };
	struct bundle b;

	arena_init(&a, 4 << 20);
	buf_init(&text, BUNDLE_MAX);
	TRY(bundle_pem(pem, &a, &b, ret_why));
	struct json_writer w = json_w(out);
	json_w_obj(&w);
	json_w_karr(&w, "keys");
	for (size_t i = 0; i < b.n_certs; i++) {
		buf_reset(&text);
		base64_encode(b.certs[i].der, &text);
		TRY(buf_finish(&text));
		json_w_obj(&w);
		/* The certificate says what kind of key it is; the member must be there all the same. */
		json_w_kcstr(&w, "kty", b.certs[i].key_kind == CERT_KEY_RSA ? "RSA" : b.certs[i].key_kind == CERT_KEY_ED25519 ? "OKP" : "EC");
		json_w_kcstr(&w, "use", "x509-svid");
		json_w_karr(&w, "x5c");
		json_w_str(&w, buf_span(&text));
		json_w_arr_end(&w);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	return buf_finish(out);
}
