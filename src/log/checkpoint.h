/* checkpoint: a signed chain head, as a signed note (C2SP signed-note).
 *
 *   <origin>                            name of the log and of its key
 *   <seq>                               decimal, no leading zero
 *   <base64 of the head>
 *   ambit-chain/v1 <time>               nanoseconds since 1970; also says that the head is a chain's, not a tree's
 *
 *   — <origin> <base64 of key id and Ed25519 signature>
 *
 * The verifier key is one line: <origin>+<key id, 8 hex digits>+<base64 of 0x01 and the public key>. */
#ifndef AMBIT_LOG_CHECKPOINT_H
#define AMBIT_LOG_CHECKPOINT_H

#include "base/buf.h"
#include "crypto/sign.h"
#include "log/chain.h"

enum { CHECKPOINT_MAX = 4096, CHECKPOINT_ORIGIN_MAX = 128 };

struct checkpoint {
	span origin;       /* [A-Za-z0-9./:_-], 1..128 */
	struct chain chain;
	int64_t time;
};

/* Appends the signed note. The signer builds the text itself from typed fields. E_BAD_REQUEST: origin; E_CRYPTO. */
status checkpoint_sign(const struct checkpoint *c, const struct sign_key *key, struct buf *out);
/* Appends the verifier key line, without a newline. */
status checkpoint_verifier(span origin, const struct sign_key *key, struct buf *out);
/* Checks form and signature against a verifier key line. *ret borrows `note`. Signatures under other names or key ids are
 * ignored; one of this key that fails refuses the note. E_BAD_MESSAGE: malformed; E_CHAIN_BROKEN: not signed by this
 * key. */
status checkpoint_open(span note, span verifier, struct checkpoint *ret);

#endif
