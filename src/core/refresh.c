#include "core/codec.h"
#include "core/core_priv.h"
#include "core/issue.h"
#include "text/base64url.h"

#include <stdlib.h>

enum { FAMILY = 16, SECRET = 32 };

static bool family_is(const struct map_node *n, const void *key) { return digest_eq(&container_of(n, struct refresh, node)->family, key); }

static struct refresh *
find(const struct core *c, const digest *family)
{
	struct map_node *n = map_find(&c->refreshes, map_hash_bytes(&c->refreshes, digest_span(family)), family_is, family);
	return n ? container_of(n, struct refresh, node) : NULL;
}

static status
write_text(const uint8_t raw[static FAMILY + SECRET], char ret[static REFRESH_TEXT + 1])
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	buf_init(&b, REFRESH_TEXT);
	base64url_encode(span_make(raw, FAMILY + SECRET), &b);
	TRY(buf_finish(&b));
	memcpy(ret, b.p, b.n);
	ret[b.n] = 0;
	return OK;
}

static digest secret_of(const uint8_t raw[static FAMILY + SECRET]) { return sha256(span_make(raw + FAMILY, SECRET)); }

status
refresh_new(struct core *c, const struct task *t, const struct issue *how, char ret_text[static REFRESH_TEXT + 1], struct refresh **ret)
{
	uint8_t raw[FAMILY + SECRET];
	drbg_bytes(&c->rng, raw, sizeof raw);
	TRY(write_text(raw, ret_text));
	struct refresh *f = calloc(1, sizeof *f);
	ENSURE(f, E_NO_MEMORY);
	*f = (struct refresh){ .family = sha256(span_make(raw, FAMILY)), .secret = secret_of(raw), .confirm = how->confirm, .task_id = t->id,
	                       .binding = how->binding, .audience = (uint8_t)how->audience };
	row_init(&f->row, ROW_REFRESH);
	status s = map_add(&c->refreshes, map_hash_bytes(&c->refreshes, digest_span(&f->family)), &f->node);
	explicit_bzero(raw, sizeof raw);
	if (failed(s)) {
		free(f);
		return s;
	}
	row_mark(c, &f->row);
	*ret = f;
	return OK;
}

struct refresh *
refresh_find(const struct core *c, span text, bool *ret_current)
{
	uint8_t raw[FAMILY + SECRET];
	*ret_current = false;
	if (failed(base64url_decode_exact(text, raw, sizeof raw)))
		return NULL;
	digest family = sha256(span_make(raw, FAMILY)), secret = secret_of(raw);
	struct refresh *f = find(c, &family);
	*ret_current = f && digest_eq_consttime(&secret, &f->secret);
	return f;
}

status
refresh_rotate(struct core *c, struct refresh *f, span old, char ret_text[static REFRESH_TEXT + 1])
{
	uint8_t raw[FAMILY + SECRET];
	TRY(base64url_decode_exact(old, raw, sizeof raw));
	drbg_bytes(&c->rng, raw + FAMILY, SECRET);
	TRY(write_text(raw, ret_text));
	f->secret = secret_of(raw);
	explicit_bzero(raw, sizeof raw);
	row_mark(c, &f->row);
	return OK;
}

void
refresh_over(struct core *c, struct refresh *f)
{
	row_drop(c, &f->row);
	map_del(&c->refreshes, &f->node);
	free(f);
}

void
refreshes_forget(struct core *c, uint64_t task)
{
	if (!c->refreshes.count)
		return;
	map_for(it, &c->refreshes) {
		struct refresh *f = container_of(it, struct refresh, node);
		if (f->task_id == task)
			refresh_over(c, f);
	}
}

void
refresh_encode(const struct refresh *f, struct buf *b)
{
	buf_put_u8(b, 1);
	put_digest(b, &f->secret);
	put_digest(b, &f->confirm);
	buf_put_u64(b, f->task_id);
	buf_put_u8(b, f->binding);
	buf_put_u8(b, f->audience);
}

status
refresh_restore(struct core *c, span key, span value)
{
	struct reader r = rd_make(value);
	struct refresh *f = calloc(1, sizeof *f);
	ENSURE(f, E_NO_MEMORY);
	row_init(&f->row, ROW_REFRESH);
	f->row.stored = true;
	uint8_t version = rd_u8(&r);
	f->secret = rd_digest(&r);
	f->confirm = rd_digest(&r);
	f->task_id = rd_u64(&r);
	f->binding = rd_u8(&r);
	f->audience = rd_u8(&r);
	status s = rd_end(&r);
	if (failed(s) || version != 1 || f->audience >= AUD_COUNT || !digest_from(key, &f->family) || find(c, &f->family))
		s = FAIL(E_CHAIN_BROKEN);
	if (!failed(s))
		s = map_add(&c->refreshes, map_hash_bytes(&c->refreshes, digest_span(&f->family)), &f->node);
	if (failed(s))
		free(f);
	return s;
}
