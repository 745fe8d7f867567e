#include "tests/test.h"

#include "log/chain.h"
#include "log/event.h"

static const struct event_head head = { .type = EV_CALL_DONE, .seq = 7, .time = 0x0102030405060708, .stream = 9,
                                        .node = { (const uint8_t *)"n1", 2 } };
static const uint64_t task = (uint64_t)ID_TASK << 60 | 0x77, call = (uint64_t)ID_CALL << 60 | 0x11;

static void
hex_is(span got, const char *want)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 17);
	buf_put_hex(&b, got);
	assert_span(buf_span(&b), want);
}

/* The frozen form, byte by byte. This test may never change, only grow. */
static void
form_is_frozen(void **)
{
	uint8_t room[200];
	struct event_writer w;
	span e;
	event_begin(&w, room, sizeof room, &head);
	event_id(&w, F_TASK, task);
	event_text(&w, F_TOOL, SPAN("a/b"));
	event_id(&w, F_CALL, call);
	event_int(&w, F_DURATION, -2);
	event_uint(&w, F_BYTES, 258);
	event_bool(&w, F_IS_ERROR, true);
	assert_ok(event_finish(&w, &e));
	hex_is(e, "01" "0031" "0000000000000007" "0102030405060708" "00000009" "02" "6e31"
	          "01" "09" "0008" "2000000000000077"
	          "03" "05" "0003" "612f62"
	          "04" "09" "0008" "3000000000000011"
	          "47" "03" "0008" "fffffffffffffffe"
	          "48" "02" "0008" "0000000000000102"
	          "4b" "01" "0001" "01");
	struct chain c = { 6, { { 0 } } };
	chain_push(&c, e);
	assert_int_equal(c.seq, 7);
	hex_is(digest_span(&c.head), "cc35cd39d205b36f0fd4cd8fe22dd60002ce3946b85886cbe667b6333a922d6a");

	struct event_head h = head;
	h.type = EV_TASK_RAISED;
	event_begin(&w, room, sizeof room, &h);
	event_id(&w, F_TASK, task);
	event_id(&w, F_AGENT, id_make(ID_AGENT, 1));
	event_text(&w, F_HIGH_WATER, SPAN("é"));
	span labels[] = { SPAN("x"), SPAN("") };
	event_texts(&w, F_LABELS, labels, 2);
	assert_ok(event_finish(&w, &e));
	hex_is(e, "01" "0008" "0000000000000007" "0102030405060708" "00000009" "02" "6e31"
	          "01" "09" "0008" "2000000000000077" "02" "09" "0008" "1000000000000001"
	          "2a" "05" "0002" "c3a9" "3b" "0a" "0005" "000178" "0000");
}

static void
reads_back_what_was_written(void **)
{
	uint8_t room[400];
	struct event_writer w;
	struct event_head h = { .type = EV_TOOL_CHANGED, .seq = UINT64_MAX, .time = -5, .stream = UINT32_MAX, .node = SPAN("a.b-0") };
	digest d1 = sha256(SPAN("1")), d2 = sha256(SPAN("2"));
	span bytes;
	event_begin(&w, room, sizeof room, &h);
	event_text(&w, F_TOOL, SPAN("s/t"));
	event_text(&w, F_SERVER, SPAN("s"));
	event_digest(&w, F_DEFINITION, &d1);
	event_text_opt(&w, F_OLD_STATE, SPAN(""));
	event_digest(&w, F_OLD_DIGEST, &d2);
	assert_ok(event_finish(&w, &bytes));
	struct event e;
	assert_ok(event_decode(bytes, &e));
	assert_ok(event_check(&e));
	assert_int_equal(e.head.type, EV_TOOL_CHANGED);
	assert_true(e.head.seq == UINT64_MAX && e.head.time == -5 && e.head.stream == UINT32_MAX);
	assert_span(e.head.node, "a.b-0");
	struct event_value v;
	assert_true(event_get(&e, F_OLD_DIGEST, &v) && digest_eq(&v.d, &d2));
	assert_true(event_get(&e, F_SERVER, &v) && span_is(v.s, "s"));
	assert_false(event_get(&e, F_TASK, &v));
	assert_false(event_get(&e, F_OLD_STATE, &v));
	size_t pos = 0, n = 0;
	while (event_next(&e, &pos, &v))
		n++;
	assert_int_equal(n, 4);
}

