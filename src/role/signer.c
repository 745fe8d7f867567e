/* signer: holds the token, CA and log keys. It takes typed requests from core only, builds what it signs itself, parses no
 * network bytes, and has no system call that could open a file or a socket once it is configured.
 *
 * At rest the keys are one file, sealed: they are there all together or not at all, and a file that can not be opened ends the
 * role. Never does it come back with other keys (R20). */
#include "base/log.h"
#include "crypto/seal.h"
#include "crypto/vault.h"
#include "crypto/x509.h"
#include "identity/jwt.h"
#include "log/checkpoint.h"
#include "role/role.h"
#include "text/base64url.h"
#include "text/json.h"

#include "ipc/memfd.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	LEAF_LIFE_S = 3600,
	LEAF_BACKDATE_S = 300,                       /* for peers whose clock is behind */
	CA_LIFE_S = 10 * 365 * 86400,
	NAMES_MAX = 40,
	FILE_MAX = 65536,
};

#define NS_PER_S INT64_C(1000000000)
#define SEAL_CONTEXT SPAN("ambit/signer/keys/1")

enum { KEY_TOKEN, KEY_CA, KEY_LOG, KEYS };

static const enum sign_alg algs[KEYS] = { [KEY_TOKEN] = ALG_ES256, [KEY_CA] = ALG_ES256, [KEY_LOG] = ALG_EDDSA };

struct signer {
	struct worker *w;
	struct arena config;                         /* as long as the role */
	struct sign_key *keys[KEYS];
	struct buf ca;                               /* DER */
	struct vault vault;
	span issuer, origin;
	span dns[NAMES_MAX], ip[NAMES_MAX];
	size_t n_dns, n_ip;
};

static status
in_dir(const struct worker *w, const char *name, struct buf *path, const char **ret)
{
	buf_init(path, 4096);
	buf_printf(path, "%s%s%s", w->dir, strcmp(w->dir, "/") == 0 ? "" : "/", name);
	return buf_finish_str(path, ret);
}

/* ---- the key-encryption key ----------------------------------------------------------------------------------------- */

static status
read_key_fd(int fd, struct secret **ret)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	size_t n = 0;

	TRY(secret_new(SEAL_KEY, &s));
	while (n < SEAL_KEY) {
		ssize_t got = read(fd, secret_writable(s) + n, SEAL_KEY - n);
		ENSURE(got > 0, E_BAD_CONFIG);
		n += (size_t)got;
	}
	uint8_t more;
	ENSURE(read(fd, &more, 1) == 0, E_BAD_CONFIG);   /* a line end, or a key of another kind */
	*ret = TAKE(s);
	return OK;
}

/* Only where no other was given (`ambitd dev`): in a file of its own beside the keys it seals. */
static status
own_key(struct signer *s, struct secret **ret)
{
	CLEANUP(buf_fini) struct buf path = { 0 };
	struct buf b;
	const char *name;

	TRY(in_dir(s->w, "kek", &path, &name));
	buf_init(&b, SEAL_KEY);
	status st = env_read_file(s->w->env, name, &b);
	if (st.code == E_NOT_FOUND) {
		TRY(seal_key_generate(ret));
		return env_write_file(s->w->env, name, 0600, secret_reveal(*ret));
	}
	if (!failed(st))
		st = b.n == SEAL_KEY ? secret_take(b.p, b.n, ret) : FAIL(E_BAD_CONFIG);
	if (b.p)
		secret_wipe(b.p, b.n);
	buf_fini(&b);
	return st;
}

static status
encryption_key(struct signer *s, struct secret **ret)
{
	if (s->w->key_fd < 0)
		return own_key(s, ret);
	status st = read_key_fd(s->w->key_fd, ret);
	close(s->w->key_fd);
	s->w->key_fd = -1;
	return st;
}

/* ---- keys at rest: (u16 length, PKCS#8)*3, u32 length, CA certificate ----------------------------------------------- */

