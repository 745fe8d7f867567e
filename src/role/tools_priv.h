/* tools: the egress to tool servers. It talks outward only on a PERMIT that core has made durable, sends the canonical call that
 * policy saw and nothing else, and hands result bytes to the edge that asked.
 *
 * A session is one conversation with one server for one task (task 0: discovery, without network or secrets). A call waits
 * in its session until the server's definitions are known and the digest of its tool equals the reviewed one.
 *
 *   session  starting ──▶ open ──▶ ending ──▶ gone      (ending: killed; gone: nothing of it is left, seen by pidfd or closed socket)
 *   call     queued ──▶ dispatched ──▶ done | cut | unknown
 *              └──▶ refused (never dispatched)                                                                       */
#ifndef AMBIT_ROLE_TOOLS_PRIV_H
#define AMBIT_ROLE_TOOLS_PRIV_H

#include "api/mcp_client.h"
#include "base/list.h"
#include "base/map.h"
#include "base/secret.h"
#include "ipc/jail.h"
#include "net/http_client.h"
#include "role/role.h"

enum {
	TOOLS_PROGRESS_WINDOW = 256 * 1024,  /* progress bytes an edge may have unread */
	TOOLS_START_S = 20,                  /* from start to a complete tool list */
	TOOLS_END_S = 5,                     /* until an ending session counts as unconfirmed */
	TOOLS_ARGS = 256,
	TOOLS_SECRETS = 16,
};

/* One of the `secrets` of a server's spec. */
struct server_secret {
	span name, where, prefix;      /* where: environment variable or header */
	bool discovery;
};

struct tool_server {
	struct map_node node;          /* tools.servers, by id */
	uint64_t id;
	struct arena arena;            /* what the spans below point into */
	span name;
	bool http, network;
	span argv[TOOLS_ARGS], env[TOOLS_ARGS], read[TOOLS_ARGS], write[TOOLS_ARGS];
	size_t argc, envc, reads, writes;
	struct server_secret secrets[TOOLS_SECRETS];
	uint32_t secret_n;
	span cwd, url_path;
	uint32_t memory_mb;
	int64_t idle_ns;
	struct http_upstream *upstream;
	struct tls_client *tls;
	char *host;
	unsigned refs;                 /* sessions */
	bool gone;
};

enum session_state { SESSION_STARTING, SESSION_OPEN, SESSION_ENDING };

struct session;
struct transport {
	status (*start)(struct session *s);
	status (*send)(struct session *s, const struct mcp_outgoing_message *m);
	/* The call's exchange ends now, if the transport has one for each call. */
	void (*cut)(struct session *s, uint64_t id);
	/* Begins the end; session_gone() follows when nothing is left. */
	void (*end)(struct session *s);
};
extern const struct transport stdio_transport, http_transport;

struct session {
	struct list link;              /* tools.sessions */
	struct tools *tools;
	struct tool_server *server;
	const struct transport *transport;
	uint64_t task;                 /* 0: discovery */
	uint64_t discover_req;
	enum session_state state;
	uint64_t ref;                  /* what its secrets come under */
	struct secret *secrets[TOOLS_SECRETS];   /* "NAME=value" or prefix and value */
	uint32_t secrets_due;
	bool reported;                 /* FOUND sent for this listing */
	struct mcp_client *mcp;
	struct list calls;
	struct loop_timer timer;       /* start deadline, idle stop, end deadline */
	struct loop_grave grave;
	struct loop_hook hook;         /* deferred ending: never from inside the client's callbacks */
	uint16_t end_error;            /* why its calls end */
	bool unconfirmed;
	/* stdio */
	struct loop_fd in, out, err, pidfd;
	int pid_fd;
	struct buf outgoing, incoming;
	/* http */
	struct list posts;
	char session_id[256];
};

struct call {
	struct map_node node;          /* tools.calls, by id */
	struct list link;              /* session.calls */
	struct session *session;
	uint64_t id, req, wire_id;
	enum role edge;
	unsigned index;
	enum call_state state;
	bool progress;
	uint32_t unread;               /* progress bytes not yet credited */
	digest definition;
	struct loop_timer deadline;
	char *tool;
	struct buf args;
};

/* A task whose sessions are ending. */
struct leaving {
	struct list link;
	uint64_t task;
	uint32_t stopped;
	bool told;
};

struct tools {
	struct worker *w;
	struct jailer *jailer;
	struct map servers, calls;
	struct list sessions, leaving;
	uint64_t next_ref;
};

/* tools_server.c */
status tools_server_set(struct tools *t, const struct msg_server *m);
void tools_server_gone(struct tools *t, uint64_t id);
struct tool_server *tools_server_find(struct tools *t, uint64_t id);
void tools_server_unref(struct tools *t, struct tool_server *s);

/* tools_session.c */
status session_open(struct tools *t, struct tool_server *server, uint64_t task, struct session **ret);
void session_call(struct session *s, struct call *c);
/* Ends it after this turn's callbacks; its calls end with `error`. Safe from anywhere. */
void session_end(struct session *s, uint16_t error);
/* From a transport: nothing of the session is left. */
void session_gone(struct session *s);
/* From a transport: the channel to the server broke. */
void session_lost(struct session *s, span why);

/* tools_call.c */
status tools_permit(struct tools *t, const struct msg_permit *m);
void tools_cut(struct tools *t, uint64_t call, uint16_t error);
void tools_credit(struct tools *t, const struct msg_result_credit *m);
struct call *tools_call_find(struct tools *t, uint64_t id);
void call_progress(struct call *c, span params);
void call_done(struct call *c, span result, bool is_error);
/* Ends without a result: state is CALL_CUT, CALL_UNKNOWN or CALL_REFUSED. `why` goes to the caller. */
void call_failed(struct call *c, enum call_state state, uint16_t error, span why);
void call_dispatched(struct call *c);

/* tools_secret.c */
status tools_secrets_read(struct tool_server *s, const struct json *spec);
/* Asks core for what the session may have; its transport starts when all is there. `secrets_due` 0: nothing is to be waited for. */
status session_secrets_ask(struct session *s);
void tools_secret(struct tools *t, struct msg *m);
void tools_no_secret(struct tools *t, const struct msg_no_secret *m);
void session_secrets_free(struct session *s);
/* `text` without the session's secrets; it is `text` itself, or lies in tmp. A server that wants to smuggle one out can still encode it. */
span session_redact(struct session *s, span text, struct buf *tmp);

/* tools_leave.c */
void tools_task_gone(struct tools *t, uint64_t task);
void tools_leave_check(struct tools *t);

#endif
