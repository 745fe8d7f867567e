#include "log/checkpoint.h"

#include "text/base64url.h"

#define KIND "ambit-chain/v1 "
#define DASH "\xe2\x80\x94 "   /* — */

enum { NOTE_ED25519 = 1, KEY_ID = 4, SIGNATURE = 64, LINES_MAX = 16 };

static bool
origin_ok(span o)
{
	for (size_t i = 0; i < o.n; i++) {
		uint8_t c = o.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || memchr("./:_-", c, 5)))
			return false;
	}
	return o.n > 0 && o.n <= CHECKPOINT_ORIGIN_MAX;
}

/* C2SP signed-note: the first four bytes of SHA-256(name || 0x0A || algorithm || public key). */
static void
key_id(span origin, const uint8_t public[static 32], uint8_t out[static KEY_ID])
{
	const uint8_t middle[2] = { '\n', NOTE_ED25519 };
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, origin);
	sha256_add(&h, SPAN_OF(middle));
	sha256_add(&h, span_make(public, 32));
	digest d = sha256_end(&h);
	memcpy(out, d.b, KEY_ID);
}

static void
put_text(const struct checkpoint *c, struct buf *b)
{
	buf_put(b, c->origin);
	buf_put_u8(b, '\n');
	buf_put_udec(b, c->chain.seq);
	buf_put_u8(b, '\n');
	base64_encode(digest_span(&c->chain.head), b);
	buf_put_str(b, "\n" KIND);
	buf_put_dec(b, c->time);
	buf_put_u8(b, '\n');
}

static status
raw_public(const struct sign_key *key, uint8_t out[static 32])
{
	CLEANUP(verify_key_freep) struct verify_key *public = NULL;

	ENSURE(sign_key_alg(key) == ALG_EDDSA, E_BAD_REQUEST);
	TRY(sign_key_public(key, &public));
	return verify_key_raw(public, out);
}

status
checkpoint_sign(const struct checkpoint *c, const struct sign_key *key, struct buf *out)
{
	CLEANUP(buf_fini) struct buf text = { 0 };
	uint8_t public[32], sig[KEY_ID + SIGNATURE];

	ENSURE(origin_ok(c->origin), E_BAD_REQUEST);
	TRY(raw_public(key, public));
	buf_init(&text, CHECKPOINT_MAX);
	put_text(c, &text);
	TRY(buf_finish(&text));
	key_id(c->origin, public, sig);
	TRY(sign_make(key, buf_span(&text), sig + KEY_ID));
	buf_put(out, buf_span(&text));
	buf_put_str(out, "\n" DASH);
	buf_put(out, c->origin);
	buf_put_u8(out, ' ');
	base64_encode(SPAN_OF(sig), out);
	buf_put_u8(out, '\n');
	return buf_finish(out);
}

status
checkpoint_verifier(span origin, const struct sign_key *key, struct buf *out)
{
	uint8_t public[32], id[KEY_ID], typed[33] = { NOTE_ED25519 };

	ENSURE(origin_ok(origin), E_BAD_REQUEST);
	TRY(raw_public(key, public));
	key_id(origin, public, id);
	memcpy(typed + 1, public, 32);
	buf_put(out, origin);
	buf_put_u8(out, '+');
	buf_put_hex(out, SPAN_OF(id));
	buf_put_u8(out, '+');
	base64_encode(SPAN_OF(typed), out);
	return buf_finish(out);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

struct verifier {
	span origin;
	uint8_t id[KEY_ID];
	uint8_t public[32];
};

static status
decode_exact(span text, uint8_t *out, size_t n)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, n);
	ENSURE(!failed(base64_decode(text, &b)) && b.n == n, E_BAD_MESSAGE);
	memcpy(out, b.p, n);
	return OK;
}

