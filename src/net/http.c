#include "net/http.h"
#include "net/http_priv.h"

bool
http_name_ok(span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!http_token_char[name.p[i]])
			return false;
	return name.n > 0;
}

bool
http_value_ok(span v)
{
	if (v.n && (v.p[0] == ' ' || v.p[0] == '\t' || v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		return false;
	for (size_t i = 0; i < v.n; i++)
		if ((v.p[i] < 0x20 && v.p[i] != '\t') || v.p[i] == 0x7f)
			return false;
	return true;
}

static span
trim(span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.n--;
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

span
http_field(struct http_fields f, const char *name, size_t *ret_count)
{
	span want = span_str(name), got = { 0 };
	size_t count = 0;
	for (size_t i = 0; i < f.n; i++) {
		if (!span_eq_nocase(f.p[i].name, want))
			continue;
		got = f.p[i].value;
		count++;
	}
	if (ret_count)
		*ret_count = count;
	return count == 1 ? got : (span){ 0 };
}

bool
http_field_has(struct http_fields f, const char *name, const char *token)
{
	span want_name = span_str(name), want = span_str(token);
	for (size_t i = 0; i < f.n; i++) {
		if (!span_eq_nocase(f.p[i].name, want_name))
			continue;
		for (span v = f.p[i].value; v.n; ) {
			size_t comma = span_find(v, ',');
			span item = span_sub(v, 0, comma);
			if (span_eq_nocase(trim(span_sub(item, 0, span_find(item, ';'))), want))
				return true;
			v = span_sub(v, comma + 1, v.n);
		}
	}
	return false;
}

bool
http_type_is(span content_type, const char *type)
{
	return span_eq_nocase(trim(span_sub(content_type, 0, span_find(content_type, ';'))), span_str(type));
}

bool
http_path_is_plain(span path)
{
	if (path.n == 0 || path.p[0] != '/')
		return false;
	for (size_t i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];
		if (c == ';' || c == '\\')
			return false;
		if (c == '%') {
			if (path.n - i < 3)
				return false;
			int v = http_hex(path.p[i + 1]) * 16 + http_hex(path.p[i + 2]);
			if (v < 0x20 || v == '/' || v == '\\' || v == '.' || v == '%' || v == 0x7f)
				return false;
		}
		if (c != '/')
			continue;
		span rest = span_sub(path, i + 1, path.n);
		span segment = span_sub(rest, 0, span_find(rest, '/'));
		if (span_is(segment, ".") || span_is(segment, "..") || (segment.n == 0 && rest.n))
			return false;
	}
	return true;
}

static const struct {
	span name;
	enum http_method method;
} methods[] = {
	{ SPAN("GET"), HTTP_GET },         { SPAN("POST"), HTTP_POST }, { SPAN("DELETE"), HTTP_DELETE }, { SPAN("HEAD"), HTTP_HEAD },
	{ SPAN("OPTIONS"), HTTP_OPTIONS }, { SPAN("PUT"), HTTP_PUT },   { SPAN("PATCH"), HTTP_PATCH },
};

enum http_method
http_method_of(span name)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (span_eq(name, methods[i].name))
			return methods[i].method;
	return HTTP_OTHER;
}

const char *
http_reason(unsigned code)
{
	switch (code) {
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 302: return "Found";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 410: return "Gone";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 422: return "Unprocessable Content";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	default: return "";
	}
}
