/* x509-vectors FOLDER: third-party certificate chains (x509-limbo, BetterTLS exports, in FOLDER or one level below) against
 * crypto/cert_path. Prints counts per group, every chain decided wrongly with our reason, and "N passed, N failed"; a chain that
 * was accepted but must not be is called FALSE ACCEPT. Exit 1 when one failed.
 *
 * Profiles: `webpki::` cases are judged by the rules of public web CAs; the others by RFC 5280, where a CA's certificate may stand
 * at the leaf's place. A name is asked for where the case names one. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/env.h"
#include "crypto/cert_name.h"
#include "crypto/cert_path.h"
#include "crypto/pem.h"
#include "text/base64url.h"
#include "text/json.h"
#include "text/time.h"
#include "text/url.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CERTS = 256, DEFAULT_TIME = 1798761600, GROUPS = 64 };

static struct group { char name[64]; unsigned passed, failed, false_accepts, either; } groups[GROUPS];
static unsigned n_groups;
static double slowest_ms;

struct chain {
	struct cert leaf, between[CERTS], anchors[CERTS];
	size_t n_between, n_anchors;
	span crls[16];
	struct cert_path_rules rules;
	const char *why;         /* set early: a certificate that can not be read */
	bool leaf_read;
};

static struct group *
group_of(const char *name)
{
	for (unsigned i = 0; i < n_groups; i++)
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	must(n_groups < GROUPS);
	snprintf(groups[n_groups].name, sizeof groups[0].name, "%s", name);
	return &groups[n_groups++];
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static span
unpem(struct arena *a, span text, const char *label)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	bool found = false;

	buf_init(&b, 1 << 20);
	if (failed(pem_next(&text, label, &b, &found)) || !found)
		return (span){ 0 };
	return arena_copy(a, buf_span(&b));
}

static void
add(struct cert *to, size_t *n, span der, const char **why)
{
	/* An intermediate or anchor that can not be read is as good as absent. */
	if (*n < CERTS && !failed(cert_read(der, &to[*n], why)))
		++*n;
}

static bool
accepted(struct chain *c)
{
	struct cert_path p;

	double from = now_ms();
	bool ok = c->leaf_read && !failed(cert_path_find(&c->leaf, c->between, c->n_between, c->anchors, c->n_anchors, &c->rules, &p, &c->why));
	double took = now_ms() - from;
	if (took > slowest_ms)
		slowest_ms = took;
	return ok;
}

static bool
has_name(const struct cert *leaf, const char *kind, span name, const char **why)
{
	uint8_t ip[16];
	bool ok = false;

	if (strcmp(kind, "DNS") == 0)
		ok = cert_has_dns(leaf, name);
	else if (strcmp(kind, "RFC822") == 0)
		ok = cert_has_email(leaf, name);
	else if (url_parse_ipv4(name, ip))
		ok = cert_has_ip(leaf, span_make(ip, 4));
	else if (url_parse_ipv6(name, ip))
		ok = cert_has_ip(leaf, span_make(ip, 16));
	if (!ok)
		*why = "the leaf does not have the expected name";
	return ok;
}

static void
judge(const char *group, span id, bool ok, bool expected, bool either, const char *why)
{
	struct group *g = group_of(group);

	if (either) {
		g->either++;
		g->passed++;
		return;
	}
	if (ok == expected) {
		g->passed++;
		return;
	}
	g->failed++;
	g->false_accepts += ok;
	printf("  %.*s: %s%s\n", SPAN_ARG(id), ok ? "FALSE ACCEPT" : "refused: ", ok ? "" : why ? why : "?");
}

/* ---- x509-limbo ----------------------------------------------------------------------------------------------------- */

static span
text_of(const struct json *v, const char *name)
{
	const struct json *s = json_gets(v, name);

	return json_is_str(s) ? s->str : (span){ 0 };
}

static int64_t
time_of(const struct json *t, struct arena *a)
{
	const struct json *v = json_gets(t, "validation_time");
	int64_t ns;

	if (!json_is_str(v))
		return DEFAULT_TIME;
	/* The files write UTC as +00:00. */
	span text = v->str, offset = SPAN("+00:00");
	char *s = arena_cstr(a, text);
	if (s && span_ends(text, offset)) {
		s[text.n - offset.n] = 'Z';
		s[text.n - offset.n + 1] = '\0';
	}
	must(s && time_parse(span_str(s), &ns));
	return ns / 1000000000;
}

static void
limbo_rules(struct chain *c, const struct json *t, struct arena *a)
{
	const struct json *depth = json_gets(t, "max_chain_depth");
	span id = text_of(t, "id");

	c->rules.now = time_of(t, a);
	c->rules.usage = span_is(text_of(t, "validation_kind"), "CLIENT") ? CERT_EKU_CLIENT : CERT_EKU_SERVER;
	c->rules.max_intermediates = json_is_int(depth) ? (int)depth->i : -1;
	c->rules.public_ca = span_starts(id, SPAN("webpki::"));
	/* Elsewhere the set's generator leaves a common name behind that it does not mean. */
	c->rules.common_name = span_starts(id, SPAN("webpki::cn::"));
	c->rules.allow_ca_leaf = !c->rules.public_ca;
}

static bool
limbo_names(struct chain *c, const struct json *t)
{
	const struct json *one = json_gets(t, "expected_peer_name");
	char kind[16];

	if (json_is_obj(one)) {
		snprintf(kind, sizeof kind, "%.*s", SPAN_ARG(text_of(one, "kind")));
		return has_name(&c->leaf, kind, text_of(one, "value"), &c->why);
	}
	json_for_items(n, json_gets(t, "expected_peer_names")) {
		snprintf(kind, sizeof kind, "%.*s", SPAN_ARG(text_of(n, "kind")));
		if (!has_name(&c->leaf, kind, text_of(n, "value"), &c->why))
			return false;
	}
	return true;
}

