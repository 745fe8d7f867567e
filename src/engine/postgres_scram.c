/* RFC 5802 §3 and RFC 7677 with PostgreSQL's stored form. libpq's own takes the key's two blocks anew in each of the 4,096 rounds; here they are
 * hashed once, which is most of what a creation costs. */
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "engine/pem_put.h"
#include "engine/postgres_priv.h"

enum { ITERATIONS = 4096, SALT = 16 };

/* Hi(): PBKDF2 of one block. */
static digest
salted(span password, span salt)
{
	struct hmac_sha256 keyed, m;
	digest u, sum;
	static const uint8_t first[4] = { 0, 0, 0, 1 };
	hmac_sha256_init(&keyed, password);
	m = keyed;
	hmac_sha256_add(&m, salt);
	hmac_sha256_add(&m, SPAN_OF(first));
	u = sum = hmac_sha256_end(&m);
	for (int i = 1; i < ITERATIONS; i++) {
		m = keyed;
		hmac_sha256_add(&m, digest_span(&u));
		u = hmac_sha256_end(&m);
		for (size_t k = 0; k < sizeof sum.b; k++)
			sum.b[k] ^= u.b[k];
	}
	secret_wipe(&keyed, sizeof keyed);
	secret_wipe(&m, sizeof m);
	return sum;
}

status
pg_verifier(const struct secret *password, struct buf *out)
{
	CLEANUP(secret_freep) struct secret *salt = NULL;
	span p = secret_reveal(password);
	/* beyond ASCII a server would first normalise it (SASLprep); ours never are */
	for (size_t i = 0; i < p.n; i++)
		ENSURE(p.p[i] > ' ' && p.p[i] < 0x7f, E_BAD_REQUEST);
	ENSURE(p.n > 0, E_BAD_REQUEST);
	TRY(seal_key_generate(&salt));
	span s = span_sub(secret_reveal(salt), 0, SALT);
	digest key = salted(p, s), client = hmac_sha256(digest_span(&key), SPAN("Client Key")), stored = sha256(digest_span(&client));
	digest server = hmac_sha256(digest_span(&key), SPAN("Server Key"));
	buf_printf(out, "SCRAM-SHA-256$%d:", ITERATIONS);
	base64_put(out, s, 0);
	buf_put_u8(out, '$');
	base64_put(out, digest_span(&stored), 0);
	buf_put_u8(out, ':');
	base64_put(out, digest_span(&server), 0);
	secret_wipe(&key, sizeof key);
	secret_wipe(&client, sizeof client);
	return buf_finish(out);
}
