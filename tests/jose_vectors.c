/* jose-vectors FOLDER: third-party vectors of signatures, MACs and key derivation against our verifiers: files in the form of C2SP Wycheproof,
 * and of the JOSE cookbook (RFC 7520, 7797, 8037). Prints what it did with each file, every vector decided wrongly, and "N passed, N failed". Exit 1 when one failed.
 *
 * A token called invalid must be refused, always. One called valid must be accepted but where STRICTER names it. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/env.h"
#include "crypto/hash.h"
#include "identity/jwk.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned passed, wrong, skipped;

/* Called valid upstream although the key's `alg` is another or unknown, or characters outside base64url stand in the token. */
static const int64_t stricter[] = { 346, 347, 350, 351, 372, 373 };

struct test {
	const char *file;
	const struct json *group, *v;
	struct arena *a;
};

static span
hex(const struct test *t, const struct json *from, const char *name)
{
	const struct json *v = json_gets(from, name);
	if (!json_is_str(v))
		return (span){ 0 };
	uint8_t *p = arena_zalloc(t->a, v->str.n / 2 + 1);
	for (size_t i = 0; p && i < v->str.n; i++) {
		uint8_t c = v->str.p[i];
		uint8_t d = (uint8_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
		p[i / 2] = (uint8_t)(p[i / 2] << 4 | d);
	}
	return span_make(p, v->str.n / 2);
}

static bool
is(const struct json *v, const char *name, const char *want)
{
	const struct json *s = json_gets(v, name);
	return json_is_str(s) && span_is(s->str, want);
}

static int64_t
id_of(const struct test *t)
{
	const struct json *id = json_gets(t->v, "tcId");
	return json_is_int(id) ? id->i : 0;
}

static void
judge(const struct test *t, bool accepted)
{
	bool valid = is(t->v, "result", "valid");
	bool right = is(t->v, "result", "acceptable") || accepted == valid;
	if (!right && valid && strstr(t->file, "json_web_signature"))
		for (size_t i = 0; i < ARRAY_LEN(stricter); i++)
			right |= stricter[i] == id_of(t);
	if (right) {
		passed++;
		return;
	}
	wrong++;
	const struct json *comment = json_gets(t->v, "comment");
	printf("  %s %lld: %s %s\n", t->file, (long long)id_of(t), accepted ? "ACCEPTED although invalid:" : "refused although valid:",
	       json_is_str(comment) ? (const char *)arena_cstr(t->a, comment->str) : "");
}

static bool
hs_other(const struct json *key)
{
	return is(key, "alg", "HS384") || is(key, "alg", "HS512");
}

static void
run_jws(const struct test *t)
{
	const struct json *key = json_gets(t->group, "public"), *token = json_gets(t->v, "jws");
	struct jws j;
	if (!key)
		key = json_gets(t->group, "private");
	const struct json *keys = json_gets(key, "keys");
	/* JWE, and HMAC with other hashes, are not implemented. */
	if (!token || hs_other(key) || hs_other(json_item(keys, 0))) {
		skipped++;
		return;
	}
	bool ok = json_is_str(token) && !failed(jws_parse(token->str, 65536, t->a, &j));
	if (keys) {
		static struct jwk_set set;
		bool have = !failed(jwk_set_read(key, t->a, &set));
		judge(t, ok && have && jwk_set_verify(&set, &j));
		jwk_set_fini(&set);
	} else {
		struct jwk k = { 0 };
		bool have = !failed(jwk_read(key, t->a, &k));
		judge(t, ok && have && jwk_verify(&k, &j));
		jwk_fini(&k);
	}
}

/* Signatures over bytes: the group's key as JWK, or as SPKI. */
static void
run_signature(const struct test *t)
{
	const struct json *jwk = json_gets(t->group, "publicKeyJwk");
	struct jwk k = { 0 };
	if (!jwk)
		jwk = json_gets(t->group, "keyJwk");
	bool have = jwk && !failed(jwk_read(jwk, t->a, &k));
	if (!have)
		have = !failed(verify_key_spki(hex(t, t->group, "publicKeyDer"), &k.key));
	if (have)
		judge(t, k.key && verify_ok(k.key, hex(t, t->v, "msg"), hex(t, t->v, "sig")));
	else if (jwk)
		judge(t, false);
	else
		skipped++;
	jwk_fini(&k);
}

static void
run_mac(const struct test *t)
{
	digest d = hmac_sha256(hex(t, t->v, "key"), hex(t, t->v, "msg"));
	span tag = hex(t, t->v, "tag");
	judge(t, tag.n >= 16 && tag.n <= sizeof d.b && span_eq(span_sub(digest_span(&d), 0, tag.n), tag));
}

static void
run_hkdf(const struct test *t)
{
	uint8_t out[255 * DIGEST_SIZE];
	const struct json *size = json_gets(t->v, "size");
	size_t n = json_is_int(size) ? (size_t)size->i : 0;
	bool ok = n <= sizeof out;
	if (ok)
		hkdf_sha256(hex(t, t->v, "ikm"), hex(t, t->v, "salt"), hex(t, t->v, "info"), out, n);
	judge(t, ok && span_eq(span_make(out, n), hex(t, t->v, "okm")));
}

static void
run(const struct test *t)
{
	static const struct { const char *type; void (*fn)(const struct test *); } kinds[] = {
		{ "JsonWebSignature", run_jws }, { "JsonWebKey", run_jws }, { "JsonWebCrypto", run_jws },
		{ "EcdsaP1363Verify", run_signature }, { "EddsaVerify", run_signature }, { "RsassaPssVerify", run_signature },
		{ "RsassaPkcs1Verify", run_signature }, { "MacTest", run_mac }, { "HkdfTest", run_hkdf },
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (is(t->group, "type", kinds[i].type)) {
			kinds[i].fn(t);
			return;
		}
	skipped++;
}

/* ---- the cookbook --------------------------------------------------------------------------------------------------- */

static void
expect(const char *file, const char *what, bool got, bool want)
{
	if (got == want) {
		passed++;
		return;
	}
	wrong++;
	printf("  %s: %s: %s\n", file, what, got ? "ACCEPTED although it must not be" : "refused although valid");
}

/* A key of the cookbook names its algorithm in the example, not in itself. */
static bool
cookbook_key(const struct json *key, span alg, struct arena *a, struct jwk *k)
{
	const struct jwk_rules rules = { .rsa_default = sign_alg_from_name(alg) };

	return !failed(jwk_read_as(key, &rules, a, k));
}

static bool
cookbook_verify(span token, const struct json *key, span alg, struct arena *a)
{
	struct jwk k = { 0 };
	struct jws j;
	bool ok = cookbook_key(key, alg, a, &k) && !failed(jws_parse(token, 65536, a, &j)) && jwk_verify(&k, &j);

	jwk_fini(&k);
	return ok;
}

/* Every single character matters. */
static void
cookbook_bent(const char *file, span token, const struct json *key, span alg, struct arena *a)
{
	uint8_t *copy = arena_alloc(a, token.n);
	bool accepted = false;

	must(copy);
	memcpy(copy, token.p, token.n);
	for (size_t i = 0; i < token.n; i += 7) {
		struct arena_mark m = arena_mark(a);
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		accepted |= cookbook_verify(span_make(copy, token.n), key, alg, a);
		copy[i] = token.p[i];
		arena_back(a, m);
	}
	expect(file, "one character changed", accepted, false);
}

static void
cookbook_jws(const char *file, const struct json *all, struct arena *a)
{
	const struct json *in = json_gets(all, "input"), *out = json_gets(all, "output"), *key = json_gets(in, "key");
	const struct json *compact = json_gets(out, "compact"), *flat = json_gets(out, "json_flat"), *alg = json_gets(in, "alg");

	if (json_is_str(compact) && json_is_str(alg)) {
		bool detached = memmem(compact->str.p, compact->str.n, "..", 2);
		/* A detached payload is another document: without it there is nothing to verify. */
		expect(file, "compact", cookbook_verify(compact->str, key, alg->str, a), !detached && json_is_obj(key));
		cookbook_bent(file, compact->str, key, alg->str, a);
	}
	const struct json *head = json_gets(flat, "protected"), *payload = json_gets(flat, "payload"), *sig = json_gets(flat, "signature");
	const struct json *b64 = json_pointer(all, SPAN("/signing/protected/b64"));
	if (json_is_bool(b64) && json_is_str(head) && json_is_str(payload) && json_is_str(sig)) {
		CLEANUP(buf_fini) struct buf t = { 0 };
		buf_init(&t, 65536);
		buf_printf(&t, "%.*s.%.*s.%.*s", SPAN_ARG(head->str), SPAN_ARG(payload->str), SPAN_ARG(sig->str));
		expect(file, "b64 false", cookbook_verify(buf_span(&t), key, alg->str, a), false);
	} else if (!compact) {
		skipped++;   /* only as JSON serialisation, which is not read here */
	}
}

static void
cookbook_jwk(const char *file, const struct json *v, struct arena *a)
{
	struct jwk k = { 0 };

	expect(file, "key", cookbook_key(v, SPAN("RS256"), a, &k), is(v, "use", "sig"));
	jwk_fini(&k);
	/* Without the example's word an RSA key verifies nothing. */
	if (is(v, "kty", "RSA") && !json_gets(v, "alg"))
		expect(file, "key without alg", !failed(jwk_read(v, a, &k)), false);
}

static void
cookbook_jwe(const char *file, const struct json *all, struct arena *a)
{
	const struct json *compact = json_pointer(all, SPAN("/output/compact"));
	struct jws j;

	if (json_is_str(compact))
		expect(file, "encrypted", !failed(jws_parse(compact->str, 65536, a, &j)), false);
	else
		skipped++;
}

static void
run_cookbook(const char *file, const struct json *all, struct arena *a)
{
	if (json_gets(all, "kty"))
		cookbook_jwk(file, all, a);
	else if (json_gets(all, "encrypting_content"))
		cookbook_jwe(file, all, a);
	else if (json_gets(all, "signing"))
		cookbook_jws(file, all, a);
}

static bool
run_file(const char *folder, const char *name)
{
	char path[4096];
	CLEANUP(buf_fini) struct buf text = { 0 };
	CLEANUP(arena_fini) struct arena tree = { 0 }, scratch = { 0 };
	const struct json *all;
	buf_init(&text, 16 << 20);
	arena_init(&tree, 256 << 20);
	arena_init(&scratch, 1 << 20);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	struct json_opts o = { .max_bytes = 16 << 20, .max_nodes = 4000000, .allow_nul = true };
	if (failed(env_read_file(env_posix(), path, &text)) || failed(json_parse(buf_span(&text), &o, &tree, &all, NULL))) {
		printf("%s: not readable\n", name);
		return false;
	}
	unsigned p = passed, w = wrong, s = skipped;
	if (!json_gets(all, "testGroups"))
		run_cookbook(name, all, &tree);
	json_for_items(group, json_gets(all, "testGroups"))
		json_for_items(v, json_gets(group, "tests")) {
			arena_reset(&scratch);
			run(&(struct test){ name, group, v, &scratch });
		}
	printf("%s: %u passed, %u failed, %u not for us\n", name, passed - p, wrong - w, skipped - s);
	return true;
}

int
main(int argc, char **argv)
{
	struct dirent **names;
	if (argc != 2) {
		fprintf(stderr, "usage: jose-vectors FOLDER\n");
		return 2;
	}
	int n = scandir(argv[1], &names, NULL, alphasort), bad = 0;
	if (n < 0) {
		perror(argv[1]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		size_t len = strlen(names[i]->d_name);
		if (len > 5 && strcmp(names[i]->d_name + len - 5, ".json") == 0)
			bad += !run_file(argv[1], names[i]->d_name);
		free(names[i]);
	}
	free(names);
	printf("%u passed, %u failed\n", passed, wrong);
	return wrong || bad;
}
