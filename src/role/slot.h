/* slot: one role process and its place: started, watched, restarted. supervisor.c holds them together. */
#ifndef AMBIT_ROLE_SLOT_H
#define AMBIT_ROLE_SLOT_H

#include "ipc/channel.h"

#include <sys/types.h>

enum slot_state { SLOT_DOWN, SLOT_STARTING, SLOT_UP, SLOT_WAITING };

struct slot {
	const struct slot_ops *ops;
	void *ctx;
	struct loop *loop;
	enum role id;
	unsigned index;
	enum slot_state state;
	uid_t uid;                  /* (uid_t)-1: as the supervisor */
	char root[4096];            /* "-" or where it is locked in */
	char dir[4096];             /* its own directory as it sees it; "" none */
	const char *key_file;       /* signer: opened by the child before it gives up its rights; engine: the folder of credentials */

	int processor;              /* where it runs once it is up; -1: anywhere */
	uid_t servers;              /* tools: whom stdio servers run as; (uid_t)-1: as the supervisor */

	pid_t pid;
	struct loop_fd pidfd;
	struct channel *channel;    /* NULL while down or once the channel ended */
	struct loop_timer again;    /* restart, or the kill of a stop */
	int64_t started;            /* boot time */
	int64_t backoff;            /* of the next restart */
	unsigned restarts;
	unsigned complaints;        /* of more trusted roles, in this life */
	bool stopping;
};

struct slot_ops {
	/* The process runs and its channel stands: send CONFIG, LISTEN, LINK. */
	void (*started)(struct slot *s);
	void (*message)(struct slot *s, struct msg *m);
	/* The process is gone. It will be restarted unless it was stopping. */
	void (*gone)(struct slot *s);
};

/* Starts the process; on failure waits and tries again. */
void slot_start(struct slot *s, int exe_fd);
/* SIGKILL; `gone` follows. */
void slot_kill(struct slot *s);
/* STOP, and SIGKILL if that does not help in time. `gone` follows, at once if it is down. */
void slot_stop(struct slot *s);

#endif
