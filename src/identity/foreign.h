/* foreign: what all tokens that others made have in common: audience, times, and the members that must be there (RFC 7519 §4.1). */
#ifndef AMBIT_IDENTITY_FOREIGN_H
#define AMBIT_IDENTITY_FOREIGN_H

#include "text/json.h"

struct foreign_claims {
	span sub, jti;
	int64_t expires, issued;
};

/* `aud`: a string, or a non-empty array of strings; true when one of them is exactly `ours`. */
bool foreign_audience_has(const struct json *claims, span ours);
/* sub and exp must be there, whole seconds; nbf and iat not in the future. No claim by another spelling ("Exp"). E_TOKEN_INVALID or
 * E_TOKEN_EXPIRED, with *ret_why a static text. */
status foreign_claims_read(const struct json *claims, int64_t now, struct foreign_claims *ret, const char **ret_why);

#endif
