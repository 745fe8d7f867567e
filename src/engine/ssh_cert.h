/* ssh_cert: OpenSSH user certificates for Ed25519 keys, as bytes (PROTOCOL.certkeys), and key revocation lists (PROTOCOL.krl). Pure: the
 * signature comes from whoever holds the authority's key.
 *
 *   ssh_cert_tbs(spec, ca, &b);  sign(b) -> sig;  ssh_cert_sign(&b, sig);  ssh_cert_line(b, comment, &text); */
#ifndef AMBIT_ENGINE_SSH_CERT_H
#define AMBIT_ENGINE_SSH_CERT_H

#include "base/buf.h"
#include "base/secret.h"

enum { SSH_KEY = 32, SSH_SIGNATURE = 64 };

struct ssh_cert_spec {
	uint8_t key[SSH_KEY];           /* the holder's */
	uint8_t nonce[32];
	uint64_t serial;                /* not 0 */
	span key_id;                    /* at most 256 bytes; what sshd logs */
	const span *principals;         /* 1 to 32: none would mean all */
	size_t n_principals;
	int64_t not_before, not_after;  /* seconds since 1970 */
	span force_command;             /* empty: none */
	span source_address;            /* "10.0.0.0/8,192.0.2.1"; empty: anywhere */
	bool pty, port_forwarding, agent_forwarding;
};

/* Appends what is to be signed. E_BAD_REQUEST: a principal or other field that the format or sshd would read differently. */
status ssh_cert_tbs(const struct ssh_cert_spec *c, const uint8_t ca[static SSH_KEY], struct buf *out);
/* Makes the certificate of it, in place. */
void ssh_cert_sign(struct buf *tbs, const uint8_t sig[static SSH_SIGNATURE]);
/* Appends "ssh-ed25519-cert-v01@openssh.com BASE64 comment\n", the text of id-cert.pub. */
status ssh_cert_line(span cert, span comment, struct buf *out);
/* Appends "ssh-ed25519 BASE64 comment\n", the text of a TrustedUserCAKeys line or of id.pub. */
status ssh_key_line(const uint8_t key[static SSH_KEY], span comment, struct buf *out);

/* The text of an unencrypted private key file ("BEGIN OPENSSH PRIVATE KEY"), of a 32-byte seed and its public key. */
status ssh_private_text(const struct secret *seed, const uint8_t key[static SSH_KEY], struct secret **ret);
/* The seed of such a text. E_BAD_CONFIG: not one, encrypted, or of another kind of key. */
status ssh_private_read(const struct secret *text, struct secret **ret_seed);

/* Appends a revocation list: certificates of this authority with these serials (in any order, without 0). `version` grows with each. */
status ssh_krl(const uint8_t ca[static SSH_KEY], const uint64_t *serials, size_t n, uint64_t version, int64_t now, struct buf *out);

#endif
