#include "identity/jwt.h"

#include "base/id.h"
#include "identity/jws.h"
#include "text/base64url.h"
#include "text/json.h"

#define CLAIM_TASK "dev.ambit/task"
#define CONFIRM_CERT "x5t#S256"         /* RFC 8705 §3.1 */
#define CONFIRM_PEER "dev.ambit/peer"
#define CONFIRM_KEY "jkt"               /* RFC 9449 §6.1 */

enum { CLAIMS_MAX = 6144, TEXT_MAX = 512, JTI_MAX = 64 };

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static bool
makeable(const struct jwt_claims *c)
{
	return c->iss.n && c->iss.n <= TEXT_MAX && c->sub.n && c->sub.n <= TEXT_MAX && c->aud.n && c->aud.n <= TEXT_MAX &&
	       c->client_id.n && c->client_id.n <= TEXT_MAX && c->jti.n && c->jti.n <= JTI_MAX && c->n_act <= JWT_ACT_MAX &&
	       c->iat > 0 && c->exp > c->iat && c->exp - c->iat <= JWT_LIFE_MAX && id_kind(c->task) == ID_TASK &&
	       c->confirm >= JWT_CONFIRM_CERT && c->confirm <= JWT_CONFIRM_NONE;
}

/* RFC 8693 §4.1: the current actor outermost, those before it within. */
static void
put_act(struct json_writer *w, const struct jwt_claims *c)
{
	for (size_t i = 0; i < c->n_act; i++) {
		json_w_kobj(w, "act");
		json_w_kstr(w, "sub", c->act[i]);
	}
	for (size_t i = 0; i < c->n_act; i++)
		json_w_obj_end(w);
}

static const char *const confirm_names[] = {
	[JWT_CONFIRM_CERT] = CONFIRM_CERT, [JWT_CONFIRM_PEER] = CONFIRM_PEER, [JWT_CONFIRM_KEY] = CONFIRM_KEY,
};

static void
put_confirm(struct json_writer *w, const struct jwt_claims *c)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	if (c->confirm == JWT_CONFIRM_NONE)
		return;
	buf_init(&b, 64);
	base64url_encode(digest_span(&c->confirm_digest), &b);
	json_w_kobj(w, "cnf");
	json_w_kstr(w, confirm_names[c->confirm], buf_span(&b));
	json_w_obj_end(w);
}

static void
put_claims(struct buf *b, const struct jwt_claims *c)
{
	struct json_writer w = json_w(b);
	char task[ID_TEXT + 1];

	id_text(c->task, task);
	json_w_obj(&w);
	json_w_kstr(&w, "iss", c->iss);
	json_w_kstr(&w, "sub", c->sub);
	json_w_kstr(&w, "aud", c->aud);
	json_w_kstr(&w, "client_id", c->client_id);
	json_w_kstr(&w, "jti", c->jti);
	json_w_kint(&w, "iat", c->iat);
	if (c->nbf)
		json_w_kint(&w, "nbf", c->nbf);
	json_w_kint(&w, "exp", c->exp);
	json_w_kcstr(&w, CLAIM_TASK, task);
	put_act(&w, c);
	put_confirm(&w, c);
	if (c->scope.n)
		json_w_kstr(&w, "scope", c->scope);
	json_w_obj_end(&w);
}

static status
put_header(const struct sign_key *k, struct buf *b)
{
	struct json_writer w = json_w(b);

	json_w_obj(&w);
	json_w_kcstr(&w, "alg", "ES256");
	json_w_kstr(&w, "kid", sign_key_id(k));
	json_w_kcstr(&w, "typ", "at+jwt");
	json_w_obj_end(&w);
	return buf_finish(b);
}

