/* seal: secrets at rest, AES-256-GCM under a key that never leaves struct secret.
 *
 *   u8 version = 1, 12 bytes nonce, ciphertext, 16 bytes tag
 *
 * The nonce is random: one key may seal 2^32 times. `context` is authenticated, not stored: seal a secret under the name of
 * its place ("signer/token-key/1") and it can not be moved to another. */
#ifndef AMBIT_CRYPTO_SEAL_H
#define AMBIT_CRYPTO_SEAL_H

#include "base/buf.h"
#include "base/secret.h"

enum { SEAL_KEY = 32, SEAL_OVERHEAD = 1 + 12 + 16 };

/* A fresh random key. */
status seal_key_generate(struct secret **ret);
/* From a pass phrase: scrypt, N = 2^15, r = 8, p = 1 (32 MiB). `salt` at least 16 bytes. */
status seal_key_from_passphrase(const struct secret *phrase, span salt, struct secret **ret);
/* An independent key for one purpose: HKDF-SHA-256 with `purpose` as info. */
status seal_key_derive(const struct secret *key, span purpose, struct secret **ret);

/* Appends the sealed form. `key` must be SEAL_KEY bytes (must). E_CRYPTO. */
status seal_make(const struct secret *key, span context, const struct secret *plain, struct buf *out);
/* E_CRYPTO when the key, the context or a single bit is not what it was; nothing is given then. */
status seal_open(const struct secret *key, span context, span sealed, struct secret **ret);

#endif
