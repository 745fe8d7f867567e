/* hpke: encryption to somebody's public key (RFC 9180), base mode, one message.
 *
 * Suite: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-256-GCM 0x0002. A box is enc (32 bytes), ciphertext, tag (16).
 * Base mode does not say who sent it: the channel does. */
#ifndef AMBIT_CRYPTO_HPKE_H
#define AMBIT_CRYPTO_HPKE_H

#include "base/buf.h"
#include "base/secret.h"

enum { HPKE_KEY = 32, HPKE_OVERHEAD = 32 + 16 };

/* The public half of a private key of HPKE_KEY bytes (any will do; X25519 clamps). E_CRYPTO. */
status hpke_public(const struct secret *private, uint8_t ret[static HPKE_KEY]);
/* Appends a box that only the holder of `to` opens. `info` names the protocol, `aad` is authenticated with it. E_CRYPTO: `to` is no
 * usable key (RFC 9180 §7.1.4); E_NO_MEMORY. */
status hpke_seal(const uint8_t to[static HPKE_KEY], span info, span aad, const struct secret *plain, struct buf *out);
/* E_CRYPTO when the key, info, aad or a single bit is not what it was; nothing is given then. At most 64 KiB. */
status hpke_open(const struct secret *private, span info, span aad, span box, struct secret **ret);

#endif
