/* What cert.c, cert_verify.c, crl.c and cert_path.c share. */
#ifndef AMBIT_CRYPTO_CERT_PRIV_H
#define AMBIT_CRYPTO_CERT_PRIV_H

#include "crypto/cert.h"

/* The algorithm of a whole AlgorithmIdentifier's contents; CERT_SIG_NONE when not accepted. */
enum cert_sig_alg cert_signature_alg(span id);
/* True when `signature` over `tbs` fits the key, and the algorithm the kind of key. */
bool cert_verify(span spki, enum cert_key_kind kind, enum cert_sig_alg alg, span tbs, span signature);

#endif
