#include "tests/sim/node.h"

#include "msg/enums.h"
#include "tests/sim/disk.h"

#include <stdio.h>
#include <stdlib.h>

const char *(*node_definitions)(span server);

static void
queue(struct list *q, enum role r, unsigned index, const struct msg *m)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, MSG_BODY_MAX + MSG_HEADER);
	msg_encode(m, &b);
	must(!failed(buf_finish(&b)));
	size_t n = b.n - MSG_HEADER;
	struct frame *f = malloc(sizeof *f + n);
	must(f);
	*f = (struct frame){ .role = r, .index = index, .type = (uint16_t)m->type, .n = n };
	memcpy(f->body, b.p + MSG_HEADER, n);
	list_add_tail(q, &f->list);
}

static void
on_send(void *ctx, enum role to, unsigned index, const struct msg *m)
{
	struct node *n = ctx;
	must(msg_permitted(ROLE_CORE, to, (uint16_t)m->type));
	must(index < NODE_EDGES && n->up[to][index]);
	if (n->sent)
		n->sent(n, to, index, m);
	if (n->discard && (to == ROLE_LOCAL || to == ROLE_AGENTS))
		return;
	unsigned long failing = n->failing ? *n->failing : 0;
	if (n->failing)
		*n->failing = 0;
	queue(&n->from_core, to, index, m);
	if (n->failing)
		*n->failing = failing;
}

static struct frame *
take(struct list *q, enum role r, unsigned index)
{
	list_for(it, q) {
		struct frame *f = container_of(it, struct frame, list);
		if (f->role == r && f->index == index) {
			list_del(it);
			return f;
		}
	}
	return NULL;
}

static void
drop(struct list *q, enum role r, unsigned index)
{
	struct frame *f;
	while ((f = take(q, r, index)))
		free(f);
}

void
node_init(struct node *n, uint64_t seed)
{
	*n = (struct node){ .now = { INT64_C(1790000000000000000), INT64_C(1000000000000) } };
	n->bank = calloc(1, sizeof *n->bank);
	must(n->bank);
	drbg_init_number(&n->rng, seed);
	drbg_bytes(&n->rng, n->boot_id, sizeof n->boot_id);
	list_init(&n->to_core);
	list_init(&n->from_core);
}

void
node_fini(struct node *n)
{
	node_crash(n);
	free(n->bank);
	disk_fini(&n->disk);
}

void
node_crash(struct node *n)
{
	core_free(n->core);
	n->core = NULL;
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		for (unsigned i = 0; i < NODE_EDGES; i++) {
			drop(&n->to_core, (enum role)r, i);
			drop(&n->from_core, (enum role)r, i);
			n->up[r][i] = false;
		}
}

void
node_start(struct node *n)
{
	uint8_t seed[32];
	drbg_bytes(&n->rng, seed, sizeof seed);
	struct core_config cfg = { .node = SPAN("n1"), .audience = SPAN("https://127.0.0.1:8470"), .people_url = SPAN("https://127.0.0.1:8471"), .origin = SPAN("test"),
	                           .store_kind = SPAN("memory"), .bootstrap = n->bootstrap, .dev = true };
	memcpy(cfg.boot_id, n->boot_id, sizeof cfg.boot_id);
	must(!failed(core_new(&cfg, seed, on_send, n, n->now, &n->core)));
	static const enum role all[] = { ROLE_STORE, ROLE_SIGNER, ROLE_ATTEST, ROLE_TOOLS, ROLE_ENGINE, ROLE_LOCAL, ROLE_PEOPLE, ROLE_AGENTS };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		node_link(n, all[i], 0, true);
	node_link(n, ROLE_AGENTS, 1, true);
}

void
node_link(struct node *n, enum role r, unsigned index, bool up)
{
	if (n->up[r][index] == up)
		return;
	drop(&n->to_core, r, index);
	drop(&n->from_core, r, index);
	if (up)
		n->up[r][index] = true;
	core_link(n->core, r, index, up, n->now);
	if (!up) {
		n->up[r][index] = false;
		drop(&n->from_core, r, index);
	}
	if (up && r == ROLE_SIGNER) {
		struct msg m = msg_make(MSG_KEYS);
		m.keys.jwks = SPAN("{\"keys\":[]}");
		m.keys.log_key = SPAN("test+00000000+AAAA");
		node_send(n, ROLE_SIGNER, 0, &m);
	}
}

