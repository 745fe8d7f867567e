#include "net/http_server_priv.h"

#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	ACCEPTS_PER_TURN = 64,
	MAX_IDLE_PEERS = 1024,
	KEPT_FDS = 32,
	SLOT_BITS = 20,         /* of a number: which slot; the rest is a serial that is never reused */
};

static const int64_t SECOND = 1000000000;

/* Buffers */

void
server_block_take(struct http_server *s, struct buf *b, size_t max)
{
	b->max = max;
	if (b->p || s->n_blocks == 0)
		return;
	b->p = s->blocks[--s->n_blocks];
	b->cap = BLOCK;
}

void
server_block_give(struct http_server *s, struct buf *b)
{
	if (b->cap == BLOCK && s->n_blocks < MAX_BLOCKS) {
		s->blocks[s->n_blocks++] = b->p;
		*b = (struct buf){ .max = b->max };
		return;
	}
	buf_fini(b);
}

span
server_date(struct http_server *s)
{
	int64_t now = loop_now(s->loop).wall / SECOND;
	if (now != s->date_s || s->date_n == 0) {
		static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
		time_t t = now;
		struct tm tm;
		gmtime_r(&t, &tm);
		int n = snprintf(s->date, sizeof s->date, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * tm.tm_wday, tm.tm_mday,
		    months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
		s->date_n = n > 0 && (size_t)n < sizeof s->date ? (size_t)n : 0;
		s->date_s = now;
	}
	return span_make(s->date, s->date_n);
}

/* Numbers: serial << SLOT_BITS | slot. */

static bool
slot_take(struct http_server *s, struct http_conn *c)
{
	for (uint32_t i = 0; i < s->n_slots; i++) {
		uint32_t k = s->free_hint + i;
		if (k >= s->n_slots)
			k -= s->n_slots;
		if (s->slots[k])
			continue;
		s->slots[k] = c;
		s->free_hint = k + 1 < s->n_slots ? k + 1 : 0;
		c->id = ++s->serial << SLOT_BITS | k;
		return true;
	}
	return false;
}

static struct http_conn *
slot_of(struct http_server *s, uint64_t id)
{
	uint64_t k = id & ((1 << SLOT_BITS) - 1);
	return k < s->n_slots ? s->slots[k] : NULL;
}

struct http_conn *
http_conn_find(struct http_server *s, uint64_t id)
{
	struct http_conn *c = slot_of(s, id);
	return c && c->id == id ? c : NULL;
}

struct http_exchange *
http_exchange_find(struct http_server *s, uint64_t id)
{
	struct http_conn *c = slot_of(s, id);
	return c && c->x.state != X_NONE && c->x.id == id ? &c->x : NULL;
}

/* Quotas */

struct peer_key {
	uint8_t b[17];
};

static bool
peer_eq(const struct map_node *n, const void *key)
{
	return memcmp(container_of(n, struct http_peer_quota, node)->key, key, sizeof(struct peer_key)) == 0;
}

static struct peer_key
peer_key(const struct http_peer *who)
{
	static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };
	struct peer_key k = { { (uint8_t)who->kind } };
	if (who->kind == HTTP_PEER_UNIX)
		memcpy(k.b + 1, &who->uid, sizeof who->uid);
	else
		memcpy(k.b + 1, who->addr, memcmp(who->addr, v4_prefix, sizeof v4_prefix) == 0 ? 16 : 8);
	return k;
}

static void
peer_free(struct http_server *s, struct http_peer_quota *q)
{
	list_del(&q->idle);
	s->n_idle_peers--;
	map_del(&s->peers, &q->node);
	free(q);
}

