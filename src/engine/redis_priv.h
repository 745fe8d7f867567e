/* The Redis engine's parts: the connection (redis_conn.c), accounts (redis.c). */
#ifndef AMBIT_ENGINE_REDIS_PRIV_H
#define AMBIT_ENGINE_REDIS_PRIV_H

#include "engine/engine_priv.h"
#include "engine/resp.h"
#include "engine/stream.h"

struct redis_options {
	struct engine_options common;
	span host, user, ca, client_host;
	int64_t port, client_port;
	bool tls, save, kill_scripts;
};

struct redis_engine {
	struct engine e;
	struct stream s;
	bool unblock;                   /* end a script that keeps us waiting */
};

static inline struct redis_engine *
redis_of(struct engine *e)
{
	return (struct redis_engine *)e;
}

static inline const struct redis_options *
redis_options(const struct redis_engine *r)
{
	return (const struct redis_options *)r->e.options;
}

#define REDIS(g, a, ret, ...) \
	redis_ask((g), (a), (ret), sizeof((const span[]){ __VA_ARGS__ }) / sizeof(span), (const span[]){ __VA_ARGS__ })

/* One command and its reply, which lives in `a` until the next command. An error reply is a failure: E_NOT_PERMITTED, E_TIMEOUT (a script
 * keeps the server busy), E_UPSTREAM, with engine_why. Connects first when needed, and then ends what earlier handles left. */
status redis_ask(struct redis_engine *g, struct arena *a, struct resp *ret, size_t n, const span *args);
/* A connection with that root password and nothing else; closed again. */
status redis_try_login(struct redis_engine *g, const struct secret *password);

/* The lines of CLIENT LIST: fn for each whose value of `key` is `value`; `addr` is its address without the port. */
status redis_clients(struct redis_engine *g, span key, span value, status (*fn)(void *user, span id, span addr), void *user);

#endif
