/* refresh: refresh tokens. One family a task: a name that stays and a secret that changes at every use (RFC 9700 §4.14.2). An old secret
 * shown again means that two hold the family: the task ends.
 *
 * The text is base64url of 16 bytes of name and 32 of secret. Rows survive a restart, so a used secret stays used. */
#ifndef AMBIT_CORE_REFRESH_H
#define AMBIT_CORE_REFRESH_H

#include "base/map.h"
#include "core/row.h"
#include "crypto/hash.h"

struct core;
struct issue;
struct task;

enum { REFRESH_TEXT = 64 };

struct refresh {
	struct map_node node;            /* core.refreshes, by family */
	struct row row;
	digest family, secret;           /* SHA-256 of the two halves */
	digest confirm;
	uint64_t task_id;
	uint8_t binding, audience;
};

/* A new family for the task, bound as its first token is. */
status refresh_new(struct core *c, const struct task *t, const struct issue *how, char ret_text[static REFRESH_TEXT + 1], struct refresh **ret);
/* The family the text names, or NULL; *ret_current: it shows the present secret. */
struct refresh *refresh_find(const struct core *c, span text, bool *ret_current);
/* The next secret; the old one is used. */
status refresh_rotate(struct core *c, struct refresh *f, span old, char ret_text[static REFRESH_TEXT + 1]);
void refresh_over(struct core *c, struct refresh *f);
/* Families of tasks that are over go when the tasks go. */
void refreshes_forget(struct core *c, uint64_t task);
void refresh_encode(const struct refresh *f, struct buf *b);
status refresh_restore(struct core *c, span key, span value);

#endif