static struct http_peer_quota *
peer_get(struct http_server *s, const struct http_peer *who)
{
	struct peer_key k = peer_key(who);
	uint64_t hash = map_hash_bytes(&s->peers, SPAN_OF(k.b));
	struct map_node *n = map_find(&s->peers, hash, peer_eq, &k);
	if (n) {
		struct http_peer_quota *known = container_of(n, struct http_peer_quota, node);
		if (known->conns == 0) {   /* to the young end: evictions that follow must not free it */
			list_del(&known->idle);
			list_add_tail(&s->idle_peers, &known->idle);
		}
		return known;
	}
	struct http_peer_quota *q = calloc(1, sizeof *q);
	if (!q)
		return NULL;
	memcpy(q->key, k.b, sizeof q->key);
	list_init(&q->waiting);
	if (failed(map_add(&s->peers, hash, &q->node))) {
		free(q);
		return NULL;
	}
	list_add_tail(&s->idle_peers, &q->idle);
	if (++s->n_idle_peers > MAX_IDLE_PEERS)
		peer_free(s, container_of(s->idle_peers.next, struct http_peer_quota, idle));
	return q;
}

static void
peer_join(struct http_server *s, struct http_peer_quota *q)
{
	if (q->conns++ == 0) {
		list_del(&q->idle);
		s->n_idle_peers--;
	}
}

static void
peer_leave(struct http_server *s, struct http_peer_quota *q)
{
	if (--q->conns > 0)
		return;
	list_add_tail(&s->idle_peers, &q->idle);
	if (++s->n_idle_peers > MAX_IDLE_PEERS)
		peer_free(s, container_of(s->idle_peers.next, struct http_peer_quota, idle));
}

/* A full handshake costs a fifth of a millisecond or more, so each peer has a bucket of them. */
static bool
handshake_allowed(struct http_listener *lis, struct http_peer_quota *q)
{
	double rate = lis->o.handshakes_per_s, burst = 2 * rate;
	int64_t now = loop_now(lis->s->loop).boot;
	if (q->bucket_at == 0)
		q->tokens = burst;
	else
		q->tokens += rate * (double)(now - q->bucket_at) / (double)SECOND;
	if (q->tokens > burst)
		q->tokens = burst;
	q->bucket_at = now;
	if (q->tokens < 1)
		return false;
	q->tokens--;
	return true;
}

void
server_forget_conn(struct http_conn *c)
{
	struct http_server *s = c->s;
	list_del(&c->node);
	conn_wait_end(c);
	s->slots[c->id & ((1 << SLOT_BITS) - 1)] = NULL;
	s->stats.conns--;
	if (c->lis)
		c->lis->conns--;
	peer_leave(s, c->quota);
}

/* Closes the connection that has waited longest; false when all are busy. */
static bool
evict(struct http_server *s, struct list *waiting, struct http_conn *(*of)(struct list *))
{
	if (list_empty(waiting))
		return false;
	s->stats.evicted++;
	conn_kill(of(waiting->next));
	return true;
}

static struct http_conn *by_server(struct list *n) { return container_of(n, struct http_conn, in_server); }
static struct http_conn *by_listener(struct list *n) { return container_of(n, struct http_conn, in_listener); }
static struct http_conn *by_peer(struct list *n) { return container_of(n, struct http_conn, in_peer); }

static bool
make_room(struct http_listener *lis, struct http_peer_quota *q)
{
	struct http_server *s = lis->s;
	if (q->conns >= lis->o.max_per_peer && !evict(s, &q->waiting, by_peer))
		return false;
	if (lis->conns >= lis->o.max_conns && !evict(s, &lis->waiting, by_listener))
		return false;
	return s->stats.conns < s->o.max_conns || evict(s, &s->waiting, by_server);
}

/* Accepting */

static bool
identify(int fd, const struct sockaddr_storage *sa, struct http_peer *ret)
{
	*ret = (struct http_peer){ 0 };
	if (sa->ss_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, sa, sizeof v4);
		ret->addr[10] = ret->addr[11] = 0xff;
		memcpy(ret->addr + 12, &v4.sin_addr, 4);
		ret->port = ntohs(v4.sin_port);
		return true;
	}
	if (sa->ss_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, sa, sizeof v6);
		memcpy(ret->addr, &v6.sin6_addr, 16);
		ret->port = ntohs(v6.sin6_port);
		return true;
	}
	struct ucred cred;
	socklen_t n = sizeof cred;
	ret->kind = HTTP_PEER_UNIX;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return false;
	ret->uid = cred.uid;
	ret->gid = cred.gid;
	ret->pid = cred.pid;
	return true;
}