status
jwt_make(const struct jwt_claims *c, const struct sign_key *k, struct buf *out)
{
	CLEANUP(buf_fini) struct buf header = { 0 }, claims = { 0 }, text = { 0 };
	uint8_t sig[64];

	ENSURE(makeable(c) && sign_key_alg(k) == ALG_ES256, E_BAD_REQUEST);
	buf_init(&header, 512);
	buf_init(&claims, CLAIMS_MAX);
	buf_init(&text, JWT_MAX);
	TRY(put_header(k, &header));
	put_claims(&claims, c);
	TRY(buf_finish(&claims));
	base64url_encode(buf_span(&header), &text);
	buf_put_u8(&text, '.');
	base64url_encode(buf_span(&claims), &text);
	TRY(buf_finish(&text));
	TRY(sign_make(k, buf_span(&text), sig));
	buf_put_u8(&text, '.');
	base64url_encode(SPAN_OF(sig), &text);
	TRY(buf_finish(&text));
	buf_put(out, buf_span(&text));
	return buf_finish(out);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static status
read_act(const struct json *v, struct arena *a, struct jwt_claims *c)
{
	static const char *const names[] = { "sub", "act", NULL };
	span *act = arena_array(a, JWT_ACT_MAX, sizeof *act);

	ENSURE(act, E_NO_MEMORY);
	for (const struct json *at = json_gets(v, "act"); at; at = json_gets(at, "act")) {
		ENSURE(c->n_act < JWT_ACT_MAX && json_is_obj(at), E_TOKEN_INVALID);
		TRY(json_only(at, names, NULL));
		TRY(json_get_str(at, "sub", &act[c->n_act], NULL));
		c->n_act++;
	}
	c->act = act;
	return OK;
}

static status
read_confirm(const struct json *v, struct jwt_claims *c)
{
	const struct json *cnf;
	span text;

	if (!json_gets(v, "cnf")) {
		c->confirm = JWT_CONFIRM_NONE;
		return OK;
	}
	TRY(json_get_obj(v, "cnf", &cnf, NULL));
	ENSURE(cnf->obj.n == 1, E_TOKEN_INVALID);
	c->confirm = JWT_CONFIRM_CERT;
	while (c->confirm < JWT_CONFIRM_KEY && !json_gets(cnf, confirm_names[c->confirm]))
		c->confirm++;
	TRY(json_get_str(cnf, confirm_names[c->confirm], &text, NULL));
	return base64url_decode_exact(text, c->confirm_digest.b, sizeof c->confirm_digest.b);
}

static status
read_claims(const struct json *v, struct arena *a, struct jwt_claims *c)
{
	static const char *const names[] = {
		"iss", "sub", "aud", "client_id", "jti", "iat", "nbf", "exp", CLAIM_TASK, "act", "cnf", "scope", NULL,
	};
	const int64_t far = INT64_C(1) << 40;
	span task;

	TRY(json_only(v, names, NULL));
	TRY(json_get_str(v, "iss", &c->iss, NULL));
	TRY(json_get_str(v, "sub", &c->sub, NULL));
	TRY(json_get_str(v, "aud", &c->aud, NULL));
	TRY(json_get_str(v, "client_id", &c->client_id, NULL));
	TRY(json_get_str(v, "jti", &c->jti, NULL));
	TRY(json_get_int(v, "iat", 1, far, &c->iat, NULL));
	TRY(json_opt_int(v, "nbf", 1, far, &c->nbf, NULL));
	TRY(json_get_int(v, "exp", 1, far, &c->exp, NULL));
	TRY(json_get_str(v, CLAIM_TASK, &task, NULL));
	ENSURE(id_parse_kind(task, ID_TASK, &c->task), E_TOKEN_INVALID);
	TRY(json_opt_str(v, "scope", &c->scope, NULL));
	TRY(read_confirm(v, c));
	return read_act(v, a, c);
}

static bool
header_ok(const struct jws *j)
{
	static const char *const names[] = { "alg", "kid", "typ", NULL };
	const struct json *typ = json_gets(j->header, "typ"), *kid = json_gets(j->header, "kid");

	return !failed(json_only(j->header, names, NULL)) && json_is_str(typ) && span_is(typ->str, "at+jwt") && json_is_str(kid);
}

static const struct verify_key *
key_of(const struct jws *j, const struct jwt_expect *want)
{
	span kid = json_gets(j->header, "kid")->str;

	for (size_t i = 0; i < want->n_keys; i++)
		if (span_eq(verify_key_id(want->keys[i]), kid) && verify_key_alg(want->keys[i]) == ALG_ES256)
			return want->keys[i];
	return NULL;
}

/* A token from the future may come from a clock that is ahead; one from the past gets no such grace. */
static status
check_time(const struct jwt_claims *c, int64_t now)
{
	int64_t from = c->nbf > c->iat ? c->nbf : c->iat;

	ENSURE(from - JWT_SKEW <= now, E_TOKEN_INVALID);
	ENSURE(now < c->exp, E_TOKEN_EXPIRED);
	return OK;
}

static status
open_verified(const struct jws *j, const struct jwt_expect *want, struct arena *a, struct jwt_claims *c)
{
	const struct json *v;

	TRY(json_parse(j->payload, NULL, a, &v, NULL));
	TRY(read_claims(v, a, c));
	ENSURE(makeable(c), E_TOKEN_INVALID);
	ENSURE(want->iss.n && span_eq(c->iss, want->iss), E_TOKEN_INVALID);
	ENSURE((want->aud.n && span_eq(c->aud, want->aud)) || (want->or_aud.n && span_eq(c->aud, want->or_aud)), E_TOKEN_INVALID);
	return check_time(c, want->now);
}

status
jwt_open(span token, const struct jwt_expect *want, struct arena *a, struct jwt_claims *ret)
{
	struct jws j;
	struct jwt_claims c = { 0 };

	TRY(jws_parse(token, JWT_MAX, a, &j));
	ENSURE(header_ok(&j), E_TOKEN_INVALID);
	const struct verify_key *k = key_of(&j, want);
	ENSURE(k && jws_verify(&j, k), E_TOKEN_INVALID);
	status s = open_verified(&j, want, a, &c);
	if (failed(s))
		return s.code == E_NO_MEMORY || s.code == E_TOKEN_EXPIRED ? s : FAIL(E_TOKEN_INVALID);
	*ret = c;
	return OK;
}