static void
writer_refuses_what_the_tables_do_not_say(void **)
{
	uint8_t room[300];
	struct event_writer w;
	struct event_head h = head;
	span e;
#define BEGIN() event_begin(&w, room, sizeof room, &h), event_id(&w, F_TASK, task)
	BEGIN();
	assert_fails(event_finish(&w, &e), E_INTERNAL);          /* required CALL missing */
	BEGIN();
	event_id(&w, F_CALL, call);
	event_text(&w, F_TOOL, SPAN("x"));                       /* tag goes back */
	assert_fails(event_finish(&w, &e), E_INTERNAL);
	BEGIN();
	event_id(&w, F_CALL, call);
	event_id(&w, F_CALL, call);                              /* twice */
	assert_fails(event_finish(&w, &e), E_INTERNAL);
	BEGIN();
	event_id(&w, F_CALL, call);
	event_text(&w, F_BYTES, SPAN("x"));                      /* kind */
	assert_fails(event_finish(&w, &e), E_INTERNAL);
	BEGIN();
	event_id(&w, F_CALL, call);
	event_text(&w, F_PURPOSE, SPAN("x"));                    /* not a field of this type */
	assert_fails(event_finish(&w, &e), E_INTERNAL);
	BEGIN();
	event_text(&w, F_TOOL, SPAN("\xff"));
	event_id(&w, F_CALL, call);
	assert_fails(event_finish(&w, &e), E_BAD_UTF8);
	h.type = 9999;
	BEGIN();
	assert_fails(event_finish(&w, &e), E_INTERNAL);
	h = head;
	h.node = SPAN("N");
	BEGIN();
	event_id(&w, F_CALL, call);
	assert_fails(event_finish(&w, &e), E_INTERNAL);
	for (size_t n = 0; n < 26 + 24; n++) {
		event_begin(&w, room, n, &head);
		event_id(&w, F_TASK, task);
		event_id(&w, F_CALL, call);
		assert_fails(event_finish(&w, &e), E_LIMIT);
	}
}

static void
largest_event(void **)
{
	static uint8_t room[EVENT_MAX + 100], big[EVENT_MAX];
	memset(big, 'a', sizeof big);
	struct event_writer w;
	struct event_head h = head;
	h.type = EV_USER_SET;
	span e;
	size_t fixed = 26 + 4 + 1 + 4 + 1 + 4;
	for (size_t over = 0; over < 2; over++) {
		event_begin(&w, room, sizeof room, &h);
		event_text(&w, F_USER, SPAN("u"));
		event_text(&w, F_ACTOR, SPAN("a"));
		event_json(&w, F_OBJECT, span_make(big, EVENT_MAX - fixed + over));
		if (over)
			assert_fails(event_finish(&w, &e), E_LIMIT);
		else
			assert_ok(event_finish(&w, &e));
	}
	struct event d;
	assert_ok(event_decode(span_make(room, EVENT_MAX), &d));
	assert_fails(event_decode(span_make(room, EVENT_MAX + 1), &d), E_BAD_MESSAGE);
	/* Well-formed, but for its size: two fields of half of it and one byte over. */
	size_t half = (EVENT_MAX - 26 - 8) / 2 + 1;
	for (size_t i = 0, at = 26; i < 2; i++, at += 4 + half) {
		room[at] = (uint8_t)(1 + i);
		room[at + 1] = EVENT_BYTES;
		room[at + 2] = (uint8_t)(half >> 8);
		room[at + 3] = (uint8_t)half;
	}
	assert_true(26 + 2 * (4 + half) > EVENT_MAX);
	assert_fails(event_decode(span_make(room, 26 + 2 * (4 + half)), &d), E_BAD_MESSAGE);
}

#define HEAD "\1" "\0\x31" "\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\2" "\0\0\0\0" "\1n"

