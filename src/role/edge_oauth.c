/* The edge's part of OAuth: proofs of possession, the documents, the forms. What is granted is core's. */
#include "role/edge_priv.h"

#include "identity/dpop.h"

#define NS_PER_S INT64_C(1000000000)

static span
lower_host(struct arena *a, span host)
{
	uint8_t *p = arena_alloc(a, host.n + 1);

	if (!p)
		return (span){ 0 };
	for (size_t i = 0; i < host.n; i++)
		p[i] = host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] | 0x20 : host.p[i];
	span out = span_make(p, host.n);
	return span_ends(out, SPAN(":443")) ? span_sub(out, 0, out.n - 4) : out;
}

/* The name in Host was one of ours (check_origin); that is where the client believes it is. */
static status
open_proof(struct ask *a, const struct http_request *r, span proof, const digest *token, struct dpop_proof *ret)
{
	CLEANUP(arena_fini) struct arena work = { 0 };
	CLEANUP(buf_fini) struct buf origin = { 0 };

	arena_init(&work, 128 * 1024);
	buf_init(&origin, 1024);
	buf_put_str(&origin, "https://");
	buf_put(&origin, lower_host(&work, r->host));
	TRY(buf_finish(&origin));
	const struct dpop_expect want = {
		.method = r->method_name, .origin = buf_span(&origin), .path = r->path, .token = token,
		.now = loop_now(a->edge->w->loop).wall / NS_PER_S,
	};
	return dpop_open(proof, &want, &a->edge->proof_keys, &work, ret);
}

/* Reads the DPoP header, if there is one, into a->proof. */
static status
read_proof(struct ask *a, const struct http_request *r, const digest *token)
{
	struct dpop_proof p;
	size_t n = 0;
	span text = http_field(r->fields, "dpop", &n);

	if (n == 0)
		return OK;
	ENSURE(n == 1 && a->edge->class == OP_CLASS_A, E_DPOP);
	TRY(open_proof(a, r, text, token, &p));
	a->proof.issued = p.iat;
	memcpy(a->proof.key, p.key.b, sizeof a->proof.key);
	memcpy(a->proof.id, p.id.b, sizeof a->proof.id);
	return OK;
}

/* RFC 9449 §7: a token bound to a key is only good with a proof by it; one that is not must not be passed off as such. */
bool
edge_oauth_prove(struct ask *a, const struct http_request *r, const struct token_use *use, bool dpop_scheme)
{
	digest hash;

	if ((use->confirm == JWT_CONFIRM_KEY) != dpop_scheme) {
		edge_reply_error(a, E_TOKEN_UNBOUND, SPAN("a token bound to a key is presented as `DPoP <token>`, any other as `Bearer <token>`"));
		return false;
	}
	if (!dpop_scheme)
		return true;
	memcpy(hash.b, use->hash, sizeof hash.b);
	status s = read_proof(a, r, &hash);
	if (!failed(s) && (!a->proof.issued || memcmp(a->proof.key, use->confirm_digest.b, sizeof a->proof.key) != 0))
		s = FAIL(E_DPOP);
	if (failed(s))
		edge_reply_error(a, s.code, (span){ 0 });
	return !failed(s);
}

void
edge_oauth_send_proof(struct ask *a)
{
	struct msg m = msg_make(MSG_PROVEN);

	if (!a->proof.issued)
		return;
	m.proven.req = a->req;
	m.proven.conn = a->conn->number;
	memcpy(m.proven.key, a->proof.key, sizeof m.proven.key);
	memcpy(m.proven.proof, a->proof.id, sizeof m.proven.proof);
	m.proven.issued = a->proof.issued;
	/* Without it the question finds its token unbound. */
	IGNORE(role_send(a->edge->w, ROLE_CORE, 0, &m));
}

/* ---- documents ---- */

bool
edge_oauth_document(struct edge *e, struct http_exchange *x, const struct http_request *r, enum door d)
{
	CLEANUP(buf_fini) struct buf b = { 0 };
	static const struct http_field fields[] = { { SPAN("Cache-Control"), SPAN("public, max-age=60") } };
	struct http_answer a = { .status = 200, .content_type = SPAN("application/json"), .fields = { fields, 1 } };

	buf_init(&b, 131072);
	if (d == DOOR_OAUTH_METADATA)
		oauth_server_metadata(&b, e->base, e->people);
	else if (d == DOOR_RESOURCE_METADATA)
		oauth_resource_metadata(&b, e->base, span_ends(r->path, SPAN("/mcp")) ? SPAN("/mcp") : (span){ 0 });
	else if (d == DOOR_JWKS && e->jwks.n)
		buf_put(&b, buf_span(&e->jwks));
	else if (d == DOOR_JWKS)
		a.status = 503;
	else
		return false;
	a.body = buf_span(&b);
	http_reply(x, &a);
	return true;
}

void
edge_oauth_challenge(const struct ask *a, uint16_t error, struct buf *b)
{
	oauth_challenge(b, a->edge->base, a->door == DOOR_MCP ? SPAN("/mcp") : (span){ 0 }, error, error == E_DPOP);
}

/* ---- forms ---- */

static void
reply(struct ask *a, unsigned http, const struct buf *body)
{
	static const struct http_field fields[] = { { SPAN("Cache-Control"), SPAN("no-store") }, { SPAN("Pragma"), SPAN("no-cache") },
	                                            { SPAN("Retry-After"), SPAN("1") } };
	struct http_answer r = { .status = http, .content_type = SPAN("application/json"), .body = buf_span(body),
	                         .fields = { fields, http == 503 ? 3 : 2 } };

	if (failed(buf_finish(body)))
		http_reply_error(a->x, body->err, (span){ 0 });
	else
		http_reply(a->x, &r);
	edge_ask_done(a);
}

void
edge_oauth_refuse(struct ask *a, uint16_t error, span core_body)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	buf_init(&b, 16384);
	oauth_render_error(&b, error, core_body);
	reply(a, oauth_status(error), &b);
}

bool
edge_oauth_read(struct ask *a, const struct http_request *r)
{
	/* Secrets in a header are no way in here; to overlook them would look like one. */
	status s = span_empty(r->authorization) ? OK : FAIL(E_CLIENT_INVALID);

	if (!failed(s))
		s = oauth_read_form(&a->arena, r->body, &a->params);
	if (!failed(s))
		s = read_proof(a, r, NULL);
	if (failed(s))
		edge_oauth_refuse(a, s.code, (span){ 0 });
	return !failed(s);
}

void
edge_oauth_answer(struct ask *a, const struct msg_answer *m)
{
	CLEANUP(buf_fini) struct buf b = { 0 };

	if (m->error != E_OK) {
		edge_oauth_refuse(a, m->error, m->body);
		return;
	}
	buf_init(&b, EDGE_BACKLOG);
	buf_put(&b, m->body);
	reply(a, 200, &b);
}
