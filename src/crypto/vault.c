#include "crypto/vault.h"

#include "crypto/seal.h"

/* u8 form = 1, u16 length and sealed key of this secret, sealed secret */
enum { FORM = 1 };

status
vault_open(struct vault *v, const struct secret *kek)
{
	TRY(seal_key_derive(kek, SPAN("secrets/wrap/1"), &v->wrap));
	TRY(seal_key_derive(kek, SPAN("secrets/box/1"), &v->private));
	return hpke_public(v->private, v->public);
}

static status
context(const char *what, span name, uint64_t version, struct buf *b)
{
	buf_init(b, 512);
	buf_printf(b, "ambit/secret/%s/%llu/", what, (unsigned long long)version);
	buf_put(b, name);
	return buf_finish(b);
}

static status
seal(const struct vault *v, span name, uint64_t version, const struct secret *plain, struct buf *out)
{
	CLEANUP(buf_fini) struct buf of_key = { 0 }, of_value = { 0 }, wrapped = { 0 };
	CLEANUP(secret_freep) struct secret *key = NULL;
	TRY(context("key", name, version, &of_key));
	TRY(context("value", name, version, &of_value));
	TRY(seal_key_generate(&key));
	buf_init(&wrapped, 256);
	TRY(seal_make(v->wrap, buf_span(&of_key), key, &wrapped));
	buf_put_u8(out, FORM);
	buf_put_vec16(out, buf_span(&wrapped));
	TRY(buf_finish(out));
	return seal_make(key, buf_span(&of_value), plain, out);
}

status
vault_seal(const struct vault *v, span name, uint64_t version, span box, struct buf *out)
{
	CLEANUP(secret_freep) struct secret *plain = NULL;
	ENSURE(box.n <= VAULT_BOX_MAX && !failed(hpke_open(v->private, VAULT_INFO, name, box, &plain)), E_BAD_REQUEST);
	ENSURE(secret_size(plain) > 0, E_BAD_REQUEST);
	size_t before = out->n;
	status s = seal(v, name, version, plain, out);
	if (failed(s) && out->n > before)
		buf_truncate(out, before);
	return s;
}

status
vault_unseal(const struct vault *v, span name, uint64_t version, span sealed, struct secret **ret)
{
	CLEANUP(buf_fini) struct buf of_key = { 0 }, of_value = { 0 };
	CLEANUP(secret_freep) struct secret *key = NULL;
	struct reader r = rd_make(sealed);
	uint8_t form = rd_u8(&r);
	span wrapped = rd_vec16(&r);
	ENSURE(r.ok && form == FORM, E_CRYPTO);
	TRY(context("key", name, version, &of_key));
	TRY(context("value", name, version, &of_value));
	TRY(seal_open(v->wrap, buf_span(&of_key), wrapped, &key));
	ENSURE(secret_size(key) == SEAL_KEY, E_CRYPTO);
	return seal_open(key, buf_span(&of_value), span_sub(sealed, 3 + wrapped.n, sealed.n), ret);
}
