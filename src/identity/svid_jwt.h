/* svid_jwt: JWT-SVIDs (JWT-SVID §2 to §6): bearer tokens of a workload, believed only by the JWT keys of its trust domain's bundle. */
#ifndef AMBIT_IDENTITY_SVID_JWT_H
#define AMBIT_IDENTITY_SVID_JWT_H

#include "identity/bundle.h"
#include "identity/spiffe_id.h"

enum {
	FOREIGN_TOKEN_MAX = 16384,   /* bytes of a token that others made */
	FOREIGN_TOKEN_SKEW = 30,     /* seconds a clock may be off, where that does no harm: nbf and iat, never exp */
	FOREIGN_TOKEN_LIFE = 86400,  /* the longest that is believed, from now */
};

struct svid_jwt {
	struct spiffe_id id;
	const struct json *claims;   /* all of them */
	int64_t expires;             /* seconds since 1970, exclusive */
	int64_t issued;              /* 0: not said */
	span jti;                    /* empty: none */
};

/* Whose bundle to use: the trust domain in the unverified `sub`. E_TOKEN_INVALID when there is none. */
status svid_jwt_domain(span token, struct arena *a, span *ret_domain);
/* The whole. `domain` is the bundle's, `audience` ours: exact, one of those in `aud`. Everything lives in the arena. E_TOKEN_INVALID or
 * E_TOKEN_EXPIRED, with *ret_why a static text; E_NO_MEMORY. */
status svid_jwt_verify(span token, span domain, const struct bundle *b, span audience, int64_t now, struct arena *a, struct svid_jwt *ret,
                       const char **ret_why);

#endif
