/* config: the server's settings, from four places: flag over environment over file over default. One table (config.c) gives
 * name, kind, limits, default and meaning; nothing else knows a setting's name. */
#ifndef AMBIT_ROLE_CONFIG_H
#define AMBIT_ROLE_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"

enum { CONFIG_LIST_MAX = 32 };

struct config_list {
	span items[CONFIG_LIST_MAX];
	size_t n;
};

struct config {
	struct arena arena;
	span node;
	span data, run;                 /* absolute paths without trailing slash */
	span log_level;
	span api_address;
	int64_t api_port;
	span api_url;                   /* empty: made of address and port */
	struct config_list api_names;   /* further names and addresses of the API, for its certificate and Host check */
	int64_t people_port;            /* of the pages where people log in; -1: there are none */
	int64_t api_edges;              /* 0: by the number of processors */
	span placement;                 /* auto, together or free */
	int64_t agent_socket_mode;      /* permission bits */
	int64_t people_socket_mode;
	struct config_list admin_uids;  /* users of the first start */
	span store_backend;
	int64_t store_reserve;
	int64_t uid_base;               /* role n runs as uid_base + n where started as root; 0: not set */
	int64_t tools_uid;              /* whom stdio servers run as; -1: the caller */
	int64_t hold_ms;
	span key_file;                  /* key-encryption key; empty: systemd credential, or the data directory in dev */
	bool dev;
	const char *origins[32];        /* by place in the table: "default", "ambitd.yaml:12", "--port" */
};

/* What was wrong, for a person: "ambitd.yaml:12:3: unknown key `api.prot`; did you mean `api.port`?". */
struct config_error {
	char text[512];
};

/* The defaults; `dev`: those of `ambitd dev`, where `home` is the caller's home directory. */
status config_init(struct config *c, bool dev, const char *home);
void config_fini(struct config *c);

/* Sets one value by its dotted name. E_BAD_CONFIG with the reason. `origin` is copied. */
status config_set(struct config *c, span key, span value, const char *origin, struct config_error *reterr);
/* Reads a YAML file, then conf.d/ beside it (names ending in .yaml, in byte order). E_BAD_CONFIG with file, line and column;
 * E_NOT_FOUND, E_IO. */
status config_load(struct config *c, const char *path, struct config_error *reterr);
/* AMBIT_LOG. */
status config_env(struct config *c, struct config_error *reterr);
/* What only shows between settings: E_BAD_CONFIG. */
status config_check(struct config *c, struct config_error *reterr);
/* The file holding the key-encryption key, borrowed from `c`: the setting, else the systemd credential `ambit-key`, else NULL
 * (in `ambitd dev` the signer keeps one of its own). */
const char *config_key_file(struct config *c);
/* The folder in which root credentials of upstreams are looked up by name, borrowed from `c`: systemd's (CREDENTIALS_DIRECTORY), else
 * `credentials` in the data directory. */
const char *config_credentials_dir(struct config *c);
enum log_level config_log_level(const struct config *c);
/* Every setting as YAML, one a line; with `origin` a comment says where each came from. */
void config_show(const struct config *c, bool origin, struct buf *out);

#endif
