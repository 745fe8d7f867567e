/* bridge: the parts of `ambit mcp` that need no socket: what a line asks for, and what goes back when no answer can be had. */
#ifndef AMBIT_CMD_BRIDGE_H
#define AMBIT_CMD_BRIDGE_H

#include "base/arena.h"
#include "base/buf.h"

enum { BRIDGE_MAX_LINE = 4 << 20 };

enum bridge_kind {
	BRIDGE_REQUEST, BRIDGE_NOTIFICATION,
	BRIDGE_RESPONSE,        /* of the client; the server never asks, so it is dropped */
	BRIDGE_BAD,             /* answered at once with `error` */
};

struct bridge_message {
	enum bridge_kind kind;
	bool initialize, call, modern;
	span id;                /* JSON text; empty when there is none */
	span method;
	span cancels;           /* notifications/cancelled: the request's id as JSON text */
	span headers;           /* header lines that mirror the body (MCP 2026-07-28, "Streamable HTTP"), or empty */
	int error;              /* JSON-RPC code for BRIDGE_BAD */
	const char *why;
};

/* Reads one line. Everything lives in `a`. E_NO_MEMORY, E_LIMIT only; a bad line is BRIDGE_BAD. */
status bridge_read(struct arena *a, span line, struct bridge_message *ret);
/* {"jsonrpc":"2.0","id":ID,"error":{"code","message"}} and a newline; empty id: null. */
void bridge_error(struct buf *b, span id, int code, const char *message);
/* A tool result with isError, the only form whose text reaches a model in every client; and a newline. */
void bridge_failed_call(struct buf *b, span id, bool modern, const char *text);
/* Appends `json` as one line: line breaks between its tokens are left out. */
void bridge_line(struct buf *b, span json);

#endif
