#include "api/oauth.h"

#include "text/form.h"

/* ---- forms ---- */

static bool
repeatable(span name)
{
	return span_is(name, "resource") || span_is(name, "audience");
}

/* Written at the first field of that name: all of them. */
static void
write_list(struct json_writer *w, const struct form *f, span name)
{
	json_w_key(w, name);
	json_w_arr(w);
	for (size_t i = 0; i < f->n; i++)
		if (span_eq(f->fields[i].name, name) && f->fields[i].value.n)
			json_w_str(w, f->fields[i].value);
	json_w_arr_end(w);
}

static void
put_field(struct json_writer *w, const struct form_field *f)
{
	json_w_key(w, f->name);
	json_w_str(w, f->value);
}

static status
write_form(struct json_writer *w, const struct form *f)
{
	json_w_obj(w);
	for (size_t i = 0; i < f->n; i++) {
		const struct form_field *at = &f->fields[i];
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= span_eq(f->fields[k].name, at->name);
		ENSURE(!again || repeatable(at->name), E_BAD_REQUEST);
		if (again)
			continue;
		if (repeatable(at->name))
			write_list(w, f, at->name);
		else if (at->value.n)
			put_field(w, at);
	}
	json_w_obj_end(w);
	return OK;
}

status
oauth_read_form(struct arena *a, span text, span *ret_params)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	struct form f;

	ENSURE(text.n <= OAUTH_FORM_MAX, E_LIMIT);
	TRY(form_parse(text, a, &f));
	buf_init(&b, 6 * OAUTH_FORM_MAX);
	struct json_writer w = json_w(&b);
	TRY(write_form(&w, &f));
	TRY(buf_finish(&b));
	*ret_params = arena_copy(a, buf_span(&b));
	ENSURE(arena_ok(a), E_LIMIT);
	return OK;
}

/* ---- documents ---- */

static void
put_url(struct json_writer *w, const char *key, span base, const char *path)
{
	CLEANUP(buf_fini) struct buf u = { 0 };

	buf_init(&u, 8192);
	buf_put(&u, base);
	buf_put_str(&u, path);
	json_w_kstr(w, key, buf_span(&u));
}

static void
put_list(struct json_writer *w, const char *key, const char *const *items)
{
	json_w_karr(w, key);
	for (; *items; items++)
		json_w_str(w, span_str(*items));
	json_w_arr_end(w);
}

void
oauth_server_metadata(struct buf *b, span base, span people)
{
	static const char *const grants[] = {
		"client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange", NULL,
	}, *const with_people[] = {
		"client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange", "authorization_code", "refresh_token",
		"urn:ietf:params:oauth:grant-type:device_code", NULL,
	};
	/* A certificate counts as registered, by its thumbprint, whoever signed it (RFC 8705 §2.2). */
	static const char *const methods[] = { "private_key_jwt", "self_signed_tls_client_auth", "none", NULL }, *const proven[] = {
		"private_key_jwt", "self_signed_tls_client_auth", NULL,
	};
	static const char *const algs[] = { "ES256", "ES384", "EdDSA", "RS256", "PS256", NULL };
	static const char *const dpop[] = { "ES256", "ES384", "EdDSA", NULL };
	static const char *const code[] = { "code", NULL }, *const none[] = { NULL }, *const s256[] = { "S256", NULL };
	static const char *const types[] = { "ambit_task", NULL };
	struct json_writer w = json_w(b);

	json_w_obj(&w);
	json_w_kstr(&w, "issuer", base);
	put_url(&w, "token_endpoint", base, "/oauth/token");
	put_url(&w, "introspection_endpoint", base, "/oauth/introspect");
	put_url(&w, "revocation_endpoint", base, "/oauth/revoke");
	put_url(&w, "jwks_uri", base, "/.well-known/jwks.json");
	put_list(&w, "grant_types_supported", people.n ? with_people : grants);
	put_list(&w, "response_types_supported", people.n ? code : none);
	put_list(&w, "token_endpoint_auth_methods_supported", methods);
	put_list(&w, "token_endpoint_auth_signing_alg_values_supported", algs);
	put_list(&w, "introspection_endpoint_auth_methods_supported", proven);
	put_list(&w, "introspection_endpoint_auth_signing_alg_values_supported", algs);
	put_list(&w, "revocation_endpoint_auth_methods_supported", methods);
	put_list(&w, "revocation_endpoint_auth_signing_alg_values_supported", algs);
	put_list(&w, "dpop_signing_alg_values_supported", dpop);
	put_list(&w, "authorization_details_types_supported", types);
	json_w_kbool(&w, "tls_client_certificate_bound_access_tokens", true);
	if (people.n) {
		put_url(&w, "authorization_endpoint", people, "/oauth/authorize");
		put_url(&w, "device_authorization_endpoint", base, "/oauth/device");
		put_list(&w, "code_challenge_methods_supported", s256);
		json_w_kbool(&w, "authorization_response_iss_parameter_supported", true);
	}
	json_w_karr(&w, "protected_resources");
	json_w_str(&w, base);
	json_w_arr_end(&w);
	json_w_obj_end(&w);
}

