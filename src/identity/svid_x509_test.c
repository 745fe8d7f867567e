#include "identity/svid_x509.h"

#include "crypto/cert_path.h"
#include "tests/cert_make.h"
#include "text/base64url.h"

#include <time.h>

enum { NOW = 1800000000 };

#define SKI_ROOT SPAN("root-key")
#define SKI_SUB SPAN("sub-key")
#define SKI_OTHER SPAN("other-key")

/* A trust domain: root, one intermediate, one workload; each test bends one thing. */
struct world {
	struct sign_key *root_key, *sub_key, *leaf_key, *other_key;
	struct cert_make root, sub, leaf;
	struct buf root_der, sub_der, leaf_der;
	struct bundle bundle;
	struct cert anchors[4];
};

static void
world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	assert_ok(sign_key_generate(ALG_ES256, &w->root_key));
	assert_ok(sign_key_generate(ALG_ES256, &w->sub_key));
	assert_ok(sign_key_generate(ALG_ES256, &w->leaf_key));
	assert_ok(sign_key_generate(ALG_ES256, &w->other_key));
	w->root = (struct cert_make){ .subject = "root", .issuer = "root", .key = w->root_key, .signer = w->root_key, .ski = SKI_ROOT, .ca = 1,
	                              .path_len = -1, .usage = CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN, .uri = "spiffe://example.org" };
	w->sub = (struct cert_make){ .subject = "sub", .issuer = "root", .key = w->sub_key, .signer = w->root_key, .ski = SKI_SUB, .aki = SKI_ROOT,
	                             .ca = 1, .path_len = 0, .usage = CERT_KU_CERT_SIGN, .serial = 8, .uri = "spiffe://example.org" };
	w->leaf = (struct cert_make){ .subject = "", .issuer = "sub", .key = w->leaf_key, .signer = w->sub_key, .aki = SKI_SUB, .ca = -1,
	                              .usage = CERT_KU_DIGITAL_SIGNATURE, .eku = CERT_EKU_SERVER | CERT_EKU_CLIENT, .serial = 9,
	                              .uri = "spiffe://example.org/agent/a" };
	buf_init(&w->root_der, 65536);
	buf_init(&w->sub_der, 65536);
	buf_init(&w->leaf_der, 65536);
}

static void
world_fini(struct world *w)
{
	sign_key_free(w->root_key);
	sign_key_free(w->sub_key);
	sign_key_free(w->leaf_key);
	sign_key_free(w->other_key);
	buf_fini(&w->root_der);
	buf_fini(&w->sub_der);
	buf_fini(&w->leaf_der);
}

static void
make(struct world *w)
{
	buf_reset(&w->root_der);
	buf_reset(&w->sub_der);
	buf_reset(&w->leaf_der);
	cert_make(&w->root, &w->root_der);
	cert_make(&w->sub, &w->sub_der);
	cert_make(&w->leaf, &w->leaf_der);
	const char *why = NULL;
	w->bundle = (struct bundle){ .certs = w->anchors };
	if (!failed(cert_read(buf_span(&w->root_der), &w->anchors[0], &why)))
		w->bundle.n_certs = 1;
}

static const char *last_why;

static bool
accepts_as(struct world *w, const char *domain, int64_t now)
{
	struct svid_x509 svid;
	span chain[] = { buf_span(&w->leaf_der), buf_span(&w->sub_der) };

	last_why = "";
	bool ok = !failed(svid_x509_verify(chain, 2, span_str(domain), &w->bundle, now, &svid, &last_why));
	if (ok)
		assert_span(svid.id.path, "/agent/a");
	return ok;
}

static bool
accepts(struct world *w)
{
	make(w);
	return accepts_as(w, "example.org", NOW);
}

static void
a_good_chain(void **)
{
	struct world w;

	world_init(&w);
	if (!accepts(&w))
		fail_msg("%s", last_why);
	world_fini(&w);
}