static status
make_ca(struct signer *s)
{
	uint8_t serial[16];
	int64_t now = env_now(s->w->env).wall / NS_PER_S;

	TRY(env_random(s->w->env, serial, sizeof serial));
	return x509_ca(s->keys[KEY_CA], SPAN("Ambit local CA"), now - LEAF_BACKDATE_S, now + CA_LIFE_S, serial, &s->ca);
}

static status
put_key(const struct sign_key *k, struct buf *b)
{
	CLEANUP(secret_freep) struct secret *der = NULL;

	TRY(sign_key_save(k, &der));
	buf_put_vec16(b, secret_reveal(der));
	return buf_finish(b);
}

static status
save(struct signer *s, const struct secret *kek, const char *path)
{
	CLEANUP(secret_freep) struct secret *plain = NULL;
	CLEANUP(buf_fini) struct buf sealed = { 0 };
	struct buf b;
	status st = OK;

	/* Wanted before it is filled: growing would leave copies behind. */
	buf_init(&b, FILE_MAX);
	if (!buf_reserve(&b, FILE_MAX / 2))
		return FAIL(E_NO_MEMORY);
	for (int i = 0; i < KEYS && !failed(st); i++)
		st = put_key(s->keys[i], &b);
	buf_put_vec32(&b, buf_span(&s->ca));
	if (!failed(st) && !failed(st = buf_finish(&b)))
		st = secret_take(b.p, b.n, &plain);
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	TRY(st);
	buf_init(&sealed, FILE_MAX);
	TRY(seal_make(kek, SEAL_CONTEXT, plain, &sealed));
	return env_write_file(s->w->env, path, 0600, buf_span(&sealed));
}

static status
create(struct signer *s, const struct secret *kek, const char *path)
{
	for (int i = 0; i < KEYS; i++)
		TRY(sign_key_generate(algs[i], &s->keys[i]));
	TRY(make_ca(s));
	TRY(save(s, kek, path));
	log_info("signing keys made");
	return OK;
}

static status
take_key(struct reader *r, int i, struct sign_key **ret)
{
	CLEANUP(secret_freep) struct secret *der = NULL;
	span bytes = rd_vec16(r);
	ENSURE(r->ok && bytes.n > 0, E_BAD_MESSAGE);

	TRY(secret_new(bytes.n, &der));
	memcpy(secret_writable(der), bytes.p, bytes.n);
	TRY(sign_key_load(der, ret));
	ENSURE(sign_key_alg(*ret) == algs[i], E_BAD_MESSAGE);
	return OK;
}

static status
restore(struct signer *s, const struct secret *kek, span sealed)
{
	CLEANUP(secret_freep) struct secret *plain = NULL;

	TRY(seal_open(kek, SEAL_CONTEXT, sealed, &plain));
	struct reader r = rd_make(secret_reveal(plain));
	for (int i = 0; i < KEYS; i++)
		TRY(take_key(&r, i, &s->keys[i]));
	buf_put(&s->ca, rd_vec32(&r));
	TRY(rd_end(&r));
	return buf_finish(&s->ca);
}

/* For clients: which authority to trust. Public, and the supervisor shows it to them. */
static status
publish_ca(struct signer *s)
{
	CLEANUP(buf_fini) struct buf path = { 0 }, text = { 0 }, pem = { 0 };
	const char *name;

	buf_init(&text, FILE_MAX);
	buf_init(&pem, FILE_MAX);
	TRY(in_dir(s->w, "ca.pem", &path, &name));
	base64_encode(buf_span(&s->ca), &text);
	buf_put_str(&pem, "-----BEGIN CERTIFICATE-----\n");
	for (size_t i = 0; i < text.n; i += 64) {
		buf_put(&pem, span_sub(buf_span(&text), i, 64));
		buf_put_u8(&pem, '\n');
	}
	buf_put_str(&pem, "-----END CERTIFICATE-----\n");
	TRY(buf_finish(&text));
	TRY(buf_finish(&pem));
	return env_write_file(s->w->env, name, 0644, buf_span(&pem));
}