void
node_send(struct node *n, enum role from, unsigned index, const struct msg *m)
{
	must(msg_permitted(from, ROLE_CORE, (uint16_t)m->type));
	if (n->up[from][index])
		queue(&n->to_core, from, index, m);
}

bool
node_deliver(struct node *n, enum role from, unsigned index)
{
	struct frame *f = take(&n->to_core, from, index);
	struct msg m;
	if (!f)
		return false;
	must(!failed(msg_decode(f->type, span_make(f->body, f->n), &m)));
	n->steps++;
	if (n->delivering)
		n->delivering(n, from, index, &m);
	core_step(n->core, from, index, &m, n->now);
	free(f);
	return true;
}

/* ---- the models ---- */

static void
load(struct node *n)
{
	struct msg m = msg_make(MSG_ROWS);
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4 << 20);
	n->disk.epoch++;
	for (size_t i = 0; i < n->disk.row_n; i++) {
		const struct disk_row *r = &n->disk.rows[i];
		buf_put_vec16(&b, span_make(r->key, r->key_n));
		buf_put_vec32(&b, span_make(r->value, r->value_n));
		if (b.n > 1 << 20 || i + 1 == n->disk.row_n) {
			m.rows.rows = buf_span(&b);
			node_send(n, ROLE_STORE, 0, &m);
			buf_reset(&b);
		}
	}
	m = msg_make(MSG_LOADED);
	m.loaded.seq = n->disk.chain.seq;
	memcpy(m.loaded.head, n->disk.chain.head.b, sizeof m.loaded.head);
	m.loaded.time = n->disk.time;
	m.loaded.epoch = n->disk.epoch;
	node_send(n, ROLE_STORE, 0, &m);
}

const struct node_store *node_store;

static void
serve_store(struct node *n, const struct msg *q)
{
	struct msg m;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4 << 20);
	switch (q->type) {
	case MSG_LOAD:
		if (node_store)
			node_store->load(n);
		else
			load(n);
		return;
	case MSG_APPEND:
		m = msg_make(MSG_APPENDED);
		m.appended.batch = q->append.batch;
		m.appended.seq = n->disk.chain.seq;
		m.appended.error = node_store ? node_store->append(n, &q->append, &m.appended.seq) : disk_append(&n->disk, &q->append);
		if (!node_store)
			m.appended.seq = n->disk.chain.seq;
		if (m.appended.error == E_OK && n->appended)
			n->appended(n, ROLE_STORE, 0, q);
		if (n->lose_ack) {
			n->lose_ack = false;
			return;
		}
		node_send(n, ROLE_STORE, 0, &m);
		if (n->repeat_ack)
			node_send(n, ROLE_STORE, 0, &m);
		n->repeat_ack = false;
		return;
	case MSG_READ:
		m = msg_make(MSG_EVENTS);
		m.events.req = q->read.req;
		m.events.next = disk_read(&n->disk, &q->read, &b);
		m.events.events = buf_span(&b);
		node_send(n, ROLE_STORE, 0, &m);
		return;
	case MSG_VERIFY:
		m = msg_make(MSG_VERIFIED);
		m.verified.req = q->verify.req;
		m.verified.count = n->disk.event_n;
		memcpy(m.verified.head, n->disk.chain.head.b, sizeof m.verified.head);
		node_send(n, ROLE_STORE, 0, &m);
		return;
	default: must(false);
	}
}

static void
serve_signer(struct node *n, const struct msg *q)
{
	struct msg m;
	char text[64];
	if (n->signer_mute)
		return;
	switch (q->type) {
	case MSG_SIGN_TOKEN:
		m = msg_make(MSG_TOKEN);
		m.token.req = q->sign_token.req;
		m.token.jwt = span_make(text, (size_t)snprintf(text, sizeof text, "jwt-%llu-%llx", (unsigned long long)++n->tokens_signed,
		                                               (unsigned long long)drbg_u64(&n->rng)));
		break;
	case MSG_SIGN_HEAD:
		m = msg_make(MSG_HEAD);
		m.head.req = q->sign_head.req;
		m.head.note = SPAN("a signed note");
		break;
	case MSG_SIGN_LEAF:
		m = msg_make(MSG_SIGNED_LEAF);
		m.signed_leaf.req = q->sign_leaf.req;
		break;
	case MSG_SEAL:
		m = msg_make(MSG_SEALED);
		m.sealed.req = q->seal.req;
		m.sealed.form = q->seal.box;
		break;
	case MSG_UNSEAL:
		n->unsealed++;
		return;
	default: must(false);
	}
	node_send(n, ROLE_SIGNER, 0, &m);
}

