#include "text/url.h"

#include <stdio.h>

#define MAX_URL 4096
#define MAX_HOST 253

static status
bad(const char **reterr, const char *why)
{
	if (reterr)
		*reterr = why;
	return FAIL(E_BAD_REQUEST);
}

static status
no_room(const struct arena *a)
{
	return FAIL(a->max - a->used < MAX_URL ? E_LIMIT : E_NO_MEMORY);
}

/* RFC 3986 pchar, '/', '?' and sub-delimiters; '%' is checked apart. */
static bool
path_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~!$&'()*+,;=:@/%", c));
}

static bool
is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
chars_ok(span s, bool query)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!path_char(s.p[i]) && !(query && s.p[i] == '?'))
			return false;
		if (s.p[i] == '%' && (s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2])))
			return false;
	}
	return true;
}

/* A segment of one or two dots, each plain or "%2e"; a parser that resolves it ends up on another path. */
static bool
dot_segment(span s)
{
	int dots = 0;
	while (s.n) {
		bool coded = s.n >= 3 && s.p[0] == '%' && s.p[1] == '2' && (s.p[2] | 32) == 'e';
		if (!coded && s.p[0] != '.')
			return false;
		s = span_sub(s, coded ? 3 : 1, s.n);
		dots++;
	}
	return dots == 1 || dots == 2;
}

static bool
has_dot_segment(span path)
{
	while (path.n) {
		path = span_sub(path, 1, path.n);
		size_t n = span_find(path, '/');
		if (dot_segment(span_sub(path, 0, n)))
			return true;
		path = span_sub(path, n, path.n);
	}
	return false;
}

static bool
host_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1..63 host characters. */
static bool
name_ok(span s)
{
	size_t label = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (!host_char(s.p[i]) || ++label > 63) {
			return false;
		}
	}
	return label > 0;
}

/* WHATWG "ends in a number": others read such a host as an IPv4 address, so it must be a plain one. */
static bool
ends_in_number(span s)
{
	size_t from = s.n;
	while (from > 0 && s.p[from - 1] != '.')
		from--;
	span last = span_sub(s, from, s.n);
	if (last.n >= 2 && last.p[0] == '0' && (last.p[1] | 32) == 'x') {
		for (size_t i = 2; i < last.n; i++)
			if (!is_hex(last.p[i]))
				return false;
		return true;
	}
	for (size_t i = 0; i < last.n; i++)
		if (last.p[i] < '0' || last.p[i] > '9')
			return false;
	return true;
}

static status
parse_name(span host, struct arena *a, struct url *u, const char **reterr)
{
	uint8_t *low;
	if (host.n == 0)
		return bad(reterr, "host is missing");
	if (host.n > MAX_HOST)
		return bad(reterr, "host is too long");
	if (!name_ok(host))
		return bad(reterr, "host has an empty label or a character that is not a letter, digit, '-', '_' or '.'");
	if (ends_in_number(host)) {
		if (!url_parse_ipv4(host, u->addr))
			return bad(reterr, "host looks like an IPv4 address but is not four decimal numbers");
		u->host_kind = URL_IPV4;
	} else {
		u->host_kind = URL_NAME;
	}
	low = arena_alloc(a, host.n);
	if (!low)
		return no_room(a);
	for (size_t i = 0; i < host.n; i++)
		low[i] = (uint8_t)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] | 32 : host.p[i]);
	u->host = span_make(low, host.n);
	return OK;
}

static status
parse_port(span s, struct url *u, const char **reterr)
{
	uint64_t v;
	if (s.n == 0) {
		u->port = u->https ? 443 : 80;
		return OK;
	}
	if (s.p[0] != ':' || !span_to_u64(span_sub(s, 1, s.n), &v) || v == 0 || v > 65535)
		return bad(reterr, "port must be a number from 1 to 65535");
	u->port = (uint16_t)v;
	u->port_given = true;
	return OK;
}

static status
parse_authority(span s, struct arena *a, struct url *u, const char **reterr)
{
	if (span_find(s, '@') != s.n)
		return bad(reterr, "user information is not allowed");
	if (s.n && s.p[0] == '[') {
		size_t n = span_find(s, ']');
		char text[46];
		if (n == s.n || !url_parse_ipv6(span_sub(s, 1, n - 1), u->addr))
			return bad(reterr, "host is not an IPv6 address");
		u->host_kind = URL_IPV6;
		size_t len = url_ipv6_text(u->addr, text);
		u->host = arena_copy(a, span_make(text, len));
		if (!u->host.p)
			return no_room(a);
		return parse_port(span_sub(s, n + 1, s.n), u, reterr);
	}
	size_t n = span_find(s, ':');
	TRY(parse_name(span_sub(s, 0, n), a, u, reterr));
	return parse_port(span_sub(s, n, s.n), u, reterr);
}

static status
make_origin(struct arena *a, struct url *u)
{
	size_t room = u->host.n + 24;
	char *t = arena_alloc(a, room);
	if (!t)
		return no_room(a);
	bool six = u->host_kind == URL_IPV6;
	int n = snprintf(t, room, "http%s://%s%.*s%s", u->https ? "s" : "", six ? "[" : "", SPAN_ARG(u->host), six ? "]" : "");
	if (u->port != (u->https ? 443 : 80))
		n += snprintf(t + n, room - (size_t)n, ":%u", u->port);
	u->origin = span_make(t, (size_t)n);
	return OK;
}

/* Path and query, from the first '/' or '?'. */
static status
parse_rest(span rest, struct arena *a, struct url *u, const char **reterr)
{
	size_t q = span_find(rest, '?');
	span path = span_sub(rest, 0, q);
	if (!chars_ok(path, false))
		return bad(reterr, "path has a character that must be percent-encoded");
	if (has_dot_segment(path))
		return bad(reterr, "path has a \".\" or \"..\" segment");
	u->path = path.n ? arena_copy(a, path) : SPAN("/");
	if (!u->path.p)
		return no_room(a);
	if (q == rest.n)
		return OK;
	span query = span_sub(rest, q + 1, rest.n);
	if (!chars_ok(query, true))
		return bad(reterr, "query has a character that must be percent-encoded");
	u->query = query.n ? arena_copy(a, query) : SPAN("");
	return u->query.p ? OK : no_room(a);
}

status
url_parse(span text, struct arena *a, struct url *ret, const char **reterr)
{
	struct url u = { 0 };
	if (text.n > MAX_URL)
		return bad(reterr, "too long");
	if (text.n >= 8 && span_eq_nocase(span_sub(text, 0, 8), SPAN("https://")))
		u.https = true;
	else if (text.n < 7 || !span_eq_nocase(span_sub(text, 0, 7), SPAN("http://")))
		return bad(reterr, "must begin with http:// or https://");
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '\\' || text.p[i] == '#')
			return bad(reterr, "has a blank, a control character, '\\', '#' or a character that is not ASCII");
	span rest = span_sub(text, u.https ? 8 : 7, text.n);
	size_t n = 0;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	TRY(parse_authority(span_sub(rest, 0, n), a, &u, reterr));
	TRY(parse_rest(span_sub(rest, n, rest.n), a, &u, reterr));
	TRY(make_origin(a, &u));
	*ret = u;
	return OK;
}