void
oauth_resource_metadata(struct buf *b, span base, span path)
{
	static const char *const header[] = { "header", NULL }, *const dpop[] = { "ES256", "ES384", "EdDSA", NULL };
	static const char *const types[] = { "ambit_task", NULL };
	CLEANUP(buf_fini) struct buf u = { 0 };
	struct json_writer w = json_w(b);

	buf_init(&u, 8192);
	buf_put(&u, base);
	buf_put(&u, path);
	json_w_obj(&w);
	json_w_kstr(&w, "resource", buf_span(&u));
	json_w_karr(&w, "authorization_servers");
	json_w_str(&w, base);
	json_w_arr_end(&w);
	put_url(&w, "jwks_uri", base, "/.well-known/jwks.json");
	put_list(&w, "bearer_methods_supported", header);
	put_list(&w, "dpop_signing_alg_values_supported", dpop);
	put_list(&w, "authorization_details_types_supported", types);
	json_w_kbool(&w, "tls_client_certificate_bound_access_tokens", true);
	json_w_kcstr(&w, "resource_name", "Ambit gateway");
	json_w_obj_end(&w);
}

/* ---- errors ---- */

unsigned
oauth_status(uint16_t code)
{
	int http = error_http(code);

	return http == 401 || http == 413 || http == 429 || http >= 500 ? (unsigned)http : 400;
}

static void
put_detail(struct buf *b, span body)
{
	CLEANUP(arena_fini) struct arena a = { 0 };
	const struct json *v;

	arena_init(&a, 65536);
	if (!body.n || failed(json_parse(body, NULL, &a, &v, NULL)))
		return;
	const struct json *detail = json_gets(json_gets(v, "error"), "detail");
	if (!json_is_str(detail))
		return;
	buf_put_str(b, ": ");
	/* RFC 6749 §5.2: printable ASCII without quotes and back slashes. */
	for (size_t i = 0; i < detail->str.n; i++) {
		uint8_t c = detail->str.p[i];
		buf_put_u8(b, c >= ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?');
	}
}

void
oauth_render_error(struct buf *b, uint16_t code, span body)
{
	CLEANUP(buf_fini) struct buf text = { 0 };
	struct json_writer w = json_w(b);

	buf_init(&text, 2048);
	buf_put_str(&text, error_text(code));
	put_detail(&text, body);
	json_w_obj(&w);
	json_w_kcstr(&w, "error", *error_oauth(code) ? error_oauth(code) : "server_error");
	json_w_kstr(&w, "error_description", buf_span(&text));
	json_w_obj_end(&w);
}

void
oauth_challenge(struct buf *b, span base, span path, uint16_t code, bool dpop)
{
	buf_put_str(b, dpop ? "DPoP " : "Bearer ");
	/* RFC 6750 §3.1: who sent no token is told no error. */
	if (code != E_UNAUTHENTICATED)
		buf_printf(b, "error=\"%s\", ", code == E_DPOP ? "invalid_dpop_proof" : "invalid_token");
	if (dpop)
		buf_put_str(b, "algs=\"ES256 ES384 EdDSA\", ");
	buf_printf(b, "resource_metadata=\"%.*s/.well-known/oauth-protected-resource%.*s\"", SPAN_ARG(base), SPAN_ARG(path));
}
