#include "role/engine_priv.h"

#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- credentials that wait to be delivered ---- */

static struct kept *
kept_find(struct engine_role *r, uint64_t lease)
{
	list_for(it, &r->kept) {
		struct kept *k = container_of(it, struct kept, link);
		if (k->lease == lease)
			return k;
	}
	return NULL;
}

static void
kept_free(struct kept *k)
{
	loop_timer_stop(&k->timer);
	list_del(&k->link);
	if (k->fd >= 0)
		close(k->fd);   /* the last descriptor of the memfd: its pages go back to the kernel, which clears them */
	free(k);
}

static void
on_kept_too_long(struct loop_timer *t)
{
	kept_free(container_of(t, struct kept, timer));
}

static status
keep(struct engine_role *r, uint64_t lease, int own_fd, uint32_t size)
{
	struct kept *k = calloc(1, sizeof *k);

	if (!k || own_fd < 0) {
		if (own_fd >= 0)
			close(own_fd);
		free(k);
		return FAIL(k ? E_UPSTREAM : E_NO_MEMORY);
	}
	k->role = r;
	k->lease = lease;
	k->fd = own_fd;
	k->size = size;
	list_add_tail(&r->kept, &k->link);
	loop_timer_after(r->w->loop, &k->timer, ENGINE_KEEP_S * INT64_C(1000000000), on_kept_too_long);
	return OK;
}

/* ---- to core ---- */

static void
tell_state(struct engine_role *r, uint64_t lease, enum lease_op op, uint16_t error, bool native_end, int64_t end, span why)
{
	struct msg m = msg_make(MSG_LEASE_STATE);
	m.lease_state.lease = lease;
	m.lease_state.op = (uint8_t)op;
	m.lease_state.error = error;
	m.lease_state.native_end = native_end;
	m.lease_state.expires = end * INT64_C(1000000000);
	m.lease_state.why = span_sub(why, 0, 400);
	IGNORE(role_send(r->w, ROLE_CORE, 0, &m)); /* a new core reads from its rows what it must ask for */
}

static void
tell_answer(struct engine_role *r, uint64_t req, uint16_t error, span why, span body)
{
	struct msg m = msg_make(MSG_ENGINE_TOLD);
	m.engine_told.req = req;
	m.engine_told.error = error;
	m.engine_told.why = span_sub(why, 0, 400);
	m.engine_told.body = error == E_OK ? body : SPAN("{}");
	IGNORE(role_send(r->w, ROLE_CORE, 0, &m)); /* a new core asks anew */
}

void
engine_done(struct engine_role *r, const struct job *j, const struct job_result *res, int own_fd)
{
	static const enum lease_op ops[] = { [JOB_CREATE] = LEASE_OP_CREATE, [JOB_RENEW] = LEASE_OP_RENEW, [JOB_REVOKE] = LEASE_OP_REVOKE };
	uint16_t error = res->error;

	if (res->error != E_OK)
		log_warn("an upstream refused", KV("upstream", (const char *)j->upstream->name), KV("job", job_name((enum job_kind)j->kind)),
		         KV("error", error_name(res->error)), KV("why", res->why));
	if (j->kind == JOB_CREATE && error == E_OK && role_link(r->w, ROLE_CORE, 0)) {
		status s = keep(r, j->lease, own_fd, res->size);
		error = s.code;
	} else if (own_fd >= 0) {
		close(own_fd);
	}
	if (j->kind <= JOB_REVOKE)
		tell_state(r, j->lease, ops[j->kind], error, res->native_end, j->end, res->why);
	else
		tell_answer(r, j->req, error, res->why, res->body);
}

/* ---- from core ---- */

static void
copy(char *to, size_t room, span s)
{
	s = span_sub(s, 0, room - 1);
	if (s.n)
		memcpy(to, s.p, s.n);
	to[s.n] = 0;
}

static void
lease_job(struct engine_role *r, span upstream, const struct job *j, enum lease_op op)
{
	status s = upstream_link_job(r, upstream, j);
	if (failed(s))
		tell_state(r, j->lease, op, s.code, false, 0, span_str(error_text(s.code)));
}

static void
on_create(struct engine_role *r, const struct msg_lease_create *m)
{
	struct job j = { .kind = JOB_CREATE, .lease = m->lease, .end = m->expires / INT64_C(1000000000) };
	copy(j.template, sizeof j.template, m->template);
	copy(j.agent, sizeof j.agent, m->agent);
	copy(j.task, sizeof j.task, m->task);
	lease_job(r, m->upstream, &j, LEASE_OP_CREATE);
}

