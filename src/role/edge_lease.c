/* The last step of a credential's way: from the engine role's sealed memfd to the one who asked. Over the local socket the descriptor
 * itself is passed on, so that the bytes are never here; a caller who can not take one, or is not on this host, gets them in the body. */
#include "role/edge_priv.h"

#include "ipc/memfd.h"

#include <unistd.h>

enum { CREDENTIAL_MAX = 65536, ABOUT_MAX = 16384 };

static void
reply(struct ask *a, const struct buf *body, int own_fd)
{
	struct http_field f[2] = { { SPAN("Cache-Control"), SPAN("no-store") } };
	struct http_answer r = { .status = 200, .content_type = SPAN("application/json"), .fields = { f, 1 }, .body = buf_span(body),
	                         .own_pass_fd = own_fd, .secret = own_fd <= 0 };

	if (a->request_id.n)
		f[r.fields.n++] = (struct http_field){ SPAN("X-Request-ID"), a->request_id };
	http_reply(a->x, &r);
	edge_ask_done(a);
}

/* {"lease":{…},"credential":{…},…}: the memfd holds an object, whose members follow ours. */
static status
merge(const struct msg_credential *m, int fd, struct buf *b)
{
	span secret;

	ENSURE(m->size > 1 && m->size <= CREDENTIAL_MAX, E_UPSTREAM);
	TRY(memfd_map_sealed(fd, m->size, &secret));
	buf_put_str(b, "{\"lease\":");
	buf_put(b, m->about);
	buf_put_str(b, ",");
	buf_put(b, span_sub(secret, 1, secret.n));
	memfd_unmap(secret);
	return buf_finish(b);
}

void
edge_credential(struct edge *e, struct msg *m)
{
	struct ask *a = edge_ask_find(e, m->credential.req);
	struct buf b;

	/* Whoever asked has gone: core hears of that, too, and takes the account back. */
	if (!a || a->door != DOOR_OP || !a->x)
		return;
	if (a->takes_fd) {
		buf_init(&b, ABOUT_MAX);
		buf_put_str(&b, "{\"lease\":");
		buf_put(&b, m->credential.about);
		buf_put_str(&b, ",\"credential_fd\":true}");
		int fd = m->fd;
		m->fd = -1;
		reply(a, &b, fd);
		buf_fini(&b);
		return;
	}
	buf_init(&b, CREDENTIAL_MAX + ABOUT_MAX);
	/* Room before it is filled: growing would leave copies behind. */
	status s = buf_reserve(&b, m->credential.size + m->credential.about.n + 64) ? merge(&m->credential, m->fd, &b) : FAIL(E_NO_MEMORY);
	if (failed(s))
		edge_reply_error(a, s.code, SPAN("the credential could not be read"));
	else
		reply(a, &b, 0);
	if (b.p)
		secret_wipe(b.p, b.cap);
	buf_fini(&b);
}
