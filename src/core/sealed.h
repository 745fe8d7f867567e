/* sealed: the secrets that people entrusted to Ambit, as core may know them: a name, a version, and a sealed form that only the signer
 * opens (crypto/vault.h). Core decides who gets one; the value goes from the signer to the tools role and nowhere else.
 *
 *   tools: WANT_SECRET ──▶ core: task alive? server names it? ──▶ event durable ──▶ UNSEAL ──▶ signer: SECRET ──▶ tools
 *
 * INVARIANT (R1): no UNSEAL leaves before its secret.released event is durable. */
#ifndef AMBIT_CORE_SEALED_H
#define AMBIT_CORE_SEALED_H

#include "base/buf.h"
#include "base/map.h"
#include "core/row.h"
#include "msg/msg.h"

struct core;
struct json;
struct json_error;
struct object_fault;

enum { SEALED_PER_SERVER = 16 };

struct sealed {
	struct map_node node;            /* core.secrets, by name */
	struct list all;                 /* core.secret_list, in order of name */
	struct row row;
	struct str *name, *by;
	uint64_t version;                /* 1 at first; a removed name begins at 1 again under another key */
	int64_t changed, used;           /* wall; used 0: never */
	uint64_t releases;
	uint8_t *form;
	uint32_t form_n;
};

struct sealed *sealed_find(const struct core *c, span name);
void sealed_free(struct core *c, struct sealed *s);
void sealed_encode(const struct sealed *s, struct buf *b);
status sealed_restore(struct core *c, span name, span value);

/* The `secrets` of a server's spec: [{"name", "env" | "header", "prefix"?, "discovery"?}]. E_BAD_REQUEST with *f. */
status sealed_check(const struct json *spec, bool http, struct object_fault *f, struct json_error *err);
/* MSG_WANT_SECRET: answered by the signer with SECRET, or here with NO_SECRET. */
void on_want_secret(struct core *c, const struct msg_want_secret *m);

#endif
