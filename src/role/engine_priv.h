/* engine: the egress to databases and other upstreams at which Ambit makes accounts. It acts only on orders of core, which has made
 * the intent durable.
 *
 *   core ──orders──▶ engine role (loop) ──jobs──▶ worker of that upstream (blocking code of src/engine, root credential)
 *                         ▲ keeper: forks workers, reads the root credential for them, does nothing else
 *
 * A worker has one job at a time, in the order in which core gave them; a slow or dead upstream delays only itself. It is ended by its
 * own alarm, or by the keeper, when a job takes too long; the next job gets a new one.
 *
 * A credential is made in the worker, written into a sealed memfd there, and only its descriptor comes here: this role and core never
 * hold the bytes. It waits here (`kept`) until core has made the account's activation durable, and goes to one edge, once. */
#ifndef AMBIT_ROLE_ENGINE_PRIV_H
#define AMBIT_ROLE_ENGINE_PRIV_H

#include "base/list.h"
#include "net/loop.h"
#include "role/role.h"

enum {
	ENGINE_SPEC_MAX = 65536,
	ENGINE_BODY_MAX = 8 << 20,
	ENGINE_JOBS_MAX = 4096,
	ENGINE_KEEP_S = 30,           /* a credential that core did not have delivered by then is dropped */
};

/* ORDER job_names */
enum job_kind { JOB_CREATE, JOB_RENEW, JOB_REVOKE, JOB_LIST, JOB_TEST, JOB_INVENTORY, JOB_KIND_COUNT };

/* How long a worker may take, in seconds; this role waits a little longer for its word. */
unsigned job_seconds(enum job_kind k);
const char *job_name(enum job_kind k);

/* What travels to a worker: u32 length, then these. */
struct job_order {
	uint8_t kind;
	uint64_t lease;
	int64_t end;                  /* seconds */
	span template, agent, task;
};
void job_order_put(const struct job_order *o, struct buf *b);
/* Without the length. Spans point into `bytes`. */
bool job_order_read(span bytes, struct job_order *ret);

/* What comes back: u32 length, then these; the memfd of a credential with the first byte. */
struct job_result {
	uint16_t error;
	bool native_end;
	uint32_t size;                /* of the credential */
	span why, body;
};
void job_result_put(const struct job_result *r, struct buf *b);
bool job_result_read(span bytes, struct job_result *ret);

/* ---- engine_keeper.c ---- */

/* Forks the keeper while the role still has the rights it was started with. Workers become uid and gid ((uid_t)-1: stay). Root
 * credentials given by name are read from the folder `credentials` (may be NULL). E_IO. */
status engine_keeper_fork(uid_t uid, gid_t gid, const char *credentials, int *ret_fd);
/* A new worker for that upstream; an older one is killed first. Its end of the socket does not block. E_UNAVAILABLE: the keeper is gone. */
status engine_keeper_start(int keeper, span upstream, span spec, int *ret_fd);
/* Kills the worker, if there is one. */
void engine_keeper_stop(int keeper, span upstream);

/* ---- engine_worker.c ---- */

/* What a worker does, until its socket closes. `sock` blocks. Never returns. */
_Noreturn void engine_worker(int sock, span upstream, span spec, uid_t uid, gid_t gid, const char *credentials);

/* ---- engine_upstream.c ---- */

struct job {
	struct list link;             /* upstream.jobs */
	struct upstream_link *upstream;
	uint8_t kind;
	uint64_t lease, req;
	int64_t end;
	char template[64], agent[65], task[17];
};

struct upstream_link {
	struct list link;             /* engine_role.upstreams */
	struct engine_role *role;
	char name[64];
	struct buf spec;
	struct list jobs;             /* the first is under way while `busy` */
	unsigned jobs_n;
	bool busy, stale, waited;     /* stale: the spec changed under a running job; waited: the back-off is over */
	struct loop_fd sock;
	struct buf in;
	int in_fd;                    /* that came with the result being read, or -1 */
	struct loop_timer deadline, again;
	int64_t backoff;
	struct loop_hook next;
};

struct kept {
	struct list link;             /* engine_role.kept */
	struct engine_role *role;
	uint64_t lease;
	int fd;
	uint32_t size;
	struct loop_timer timer;
};

struct engine_role {
	struct worker *w;
	struct list upstreams, kept;
};

struct upstream_link *upstream_link_find(struct engine_role *r, span name);
/* Makes or changes it. */
status upstream_link_set(struct engine_role *r, span name, span spec);
void upstream_link_gone(struct engine_role *r, span name);
/* Queues a job. E_NOT_FOUND, E_NO_MEMORY, E_LIMIT: the caller answers for it. */
status upstream_link_job(struct engine_role *r, span name, const struct job *j);
/* A creation of that lease that has not begun is forgotten. */
void upstream_link_forget(struct engine_role *r, span name, uint64_t lease);
/* All jobs that have not begun. */
void upstream_links_forget(struct engine_role *r);

/* ---- engine.c ---- */

/* A job is over; fd: the credential's memfd, taken. */
void engine_done(struct engine_role *r, const struct job *j, const struct job_result *res, int own_fd);

#endif
