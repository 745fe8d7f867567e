/* u16 type, body. What decodes must encode to the same bytes: one form for every message. */
#include "msg/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = rd_make(span_make(data, size));
	uint16_t type = rd_u16(&r);
	span body = rd_take(&r, rd_left(&r));
	struct msg m;

	if (!r.ok || failed(msg_decode(type, body, &m)))
		return 0;
	struct buf b;
	buf_init(&b, MSG_BODY_MAX + MSG_HEADER);
	msg_encode(&m, &b);
	must(!failed(buf_finish(&b)));
	must(span_eq(span_sub(buf_span(&b), MSG_HEADER, b.n), body));
	buf_fini(&b);
	return 0;
}
