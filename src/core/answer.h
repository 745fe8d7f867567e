/* answer: how core says things in JSON. */
#ifndef AMBIT_CORE_ANSWER_H
#define AMBIT_CORE_ANSWER_H

#include "crypto/hash.h"
#include "msg/msg.h"
#include "text/json.h"

struct core;

/* "key":"tsk_…" */
void write_id(struct json_writer *w, const char *key, uint64_t id);
/* An RFC 3339 string. */
void write_time(struct json_writer *w, int64_t ns);
/* "key":"sha256:…" */
void write_digest(struct json_writer *w, const char *key, const digest *d);
/* "sha256:" and 64 hex digits. */
bool digest_parse(span s, digest *ret);

/* Sends ANSWER now. A broken body becomes E_LIMIT or E_NO_MEMORY. */
void answer(struct core *c, enum role to, unsigned index, uint64_t req, uint16_t error, const struct buf *body);
/* The same once everything decided so far is durable. */
void answer_held(struct core *c, enum role to, unsigned index, uint64_t req, const struct buf *body);
/* {"error":{code, exit, message, detail, retryable, docs}} */
void error_body(uint16_t code, span detail, struct buf *b);
void answer_error(struct core *c, enum role to, unsigned index, uint64_t req, uint16_t code, span detail);

#endif
