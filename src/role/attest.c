/* attest: says who a local peer is. It holds a pidfd for each living connection, so a number can not come to mean another
 * process, reads /proc, and answers core. It parses nothing an agent wrote.
 *
 *   edge: ATTEST(pid, pidfd) ─▶ read core's link first (a root just registered) ─▶ /proc ─▶ still alive? ─▶ core: PEER */
#include "base/log.h"
#include "base/map.h"
#include "role/exe.h"
#include "role/proc.h"
#include "role/role.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	ANCESTORS_MAX = 256,       /* generations walked up */
	CONNS_MAX = 16384,
	ROOTS_MAX = 1000000,
	CGROUP_MAX = 4096,
};

struct conn {
	struct map_node node;
	uint64_t key;              /* edge and number */
	uint32_t pid;
	uint64_t start;
	int pidfd;
};

/* The registered root process of a task, and the one that holds the task and adopts what is orphaned below it. */
struct root;
struct root_process {
	struct map_node by_pid;
	struct root *root;
	uint64_t start;
	uint32_t pid;                      /* 0: none */
};

struct root {
	struct map_node by_task;
	uint64_t task;
	struct root_process processes[2];
};

struct attest {
	struct worker *w;
	struct map conns;
	struct map roots_by_task, roots_by_pid;
	struct exe_cache *exes;
};

static uint64_t conn_key(unsigned edge, uint32_t conn) { return (uint64_t)edge << 32 | conn; }

static bool
is_conn(const struct map_node *n, const void *key)
{
	return container_of(n, struct conn, node)->key == *(const uint64_t *)key;
}

static struct conn *
find_conn(struct attest *a, uint64_t key)
{
	struct map_node *n = map_find(&a->conns, map_hash_u64(&a->conns, key), is_conn, &key);

	return n ? container_of(n, struct conn, node) : NULL;
}

static void
forget_conn(struct attest *a, struct conn *c)
{
	if (!c)
		return;
	map_del(&a->conns, &c->node);
	close(c->pidfd);
	free(c);
}

/* ---- roots ---------------------------------------------------------------------------------------------------------- */

static bool
is_root_of(const struct map_node *n, const void *task)
{
	return container_of(n, struct root, by_task)->task == *(const uint64_t *)task;
}

static bool
is_root_pid(const struct map_node *n, const void *key)
{
	const struct root_process *p = container_of(n, struct root_process, by_pid);
	const struct proc_stat *s = key;

	return p->pid == s->pid && p->start == s->start;
}

static void
free_root(struct attest *a, struct root *r)
{
	map_del(&a->roots_by_task, &r->by_task);
	for (size_t i = 0; i < ARRAY_LEN(r->processes); i++)
		if (r->processes[i].root)
			map_del(&a->roots_by_pid, &r->processes[i].by_pid);
	free(r);
}

static void
del_root(struct attest *a, uint64_t task)
{
	struct map_node *n = map_find(&a->roots_by_task, map_hash_u64(&a->roots_by_task, task), is_root_of, &task);

	if (n)
		free_root(a, container_of(n, struct root, by_task));
}

static status
add_process(struct attest *a, struct root *r, struct root_process *p, uint32_t pid, uint64_t start)
{
	if (!pid)
		return OK;
	*p = (struct root_process){ .pid = pid, .start = start };
	TRY(map_add(&a->roots_by_pid, map_hash_u64(&a->roots_by_pid, pid), &p->by_pid));
	p->root = r;
	return OK;
}

static status
add_root(struct attest *a, const struct msg_root_add *m)
{
	del_root(a, m->task);
	ENSURE(a->roots_by_task.count < ROOTS_MAX, E_LIMIT);
	struct root *r = calloc(1, sizeof *r);
	ENSURE(r, E_NO_MEMORY);
	r->task = m->task;
	status s = map_add(&a->roots_by_task, map_hash_u64(&a->roots_by_task, m->task), &r->by_task);
	if (failed(s)) {
		free(r);
		return s;
	}
	s = add_process(a, r, &r->processes[0], m->pid, m->start);
	if (!failed(s))
		s = add_process(a, r, &r->processes[1], m->holder, m->holder_start);
	if (failed(s))
		free_root(a, r);
	return s;
}

