/* codec: little helpers of the row forms. A row starts with a version byte; integers are big-endian. */
#ifndef AMBIT_CORE_CODEC_H
#define AMBIT_CORE_CODEC_H

#include "base/buf.h"
#include "core/intern.h"
#include "crypto/hash.h"

static inline void put_str(struct buf *b, const struct str *s) { buf_put_vec32(b, str_span(s)); }
static inline void put_digest(struct buf *b, const digest *d) { buf_put(b, digest_span(d)); }
static inline int64_t rd_i64(struct reader *r) { return (int64_t)rd_u64(r); }

static inline digest
rd_digest(struct reader *r)
{
	digest d = { 0 };
	span s = rd_take(r, DIGEST_SIZE);
	if (s.n == DIGEST_SIZE)
		memcpy(d.b, s.p, DIGEST_SIZE);
	return d;
}

/* Interns; a failure for want of memory is *err's, sticky. */
static inline struct str *
rd_str(struct reader *r, struct interns *in, status *err)
{
	span s = rd_vec32(r);
	struct str *out = NULL;
	if (!failed(*err))
		*err = str_get(in, s, &out);
	return out;
}

#endif