static void
say_busy(int fd, const struct http_listener *lis)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
	if (!lis->o.tls)
		(void)!send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool
conn_new(struct http_listener *lis, int fd, const struct http_peer *who, struct http_peer_quota *q)
{
	struct http_server *s = lis->s;
	struct http_conn *c = calloc(1, sizeof *c);
	if (!c)
		return false;
	list_init(&c->node);
	list_init(&c->in_server);
	list_init(&c->in_listener);
	list_init(&c->in_peer);
	c->s = s;
	c->lis = lis;
	c->quota = q;
	c->who = *who;
	c->who.tls = lis->o.tls != NULL;
	buf_init(&c->in, HTTP_MAX_HEAD + BLOCK);
	buf_init(&c->out, MAX_OUT);
	if (lis->o.tls && failed(tls_accept(lis->o.tls, fd, &c->tls)))
		goto fail;
	if (!slot_take(s, c))
		goto fail;
	c->io.fd = fd;
	list_add_tail(&s->conns, &c->node);
	s->stats.conns++;
	lis->conns++;
	peer_join(s, q);
	conn_start(c);
	return true;
fail:
	tls_conn_free(c->tls);
	free(c);
	return false;
}

static void
admit(struct http_listener *lis, int own_fd, const struct sockaddr_storage *sa)
{
	struct http_server *s = lis->s;
	struct http_peer who;
	int one = 1;
	struct http_peer_quota *q = identify(own_fd, sa, &who) ? peer_get(s, &who) : NULL;
	if (q && lis->o.tls && !handshake_allowed(lis, q)) {
		s->stats.refused_rate++;
		q = NULL;
	} else if (q && !make_room(lis, q)) {
		say_busy(own_fd, lis);
		s->stats.refused_cap++;
		q = NULL;
	}
	if (who.kind == HTTP_PEER_IP)
		setsockopt(own_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (!q || !conn_new(lis, own_fd, &who, q))
		close(own_fd);
}

static void listener_ready(struct loop_fd *f, unsigned);

static void
listener_again(struct loop_timer *t)
{
	struct http_listener *lis = container_of(t, struct http_listener, pause);
	loop_fd_want(&lis->io, LOOP_READ);
}

/* Descriptors ran out. An idle connection gives its own; if all are busy, the spare one lets the client be told so, which
 * is kinder than silence. Without even that the listener rests, or level-triggered readiness would spin. */
static void
out_of_fds(struct http_listener *lis)
{
	struct http_server *s = lis->s;
	s->stats.out_of_fds++;
	if (evict(s, &s->waiting, by_server))
		return;
	if (s->spare_fd >= 0) {
		close(s->spare_fd);
		int fd = accept4(lis->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			say_busy(fd, lis);
			close(fd);
		}
	}
	s->spare_fd = eventfd(0, EFD_CLOEXEC);
	if (s->spare_fd >= 0)
		return;
	loop_fd_want(&lis->io, 0);
	loop_timer_after(s->loop, &lis->pause, SECOND / 50, listener_again);
}

static void
listener_ready(struct loop_fd *f, unsigned)
{
	struct http_listener *lis = container_of(f, struct http_listener, io);
	for (int i = 0; i < ACCEPTS_PER_TURN && loop_fd_active(f); i++) {
		struct sockaddr_storage sa = { 0 };
		socklen_t n = sizeof sa;
		int fd = accept4(f->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
				return;
			out_of_fds(lis);
			continue;
		}
		lis->s->stats.accepted++;
		admit(lis, fd, &sa);
	}
}

/* Server */

/* Connections leave some descriptors for everything else the process does. */
static void
keep_descriptors(struct http_server_options *o)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY)
		return;
	rlim_t most = r.rlim_cur > 2 * KEPT_FDS ? r.rlim_cur - KEPT_FDS : r.rlim_cur / 2;
	if (o->max_conns > most)
		o->max_conns = (unsigned)most;
}

static void
set_default(int64_t *v, int64_t d)
{
	if (*v == 0)
		*v = d;
}

