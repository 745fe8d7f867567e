/* engine: credentials of an upstream (a database, an SSH certificate authority, a message broker), made for one lease and gone with it.
 *
 * An engine is one file and one row of engines.def. Its code BLOCKS: it runs in a worker process per upstream, which its role kills
 * when it hangs, so each call has a time-out of its own (option "timeout") but no loop. One handle is used by one thread.
 *
 * The rules that the contract suite (tests/engines/) holds every engine to:
 *   - The account's name follows from the lease id alone: prefix and the id's 12 digits in lower case. Who knows the id can revoke,
 *     also when create never answered.
 *   - create makes a new account or touches nothing (E_EXISTS). After any other failure the account may exist: revoke it.
 *   - revoke is E_OK only after the account's and its sessions' absence was read back. It may be called at any time and any number
 *     of times. Whatever it could not finish, it first takes away the login and cuts the sessions, as far as the upstream allows.
 *   - No password is in an error text, a log line or an argument. The text of engine_why() is what the upstream said, cleaned. */
#ifndef AMBIT_ENGINE_ENGINE_H
#define AMBIT_ENGINE_ENGINE_H

#include "base/buf.h"
#include "base/id.h"
#include "base/secret.h"
#include "text/json.h"
#include "text/schema_table.h"

struct engine;

enum engine_trait {
	ENGINE_NATIVE_END = 1,  /* the upstream itself refuses new logins after the lease's end */
	ENGINE_SESSIONS = 2,    /* has sessions, and revoke cuts them */
	ENGINE_RENEW = 4,       /* the native end can be moved */
	ENGINE_ROTATE = 8,      /* the root credential can be changed by us */
	ENGINE_LIST = 16,       /* accounts can be listed, so that orphans are found */
};

enum {
	ENGINE_PREFIX = 17,                        /* "ambit_" or the upstream's option "prefix": at most so many bytes */
	ENGINE_ACCOUNT = ENGINE_PREFIX + 12,       /* an account's name */
	ENGINE_FIELDS = 8,
};

/* What is asked for. For revoke only `lease` counts, for renew `lease` and `end`. */
struct lease_spec {
	uint64_t lease;                 /* an id of kind ID_LEASE */
	int64_t end;                    /* wall clock, seconds since 1970 */
	const struct json *grant;       /* the named template's body, as engine_grant_check accepted it */
	span agent, task;               /* names, for comments and correlation; cut after 64 bytes, control characters replaced */
};

/* What the holder gets. Names are static. */
struct engine_field {
	const char *name;               /* "username" */
	const char *env;                /* "PGUSER": what the usual clients read; NULL: none */
	struct secret *value;
	bool is_secret;                 /* the others may be shown and logged */
};

struct engine_credential {
	struct engine_field fields[ENGINE_FIELDS];
	size_t n;
};

/* What revoke found; added up over its attempts by the caller if it wants to. */
struct engine_finding {
	bool was_there;                 /* the account existed when revoke began */
	bool cut;                       /* no new login is possible and no session is left, whatever else failed */
	unsigned sessions;              /* ended by us */
	unsigned objects;               /* things the account owned: dropped */
	unsigned kept;                  /* things the account owned and others depend on: given to the root account */
	unsigned helpers;               /* further accounts that it made or that depended on it, removed */
};

/* One account whose name is that of a lease. What merely begins with the prefix is not ours, and in the inventory. */
struct engine_account {
	span name;
	uint64_t lease;
	int64_t end;                    /* native end, seconds; 0: none */
	unsigned sessions;
};

/* One account of the upstream, ours left out: for people who ask which credentials go round Ambit. */
enum engine_concern {
	ENGINE_NEVER_EXPIRES = 1,
	ENGINE_ADMIN = 2,               /* superuser, or may make accounts */
	ENGINE_SHARED = 4,              /* sessions from more than one address right now */
	ENGINE_NO_PASSWORD = 8,         /* logs in without one */
	ENGINE_ROOT = 16,               /* the account that Ambit itself uses */
	ENGINE_LOCKED = 32,             /* can not log in at present */
};

struct engine_standing {
	span name;
	unsigned concerns;              /* of enum engine_concern */
	int64_t end;                    /* 0: none */
	unsigned sessions;
};