static void
decoder_wants_the_one_form(void **)
{
#define V(lit) { (const uint8_t *)(lit), sizeof(lit) - 1 }
	static const struct { const char *name; span in; bool ok; } t[] = {
		{ "no fields",      V(HEAD), true },
		{ "unknown type",   V("\1" "\xff\xff" "\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\2" "\0\0\0\0" "\1n"), true },
		{ "unknown tag",    V(HEAD "\xff\7\0\0"), true },
		{ "version 0",      V("\0" "\0\x31" "\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\2" "\0\0\0\0" "\1n"), false },
		{ "version 2",      V("\2" "\0\x31" "\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\2" "\0\0\0\0" "\1n"), false },
		{ "no node",        V("\1" "\0\x31" "\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\2" "\0\0\0\0" "\0"), false },
		{ "node upper",     V("\1" "\0\x31" "\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\2" "\0\0\0\0" "\1N"), false },
		{ "node short",     V("\1" "\0\x31" "\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\2" "\0\0\0\0" "\2n"), false },
		{ "tag 0",          V(HEAD "\0\7\0\0"), false },
		{ "tags equal",     V(HEAD "\1\7\0\0\1\7\0\0"), false },
		{ "tags descend",   V(HEAD "\2\7\0\0\1\7\0\0"), false },
		{ "kind 0",         V(HEAD "\1\0\0\0"), false },
		{ "kind 11",        V(HEAD "\1\x0b\0\0"), false },
		{ "length over",    V(HEAD "\1\7\0\1"), false },
		{ "trailing",       V(HEAD "\1\7\0\0\2"), false },
		{ "bool 2",         V(HEAD "\1\1\0\1\2"), false },
		{ "bool empty",     V(HEAD "\1\1\0\0"), false },
		{ "uint of 7",      V(HEAD "\1\2\0\7\0\0\0\0\0\0\0"), false },
		{ "time of 9",      V(HEAD "\1\4\0\x9\0\0\0\0\0\0\0\0\0"), false },
		{ "id 0",           V(HEAD "\1\x9\0\x8\0\0\0\0\0\0\0\0"), false },
		{ "text not utf-8", V(HEAD "\1\5\0\1\x80"), false },
		{ "json not utf-8", V(HEAD "\1\6\0\1\xc0"), false },
		{ "digest of 31",   V(HEAD "\1\x8\0\x1f" "0123456789012345678901234567890"), false },
		{ "texts cut",      V(HEAD "\1\x0a\0\3\0\2x"), false },
		{ "texts odd end",  V(HEAD "\1\x0a\0\4\0\1x\0"), false },
		{ "texts not utf8", V(HEAD "\1\x0a\0\3\0\1\xfe"), false },
		{ "empty",          V(""), false },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct event e;
		uint16_t got = event_decode(t[i].in, &e).code;
		if (got != (t[i].ok ? E_OK : E_BAD_MESSAGE))
			fail_msg("%s: %s", t[i].name, error_name(got));
		if (t[i].ok)
			assert_fails(event_check(&e), E_BAD_MESSAGE);   /* all of these lack a field or are unknown */
	}
}

/* No prefix of an event and no one-bit change of its chain goes unnoticed. */
static void
chain_notices_every_bit(void **)
{
	uint8_t room[300];
	struct event_writer w;
	struct event_head h = head;
	h.seq = 1;
	span e;
	event_begin(&w, room, sizeof room, &h);
	event_id(&w, F_TASK, task);
	event_text(&w, F_TOOL, SPAN("files/read"));
	event_id(&w, F_CALL, call);
	assert_ok(event_finish(&w, &e));
	struct chain want = { 0 }, c;
	assert_ok(chain_verify(&want, e, NULL));
	for (size_t bit = 0; bit < 8 * e.n; bit++) {
		room[bit / 8] ^= (uint8_t)(1 << bit % 8);
		c = (struct chain){ 0 };
		status s = chain_verify(&c, e, NULL);
		if (!failed(s))
			assert_false(digest_eq(&c.head, &want.head));
		room[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	c = (struct chain){ .seq = 1 };
	assert_fails(chain_verify(&c, e, NULL), E_CHAIN_BROKEN);
	assert_int_equal(c.seq, 1);
	for (size_t n = 0; n < e.n; n++) {
		c = (struct chain){ 0 };
		status s = chain_verify(&c, span_make(e.p, n), NULL);
		if (!failed(s))
			assert_false(digest_eq(&c.head, &want.head));
	}
}

static void
names_are_unique(void **)
{
	static const uint16_t types[] = {
#define EVENT(number, name, text, fields) number,
#include "log/events.def"
#undef EVENT
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		assert_true(i == 0 || types[i] > types[i - 1]);
		assert_int_equal(event_type_from_name(span_str(event_type_name(types[i]))), types[i]);
	}
	for (uint8_t a = 1; a < 128; a++)
		for (uint8_t b = 1; b < a && event_field_name(a); b++)
			assert_true(!event_field_name(b) || strcmp(event_field_name(a), event_field_name(b)) != 0);
	assert_null(event_type_name(0));
	assert_null(event_field_name(255));
	assert_int_equal(event_type_from_name(SPAN("task.nope")), 0);
}

TEST_MAIN(T(form_is_frozen), T(reads_back_what_was_written), T(writer_refuses_what_the_tables_do_not_say),
          T(largest_event), T(decoder_wants_the_one_form), T(chain_notices_every_bit), T(names_are_unique))
