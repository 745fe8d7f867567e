#include "core/core_priv.h"

#include <stdlib.h>

struct peer_key { uint8_t edge, index; uint32_t conn; };

static bool
peer_is(const struct map_node *n, const void *key)
{
	const struct peer *p = container_of(n, struct peer, node);
	const struct peer_key *k = key;
	return p->conn == k->conn && p->edge == k->edge && p->index == k->index;
}

static uint64_t hash_of(const struct core *c, enum role edge, unsigned index, uint32_t conn)
{
	return map_hash_u64(&c->peers, (uint64_t)conn | (uint64_t)edge << 40 | (uint64_t)index << 48);
}

struct peer *
peer_find(const struct core *c, enum role edge, unsigned index, uint32_t conn)
{
	struct peer_key k = { (uint8_t)edge, (uint8_t)index, conn };
	struct map_node *n = map_find(&c->peers, hash_of(c, edge, index, conn), peer_is, &k);
	return n ? container_of(n, struct peer, node) : NULL;
}

void
peer_free(struct core *c, struct peer *p)
{
	map_del(&c->peers, &p->node);
	str_unref(&c->strs, p->exe);
	str_unref(&c->strs, p->cgroup);
	free(p);
}

static void
known(struct core *c, const struct peer *p)
{
	const struct agent *a = p->agent ? agent_by_id(c, p->agent) : NULL;
	const struct object *u = !p->tls && p->error == E_OK ? user_of_uid(c, p->uid, (span){ 0 }) : NULL;
	struct msg m = msg_make(MSG_PEER_KNOWN);
	m.peer_known.conn = p->conn;
	m.peer_known.error = p->error;
	m.peer_known.agent = a ? str_span(a->name) : (span){ 0 };
	m.peer_known.user = u ? u->name : (span){ 0 };
	m.peer_known.task = p->task;
	send_now(c, (enum role)p->edge, p->index, &m);
}

static struct peer *
peer_new(struct core *c, enum role edge, unsigned index, uint32_t conn)
{
	struct peer *p = peer_find(c, edge, index, conn);
	if (p)
		peer_gone(c, edge, index, conn);
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->edge = (uint8_t)edge;
	p->index = (uint8_t)index;
	p->conn = conn;
	if (failed(map_add(&c->peers, hash_of(c, edge, index, conn), &p->node))) {
		free(p);
		return NULL;
	}
	return p;
}

static void
drop(struct core *c, enum role edge, unsigned index, uint32_t conn)
{
	struct msg m = msg_make(MSG_DROP_CONN);
	m.drop_conn.conn = conn;
	send_now(c, edge, index, &m);
}

/* On the people's edge stand people. A process inside a task, or one that is known as an agent by more than its uid, is not
 * one of them, whoever's uid it runs under. */
static uint16_t
people_only(const struct core *c, const struct peer *p)
{
	bool specific;
	struct agent *a = agent_match(c, p, &specific);
	if (p->task || (a && specific))
		return E_NOT_PERMITTED;
	return user_of_uid(c, p->uid, (span){ 0 }) ? E_OK : E_UNAUTHENTICATED;
}

void
peer_attested(struct core *c, const struct msg_peer *m)
{
	if (m->edge != ROLE_LOCAL && m->edge != ROLE_PEOPLE)
		return;
	struct peer *p = peer_new(c, (enum role)m->edge, 0, m->conn);
	if (!p) {
		drop(c, (enum role)m->edge, 0, m->conn);
		return;
	}
	p->error = m->error;
	p->pid = m->pid;
	p->start = m->start;
	p->uid = m->uid;
	p->gid = m->gid;
	memcpy(p->exe_sha256.b, m->exe_sha256, sizeof p->exe_sha256.b);
	if (failed(str_get(&c->strs, m->exe, &p->exe)) || failed(str_get(&c->strs, m->cgroup, &p->cgroup)))
		p->error = E_NO_MEMORY;
	p->task = m->root_task;
	peer_resolve(c, p);
}

