/* vault: how the signer seals the secrets that people entrust to Ambit (docs/howto/secrets.md).
 *
 * On the way in a secret is a box to the signer's public key (crypto/hpke.h), so that neither the edge nor core ever sees it. At rest
 * it is encrypted under a key of its own, and that key under one derived from the key-encryption key; name and version are
 * authenticated with both, so that no secret can stand in another's place. What is at rest is core's to keep: it can not open it. */
#ifndef AMBIT_CRYPTO_VAULT_H
#define AMBIT_CRYPTO_VAULT_H

#include "crypto/hpke.h"

enum { VAULT_PLAIN_MAX = 32768, VAULT_BOX_MAX = VAULT_PLAIN_MAX + HPKE_OVERHEAD, VAULT_SEALED_MAX = VAULT_PLAIN_MAX + 256 };

#define VAULT_INFO SPAN("ambit/secret/1")

struct vault {
	struct secret *wrap, *private;
	uint8_t public[HPKE_KEY];
};

/* Derives both keys from the key-encryption key. E_CRYPTO, E_NO_MEMORY. */
status vault_open(struct vault *v, const struct secret *kek);
/* Opens the box (its aad must be the name) and seals what was in it: the sealed form is appended. E_BAD_REQUEST: no box for this
 * vault and name, or empty, or too long. */
status vault_seal(const struct vault *v, span name, uint64_t version, span box, struct buf *out);
/* E_CRYPTO unless `sealed` was made by this vault for this name and version. */
status vault_unseal(const struct vault *v, span name, uint64_t version, span sealed, struct secret **ret);

#endif
