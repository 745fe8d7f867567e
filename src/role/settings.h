/* settings: each role's CONFIG message, made from the configuration. A role is told what it needs and nothing else. */
#ifndef AMBIT_ROLE_SETTINGS_H
#define AMBIT_ROLE_SETTINGS_H

#include "msg/msg.h"
#include "role/config.h"

/* Where a role writes below the data directory ("store"), or NULL. */
const char *settings_dir(enum role id);
/* Appends the JSON object. `dir`: its own directory as the role will see it, or NULL; `port`: of the API as it is bound;
 * `uid`: the caller's, the first person of `ambitd dev`. The roles' own files say which members they read. */
void settings_make(const struct config *c, enum role id, const char *dir, uint16_t port, uint32_t uid, struct buf *out);
/* Appends the API's base URL. */
void settings_url(const struct config *c, uint16_t port, struct buf *out);

#endif