static void
resolve_local(struct core *c, struct peer *p)
{
	bool specific;
	const struct task *t = p->task ? task_find(c, p->task) : NULL;
	struct agent *a = p->task ? t ? t->agent : NULL : agent_match(c, p, &specific);
	/* A process inside a task that core does not know any more belongs to nobody. */
	if (p->task && !t)
		p->error = E_TASK_ENDED;
	p->agent = a ? a->id : 0;
	if (a)
		a->last_seen = wall_now(c);
}

static void
resolve_tls(struct core *c, struct peer *p)
{
	bool specific;
	struct agent *a = p->has_cert ? agent_match(c, p, &specific) : NULL;
	if (!a && p->has_cert)
		a = agent_by_id(c, cert_agent(c, &p->x5t));
	p->agent = a ? a->id : 0;
	if (a)
		a->last_seen = wall_now(c);
}

void
peer_resolve(struct core *c, struct peer *p)
{
	if (!c->loaded)
		return;
	if (p->tls)
		resolve_tls(c, p);
	else if (p->error == E_OK && p->edge == ROLE_PEOPLE)
		p->error = people_only(c, p);
	else if (p->error == E_OK)
		resolve_local(c, p);
	known(c, p);
}

void
peer_tls(struct core *c, enum role edge, unsigned index, const struct msg_peer_tls *m)
{
	struct peer *p = peer_new(c, edge, index, m->conn);
	if (!p) {
		drop(c, edge, index, m->conn);
		return;
	}
	p->tls = true;
	p->has_cert = m->has_cert;
	if (m->has_cert)
		memcpy(p->x5t.b, m->x5t, sizeof p->x5t.b);
	peer_resolve(c, p);
}

void
peer_proven(struct core *c, unsigned index, const struct msg_proven *m)
{
	struct peer *p = peer_find(c, ROLE_AGENTS, index, m->conn);
	digest id;
	if (!p)
		return;
	memcpy(id.b, m->proof, sizeof id.b);
	memcpy(p->key.b, m->key, sizeof p->key.b);
	p->proven_req = m->req;
	p->has_key = once_proof(c, &id, m->issued);
}

void
peer_gone(struct core *c, enum role edge, unsigned index, uint32_t conn)
{
	struct peer *p = peer_find(c, edge, index, conn);
	if (!p)
		return;
	list_for_safe(it, &c->task_list) {
		if (!p->holds)
			break;
		struct task *t = container_of(it, struct task, all);
		if (t->holder == p)
			task_end(c, t, TASK_REVOKED, CAUSE_HOLDER, SPAN("ambit"), SPAN("its holder's connection ended"));
	}
	peer_free(c, p);
}

void
peers_edge_gone(struct core *c, enum role edge, unsigned index)
{
	list_for(it, &c->task_list) {
		struct task *t = container_of(it, struct task, all);
		if (!t->holder || t->holder->edge != edge || t->holder->index != index)
			continue;
		t->holder->holds--;
		t->holder = NULL;
		if (failed(timer_set(&c->timers, &t->grace, boot_now(c) + TASK_GRACE)))
			core_fail(c, FAIL(E_NO_MEMORY));
	}
	map_for(it, &c->peers) {
		struct peer *p = container_of(it, struct peer, node);
		if (p->edge == edge && p->index == index)
			peer_free(c, p);
	}
}

struct agent *peer_agent(const struct core *c, const struct peer *p) { return p->agent ? agent_by_id(c, p->agent) : NULL; }

const struct object *
peer_user(const struct core *c, const struct peer *p, span as)
{
	return p->tls || p->error != E_OK ? NULL : user_of_uid(c, p->uid, as);
}

uint16_t
peer_task(const struct core *c, const struct peer *p, const digest *token, struct task **ret, uint64_t *ret_token)
{
	static const digest none = { 0 };
	*ret_token = 0;
	if (!digest_eq(token, &none)) {
		uint16_t code = token_task(c, token, p, ret, ret_token);
		/* A process inside one task does not act for another, but for those it delegated. */
		const struct task *own = p->task ? task_find(c, p->task) : NULL;
		if (code == E_OK && p->task && (!own || !task_is_below(*ret, own)))
			return E_NOT_PERMITTED;
		return code;
	}
	if (!p->task)
		return E_UNAUTHENTICATED;
	*ret = task_find(c, p->task);
	return *ret ? E_OK : E_TASK_ENDED;
}
