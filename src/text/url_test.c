#include "tests/test.h"
#include "tests/shared.h"

#include "base/env.h"
#include "text/json.h"
#include "text/url.h"

static struct arena arena;

static int
setup(void **)
{
	arena_init(&arena, 16 << 20);
	return 0;
}

static int
teardown(void **)
{
	arena_fini(&arena);
	return 0;
}

static void
parses(void **)
{
	static const struct { const char *in, *origin, *host, *path, *query; uint16_t port; } t[] = {
		{ "http://Example.COM", "http://example.com", "example.com", "/", NULL, 80 },
		{ "HTTPS://example.com:443/a/b?x=1&y=%20", "https://example.com", "example.com", "/a/b", "x=1&y=%20", 443 },
		{ "https://example.com:8443?", "https://example.com:8443", "example.com", "/", "", 8443 },
		{ "http://127.0.0.1:8080/", "http://127.0.0.1:8080", "127.0.0.1", "/", NULL, 8080 },
		{ "http://[::1]:90/x", "http://[::1]:90", "::1", "/x", NULL, 90 },
		{ "http://[2001:DB8:0:0:1:0:0:1]/", "http://[2001:db8::1:0:0:1]", "2001:db8::1:0:0:1", "/", NULL, 80 },
		{ "http://a_b.x-y.z/;p=1,2/*!$'()+:@-._~%41", "http://a_b.x-y.z", "a_b.x-y.z", "/;p=1,2/*!$'()+:@-._~%41", NULL, 80 },
		{ "http://a/b//c/...?../a?b/", "http://a", "a", "/b//c/...", "../a?b/", 80 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct url u;
		const char *why = "";
		if (failed(url_parse(span_str(t[i].in), &arena, &u, &why)))
			fail_msg("%s: %s", t[i].in, why);
		assert_span(u.origin, t[i].origin);
		assert_span(u.host, t[i].host);
		assert_span(u.path, t[i].path);
		assert_int_equal(u.port, t[i].port);
		assert_true(t[i].query ? span_is(u.query, t[i].query) && u.query.p : !u.query.p);
	}
}

static void
refuses(void **)
{
	static const struct { const char *in, *why; } t[] = {
		{ "", "must begin" }, { "http:", "must begin" }, { "http:/x", "must begin" }, { "ftp://x/", "must begin" }, { "//x/", "must begin" }, { " http://x/", "must begin" },
		{ "javascript:alert(1)", "must begin" }, { "http://", "host is missing" }, { "http:///x", "host is missing" }, { "http://?x", "host is missing" }, { "http://:80/", "host is missing" },
		{ "http://user@x/", "user information" }, { "http://user:pw@x/", "user information" }, { "http://@x/", "user information" }, { "http://x@y@z/", "user information" },
		{ "http://x\\y/", "blank" }, { "http:\\\\x/", "must begin" }, { "http://x/\\..", "blank" }, { "http://x/ ", "blank" }, { "http://x\t/", "blank" }, { "http://x/\r\nHost: y", "blank" },
		{ "http://x/#f", "blank" }, { "http://\xc3\xa9/", "blank" }, { "http://x/\xc3\xa9", "blank" }, { "http://x/\x7f", "blank" },
		{ "http://x%2ey/", "empty label or a char" }, { "http://%31/", "empty label or a char" }, { "http://a..b/", "empty label" }, { "http://.a/", "empty label" }, { "http://a./", "empty label" },
		{ "http://a,b/", "empty label or a char" }, { "http://a!b/", "empty label or a char" },
		{ "http://0x7f.1/", "looks like" }, { "http://0x7f000001/", "looks like" }, { "http://2130706433/", "looks like" }, { "http://127.1/", "looks like" }, { "http://0177.0.0.1/", "looks like" },
		{ "http://127.0.0.01/", "looks like" }, { "http://256.0.0.1/", "looks like" }, { "http://1.2.3.4.5/", "looks like" }, { "http://foo.0x1/", "looks like" }, { "http://foo.09/", "looks like" }, { "http://0x/", "looks like" },
		{ "http://127.0.0.1./", "empty label" },
		{ "http://[::1", "not an IPv6" }, { "http://[]/", "not an IPv6" }, { "http://[::1%25eth0]/", "not an IPv6" }, { "http://[1:2:3:4:5:6:7]/", "not an IPv6" }, { "http://[::1::]/", "not an IPv6" },
		{ "http://[1:2:3:4:5:6:7:8:9]/", "not an IPv6" }, { "http://[12345::]/", "not an IPv6" }, { "http://[::1.2.3]/", "not an IPv6" }, { "http://[::01.2.3.4]/", "not an IPv6" }, { "http://[v1.x]/", "not an IPv6" },
		{ "http://::1/", "host is missing" }, { "http://x:0/", "port" }, { "http://x:65536/", "port" }, { "http://x:/", "port" }, { "http://x:+80/", "port" }, { "http://x:080/", "port" }, { "http://x:8a/", "port" }, { "http://[::1]80/", "port" },
		{ "http://x/a/../b", "segment" }, { "http://x/..", "segment" }, { "http://x/./", "segment" }, { "http://x/%2e%2E/b", "segment" }, { "http://x/.%2e", "segment" },
		{ "http://x/%zz", "path has" }, { "http://x/%4", "path has" }, { "http://x/a\"b", "path has" }, { "http://x/<>", "path has" }, { "http://x/a|b", "path has" }, { "http://x/?a^b", "query has" }, { "http://x/?%", "query has" }, { "http://x/[", "path has" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct url u;
		const char *why = "";
		if (!failed(url_parse(span_str(t[i].in), &arena, &u, &why)) || !strstr(why, t[i].why))
			fail_msg("%s: %s", t[i].in, why);
	}
	struct url u;
	char name[300] = "http://";
	memset(name + 7, 'a', 64);
	assert_fails(url_parse(span_make(name, 71), &arena, &u, NULL), E_BAD_REQUEST);
	assert_ok(url_parse(span_make(name, 70), &arena, &u, NULL));
	for (size_t i = 7; i < sizeof name; i++)
		name[i] = i % 2 ? 'a' : '.';
	assert_ok(url_parse(span_make(name, 7 + 253), &arena, &u, NULL));
	assert_fails(url_parse(span_make(name, 7 + 255), &arena, &u, NULL), E_BAD_REQUEST);
	assert_fails(url_parse(SPAN("http://x/\0y"), &arena, &u, NULL), E_BAD_REQUEST);
	static char big[5000] = "http://x/";
	memset(big + 9, 'a', sizeof big - 9);
	assert_ok(url_parse(span_make(big, 4096), &arena, &u, NULL));
	assert_fails(url_parse(span_make(big, 4097), &arena, &u, NULL), E_BAD_REQUEST);
}

static void
addresses(void **)
{
	static const struct { const char *in, *text; bool loop, priv; } t[] = {
		{ "127.0.0.1", NULL, true, true }, { "127.255.0.9", NULL, true, true }, { "10.0.0.1", NULL, false, true }, { "172.15.0.1", NULL, false, false },
		{ "172.16.0.1", NULL, false, true }, { "172.31.255.255", NULL, false, true }, { "172.32.0.1", NULL, false, false }, { "192.168.1.1", NULL, false, true },
		{ "169.254.169.254", NULL, false, true }, { "100.64.0.1", NULL, false, true }, { "100.128.0.1", NULL, false, false }, { "0.0.0.0", NULL, false, true },
		{ "255.255.255.255", NULL, false, true }, { "224.0.0.1", NULL, false, true }, { "198.18.0.1", NULL, false, true }, { "198.19.0.1", NULL, false, true }, { "198.20.0.1", NULL, false, false },
		{ "8.8.8.8", NULL, false, false }, { "203.0.113.5", NULL, false, true },
		{ "::1", "::1", true, true }, { "::", "::", false, true }, { "0:0:0:0:0:0:0:1", "::1", true, true }, { "::ffff:127.0.0.1", "::ffff:7f00:1", true, true },
		{ "::ffff:8.8.8.8", "::ffff:808:808", false, false }, { "::127.0.0.1", "::7f00:1", false, true }, { "64:ff9b::10.0.0.1", "64:ff9b::a00:1", false, true },
		{ "64:ff9b::8.8.8.8", "64:ff9b::808:808", false, false }, { "64:ff9b:1::1", "64:ff9b:1::1", false, true }, { "2002:7f00:1::", "2002:7f00:1::", true, true },
		{ "2002:808:808::1", "2002:808:808::1", false, false }, { "fe80::1", "fe80::1", false, true }, { "fc00::1", "fc00::1", false, true }, { "fd12:3456::1", "fd12:3456::1", false, true },
		{ "ff02::1", "ff02::1", false, true }, { "2001:db8::", "2001:db8::", false, true }, { "2001::1", "2001::1", false, true }, { "2001:200::1", "2001:200::1", false, false },
		{ "2606:4700:4700::1111", "2606:4700:4700::1111", false, false }, { "3fff::1", "3fff::1", false, true }, { "100::1", "100::1", false, true },
		{ "1:0:0:2:0:0:0:3", "1:0:0:2::3", false, true }, { "1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7", false, true }, { "1::", "1::", false, true }, { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", false, true },
		{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", false, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t a[16];
		char text[46];
		size_t n = t[i].text ? 16 : 4;
		if (!(t[i].text ? url_parse_ipv6(span_str(t[i].in), a) : url_parse_ipv4(span_str(t[i].in), a)))
			fail_msg("%s refused", t[i].in);
		if (url_addr_is_loopback(a, n) != t[i].loop || url_addr_is_private(a, n) != t[i].priv)
			fail_msg("%s: loopback %d, private %d", t[i].in, url_addr_is_loopback(a, n), url_addr_is_private(a, n));
		if (t[i].text) {
			url_ipv6_text(a, text);
			assert_string_equal(text, t[i].text);
		}
	}
	static const char *const bad6[] = { "", ":", ":::", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4", "::1.2.3.4.5", "::1.2.3.4:5", "g::", "1:2:3:4:5:6:7", "::1 " };
	for (size_t i = 0; i < ARRAY_LEN(bad6); i++) {
		uint8_t a[16];
		if (url_parse_ipv6(span_str(bad6[i]), a))
			fail_msg("%s accepted", bad6[i]);
	}
	static const struct { const char *in; bool loop, priv; } u[] = {
		{ "http://localhost/", true, true }, { "http://LOCALHOST:80/", true, true }, { "http://a.localhost/", true, true }, { "http://notlocalhost/", false, false },
		{ "http://localhost.example.com/", false, false }, { "http://[::1]/", true, true }, { "http://10.1.2.3/", false, true }, { "http://1.1.1.1/", false, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(u); i++) {
		struct url x;
		assert_ok(url_parse(span_str(u[i].in), &arena, &x, NULL));
		if (url_is_loopback(&x) != u[i].loop || url_is_private(&x) != u[i].priv)
			fail_msg("%s", u[i].in);
	}
}

/* May refuse more than browsers, must never see another host, port or path, nor accept what they refuse. */
static void
web_platform_tests(void **)
{
	struct buf b, mine;
	buf_init(&b, 4 << 20);
	buf_init(&mine, 8192);
	const char *path = shared_path("testdata/wpt-url/urltestdata.json");
	if (failed(env_read_file(env_posix(), path, &b))) {
		print_message("# web-platform-tests skipped: no %s\n", path);
		skip();
	}
	const struct json *all;
	struct json_opts o = { .max_bytes = 4 << 20, .allow_nul = true };
	assert_ok(json_parse(buf_span(&b), &o, &arena, &all, NULL));
	int accepted = 0, refused = 0;
	json_for_items(c, all) {
		const struct json *in = json_gets(c, "input"), *href = json_gets(c, "href");
		struct url u;
		if (!in)
			continue;
		if (failed(url_parse(in->str, &arena, &u, NULL))) {
			refused++;
			continue;
		}
		accepted++;
		if (!json_is_str(href))
			fail_msg("%.*s accepted", SPAN_ARG(in->str));
		span host = { 0 };
		assert_ok(json_get_str(c, "hostname", &host, NULL));
		if (u.host_kind == URL_IPV6)
			host = span_sub(host, 1, host.n - 2);
		buf_reset(&mine);
		buf_put(&mine, u.origin);
		buf_put(&mine, u.path);
		if (u.query.p)
			buf_put_u8(&mine, '?');
		buf_put(&mine, u.query);
		if (!span_eq(host, u.host) || !span_eq(href->str, buf_span(&mine)))
			fail_msg("%.*s read as %.*s", SPAN_ARG(in->str), SPAN_ARG(buf_span(&mine)));
	}
	buf_fini(&mine);
	print_message("# web-platform-tests: %d read alike, %d refused\n", accepted, refused);
	assert_true(accepted > 10);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(parses), T(refuses), T(addresses), T(web_platform_tests) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