status
http_server_new(struct loop *l, const struct http_server_options *o, const struct http_handler *h, void *ctx,
    struct http_server **ret)
{
	uint64_t k[2];
	TRY(env_random(loop_env(l), k, sizeof k));
	struct http_server *s = calloc(1, sizeof *s);
	ENSURE(s, E_NO_MEMORY);
	s->loop = l;
	s->h = *h;
	s->ctx = ctx;
	if (o)
		s->o = *o;
	if (s->o.max_body == 0)
		s->o.max_body = 1 << 20;
	if (s->o.max_conns == 0)
		s->o.max_conns = 4096;
	if (s->o.max_conns > 1 << SLOT_BITS)
		s->o.max_conns = 1 << SLOT_BITS;
	keep_descriptors(&s->o);
	set_default(&s->o.head_ns, 10 * SECOND);
	set_default(&s->o.body_ns, 30 * SECOND);
	set_default(&s->o.idle_ns, 75 * SECOND);
	set_default(&s->o.stall_ns, 30 * SECOND);
	set_default(&s->o.handshake_ns, 10 * SECOND);
	s->n_slots = s->o.max_conns;
	s->slots = calloc(s->n_slots, sizeof(struct http_conn *));
	if (!s->slots) {
		free(s);
		return FAIL(E_NO_MEMORY);
	}
	s->spare_fd = eventfd(0, EFD_CLOEXEC);
	list_init(&s->listeners);
	list_init(&s->conns);
	list_init(&s->waiting);
	list_init(&s->idle_peers);
	map_init(&s->peers, k[0], k[1]);
	*ret = s;
	return OK;
}

status
http_server_listen(struct http_server *s, int own_fd, const struct http_listener_options *o)
{
	struct http_listener *lis = calloc(1, sizeof *lis);
	if (!lis) {
		close(own_fd);
		return FAIL(E_NO_MEMORY);
	}
	lis->s = s;
	if (o)
		lis->o = *o;
	if (lis->o.max_conns == 0 || lis->o.max_conns > s->o.max_conns)
		lis->o.max_conns = s->o.max_conns;
	if (lis->o.max_per_peer == 0)
		lis->o.max_per_peer = lis->o.max_conns / 2 ? lis->o.max_conns / 2 : 1;
	if (lis->o.handshakes_per_s == 0)
		lis->o.handshakes_per_s = 100;
	list_init(&lis->waiting);
	fcntl(own_fd, F_SETFL, fcntl(own_fd, F_GETFL) | O_NONBLOCK);
	status st = loop_fd_add(s->loop, &lis->io, own_fd, LOOP_READ, listener_ready);
	if (failed(st)) {
		close(own_fd);
		free(lis);
		return st;
	}
	list_add_tail(&s->listeners, &lis->node);
	return OK;
}

static void
close_listeners(struct http_server *s)
{
	list_for(n, &s->listeners) {
		struct http_listener *lis = container_of(n, struct http_listener, node);
		loop_fd_close(&lis->io);
		loop_timer_stop(&lis->pause);
	}
}

void
http_server_drain(struct http_server *s)
{
	s->draining = true;
	close_listeners(s);
	list_for_safe(n, &s->waiting)
		conn_kill(by_server(n));
}

static void
server_reap(struct loop_grave *g)
{
	struct http_server *s = container_of(g, struct http_server, grave);
	while (!list_empty(&s->listeners)) {
		struct http_listener *lis = container_of(s->listeners.next, struct http_listener, node);
		list_del(&lis->node);
		free(lis);
	}
	while (!list_empty(&s->idle_peers))
		peer_free(s, container_of(s->idle_peers.next, struct http_peer_quota, idle));
	map_fini(&s->peers);
	while (s->n_blocks)
		free(s->blocks[--s->n_blocks]);
	free(s->slots);
	free(s);
}

struct http_server *
http_server_free(struct http_server *s)
{
	if (!s)
		return NULL;
	close_listeners(s);
	while (!list_empty(&s->conns))
		conn_kill(container_of(s->conns.next, struct http_conn, node));
	if (s->spare_fd >= 0)
		close(s->spare_fd);
	loop_reap(s->loop, &s->grave, server_reap);
	return NULL;
}

struct http_server_stats
http_server_stats(const struct http_server *s)
{
	return s->stats;
}