static status
open_keys(struct signer *s)
{
	CLEANUP(secret_freep) struct secret *kek = NULL;
	CLEANUP(buf_fini) struct buf path = { 0 }, sealed = { 0 };
	const char *name;

	buf_init(&sealed, FILE_MAX);
	TRY(encryption_key(s, &kek));
	TRY(vault_open(&s->vault, kek));
	TRY(in_dir(s->w, "keys", &path, &name));
	status st = env_read_file(s->w->env, name, &sealed);
	if (st.code == E_NOT_FOUND)
		TRY(create(s, kek, name));
	else {
		TRY(st);
		TRY(restore(s, kek, buf_span(&sealed)));
	}
	return publish_ca(s);
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

static status
parse_actors(span text, struct arena *a, struct jwt_claims *c)
{
	const struct json *v;

	if (text.n == 0)
		return OK;
	TRY(json_parse(text, NULL, a, &v, NULL));
	ENSURE(json_is_arr(v) && v->arr.n <= JWT_ACT_MAX, E_BAD_REQUEST);
	span *act = arena_array(a, v->arr.n, sizeof *act);
	ENSURE(act || v->arr.n == 0, E_NO_MEMORY);
	for (size_t i = 0; i < v->arr.n; i++) {
		ENSURE(json_is_str(&v->arr.items[i]), E_BAD_REQUEST);
		act[i] = v->arr.items[i].str;
	}
	c->act = act;
	c->n_act = v->arr.n;
	return OK;
}

static status
make_token(struct signer *s, const struct msg_sign_token *m, struct buf *out)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	CLEANUP(buf_fini) struct buf jti = { 0 };
	struct jwt_claims c = {
		.iss = s->issuer, .sub = m->sub, .aud = m->aud, .client_id = m->client, .iat = m->issued / NS_PER_S,
		.exp = m->expires / NS_PER_S, .task = m->task, .scope = m->scope,
	};
	static const uint8_t confirm[] = {
		[BINDING_LOCAL_PEER] = JWT_CONFIRM_PEER, [BINDING_CERT] = JWT_CONFIRM_CERT, [BINDING_KEY] = JWT_CONFIRM_KEY,
		[BINDING_NONE] = JWT_CONFIRM_NONE,
	};

	ENSURE(m->binding > 0 && m->binding < ARRAY_LEN(confirm), E_BAD_REQUEST);
	c.confirm = confirm[m->binding];
	arena_init(&a, 65536);
	buf_init(&jti, 64);
	buf_printf(&jti, "%016llx%016llx", (unsigned long long)m->jti_hi, (unsigned long long)m->jti_lo);
	TRY(buf_finish(&jti));
	c.jti = buf_span(&jti);
	memcpy(c.confirm_digest.b, m->confirm, sizeof c.confirm_digest.b);
	TRY(parse_actors(m->act, &a, &c));
	return jwt_make(&c, s->keys[KEY_TOKEN], out);
}

static status
on_sign_token(struct signer *s, const struct msg_sign_token *m)
{
	CLEANUP(buf_fini) struct buf out = { 0 };
	struct msg r = msg_make(MSG_TOKEN);

	buf_init(&out, JWT_MAX);
	r.token.req = m->req;
	r.token.error = make_token(s, m, &out).code;
	r.token.jwt = r.token.error == E_OK ? buf_span(&out) : (span){ 0 };
	return role_send(s->w, ROLE_CORE, 0, &r);
}

