/* settings: each role's CONFIG message, made from the configuration. A role is told what it needs and nothing else. */
#ifndef AMBIT_ROLE_SETTINGS_H
#define AMBIT_ROLE_SETTINGS_H

#include "msg/msg.h"
#include "role/config.h"

struct settings_ports {
	uint16_t api, people;           /* as they are bound; people 0: there are no pages */
};

/* Where a role writes below the data directory ("store"), or NULL. */
const char *settings_dir(enum role id);
/* Appends the JSON object. `dir`: its own directory as the role will see it, or NULL; `port`, `people`: of the API and the pages as they
 * are bound (0: no pages); `uid`: the caller's, the first person of `ambitd dev`. The roles' own files say which members they read. */
void settings_make(const struct config *c, enum role id, const char *dir, struct settings_ports ports, uint32_t uid, struct buf *out);
/* Appends the origin of the pages; nothing when there are none. */
void settings_people_url(const struct config *c, uint16_t port, struct buf *out);
/* Appends the API's base URL. */
void settings_url(const struct config *c, uint16_t port, struct buf *out);

#endif
