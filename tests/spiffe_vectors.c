/* spiffe-vectors FOLDER: SPIFFE IDs, bundles and X.509-SVIDs of other implementations against identity/. Prints counts per group,
 * every case decided wrongly with our reason, and "N passed, N failed"; what is accepted but must not be is called FALSE ACCEPT.
 * Exit 1 when one failed.
 *
 * IDs: *id-cases.json, [{"in","ok"}]. Other files say what is expected in their name: "good" and "valid" are accepted,
 * "wrong", "corrupt", "missing", "not-pem", "empty", "no_keys", "multiple" are not; files that say neither are passed over. The part of the name before
 * "__" says what it is. */
#include "base/env.h"
#include "crypto/pem.h"
#include "identity/bundle.h"
#include "identity/oidc.h"
#include "identity/svid_x509.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum group { IDS, BUNDLES, JWKS, PEM_BUNDLES, SVIDS, GROUPS };

static const char *const group_names[] = { "ids", "bundles", "key sets", "PEM bundles", "X.509-SVIDs" };
static struct { unsigned passed, failed, false_accepts; } counts[GROUPS];
static unsigned passed_over;

static void
judge(enum group g, const char *name, bool ok, bool expected, const char *why)
{
	if (ok == expected) {
		counts[g].passed++;
		return;
	}
	counts[g].failed++;
	counts[g].false_accepts += ok;
	printf("  %s: %s%s\n", name, ok ? "FALSE ACCEPT" : "refused: ", ok ? "" : why ? why : "?");
}

static void
run_ids(span text, struct arena *a)
{
	const struct json *all;

	if (failed(json_parse(text, &(struct json_opts){ .allow_nul = true }, a, &all, NULL)))
		return;
	json_for_items(v, all) {
		struct spiffe_id id;
		const char *why = NULL;
		const struct json *in = json_gets(v, "in"), *ok = json_gets(v, "ok");
		if (json_is_str(in) && json_is_bool(ok))
			judge(IDS, arena_cstr(a, in->str), !failed(spiffe_id_parse(in->str, &id, &why)), ok->truth, why);
	}
}

/* What a holder's own file must fulfil: the leaf's rules, and those of the CAs above it. There is no bundle beside it. */
static bool
svid_ok(span pem, struct arena *a, const char **why)
{
	CLEANUP(buf_fini) struct buf der = { 0 };
	struct cert leaf, above;
	struct spiffe_id id;
	bool found;
	int n = 0;

	*why = "malformed PEM";
	buf_init(&der, CERT_MAX);
	for (;; n++) {
		buf_reset(&der);
		if (failed(pem_next(&pem, "CERTIFICATE", &der, &found)))
			return false;
		if (!found)
			break;
		if (failed(cert_read(arena_copy(a, buf_span(&der)), n ? &above : &leaf, why)))
			return false;
		if (failed(n ? svid_x509_between(&above, &id, why) : svid_x509_leaf(&leaf, &id, why)))
			return false;
	}
	return n > 0;
}

static bool
bundle_ok(span text, struct arena *a, bool pem, const char **why)
{
	struct bundle b;
	bool ok = !failed(pem ? bundle_pem(text, a, &b, why) : bundle_parse(text, a, &b, why));

	if (ok)
		bundle_fini(&b);
	return ok;
}

static bool
jwks_ok(span text, struct arena *a, const char **why)
{
	struct jwk_set s;
	bool ok = !failed(oidc_jwks_parse(text, a, &s, why));

	if (ok)
		jwk_set_fini(&s);
	return ok;
}

/* -1: the name does not say. */
static int
expected_of(const char *name)
{
	static const char *const bad[] = { "wrong", "corrupt", "missing", "not-pem", "empty", "no_keys", "multiple", "mismatch", "invalid" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (strstr(name, bad[i]))
			return 0;
	return strstr(name, "good") || strstr(name, "valid") ? 1 : -1;
}

static bool
run_file(const char *folder, const char *name)
{
	char path[4096];
	CLEANUP(buf_fini) struct buf text = { 0 };
	CLEANUP(arena_fini) struct arena a = { 0 };
	const char *why = NULL;

	buf_init(&text, 16 << 20);
	arena_init(&a, 64 << 20);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (failed(env_read_file(env_posix(), path, &text))) {
		printf("%s: not readable\n", name);
		return false;
	}
	span t = buf_span(&text);
	int expected = expected_of(name);
	if (strstr(name, "id-cases"))
		run_ids(t, &a);
	else if (expected < 0)
		passed_over++;
	else if (strstr(name, "x509svid__"))
		judge(SVIDS, name, svid_ok(t, &a, &why), expected, why);
	else if (strstr(name, "spiffebundle__"))
		judge(BUNDLES, name, bundle_ok(t, &a, false, &why), expected, why);
	else if (strstr(name, "jwtbundle__"))
		judge(JWKS, name, jwks_ok(t, &a, &why), expected, why);
	else if (strstr(name, "x509bundle__"))
		judge(PEM_BUNDLES, name, bundle_ok(t, &a, true, &why), expected, why);
	else
		passed_over++;
	return true;
}

int
main(int argc, char **argv)
{
	struct dirent **names;
	unsigned passed = 0, wrong = 0, false_accepts = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: spiffe-vectors FOLDER\n");
		return 2;
	}
	int n = scandir(argv[1], &names, NULL, alphasort), bad = 0;
	if (n < 0) {
		perror(argv[1]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		if (names[i]->d_type == DT_REG || names[i]->d_type == DT_UNKNOWN)
			bad += !run_file(argv[1], names[i]->d_name);
		free(names[i]);
	}
	free(names);
	for (int g = 0; g < GROUPS; g++) {
		printf("%s: %u passed, %u failed, %u false accepts\n", group_names[g], counts[g].passed, counts[g].failed, counts[g].false_accepts);
		passed += counts[g].passed;
		wrong += counts[g].failed;
		false_accepts += counts[g].false_accepts;
	}
	printf("%u files passed over\n%u false accepts\n%u passed, %u failed\n", passed_over, false_accepts, passed, wrong);
	return wrong || bad || passed == 0;
}
