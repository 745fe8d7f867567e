#include "role/edge_priv.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool
has_number(const struct map_node *n, const void *key)
{
	return container_of(n, struct edge_conn, node)->number == *(const uint32_t *)key;
}

struct edge_conn *
edge_conn_find(struct edge *e, uint32_t number)
{
	struct map_node *n = map_find(&e->conns, map_hash_u64(&e->conns, number), has_number, &number);
	return n ? container_of(n, struct edge_conn, node) : NULL;
}

struct edge_conn *
edge_conn_of(struct edge *e, struct http_exchange *x)
{
	struct http_conn *h = http_exchange_conn(x);
	struct edge_conn *c = http_conn_user(h);
	if (c)
		return c;
	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->http = h;
	list_init(&c->waiting);
	/* Numbers wrap after 2^32 connections; a living one is never given twice. */
	do
		c->number = ++e->next_conn;
	while (c->number == 0 || edge_conn_find(e, c->number));
	if (failed(map_add(&e->conns, map_hash_u64(&e->conns, c->number), &c->node))) {
		free(c);
		return NULL;
	}
	http_conn_set_user(h, c);
	edge_conn_introduce(e, c);
	return c;
}

static void
introduce_tls(struct edge *e, struct edge_conn *c)
{
	const struct http_peer *p = http_conn_peer(c->http);
	struct msg m = msg_make(MSG_PEER_TLS);
	m.peer_tls.conn = c->number;
	m.peer_tls.has_cert = p->thumbprint.n == 32;
	if (m.peer_tls.has_cert)
		memcpy(m.peer_tls.x5t, p->thumbprint.p, 32);
	if (!failed(role_send(e->w, ROLE_CORE, 0, &m)))
		c->state = PEER_ASKED;
}

/* The pid in the credentials may have been reused by the time anybody looks; the pidfd can not. Where the kernel gives none, attest
 * compares start times (ARCHITECTURE, "attest"). */
static int
peer_pidfd(struct edge_conn *c)
{
	int fd;
	status s = http_conn_pidfd(c->http, &fd);
	if (!failed(s))
		return fd;
	if (s.code != E_NOT_IMPLEMENTED)
		return -1;
	return (int)syscall(SYS_pidfd_open, http_conn_peer(c->http)->pid, 0);
}

static void
introduce_local(struct edge *e, struct edge_conn *c)
{
	int fd = peer_pidfd(c);
	if (fd < 0) {
		c->state = PEER_REFUSED;
		c->error = E_UNAUTHENTICATED;
		return;
	}
	struct msg m = msg_make(MSG_ATTEST);
	m.attest.conn = c->number;
	m.attest.pid = (uint32_t)http_conn_peer(c->http)->pid;
	m.fd = fd;
	if (!failed(role_send(e->w, ROLE_ATTEST, 0, &m)))
		c->state = PEER_ASKED;
}

void
edge_conn_introduce(struct edge *e, struct edge_conn *c)
{
	if (!edge_core_up(e))
		return;
	if (http_conn_peer(c->http)->tls)
		introduce_tls(e, c);
	else if (role_link(e->w, ROLE_ATTEST, 0))
		introduce_local(e, c);
}

static void
release_waiting(struct edge_conn *c)
{
	list_for_safe(it, &c->waiting) {
		struct ask *a = container_of(it, struct ask, link);
		list_del(&a->link);
		edge_ask_send(a);
	}
}

void
edge_conn_known(struct edge *e, const struct msg_peer_known *m)
{
	struct edge_conn *c = edge_conn_find(e, m->conn);
	if (!c)
		return;
	c->state = m->error == E_OK ? PEER_IS_KNOWN : PEER_REFUSED;
	c->error = m->error;
	c->task = m->task;
	release_waiting(c);
}

void
edge_conn_end(struct edge *e, struct edge_conn *c)
{
	struct msg m = msg_make(MSG_PEER_GONE);
	m.peer_gone.conn = c->number;
	/* A dead core or attest forgets the connection by itself. */
	IGNORE(role_send(e->w, ROLE_CORE, 0, &m));
	if (e->class != OP_CLASS_A) {
		m = msg_make(MSG_ATTEST_GONE);
		m.attest_gone.conn = c->number;
		IGNORE(role_send(e->w, ROLE_ATTEST, 0, &m));
	}
	map_del(&e->conns, &c->node);
	free(c);
}

void
edge_conns_forget(struct edge *e)
{
	map_for(it, &e->conns) {
		struct edge_conn *c = container_of(it, struct edge_conn, node);
		c->state = PEER_NEW;
		c->task = 0;
	}
}

void
edge_conns_introduce(struct edge *e)
{
	map_for(it, &e->conns)
		edge_conn_introduce(e, container_of(it, struct edge_conn, node));
}
