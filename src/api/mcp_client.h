/* mcp_client: the client side of MCP towards a tool server, as a state machine without I/O, for any transport.
 *
 *   new ──hello──▶ greeting ──result──▶ listing ──last page──▶ ready ──list_changed──▶ listing
 *                     │ refused: the other era is tried once
 *
 * Every byte that comes in is hostile: one strict reading, bounded, and nothing of it is passed on but results of calls we
 * made and progress of calls we made. Requests of the server (sampling, roots, elicitation) are refused.
 *
 * The legacy era (2025-11-25, `initialize`) is tried first: servers of both eras answer it, and most answer only it. */
#ifndef AMBIT_API_MCP_CLIENT_H
#define AMBIT_API_MCP_CLIENT_H

#include "api/mcp.h"
#include "crypto/hash.h"

enum {
	MCP_MESSAGE_MAX = 16 << 20,   /* one message from a server */
	MCP_LIST_MAX = 4 << 20,       /* all definitions of a server */
	MCP_TOOLS_MAX = 1024,
};

enum mcp_client_state { MCP_NEW, MCP_GREETING, MCP_LISTING, MCP_READY, MCP_BROKEN };

struct mcp_client;

/* What goes out: a whole JSON-RPC message without line end. `id` 0: a notification or an answer of ours, nothing to wait
 * for. `method` and `name` are for mirroring in HTTP headers. */
struct mcp_outgoing_message {
	span text;
	uint64_t id;
	const char *method;
	span name;
};

struct mcp_client_events {
	status (*send)(void *ctx, const struct mcp_outgoing_message *m);
	/* The definitions are complete, first or again. */
	void (*listed)(void *ctx);
	/* An answer to mcp_client_call. `result`: canonical JSON of the result object, `is_error` as the tool said; or empty with
	 * `why`, a line for the caller, when the server answered with an error or nonsense. */
	void (*result)(void *ctx, uint64_t call, span result, bool is_error, span why);
	/* Progress of a call: canonical JSON of the notification's params. */
	void (*progress)(void *ctx, uint64_t call, span params);
	/* The server does not speak MCP as it should; use no more. */
	void (*broken)(void *ctx, span why);
};

/* `ev` and ctx are borrowed. */
status mcp_client_new(const struct mcp_client_events *ev, void *ctx, struct mcp_client **ret);
struct mcp_client *mcp_client_free(struct mcp_client *c);

/* Begins the conversation. */
void mcp_client_start(struct mcp_client *c);
/* One message of the server. Callbacks may free c only after this returns. */
void mcp_client_feed(struct mcp_client *c, span message);
/* A request we sent can get no answer (HTTP: the exchange failed). */
void mcp_client_failed(struct mcp_client *c, uint64_t id, span why);

enum mcp_client_state mcp_client_state(const struct mcp_client *c);
enum mcp_era mcp_client_era(const struct mcp_client *c);
span mcp_client_version(const struct mcp_client *c);
/* The definitions as a canonical JSON array; valid until the next listing. */
span mcp_client_definitions(const struct mcp_client *c);
/* The digest of the tool of that name. False when the server has no such tool (or two). */
bool mcp_client_digest(const struct mcp_client *c, span tool, digest *ret);
/* Asks for the list again. */
void mcp_client_list(struct mcp_client *c);

/* Sends tools/call; only when ready. `args` is canonical JSON: the server gets these bytes and no others (R12). `call` names it in
 * callbacks. *ret_id is the request's id on the wire. */
status mcp_client_call(struct mcp_client *c, uint64_t call, span tool, span args, bool progress, uint64_t *ret_id);
/* Forgets the call and tells the server (notifications/cancelled). */
void mcp_client_cancel(struct mcp_client *c, uint64_t call);

#endif
