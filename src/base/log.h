/* log: operational log lines, JSON, one per line, to descriptor 2. Only role/ and cmd/ log; libraries return.
 *
 *   log_warn("upstream refused", KV("server", name_span), KV("code", 503));
 *
 * KV picks by type; passing a struct secret * does not compile. Text is escaped, cut at 1 KiB a value. Audit is
 * something else: see log/event.h. */
#ifndef AMBIT_BASE_LOG_H
#define AMBIT_BASE_LOG_H

#include "base/span.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_kv {
	const char *key;
	enum { LOG_KV_INT, LOG_KV_UINT, LOG_KV_SPAN, LOG_KV_BOOL, LOG_KV_STATUS } kind;
	union {
		int64_t i;
		uint64_t u;
		span s;
		bool b;
		status st;
	};
};

static inline struct log_kv log_kv_int(const char *k, int64_t v) { return (struct log_kv){ k, LOG_KV_INT, { .i = v } }; }
static inline struct log_kv log_kv_uint(const char *k, uint64_t v) { return (struct log_kv){ k, LOG_KV_UINT, { .u = v } }; }
static inline struct log_kv log_kv_span(const char *k, span v) { return (struct log_kv){ k, LOG_KV_SPAN, { .s = v } }; }
static inline struct log_kv log_kv_str(const char *k, const char *v) { return log_kv_span(k, span_str(v)); }
static inline struct log_kv log_kv_bool(const char *k, bool v) { return (struct log_kv){ k, LOG_KV_BOOL, { .b = v } }; }
static inline struct log_kv log_kv_status(const char *k, status v) { return (struct log_kv){ k, LOG_KV_STATUS, { .st = v } }; }

#define KV(key, v) _Generic((v),                                              \
	bool: log_kv_bool, char *: log_kv_str, const char *: log_kv_str,      \
	span: log_kv_span, status: log_kv_status,                             \
	int: log_kv_int, long: log_kv_int, long long: log_kv_int,             \
	short: log_kv_int, signed char: log_kv_int,                           \
	unsigned char: log_kv_uint, unsigned short: log_kv_uint,              \
	unsigned: log_kv_uint, unsigned long: log_kv_uint,                    \
	unsigned long long: log_kv_uint)(key, v)

/* Names the role in every line ("core"). `name` must be static. Default "ambit". */
void log_init(const char *name, enum log_level min);
void log_write(enum log_level level, const char *msg, const struct log_kv *kv, size_t n);

#define LOG_LINE_(level, msg, ...)                                            \
	log_write(level, msg, (struct log_kv[]){ { 0 }, ##__VA_ARGS__ } + 1,  \
	          sizeof((struct log_kv[]){ { 0 }, ##__VA_ARGS__ }) / sizeof(struct log_kv) - 1)
#define log_debug(msg, ...) LOG_LINE_(LOG_DEBUG, msg, ##__VA_ARGS__)
#define log_info(msg, ...)  LOG_LINE_(LOG_INFO, msg, ##__VA_ARGS__)
#define log_warn(msg, ...)  LOG_LINE_(LOG_WARN, msg, ##__VA_ARGS__)
#define log_error(msg, ...) LOG_LINE_(LOG_ERROR, msg, ##__VA_ARGS__)

#endif
