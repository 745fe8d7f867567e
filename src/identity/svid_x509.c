#include "identity/svid_x509.h"

#include "crypto/cert_path.h"

#define NEED(cond, why)                      \
	do {                                 \
		if (!(cond)) {               \
			*ret_why = (why);    \
			return FAIL(E_CRYPTO); \
		}                            \
	} while (0)

status
svid_x509_leaf(const struct cert *leaf, struct spiffe_id *ret, const char **ret_why)
{
	span uri;

	NEED(cert_only_uri(leaf, &uri), "not exactly one URI among the names");
	NEED(!failed(spiffe_id_parse(uri, ret, ret_why)), *ret_why);
	NEED(ret->path.n, "the id of a trust domain, not of a workload");
	NEED(!leaf->is_ca, "a CA's certificate");
	NEED(leaf->has_usage && leaf->usage_critical && (leaf->key_usage & CERT_KU_DIGITAL_SIGNATURE), "no critical key usage digitalSignature");
	NEED(!(leaf->key_usage & (CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN)), "key usage keyCertSign or cRLSign");
	NEED(!leaf->has_eku || (leaf->eku & (CERT_EKU_SERVER | CERT_EKU_CLIENT)) == (CERT_EKU_SERVER | CERT_EKU_CLIENT),
	     "extended key usage without both serverAuth and clientAuth");
	return OK;
}

status
svid_x509_between(const struct cert *c, const struct spiffe_id *leaf, const char **ret_why)
{
	struct spiffe_id id;
	span at = c->san, uri;
	enum cert_name kind;

	NEED(c->is_ca && (c->key_usage & CERT_KU_CERT_SIGN), "a certificate above the leaf that is not a CA's");
	while (cert_san_next(&at, &kind, &uri)) {
		if (kind != CERT_NAME_URI || failed(spiffe_id_parse(uri, &id, NULL)))
			continue;
		NEED(id.path.n == 0, "a CA's certificate with a workload's id");
		NEED(span_eq(id.domain, leaf->domain), "a CA of another trust domain");
	}
	return OK;
}

static status
find_path(const struct cert *certs, size_t n, const struct spiffe_id *id, const struct bundle *b, int64_t now, struct cert_path *path,
          const char **ret_why)
{
	const struct cert_path_rules rules = { .now = now, .usage = CERT_EKU_CLIENT, .max_intermediates = -1 };

	NEED(b->n_certs, "the trust domain's bundle is empty: nothing of it is valid");
	TRY(cert_path_find(&certs[0], certs + 1, n - 1, b->certs, b->n_certs, &rules, path, ret_why));
	for (size_t i = 1; i < path->n; i++)
		TRY(svid_x509_between(path->certs[i], id, ret_why));
	return OK;
}

status
svid_x509_verify(const span *chain, size_t n, span domain, const struct bundle *b, int64_t now, struct svid_x509 *ret, const char **ret_why)
{
	struct cert certs[SVID_X509_CHAIN];
	struct cert_path path;
	struct spiffe_id id;

	NEED(n > 0 && n <= SVID_X509_CHAIN, "too many certificates");
	for (size_t i = 0; i < n; i++)
		TRY(cert_read(chain[i], &certs[i], ret_why));
	TRY(svid_x509_leaf(&certs[0], &id, ret_why));
	NEED(span_eq(id.domain, domain), "of another trust domain");
	TRY(find_path(certs, n, &id, b, now, &path, ret_why));
	*ret = (struct svid_x509){ id, path.not_after };
	return OK;
}
