/* dev: `ambitd dev`: the banner, and the context that lets `ambit` find this server. */
#ifndef AMBIT_ROLE_DEV_H
#define AMBIT_ROLE_DEV_H

#include "role/config.h"
#include "role/settings.h"

#include <time.h>

struct dev {
	const char *home;
	struct timespec started;
};

/* supervisor_hooks.ready: copies the CA certificate, saves the context, prints the banner. */
void dev_ready(void *dev, const struct config *c, struct settings_ports ports);
/* Removes the data directory's content, after the caller said so: `ambitd dev --reset`. Refuses a folder that is not of `ambitd dev`. E_BAD_CONFIG,
 * E_IO. */
status dev_reset(const struct config *c, struct config_error *reterr);

#endif