/* A row of engines.def. Only the functions of this header call through it. */
struct engine_class {
	const char *name;               /* "postgres": the word of `ambit upstream add` */
	const char *title;              /* "PostgreSQL role" */
	unsigned traits;                /* of enum engine_trait; see engine_traits() */
	const char *risk;               /* without ENGINE_NATIVE_END: what an owner must know, one sentence; else NULL */
	const struct schema *upstream;  /* options of an upstream; its struct begins with struct engine_options */
	const struct schema *grant;     /* a template's body */
	const char *reads;              /* the option that names a file it reads while it works; NULL: none */
	const char *writes;             /* the option that names a file it writes, with others beside it; NULL: none */
	size_t size;                    /* of the handle, which begins with struct engine */
	status (*open)(struct engine *e);                  /* checks e->options; no I/O */
	void (*close)(struct engine *e);
	status (*check)(const void *grant, struct buf *reterr);
	status (*test)(struct engine *e, struct buf *notes);
	status (*create)(struct engine *e, const struct lease_spec *l, const char *account, const void *grant, struct engine_credential *out);
	status (*renew)(struct engine *e, const struct lease_spec *l, const char *account);
	status (*revoke)(struct engine *e, const struct lease_spec *l, const char *account, struct engine_finding *out);
	status (*list)(struct engine *e, status (*fn)(void *user, const struct engine_account *a), void *user);
	status (*inventory)(struct engine *e, status (*fn)(void *user, const struct engine_standing *s), void *user);
	status (*rotate)(struct engine *e, const struct secret *fresh);
};

/* The engine of that name, or NULL. */
const struct engine_class *engine_find(span name);
/* Row i, NULL at the end. */
const struct engine_class *engine_at(size_t i);

/* ---- checking, without an upstream ---- */

/* Every fault is a line in reterr (may be NULL). E_BAD_CONFIG, E_LIMIT, E_NO_MEMORY. */
status engine_options_check(const struct engine_class *c, const struct json *options, struct buf *reterr);
status engine_grant_check(const struct engine_class *c, const struct json *grant, struct buf *reterr);

/* ---- an open upstream ---- */

/* Connects only when the first call needs it. `options` and `root` are copied. E_BAD_CONFIG with lines in reterr, E_NO_MEMORY. */
status engine_open(const struct engine_class *c, const struct json *options, const struct secret *root, struct buf *reterr, struct engine **ret);
/* Takes NULL, returns NULL. */
struct engine *engine_close(struct engine *e);
void engine_closep(struct engine **e);   /* for CLEANUP */
/* Why the last call failed, for people and logs: one line of at most 255 bytes, printable, no secret in it; "" if nothing more is known. */
const char *engine_why(const struct engine *e);

/* The class's traits and those that the options add (MariaDB has a native end with `event_schema`): what counts for a lease. */
unsigned engine_traits(const struct engine *e);

/* prefix and digits, NUL-terminated. */
void engine_account_name(const struct engine *e, uint64_t lease, char out[static ENGINE_ACCOUNT + 1]);
/* The lease whose account that is, or 0. */
uint64_t engine_account_lease(const struct engine *e, span name);

/* All below: E_UNAVAILABLE (the upstream can not be reached), E_TIMEOUT, E_UPSTREAM (it refused or spoke nonsense),
 * E_NOT_PERMITTED (it refused the root credential), E_NO_MEMORY, E_LIMIT, E_NOT_IMPLEMENTED (not a trait of this engine). */

/* Reaches it, logs in, and checks that the root credential may do all that is needed. One line per thing to know in `notes`. */
status engine_test(struct engine *e, struct buf *notes);
/* E_EXISTS; E_BAD_CONFIG (the template does not fit this upstream); E_BAD_REQUEST (the end is past). *ret is filled only on success. */
status engine_create(struct engine *e, const struct lease_spec *l, struct engine_credential *ret);
/* E_NOT_FOUND when the account is gone. */
status engine_renew(struct engine *e, const struct lease_spec *l);
/* *ret is filled also on failure, with what was reached. */
status engine_revoke(struct engine *e, uint64_t lease, struct engine_finding *ret);
/* The callback's failure ends the walk and is passed on. It may not call the engine. */
status engine_list(struct engine *e, status (*fn)(void *user, const struct engine_account *a), void *user);
status engine_inventory(struct engine *e, status (*fn)(void *user, const struct engine_standing *s), void *user);

/* Changing the root credential so that no crash locks everybody out: make a fresh one, SEAL IT BESIDE THE OLD, then rotate; on E_OK
 * the fresh one is in force (a login with it was made) and the handle uses it. On any failure call it again with the same two:
 * it finds out by itself which one the upstream takes. */
status engine_root_generate(const struct engine *e, struct secret **ret);
status engine_rotate(struct engine *e, const struct secret *fresh);

/* ---- credentials ---- */

void engine_credential_fini(struct engine_credential *c);   /* wipes */
/* The field's value, or the empty span. */
span engine_credential_get(const struct engine_credential *c, const char *name);

#endif
