/* Certificates and revocation lists: read, used as leaf, intermediate and anchor at once, and their names against their own constraints. */
#include "crypto/cert_name.h"
#include "crypto/cert_path.h"
#include "crypto/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	span in = span_make(data, size), uri, crls[] = { in };
	const char *why;
	struct cert c;
	struct crl l;
	struct cert_path p;
	unsigned budget = 10000;

	if (!failed(crl_read(in, &l, &why)))
		crl_lists(&l, SPAN("\x01"));
	if (failed(cert_read(in, &c, &why)))
		return 0;
	must(c.tbs.p >= in.p && c.tbs.p + c.tbs.n <= in.p + in.n && c.serial.n && c.serial.n <= 20);
	cert_only_uri(&c, &uri);
	cert_common_name(&c);
	cert_names_within(&c, &c, &budget);
	cert_has_dns(&c, SPAN("a.example.org"));
	cert_has_email(&c, SPAN("a@example.org"));
	struct cert_path_rules rules = { .now = c.not_before, .usage = CERT_EKU_CLIENT, .max_intermediates = -1, .crls = crls, .n_crls = 1,
	                                 .allow_ca_leaf = true, .public_ca = size & 1, .common_name = true };
	if (!failed(cert_path_find(&c, &c, 1, &c, 1, &rules, &p, &why)))
		must(p.n >= 2 && p.certs[0] == &c);
	return 0;
}
