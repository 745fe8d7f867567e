/* mcp: the server side of the Model Context Protocol, both eras on one endpoint; parse and render, no I/O.
 *
 * Modern: 2026-07-28, stateless, every request self-describing in params._meta and mirrored in headers. Legacy: 2025-11-25
 * and older, which begin with `initialize`. The era is decided per request, never remembered: authority hangs on the
 * task's token or peer, not on an MCP session, so no session id is ever issued.
 *
 * Whatever two readers could read differently is refused here: duplicate members (by the JSON reader), members that
 * differ only by case from the ones we read, batches, headers that do not match the body. */
#ifndef AMBIT_API_MCP_H
#define AMBIT_API_MCP_H

#include "net/http.h"
#include "text/json.h"

#define MCP_MODERN_VERSION "2026-07-28"

enum mcp_era { MCP_LEGACY, MCP_MODERN };

enum mcp_method {
	MCP_INITIALIZE, MCP_DISCOVER, MCP_PING, MCP_TOOLS_LIST, MCP_TOOLS_CALL, MCP_LISTEN,
	MCP_CANCELLED,      /* notification: params.requestId in `cancel_id` */
	MCP_NOTIFICATION,   /* any other notification */
	MCP_UNKNOWN,        /* a request for a method we do not serve */
};

/* Codes that are ours to send. */
enum mcp_code {
	MCP_PARSE = -32700, MCP_INVALID = -32600, MCP_NO_METHOD = -32601, MCP_BAD_PARAMS = -32602, MCP_INTERNAL = -32603,
	MCP_HEADER_MISMATCH = -32020, MCP_VERSION = -32022,
};

/* Spans point into the request body or the arena. */
struct mcp_message {
	enum mcp_era era;
	enum mcp_method method;
	span method_name;
	span id;                /* the id as JSON text; empty for a notification */
	span version;           /* the revision to answer in */
	span tool;              /* tools/call: params.name */
	span args;              /* tools/call: params.arguments in canonical form, "{}" when absent */
	span client_ref;        /* the client's own id of the call, or empty: a claim */
	span progress_token;    /* as JSON text, or empty */
	span cancel_id;         /* as JSON text */
	span mirrored;          /* tools/call, modern, over HTTP: JSON object of the Mcp-Param-* headers, names in lower case without the prefix, values decoded */
	bool listen_tools;      /* subscriptions/listen asked for tool list changes */
};

/* Why a message was refused before anybody decided anything. */
struct mcp_refusal {
	unsigned http;          /* status to answer with */
	int code;               /* enum mcp_code */
	span id;                /* JSON text, or empty: null */
	span message;
	span data;              /* JSON text, or empty */
};

/* Reads one POST body with its headers. `headers` NULL: the message came without HTTP headers of its own (they were not
 * sent over HTTP by the original client), so mirroring is not demanded. On refusal fills *reterr and returns false; that
 * includes memory running out. */
bool mcp_read(struct arena *a, span body, const struct http_fields *headers, struct mcp_message *ret,
              struct mcp_refusal *reterr);

/* {"jsonrpc":"2.0","id":…,"error":{…}} */
void mcp_render_refusal(struct buf *b, const struct mcp_refusal *r);
void mcp_render_error(struct buf *b, span id, int code, span message);
/* {"jsonrpc":"2.0","id":ID,"result":RESULT}; RESULT is a JSON object's text. In the modern era `resultType` is added when the
 * object has none. */
void mcp_render_result(struct buf *b, const struct mcp_message *m, span result);
/* Answers to initialize and server/discover. */
void mcp_render_hello(struct buf *b, const struct mcp_message *m);
/* tools/list: `tools` is core's JSON array; Ambit's own tools are appended. */
void mcp_render_tools(struct buf *b, const struct mcp_message *m, span tools);
/* A tool result that says no, or not yet (PRODUCT A3): two lines of text, and the verdict as _meta["dev.ambit/verdict"]. `detail` is
 * the verdict's JSON object. */
void mcp_render_denial(struct buf *b, const struct mcp_message *m, span detail);
/* A failed call (upstream broke, call was cut): isError with `text`, nothing more. */
void mcp_render_failure(struct buf *b, const struct mcp_message *m, span text, uint16_t error);
/* {"jsonrpc":"2.0","method":"notifications/progress","params":PARAMS} with the client's own token in place of ours. */
void mcp_render_progress(struct buf *b, const struct mcp_message *m, span params);
/* The acknowledgement of subscriptions/listen and later list_changed notifications, tagged with the subscription. */
void mcp_render_listening(struct buf *b, const struct mcp_message *m);
void mcp_render_tools_changed(struct buf *b, const struct mcp_message *m);

/* Ambit's own tools. MCP_OWN_NONE for any other name. */
enum mcp_own { MCP_OWN_NONE, MCP_OWN_AWAIT, MCP_OWN_REQUEST, MCP_OWN_EXPLAIN };
enum mcp_own mcp_own_tool(span name);

#endif
