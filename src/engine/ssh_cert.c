#include "engine/ssh_cert.h"
#include "engine/pem_put.h"
#include "text/utf8.h"

static const char key_type[] = "ssh-ed25519", cert_type[] = "ssh-ed25519-cert-v01@openssh.com";

enum { USER_CERTIFICATE = 1, TBS_MAX = 65536 };

static void
put_string(struct buf *b, const char *s)
{
	buf_put_vec32(b, span_str(s));
}

static void
put_key(struct buf *b, const uint8_t key[static SSH_KEY])
{
	put_string(b, key_type);
	buf_put_vec32(b, span_make(key, SSH_KEY));
}

/* Printable, without what sshd or its configuration gives a meaning of its own. */
static bool
name_ok(span s, const char *never)
{
	if (s.n == 0 || s.n > 256 || !utf8_ok(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f || strchr(never, s.p[i]))
			return false;
	return true;
}

static bool
addresses_ok(span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("0123456789abcdefABCDEF.:/,", s.p[i]) || !s.p[i])
			return false;
	return s.n <= 1024;
}

static void
put_option(struct buf *b, const char *name, span value)
{
	put_string(b, name);
	buf_put_u32(b, (uint32_t)value.n + 4);
	buf_put_vec32(b, value);
}

static void
put_flag(struct buf *b, const char *name, bool on)
{
	if (!on)
		return;
	put_string(b, name);
	put_string(b, "");
}

static status
put_nested(struct buf *out, struct buf *part)
{
	TRY(buf_finish(part));
	buf_put_vec32(out, buf_span(part));
	buf_reset(part);
	return OK;
}

status
ssh_cert_tbs(const struct ssh_cert_spec *c, const uint8_t ca[static SSH_KEY], struct buf *out)
{
	CLEANUP(buf_fini) struct buf part;
	buf_init(&part, TBS_MAX);
	/* without a principal it would be good for every account */
	ENSURE(c->n_principals > 0 && c->n_principals <= 32, E_BAD_REQUEST);
	ENSURE(c->serial && name_ok(c->key_id, "") && c->not_before >= 0 && c->not_before < c->not_after, E_BAD_REQUEST);
	ENSURE(!c->force_command.n || (c->force_command.n <= 32768 && !memchr(c->force_command.p, 0, c->force_command.n)), E_BAD_REQUEST);
	ENSURE(addresses_ok(c->source_address), E_BAD_REQUEST);
	put_string(out, cert_type);
	buf_put_vec32(out, SPAN_OF(c->nonce));
	buf_put_vec32(out, SPAN_OF(c->key));
	buf_put_u64(out, c->serial);
	buf_put_u32(out, USER_CERTIFICATE);
	buf_put_vec32(out, c->key_id);
	for (size_t i = 0; i < c->n_principals; i++) {
		ENSURE(name_ok(c->principals[i], " ,*?!\"'"), E_BAD_REQUEST);
		buf_put_vec32(&part, c->principals[i]);
	}
	TRY(put_nested(out, &part));
	buf_put_u64(out, (uint64_t)c->not_before);
	buf_put_u64(out, (uint64_t)c->not_after);
	/* options and extensions stand in the order of their names */
	if (c->force_command.n)
		put_option(&part, "force-command", c->force_command);
	if (c->source_address.n)
		put_option(&part, "source-address", c->source_address);
	TRY(put_nested(out, &part));
	put_flag(&part, "permit-agent-forwarding", c->agent_forwarding);
	put_flag(&part, "permit-port-forwarding", c->port_forwarding);
	put_flag(&part, "permit-pty", c->pty);
	TRY(put_nested(out, &part));
	put_string(out, "");   /* reserved */
	put_key(&part, ca);
	TRY(put_nested(out, &part));
	return buf_finish(out);
}

void
ssh_cert_sign(struct buf *tbs, const uint8_t sig[static SSH_SIGNATURE])
{
	buf_put_u32(tbs, (uint32_t)(4 + sizeof key_type - 1 + 4 + SSH_SIGNATURE));
	put_string(tbs, key_type);
	buf_put_vec32(tbs, span_make(sig, SSH_SIGNATURE));
}

/* ---- text ---- */

static status
put_line(struct buf *out, const char *type, span blob, span comment)
{
	ENSURE(comment.n == 0 || name_ok(comment, ""), E_BAD_REQUEST);
	buf_printf(out, "%s ", type);
	base64_put(out, blob, 0);
	buf_printf(out, "%s%.*s\n", comment.n ? " " : "", SPAN_ARG(comment));
	return buf_finish(out);
}

status
ssh_cert_line(span cert, span comment, struct buf *out)
{
	return put_line(out, cert_type, cert, comment);
}

status
ssh_key_line(const uint8_t key[static SSH_KEY], span comment, struct buf *out)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 256);
	put_key(&b, key);
	TRY(buf_finish(&b));
	return put_line(out, key_type, buf_span(&b), comment);
}

/* ---- private keys, PROTOCOL.key ---- */

