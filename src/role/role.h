/* role: what every re-exec'd process (a worker of one role) does alike.
 *
 *   fd 3 -> CONFIG -> configure() -> sandbox -> READY -> loop: LISTEN, LINK, messages, until STOP or the supervisor is gone
 *
 * A role's file fills one struct role_ops and nothing else: the skeleton reads the configuration, closes the sandbox, keeps
 * the links, holds every message against the permit table (ipc/channel.h), reports violators to the supervisor, and exits
 * when the supervisor's end of fd 3 closes. Links come and go while the role runs: a restarted peer arrives as link_down,
 * then link_up. */
#ifndef AMBIT_ROLE_ROLE_H
#define AMBIT_ROLE_ROLE_H

#include "base/buf.h"
#include "ipc/channel.h"
#include "msg/enums.h"

#include <sys/types.h>

enum { ROLE_PEERS_MAX = 16 };   /* instances of one role (agent edges) */

struct worker {
	enum role id;
	unsigned index;                 /* which of several agent edges; else 0 */
	struct loop *loop;
	struct env *env;
	const struct role_ops *ops;
	void *state;                    /* the role's own; set by configure() */
	const char *dir;                /* the one directory it may write, "/" after a chroot; NULL: none */
	int jailer_fd;                  /* tools only, else -1: for jailer_new() */
	int keeper_fd;                  /* engine only, else -1: for engine_keeper_start() */
	int key_fd;                     /* signer only, else -1: the key-encryption key */
	struct channel *supervisor;
	struct channel *links[ROLE_COUNT][ROLE_PEERS_MAX];   /* NULL: down */
	bool configured, failed;
};

struct role_ops {
	enum role id;
	/* The CONFIG message: a JSON object, the role's part of the effective configuration (role/config.h). Runs before the
	 * sandbox: open here what the sandbox will not let you open. An error ends the role. */
	status (*configure)(struct worker *w, span json);
	/* A listening socket; takes own_fd. NULL for roles without. */
	status (*listen)(struct worker *w, enum listen_kind kind, int own_fd);
	/* A link to a peer came up (role_link() gives it) or went down. May be NULL. */
	void (*link_up)(struct worker *w, enum role peer, unsigned index);
	void (*link_down)(struct worker *w, enum role peer, unsigned index);
	/* One permitted, well-formed message of that peer. m->fd: see channel_ops.message. An error status is logged and ends
	 * the *role* (the supervisor restarts it): bad requests are answered, not returned. */
	status (*message)(struct worker *w, enum role peer, unsigned index, struct msg *m);
	/* The queue of that link fell below CHANNEL_QUEUE_LOW. May be NULL. */
	void (*drained)(struct worker *w, enum role peer, unsigned index);
	/* Orderly stop: last chance to write; the role exits after the turn, or, with stops_later, when it calls
	 * role_stopped(). The supervisor waits 3 s. May be NULL. */
	void (*stop)(struct worker *w);
	bool stops_later;
};

/* NULL when down. */
struct channel *role_link(const struct worker *w, enum role peer, unsigned index);
/* Sends if the link is up. E_UNAVAILABLE when it is down; otherwise as channel_send (the descriptor is consumed in every case). */
status role_send(struct worker *w, enum role peer, unsigned index, const struct msg *m);
/* Ends the role after this turn with a logged reason; the supervisor restarts it. */
void role_fail(struct worker *w, status why, const char *what);

/* Ends the role after this turn, in order. */
void role_stopped(struct worker *w);

/* The table of roles: NULL for ROLE_SUPERVISOR. Each `role/<name>.c` defines its getter. */
const struct role_ops *role_ops_of(enum role id);
const struct role_ops *agents_role(void);
const struct role_ops *local_role(void);
const struct role_ops *people_role(void);
const struct role_ops *attest_role(void);
const struct role_ops *core_role(void);
const struct role_ops *store_role(void);
const struct role_ops *signer_role(void);
const struct role_ops *tools_role(void);
const struct role_ops *engine_role(void);

/* How the supervisor wants a role to start: `ambitd -x NAME INDEX UID GID ROOT KEY SERVERS`; "-" for none. */
struct role_start {
	enum role id;
	unsigned index;
	uid_t uid;             /* (uid_t)-1: stay */
	gid_t gid;
	const char *root;      /* the root directory; NULL: stay */
	const char *key_file;  /* signer: opened before the role gives up its rights; engine: the folder of credentials; NULL: none */
	uid_t servers;         /* tools: whom stdio servers run as; (uid_t)-1: as the caller */
};
/* False when the arguments (after `-x`) are not of that form. */
bool role_start_parse(int argc, char **argv, struct role_start *ret);
/* Runs the role on descriptor 3 until its end; the process's exit code. */
int role_main(const struct role_start *start);

#endif