static status
on_sign_head(struct signer *s, const struct msg_sign_head *m)
{
	CLEANUP(buf_fini) struct buf out = { 0 };
	struct msg r = msg_make(MSG_HEAD);
	struct checkpoint c = { .origin = s->origin, .chain = { .seq = m->seq }, .time = m->time };

	memcpy(c.chain.head.b, m->head, sizeof c.chain.head.b);
	buf_init(&out, CHECKPOINT_MAX);
	r.head.req = m->req;
	r.head.error = checkpoint_sign(&c, s->keys[KEY_LOG], &out).code;
	r.head.note = r.head.error == E_OK ? buf_span(&out) : (span){ 0 };
	return role_send(s->w, ROLE_CORE, 0, &r);
}

static status
make_leaf(struct signer *s, span spki, struct buf *chain)
{
	CLEANUP(buf_fini) struct buf der = { 0 };
	int64_t now = env_now(s->w->env).wall / NS_PER_S;
	struct x509_leaf leaf = {
		.spki = spki, .common_name = SPAN("ambit"), .dns = s->dns, .n_dns = s->n_dns, .ip = s->ip, .n_ip = s->n_ip,
		.usage = X509_SERVER, .not_before = now - LEAF_BACKDATE_S, .not_after = now + LEAF_LIFE_S,
	};

	buf_init(&der, 8192);
	TRY(env_random(s->w->env, leaf.serial, sizeof leaf.serial));
	TRY(x509_issue(s->keys[KEY_CA], buf_span(&s->ca), &leaf, &der));
	buf_put_vec32(chain, buf_span(&der));
	return buf_finish(chain);
}

static status
on_sign_leaf(struct signer *s, const struct msg_sign_leaf *m)
{
	CLEANUP(buf_fini) struct buf chain = { 0 };
	struct msg r = msg_make(MSG_SIGNED_LEAF);

	buf_init(&chain, 16384);
	r.signed_leaf.req = m->req;
	r.signed_leaf.error = make_leaf(s, m->spki, &chain).code;
	r.signed_leaf.chain = r.signed_leaf.error == E_OK ? buf_span(&chain) : (span){ 0 };
	return role_send(s->w, ROLE_CORE, 0, &r);
}

/* ---- secrets -------------------------------------------------------------------------------------------------------- */

static status
on_seal(struct signer *s, const struct msg_seal *m)
{
	CLEANUP(buf_fini) struct buf out = { 0 };
	struct msg r = msg_make(MSG_SEALED);

	buf_init(&out, VAULT_SEALED_MAX);
	r.sealed.req = m->req;
	r.sealed.error = vault_seal(&s->vault, m->name, m->version, m->box, &out).code;
	r.sealed.form = r.sealed.error == E_OK ? buf_span(&out) : (span){ 0 };
	return role_send(s->w, ROLE_CORE, 0, &r);
}

static status
hand_over(struct signer *s, const struct msg_unseal *m)
{
	CLEANUP(secret_freep) struct secret *plain = NULL;
	struct msg r = msg_make(MSG_SECRET);

	TRY(vault_unseal(&s->vault, m->name, m->version, m->form, &plain));
	r.secret.ref = m->ref;
	r.secret.ordinal = m->ordinal;
	r.secret.size = (uint32_t)secret_size(plain);
	TRY(memfd_sealed(secret_reveal(plain), &r.fd));
	return role_send(s->w, ROLE_TOOLS, 0, &r);
}

static status
on_unseal(struct signer *s, const struct msg_unseal *m)
{
	status st = hand_over(s, m);
	struct msg r = msg_make(MSG_NO_SECRET);

	if (!failed(st) || st.code == E_UNAVAILABLE)
		return OK;
	log_error("a secret can not be opened", KV("name", m->name), KV("status", st));
	r.no_secret.ref = m->ref;
	r.no_secret.ordinal = m->ordinal;
	r.no_secret.error = st.code;
	return role_send(s->w, ROLE_TOOLS, 0, &r);
}