static const char magic[] = "openssh-key-v1"; /* its NUL belongs to it */
static const char head[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n", tail[] = "-----END OPENSSH PRIVATE KEY-----\n";

static void
put_private(struct buf *out, const struct secret *seed, const uint8_t key[static SSH_KEY], struct buf *part)
{
	buf_put(out, span_make(magic, sizeof magic));
	put_string(out, "none");
	put_string(out, "none");
	put_string(out, "");
	buf_put_u32(out, 1);
	put_key(part, key);
	buf_put_vec32(out, buf_span(part));
	buf_reset(part);
	buf_put_u64(part, UINT64_C(0x5a5a5a5a5a5a5a5a));   /* two equal numbers: decryption worked */
	put_key(part, key);
	buf_put_u32(part, 2 * SSH_KEY);
	buf_put(part, secret_reveal(seed));
	buf_put(part, span_make(key, SSH_KEY));
	put_string(part, "ambit");
	for (uint8_t pad = 1; part->n % 8; pad++)
		buf_put_u8(part, pad);
	buf_put_vec32(out, buf_span(part));
}

status
ssh_private_text(const struct secret *seed, const uint8_t key[static SSH_KEY], struct secret **ret)
{
	CLEANUP(pem_wipe) struct buf blob, part, text;
	buf_init(&blob, 1024);
	buf_init(&part, 512);
	buf_init(&text, 2048);
	/* room first: growing would leave copies behind */
	if (!buf_reserve(&blob, 512) || !buf_reserve(&part, 256) || !buf_reserve(&text, 1024))
		return FAIL(E_NO_MEMORY);
	ENSURE(secret_size(seed) == SSH_KEY, E_BAD_REQUEST);
	put_private(&blob, seed, key, &part);
	TRY(buf_finish(&part));
	TRY(buf_finish(&blob));
	buf_put_str(&text, head);
	base64_put(&text, buf_span(&blob), 70);
	buf_put_str(&text, tail);
	TRY(buf_finish(&text));
	TRY(secret_new(text.n, ret));
	memcpy(secret_writable(*ret), text.p, text.n);
	return OK;
}

static status
read_private(span blob, struct secret **ret)
{
	struct reader r = rd_make(blob);
	span m = rd_take(&r, sizeof magic), cipher = rd_vec32(&r), kdf = rd_vec32(&r);
	(void)rd_vec32(&r);
	uint32_t keys = rd_u32(&r);
	(void)rd_vec32(&r);
	struct reader in = rd_make(rd_vec32(&r));
	ENSURE(!failed(rd_end(&r)) && span_eq(m, span_make(magic, sizeof magic)) && span_is(cipher, "none") && span_is(kdf, "none") && keys == 1, E_BAD_CONFIG);
	uint32_t one = rd_u32(&in), two = rd_u32(&in);
	span type = rd_vec32(&in), public = rd_vec32(&in), both = rd_vec32(&in);
	ENSURE(in.ok && one == two && span_is(type, key_type) && public.n == SSH_KEY && both.n == 2 * SSH_KEY &&
	       span_eq(span_sub(both, SSH_KEY, SSH_KEY), public), E_BAD_CONFIG);
	TRY(secret_new(SSH_KEY, ret));
	memcpy(secret_writable(*ret), both.p, SSH_KEY);
	return OK;
}

status
ssh_private_read(const struct secret *text, struct secret **ret_seed)
{
	CLEANUP(pem_wipe) struct buf blob;
	span t = secret_reveal(text);
	buf_init(&blob, 4096);
	ENSURE(buf_reserve(&blob, 4096), E_NO_MEMORY);
	while (t.n && (t.p[t.n - 1] == '\n' || t.p[t.n - 1] == '\r'))
		t.n--;
	span begin = span_make(head, sizeof head - 2), end = span_make(tail, sizeof tail - 2);
	ENSURE(t.n <= 4096 && span_starts(t, begin) && span_ends(t, end) && t.n > begin.n + end.n, E_BAD_CONFIG);
	TRY(base64_read(span_sub(t, begin.n, t.n - begin.n - end.n), &blob));
	return read_private(buf_span(&blob), ret_seed);
}

/* ---- revocation lists ---- */

status
ssh_krl(const uint8_t ca[static SSH_KEY], const uint64_t *serials, size_t n, uint64_t version, int64_t now, struct buf *out)
{
	enum { MAGIC_HIGH = 0x5353484b, MAGIC_LOW = 0x524c0a00, FORMAT = 1, CERTIFICATES = 1, SERIAL_LIST = 0x20 };
	CLEANUP(buf_fini) struct buf key, section;
	buf_init(&key, 256);
	buf_init(&section, 64 + 8 * n + 256);
	buf_put_u32(out, MAGIC_HIGH);
	buf_put_u32(out, MAGIC_LOW);
	buf_put_u32(out, FORMAT);
	buf_put_u64(out, version);
	buf_put_u64(out, (uint64_t)now);
	buf_put_u64(out, 0);
	put_string(out, "");
	put_string(out, "ambit");
	if (n) {
		put_key(&key, ca);
		TRY(put_nested(&section, &key));
		put_string(&section, "");
		buf_put_u8(&section, SERIAL_LIST);
		buf_put_u32(&section, (uint32_t)(8 * n));
		for (size_t i = 0; i < n; i++)
			buf_put_u64(&section, serials[i]);
		buf_put_u8(out, CERTIFICATES);
		TRY(put_nested(out, &section));
	}
	return buf_finish(out);
}