/* Each row bends one thing; the chain must be refused. */
#define BENDS                                                                                                                 \
	X("leaf is a CA", w.leaf.ca = 1; w.leaf.path_len = -1)                                                                \
	X("leaf may sign certificates", w.leaf.usage |= CERT_KU_CERT_SIGN)                                                    \
	X("leaf may sign lists", w.leaf.usage |= CERT_KU_CRL_SIGN)                                                            \
	X("leaf without digitalSignature", w.leaf.usage = CERT_KU_KEY_ENCIPHERMENT)                                           \
	X("leaf without key usage", w.leaf.usage = 0)                                                                         \
	X("key usage not critical", w.leaf.usage_uncritical = true)                                                           \
	X("server use only", w.leaf.eku = CERT_EKU_SERVER)                                                                    \
	X("client use only", w.leaf.eku = CERT_EKU_CLIENT)                                                                    \
	X("A28 two URIs", w.leaf.uri2 = "spiffe://example.org/agent/b")                                                       \
	X("A28 the same URI twice", w.leaf.uri2 = "spiffe://example.org/agent/a")                                             \
	X("no URI", w.leaf.uri = NULL; w.leaf.dns = "a.example.org")                                                          \
	X("another scheme", w.leaf.uri = "https://example.org/agent/a")                                                       \
	X("no path", w.leaf.uri = "spiffe://example.org")                                                                     \
	X("A28 upper case", w.leaf.uri = "spiffe://EXAMPLE.org/agent/a")                                                      \
	X("A28 dots", w.leaf.uri = "spiffe://example.org/x/../agent/a")                                                       \
	X("A28 percent", w.leaf.uri = "spiffe://example.org/%61gent/a")                                                       \
	X("another trust domain", w.leaf.uri = "spiffe://example.com/agent/a")                                                \
	X("CA of another trust domain", w.sub.uri = "spiffe://example.com")                                                   \
	X("CA with a workload's id", w.sub.uri = "spiffe://example.org/agent/ca")                                             \
	X("A34 signed by a leaf", w.sub.ca = -1; w.sub.usage = CERT_KU_DIGITAL_SIGNATURE)                                     \
	X("A34 issuer without basic constraints", w.sub.ca = 0)                                                               \
	X("issuer's basic constraints not critical", w.sub.basic_uncritical = true)                                           \
	X("issuer may not sign", w.sub.usage = CERT_KU_CRL_SIGN)                                                              \
	X("issuer without usage", w.sub.usage = 0)                                                                            \
	X("issuer for servers only", w.sub.eku = CERT_EKU_SERVER)                                                             \
	X("path length", w.root.path_len = 0)                                                                                 \
	X("leaf expired", w.leaf.until = NOW - 1)                                                                             \
	X("leaf not yet valid", w.leaf.from = NOW + 1)                                                                        \
	X("intermediate expired", w.sub.until = NOW - 1)                                                                      \
	X("root expired", w.root.until = NOW - 1)                                                                             \
	X("signed by another key", w.leaf.signer = w.other_key)                                                               \
	X("intermediate signed by another key", w.sub.signer = w.other_key)                                                   \
	X("issuer's name is another", w.leaf.issuer = "other")                                                                \
	X("issuer's key id is another", w.leaf.aki = SKI_OTHER)                                                               \
	X("leaf names no issuer key", w.leaf.aki = (span){ 0 })                                                               \
	X("issuer without key id", w.sub.ski = (span){ 0 })                                                                   \
	X("name constraint of another domain", w.sub.permit_uri = "example.com")                                              \
	X("A25 the anchor is not a CA", w.root.ca = -1; w.root.usage = CERT_KU_DIGITAL_SIGNATURE)                             \
	X("A25 the anchor has no certSign", w.root.usage = CERT_KU_CRL_SIGN)                                                  \
	X("A25 same fields, another key", w.root.key = w.other_key; w.root.signer = w.other_key)                              \
	X("unknown critical extension", w.leaf.extra = SPAN("\x30\x0c\x06\x03\x2a\x03\x04\x01\x01\xff\x04\x02\x05\x00"))        \
	X("the same in the issuer", w.sub.extra = SPAN("\x30\x0c\x06\x03\x2a\x03\x04\x01\x01\xff\x04\x02\x05\x00"))            \
	X("an extension twice", w.leaf.extra = SPAN("\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80"))

static void
what_bends_the_chain_breaks_it(void **)
{
	static const char *const names[] = {
#define X(name, bend) name,
		BENDS
#undef X
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct world w;
		size_t at = 0;
		world_init(&w);
#define X(name, bend) if (at++ == i) { bend; }
		BENDS
#undef X
		if (accepts(&w))
			fail_msg("accepted: %s", names[i]);
		world_fini(&w);
	}
}

static void
what_does_no_harm(void **)
{
	struct world w;

	world_init(&w);
	w.leaf.dns = "a.example.org";
	w.leaf.eku = 0;
	w.sub.permit_uri = "example.org";
	w.leaf.extra = SPAN("\x30\x09\x06\x03\x2a\x03\x04\x04\x02\x05\x00");
	if (!accepts(&w))
		fail_msg("%s", last_why);
	w.leaf.uri = "spiffe://example.org/agent/a";
	make(&w);
	assert_true(accepts_as(&w, "example.org", w.leaf.until ? w.leaf.until : NOW));
	world_fini(&w);
}

