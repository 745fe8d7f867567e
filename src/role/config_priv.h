/* The table of settings, shared by config.c and config_file.c. */
#ifndef AMBIT_ROLE_CONFIG_PRIV_H
#define AMBIT_ROLE_CONFIG_PRIV_H

#include "role/config.h"

#include <assert.h>
#include <stdio.h>

enum setting_kind { SET_TEXT, SET_PATH, SET_NAME, SET_CHOICE, SET_INT, SET_MODE, SET_LIST };

struct setting {
	const char *key;
	enum setting_kind kind;
	size_t at;              /* in struct config: span, int64_t or struct config_list by kind */
	const char *standard;   /* value by default */
	const char *dev;        /* the same in `ambitd dev`; NULL: made at start */
	int64_t min, max;
	const char *what;
	const char *choices;
};

const struct setting *config_settings(size_t *ret_n);
void config_say(struct config_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
