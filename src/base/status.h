/* status: the one error type.
 *
 * A function that can fail returns `status`; [[nodiscard]] makes ignoring it a compile error. A status is
 * propagated with TRY or ends at a boundary (endpoint, message handler, job). Denial is not an error: see
 * enum verdict in core. If a caller must branch on an outcome, that outcome is data (`bool *ret_found`). */
#ifndef AMBIT_BASE_STATUS_H
#define AMBIT_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct [[nodiscard]] status {
	uint16_t code;     /* enum error; 0 is success */
	uint16_t line;     /* where it was raised */
	const char *file;  /* static */
} status;

enum error {
	E_OK = 0,
#define X(name, http, oauth, exit, text) E_##name,
#include "base/errors.def"
#undef X
	E_COUNT
};

#define OK         ((status){ 0 })
#define FAIL(e)    ((status){ .code = (e), .line = (uint16_t)__LINE__, .file = __FILE__ })
#define TRY(expr)                                   \
	do {                                        \
		status try_s_ = (expr);             \
		if (try_s_.code != E_OK)            \
			return try_s_;              \
	} while (0)
#define ENSURE(cond, e)                             \
	do {                                        \
		if (!(cond))                        \
			return FAIL(e);             \
	} while (0)

/* Discards a status on purpose; the reason belongs in a comment beside it. */
#define IGNORE(expr) ((void)(expr).code)

/* Stays in release builds: kills the process when `x` is false. No network peer may be able to reach it. */
#define must(x) ((x) ? (void)0 : must_failed(#x, __FILE__, __LINE__))
_Noreturn void must_failed(const char *expr, const char *file, int line);

static inline bool failed(status s) { return s.code != E_OK; }

/* Static facts about a code (any uint16_t is accepted; out of range reads as INTERNAL). */
const char *error_name(uint16_t code);  /* "policy_denied" */
const char *error_text(uint16_t code);
const char *error_oauth(uint16_t code);
int error_http(uint16_t code);
int error_exit(uint16_t code);
/* The code with that lower-case name, or E_OK when there is none. */
uint16_t error_from_name(const char *name, size_t n);

/* Leaves scope: `CLEANUP(buf_fini) struct buf b`. The function takes a pointer to the variable. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
/* Moves a pointer out of a variable that has a cleanup. */
#define TAKE(p) ({ typeof(p) take_ = (p); (p) = NULL; take_; })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#endif
