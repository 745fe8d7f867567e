#include "api/http_api.h"

#include "msg/enums.h"

static struct door_match
only(enum door d, const struct http_request *r, enum http_method method, const char *allow)
{
	if (r->method != method)
		return (struct door_match){ .door = d, .error = E_METHOD_NOT_ALLOWED, .allow = allow };
	if (method == HTTP_POST && !http_type_is(r->content_type, "application/json"))
		return (struct door_match){ .door = d, .error = E_UNSUPPORTED_MEDIA };
	return (struct door_match){ .door = d };
}

static struct door_match
op_door(const struct http_request *r, enum op_class class)
{
	enum op op = op_from_path(span_sub(r->path, 4, r->path.n));
	if (op == OP_NONE || !(op_info((uint16_t)op)->classes & class) || op_info((uint16_t)op)->classes & OP_CLASS_HIDDEN)
		return (struct door_match){ 0 };
	struct door_match m = only(DOOR_OP, r, HTTP_POST, "POST");
	m.op = op;
	return m;
}

/* The application in "/apps/NAME/rest"; *path becomes "/rest". */
static span
application(span *path)
{
	static const char prefix[] = "/apps/";
	if (!span_starts(*path, SPAN("/apps/")))
		return (span){ 0 };
	span rest = span_sub(*path, sizeof prefix - 1, path->n);
	size_t slash = span_find(rest, '/');
	span name = span_sub(rest, 0, slash);
	if (!name.n || name.n > 63)
		return (span){ 0 };
	*path = span_sub(rest, slash, rest.n);
	return name;
}

static struct door_match
authzen_door(const struct http_request *r)
{
	static const struct { const char *path; enum door door; uint8_t search; } doors[] = {
		{ "/access/v1/evaluation", DOOR_EVALUATION, 0 },
		{ "/access/v1/evaluations", DOOR_EVALUATIONS, 0 },
		{ "/access/v1/search/subject", DOOR_SEARCH, SEARCH_SUBJECT },
		{ "/access/v1/search/resource", DOOR_SEARCH, SEARCH_RESOURCE },
		{ "/access/v1/search/action", DOOR_SEARCH, SEARCH_ACTION },
	};
	const span well_known = SPAN("/.well-known/authzen-configuration");
	struct door_match m = { 0 };
	span path = r->path;
	/* §9.2: the well-known part stands between the host and the path of the decision point. */
	if (span_starts(path, well_known)) {
		path = span_sub(path, well_known.n, path.n);
		span app = application(&path);
		if (path.n)
			return m;
		m = only(DOOR_AUTHZEN_METADATA, r, HTTP_GET, "GET");
		m.app = app;
		return m;
	}
	span app = application(&path);
	for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
		if (!span_is(path, doors[i].path))
			continue;
		m = only(doors[i].door, r, HTTP_POST, "POST");
		/* §10.1: a wrong content type is a 400. */
		if (m.error == E_UNSUPPORTED_MEDIA)
			m.error = E_BAD_REQUEST;
		m.search = doors[i].search;
		m.app = app;
		return m;
	}
	return m;
}

/* RFC 8414 §3.1 and RFC 9728 §3.1 put what is described between host and path; this server is one issuer and one gateway. */
static struct door_match
well_known_door(const struct http_request *r)
{
	if (span_is(r->path, "/.well-known/oauth-authorization-server") || span_is(r->path, "/.well-known/oauth-authorization-server/mcp"))
		return only(DOOR_OAUTH_METADATA, r, HTTP_GET, "GET");
	if (span_is(r->path, "/.well-known/oauth-protected-resource") || span_is(r->path, "/.well-known/oauth-protected-resource/mcp"))
		return only(DOOR_RESOURCE_METADATA, r, HTTP_GET, "GET");
	if (span_is(r->path, "/.well-known/jwks.json"))
		return only(DOOR_JWKS, r, HTTP_GET, "GET");
	return (struct door_match){ 0 };
}

static struct door_match
oauth_door(const struct http_request *r)
{
	static const struct { const char *path; enum op op; } ops[] = {
		{ "/oauth/token", OP_OAUTH_TOKEN }, { "/oauth/introspect", OP_OAUTH_INTROSPECT }, { "/oauth/revoke", OP_OAUTH_REVOKE },
		{ "/oauth/device", OP_OAUTH_DEVICE },
	};
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (!span_is(r->path, ops[i].path))
			continue;
		struct door_match m = { .door = DOOR_OAUTH, .op = ops[i].op };
		if (r->method != HTTP_POST) {
			m.error = E_METHOD_NOT_ALLOWED;
			m.allow = "POST";
		} else if (!http_type_is(r->content_type, "application/x-www-form-urlencoded")) {
			m.error = E_UNSUPPORTED_MEDIA;
		}
		return m;
	}
	return (struct door_match){ 0 };
}