static void
serve_attest(struct node *n, const struct msg *q)
{
	if (q->type != MSG_ATTEST_CHILD)
		return;
	struct msg m = msg_make(MSG_CHILD);
	m.child.req = q->attest_child.req;
	m.child.pid = q->attest_child.pid;
	m.child.start = 7000 + q->attest_child.pid;
	m.child.exe = SPAN("/bin/sh");
	node_send(n, ROLE_ATTEST, 0, &m);
}

static struct { uint64_t id; char name[24]; } servers[8];

static void
serve_tools(struct node *n, const struct msg *q)
{
	struct msg m;
	switch (q->type) {
	case MSG_SERVER:
		for (size_t i = 0; i < ARRAY_LEN(servers); i++)
			if (!servers[i].id || servers[i].id == q->server.server) {
				servers[i].id = q->server.server;
				snprintf(servers[i].name, sizeof servers[i].name, "%.*s", SPAN_ARG(q->server.name));
				break;
			}
		return;
	case MSG_DISCOVER:
		m = msg_make(MSG_FOUND);
		m.found.req = q->discover.req;
		m.found.server = q->discover.server;
		for (size_t i = 0; i < ARRAY_LEN(servers); i++)
			if (servers[i].id == q->discover.server && node_definitions && node_definitions(span_str(servers[i].name)))
				m.found.definitions = span_str(node_definitions(span_str(servers[i].name)));
		if (!m.found.definitions.n)
			m.found.error = E_UPSTREAM;
		node_send(n, ROLE_TOOLS, 0, &m);
		return;
	case MSG_TASK_GONE:
		if (n->tools_mute)
			return;
		m = msg_make(MSG_TASK_CLEAN);
		m.task_clean.task = q->task_gone.task;
		m.task_clean.stopped = 1;
		node_send(n, ROLE_TOOLS, 0, &m);
		return;
	default:
		if (n->hook)
			n->hook(n, ROLE_TOOLS, 0, q);
	}
}

bool
node_serve(struct node *n, enum role to, unsigned index)
{
	if (to == ROLE_STORE && n->store_paused)
		return false;
	struct frame *f = take(&n->from_core, to, index);
	struct msg m;
	if (!f)
		return false;
	must(!failed(msg_decode(f->type, span_make(f->body, f->n), &m)));
	n->steps++;
	switch (to) {
	case ROLE_STORE: serve_store(n, &m); break;
	case ROLE_SIGNER: serve_signer(n, &m); break;
	case ROLE_ATTEST: serve_attest(n, &m); break;
	case ROLE_TOOLS: serve_tools(n, &m); break;
	case ROLE_ENGINE: bank_serve(n, n->bank, &m); break;
	default:
		if (n->hook)
			n->hook(n, to, index, &m);
	}
	free(f);
	return true;
}

void
node_flush(struct node *n)
{
	core_flush(n->core, n->now);
}

void
node_settle(struct node *n)
{
	for (bool moved = true; moved;) {
		moved = false;
		for (unsigned r = 0; r < ROLE_COUNT; r++)
			for (unsigned i = 0; i < NODE_EDGES; i++) {
				while (node_deliver(n, (enum role)r, i))
					moved = true;
				while (node_serve(n, (enum role)r, i))
					moved = true;
			}
		core_flush(n->core, n->now);
		/* Deferred work that is due at once. */
		if (core_deadline(n->core) <= n->now.boot) {
			core_tick(n->core, n->now);
			moved = true;
		}
	}
}

void
node_advance(struct node *n, int64_t ns)
{
	n->now.wall += ns;
	n->now.boot += ns;
	core_tick(n->core, n->now);
}
