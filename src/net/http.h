/* http: what a request, a response and a header field are, whatever version carried them. */
#ifndef AMBIT_NET_HTTP_H
#define AMBIT_NET_HTTP_H

#include "base/span.h"

enum {
	HTTP_MAX_FIELDS = 64,
	HTTP_MAX_HEAD = 16384,  /* start line and fields, with the line ends */
};

enum http_method {
	HTTP_OTHER, HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS, HTTP_PATCH,
};

/* `name` keeps the sender's case; compare with span_eq_nocase or use http_field(). `value` has no blanks around it. */
struct http_field {
	span name, value;
};

struct http_fields {
	const struct http_field *p;
	size_t n;
};

/* A parsed request. All spans point into the connection's buffer. */
struct http_request {
	enum http_method method;
	span method_name;
	span target;            /* as sent, origin-form or "*" */
	span path, query;       /* target cut at the first '?'; neither is decoded; query without the '?' */
	span host;              /* from Host (HTTP/2: :authority); empty only for HTTP/1.0 */
	span content_type;      /* the whole value, parameters included; empty when absent */
	span authorization;     /* empty when absent; two of them were refused */
	struct http_fields fields;
	span body;              /* the whole body, content coding untouched */
};

/* The value of the only field named `name` (lower case), or the empty span. *ret_count (may be NULL) is how many there
 * were: check it for fields that must be single. */
span http_field(struct http_fields f, const char *name, size_t *ret_count);
/* True when comma-separated list fields named `name` hold `token` (both compared without case; parameters after ';' are
 * ignored): "text/event-stream" in Accept. */
bool http_field_has(struct http_fields f, const char *name, const char *token);
/* True when the value's media type, parameters aside, is `type` (lower case). */
bool http_type_is(span content_type, const char *type);
/* True when the path can mean only one thing: no "//", "/./", "/../", ';', '\', no encoded '/', '\', '.', '%' or control. */
bool http_path_is_plain(span path);
enum http_method http_method_of(span name);
/* "Not Found"; "" for codes we never send. */
const char *http_reason(unsigned code);
/* Field name: RFC 9110 token. Field value: visible ASCII, blanks inside, 0x80-0xff; what we are ready to send. */
bool http_name_ok(span name);
bool http_value_ok(span value);

#endif