static void
forget_roots(struct attest *a)
{
	map_for(n, &a->roots_by_task)
		free_root(a, container_of(n, struct root, by_task));
}

/* The task whose root is this process or the nearest of its ancestors; 0: none. E_LIMIT: too deep to say. */
static status
task_of(struct attest *a, struct proc_stat at, uint64_t *ret)
{
	*ret = 0;
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		struct map_node *n = map_find(&a->roots_by_pid, map_hash_u64(&a->roots_by_pid, at.pid), is_root_pid, &at);
		if (n) {
			*ret = container_of(n, struct root_process, by_pid)->root->task;
			return OK;
		}
		if (at.parent == 0)
			return OK;
		struct proc_stat up;
		status s = proc_stat(a->w->env, at.parent, &up);
		/* The parent died while we looked: the child has another now. */
		if (s.code == E_NOT_FOUND || (!failed(s) && up.start > at.start))
			s = proc_stat(a->w->env, at.pid, &up);
		TRY(s);
		at = up;
	}
	return FAIL(E_LIMIT);
}

/* ---- peers ---------------------------------------------------------------------------------------------------------- */

struct facts {
	struct proc_stat stat;
	uint32_t uid, gid;
	uint64_t task;
	struct exe exe;
	struct buf cgroup;
};

static status
look(struct attest *a, uint32_t pid, int pidfd, struct facts *f)
{
	uint32_t named;

	TRY(proc_of_pidfd(a->w->env, pidfd, &named));
	ENSURE(named == pid, E_UNAUTHENTICATED);
	TRY(proc_stat(a->w->env, pid, &f->stat));
	TRY(proc_ids(a->w->env, pid, &f->uid, &f->gid));
	TRY(exe_of(a->exes, pid, &f->exe));
	TRY(proc_cgroup(a->w->env, pid, &f->cgroup));
	TRY(task_of(a, f->stat, &f->task));
	/* While it lives its number is its own: all of the above was about this process. */
	ENSURE(proc_alive(pidfd), E_NOT_FOUND);
	return OK;
}

static status
remember(struct attest *a, uint64_t key, const struct facts *f, int *pidfd)
{
	forget_conn(a, find_conn(a, key));
	ENSURE(a->conns.count < CONNS_MAX, E_LIMIT);
	struct conn *c = calloc(1, sizeof *c);
	ENSURE(c, E_NO_MEMORY);
	*c = (struct conn){ .key = key, .pid = f->stat.pid, .start = f->stat.start, .pidfd = *pidfd };
	status s = map_add(&a->conns, map_hash_u64(&a->conns, key), &c->node);
	if (failed(s)) {
		free(c);
		return s;
	}
	*pidfd = -1;
	return OK;
}

static void
answer_peer(struct attest *a, enum role edge, uint32_t conn, status s, const struct facts *f)
{
	struct msg m = msg_make(MSG_PEER);

	m.peer.edge = (uint8_t)edge;
	m.peer.conn = conn;
	m.peer.error = failed(s) ? E_UNAUTHENTICATED : E_OK;
	if (!failed(s)) {
		m.peer.pid = f->stat.pid;
		m.peer.start = f->stat.start;
		m.peer.uid = f->uid;
		m.peer.gid = f->gid;
		m.peer.exe = span_str(f->exe.path);
		memcpy(m.peer.exe_sha256, f->exe.sha256.b, sizeof m.peer.exe_sha256);
		m.peer.cgroup = buf_span(&f->cgroup);
		m.peer.root_task = f->task;
	} else {
		log_info("a peer could not be attested", KV("status", s), KV("edge", role_name(edge)));
	}
	IGNORE(role_send(a->w, ROLE_CORE, 0, &m));   /* without core the edge introduces its peers again later */
}

