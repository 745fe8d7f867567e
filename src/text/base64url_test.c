#include "tests/test.h"

#include "text/base64url.h"

static void
decodes(void **)
{
	static const struct { const char *in, *out; bool url; } t[] = {
		/* RFC 4648 §10 */
		{ "", "", true }, { "Zg", "f", true }, { "Zm8", "fo", true }, { "Zm9v", "foo", true }, { "Zm9vYg", "foob", true },
		{ "Zm9vYmE", "fooba", true }, { "Zm9vYmFy", "foobar", true }, { "-_-_", "\xfb\xff\xbf", true },
		{ "", "", false }, { "Zg==", "f", false }, { "Zm8=", "fo", false }, { "Zm9v", "foo", false }, { "+/+/", "\xfb\xff\xbf", false },
		/* refused */
		{ "Zg==", NULL, true }, { "Zm8=", NULL, true }, { "Z", NULL, true }, { "A", NULL, true }, { "Zm9vA", NULL, true }, { "Zm9vY", NULL, true }, { "Zh", NULL, true },
		{ "Zm9", NULL, true }, { "Zm 8", NULL, true }, { "Zm8\n", NULL, true }, { "+/+/", NULL, true }, { "Zm9v\xc3", NULL, true }, { "Zm.v", NULL, true },
		{ "Zg", NULL, false }, { "Zg=", NULL, false }, { "Zg===", NULL, false }, { "Z===", NULL, false }, { "====", NULL, false }, { "Zm9vZg==Zg==", NULL, false },
		{ "Zh==", NULL, false }, { "Zm9=", NULL, false }, { "-_-_", NULL, false }, { "Zm8=\n", NULL, false }, { "=Zm8", NULL, false }, { "Zm=v", NULL, false },
	};
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		buf_reset(&b);
		buf_put_str(&b, "<");
		status s = (t[i].url ? base64url_decode : base64_decode)(span_str(t[i].in), &b);
		if (failed(s) != !t[i].out)
			fail_msg("%s: %s", t[i].in, error_name(s.code));
		assert_int_equal(b.p[0], '<');
		if (!t[i].out) {
			assert_int_equal(b.n, 1);
			continue;
		}
		assert_span(span_sub(buf_span(&b), 1, 100), t[i].out);
		buf_reset(&b);
		(t[i].url ? base64url_encode : base64_encode)(span_str(t[i].out), &b);
		assert_span(buf_span(&b), t[i].in);
	}
}

/* Of the 64 texts that a last digit can make, exactly those with zero bits left over pass. */
static void
one_text_per_value(void **)
{
	CLEANUP(buf_fini) struct buf b;
	int two = 0, three = 0;
	buf_init(&b, 100);
	for (int c = 0; c < 256; c++) {
		char t[4] = { 'A', (char)c, 'A', (char)c };
		two += !failed(base64url_decode(span_make(t, 2), &b));
		three += !failed(base64url_decode(span_make(t + 1, 3), &b)) && c == t[3];
		buf_reset(&b);
	}
	assert_int_equal(two, 4);
	assert_int_equal(three, 16);
}

static void
exact_size_and_limit(void **)
{
	uint8_t out[3];
	for (size_t n = 0; n < 40; n++) {
		CLEANUP(buf_fini) struct buf b;
		uint8_t zeros[40] = { 0 };
		buf_init(&b, 100);
		base64url_encode(span_make(zeros, n), &b);
		assert_int_equal(b.n, BASE64URL_LEN(n));
	}
	assert_ok(base64url_decode_exact(SPAN("Zm9v"), out, 3));
	assert_memory_equal(out, "foo", 3);
	assert_fails(base64url_decode_exact(SPAN("Zm8"), out, 3), E_BAD_REQUEST);
	assert_fails(base64url_decode_exact(SPAN("Zm9vYg"), out, 3), E_BAD_REQUEST);
	assert_fails(base64url_decode_exact(SPAN("Zm9="), out, 3), E_BAD_REQUEST);
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 2);
	assert_fails(base64url_decode(SPAN("Zm9v"), &b), E_LIMIT);
}

TEST_MAIN(T(decodes), T(one_text_per_value), T(exact_size_and_limit))
