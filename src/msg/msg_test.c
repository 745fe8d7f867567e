#include "tests/test.h"

#include "msg/enums.h"
#include "msg/msg.h"
#include "msg/ops.h"

static span
body_of(const struct buf *b)
{
	return span_sub(buf_span(b), MSG_HEADER, b->n);
}

static void
a_message_survives_the_wire(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, MSG_BODY_MAX);
	struct msg m = msg_make(MSG_CALL), got;
	m.call.req = 7;
	m.call.conn = 9;
	memset(m.call.token, 0xab, 32);
	m.call.tool = SPAN("files__read_file");
	m.call.args = SPAN("{\"path\":\"/a\"}");
	m.call.progress = true;
	msg_encode(&m, &b);
	assert_ok(buf_finish(&b));
	struct reader r = rd_make(buf_span(&b));
	assert_int_equal(rd_u32(&r), b.n - MSG_HEADER);
	assert_int_equal(rd_u16(&r), MSG_CALL);
	assert_ok(msg_decode(MSG_CALL, body_of(&b), &got));
	assert_int_equal(got.call.req, 7);
	assert_span(got.call.tool, "files__read_file");
	assert_memory_equal(got.call.token, m.call.token, 32);
	assert_true(got.call.progress);
}

static void
every_truncation_and_extension_is_refused(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, MSG_BODY_MAX);
	for (uint16_t type = MSG_NONE + 1; type < MSG_COUNT; type++) {
		struct msg m = msg_make((enum msg_type)type), got;
		buf_reset(&b);
		msg_encode(&m, &b);
		assert_ok(buf_finish(&b));
		assert_ok(msg_decode(type, body_of(&b), &got));
		for (size_t n = 0; n + MSG_HEADER < b.n; n++)
			assert_fails(msg_decode(type, span_sub(body_of(&b), 0, n), &got), E_BAD_MESSAGE);
		buf_put_u8(&b, 0);
		assert_fails(msg_decode(type, body_of(&b), &got), E_BAD_MESSAGE);
	}
	struct msg got;
	assert_fails(msg_decode(MSG_NONE, (span){ 0 }, &got), E_BAD_MESSAGE);
	assert_fails(msg_decode(MSG_COUNT, (span){ 0 }, &got), E_BAD_MESSAGE);
}

static void
limits_hold_at_both_ends(void **)
{
	static uint8_t big[200];
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, MSG_BODY_MAX);
	struct msg m = msg_make(MSG_CALL), got;
	m.call.tool = span_make(big, 65);
	msg_encode(&m, &b);
	assert_fails(buf_finish(&b), E_LIMIT);

	/* By hand, what the encoder refuses: every other field is right, only the tool's name is a byte too long. */
	buf_reset(&b);
	for (size_t n = 64; n <= 65; n++) {
		buf_reset(&b);
		buf_put_u64(&b, 1);
		buf_put_u32(&b, 2);
		buf_put(&b, span_make(big, 32));
		buf_put_vec32(&b, span_make(big, n));
		buf_put_vec32(&b, SPAN("{}"));
		buf_put_vec32(&b, SPAN(""));
		buf_put_u32(&b, 0);
		buf_put_u8(&b, 0);
		buf_put_vec32(&b, SPAN(""));
		assert_int_equal(msg_decode(MSG_CALL, buf_span(&b), &got).code, n == 64 ? E_OK : E_BAD_MESSAGE);
	}
}

static void
only_the_people_edge_may_approve_and_nobody_but_core_may_permit(void **)
{
	for (int from = 0; from < ROLE_COUNT; from++) {
		for (int to = 0; to < ROLE_COUNT; to++) {
			assert_int_equal(msg_permitted((enum role)from, (enum role)to, MSG_PERMIT),
			                 from == ROLE_CORE && to == ROLE_TOOLS);
			assert_int_equal(msg_permitted((enum role)from, (enum role)to, MSG_SIGN_TOKEN),
			                 from == ROLE_CORE && to == ROLE_SIGNER);
		}
	}
	for (uint16_t op = OP_NONE + 1; op < OP_COUNT; op++) {
		const struct op_info *i = op_info(op);
		if (i->right >= RIGHT_USER)
			assert_int_equal(i->classes, OP_CLASS_P);
	}
	assert_int_equal(op_from_path(SPAN("approval/approve")), OP_APPROVAL_APPROVE);
	assert_int_equal(op_from_path(SPAN("approval/approv")), OP_NONE);
	assert_null(op_info(OP_COUNT));
}

TEST_MAIN(T(a_message_survives_the_wire), T(every_truncation_and_extension_is_refused), T(limits_hold_at_both_ends),
          T(only_the_people_edge_may_approve_and_nobody_but_core_may_permit))