static void
on_attest(struct attest *a, enum role edge, struct msg *m)
{
	CLEANUP(buf_fini) struct buf cgroup = { 0 };
	struct facts f = { 0 };
	uint64_t key = conn_key(edge, m->attest.conn);

	/* Core registered a task's root before the root could connect: its word is in the link already. */
	if (role_link(a->w, ROLE_CORE, 0))
		channel_receive(role_link(a->w, ROLE_CORE, 0));
	buf_init(&f.cgroup, CGROUP_MAX);
	status s = look(a, m->attest.pid, m->fd, &f);
	if (!failed(s))
		s = remember(a, key, &f, &m->fd);
	answer_peer(a, edge, m->attest.conn, s, &f);
	cgroup = f.cgroup;
}

/* ---- children ------------------------------------------------------------------------------------------------------- */

static status
look_at_child(struct attest *a, const struct msg_attest_child *m, struct proc_stat *child, struct exe *exe)
{
	struct conn *c = find_conn(a, conn_key(m->edge, m->conn));
	struct proc_stat again;

	ENSURE(c && proc_alive(c->pidfd), E_NOT_FOUND);
	TRY(proc_stat(a->w->env, m->pid, child));
	ENSURE(child->parent == c->pid, E_NOT_PERMITTED);
	TRY(exe_of(a->exes, m->pid, exe));
	TRY(proc_stat(a->w->env, m->pid, &again));
	ENSURE(again.start == child->start && again.parent == c->pid && proc_alive(c->pidfd), E_NOT_FOUND);
	return OK;
}

static void
on_attest_child(struct attest *a, const struct msg_attest_child *m)
{
	struct msg r = msg_make(MSG_CHILD);
	struct proc_stat child = { 0 };
	struct exe exe = { 0 };
	status s = look_at_child(a, m, &child, &exe);

	r.child.req = m->req;
	r.child.error = s.code;
	if (!failed(s)) {
		r.child.pid = child.pid;
		r.child.start = child.start;
		r.child.exe = span_str(exe.path);
		memcpy(r.child.exe_sha256, exe.sha256.b, sizeof r.child.exe_sha256);
	}
	IGNORE(role_send(a->w, ROLE_CORE, 0, &r));
}

/* ---- the role ------------------------------------------------------------------------------------------------------- */

static status
message(struct worker *w, enum role peer, unsigned, struct msg *m)
{
	struct attest *a = w->state;

	switch (m->type) {
	case MSG_ATTEST:
		on_attest(a, peer, m);
		return OK;
	case MSG_ATTEST_GONE:
		forget_conn(a, find_conn(a, conn_key(peer, m->attest_gone.conn)));
		return OK;
	case MSG_ATTEST_CHILD:
		on_attest_child(a, &m->attest_child);
		return OK;
	case MSG_ROOT_ADD:
		return add_root(a, &m->root_add);
	case MSG_ROOT_DEL:
		del_root(a, m->root_del.task);
		return OK;
	default:
		return FAIL(E_BAD_MESSAGE);
	}
}

static void
link_down(struct worker *w, enum role peer, unsigned)
{
	struct attest *a = w->state;

	if (peer == ROLE_CORE) {
		forget_roots(a);
		return;
	}
	map_for(n, &a->conns) {
		struct conn *c = container_of(n, struct conn, node);
		if (c->key >> 32 == (uint64_t)peer)
			forget_conn(a, c);
	}
}

static status
configure(struct worker *w, span)
{
	struct attest *a = calloc(1, sizeof *a);
	uint64_t k[6];

	ENSURE(a, E_NO_MEMORY);
	w->state = a;
	a->w = w;
	TRY(env_random(w->env, k, sizeof k));
	map_init(&a->conns, k[0], k[1]);
	map_init(&a->roots_by_task, k[2], k[3]);
	map_init(&a->roots_by_pid, k[4], k[5]);
	return exe_cache_new(w->env, &a->exes);
}

const struct role_ops *
attest_role(void)
{
	static const struct role_ops ops = {
		.id = ROLE_ATTEST, .configure = configure, .message = message, .link_down = link_down,
	};
	return &ops;
}