struct door_match
door_of(const struct http_request *r, enum op_class class)
{
	if (!http_path_is_plain(r->path))
		return (struct door_match){ 0 };
	if (span_is(r->path, "/healthz"))
		return only(DOOR_HEALTH, r, HTTP_GET, "GET");
	if (span_is(r->path, "/readyz"))
		return only(DOOR_READY, r, HTTP_GET, "GET");
	if (span_is(r->path, "/version"))
		return only(DOOR_VERSION, r, HTTP_GET, "GET");
	if (span_starts(r->path, SPAN("/v1/")))
		return op_door(r, class);
	if (class == OP_CLASS_P)
		return (struct door_match){ 0 };
	if (span_is(r->path, "/mcp"))
		return only(DOOR_MCP, r, HTTP_POST, "POST");
	if (span_starts(r->path, SPAN("/oauth/")))
		return oauth_door(r);
	struct door_match m = well_known_door(r);
	return m.door != DOOR_NONE ? m : authzen_door(r);
}

static bool
is_token68(span s)
{
	size_t i = 0;
	for (; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("-._~+/", c, 6)))
			break;
	}
	while (i && i < s.n && s.p[i] == '=')
		i++;
	return s.n && i == s.n;
}

bool
bearer_token(const struct http_request *r, span *ret)
{
	bool dpop;
	return access_token(r, ret, &dpop) && !dpop;
}

bool
access_token(const struct http_request *r, span *ret, bool *ret_dpop)
{
	*ret = (span){ 0 };
	*ret_dpop = false;
	if (span_empty(r->authorization))
		return true;
	size_t blank = span_find(r->authorization, ' ');
	span scheme = span_sub(r->authorization, 0, blank), t = span_sub(r->authorization, blank + 1, r->authorization.n);
	*ret_dpop = span_eq_nocase(scheme, SPAN("dpop"));
	if (!*ret_dpop && !span_eq_nocase(scheme, SPAN("bearer")))
		return false;
	if (!is_token68(t))
		return false;
	*ret = t;
	return true;
}

uint16_t
check_origin(const struct http_request *r, const span *hosts, size_t n_hosts)
{
	size_t origins = 0;
	http_field(r->fields, "origin", &origins);
	if (origins)
		return E_NOT_PERMITTED;
	for (size_t i = 0; i < n_hosts; i++)
		if (span_eq_nocase(r->host, hosts[i]))
			return E_OK;
	return n_hosts ? E_NOT_PERMITTED : E_OK;
}

void
render_error(struct buf *b, uint16_t error, span detail)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kobj(&w, "error");
	json_w_kcstr(&w, "code", error_name(error));
	json_w_kint(&w, "exit", error_exit(error));
	json_w_kcstr(&w, "message", error_text(error));
	if (detail.n)
		json_w_kstr(&w, "detail", detail);
	json_w_kbool(&w, "retryable", error_http(error) == 503 || error_http(error) == 429 || error_http(error) == 504);
	json_w_key(&w, SPAN("docs"));
	char docs[64] = "ambit help ";
	strncat(docs, error_name(error), sizeof docs - 12);
	json_w_str(&w, span_str(docs));
	json_w_obj_end(&w);
	json_w_obj_end(&w);
}

status
canonical_object(struct arena *a, span body, size_t max, span *ret, struct json_error *reterr)
{
	if (span_empty(body)) {
		*ret = SPAN("{}");
		return OK;
	}
	const struct json *v;
	const struct json_opts opts = { .max_bytes = max, .max_nodes = 262144 };
	TRY(json_parse(body, &opts, a, &v, reterr));
	if (!json_is_obj(v)) {
		*reterr = (struct json_error){ .reason = "must be an object" };
		return FAIL(E_BAD_JSON);
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, max * 2);
	TRY(json_canonical(v, &b));
	*ret = arena_copy(a, buf_span(&b));
	ENSURE(arena_ok(a), E_LIMIT);
	return OK;
}
