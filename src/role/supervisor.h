/* supervisor: starts the roles, gives each its world one descriptor at a time, restarts what dies, and does nothing else.
 *
 *   down ── spawn ──▶ starting ── READY ──▶ up ── exit ──▶ waiting (backoff, at most 3 s) ──▶ starting
 *                         └──────── exit ─────────────────────▲
 *   stop: edges ─▶ attest, tools, core ─▶ store, signer; whoever does not end in time is killed
 *
 * A role that sends what it may not is killed on the word of one that is trusted at least as much. The store's death is core's
 * death too: core refolds from what is durable. */
#ifndef AMBIT_ROLE_SUPERVISOR_H
#define AMBIT_ROLE_SUPERVISOR_H

#include "role/config.h"
#include "role/settings.h"

struct supervisor;

struct supervisor_hooks {
	/* Every role is up for the first time. */
	void (*ready)(void *ready_ctx, const struct config *c, struct settings_ports ports);
	/* SIGHUP: a new configuration, to be freed by the supervisor, or an error that is logged. */
	status (*reload)(void *ctx, struct config *ret, struct config_error *reterr);
	void *ctx, *ready_ctx;
};

/* Directories, listeners, roles, until SIGTERM or SIGINT. Takes own_config (also on failure). Returns the process's exit code; errors are
 * logged, and those of the configuration also given. */
int supervisor_run(struct config *own_config, const struct supervisor_hooks *hooks);

#endif
