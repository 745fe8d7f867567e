/* http1: strict HTTP/1.1 (RFC 9112), sans-IO. One reading of the bytes or none.
 *
 * Everything a tolerant parser forgives is refused, because two parsers that forgive differently are a smuggling hole:
 * bare CR or LF, obs-fold, blanks before the colon, control bytes, Content-Length with Transfer-Encoding, two
 * Content-Lengths even if equal, any transfer coding but one "chunked", chunk extensions, trailers, absent or double
 * Host, HTTP/1.0 with Transfer-Encoding, absolute-form and authority-form targets. docs/DEVIATIONS.md lists where this is
 * stricter than the RFC asks.
 *
 * Heads are parsed where they lie: feed the same growing buffer, from its first byte, until http1_scan says HTTP1_HEAD. */
#ifndef AMBIT_NET_HTTP1_H
#define AMBIT_NET_HTTP1_H

#include "net/http.h"

/* How the body is delimited. */
enum http1_body {
	HTTP1_NONE,        /* no body */
	HTTP1_LENGTH,      /* content_length bytes */
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* responses only */
};

enum http1_scan {
	HTTP1_MORE,        /* no verdict yet; nothing wrong so far */
	HTTP1_HEAD,        /* the head is complete */
	HTTP1_BAD,
};

/* Finds the end of a head, remembering how far it looked. Zeroed: at the start of a message. */
struct http1_scanner {
	size_t pos, line;       /* looked at so far; where the present line began */
	uint8_t blank;          /* empty lines before the start line */
};

/* Looks at in[s->pos..]. HTTP1_HEAD: *ret_len is the head's length with its empty line. HTTP1_BAD: *ret_err is
 * E_BAD_REQUEST, or E_HEADERS_TOO_LARGE once more than max_head bytes came without an end. Refuses bare CR, bare LF, NUL
 * and other control bytes as soon as they are seen. Up to two empty lines before the start line are part of the head
 * (RFC 9112 §2.2; only a request may have them). Linear over all calls together. */
enum http1_scan http1_scan(struct http1_scanner *s, span in, size_t max_head, size_t *ret_len, uint16_t *ret_err);

struct http1_request {
	struct http_request r;                          /* r.fields.p points to `fields`; r.body is empty */
	struct http_field fields[HTTP_MAX_FIELDS];
	enum http1_body body;
	uint64_t content_length;
	uint8_t minor;                                  /* HTTP/1.minor */
	bool keep_alive;
	bool expect_continue;
};

/* Parses a complete head (as measured by http1_scan). E_BAD_REQUEST, E_HEADERS_TOO_LARGE (too many fields),
 * E_NOT_IMPLEMENTED (unknown method, transfer coding, expectation or version). The spans live as
 * long as the bytes of `head`. */
status http1_parse_request(span head, struct http1_request *ret);

struct http1_response {
	unsigned status;                                /* 100..599 */
	span reason;
	span content_type;
	struct http_fields f;                           /* f.p points to `fields` */
	struct http_field fields[HTTP_MAX_FIELDS];
	enum http1_body body;
	uint64_t content_length;
	uint8_t minor;
	bool keep_alive;
};

/* `method`: of the request this answers (HEAD has no body, RFC 9112 §6.3). A 1xx head has no body and is not the
 * final answer; 101 is refused, since we never ask for an upgrade. E_UPSTREAM when it is not one we can read. */
status http1_parse_response(span head, enum http_method method, struct http1_response *ret);

/* Chunked body, decoded byte run by byte run. */
struct http1_chunked {
	uint64_t left;          /* of the chunk we are in */
	uint64_t total;         /* decoded so far */
	uint64_t max;           /* more than this is E_LIMIT */
	uint8_t state;
	uint8_t digits;
};

enum http1_chunk {
	HTTP1_CHUNK_MORE,       /* all input used */
	HTTP1_CHUNK_DATA,       /* *ret_data is the next run of body bytes, inside *in */
	HTTP1_CHUNK_END,        /* the body is complete */
	HTTP1_CHUNK_BAD,        /* *ret_err: E_BAD_REQUEST or E_LIMIT */
};

void http1_chunked_init(struct http1_chunked *c, uint64_t max);
/* Consumes from the front of *in. Call until HTTP1_CHUNK_MORE or an end. Chunk sizes: 1-16 hex digits, nothing else on
 * the line; the last chunk is followed by an empty line, no trailers. */
enum http1_chunk http1_chunked_next(struct http1_chunked *c, span *in, span *ret_data, uint16_t *ret_err);

struct buf;
/* Writers. E_INTERNAL for a name or value that is not http_name_ok/http_value_ok, or for a framing field (Content-Length,
 * Transfer-Encoding, Connection: those are ours); then part of the fields may have been appended. */
status http1_put_fields(struct buf *b, struct http_fields f);
void http1_put_chunk(struct buf *b, span data);     /* nothing for an empty span */
void http1_put_last_chunk(struct buf *b);

#endif