static status
read_verifier(span line, struct verifier *v)
{
	CLEANUP(buf_fini) struct buf hex = { 0 };
	uint8_t typed[33];
	size_t one = span_find(line, '+');
	span rest = span_sub(line, one + 1, line.n);
	size_t two = span_find(rest, '+');

	v->origin = span_sub(line, 0, one);
	ENSURE(origin_ok(v->origin) && two < rest.n, E_BAD_MESSAGE);
	TRY(decode_exact(span_sub(rest, two + 1, rest.n), typed, sizeof typed));
	ENSURE(typed[0] == NOTE_ED25519, E_BAD_MESSAGE);
	memcpy(v->public, typed + 1, 32);
	key_id(v->origin, v->public, v->id);
	buf_init(&hex, 2 * KEY_ID);
	buf_put_hex(&hex, SPAN_OF(v->id));
	ENSURE(span_eq(buf_span(&hex), span_sub(rest, 0, two)), E_BAD_MESSAGE);
	return OK;
}

/* The next line without its end; every line must have one. */
static bool
line(span *rest, span *ret)
{
	size_t n = span_find(*rest, '\n');

	if (n == rest->n)
		return false;
	*ret = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n + 1, rest->n);
	return true;
}

static status
read_text(span text, struct checkpoint *c)
{
	span seq, head, kind;

	ENSURE(line(&text, &c->origin) && line(&text, &seq) && line(&text, &head) && line(&text, &kind) && text.n == 0, E_BAD_MESSAGE);
	ENSURE(origin_ok(c->origin) && span_to_u64(seq, &c->chain.seq) && span_starts(kind, SPAN(KIND)) &&
	       span_to_i64(span_sub(kind, sizeof KIND - 1, kind.n), &c->time), E_BAD_MESSAGE);
	return decode_exact(head, c->chain.head.b, sizeof c->chain.head.b);
}

/* One signature line. *found when it is of this key and right. */
static status
read_signature(span l, span text, const struct verifier *v, const struct verify_key *k, bool *found)
{
	uint8_t sig[KEY_ID + SIGNATURE];

	ENSURE(span_starts(l, SPAN(DASH)), E_BAD_MESSAGE);
	l = span_sub(l, sizeof DASH - 1, l.n);
	size_t n = span_find(l, ' ');
	ENSURE(n > 0 && n < l.n, E_BAD_MESSAGE);
	/* Others may sign too, with keys and algorithms of their own. */
	if (!span_eq(span_sub(l, 0, n), v->origin) || failed(decode_exact(span_sub(l, n + 1, l.n), sig, sizeof sig)) ||
	    memcmp(sig, v->id, KEY_ID) != 0)
		return OK;
	ENSURE(verify_ok(k, text, span_make(sig + KEY_ID, SIGNATURE)), E_CHAIN_BROKEN);
	*found = true;
	return OK;
}

status
checkpoint_open(span note, span verifier, struct checkpoint *ret)
{
	CLEANUP(verify_key_freep) struct verify_key *k = NULL;
	struct verifier v;
	struct checkpoint c = { 0 };
	bool found = false;
	size_t blank = 0;
	span l;

	ENSURE(note.n <= CHECKPOINT_MAX, E_BAD_MESSAGE);
	TRY(read_verifier(verifier, &v));
	/* Text, an empty line, signatures. */
	while (blank + 1 < note.n && !(note.p[blank] == '\n' && note.p[blank + 1] == '\n'))
		blank++;
	ENSURE(blank + 1 < note.n, E_BAD_MESSAGE);
	span text = span_sub(note, 0, blank + 1), rest = span_sub(note, blank + 2, note.n);
	TRY(read_text(text, &c));
	TRY(verify_key_ec(ALG_EDDSA, SPAN_OF(v.public), (span){ 0 }, &k));
	for (int i = 0; rest.n > 0; i++) {
		ENSURE(i < LINES_MAX && line(&rest, &l), E_BAD_MESSAGE);
		TRY(read_signature(l, text, &v, k, &found));
	}
	ENSURE(found && span_eq(c.origin, v.origin), E_CHAIN_BROKEN);
	*ret = c;
	return OK;
}
