/* bundle: the keys of one trust domain, as a SPIFFE bundle document (Trust Domain and Bundle §4: a JWK set) or as PEM certificates.
 *
 * Entries of another use or kind are passed over, as the standard asks; one of ours that is broken (a certificate that can not be
 * read or is not a CA's, a JWT key without an id or with another's) refuses the document: half a bundle is not the domain's will.
 * No usable key at all is a valid document: then every SVID of the domain is refused. Bundles of two domains never meet. */
#ifndef AMBIT_IDENTITY_BUNDLE_H
#define AMBIT_IDENTITY_BUNDLE_H

#include "crypto/cert.h"
#include "identity/jwk.h"

enum {
	BUNDLE_MAX = 256 * 1024,     /* bytes of a document */
	BUNDLE_CERTS = 32,
	BUNDLE_HINT = 300,           /* seconds between two looks, when the document does not say */
	BUNDLE_HINT_MIN = 10, BUNDLE_HINT_MAX = 86400,
};

struct bundle {
	struct cert *certs;          /* anchors for X.509-SVIDs */
	size_t n_certs;
	struct jwk_set jwt;          /* keys for JWT-SVIDs, each with its kid */
	bool has_sequence;
	uint64_t sequence;
	int64_t refresh_hint;        /* seconds, within the bounds */
};

/* A document already parsed. Spans and certificates live in the arena; bundle_fini frees the keys. E_BAD_REQUEST with *ret_why (may be NULL)
 * a static text; E_NO_MEMORY. */
status bundle_read(const struct json *v, struct arena *a, struct bundle *ret, const char **ret_why);
/* The same from text. E_BAD_REQUEST also when it is no strict JSON or longer than BUNDLE_MAX. */
status bundle_parse(span text, struct arena *a, struct bundle *ret, const char **ret_why);
/* PEM certificates, for X.509 only; at least one. */
status bundle_pem(span text, struct arena *a, struct bundle *ret, const char **ret_why);
void bundle_fini(struct bundle *b);
/* Appends the document that bundle_parse reads back as the same, from PEM: how a PEM file becomes a bundle document. */
status bundle_from_pem(span pem, struct buf *out, const char **ret_why);

#endif
