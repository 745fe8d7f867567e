/* What engines share; only src/engine/ includes this. */
#ifndef AMBIT_ENGINE_ENGINE_PRIV_H
#define AMBIT_ENGINE_ENGINE_PRIV_H

#include "engine/engine.h"
#include "text/time.h"

/* The first member of each upstream's options, read by ENGINE_COMMON_FIELDS. */
struct engine_options {
	span prefix;                    /* default "ambit_" */
	int64_t timeout;                /* nanoseconds for one exchange with the upstream; default 10 s */
};

#define ENGINE_COMMON_FIELDS(type)                                                                                             \
	{ "prefix", SCHEMA_STR, SCHEMA_AT(type, common.prefix), .min = 2, .max = ENGINE_PREFIX,                                \
	  .doc = "how our accounts' names begin; each Ambit that shares an upstream with another needs one of its own. Default `ambit_`" }, \
	{ "timeout", SCHEMA_DURATION, SCHEMA_AT(type, common.timeout), .min = 100 * 1000000, .max = 600 * TIME_SECOND,         \
	  .doc = "for one exchange with the upstream. Default `10s`" }

struct engine {
	const struct engine_class *class;
	struct arena arena;             /* of the options */
	const struct engine_options *options;
	unsigned traits;                /* beyond the class's */
	struct secret *root;            /* may be NULL where an engine needs none */
	char why[256];
};

/* Sets engine_why: control characters and bytes that are not UTF-8 become '?', white space one blank. */
void engine_because(struct engine *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 32 characters of [0-9a-z], 160 random bits. */
status engine_password(struct secret **ret);
/* Adds a field. The second form consumes `own`, also on failure. E_LIMIT when there are too many. */
status engine_field_put(struct engine_credential *c, const char *name, const char *env, span value);
status engine_field_secret(struct engine_credential *c, const char *name, const char *env, struct secret *own);

/* At most 64 bytes of a name, fit for a comment: printable ASCII but quotes and back slashes, everything else '?'. */
void engine_comment_name(span name, struct buf *out);

/* CLOCK_MONOTONIC in nanoseconds, and the end of an exchange that begins now. */
int64_t engine_now(void);
int64_t engine_wall(void);              /* seconds since 1970 */
int64_t engine_deadline(const struct engine *e);
/* Waits until fd has one of the poll(2) events or the deadline passes: E_TIMEOUT. */
status engine_wait(int fd, short events, int64_t deadline);
/* Lets a millisecond or so pass between two looks, longer each time: E_TIMEOUT once the deadline is past. */
status engine_pause(unsigned *tries, int64_t deadline);

#endif