static void
on_renew(struct engine_role *r, const struct msg_lease_renew *m)
{
	struct job j = { .kind = JOB_RENEW, .lease = m->lease, .end = m->expires / INT64_C(1000000000) };
	lease_job(r, m->upstream, &j, LEASE_OP_RENEW);
}

static void
on_revoke(struct engine_role *r, const struct msg_lease_revoke *m)
{
	struct job j = { .kind = JOB_REVOKE, .lease = m->lease };
	struct kept *k = kept_find(r, m->lease);
	if (k)
		kept_free(k);
	upstream_link_forget(r, m->upstream, m->lease);
	lease_job(r, m->upstream, &j, LEASE_OP_REVOKE);
}

static void
on_deliver(struct engine_role *r, const struct msg_lease_deliver *d)
{
	struct kept *k = kept_find(r, d->lease);
	struct msg m = msg_make(MSG_CREDENTIAL);
	status s = FAIL(E_NOT_FOUND);

	if (k) {
		m.credential.req = d->req;
		m.credential.lease = d->lease;
		m.credential.about = d->about;
		m.credential.size = k->size;
		m.fd = k->fd;
		k->fd = -1;
		s = role_send(r->w, (enum role)d->edge, d->index, &m);
		kept_free(k);
	}
	tell_state(r, d->lease, LEASE_OP_DELIVER, s.code, false, 0, failed(s) ? SPAN("the one who asked is gone") : (span){ 0 });
}

static void
on_ask(struct engine_role *r, const struct msg_engine_ask *m)
{
	static const enum job_kind kinds[] = {
		[ENGINE_ASK_LIST] = JOB_LIST, [ENGINE_ASK_TEST] = JOB_TEST, [ENGINE_ASK_INVENTORY] = JOB_INVENTORY, [ENGINE_ASK_ROTATE] = JOB_KIND_COUNT,
	};
	struct job j = { .req = m->req, .kind = m->what < ARRAY_LEN(kinds) ? (uint8_t)kinds[m->what] : JOB_KIND_COUNT };
	status s = j.kind < JOB_KIND_COUNT ? upstream_link_job(r, m->upstream, &j) : FAIL(E_NOT_IMPLEMENTED);
	if (failed(s))
		tell_answer(r, m->req, s.code, span_str(error_text(s.code)), (span){ 0 });
}

static void
set_upstream(struct engine_role *r, const struct msg_upstream *m)
{
	status s = upstream_link_set(r, m->upstream, m->spec);
	if (failed(s))
		log_warn("an upstream can not be used", KV("upstream", m->upstream), KV("status", s));
}

static status
message(struct worker *w, enum role, unsigned, struct msg *m)
{
	struct engine_role *r = w->state;

	switch (m->type) {
	case MSG_UPSTREAM: set_upstream(r, &m->upstream); return OK;
	case MSG_UPSTREAM_GONE: upstream_link_gone(r, m->upstream_gone.upstream); return OK;
	case MSG_LEASE_CREATE: on_create(r, &m->lease_create); return OK;
	case MSG_LEASE_RENEW: on_renew(r, &m->lease_renew); return OK;
	case MSG_LEASE_REVOKE: on_revoke(r, &m->lease_revoke); return OK;
	case MSG_LEASE_DELIVER: on_deliver(r, &m->lease_deliver); return OK;
	case MSG_ENGINE_ASK: on_ask(r, &m->engine_ask); return OK;
	default: return FAIL(E_BAD_MESSAGE); /* the permit table lets nothing else through */
	}
}

/* Without core nobody answers for what is not delivered yet; core has it revoked when it is back. What a worker is doing ends first,
 * so that no creation overtakes its own revocation. */
static void
link_down(struct worker *w, enum role peer, unsigned)
{
	struct engine_role *r = w->state;

	if (peer != ROLE_CORE)
		return;
	list_for_safe(it, &r->kept)
		kept_free(container_of(it, struct kept, link));
	upstream_links_forget(r);
}

static status
configure(struct worker *w, span)
{
	struct engine_role *r = calloc(1, sizeof *r);

	ENSURE(r, E_NO_MEMORY);
	ENSURE(w->keeper_fd >= 0, E_INTERNAL);
	w->state = r;
	r->w = w;
	list_init(&r->upstreams);
	list_init(&r->kept);
	return OK;
}

static void
stop(struct worker *w)
{
	close(w->keeper_fd); /* every worker dies with it */
	w->keeper_fd = -1;
}

const struct role_ops *
engine_role(void)
{
	static const struct role_ops ops = {
		.id = ROLE_ENGINE, .configure = configure, .link_down = link_down, .message = message, .stop = stop,
	};
	return &ops;
}