static status
make_keys(struct signer *s, struct buf *jwks, struct buf *log_key)
{
	CLEANUP(verify_key_freep) struct verify_key *public = NULL;

	TRY(sign_key_public(s->keys[KEY_TOKEN], &public));
	buf_put_str(jwks, "{\"keys\":[");
	TRY(verify_key_to_jwk(public, jwks));
	buf_put_str(jwks, "]}");
	TRY(buf_finish(jwks));
	return checkpoint_verifier(s->origin, s->keys[KEY_LOG], log_key);
}

/* A new core learns the public halves first. */
static status
send_keys(struct signer *s)
{
	CLEANUP(buf_fini) struct buf jwks = { 0 }, log_key = { 0 };
	struct msg m = msg_make(MSG_KEYS);

	buf_init(&jwks, 65536);
	buf_init(&log_key, 256);
	TRY(make_keys(s, &jwks, &log_key));
	m.keys.jwks = buf_span(&jwks);
	m.keys.ca = buf_span(&s->ca);
	m.keys.log_key = buf_span(&log_key);
	TRY(role_send(s->w, ROLE_CORE, 0, &m));
	struct msg v = msg_make(MSG_VAULT);
	memcpy(v.vault.key, s->vault.public, sizeof v.vault.key);
	return role_send(s->w, ROLE_CORE, 0, &v);
}

static void
link_up(struct worker *w, enum role peer, unsigned)
{
	status s = peer == ROLE_CORE ? send_keys(w->state) : OK;

	if (failed(s) && s.code != E_UNAVAILABLE)
		role_fail(w, s, "the public keys could not be made");
}

static status
message(struct worker *w, enum role, unsigned, struct msg *m)
{
	struct signer *s = w->state;
	status st;

	switch (m->type) {
	case MSG_SIGN_TOKEN: st = on_sign_token(s, &m->sign_token); break;
	case MSG_SIGN_HEAD: st = on_sign_head(s, &m->sign_head); break;
	case MSG_SIGN_LEAF: st = on_sign_leaf(s, &m->sign_leaf); break;
	case MSG_SEAL: st = on_seal(s, &m->seal); break;
	case MSG_UNSEAL: st = on_unseal(s, &m->unseal); break;
	default: return FAIL(E_BAD_MESSAGE);
	}
	return st.code == E_UNAVAILABLE ? OK : st;   /* core went away: nobody waits for the answer */
}

/* ---- start ---------------------------------------------------------------------------------------------------------- */

static bool
is_address(span s)
{
	bool digits = true;

	for (size_t i = 0; i < s.n; i++)
		digits &= (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.';
	return digits || span_find(s, ':') < s.n;
}

/* {"dir":"/","issuer":"https://…","origin":"local","names":["127.0.0.1","localhost"]} */
static status
read_config(struct signer *s, span text)
{
	const struct json_opts copy = { .copy = true };
	const struct json *v, *names;

	TRY(json_parse(text, &copy, &s->config, &v, NULL));
	TRY(json_get_str(v, "issuer", &s->issuer, NULL));
	TRY(json_get_str(v, "origin", &s->origin, NULL));
	TRY(json_get_arr(v, "names", &names, NULL));
	json_for_items(n, names) {
		ENSURE(json_is_str(n) && s->n_ip < NAMES_MAX && s->n_dns < NAMES_MAX, E_BAD_CONFIG);
		if (is_address(n->str))
			s->ip[s->n_ip++] = n->str;
		else
			s->dns[s->n_dns++] = n->str;
	}
	return OK;
}

static status
configure(struct worker *w, span text)
{
	struct signer *s = calloc(1, sizeof *s);

	ENSURE(s, E_NO_MEMORY);
	w->state = s;
	s->w = w;
	arena_init(&s->config, 1 << 20);
	buf_init(&s->ca, 8192);
	TRY(read_config(s, text));
	ENSURE(w->dir, E_BAD_CONFIG);
	return open_keys(s);
}

const struct role_ops *
signer_role(void)
{
	static const struct role_ops ops = { .id = ROLE_SIGNER, .configure = configure, .message = message, .link_up = link_up };
	return &ops;
}