static void
limbo(const struct json *t, struct arena *a)
{
	static struct chain c;
	char group[64];
	span id = text_of(t, "id");

	c = (struct chain){ 0 };
	limbo_rules(&c, t, a);
	json_for_items(p, json_gets(t, "trusted_certs"))
		add(c.anchors, &c.n_anchors, unpem(a, p->str, "CERTIFICATE"), &c.why);
	json_for_items(p, json_gets(t, "untrusted_intermediates"))
		add(c.between, &c.n_between, unpem(a, p->str, "CERTIFICATE"), &c.why);
	c.leaf_read = !failed(cert_read(unpem(a, text_of(t, "peer_certificate"), "CERTIFICATE"), &c.leaf, &c.why));
	json_for_items(p, json_gets(t, "crls"))
		if (c.rules.n_crls < ARRAY_LEN(c.crls))
			c.crls[c.rules.n_crls++] = unpem(a, p->str, "X509 CRL");
	c.rules.crls = c.crls;
	bool ok = accepted(&c) && limbo_names(&c, t);
	snprintf(group, sizeof group, "limbo %.*s", (int)span_find(id, ':'), (const char *)id.p);
	judge(group, id, ok, span_is(text_of(t, "expected_result"), "SUCCESS"), false, c.why);
}

/* ---- BetterTLS ------------------------------------------------------------------------------------------------------ */

static span
unbase64(struct arena *a, span text)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 1 << 20);
	return failed(base64_decode(text, &b)) ? (span){ 0 } : arena_copy(a, buf_span(&b));
}

static void
bettertls(const struct json *t, span root, int64_t now, struct arena *a)
{
	static struct chain c;
	char group[64];
	span expected = text_of(t, "expected");
	const struct json *list = json_gets(t, "certificates_der_b64"), *number = json_gets(t, "id");

	c = (struct chain){ .rules = { .now = now, .usage = CERT_EKU_SERVER, .max_intermediates = -1 } };
	add(c.anchors, &c.n_anchors, root, &c.why);
	json_for_items(p, list) {
		span der = unbase64(a, p->str);
		if (p == list->arr.items)
			c.leaf_read = !failed(cert_read(der, &c.leaf, &c.why));
		else
			add(c.between, &c.n_between, der, &c.why);
	}
	span host = text_of(t, "hostname");
	uint8_t ip[4];
	bool ok = accepted(&c) && has_name(&c.leaf, url_parse_ipv4(host, ip) ? "IP" : "DNS", host, &c.why);
	snprintf(group, sizeof group, "bettertls %.*s", SPAN_ARG(text_of(t, "suite")));
	char id[80];
	snprintf(id, sizeof id, "%s %lld (expected %.*s)", group, json_is_int(number) ? (long long)number->i : -1LL, SPAN_ARG(expected));
	judge(group, span_str(id), ok, span_is(expected, "PASS"), span_starts(expected, SPAN("SOFT_")), c.why);
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

static bool
run_file(const char *path)
{
	CLEANUP(buf_fini) struct buf text = { 0 };
	CLEANUP(arena_fini) struct arena tree = { 0 }, scratch = { 0 };
	const struct json *all;
	struct json_opts o = { .max_bytes = 64 << 20, .max_nodes = 4000000 };

	buf_init(&text, 64 << 20);
	arena_init(&tree, 1 << 29);
	arena_init(&scratch, 8 << 20);
	if (failed(env_read_file(env_posix(), path, &text)) || failed(json_parse(buf_span(&text), &o, &tree, &all, NULL))) {
		printf("%s: not readable\n", path);
		return false;
	}
	json_for_items(t, json_gets(all, "testcases")) {
		arena_reset(&scratch);
		limbo(t, &scratch);
	}
	const struct json *at = json_gets(all, "verify_at_unix");
	if (!json_is_str(json_gets(all, "trust_root_der_b64")))
		return true;
	span root = unbase64(&tree, text_of(all, "trust_root_der_b64"));
	json_for_items(t, json_gets(all, "cases")) {
		arena_reset(&scratch);
		bettertls(t, root, json_is_int(at) ? at->i : DEFAULT_TIME, &scratch);
	}
	return true;
}

static int
run_folder(const char *folder, bool deeper)
{
	struct dirent **names;
	char path[4096];
	int n = scandir(folder, &names, NULL, alphasort), bad = 0;

	if (n < 0) {
		perror(folder);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		size_t len = strlen(names[i]->d_name);
		snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_type == DT_DIR && deeper && names[i]->d_name[0] != '.')
			bad += run_folder(path, false);
		else if (len > 5 && strcmp(names[i]->d_name + len - 5, ".json") == 0 && !strstr(names[i]->d_name, "schema"))
			bad += !run_file(path);
		free(names[i]);
	}
	free(names);
	return bad;
}

int
main(int argc, char **argv)
{
	unsigned passed = 0, wrong = 0, false_accepts = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: x509-vectors FOLDER\n");
		return 2;
	}
	int bad = run_folder(argv[1], true);
	for (unsigned i = 0; i < n_groups; i++) {
		const struct group *g = &groups[i];
		printf("%s: %u passed, %u failed, %u false accepts", g->name, g->passed, g->failed, g->false_accepts);
		if (g->either)
			printf(" (%u with either answer allowed)", g->either);
		printf("\n");
		passed += g->passed;
		wrong += g->failed;
		false_accepts += g->false_accepts;
	}
	printf("slowest chain: %.1f ms\n%u false accepts\n%u passed, %u failed\n", slowest_ms, false_accepts, passed, wrong);
	return wrong || bad || passed == 0;
}
