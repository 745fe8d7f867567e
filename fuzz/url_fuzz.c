/* What parses, put together again, parses to the same; nothing that splits a request line survives. */
#include "base/buf.h"
#include "text/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
clean(span s)
{
	for (size_t i = 0; i < s.n; i++)
		must(s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '\\' && s.p[i] != '#' && s.p[i] != '"');
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	struct url u, v;
	const char *why = NULL;
	arena_init(&a, 1 << 16);
	if (!failed(url_parse(span_make(p, n), &a, &u, &why))) {
		struct buf b;
		buf_init(&b, 1 << 14);
		clean(u.host);
		clean(u.path);
		clean(u.query);
		must(u.path.n && u.path.p[0] == '/' && u.port && span_find(u.host, '@') == u.host.n);
		buf_put(&b, u.origin);
		buf_put(&b, u.path);
		if (u.query.p) {
			buf_put_u8(&b, '?');
			buf_put(&b, u.query);
		}
		/* A default path may push a URL of the greatest length over it. */
		if (b.n <= 4096) {
			must(!failed(url_parse(buf_span(&b), &a, &v, NULL)));
			must(span_eq(u.origin, v.origin) && span_eq(u.path, v.path) && span_eq(u.query, v.query) && u.port == v.port);
			must(u.host_kind == v.host_kind && memcmp(u.addr, v.addr, 16) == 0);
			must(url_is_loopback(&u) == url_is_loopback(&v) && url_is_private(&u) == url_is_private(&v));
			must(!url_is_loopback(&u) || url_is_private(&u));
		}
		buf_fini(&b);
	} else {
		must(why);
	}
	arena_fini(&a);
	return 0;
}