static void
the_bundle_of_the_domain_and_no_other(void **)
{
	struct world w;

	world_init(&w);
	make(&w);
	assert_true(accepts_as(&w, "example.org", NOW));
	assert_false(accepts_as(&w, "example.com", NOW));
	w.bundle.n_certs = 0;
	assert_false(accepts_as(&w, "example.org", NOW));
	assert_string_equal(last_why, "the trust domain's bundle is empty: nothing of it is valid");
	world_fini(&w);
}

static void
a25_a_leaf_in_the_anchors_vouches_for_nobody(void **)
{
	struct world w;
	struct svid_x509 svid;

	world_init(&w);
	make(&w);
	/* The leaf itself among the anchors: still no path to a CA. */
	assert_ok(cert_read(buf_span(&w.leaf_der), &w.anchors[0], &last_why));
	span chain[] = { buf_span(&w.leaf_der) };
	assert_fails(svid_x509_verify(chain, 1, SPAN("example.org"), &w.bundle, NOW, &svid, &last_why), E_CRYPTO);
	world_fini(&w);
}

static void
times_are_inclusive(void **)
{
	struct world w;

	world_init(&w);
	w.leaf.from = NOW;
	w.leaf.until = NOW + 10;
	make(&w);
	assert_false(accepts_as(&w, "example.org", NOW - 1));
	assert_true(accepts_as(&w, "example.org", NOW));
	assert_true(accepts_as(&w, "example.org", NOW + 10));
	assert_false(accepts_as(&w, "example.org", NOW + 11));
	world_fini(&w);
}

static void
changed_bytes_never_pass(void **)
{
	struct world w;

	world_init(&w);
	make(&w);
	for (size_t i = 0; i < w.leaf_der.n; i++) {
		w.leaf_der.p[i] ^= 1;
		if (accepts_as(&w, "example.org", NOW))
			fail_msg("byte %zu", i);
		w.leaf_der.p[i] ^= 1;
	}
	assert_true(accepts_as(&w, "example.org", NOW));
	for (size_t n = 0; n < w.leaf_der.n; n++) {
		struct svid_x509 svid;
		span chain[] = { span_sub(buf_span(&w.leaf_der), 0, n), buf_span(&w.sub_der) };
		assert_fails(svid_x509_verify(chain, 2, SPAN("example.org"), &w.bundle, NOW, &svid, &last_why), E_CRYPTO);
	}
	world_fini(&w);
}

/* Every intermediate has the same name and key, so each seems to have signed every other. */
static void
a32_a_tangle_costs_little(void **)
{
	enum { N = 60 };
	static struct cert certs[N];
	static struct buf ders[N];
	struct world w;
	struct cert leaf;
	struct cert_path path;
	struct timespec from, until;
	const struct cert_path_rules rules = { .now = NOW, .usage = CERT_EKU_CLIENT, .max_intermediates = -1 };

	world_init(&w);
	w.sub.issuer = "sub";
	w.sub.signer = w.sub_key;
	w.sub.aki = SKI_SUB;
	w.sub.path_len = -1;
	make(&w);
	assert_ok(cert_read(buf_span(&w.leaf_der), &leaf, &last_why));
	for (int i = 0; i < N; i++) {
		buf_init(&ders[i], 65536);
		w.sub.serial = 10 + i;
		cert_make(&w.sub, &ders[i]);
		assert_ok(cert_read(buf_span(&ders[i]), &certs[i], &last_why));
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	assert_fails(cert_path_find(&leaf, certs, N, w.anchors, 1, &rules, &path, &last_why), E_CRYPTO);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &until);
	double ms = (double)(until.tv_sec - from.tv_sec) * 1e3 + (double)(until.tv_nsec - from.tv_nsec) / 1e6;
	/* An unbounded search would take years; a sanitizer makes a bounded one slower. */
	assert_true(ms < 1000);
	for (int i = 0; i < N; i++)
		buf_fini(&ders[i]);
	world_fini(&w);
}

TEST_MAIN(T(a_good_chain), T(what_bends_the_chain_breaks_it), T(what_does_no_harm), T(the_bundle_of_the_domain_and_no_other),
          T(a25_a_leaf_in_the_anchors_vouches_for_nobody), T(times_are_inclusive), T(changed_bytes_never_pass), T(a32_a_tangle_costs_little))
